"""The content of an activity file: recordings with track, laps and lengths, or why it isn't an activity.

Numbers are in SI units. They are what the file's own measurements agree on (docs/adr/0112): the bytes stay as received,
and anything odd, left out or preferred is flagged or counted. A `Reading` is the same without the track, kept as JSON
next to the file so that no file is decoded twice. Which activity a recording belongs to is decided in objects.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import polars as pl
from pydantic import BaseModel

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.text import counted
from strava_pipeline.core.track_cleaning import BELIEVABLE
from strava_pipeline.core.track_lines import held_mean


class Format(StrEnum):
    """The format of a file, by its content, whatever its name."""

    FIT = "fit"
    GPX = "gpx"
    TCX = "tcx"
    KML = "kml"


class Flag(StrEnum):
    """An oddity of a recording or its file, which is kept nevertheless."""

    TRUNCATED = "truncated"  # the file ends in the middle
    BAD_CHECKSUM = "bad_checksum"  # its checksum doesn't match
    DAMAGED = "damaged"  # a part could not be read
    OVER_LIMIT = "over_limit"  # more points or messages than are read
    NO_TIMES = "no_times"  # points without a time
    UNORDERED_TIMES = "unordered_times"  # time goes back between neighbours
    CLOCK_LEAP = "clock_leap"  # neighbours more than a day apart, forwards or backwards
    WRONG_CLOCK = "wrong_clock"  # before 1990 or after the file was received
    RELATIVE_CLOCK = "relative_clock"  # seconds since the device was switched on, no date
    STALE_START = "stale_start"  # points of another day before the rest, which are left out
    CLOCK_SET = "clock_set"  # once, before the first position: earlier times are told by the clock that was set
    FASTER_THAN_SPORT = "faster_than_sport"  # most of the way: by train or aeroplane


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
"""The columns of a track: a row per point in the file's order; null where the file has no value."""


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
    # by column of TRACK what measured it: "Garmin HRM-Pro", or wrist, strap, meter, sensor; never a serial number
    sensors: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None  # UTC
    utc_offset_s: float | None = None  # local minus UTC, if the file has it
    elapsed_s: float | None = None
    moving_s: float | None = None  # the device's timer
    distance_m: float | None = None
    ascent_m: float | None = None
    descent_m: float | None = None
    calories: float | None = None  # kcal
    # other values of the session, by names as in TRACK: max_heartrate …
    summary: Mapping[str, Any] = field(default_factory=dict)
    laps: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    lengths: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    track: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TRACK), repr=False)
    left_out: Mapping[str, int] = field(default_factory=dict)  # by column: how many entries of the file aren't values
    flags: frozenset[Flag] = frozenset()

    def __post_init__(self) -> None:
        if self.track.schema != TRACK:
            raise ValueError("a track has the columns of TRACK")


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """The content of a file. `kind`: activity, course, route, workout, settings …

    `problem`: why nothing or only a part was read; `unknown`: fields without a column, with their counts. `limited`:
    the limits that stopped the reading, by their names in `ImportLimits`, with their values. `left_out`: content that
    certainly isn't a recording, by kind (route, course), with its count.
    """

    format: Format | None
    kind: str
    recordings: tuple[Recording, ...] = ()
    problem: str | None = None
    unknown: Mapping[str, int] = field(default_factory=dict)
    limited: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


VERSION = 6  # of the reading; raising it makes the next run read every file again


class ClockBy(StrEnum):
    """The source of the clock for the local start."""

    PLACE = "place"  # the zone of the first position
    FILE = "file"  # the offset that the device or program wrote


@dataclass(frozen=True, slots=True)
class Clock:
    """The athlete's clock when a recording began: IANA's zone, local minus UTC in seconds, and the source of that knowledge."""

    timezone: str | None = None
    utc_offset_s: float | None = None
    by: ClockBy | None = None


class RecordingSummary(BaseModel, frozen=True):
    """A `Recording` without its track, and its `Clock`. `track`: `track_facts` of its points.

    `device_utc_offset_s`: the offset in the file, if it is not believed.
    """

    place: int
    sport: str | None = None
    sub_sport: str | None = None
    name: str | None = None
    description: str | None = None
    creator: str | None = None
    sensors: dict[str, str] = {}
    started_at: datetime | None = None
    utc_offset_s: float | None = None
    timezone: str | None = None
    timezone_by: ClockBy | None = None
    device_utc_offset_s: float | None = None
    elapsed_s: float | None = None
    moving_s: float | None = None
    distance_m: float | None = None
    ascent_m: float | None = None
    descent_m: float | None = None
    calories: float | None = None
    summary: dict[str, Any] = {}
    laps: list[dict[str, Any]] = []
    lengths: list[dict[str, Any]] = []
    left_out: dict[str, int] | None = None
    flags: list[str] = []
    points: int = 0
    track: dict[str, Any] = {}


_PLANNED = "It is a planned route, and no recording."
NOT_RECORDED = {
    "route": "It is a route: its points have no times. If it was recorded, export it once more with times: as FIT, TCX or GPX.",
    "waypoints": "It holds waypoints, and no recording.",
    "course": "It is a course to follow, and no recording.",
    "workout": "It is a planned workout, and no recording.",
}
PLANS = frozenset({_PLANNED, NOT_RECORDED["course"]})
"""Why a file has no activity, although nothing is missing."""


