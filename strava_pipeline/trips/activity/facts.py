"""The line of activity trips in `status`. Nothing without TRIPS_SOURCE."""

from collections.abc import Iterator
from datetime import datetime

from strava_pipeline.core.facts import Fact, Measure, ok
from strava_pipeline.core.text import counted, counts_that_matter
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

TRIPS = Measure("activity_trips", "gauge", "Encrypted activity trips by verdict", ("verdict",))


def _facts(settings: Settings, now: datetime) -> Iterator[Fact]:
    if settings.trips_source is None:
        return
    with current_snapshot(Lake(settings.data_dir)) as connection:
        rows = connection.execute(sql("sql/trip_verdicts", __package__ or "")).fetchall()
    counts = {verdict: trips for verdict, trips, _ in rows}
    words = counts_that_matter({verdict.replace("_", " "): trips for verdict, trips in counts.items()})
    text = ": ".join(filter(None, [counted(sum(counts.values()), "trip"), words]))
    yield ok("activity trips", text, values={"verdicts": [TRIPS(trips, verdict) for verdict, trips in counts.items()]})


GROUPS = {"activity trips": _facts}
