"""Publishing N activities of eighteen years after some of them were deleted for good, beside a publish after one was renamed.

Half of the activities have splits, all have a name and a summary polyline of usual length. Stages have the shape of product.py's.
"""

from pathlib import Path

from benchmarks import insights
from benchmarks.place import Place
from benchmarks.product import Work

STAGES = {"anew": "published without what expired"}
_TEXTS = """
UPDATE activities_all SET
    name = 'A name of ' || id,
    summary_polyline = (SELECT string_agg(chr(63 + (hash(activities_all.id, n) % 63)::INT), '') FROM range(300) AS r(n))
"""  # 300 characters, as a polyline of Strava's has in the middle


def prepare(folder: Path, count: int) -> None:
    """Write the rows of activities_all and the splits to two Parquet files."""
    insights.prepare(folder, count)


def floor(place: Place) -> Work:
    """Publish after one activity got another name."""
    return _publish(place, "UPDATE activities_all SET name = name || '!' WHERE id = 7", for_good=False)


def anew(place: Place) -> Work:
    """Publish after the newest activities left for good."""
    return _publish(place, "DELETE FROM activities_all WHERE id <= 50", for_good=True)


def _publish(place: Place, statement: str, *, for_good: bool) -> Work:
    from strava_pipeline.lake.gold.notes import mark_changed
    from strava_pipeline.lake.gold.publish import publish
    from strava_pipeline.lake.gold.warehouse import writing
    from strava_pipeline.lake.gold.written_anew import note_deletion_for_good

    if not place.lake.snapshot.exists():
        insights.fill(place)
        with writing(place.lake) as connection:
            connection.execute(_TEXTS)
        publish(place.lake)
    with writing(place.lake) as connection:
        connection.execute(statement)
        mark_changed(connection)
        if for_good:
            note_deletion_for_good(place.lake)

    def work() -> int:
        publish(place.lake)
        return 0

    return work
