"""The command `bests`: the fastest times of an activity, and a person's word that it holds no best."""

from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.options import AnyId, Json

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lookups.rows import Values


def bests(
    one: AnyId,
    dismiss: Annotated[
        bool | None,
        typer.Option("--dismiss/--restore", help="Keep it out of records and of the power curve; or let it in again."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the fastest times of an activity, how each was measured, and whether they may be records.

    Where an activity is dismissed, the next one holds its place.
    """
    from strava_pipeline.core.insights.goals import clock
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.bests import decide_bests
    from strava_pipeline.verbs.views import show

    settings, advice = Settings.load(), list[str]()
    if dismiss is not None:
        key, _, _ = _bests(settings, one)
        by = f"strava-pipeline bests --{'dismiss' if dismiss else 'restore'}"
        if not decide_bests(settings, key, dismissed=dismiss, by=by):
            advice = ["Readers see it after the next run that publishes."]
    key, found, is_dismissed = _bests(settings, one)
    way = "--restore` lets it hold" if is_dismissed else "--dismiss` keeps it out of"
    answer = {"activity_id": key, "is_dismissed": is_dismissed, "bests": found}
    advice = [*advice, f"`strava-pipeline bests {key} {way} records."]
    show(answer, as_json=as_json, advice=advice, forms={"value": clock})


def _bests(settings: "Settings", one: int) -> "tuple[int, list[Values], bool]":
    """The id of the activity (not deleted), its fastest times, and whether a person dismissed it. Raises UnknownIdError."""
    from strava_pipeline.lake.gold.personal import dismissed_activities
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lookups.activities import known_activity
    from strava_pipeline.lookups.bests import bests_of

    lake = Lake(settings.data_dir)
    with insights_snapshot(lake) as connection:
        found = known_activity(connection, one)
        return found.id, bests_of(connection, found.id), found.id in dismissed_activities(connection, lake)
