"""The heart rate of the device that a rule prefers, where another one recorded the track."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from strava_pipeline.core.track_lines import HOLDS
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.recording_pairs import held_pairs, points_of, turned
from strava_pipeline.lake.tracks import is_from_file, origins_in


class PreferredHeart(NamedTuple):
    """The recording whose heart rate counts, and by how much its clock is ahead of the track's."""

    id: int
    points: str | None
    start: datetime | None
    ahead_seconds: int


def compared_hearts(lake: Lake, years: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """The rows of `pair_agreements` with heart rates, by activity."""
    found: dict[int, list[dict[str, Any]]] = {}
    for year in years:
        for row in held_pairs(lake, year).filter(pl.col("quantity") == "heartrate").iter_rows(named=True):
            found.setdefault(row["activity_id"], []).append(row)
    return found


def preferred_heart(
    connection: Connection, whole: Path, rows: Iterable[Mapping[str, Any]], device: str
) -> PreferredHeart | None:
    """The recording by `device` beside that of the track `whole`; None: the track's is by it, or no other one is.

    Args:
        rows: of `compared_hearts`.
        device: a name that they have.
    """
    origin = origins_in([whole]).get(int(whole.stem), "")
    own = origin.rpartition(":")[2] if is_from_file(origin) else None
    for row in rows:
        for pair in (row, turned(row)):
            if pair["first_points"] == own and pair["second_by"] == device:
                query = "SELECT start_date AT TIME ZONE 'UTC' FROM activities_all WHERE id = $id"
                ((start,),) = connection.execute(query, {"id": pair["second_id"]}).fetchall() or [(None,)]
                return PreferredHeart(pair["second_id"], pair["second_points"], start, pair["shift_seconds"])
    return None


def with_heart(lake: Lake, points: pl.DataFrame, heart: PreferredHeart) -> pl.DataFrame:
    """The points of a track with the heart rate that the other recording has nearest in time; none where it has a gap."""
    other = points_of(lake, heart.points, heart.id, heart.start)
    if other is None:
        return points
    at = pl.col("recorded_at")
    beats = other.select(at - timedelta(seconds=heart.ahead_seconds), led="heartrate").drop_nulls().sort("recorded_at")
    timed = points.with_row_index("row").filter(at.is_not_null()).sort("recorded_at")
    near = timed.join_asof(beats, on="recorded_at", strategy="nearest", tolerance=timedelta(seconds=HOLDS / 2))
    led = points.with_row_index("row").join(near.select("row", "led"), on="row", how="left", maintain_order="left")
    return led.with_columns(heartrate=pl.col("led")).select(points.columns)
