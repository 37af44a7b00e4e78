"""Which years lack something of what was imported: rows, details, tracks or files that a run has not brought down. Reads only.

What a run that ended in the middle left undone is found here, so whoever comes next does it.
"""

import json
from collections.abc import Iterable
from contextlib import suppress

from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.imported import Imported, imported, is_made
from strava_pipeline.lake.imports import imports
from strava_pipeline.lake.merge import merged_pages, years_lacking
from strava_pipeline.lake.merge_imported import files_are_merged, fresh_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.warehouse import (
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    is_a_database,
    note,
    notes,
    reading,
)

_TRACKS = "tracks:"  # + year: a note of the imports whose tracks of the year are written


def years_behind_imports(lake: Lake, years: YearRange) -> set[int]:
    """The partitions; all of an import's where there is no warehouse yet, or one that is to be made anew.

    An import without an activity, of broken files say, is of no year, and of the newest here: `files` tells of it.
    """
    if not any(is_made(lake, one.name) for one in imports(lake)):
        return set()
    if lake.working.exists() and is_a_database(lake.working):
        with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
            return _behind(connection, lake, years)
    return {years.newest}.union(*(each.listing.manifest.years_within(years) for each in imported(lake)))


def _behind(connection: Connection, lake: Lake, years: YearRange) -> set[int]:
    merged, fresh = merged_pages(connection), {each.name for each in fresh_imports(connection, lake)}
    tracks = {key: json.loads(value) for key, value in notes(connection, _TRACKS).items()}
    found: set[int] = set()
    for each in imported(lake):
        found |= years_lacking(merged, each.listing, years)
        for year in each.listing.manifest.years_within(years):
            if each.name in fresh or each.name not in tracks.get(f"{_TRACKS}{year}", []):
                found.add(year)
    if not found and not files_are_merged(connection, lake) and all(is_made(lake, one.name) for one in imports(lake)):
        found.add(years.newest)
    return found


def note_tracks(connection: Connection, known: Iterable[Imported], year: int) -> None:
    """The tracks of these imports are written for the year, within the caller's transaction."""
    names = json.dumps([each.name for each in known])
    if notes(connection, _TRACKS).get(f"{_TRACKS}{year}", "[]") != names:
        note(connection, f"{_TRACKS}{year}", names)
