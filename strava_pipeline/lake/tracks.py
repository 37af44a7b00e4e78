"""Tracks: a Parquet file per activity in its local year's folder, made from readings of imported files or from streams.

A file's own metadata says what it was made from, so a missing or stale track is found by reading the files. A track from an
imported file stands before one from Strava's streams: it has every point. Nothing is fetched or decoded here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from strava_pipeline.core.activities import stream_points
from strava_pipeline.core.files.recording import VERSION
from strava_pipeline.core.sources import FILE, SOURCES, STRAVA
from strava_pipeline.core.tables.details import TRACKS
from strava_pipeline.lake.bronze.answers import AnswerFiles, newest_json, set_aside, stream_files
from strava_pipeline.lake.files import stamp, sync_folder, write_rows
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.activities import Imported, Recorded
from strava_pipeline.lake.imports.files import has_track, track_of
from strava_pipeline.lake.imports.manifests import all_imports, counting
from strava_pipeline.lake.imports.provider_files import provider_files, provider_tracks
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_ORIGIN = "strava_pipeline.origin"
OF_A_FILE = "file:"  # what the origin of a track from an activity file begins with
_READING = 1  # of streams as points: raised whenever core/activities.py reads the same answer as other points
_OF_STREAMS = "streams:"


def write_track(
    lake: Lake,
    year: int,
    activity_id: int,
    athlete_id: int | None,
    source: str,
    parts: Iterable[pl.DataFrame],
    origin: str,
) -> int:
    """One activity's track, whole or not at all; its bytes. `parts`: a frame per session, of the columns that it knows.

    `origin` tells what it was made from: another one than that of the file in place makes it stale.
    """
    frames = [
        frame.with_columns(part=pl.lit(number, pl.Int32), point=pl.int_range(pl.len(), dtype=pl.Int32))
        for number, frame in enumerate(parts)
    ]
    points = pl.concat(frames, how="diagonal").with_columns(
        activity_id=pl.lit(activity_id, pl.Int64), athlete_id=pl.lit(athlete_id, pl.Int64), source=pl.lit(source)
    )
    missing = {name: kind for name, kind in TRACKS.polars_schema.items() if name not in points.columns}
    rows = points.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    path = track_path(lake, year, activity_id)
    size = write_rows(
        path, rows.select(*TRACKS.polars_schema).cast(pl.Schema(TRACKS.polars_schema)), "zstd", {_ORIGIN: origin}
    )
    sync_folder(path.parent)
    return size


def track_path(lake: Lake, year: int, activity_id: int) -> Path:
    return lake.tracks_of(year) / f"{activity_id}.parquet"


def track_origins(lake: Lake, year: int) -> dict[int, str]:
    """What the tracks of a year were made from, by activity. One that can't be read is none: it is made again."""
    found: dict[int, str] = {}
    folder = lake.tracks_of(year)
    for path in folder.glob("*.parquet") if folder.is_dir() else ():
        try:
            found[int(path.stem)] = pl.read_parquet_metadata(path).get(_ORIGIN, "")
        except (pl.exceptions.ComputeError, ValueError):
            continue
    return found


def track_athlete(lake: Lake, year: int, activity_id: int) -> int | None:
    """Whose a track says that it is; None where it says nothing, or can't be read."""
    try:
        found = pl.scan_parquet(track_path(lake, year, activity_id)).select("athlete_id").head(1).collect()
    except pl.exceptions.ComputeError:
        return None
    return found.item() if found.height else None


def tracked(lake: Lake) -> set[int]:
    """The activities that have a track, of any year, by the names of the files."""
    return {int(path.stem) for path in lake.tracks.glob("year=*/*.parquet") if path.stem.lstrip("-").isdecimal()}


def is_of_a_file(origin: str | None) -> bool:
    """Whether a track with this origin was made from an activity file, which knows more than streams."""
    return origin is not None and origin.startswith(OF_A_FILE)


def track_sizes(lake: Lake, year: int) -> tuple[int, int]:
    """How many tracks of a year can be read, and how many points they have together, from their footers."""
    folder = lake.tracks_of(year)
    heights = [_height(path) for path in folder.glob("*.parquet")] if folder.is_dir() else []
    return sum(height is not None for height in heights), sum(height or 0 for height in heights)


