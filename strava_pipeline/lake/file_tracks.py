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
from strava_pipeline.lake.tracks import track_origins, track_path, write_track
from strava_pipeline.lake.warehouse import Connection

ORIGIN = "file:"  # what the origin of such a track begins with


@dataclass(slots=True)
class TrackReport:
    """What one call wrote."""

    written: int = 0
    bytes: int = 0
    moved: int = 0  # of activities that belong to another year by now

    def add(self, other: "TrackReport") -> None:
        self.written += other.written
        self.bytes += other.bytes
        self.moved += other.moved


def recorded_tracks(lake: Lake) -> dict[int, Recorded]:
    """Where the track of each activity lies, of the best source that has one, and of its newest import."""
    found: dict[int, Recorded] = {}
    for each in sorted(imported(lake), key=lambda each: (-SOURCES.index(each.source), each.name)):
        found |= each.tracks()
    return found


def sync_file_tracks(
    connection: Connection,
    lake: Lake,
    year: int,
    recorded: dict[int, Recorded],
    tick: Callable[[int], object] = lambda written: None,
) -> TrackReport:
    """Write the tracks of a year's activities that are missing or stale; remove those of activities that left the year.

    `recorded`: from `recorded_tracks`. `tick` is told of each that is looked at.
    """
    report = TrackReport()
    query = (
        "SELECT id, athlete_id, year FROM activities_all WHERE year = $year OR id IN (SELECT unnest($ids::BIGINT[]))"
    )
    there = track_origins(lake, year)
    rows = connection.execute(query, {"year": year, "ids": list(there)}).fetchall()
    for activity_id, athlete_id, belongs_to in rows:
        if belongs_to != year:
            track_path(lake, year, activity_id).unlink()
            report.moved += 1
        elif activity_id in recorded:
            origin = _origin(recorded[activity_id])
            if there.get(activity_id) != origin:
                parts = [
                    track
                    for digest, place in recorded[activity_id]
                    if (track := track_of(lake, digest, place)) is not None
                ]
                if parts:
                    report.bytes += write_track(lake, year, activity_id, athlete_id, FILE, parts, origin)
                    report.written += 1
            tick(1)
    return report


def _origin(recorded: Recorded) -> str:
    return f"{ORIGIN}v{VERSION}:" + ",".join(f"{digest}-{place}" for digest, place in recorded)
