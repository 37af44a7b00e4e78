"""What is known of the athlete's devices, and the two recordings of an activity side by side; from the published warehouse."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.pairs.agreement import LIMITS
from strava_pipeline.core.pairs.report import TITLES, Devices, devices_of, is_program
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.recording_pairs import turned
from strava_pipeline.lake.made.tracks import points_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lookups.activities import FoundActivity
from strava_pipeline.lookups.rows import Values, rows_of
from strava_pipeline.lookups.track_points import TrackPoints, thinned


def devices(connection: Connection, units: Units = "km") -> Devices:
    """The report of the athlete's devices, in words of these units."""
    met = rows_of(connection, "device_pairs", {"limits": LIMITS}, owner=sql("owner"))
    named = [{**row, "is_program": is_program(row["device_name"])} for row in rows_of(connection, "devices", {})]
    return devices_of(named, met, units)


def recordings_of(connection: Connection, activity_id: int) -> Sequence[Values]:
    """How the recordings of an activity agree: the rows of `recording_pairs`, where each two stand in one order, with limits."""
    first_of: dict[frozenset[int], int] = {}
    found = []
    for row in rows_of(connection, "pairs_of_activity", {"id": activity_id}):
        first = first_of.setdefault(frozenset((row["first_id"], row["second_id"])), row["first_id"])
        shown = row if row["first_id"] == first else turned(row)
        mean, wide = shown["mean_difference"], LIMITS * (shown["spread"] or 0.0)
        found.append({**shown, "low_limit": mean - wide, "high_limit": mean + wide})
    return sorted(found, key=lambda row: (row["first_id"], row["second_id"], [*TITLES].index(row["quantity"])))


def pairs_of(connection: Connection, activity_id: int) -> list[Values]:
    """Each two recordings of an activity once: the first of their rows."""
    found: dict[tuple[int, int], Values] = {}
    for row in recordings_of(connection, activity_id):
        found.setdefault((row["first_id"], row["second_id"]), row)
    return [*found.values()]


def recording_track(
    connection: Connection, lake: Lake, found: FoundActivity, first_id: int, second_id: int, side: str
) -> TrackPoints | None:
    """One of two recordings of an activity, thinned for a screen; None if they were not compared, or can't be read.

    By the first one's clock, from the moment on at which both had begun, and until one ended.

    Args:
        side: first or second.
    """
    pairs = {(row["first_id"], row["second_id"]): row for row in pairs_of(connection, found.id)}
    if (pair := pairs.get((first_id, second_id))) is None:
        return None
    first, second = (
        points_of(lake, pair[f"{each}_points"], pair[f"{each}_id"], pair[f"{each}_start"])
        for each in ("first", "second")
    )
    if first is None or second is None:
        return None
    at = pl.col("recorded_at")
    second = second.with_columns(at - timedelta(seconds=pair["shift_seconds"]))
    begins, ends = (
        max(each["recorded_at"].min() for each in (first, second)),  # type: ignore[type-var]
        min(each["recorded_at"].max() for each in (first, second)),  # type: ignore[type-var]
    )
    shown = second if side == "second" else first
    zero = pl.DataFrame({"recorded_at": [begins]}, schema={"recorded_at": shown.schema["recorded_at"]})
    within = pl.concat([zero, shown.filter(at.is_between(begins, ends)).sort(at)], how="diagonal")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "points.parquet"
        within.with_columns(part=pl.lit(0), point=pl.int_range(pl.len())).write_parquet(path)
        return thinned(connection, path)
