"""Lists of activities in other services' exports: recognising the service, and reading the rows. Pure.

A module for each service; nothing outside names one. Ids of services that this program can ask become links in the
rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

from strava_pipeline.ingest.archive.exports import apple_health, garmin, intervals_icu, runkeeper
from strava_pipeline.ingest.archive.exports.rows import ServiceRows

_CSVS = (
    (runkeeper.is_runkeeper, runkeeper.read_runkeeper),
    (intervals_icu.is_intervals, intervals_icu.read_intervals),
)
_JSONS = (
    (garmin.is_garmin, garmin.read_garmin),
    (apple_health.is_apple_health, apple_health.read_apple_health),
)


def csv_reader(titles: Sequence[str]) -> Callable[[bytes], ServiceRows] | None:
    """A reader of a CSV with these titles, or None if no known service writes it."""
    return next((read for is_its, read in _CSVS if is_its(titles)), None)


def json_reader(value: Any) -> Callable[[Any], ServiceRows] | None:
    """A reader of a list in JSON, or None if no known service writes it."""
    return next((read for is_its, read in _JSONS if is_its(value)), None)