def _height(path: Path) -> int | None:
    try:
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except pl.exceptions.ComputeError:
        return None


@dataclass(slots=True)
class StreamTracks:
    """What became of a year's tracks. `damaged`: streams that can't be read and are to be fetched again."""

    made: int = 0
    removed: int = 0
    damaged: int = 0


def sync_stream_tracks(
    lake: Lake, connection: Connection, year: int, tick: Callable[[], None] = lambda: None
) -> StreamTracks:
    """Make the tracks of gold's activities of `year` whose streams are on disk; remove those of what left the year.

    Of one that Strava numbered several times, the first streams that there are.
    """
    report = StreamTracks()
    activities = _activities(connection, year)
    in_place = track_origins(lake, year)
    on_disk = stream_files(lake, {each.told_as for them in activities.values() for each in them})
    for key, them in activities.items():
        found = next((each for each in them if each.told_as in on_disk and on_disk[each.told_as].good_at), None)
        if found is None or is_of_a_file(in_place.get(key)):
            continue
        files = on_disk[found.told_as]
        origin = _stream_origin(files, found, key)
        if in_place.get(key) == origin:
            continue
        answer = newest_json(files)
        if answer is None:
            set_aside(files)
            report.damaged += 1
            continue
        write_track(lake, year, key, found.athlete_id, "strava", [stream_points(answer, found.start)], origin)
        report.made += 1
        tick()
    report.removed = _remove(
        lake, year, [key for key, told in in_place.items() if key not in activities and told.startswith(_OF_STREAMS)]
    )
    return report


@dataclass(frozen=True, slots=True)
class _Told:
    """An activity as Strava numbered it."""

    told_as: int
    athlete_id: int | None
    start: datetime | None


def _activities(connection: Connection, year: int) -> dict[int, list[_Told]]:
    found: dict[int, list[_Told]] = {}
    for key, athlete_id, told_as, start in connection.execute(
        sql("strava_starts"), {"source": STRAVA, "year": year}
    ).fetchall():
        found.setdefault(key, []).append(_Told(told_as, athlete_id, start and start.replace(tzinfo=UTC)))
    return found


def _stream_origin(files: AnswerFiles, told: _Told, activity_id: int) -> str:
    """All that a track of streams depends on."""
    assert files.good_at is not None
    start, of = stamp(told.start) if told.start else "", "" if told.told_as == activity_id else f" of:{told.told_as}"
    said = f"{stamp(files.good_at)} start:{start} athlete:{told.athlete_id or ''} reading:{_READING}"
    return f"{_OF_STREAMS}{said}{of}"


def _remove(lake: Lake, year: int, ids: list[int]) -> int:
    for activity_id in ids:
        track_path(lake, year, activity_id).unlink(missing_ok=True)
    if ids:
        sync_folder(lake.tracks_of(year))
    return len(ids)


def recorded_tracks(lake: Lake, known: Iterable[Imported]) -> dict[int, Recorded]:
    """Where the track of each activity lies: of imports, the best source's and its newest; and of providers' files."""
    found: dict[int, Recorded] = {}
    for each in sorted(known, key=lambda each: (-SOURCES.index(each.source), each.name)):
        found |= each.tracks()
    return found | provider_tracks(lake)


def followed(connection: Connection, recorded: dict[int, Recorded]) -> dict[int, Recorded]:
    """The same by the activity that each is: of activities that are one, the track of the first that has one."""
    rows = connection.execute("SELECT id, activity_id FROM activity_members ORDER BY place").fetchall()
    members = {one for one, _ in rows}
    found = {one: track for one, track in recorded.items() if one not in members}
    for one, activity_id in rows:
        if one in recorded:
            found.setdefault(activity_id, recorded[one])
    return found


