"""Tracks: a Parquet file per activity in its local year's folder, made from readings of imported files or from streams.

A file's own metadata records its inputs, so a missing or outdated track is found by reading the files. A track from an
imported file is preferred to one from Strava's streams: it has every point. Nothing is fetched or decoded here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from strava_pipeline.core.activities import stream_points
from strava_pipeline.core.files.recording import VERSION
from strava_pipeline.core.sources import FILE, SOURCES, STRAVA
from strava_pipeline.core.tables.details import TRACKS
from strava_pipeline.lake.bronze.answers import (
    AnswerFiles,
    newest_answer,
    newest_streams,
    set_aside_newest,
    stream_files,
)
from strava_pipeline.lake.files import stamp, sync_folder, write_rows
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.activities import ImportedActivities, SessionKeys, sessions_in, sessions_text
from strava_pipeline.lake.imports.files import has_points, is_read, note_first_version, read_points
from strava_pipeline.lake.imports.manifests import all_imports, effective_imports
from strava_pipeline.lake.made.made_files import folders_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import provider_files, provider_tracks
from strava_pipeline.lake.sql import sql

ORIGIN = "strava_pipeline.origin"
FROM_FILE = "file:"  # prefix of the origin of a track that came from an activity file
_THIS_READING = f"{FROM_FILE}v{VERSION}:"
_READING = 2  # raised whenever core/activities.py makes other points from the same answer
_OF_STREAMS = "streams:"
_POINTS = pl.DataFrame(schema={name: kind for name, kind in TRACKS.polars_schema.items() if name != "moving"})


def write_track(
    lake: Lake,
    year: int,
    activity_id: int,
    athlete_id: int | None,
    source: str,
    parts: Iterable[pl.DataFrame],
    origin: str,
) -> int:
    """Write an activity's track atomically; returns its size in bytes. `parts`: a frame per session, with any of the columns.

    `origin` identifies the track's inputs; an existing track with another origin is outdated.
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
    note_first_version(lake)
    size = write_rows(
        path, rows.select(*TRACKS.polars_schema).cast(pl.Schema(TRACKS.polars_schema)), "zstd", {ORIGIN: origin}
    )
    sync_folder(path.parent)
    return size


def track_path(lake: Lake, year: int, activity_id: int) -> Path:
    return lake.tracks_of(year) / f"{activity_id}.parquet"


def track_origins(lake: Lake, year: int) -> dict[int, str]:
    """The inputs of the tracks of a year, by activity. Damaged tracks are left out, so they are made again."""
    return origins_in(lake.tracks_of(year).glob("*.parquet"))


def origins_in(paths: Iterable[Path]) -> dict[int, str]:
    """The inputs of tracks, by activity, without damaged and missing ones."""
    found: dict[int, str] = {}
    for path in paths:
        try:
            found[int(path.stem)] = pl.read_parquet_metadata(path).get(ORIGIN, "")
        except (FileNotFoundError, pl.exceptions.ComputeError, ValueError):
            continue
    return found


def track_athlete(lake: Lake, year: int, activity_id: int) -> int | None:
    """The athlete that a track names, or None if it names nobody, or can't be read."""
    try:
        found = pl.scan_parquet(track_path(lake, year, activity_id)).select("athlete_id").head(1).collect()
    except pl.exceptions.ComputeError:
        return None
    return found.item() if found.height else None


def tracked_ids(lake: Lake) -> set[int]:
    """The activities of any year that have a track, by the names of the files."""
    return {int(path.stem) for path in lake.tracks.glob("year=*/*.parquet") if path.stem.lstrip("-").isdecimal()}


def is_from_file(origin: str | None) -> bool:
    """Whether a track with this origin was made from an activity file, which has more than streams."""
    return origin is not None and origin.startswith(FROM_FILE)


def track_sizes(lake: Lake, year: int) -> tuple[int, int]:
    """(readable tracks of a year, their points in all), from the files' footers."""
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
    """The results of writing a year's tracks. `damaged`: unreadable streams, which are to be fetched again."""

    made: int = 0
    removed: int = 0
    damaged: int = 0


