"""FIT files: what their messages mean as recordings. `fit_bytes` cuts up the bytes, `fit_messages` decodes them.

A session is a recording, and so is the change between two sports. A point, a lap or a length belongs to the last session that
had begun by its time, so that none is lost. A chest strap may have kept heart rates by itself, as under water: `hr` messages,
whose times of 12 bits in 1024ths of a second start again every four seconds. A file that isn't an activity is named by its kind.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import polars as pl

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.track_cleaning import BELIEVABLE
from strava_pipeline.ingest.files.fit_bytes import split_parts
from strava_pipeline.ingest.files.fit_devices import creator, sensor_type, sensors
from strava_pipeline.ingest.files.fit_messages import Messages, read_messages
from strava_pipeline.ingest.files.points import (
    clock_flags,
    limited,
    problem,
    span,
    track_of,
)

EPOCH = 631_065_600  # 1989-12-31T00:00:00Z, FIT's own, in s since 1970
FIRST_DATE = 0x10000000  # smaller times are seconds since the device was switched on
DEGREES = 180 / 2**31  # of a semicircle
FARTHEST_ZONE = timedelta(hours=14)  # Pacific/Kiritimati
TOTALS = {
    "elapsed_s": ("total_elapsed_time",),
    "moving_s": ("total_timer_time",),
    "distance_m": ("total_distance",),
    "ascent_m": ("total_ascent",),
    "descent_m": ("total_descent",),
    "calories": ("total_calories",),
}
MORE = {
    "avg_heartrate": ("avg_heart_rate",),
    "max_heartrate": ("max_heart_rate",),
    "min_heartrate": ("min_heart_rate",),
    "avg_speed": ("enhanced_avg_speed", "avg_speed"),
    "max_speed": ("enhanced_max_speed", "max_speed"),
    "avg_cadence": ("avg_cadence", "avg_running_cadence", "avg_swimming_cadence"),
    "max_cadence": ("max_cadence", "max_running_cadence"),
    "avg_watts": ("avg_power",),
    "max_watts": ("max_power",),
    "normalized_watts": ("normalized_power",),
    "avg_temperature": ("avg_temperature",),
    "max_temperature": ("max_temperature",),
    "avg_altitude": ("enhanced_avg_altitude", "avg_altitude"),
    "min_altitude": ("enhanced_min_altitude", "min_altitude"),
    "max_altitude": ("enhanced_max_altitude", "max_altitude"),
    "work_j": ("total_work",),
    "cycles": ("total_cycles", "total_strides", "total_strokes"),  # of a leg, a crank or an arm, by sport
    "pool_length_m": ("pool_length",),
    "lengths": ("num_lengths",),
    "active_lengths": ("num_active_lengths",),
    "training_effect": ("total_training_effect",),
}
WORDS = {
    "stroke": ("swim_stroke",),
    "trigger": ("lap_trigger",),
    "intensity": ("intensity",),
    "kind": ("length_type",),  # active, idle
}
MOMENTS = ("start_time", "timestamp")
MOST_LISTED = 1_000  # sensors of a part that count for a session without its own
QUARTER = 900  # s: local clocks differ from UTC by whole quarters of an hour; devices set theirs within some minutes
TICKS = 1024  # per second
ROUND = 1 << 12
SILENCE = 5_000_000  # µs; an older heart rate says nothing about now (the SDK's own limit)


def read_fit(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Read the valid parts of `content`, skipping damaged bytes. Never raises, whatever it contains."""
    parts: list[Messages] = []
    for part in split_parts(content):
        room = limits.recordings - sum(len(each.sessions) for each in parts)
        parts.append(read_messages(part, replace(limits, recordings=room)))
    found = [_recordings(part, received_at) for part in parts]
    beats = [beat for part in parts for beat in part.heart_rates]
    flags = {flag for part in parts for flag in part.flags}
    elsewhere = {flag for part, own in zip(parts, found, strict=True) if not own for flag in part.flags}
    recordings = [
        replace(_complete(recording, beats), place=place, flags=recording.flags | elsewhere)
        for place, recording in enumerate(recording for own in found for recording in own)
    ]
    kinds = [str(part.file_id.get("type", "unknown")) for part in parts]
    return DecodedFile(
        Format.FIT,
        kind="activity" if recordings else next((kind for kind in kinds if kind != "unknown"), "unknown"),
        recordings=tuple(recordings),
        problem=problem(flags, limits, is_kept=bool(recordings))
        if flags or set(kinds) - {"unknown"}
        else "Its FIT messages don't say what it is.",
        unknown=dict(sum((part.unknown for part in parts), Counter())),
        limited=limited(flags, limits),
    )


