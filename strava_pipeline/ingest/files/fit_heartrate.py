"""Heart rates that a chest strap kept by itself, as under water, and gave to the watch afterwards: FIT's `hr` messages.

A first message ties the strap's clock to the watch's; the following ones have beats at times of 12 bits, in 1024ths of a
second, which go round every four seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

TICKS = 1024  # per second
ROUND = 1 << 12
SILENCE = 5_000_000  # µs; further back than this a heart rate says nothing about now (the SDK's own limit)


def with_heart_rates(track: pl.DataFrame, told: Sequence[Mapping[str, Any]], epoch: int) -> pl.DataFrame:
    """`track`, each of its points without a heart rate having the mean of those since the point before.

    `epoch`: FIT's, in s since 1970.
    """
    beats = pl.DataFrame(list(_beats(told)), schema={"beat": pl.Float64, "bpm": pl.Float64}, orient="row")
    if beats.is_empty() or track["at"].null_count() == track.height:
        return track
    times = ((pl.col("beat") + epoch) * 1e6).round().cast(pl.Int64)
    points = track.select(pl.col("at").to_physical().alias("at")).drop_nulls().unique().sort("at")
    means = (
        beats.select(times.alias("beat"), "bpm")
        .sort("beat")
        .join_asof(points, left_on="beat", right_on="at", strategy="forward", tolerance=SILENCE, coalesce=False)
        .group_by("at")
        .agg(pl.col("bpm").mean())
    )
    found = track.select(pl.col("at").to_physical()).join(means, on="at", how="left", maintain_order="left")["bpm"]
    return track.with_columns(pl.col("heartrate").fill_null(found))


def _beats(told: Sequence[Mapping[str, Any]]) -> Iterator[tuple[float, float]]:
    """Each heart rate with its time on the watch's clock."""
    offset: float | None = None  # the watch's clock minus the strap's, s
    ticks = 0  # the strap's clock
    for message in told:
        rates = message.get("filtered_bpm", ())
        rates = rates if isinstance(rates, tuple) else (rates,)
        packed = message.get("event_timestamp_12")
        if packed is None:
            at, event = message.get("timestamp"), message.get("event_timestamp")
            fraction = message.get("fractional_timestamp", 0.0)
            if not isinstance(at, int) or not isinstance(event, float) or not isinstance(fraction, float):
                continue
            offset, ticks = at + fraction - event, round(event * TICKS)
            moments = [ticks]
        elif offset is None or not isinstance(packed, tuple):
            continue
        else:
            moments = [ticks := _next(ticks, low) for low in _twelve_bits(packed)]
        yield from (
            (moment / TICKS + (offset or 0.0), rate) for moment, rate in zip(moments, rates, strict=False) if rate
        )


def _twelve_bits(packed: Sequence[int]) -> Iterator[int]:
    """Two numbers in each three bytes, the low bits first."""
    for place in range(0, len(packed) - 2, 3):
        low, middle, high = packed[place : place + 3]
        yield low | (middle & 0x0F) << 8
        yield middle >> 4 | high << 4


def _next(ticks: int, low: int) -> int:
    return ticks + (low - ticks) % ROUND
