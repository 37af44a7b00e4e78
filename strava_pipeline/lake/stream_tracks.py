"""Tracks made from streams: what is on disk of a year's streams, brought to data/tracks. No fetching.

A track that a file made stays: a file knows more. One that is as it would be made again is left alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from strava_pipeline.core.activities import stream_points
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.answer_files import AnswerFiles, newest_json, set_aside
from strava_pipeline.lake.files import stamp, sync_folder
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.stream_files import stream_files
from strava_pipeline.lake.tracks import is_of_a_file, track_origins, track_path, write_track
from strava_pipeline.lake.warehouse import Connection

_READING = 1  # of streams as points: raised whenever core/activities.py reads the same answer as other points
_OF_STREAMS = "streams:"


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
        origin = _origin(files, found, key)
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


def _origin(files: AnswerFiles, told: _Told, activity_id: int) -> str:
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
