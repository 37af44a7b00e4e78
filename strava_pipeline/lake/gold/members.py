"""Which activity an id stands for now: a decision names an activity by its id at that time."""

from collections.abc import Iterable

from strava_pipeline.lake.gold.warehouse import Connection


def activities_of(connection: Connection, ids: Iterable[int]) -> dict[int, int]:
    """The activity that each of the ids is now: the one that it was matched with since, or else itself."""
    asked = [*ids]
    query = "SELECT id, activity_id FROM activity_members WHERE list_contains($ids, id)"
    return dict(zip(asked, asked, strict=True)) | dict(connection.execute(query, {"ids": asked}).fetchall())
