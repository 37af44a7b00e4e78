"""Lists of activities in other services' exports: which service wrote one, and how its rows read. Pure.

A module for each service; nothing outside names one. Ids of services that this program can ask become links in the rows.
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
    """What reads a CSV with these titles; None where no service that is known here writes it."""
    return next((read for is_its, read in _CSVS if is_its(titles)), None)


def json_reader(value: Any) -> Callable[[Any], ServiceRows] | None:
    """What reads a list in JSON; None where no service that is known here writes it."""
    return next((read for is_its, read in _JSONS if is_its(value)), None)
