"""What reading one imported file came to, without its track: kept as JSON beside the file, so that none is decoded twice.

Neutral: nothing here knows of archives or of Strava. What becomes of it is in objects.py.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from strava_pipeline.core.files.recording import FileRead, Recording
from strava_pipeline.core.size_limits import ImportLimits

VERSION = 1  # of what is read out of a file: a higher one has every file read again


class RecordingRead(BaseModel):
    """One session of a file, as `Recording`; `timezone` is IANA's, by the first position. `track`: what its points come to."""

    model_config = ConfigDict(frozen=True)

    place: int
    sport: str | None = None
    sub_sport: str | None = None
    name: str | None = None
    description: str | None = None
    creator: str | None = None
    started_at: datetime | None = None
    utc_offset_s: float | None = None
    timezone: str | None = None
    elapsed_s: float | None = None
    moving_s: float | None = None
    distance_m: float | None = None
    ascent_m: float | None = None
    descent_m: float | None = None
    calories: float | None = None
    summary: dict[str, Any] = {}
    laps: list[dict[str, Any]] = []
    lengths: list[dict[str, Any]] = []
    flags: list[str] = []
    points: int = 0
    track: dict[str, Any] = {}


class Reading(BaseModel):
    """A file. `content` is the hash of what it holds unpacked, which is the same for a file and its .gz.

    `limited`: as FileRead has it. A person who raises one of these limits wants the file to be read again.
    """

    model_config = ConfigDict(frozen=True)

    content: str
    format: str | None
    kind: str
    problem: str | None = None
    unknown: dict[str, int] = {}
    limited: dict[str, int] = {}
    recordings: list[RecordingRead] = []

    @property
    def flags(self) -> list[str]:
        """Those of all its recordings."""
        return sorted({flag for recording in self.recordings for flag in recording.flags})

    def is_all_within(self, limits: ImportLimits) -> bool:
        """Whether reading the file again under these limits would bring no more of it."""
        return all(getattr(limits, name) <= value for name, value in self.limited.items())


def reading_of(read: FileRead, content: str, zones: Sequence[tuple[str | None, float | None]]) -> Reading:
    """`zones`: of each recording, its zone's name and its offset at the start, by its place on Earth."""
    return Reading(
        content=content,
        format=read.format,
        kind=read.kind,
        problem=read.problem,
        unknown=dict(read.unknown),
        limited=dict(read.limited),
        recordings=[_recording(each, zone) for each, zone in zip(read.recordings, zones, strict=True)],
    )


def _recording(recording: Recording, zone: tuple[str | None, float | None]) -> RecordingRead:
    name, offset = zone
    return RecordingRead(
        place=recording.place,
        sport=recording.sport,
        sub_sport=recording.sub_sport,
        name=recording.name,
        description=recording.description,
        creator=recording.creator,
        started_at=recording.started_at,
        utc_offset_s=offset if recording.utc_offset_s is None else recording.utc_offset_s,
        timezone=name,
        elapsed_s=recording.elapsed_s,
        moving_s=recording.moving_s,
        distance_m=recording.distance_m,
        ascent_m=recording.ascent_m,
        descent_m=recording.descent_m,
        calories=recording.calories,
        summary=dict(recording.summary),
        laps=[_plain(lap) for lap in recording.laps],
        lengths=[_plain(length) for length in recording.lengths],
        flags=sorted(recording.flags),
        points=recording.track.height,
        track=track_facts(recording.track),
    )


def track_facts(track: pl.DataFrame) -> dict[str, Any]:
    """Start, end, extremes and means of a track's points, by SummaryActivity's names; what no point tells is left out."""
    placed = track.select("latitude", "longitude").drop_nulls()
    facts: dict[str, Any] = {}
    if not placed.is_empty():
        facts |= {"start_latlng": list(placed.row(0)), "end_latlng": list(placed.row(-1))}
    told = track.select(
        pl.col("altitude").max().alias("elev_high"),
        pl.col("altitude").min().alias("elev_low"),
        pl.col("speed").max().alias("max_speed"),
        pl.col("heartrate").mean().alias("average_heartrate"),
        pl.col("heartrate").max().alias("max_heartrate"),
        pl.col("cadence").mean().alias("average_cadence"),
        pl.col("watts").mean().alias("average_watts"),
        pl.col("watts").max().alias("max_watts"),
        pl.col("temperature").mean().alias("average_temp"),
    ).row(0, named=True)
    return facts | {name: round(value, 3) for name, value in told.items() if value is not None}


def _plain(piece: Any) -> dict[str, Any]:
    """A lap or a length, its moment as text: JSON knows no other."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in piece.items()}
