"""FIT files: what their messages mean as recordings. The bytes are cut up in `fit_parts`, decoded in `fit_messages`.

A session is a recording; the change between two sports is one too. A point, a lap, a length belongs to the last session that had
begun by its time, so that none is lost. A file that isn't an activity is named by its kind.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format, Recording
from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.files.fit_fields import creator, fields, piece
from strava_pipeline.ingest.files.fit_heartrate import with_heart_rates
from strava_pipeline.ingest.files.fit_messages import Messages, messages
from strava_pipeline.ingest.files.fit_parts import parts
from strava_pipeline.ingest.files.points import clock_flags, length, reach, span, track_of
from strava_pipeline.ingest.files.problems import limited, problem

EPOCH = 631_065_600  # 1989-12-31T00:00:00Z, FIT's own, in s since 1970
FIRST_DATE = 0x10000000  # a smaller time counts from when the device was switched on
DEGREES = 180 / 2**31  # of a semicircle
FARTHEST_ZONE = timedelta(hours=14)  # Pacific/Kiritimati


def read_fit(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Whatever `content` holds between damaged bytes; raises for none of it."""
    told = [messages(part, limits) for part in parts(content)]
    found = [_recordings(part, received_at) for part in told]
    beats = [beat for part in told for beat in part.heart_rates]
    odd = {flag for part in told for flag in part.flags}
    elsewhere = {flag for part, its in zip(told, found, strict=True) if not its for flag in part.flags}
    recordings = [
        replace(
            recording,
            place=place,
            track=with_heart_rates(recording.track, beats, EPOCH),
            flags=recording.flags | elsewhere,
        )
        for place, recording in enumerate(recording for its in found for recording in its)
    ]
    kinds = [str(part.file_id.get("type", "unknown")) for part in told]
    return DecodedFile(
        Format.FIT,
        kind="activity" if recordings else next((kind for kind in kinds if kind != "unknown"), "unknown"),
        recordings=tuple(recordings),
        problem=problem(odd, limits) if odd or set(kinds) - {"unknown"} else "Its FIT messages don't say what it is.",
        unknown=dict(sum((part.unknown for part in told), Counter())),
        limited=limited(odd, limits),
    )


def _recordings(told: Messages, received_at: datetime) -> list[Recording]:
    """The recordings of one part: one per session, one where points or laps stand without a session."""
    points = told.points.frame()
    if told.file_id.get("type", "activity") != "activity" or not (told.sessions or told.laps or points.height):
        return []
    sessions = sorted(told.sessions, key=_start) or [{}]
    starts = [_start(session) for session in sessions[1:]]
    at = points["at"].forward_fill().fill_null(0)
    owner = sum((at >= start for start in starts), start=pl.zeros(points.height, dtype=pl.Int64, eager=True))
    return [
        _recording(
            told,
            session,
            points.filter(owner == place),
            laps=[lap for lap in told.laps if bisect_right(starts, _start(lap)) == place],
            lengths=[length for length in told.lengths if bisect_right(starts, _start(length)) == place],
            received_at=received_at,
        )
        for place, session in enumerate(sessions)
    ]


def _recording(
    told: Messages,
    session: Mapping[str, Any],
    points: pl.DataFrame,
    *,
    laps: Sequence[Mapping[str, Any]],
    lengths: Sequence[Mapping[str, Any]],
    received_at: datetime,
) -> Recording:
    track = track_of(points.with_columns((pl.col("at") + EPOCH) * 1_000_000, pl.col("latitude", "longitude") * DEGREES))
    earliest, latest = points.select(pl.col("at").min(), pl.col("at").max().alias("latest")).row(0)
    relative = any(time < FIRST_DATE for time in (_start(session), earliest) if time)
    dated = latest is not None and latest >= FIRST_DATE  # a clock that got its date on the way tells it
    first, elapsed = span(track.filter(pl.Series(points["at"] >= FIRST_DATE)) if relative and dated else track)
    started_at = None if relative and not dated else _date(_start(session)) or first
    totals, summary = fields(session)
    distance = totals.get("distance_m", reach(track))
    if distance is None:
        distance = length(track, points["segment"])
        summary |= {"distance_by": "track"} if distance is not None else {}
    clock = clock_flags(track, started_at, received_at)
    return Recording(
        Format.FIT,
        sport=_word(session.get("sport")),
        sub_sport=_word(session.get("sub_sport")),
        creator=creator(told.file_id),
        started_at=started_at,
        utc_offset_s=_utc_offset(told.activity),
        elapsed_s=totals.get("elapsed_s", elapsed),
        moving_s=totals.get("moving_s"),
        distance_m=distance,
        ascent_m=totals.get("ascent_m"),
        descent_m=totals.get("descent_m"),
        calories=totals.get("calories"),
        summary=summary,
        laps=tuple(piece(lap, _date(_start(lap))) for lap in laps),
        lengths=tuple(piece(length, _date(_start(length))) for length in lengths),
        track=track,
        flags=frozenset(told.flags | (clock - {Flag.WRONG_CLOCK} | {Flag.RELATIVE_CLOCK} if relative else clock)),
    )


def _start(told: Mapping[str, Any]) -> int:
    """When a session, lap or length began, in seconds of FIT's clock; 0 where it doesn't tell."""
    start = told.get("start_time", told.get("timestamp"))
    return start if isinstance(start, int) and 0 <= start < 2**32 else 0


def _date(time: int) -> datetime | None:
    return datetime.fromtimestamp(EPOCH + time, UTC) if time >= FIRST_DATE else None


def _utc_offset(activity: Mapping[str, Any]) -> float | None:
    """Local time minus UTC, where the device knew both."""
    local, utc = activity.get("local_timestamp"), activity.get("timestamp")
    if not isinstance(local, int) or not isinstance(utc, int) or abs(local - utc) > FARTHEST_ZONE.total_seconds():
        return None
    return float(local - utc)


def _word(value: object) -> str | None:
    return None if value is None else str(value)
