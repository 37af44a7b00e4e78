"""What one activity file holds: recordings with their track, laps and lengths, or the word that it is no activity.

Numbers are in SI units and as the file has them: nothing is corrected, what is odd is flagged. Which activity of the
warehouse a recording belongs to is decided elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import polars as pl


class Format(StrEnum):
    """What a file is, by its content, whatever its name says."""

    FIT = "fit"
    GPX = "gpx"
    TCX = "tcx"


class Flag(StrEnum):
    """What is odd about a recording or its file. It is kept all the same."""

    TRUNCATED = "truncated"  # the file ends in the middle
    BAD_CHECKSUM = "bad_checksum"  # its checksum doesn't match
    DAMAGED = "damaged"  # a part could not be read
    OVER_LIMIT = "over_limit"  # more points or messages than are read
    NO_TIMES = "no_times"  # points without a time
    UNORDERED_TIMES = "unordered_times"  # time goes back between neighbours
    CLOCK_LEAP = "clock_leap"  # neighbours more than a day apart, forwards or backwards
    WRONG_CLOCK = "wrong_clock"  # before 1990 or after the file was received
    RELATIVE_CLOCK = "relative_clock"  # seconds since the device was switched on, no date


TRACK: Mapping[str, pl.DataType] = {
    "at": pl.Datetime("us", "UTC"),
    "latitude": pl.Float64(),  # degrees, WGS 84
    "longitude": pl.Float64(),
    "altitude": pl.Float64(),  # m
    "distance": pl.Float64(),  # m since the start
    "speed": pl.Float64(),  # m/s
    "heartrate": pl.Float64(),  # bpm
    "cadence": pl.Float64(),  # rpm, or steps of one leg per minute
    "watts": pl.Float64(),  # W
    "temperature": pl.Float64(),  # °C
}
"""A row per point in the file's order; null where the file doesn't tell."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One activity of a file. `place` is its number in the file, from 0 (several where sports were changed, or files chained)."""

    format: Format
    place: int = 0
    sport: str | None = None  # as the file names it
    sub_sport: str | None = None
    name: str | None = None
    description: str | None = None
    creator: str | None = None  # program or device model; never a serial number
    started_at: datetime | None = None  # UTC
    utc_offset_s: float | None = None  # local minus UTC, where the file tells
    elapsed_s: float | None = None
    moving_s: float | None = None  # the device's timer
    distance_m: float | None = None
    ascent_m: float | None = None
    descent_m: float | None = None
    calories: float | None = None  # kcal
    summary: Mapping[str, Any] = field(
        default_factory=dict
    )  # what else the session tells, by names as in TRACK: max_heartrate …
    laps: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    lengths: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    track: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TRACK), repr=False)
    flags: frozenset[Flag] = frozenset()

    def __post_init__(self) -> None:
        if self.track.schema != TRACK:
            raise ValueError("a track has the columns of TRACK")


@dataclass(frozen=True, slots=True)
class FileRead:
    """What reading a file came to. `kind`: activity, course, route, workout, settings …

    `problem`: why nothing or not all was read; `unknown`: fields that no column holds, and how often they occur.
    `limited`: the limits that kept the rest from being read, as `ImportLimits` names them, with their values.
    """

    format: Format | None
    kind: str
    recordings: tuple[Recording, ...] = ()
    problem: str | None = None
    unknown: Mapping[str, int] = field(default_factory=dict)
    limited: Mapping[str, int] = field(default_factory=dict)