class Reading(BaseModel, frozen=True):
    """What was read from a file. `content` is the hash of its unpacked bytes, the same for a file and its .gz.

    `limited`: as in DecodedFile. A file is read again when a person raises one of these limits.
    """

    content: str
    format: str | None
    kind: str
    problem: str | None = None
    unknown: dict[str, int] = {}
    limited: dict[str, int] = {}
    left_out: dict[str, int] = {}
    recordings: list[RecordingSummary] = []

    @property
    def flags(self) -> list[str]:
        """The flags of all recordings."""
        return sorted({flag for recording in self.recordings for flag in recording.flags})

    @property
    def remark(self) -> str | None:
        """What to report after reading: the problem, or the plans that were left out."""
        if self.problem is None and self.left_out and self.recordings:
            return f"Left out: {', '.join(counted(count, f'planned {kind}') for kind, count in self.left_out.items())}."
        return self.problem or (self.why_no_activity if self.left_out else None)

    @property
    def why_no_activity(self) -> str | None:
        """Why it has no activity, as a sentence; None if it has one."""
        if self.recordings:
            return None
        told = _PLANNED if self.left_out and self.kind == "route" else NOT_RECORDED.get(self.kind)
        return self.problem or told or f"It is a device's file of the kind {self.kind}, and no recording."

    def is_all_within(self, limits: ImportLimits) -> bool:
        """Whether reading the file again with these limits would give nothing more."""
        return all(getattr(limits, name) <= value for name, value in self.limited.items())


def reading_of(read: DecodedFile, content: str, clocks: Sequence[Clock]) -> Reading:
    """The record of a decoded file; `clocks`: of each recording."""
    recordings = [_recording(each, clock) for each, clock in zip(read.recordings, clocks, strict=True)]
    return Reading(content=content, recordings=recordings, left_out=dict(read.left_out), **_as_it_is(read, Reading))


def _recording(recording: Recording, clock: Clock) -> RecordingSummary:
    own = recording.utc_offset_s
    return RecordingSummary(
        **_as_it_is(recording, RecordingSummary),
        utc_offset_s=clock.utc_offset_s,
        timezone=clock.timezone,
        timezone_by=clock.by,
        device_utc_offset_s=own if own != clock.utc_offset_s else None,
        summary=believed(recording.summary, recording.track),
        laps=[_plain(believed(lap, recording.track)) for lap in recording.laps],
        lengths=[_plain(length) for length in recording.lengths],
        left_out=dict(recording.left_out) or None,
        flags=sorted(recording.flags),
        points=recording.track.height,
        track=track_facts(recording.track),
    )


# have a form of their own
_MADE = {"recordings", "utc_offset_s", "summary", "laps", "lengths", "left_out", "flags", "track"}


def _as_it_is(read: DecodedFile | Recording, kept: type[BaseModel]) -> dict[str, Any]:
    """The values of fields that both records have."""
    return {name: getattr(read, name) for name in kept.model_fields if name not in _MADE and hasattr(read, name)}


_OF_SENSORS = {
    "heartrate": ("avg_heartrate", "max_heartrate", "min_heartrate"),
    "cadence": ("avg_cadence", "max_cadence"),
    "watts": ("avg_watts", "max_watts", "normalized_watts"),
    "speed": ("avg_speed", "max_speed"),
}


def believed(fields: Mapping[str, Any], track: pl.DataFrame) -> dict[str, Any]:
    """A device's totals of a session or a lap, without numbers of a sensor that recorded nothing, such as a mean of 0."""
    silent = set()
    for column, names in _OF_SENSORS.items():
        (low, high), is_recorded = BELIEVABLE[column], track[column].count() > 0
        silent |= {name for name in names if (value := fields.get(name)) is not None and not low <= value <= high}
        silent |= {name for name in names if fields.get(name) == 0 and not is_recorded}
    return {name: value for name, value in fields.items() if name not in silent}


def track_facts(track: pl.DataFrame) -> dict[str, Any]:
    """Start, end, extremes and means of a track's points, by SummaryActivity's names; without values that no point has."""
    placed = track.select("latitude", "longitude").drop_nulls()
    facts: dict[str, Any] = {}
    if not placed.is_empty():
        facts |= {"start_latlng": list(placed.row(0)), "end_latlng": list(placed.row(-1))}
    extremes = track.select(
        pl.col("altitude").max().alias("elev_high"),
        pl.col("altitude").min().alias("elev_low"),
        pl.col("speed").max().alias("max_speed"),
        pl.col("heartrate").max().alias("max_heartrate"),
        pl.col("watts").max().alias("max_watts"),
    ).row(0, named=True)
    timed = track.rename({"at": "recorded_at"})
    means = {name: held_mean(timed, column) for name, column in _MEANS.items()}
    return facts | {name: round(value, 3) for name, value in (extremes | means).items() if value is not None}


_MEANS = {
    "average_heartrate": "heartrate",
    "average_cadence": "cadence",
    "average_watts": "watts",
    "average_temp": "temperature",
}


def _plain(piece: Any) -> dict[str, Any]:
    """A lap or a length with its moment as text, for JSON."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in piece.items()}
