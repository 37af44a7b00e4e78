"""Makes the tracks of some years from files and streams, measures them, and lets routes and tiles follow.

How stands in lake/: tracks.py, track_measures.py, routes.py, tile_visits.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from strava_pipeline.lake.gold.matches import note_tracks_current
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.imports.activities import ImportedActivities, SessionKeys, imported_activities
from strava_pipeline.lake.imports.manifests import undone_names
from strava_pipeline.lake.imports.merge import note_tracks_written
from strava_pipeline.lake.imports.undo import are_tracks_due, note_tracks_left_out
from strava_pipeline.lake.providers import provider_files
from strava_pipeline.lake.routes import sync_routes
from strava_pipeline.lake.tile_visits import sync_tile_visits
from strava_pipeline.lake.track_measures import due_tracks, measure_tracks
from strava_pipeline.lake.tracks import (
    recorded_tracks,
    remove_stray_tracks,
    remove_tracks_of_undone,
    sync_file_tracks,
    sync_stream_tracks,
    tracks_by_activity,
)
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext

LOCK = "track_measures"  # two runs at once would each write a year's file without what the other computed


@dataclass(slots=True)
class TracksReport:
    """What became of the tracks. `damaged`: streams that can't be read and are to be fetched again.

    `measured`: tracks whose curves, cells and so on were computed; `assigned`: ways that looked for their route.
    `years_of_tiles`: years whose visits of tiles were written.
    """

    made: int = 0
    made_of_files: int = 0
    removed: int = 0
    damaged: int = 0
    measured: int = 0
    assigned: int = 0
    years_of_tiles: int = 0


def make_tracks(run: RunContext, years: Sequence[int]) -> TracksReport:
    """Files first: what they tell, streams need not; the warehouse is held for a year at a time."""
    report = TracksReport()
    came = _came(run)  # once: what is imported meanwhile is not noted as written
    if are_tracks_due(run.lake):
        with writing(run.lake) as connection:
            report.removed += remove_tracks_of_undone(run.lake, connection)
    with progressing(run.progress, "Making tracks", None) as advance:
        for year in years:
            with writing(run.lake) as connection:
                if undone_names(run.lake) != came.undone:  # an undone import's must not be written behind its removal
                    came = _came(run)
                of_each = tracks_by_activity(connection, came.recorded)
                of_files = sync_file_tracks(run.lake, connection, year, of_each, came.givers, lambda: advance(1))
                of_streams = sync_stream_tracks(run.lake, connection, year, lambda: advance(1))
                note_tracks_written(connection, came.imports, year)
                note_tracks_current(connection, [year])
            report.made += of_files + of_streams.made
            report.made_of_files += of_files
            report.removed += of_streams.removed
            report.damaged += of_streams.damaged
    with writing(run.lake) as connection:
        report.removed += remove_stray_tracks(run.lake, connection)
        if set(run.years.all) <= set(years) and came.undone == undone_names(run.lake):
            note_tracks_left_out(connection, came.undone)
    with run.exclusive(LOCK):
        report.measured = _measure(run, years)
        report.years_of_tiles = len(sync_tile_visits(run.lake))
        report.assigned = sync_routes(run.lake)
    return report


def _measure(run: RunContext, years: Sequence[int]) -> int:
    """Compute what is computed once of each new or changed track; returns of how many. The warehouse is free meanwhile."""
    with reading(run.lake) as connection:
        due = due_tracks(run.lake, connection, years)
    if not due:
        return 0
    count = sum(len(each.stale) for each in due)
    with progressing(run.progress, "Measuring tracks", count) as advance:
        for each in due:
            measure_tracks(run.lake, each, lambda: advance(1))
    return count


@dataclass(frozen=True, slots=True)
class _Came:
    """What came in files.

    Args:
        imports: the imports that count.
        undone: the names of those that were undone.
        recorded: where the track of each activity lies, of imports and of providers' files.
        givers: the provider that gave a file, by the hash of its bytes.
    """

    imports: list[ImportedActivities]
    undone: list[str]
    recorded: dict[int, SessionKeys]
    givers: dict[str, str]


def _came(run: RunContext) -> _Came:
    """What came in files until now."""
    undone, known = undone_names(run.lake), list(imported_activities(run.lake))
    recorded = recorded_tracks(run.lake, known)
    return _Came(known, undone, recorded, {file.record.sha256: file.source for file in provider_files(run.lake)})