def sync_stream_tracks(
    lake: Lake, connection: Connection, year: int, tick: Callable[[], None] = lambda: None
) -> StreamTracks:
    """Write the tracks of gold's activities of `year` whose streams are on disk; remove those of activities that left the year.

    An activity with several ids of Strava's gets the first streams found.
    """
    report = StreamTracks()
    activities = _activities(connection, year)
    in_place = track_origins(lake, year)
    on_disk = stream_files(lake, {each.strava_id for ids in activities.values() for each in ids})
    for key, ids in activities.items():
        found = next((each for each in ids if each.strava_id in on_disk and on_disk[each.strava_id].good_at), None)
        if found is None or is_from_file(in_place.get(key)):
            continue
        files = on_disk[found.strava_id]
        origin = _stream_origin(files, found, key)
        if in_place.get(key) == origin:
            continue
        answer = newest_answer(files)
        if answer is None:
            set_aside_newest(files)
            report.damaged += 1
            continue
        write_track(lake, year, key, found.athlete_id, "strava", [stream_points(answer, found.start)], origin)
        report.made += 1
        tick()
    report.removed = _remove(
        lake,
        year,
        [key for key, origin in in_place.items() if key not in activities and origin.startswith(_OF_STREAMS)],
    )
    return report


@dataclass(frozen=True, slots=True)
class _StravaActivity:
    """An activity under one of its ids at Strava."""

    strava_id: int
    athlete_id: int | None
    start: datetime | None


def _activities(connection: Connection, year: int) -> dict[int, list[_StravaActivity]]:
    found: dict[int, list[_StravaActivity]] = {}
    for key, athlete_id, strava_id, start in connection.execute(
        sql("strava_starts"), {"source": STRAVA, "year": year}
    ).fetchall():
        found.setdefault(key, []).append(_StravaActivity(strava_id, athlete_id, start and start.replace(tzinfo=UTC)))
    return found


def _stream_origin(files: AnswerFiles, activity: _StravaActivity, activity_id: int) -> str:
    """Every input of a track made from streams."""
    assert files.good_at is not None
    start, of = (
        stamp(activity.start) if activity.start else "",
        "" if activity.strava_id == activity_id else f" of:{activity.strava_id}",
    )
    parts = f"{stamp(files.good_at)} start:{start} athlete:{activity.athlete_id or ''} reading:{_READING}"
    return f"{_OF_STREAMS}{parts}{of}"


def _remove(lake: Lake, year: int, ids: list[int]) -> int:
    for activity_id in ids:
        track_path(lake, year, activity_id).unlink(missing_ok=True)
    if ids:
        sync_folder(lake.tracks_of(year))
    return len(ids)


def recorded_tracks(lake: Lake, known: Iterable[ImportedActivities]) -> dict[int, SessionKeys]:
    """The files and sessions with the track of each activity: of the best source's newest import, or a provider's file."""
    found: dict[int, SessionKeys] = {}
    for each in sorted(known, key=lambda each: (-SOURCES.index(each.source), each.name)):
        found |= each.tracks()
    return found | provider_tracks(lake)


def points_of(lake: Lake, points: str | None, strava_id: int, start: datetime | None) -> pl.DataFrame | None:
    """The points of a recording with the columns of `tracks`; None if they can't be read.

    Args:
        points: where they are, as `recording_pairs` has it; None: streams of `strava_id`, which begin at `start` (UTC).
    """
    if points is None:
        answer = newest_streams(lake, strava_id)
        parts = [stream_points(answer, start and start.replace(tzinfo=UTC))] if answer is not None else []
    else:
        read = [read_points(lake, *session) for session in sessions_in(points)]
        parts = [part.rename({"at": "recorded_at"}) for part in read if part is not None]
    return pl.concat([_POINTS, *parts], how="diagonal_relaxed") if parts else None


