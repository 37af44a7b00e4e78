"""Pairs of different recordings of one activity, and how they agree: a Parquet file per year, made from files and streams.

A file's metadata records for each activity what its rows were made from, as in track_measures.py. The method is
core/pairs'.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import polars as pl

from strava_pipeline.core.files.recording import VERSION
from strava_pipeline.core.pairs.agreement import FORM, LEAST_SECONDS, Both, agreements, is_one_recording, overlap
from strava_pipeline.core.pairs.report import NAMELESS
from strava_pipeline.core.pairs.shift import Shift, by_second, shift_between
from strava_pipeline.core.sports import VIRTUAL
from strava_pipeline.core.tables.details import TRACKS
from strava_pipeline.core.tables.pairs import PAIR_AGREEMENTS
from strava_pipeline.lake.bronze.answers import AnswerFiles, stream_files
from strava_pipeline.lake.files import stamp
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.activities import SessionKeys, sessions_text
from strava_pipeline.lake.imports.files import reading_of
from strava_pipeline.lake.made.made_files import made_from, table_file, table_years, write_made
from strava_pipeline.lake.made.tracks import points_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_BARE = ("wrist", "strap", "meter", "sensor")  # sensors without a model: the device's own name goes with them
_NAME_DEVICES = ("fit", "tcx")  # formats whose files name the device; others name the program that wrote them
_MATCHED = """
SELECT DISTINCT head.id, head.year FROM activity_members AS member JOIN activities_all AS head ON head.id = member.activity_id
"""
_FORM = f"{FORM}.{VERSION}:"  # of the comparison and of the readings


class Recording(NamedTuple):
    """A recording of an activity: the id and source that have it, and where its points are: sessions of files, or streams."""

    activity_id: int
    id: int
    athlete_id: int | None
    on_day: date | None
    source: str
    start: datetime | None
    device_name: str | None
    is_virtual: bool
    is_trainer: bool
    sport_group: str
    sessions: SessionKeys = ()
    streams: AnswerFiles | None = None

    @property
    def points_text(self) -> str | None:
        """Where its points are, as `recording_pairs` has it."""
        return sessions_text(self.sessions) or None

    @property
    def inputs(self) -> tuple[object, ...]:
        """Everything that its points and its device depend on."""
        at = stamp(self.streams.good_at) if self.streams and self.streams.good_at else ""
        return (*self[1:-2], self.points_text, at)


@dataclass(frozen=True, slots=True)
class DuePairs:
    """The activities of a year whose recordings are to be compared, and what the rows of all of them are made from."""

    year: int
    made_from: Mapping[int, str]
    stale: Mapping[int, Sequence[Recording]]


def due_pairs(
    lake: Lake, connection: Connection, years: Iterable[int], recorded: Mapping[int, SessionKeys]
) -> list[DuePairs]:
    """The years with pairs to compare or remove: of `years`, and where a file is missing, or of another form or year.

    Args:
        recorded: the files and sessions of each id, from `lake.made.tracks.recorded_tracks`.
    """
    asked, found = {*years}, []
    matched = {*connection.execute(_MATCHED).fetchall()}
    for year in sorted(asked | table_years(lake, [TRACKS, PAIR_AGREEMENTS])):
        digests = made_from(lake, year, [PAIR_AGREEMENTS])
        is_current = digests is not None and all(
            (one, year) in matched and digest.startswith(_FORM) for one, digest in digests.items()
        )
        if is_current and year not in asked:
            continue
        groups = _groups(lake, connection, year, recorded)
        wanted = {key: _digest(recordings) for key, recordings in groups.items()}
        if digests != wanted:
            stale = {key: groups[key] for key, digest in wanted.items() if (digests or {}).get(key) != digest}
            found.append(DuePairs(year, wanted, stale))
    return found


def _groups(
    lake: Lake, connection: Connection, year: int, recorded: Mapping[int, SessionKeys]
) -> dict[int, list[Recording]]:
    """The activities of a year with several recordings."""
    rows = [
        Recording(*row) for row in connection.execute(sql("recordings"), {"year": year, "virtual": VIRTUAL}).fetchall()
    ]
    without_file = {one.id for one in rows if one.id not in recorded}
    streams = stream_files(lake, without_file) if without_file else {}
    found = {}
    for key, group in groupby(rows, key=itemgetter(0)):
        recordings = dict[object, Recording]()  # by its points: two sources may have one file
        for one in group:
            if one.id in recorded:
                recordings.setdefault(recorded[one.id], one._replace(sessions=recorded[one.id]))
            elif one.id in streams and streams[one.id].good_at is not None:
                recordings[one.id] = one._replace(streams=streams[one.id])
        if len(recordings) > 1:  # files first: they name sensors, and the track is the first one's
            found[key] = sorted(recordings.values(), key=lambda one: not one.sessions)
    return found


def _digest(recordings: Sequence[Recording]) -> str:
    inputs = recordings[0].sport_group, [each.inputs for each in recordings]
    return _FORM + hashlib.blake2b(repr(inputs).encode(), digest_size=8).hexdigest()


def compare_pairs(lake: Lake, due: DuePairs, tick: Callable[[], None] = lambda: None) -> None:
    """Compare the due recordings of a year and write its file."""
    rows, done = list[dict[str, Any]](), {**due.made_from}
    for key, recordings in due.stale.items():
        points = [points_of(lake, each.points_text, each.id, each.start) for each in recordings]
        rows += _rows(
            lake, [(one, by_second(found)) for one, found in zip(recordings, points, strict=True) if found is not None]
        )
        if any(found is None for found in points):  # damaged, or not read yet: the next run looks again
            done[key] = _FORM
        tick()
    kept = [one for one in due.made_from if one not in due.stale]
    schema = PAIR_AGREEMENTS.polars_schema
    held = held_pairs(lake, due.year).filter(pl.col("activity_id").is_in(kept)) if kept else pl.DataFrame(schema=schema)
    new = pl.DataFrame(rows, schema=schema, orient="row")
    write_made(lake, PAIR_AGREEMENTS, due.year, pl.concat([held, new]).sort(*PAIR_AGREEMENTS.key), done)


def held_pairs(lake: Lake, year: int) -> pl.DataFrame:
    """The rows of a year; none if its file is missing."""
    path = table_file(lake, PAIR_AGREEMENTS, year)
    if not path.exists():
        return pl.DataFrame(schema=PAIR_AGREEMENTS.polars_schema)
    return pl.read_parquet(path, hive_partitioning=False)


def _rows(lake: Lake, recordings: Iterable[tuple[Recording, pl.DataFrame]]) -> Iterator[dict[str, Any]]:
    """The rows of an activity: of each two recordings of which neither is a copy of another one.

    Args:
        recordings: with their seconds, from `by_second`.
    """
    different = list[tuple[Recording, pl.DataFrame]]()
    for recording, seconds in recordings:
        if seconds.height < LEAST_SECONDS or any(is_one_recording(overlap(one, seconds, 0)) for _, one in different):
            continue  # most copies have the same clock: then no shift is looked for
        met = [(one, *found) for one, other in different if (found := _compared(one, other, recording, seconds))]
        if any(is_one_recording(both) for _, _, both in met):
            continue
        different.append((recording, seconds))
        for one, shift, both in met:
            yield from _compared_rows(lake, (one, recording), shift, both)


def _compared(
    one: Recording, points: pl.DataFrame, other: Recording, points_of_other: pl.DataFrame
) -> tuple[Shift, Both] | None:
    """Two recordings by one clock; None if nothing tells the shift, or they have hardly a second in common."""
    has_places = not (one.is_virtual or other.is_virtual)
    shift = shift_between(points, points_of_other, has_places=has_places)
    both = shift and overlap(points, points_of_other, shift.seconds)
    return (shift, both) if shift and both and both.joined.height >= LEAST_SECONDS else None


def _compared_rows(lake: Lake, pair: tuple[Recording, Recording], shift: Shift, both: Both) -> Iterator[dict[str, Any]]:
    first, _ = pair
    devices = [_device_of(lake, each) for each in pair]
    has_places = not any(each.is_virtual or each.is_trainer for each in pair)
    for agreement in agreements(both, first.sport_group, has_places=has_places):
        names = [measured_by(*each, agreement["quantity"]) for each in devices]
        row = {
            "activity_id": first.activity_id,
            "athlete_id": first.athlete_id,
            "on_day": first.on_day,
            "overlap_seconds": both.seconds,
            "shift_seconds": shift.seconds,
            "shift_by": shift.by,
            **agreement,
        }
        for side, recording, (device, _), name in zip(("first", "second"), pair, devices, names, strict=True):
            own = {"id": recording.id, "points": recording.points_text, "device": device, "by": name}
            row |= {f"{side}_{what}": value for what, value in own.items()}
        yield row if names == sorted(names) else turned(row)


def turned(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same row with the other recording as the first."""
    sides = {"first": "second", "second": "first"}
    found = {}
    for name, value in row.items():
        side, _, rest = name.partition("_")
        found[f"{sides[side]}_{rest}" if side in sides else name] = value
    for name in ("difference", "mean_difference", "shift_seconds"):
        found[name] = (value := found.get(name)) and -value
    return found | {"scale": found.get("scale") and 1 / found["scale"]}


def _device_of(lake: Lake, recording: Recording) -> tuple[str, Mapping[str, str]]:
    """The device that recorded, or its source if nothing names it; and its sensors by quantity."""
    digest, place = recording.sessions[0] if recording.sessions else ("", 0)
    reading = reading_of(lake, digest) if digest else None
    said = reading.recordings[place] if reading and place < len(reading.recordings) else None
    creator, named = said and said.creator, recording.device_name
    if reading and reading.format not in _NAME_DEVICES:
        creator, named = named, creator
    return creator or named or f"{NAMELESS} ({recording.source})", said.sensors if said else {}


def measured_by(device: str, sensors: Mapping[str, str], quantity: str) -> str:
    """What measured a quantity: a sensor by its model, or else the device.

    >>> measured_by("Garmin Forerunner 935", {"heartrate": "wrist"}, "heartrate")
    'Garmin Forerunner 935 (wrist)'
    """
    sensor = sensors.get(quantity)
    return device if sensor is None else f"{device} ({sensor})" if sensor in _BARE else sensor
