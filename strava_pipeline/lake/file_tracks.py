"""Tracks out of imported files: which activity of gold has which points, and the files in data/tracks that show them.

Points come from the readings, no file is decoded here. A track that a file tells stands before Strava's streams: it has
every point, and names and edits are none of its matter.
"""

from collections.abc import Callable, Iterable

from strava_pipeline.core.files.recording import VERSION
from strava_pipeline.core.sources import FILE, SOURCES
from strava_pipeline.lake.imported import Imported, Recorded
from strava_pipeline.lake.imports import all_imports, counting
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.readings import has_track, track_of
from strava_pipeline.lake.tracks import OF_A_FILE, is_of_a_file, track_athlete, track_origins, track_path, write_track
from strava_pipeline.lake.warehouse import Connection


def recorded_tracks(known: Iterable[Imported]) -> dict[int, Recorded]:
    """Where the track of each activity lies, of the best source that has one, and of its newest import."""
    found: dict[int, Recorded] = {}
    for each in sorted(known, key=lambda each: (-_place(each.source), each.name)):
        found |= each.tracks()
    return found


def _place(source: str) -> int:
    """The place of a source among those whose tracks count, the best first; a provider's before a mere file's."""
    return SOURCES.index(source) if source in SOURCES else SOURCES.index(FILE) - 1


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


def _origin(recorded: Recorded) -> str:
    return f"{OF_A_FILE}v{VERSION}:" + ",".join(f"{digest}-{place}" for digest, place in recorded)
