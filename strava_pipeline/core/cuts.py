"""Cuts: stretches of a track that a person says don't count, and the sums of what is left. Pure.

A cut is a text with two instants, as ISO 8601 writes an interval: `2024-05-01T10:00:00Z/2024-05-01T10:12:30Z`. One of the
start has no first instant, one of the end no second one. Points between them are cut; points at an instant stay.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import polars as pl

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.tables.computed import CUT_SUMMARIES
from strava_pipeline.core.track_lines import covered_line, held_mean, held_seconds, timed_values
from strava_pipeline.core.track_measures import BEATS, MOST_WATTS
from strava_pipeline.core.track_summaries import normalized_power, summary

_SESSION = 1000
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def checked_cuts(cuts: Iterable[str]) -> list[str]:
    """The cuts in UTC and in order, each once. Raises MisuseError for what is no interval, or ends before it begins."""
    found = {_instants(text) for text in cuts}
    if any(begins >= ends for begins, ends in found) or (_FIRST, _LAST) in found:
        raise MisuseError("A cut has to end after it begins, and can't be all of an activity.")
    return [f"{_text(begins)}/{_text(ends)}" for begins, ends in sorted(found)]


def _instants(text: str) -> tuple[datetime, datetime]:
    begins, _, ends = text.partition("/")
    try:
        return _instant(begins, _FIRST), _instant(ends, _LAST)
    except (ValueError, OverflowError):
        raise MisuseError("A cut is two instants: 2024-05-01T10:00:00Z/2024-05-01T10:12:30Z.") from None


def _instant(text: str, none: datetime) -> datetime:
    at = datetime.fromisoformat(text) if text else none
    if at.tzinfo is None:
        raise ValueError("without a zone")
    return at.astimezone(UTC) if text else at


def _text(at: datetime) -> str:
    return "" if at in (_FIRST, _LAST) else at.isoformat().replace("+00:00", "Z")


def clock_seconds(text: str) -> float:
    """Seconds of a time since the start, as h:mm:ss or m:ss. Raises MisuseError.

    >>> clock_seconds("1:02:05")
    3725.0
    """
    parts = text.strip().split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdecimal() and len(part) <= 4 for part in parts):
        raise MisuseError("A time is written as h:mm:ss or m:ss, such as 1:02:05.")
    return float(sum(int(part) * 60**place for place, part in enumerate(reversed(parts))))


def without(points: pl.DataFrame, cuts: Sequence[str]) -> pl.DataFrame:
    """The points that count, in order; `distance` lacks what was cut. Points without a time stay.

    Each stretch is a part of its own: its number is that of the session times 1000, and one that each cut raises.

    Args:
        points: of one activity, with the columns of `tracks`.
        cuts: from `checked_cuts`.
    """
    at = pl.col("recorded_at")
    within = [(at > begins) & (at < ends) for begins, ends in map(_instants, cuts)]
    gone, reached = pl.col("gone"), pl.col("distance").forward_fill()
    begins_anew = (reached.diff() < 0) & (pl.col("part") != pl.col("part").shift())  # the distance of a further session
    step = reached.diff().over("run").fill_null(0.0)
    is_left = ~(gone | gone.shift(fill_value=False))
    first = pl.col("distance").drop_nulls().first().over("run")
    counted = first + pl.when(is_left).then(step).otherwise(0.0).cum_sum().over("run")
    return (
        points.lazy()
        .sort("part", "point")
        .with_columns(
            gone=pl.any_horizontal(within).fill_null(value=False), run=begins_anew.fill_null(value=False).cum_sum()
        )
        .with_columns(distance=pl.when(pl.col("distance").is_not_null()).then(counted), cut=gone.rle_id())
        .filter(~gone)
        .with_columns(part=(pl.col("part") * _SESSION + pl.col("cut")).cast(pl.Int32))
        .with_columns(point=pl.int_range(pl.len(), dtype=pl.Int32).over("part"))
        .select(points.columns)
        .collect()
    )


def cut_summary(points: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """One row with the columns of `cut_summaries` that belong to an activity: sums of its stretches, as `summary` makes them.

    Args:
        points: from `without`, at least one.
        sport_group: of core/sports.py.
    """
    stretches = points.partition_by("part", maintain_order=True)
    sums = pl.concat([summary(each, sport_group) for each in stretches])
    lines = [covered_line(each) for each in stretches]
    distance = sum(line["covered"].item(-1) for line in lines if line.height > 1) or None
    lasted = points.select((pl.max("recorded_at") - pl.min("recorded_at")).dt.total_seconds()).item()
    watts = timed_values(points, "watts", 0.0, MOST_WATTS).with_columns(held=held_seconds())
    beats = timed_values(points, "heartrate", *BEATS)
    moving = sums["moving_time"].sum() or None
    placed = points.select("latitude", "longitude").drop_nulls()
    found = {
        "begins_at": points["recorded_at"].min(),
        "distance": distance,
        "moving_time": moving,
        "elapsed_time": lasted or None,
        "total_elevation_gain": sums["elevation_gain"].sum() if sums["elevation_gain"].count() else None,
        "elev_high": points["altitude"].max(),
        "elev_low": points["altitude"].min(),
        "average_speed": distance / moving if distance and moving else None,
        "max_speed": sums["max_speed"].max(),
        "average_heartrate": held_mean(points, "heartrate"),
        "max_heartrate": beats["heartrate"].max(),
        "average_cadence": held_mean(points, "cadence"),
        "average_temp": held_mean(points, "temperature"),
        "average_watts": held_mean(points, "watts"),
        "max_watts": watts["watts"].max(),
        "weighted_average_watts": normalized_power(points),
        "kilojoules": (watts["watts"] * watts["held"]).sum() / 1000 if watts.height else None,
        "start_latlng": [*placed.row(0)] if placed.height else None,
        "end_latlng": [*placed.row(-1)] if placed.height else None,
    }
    return pl.DataFrame([found], {name: CUT_SUMMARIES.polars_schema[name] for name in found})
