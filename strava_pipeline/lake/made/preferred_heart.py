"""The heart rate of the device that a rule prefers, where another one recorded the track."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import polars as pl

from strava_pipeline.core.tables.pairs import PAIR_AGREEMENTS
from strava_pipeline.core.track_lines import HOLDS
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.made_files import made_from
from strava_pipeline.lake.made.recording_pairs import held_pairs, turned
from strava_pipeline.lake.made.tracks import is_from_file, points_of, strava_id_of
from strava_pipeline.lake.paths import Lake


class PreferredHeart(NamedTuple):
    """The recording whose heart rate counts, and by how much its clock is ahead of the track's.

    `made_from`: a digest of everything that the recordings are made from.
    """

    id: int
    points: str | None
    ahead_seconds: int
    made_from: str | None


def compared_hearts(lake: Lake, years: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """The rows of `pair_agreements` with heart rates, by activity, with `made_from`."""
    found: dict[int, list[dict[str, Any]]] = {}
    for year in years:
        digests = made_from(lake, year, [PAIR_AGREEMENTS]) or {}
        for row in held_pairs(lake, year).filter(pl.col("quantity") == "heartrate").iter_rows(named=True):
            one = row["activity_id"]
            found.setdefault(one, []).append(row | {"made_from": digests.get(one)})
    return found


def preferred_heart(
    activity_id: int, origin: str, rows: Iterable[Mapping[str, Any]], device: str, moved: int | None = None
) -> PreferredHeart | None:
    """The recording by `device` beside that of an activity's track; None: the track's is by it, or no other one is.

    Nor is one with a heart rate in less than half of the time that the activity moved.

    Args:
        origin: of the track.
        rows: of `compared_hearts`.
        device: a name that they have, in any case.
        moved: how long the activity moved (s).
    """
    own = origin.rpartition(":")[2] if is_from_file(origin) else strava_id_of(origin, activity_id)
    for row in rows:
        for pair in (row, turned(row)):
            is_own = own == (pair["first_points"] or pair["first_id"])
            has_most = 2 * pair["overlap_seconds"] * (1 - pair["second_dropouts"]) >= (moved or 1)
            if is_own and has_most and pair["second_by"].casefold() == device.strip().casefold():
                return PreferredHeart(
                    pair["second_id"], pair["second_points"], pair["shift_seconds"], pair["made_from"]
                )
    return None


def with_heart(lake: Lake, connection: Connection, points: pl.DataFrame, heart: PreferredHeart) -> pl.DataFrame:
    """The points of a track with the heart rate that the other recording has nearest in time; none where it has a gap."""
    query = "SELECT start_date AT TIME ZONE 'UTC' FROM activities_all WHERE id = $id"
    ((start,),) = connection.execute(query, {"id": heart.id}).fetchall() or [(None,)]
    other = points_of(lake, heart.points, heart.id, start)
    if other is None:
        return points
    at = pl.col("recorded_at")
    beats = other.select(at - timedelta(seconds=heart.ahead_seconds), led="heartrate").drop_nulls().sort("recorded_at")
    timed = points.with_row_index("row").filter(at.is_not_null()).sort("recorded_at")
    near = timed.join_asof(beats, on="recorded_at", strategy="nearest", tolerance=timedelta(seconds=HOLDS / 2))
    led = points.with_row_index("row").join(near.select("row", "led"), on="row", how="left", maintain_order="left")
    return led.with_columns(heartrate="led").select(points.columns)