def sync_file_tracks(
    lake: Lake,
    connection: Connection,
    year: int,
    recorded: dict[int, Recorded],
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Make the tracks of gold's activities of `year` that are missing or stale; how many.

    `recorded`: from `recorded_tracks`, by the activity that each is. A track that is another activity's by now goes.
    """
    made = 0
    providers = {file.record.sha256: file.source for file in provider_files(lake)}
    belong = {_file_origin(each): activity_id for activity_id, each in recorded.items()}
    in_place = track_origins(lake, year)
    rows = connection.execute("SELECT id, athlete_id FROM activities_all WHERE year = $year", {"year": year}).fetchall()
    for activity_id, athlete_id in rows:
        origin = in_place.get(activity_id, "")
        if activity_id not in recorded and belong.get(origin, activity_id) != activity_id:
            track_path(lake, year, activity_id).unlink()
        if activity_id in recorded:
            if in_place.get(activity_id) == _file_origin(recorded[activity_id]):
                continue
            read = {each: track for each in recorded[activity_id] if (track := track_of(lake, *each)) is not None}
            origin = _file_origin(tuple(read))  # once the other parts are read too, it is another one
            if len(read) < len(recorded[activity_id]) and activity_id in in_place:
                continue  # it may hold more
            parts = [track.rename({"at": "recorded_at"}) for track in read.values()]  # AT is a word of DuckDB's own
            if parts:
                source = providers.get(recorded[activity_id][0][0], FILE)
                write_track(lake, year, activity_id, athlete_id, source, parts, origin)
                made += 1
                tick()
    return made


def remove_strays(lake: Lake, connection: Connection) -> int:
    """Remove the tracks of activities that belong to another year by now, whatever partitions there are; how many.

    They are in that year's folder, or made there when it is looked at. So go those of activities for which another one stands.
    """
    years = dict(connection.execute("SELECT id, year FROM activities_all").fetchall())
    hidden = {one for (one,) in connection.execute("SELECT id FROM activity_members WHERE place > 0").fetchall()}
    strays = [
        path
        for path in lake.tracks.glob("year=*/*.parquet")
        if path.stem.removeprefix("-").isdigit()
        and (belongs_to := years.get(one := int(path.stem))) is not None
        and (path.parent.name != f"year={belongs_to}" or one in hidden)
    ]
    for path in strays:
        path.unlink()
    return len(strays)


def remove_tracks_of_undone(lake: Lake, connection: Connection) -> int:
    """Remove the tracks of files that only undone imports held, and of activities that left with these; how many.

    And those that name another athlete than gold does now, if they can be made again. What else there is to be made of files
    or streams is made when its year is looked at.
    """
    came = all_imports(lake)
    undone = [one for one in came if one.undone is not None]
    if not undone:
        return 0
    held = {file.sha256 for one in counting(came) for file in one.manifest.files}
    held |= {file.record.sha256 for file in provider_files(lake)}
    out = {file.sha256 for one in undone for file in one.manifest.files} - held
    left = {key for one in undone if one.undone is not None for key, _ in one.undone.activities}
    athletes = dict(connection.execute("SELECT id, athlete_id FROM activities_all").fetchall())
    removed = 0
    for folder in sorted(lake.tracks.glob("year=[0-9][0-9][0-9][0-9]")):
        year = int(folder.name.removeprefix("year="))
        for activity_id, origin in track_origins(lake, year).items():
            made_of = _recorded(origin)
            goes = not out.isdisjoint(digest for digest, _ in made_of)
            if made_of and activity_id not in athletes:
                goes = goes or activity_id in left
            elif made_of and track_athlete(lake, year, activity_id) != athletes[activity_id]:
                goes = goes or all(has_track(lake, *each) for each in made_of)
            if goes:
                track_path(lake, year, activity_id).unlink()
                removed += 1
    return removed


def _recorded(origin: str) -> Recorded:
    """What a track was made of; nothing where that was no file."""
    if not is_of_a_file(origin):
        return ()
    parts = (part.rpartition("-") for part in origin.rpartition(":")[2].split(","))
    return tuple((digest, int(place)) for digest, _, place in parts if digest)


def _file_origin(recorded: Recorded) -> str:
    return f"{OF_A_FILE}v{VERSION}:" + ",".join(f"{digest}-{place}" for digest, place in recorded)
