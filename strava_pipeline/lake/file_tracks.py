"""Tracks out of imported files: which activity of gold has which points, and the files in data/tracks that show them.

Points come from the readings, no file is decoded here. A track that a file tells stands before Strava's streams: it has
every point, and names and edits are none of its matter.
"""

from collections.abc import Callable
from dataclasses import dataclass

from strava_pipeline.core.files.reading import VERSION
from strava_pipeline.core.sources import FILE, SOURCES
from strava_pipeline.lake.imported import Recorded, imported
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.readings import track_of
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.tracks import OF_A_FILE, is_of_a_file, track_origins, track_path, write_track
from strava_pipeline.lake.warehouse import Connection


@dataclass(slots=True)
class FileTracks:
    """What became of a year's tracks that files tell."""

    made: int = 0
    removed: int = 0  # of activities that belong to another year by now


def recorded_tracks(lake: Lake) -> dict[int, Recorded]:
    """Where the track of each activity lies, of the best source that has one, and of its newest import."""
    found: dict[int, Recorded] = {}
    for each in sorted(imported(lake), key=lambda each: (-SOURCES.index(each.source), each.name)):
        found |= each.tracks()
    return found


def sync_file_tracks(
    lake: Lake,
    connection: Connection,
    year: int,
    recorded: dict[int, Recorded],
    tick: Callable[[], None] = lambda: None,
) -> FileTracks:
    """Make the tracks of gold's activities of `year` that are missing or stale; remove those of what left the year.

    `recorded`: from `recorded_tracks`.
    """
    report = FileTracks()
    in_place = track_origins(lake, year)
    values = {"year": year, "ids": [key for key, told in in_place.items() if is_of_a_file(told)]}
    for activity_id, athlete_id, belongs_to in connection.execute(sql("years_of_activities"), values).fetchall():
        if belongs_to != year:
            track_path(lake, year, activity_id).unlink()
            report.removed += 1
        elif activity_id in recorded:
            origin = _origin(recorded[activity_id])
            if in_place.get(activity_id) == origin:
                continue
            parts = [
                track.rename({"at": "recorded_at"})  # AT is a word of DuckDB's own
                for digest, place in recorded[activity_id]
                if (track := track_of(lake, digest, place)) is not None
            ]
            if parts:
                write_track(lake, year, activity_id, athlete_id, FILE, parts, origin)
                report.made += 1
                tick()
    return report


def _origin(recorded: Recorded) -> str:
    return f"{OF_A_FILE}v{VERSION}:" + ",".join(f"{digest}-{place}" for digest, place in recorded)
