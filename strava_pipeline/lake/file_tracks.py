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
from strava_pipeline.lake.tracks import OF_A_FILE, track_origins, track_path, write_track
from strava_pipeline.lake.warehouse import Connection


def recorded_tracks(known: Iterable[Imported]) -> dict[int, Recorded]:
    """Where the track of each activity lies, of the best source that has one, and of its newest import."""
    found: dict[int, Recorded] = {}
    for each in sorted(known, key=lambda each: (-SOURCES.index(each.source), each.name)):
        found |= each.tracks()
    return found


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
    belong = {_origin(each): activity_id for activity_id, each in recorded.items()}
    in_place = track_origins(lake, year)
    rows = connection.execute("SELECT id, athlete_id FROM activities_all WHERE year = $year", {"year": year}).fetchall()
    for activity_id, athlete_id in rows:
        origin = in_place.get(activity_id, "")
        if activity_id not in recorded and belong.get(origin, activity_id) != activity_id:
            track_path(lake, year, activity_id).unlink()
        if activity_id in recorded:
            if in_place.get(activity_id) == _origin(recorded[activity_id]):
                continue
            read = {each: track for each in recorded[activity_id] if (track := track_of(lake, *each)) is not None}
            origin = _origin(tuple(read))  # once the other parts are read too, it is another one
            if len(read) < len(recorded[activity_id]) and activity_id in in_place:
                continue  # it may hold more
            parts = [track.rename({"at": "recorded_at"}) for track in read.values()]  # AT is a word of DuckDB's own
            if parts:
                write_track(lake, year, activity_id, athlete_id, FILE, parts, origin)
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


def _origin(recorded: Recorded) -> str:
    return f"{OF_A_FILE}v{VERSION}:" + ",".join(f"{digest}-{place}" for digest, place in recorded)