def tracks_by_activity(connection: Connection, recorded: dict[int, SessionKeys]) -> dict[int, SessionKeys]:
    """The same by gold's activity: for matched activities, the first track."""
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
    recorded: dict[int, SessionKeys],
    givers: Mapping[str, str],
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Write the missing and outdated tracks of gold's activities of `year`; returns how many.

    A track that now belongs to another activity is removed, as is one of an older reading if the newer one has no
    points.

    Args:
        recorded: from `tracks_by_activity`.
        givers: the provider that gave a file, by the hash of its bytes; the other files came by import.
    """
    written = 0
    belong = {_file_origin(each): activity_id for activity_id, each in recorded.items()}
    in_place = track_origins(lake, year)
    _remove(lake, year, [key for key, origin in in_place.items() if key not in recorded and _is_left_out(lake, origin)])
    rows = connection.execute("SELECT id, athlete_id FROM activities_all WHERE year = $year", {"year": year}).fetchall()
    for activity_id, athlete_id in rows:
        origin = in_place.get(activity_id, "")
        if activity_id not in recorded and belong.get(origin, activity_id) != activity_id:
            track_path(lake, year, activity_id).unlink()
        if activity_id in recorded:
            if in_place.get(activity_id) == _file_origin(recorded[activity_id]):
                continue
            read = {each: track for each in recorded[activity_id] if (track := read_points(lake, *each)) is not None}
            origin = _file_origin(tuple(read))  # another one once the other parts are read
            if len(read) < len(recorded[activity_id]) and activity_id in in_place:
                continue  # the track in place may hold more
            parts = [track.rename({"at": "recorded_at"}) for track in read.values()]  # AT is a keyword of DuckDB
            if parts:
                source = givers.get(recorded[activity_id][0][0], FILE)
                write_track(lake, year, activity_id, athlete_id, source, parts, origin)
                written += 1
                tick()
    return written


def _is_left_out(lake: Lake, origin: str) -> bool:
    """Whether a track was made from another version's reading of files that this version has read, too."""
    files = () if origin.startswith(_THIS_READING) else _recorded(origin)
    return bool(files) and all(is_read(lake, digest) for digest, _ in files)


def remove_stream_tracks(lake: Lake, ids: Collection[int]) -> list[int]:
    """Remove the tracks that were made from the streams of these activities; returns the years that held some."""
    touched = []
    for year in sorted(folders_of(lake.tracks)):
        origins = track_origins(lake, year).items()
        if _remove(lake, year, [key for key, origin in origins if strava_id_of(origin, key) in ids]):
            touched.append(year)
    return touched


def strava_id_of(origin: str, activity_id: int) -> int | None:
    """The Strava id of the activity whose streams a track with this origin was made from, or None."""
    if not origin.startswith(_OF_STREAMS):
        return None
    _, _, of = origin.partition(" of:")
    return int(of) if of else activity_id


def remove_stray_tracks(lake: Lake, connection: Connection) -> int:
    """Remove the tracks of activities that now belong to another year, or that another activity represents; returns how many.

    They are in the other year's folder, or are written there with its tracks.
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
    """Remove the tracks of files that only undone imports contained, and of activities that left with them; returns how many.

    Also removes tracks that name another athlete than gold does, if they can be made again. Other tracks of these
    activities, from files or streams, are written with their year's.
    """
    came = all_imports(lake)
    undone = [one for one in came if one.undone is not None]
    if not undone:
        return 0
    held = {file.sha256 for one in effective_imports(came) for file in one.manifest.files}
    held |= {file.record.sha256 for file in provider_files(lake)}
    out = {file.sha256 for one in undone for file in one.manifest.files} - held
    left = {key for one in undone if one.undone is not None for key, _ in one.undone.activities}
    athletes = dict(connection.execute("SELECT id, athlete_id FROM activities_all").fetchall())
    removed = 0
    for year in sorted(folders_of(lake.tracks)):
        for activity_id, origin in track_origins(lake, year).items():
            made_of = _recorded(origin)
            goes = not out.isdisjoint(digest for digest, _ in made_of)
            if made_of and activity_id not in athletes:
                goes = goes or activity_id in left
            elif made_of and track_athlete(lake, year, activity_id) != athletes[activity_id]:
                goes = goes or all(has_points(lake, *each) for each in made_of)
            if goes:
                track_path(lake, year, activity_id).unlink()
                removed += 1
    return removed


def _recorded(origin: str) -> SessionKeys:
    """The files and sessions that a track was made from; empty if it wasn't made from files."""
    if not is_from_file(origin):
        return ()
    return sessions_in(origin.rpartition(":")[2])


def _file_origin(recorded: SessionKeys) -> str:
    return _THIS_READING + sessions_text(recorded)