def _complete(recording: Recording, beats: Sequence[Mapping[str, Any]]) -> Recording:
    """`recording` with the heart rates of a strap, and without sensors that gave no value."""
    track = with_heart_rates(recording.track, beats, EPOCH)
    heard = {column: sensor for column, sensor in recording.sensors.items() if track[column].count()}
    return replace(recording, track=track, sensors=heard)


def _recordings(part: Messages, received_at: datetime) -> list[Recording]:
    """The recordings of one part: one per session, one if points or laps come without a session."""
    part, points = _dated(part, part.points.frame())
    if part.file_id.get("type", "activity") != "activity" or not (part.sessions or part.laps or points.height):
        return []
    sessions = sorted(part.sessions, key=_start) or [{}]
    starts = [_start(session) for session in sessions[1:]]
    at = points["at"].forward_fill().fill_null(0)
    owner = sum((at >= start for start in starts), start=pl.zeros(points.height, dtype=pl.Int64, eager=True))
    listed = [info for info in part.devices if sensor_type(info)]  # some list their sensors only once
    laps, lengths, devices = (_by_session(each, starts) for each in (part.laps, part.lengths, listed))
    return [
        _recording(
            replace(part, laps=laps[place], lengths=lengths[place], devices=devices[place] or listed[:MOST_LISTED]),
            session,
            points.filter(owner == place),
            received_at,
        )
        for place, session in enumerate(sessions)
    ]


def _by_session(messages: Sequence[Mapping[str, Any]], starts: Sequence[int]) -> dict[int, list[Mapping[str, Any]]]:
    """The messages by the place of their session. `starts`: of all sessions but the first."""
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for message in messages:
        found[bisect_right(starts, _start(message))].append(message)
    return found


def _dated(part: Messages, points: pl.DataFrame) -> tuple[Messages, pl.DataFrame]:
    """Messages and points with a date, if the device had none while it recorded and the file says when it was created."""
    created, messages = part.file_id.get("time_created"), (part.sessions, part.laps, part.lengths)
    starts = [time for each in messages for message in each if (time := _start(message))]
    times = [*points["at"].drop_nulls().unique(), *starts]
    if not isinstance(created, int) or created < FIRST_DATE or not times or max(times) >= FIRST_DATE:
        return part, points
    shift = created - min(times)
    sessions, laps, lengths = ([_moved(message, shift) for message in each] for each in messages)
    flags = part.flags | {Flag.RELATIVE_CLOCK}
    return replace(part, sessions=sessions, laps=laps, lengths=lengths, flags=flags), points.with_columns(
        pl.col("at") + shift
    )


def _moved(message: Mapping[str, Any], shift: int) -> Mapping[str, Any]:
    return {**message, **{name: message[name] + shift for name in MOMENTS if isinstance(message.get(name), int)}}


def _recording(part: Messages, session: Mapping[str, Any], points: pl.DataFrame, received_at: datetime) -> Recording:
    sport, sub_sport = _word(session.get("sport")), _word(session.get("sub_sport"))
    in_si = points.with_columns((pl.col("at") + EPOCH) * 1_000_000, pl.col("latitude", "longitude") * DEGREES)
    track = track_of(in_si, sport, sub_sport)
    earliest, latest = points.select(pl.col("at").min(), pl.col("at").max().alias("latest")).row(0)
    relative = any(time < FIRST_DATE for time in (_start(session), earliest) if time)
    dated = latest is not None and latest >= FIRST_DATE  # the clock got its date on the way
    since_dated = track.points.filter(pl.col("at") >= _date(FIRST_DATE))
    first, elapsed = span(since_dated if relative and dated else track.points)
    started_at = None if relative and not dated else _date(_start(session)) or first
    totals, summary = session_fields(session)
    if {Flag.STALE_START, Flag.CLOCK_SET} & track.flags:
        started_at = first
        totals.pop("elapsed_s", None)
    distance = track.measured(totals.get("distance_m", track.distance()))
    if distance is None:
        distance = track.length()
        summary |= {"distance_by": "track"} if distance is not None else {}
    clock = clock_flags(track.points, started_at, received_at)
    return Recording(
        Format.FIT,
        sport=sport,
        sub_sport=sub_sport,
        creator=creator(part.file_id),
        sensors=sensors(part.devices, sport),
        started_at=started_at,
        utc_offset_s=_utc_offset(part.activity),
        elapsed_s=totals.get("elapsed_s", elapsed),
        moving_s=totals.get("moving_s"),
        distance_m=distance,
        ascent_m=totals.get("ascent_m"),
        descent_m=totals.get("descent_m"),
        calories=totals.get("calories"),
        summary=summary,
        laps=tuple(lap_fields(lap, track.by_set_clock(_date(_start(lap)))) for lap in part.laps),
        lengths=tuple(lap_fields(length, _date(_start(length))) for length in part.lengths),
        track=track.points,
        left_out=track.left_out,
        flags=frozenset(
            part.flags | track.flags | (clock - {Flag.WRONG_CLOCK} | {Flag.RELATIVE_CLOCK} if relative else clock)
        ),
    )


