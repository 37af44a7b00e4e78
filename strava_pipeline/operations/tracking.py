"""Making the tracks of some years from files and streams, measuring them, and updating routes and tiles.

The methods stand in lake/: tracks.py, recording_pairs.py, track_measures.py, routes.py, tile_visits.py.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.tables import PAIR_AGREEMENTS, ROUTE_MEMBERS, TILE_VISITS
from strava_pipeline.core.text import counted
from strava_pipeline.lake.gold.matches import note_tracks_current
from strava_pipeline.lake.gold.measured import note_measured, unmeasured_years
from strava_pipeline.lake.gold.personal import sync_goals
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.imports.activities import ImportedActivities, SessionKeys, imported_activities
from strava_pipeline.lake.imports.manifests import undone_names
from strava_pipeline.lake.imports.merge import note_tracks_written
from strava_pipeline.lake.imports.undo import are_tracks_due, note_tracks_left_out
from strava_pipeline.lake.locks import try_locked
from strava_pipeline.lake.made.cut_tracks import sync_cut_tracks
from strava_pipeline.lake.made.device_changes import tell_changes
from strava_pipeline.lake.made.made_files import without_damage
from strava_pipeline.lake.made.recording_pairs import compare_pairs, due_pairs
from strava_pipeline.lake.made.routes import sync_routes
from strava_pipeline.lake.made.tile_visits import sync_tile_visits
from strava_pipeline.lake.made.track_measures import MEASURED, due_tracks, measure_tracks
from strava_pipeline.lake.made.tracks import (
    recorded_tracks,
    remove_stray_tracks,
    remove_tracks_of_undone,
    sync_file_tracks,
    sync_stream_tracks,
    tracks_by_activity,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import provider_files
from strava_pipeline.operations.progress import LogProgress, Progress, progressing
from strava_pipeline.operations.run_context import RunContext

log = logging.getLogger(__name__)
_MADE = (*MEASURED, PAIR_AGREEMENTS, TILE_VISITS, ROUTE_MEMBERS)
_AT_ONCE = 200  # tracks: as many as a list has rows to correct; each takes some 20 ms
LOCK = "track_measures"  # of two runs at once, each would write a year's file without the other's results


@dataclass(slots=True)
class TracksReport(Numbers):
    """The results for tracks. `streams_damaged`: unreadable streams, which are to be fetched again.

    `pairs_compared`: activities whose recordings were compared; `tracks_measured`: tracks whose curves, cells and so on
    were computed; `routes_looked_for`: ways that looked for their route. `tile_years_written`: years whose visits of
    tiles were written; `tracks`: how many exist in the years asked for.
    """

    tracks_written: int = 0
    tracks_from_files: int = 0
    tracks_removed: int = 0
    streams_damaged: int = 0
    pairs_compared: int = 0
    tracks_measured: int = 0
    routes_looked_for: int = 0
    tile_years_written: int = 0
    tracks: int = 0

    def __str__(self) -> str:
        return f"Made {counted(self.tracks_written, 'track')}; {self.tracks} in these years"


def make_tracks(run: RunContext, years: Sequence[int]) -> TracksReport:
    """Make tracks from files first, since streams are only needed for the rest; the warehouse is held for a year at a time."""
    report = TracksReport()
    came = _came(run)  # once: imports that come meanwhile are not recorded as written
    if are_tracks_due(run.lake):
        with writing(run.lake) as connection:
            report.tracks_removed += remove_tracks_of_undone(run.lake, connection)
    with progressing(run.progress, "Making tracks", None) as advance:
        for year in years:
            with writing(run.lake) as connection:
                if undone_names(run.lake) != came.undone:  # an undone import's must not be written after its removal
                    came = _came(run)
                of_each = tracks_by_activity(connection, came.recorded)
                of_files = sync_file_tracks(run.lake, connection, year, of_each, came.givers, lambda: advance(1))
                of_streams = sync_stream_tracks(run.lake, connection, year, lambda: advance(1))
                note_tracks_written(connection, came.imports, year)
                note_tracks_current(connection, [year])
            report.tracks_written += of_files + of_streams.made
            report.tracks_from_files += of_files
            report.tracks_removed += of_streams.removed
            report.streams_damaged += of_streams.damaged
    with writing(run.lake) as connection:
        report.tracks_removed += remove_stray_tracks(run.lake, connection)
        if set(run.years.all) <= set(years) and came.undone == undone_names(run.lake):
            note_tracks_left_out(connection, came.undone)

    def measure() -> None:
        compared = _compare(run, years, came.recorded)
        report.pairs_compared = sum(compared.values())
        report.tracks_measured = _measure(run.lake, [*years, *compared], run.progress)
        report.tile_years_written = len(sync_tile_visits(run.lake))
        report.routes_looked_for = sync_routes(run.lake)

    with run.exclusive(LOCK):
        without_damage(run.lake, _MADE, measure)
    return report


def _compare(run: RunContext, years: Sequence[int], recorded: Mapping[int, SessionKeys]) -> dict[int, int]:
    """Compare the new and changed recordings of one activity; returns the number of such activities by changed year."""
    with reading(run.lake) as connection:
        due = due_pairs(run.lake, connection, years, recorded)
    count = sum(len(each.stale) for each in due)
    with progressing(run.progress, "Comparing recordings", count or None) as advance:
        for each in due:
            compare_pairs(run.lake, each, lambda: advance(1))
    if count:
        with reading(run.lake) as connection:
            tell_changes(run.lake, connection, run.now())
    return {each.year: len(each.stale) for each in due}


def _measure(lake: Lake, years: Sequence[int], progress: Progress, *, most: int | None = None) -> int:
    """Compute the measures of each new or changed track; returns the number of tracks. The warehouse is free meanwhile.

    `most`: nothing is computed if more tracks are due, or more copies of tracks.
    """
    with reading(lake) as connection:
        sync_goals(connection, lake)
        if not sync_cut_tracks(lake, connection, most=most):
            return 0
        said = unmeasured_years(connection)
        due = due_tracks(lake, connection, {*years, *said})
    if most is not None:
        due = [each for each in due if each.year in said]
    count = sum(len(each.stale) for each in due)
    if most is not None and count > most:
        return 0
    if due:
        with progressing(progress, "Measuring tracks", count) as advance:
            for each in due:
                measure_tracks(lake, each, lambda: advance(1))
    if said:
        with writing(lake) as connection:
            note_measured(connection, said)
    return count


def measure_what_was_said(lake: Lake, progress: Progress | None = None) -> None:
    """Compute again what depends on a person's words of activities, and on rules.

    The next run follows instead where one is computing now, or, without `progress`, where more is due than a person can wait for.
    """

    def measure() -> None:
        if _measure(lake, (), progress or LogProgress(log), most=None if progress else _AT_ONCE):
            sync_tile_visits(lake)
            sync_routes(lake)

    with try_locked(lake, LOCK) as is_free:
        if is_free:
            without_damage(lake, _MADE, measure)


@dataclass(frozen=True, slots=True)
class _Came:
    """The files so far.

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
