"""Tracks out of imported files: which activity of gold has which points, and the files in data/tracks that show them.

Points come from the readings, no file is decoded here. A track that a file tells stands before Strava's streams: it has
every point, and names and edits are none of its matter.
"""

from collections.abc import Callable, Iterable

from strava_pipeline.core.files.reading import VERSION
from strava_pipeline.core.sources import FILE, SOURCES
from strava_pipeline.lake.imported import Imported, Recorded
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.readings import track_of
from strava_pipeline.lake.tracks import OF_A_FILE, track_origins, write_track
from strava_pipeline.lake.warehouse import Connection


def recorded_tracks(known: Iterable[Imported]) -> dict[int, Recorded]:
    """Where the track of each activity lies, of the best source that has one, and of its newest import."""
    found: dict[int, Recorded] = {}
    for each in sorted(known, key=lambda each: (-SOURCES.index(each.source), each.name)):
        found |= each.tracks()
    return found


def sync_file_tracks(
    lake: Lake,
    connection: Connection,
    year: int,
    recorded: dict[int, Recorded],
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Make the tracks of gold's activities of `year` that are missing or stale; how many. `recorded`: from `recorded_tracks`."""
    made = 0
    in_place = track_origins(lake, year)
    rows = connection.execute("SELECT id, athlete_id FROM activities_all WHERE year = $year", {"year": year}).fetchall()
    for activity_id, athlete_id in rows:
        if activity_id in recorded:
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
                made += 1
                tick()
    return made


def remove_strays(lake: Lake, connection: Connection) -> int:
    """Remove the tracks of activities that belong to another year by now, whatever partitions there are; how many.

    They are in that year's folder, or made there when it is looked at.
    """
    years = dict(connection.execute("SELECT id, year FROM activities_all").fetchall())
    strays = [
        path
        for path in lake.tracks.glob("year=*/*.parquet")
        if path.stem.removeprefix("-").isdigit()
        and (belongs_to := years.get(int(path.stem))) is not None
        and path.parent.name != f"year={belongs_to}"
    ]
    for path in strays:
        path.unlink()
    return len(strays)


def _origin(recorded: Recorded) -> str:
    return f"{OF_A_FILE}v{VERSION}:" + ",".join(f"{digest}-{place}" for digest, place in recorded)