def _start(message: Mapping[str, Any]) -> int:
    """When a session, lap or length began, in seconds of FIT's clock; 0 if unknown."""
    start = message.get("start_time", message.get("timestamp"))
    return start if isinstance(start, int) and 0 <= start < 2**32 else 0


def _date(time: int) -> datetime | None:
    return datetime.fromtimestamp(EPOCH + time, UTC) if time >= FIRST_DATE else None


def _utc_offset(activity: Mapping[str, Any]) -> float | None:
    """Local time minus UTC, if the device knew both."""
    local, utc = activity.get("local_timestamp"), activity.get("timestamp")
    if not isinstance(local, int) or not isinstance(utc, int) or abs(local - utc) > FARTHEST_ZONE.total_seconds():
        return None
    offset = round((local - utc) / QUARTER) * QUARTER
    return float(offset) if abs(local - utc - offset) <= QUARTER / 4 else None


def _word(value: object) -> str | None:
    return None if value is None else str(value)


def session_fields(session: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """A session's totals, by the attributes of Recording, and the other numbers, for its `summary`."""
    return _numbers(session, TOTALS), _numbers(session, MORE)


def lap_fields(message: Mapping[str, Any], started_at: datetime | None) -> dict[str, Any]:
    """A lap, or a length of a pool, by the names of our records."""
    return {"started_at": started_at, **_numbers(message, TOTALS | MORE), **_words(message)}


def _numbers(message: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    found = _first_of(message, names)
    numbers = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
    most = {"distance_m": BELIEVABLE["distance"][1]}
    return {name: value for name, value in numbers.items() if isfinite(value) and value <= most.get(name, value)}


def _words(message: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in _first_of(message, WORDS).items() if value is not None}


def _first_of(message: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """For each name, the value of the first of its fields that the message has, or None."""
    return {
        name: next((message[source] for source in sources if source in message), None)
        for name, sources in names.items()
    }


def with_heart_rates(track: pl.DataFrame, messages: Sequence[Mapping[str, Any]], epoch: int) -> pl.DataFrame:
    """`track`, with missing heart rates filled by the mean of the rates since the point before.

    `epoch`: FIT's, in s since 1970.
    """
    beats = pl.DataFrame(list(_beats(messages)), schema={"beat": pl.Float64, "bpm": pl.Float64}, orient="row")
    if beats.is_empty() or track["at"].null_count() == track.height:
        return track
    times = ((pl.col("beat") + epoch) * 1e6).round().cast(pl.Int64)
    points = track.select(pl.col("at").to_physical().alias("at")).drop_nulls().unique().sort("at")
    means = (
        beats.select(times.alias("beat"), "bpm")
        .sort("beat")
        .join_asof(points, left_on="beat", right_on="at", strategy="forward", tolerance=SILENCE, coalesce=False)
        .group_by("at", maintain_order=True)
        .agg(pl.col("bpm").mean())
    )
    found = track.select(pl.col("at").to_physical()).join(means, on="at", how="left", maintain_order="left")["bpm"]
    return track.with_columns(pl.col("heartrate").fill_null(found))


def _beats(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[float, float]]:
    """Each heart rate with its time on the watch's clock."""
    offset: float | None = None  # the watch's clock minus the strap's, s
    ticks = 0  # the strap's clock
    for message in messages:
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
    """Two numbers from each three bytes, the low bits first."""
    for place in range(0, len(packed) - 2, 3):
        low, middle, high = packed[place : place + 3]
        yield low | (middle & 0x0F) << 8
        yield middle >> 4 | high << 4


def _next(ticks: int, low: int) -> int:
    return ticks + (low - ticks) % ROUND
