"""What is known of the athlete's devices, and the two recordings of an activity side by side; from the published warehouse."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from strava_pipeline.core.pairs.agreement import LIMITS
from strava_pipeline.core.pairs.report import TITLES, Devices, devices_of
from strava_pipeline.lake.dashboard.activities import FoundActivity
from strava_pipeline.lake.dashboard.rows import Values, rows_of
from strava_pipeline.lake.dashboard.track_points import TrackPoints, thinned
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.recording_pairs import points_of, turned
from strava_pipeline.lake.sql import sql


def devices(connection: Connection) -> Devices:
    """The report of the athlete's devices."""
    met = rows_of(connection, "device_pairs", {"limits": LIMITS}, owner=sql("owner"))
    return devices_of(rows_of(connection, "devices", {}), met)


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


def recording_tracks(
    connection: Connection, lake: Lake, found: FoundActivity, first_id: int, second_id: int
) -> tuple[TrackPoints, TrackPoints] | None:
    """Two recordings of an activity by one clock, thinned for a screen; None if they were not compared, or can't be read."""
    pairs = {(row["first_id"], row["second_id"]): row for row in pairs_of(connection, found.id)}
    if (pair := pairs.get((first_id, second_id))) is None:
        return None
    read = [
        points_of(lake, pair[f"{side}_points"], pair[f"{side}_id"], pair[f"{side}_start"])
        for side in ("first", "second")
    ]
    if any(points is None for points in read):
        return None
    first, second = (points for points in read if points is not None)
    moved = second.with_columns(pl.col("recorded_at") - timedelta(seconds=pair["shift_seconds"]))
    return _thinned(connection, first, moved)


def _thinned(connection: Connection, *recordings: pl.DataFrame) -> tuple[TrackPoints, TrackPoints] | None:
    """Both from the moment on at which both had begun, and until one ended."""
    at = pl.col("recorded_at")
    begins = max(each["recorded_at"].min() for each in recordings)  # type: ignore[type-var]
    ends = min(each["recorded_at"].max() for each in recordings)  # type: ignore[type-var]
    zero = pl.DataFrame({"recorded_at": [begins]}, schema={"recorded_at": recordings[0].schema["recorded_at"]})
    found = []
    with TemporaryDirectory() as folder:
        for number, each in enumerate(recordings):
            within = pl.concat([zero, each.filter(at.is_between(begins, ends)).sort(at)], how="diagonal")
            path = Path(folder) / f"{number}.parquet"
            points = within.with_columns(part=pl.lit(0), point=pl.int_range(pl.len()))
            points.write_parquet(path)
            found.append(thinned(connection, path))
    first, second = found
    return (first, second) if first and second else None
