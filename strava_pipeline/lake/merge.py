"""Merging shards into `activities_all`: bulk, by key, one statement for some years. What is merged twice changes nothing.

The functions take a connection and work inside the caller's transaction. No parsing of its own.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.connections import spill
from strava_pipeline.lake.listing import Listing
from strava_pipeline.lake.listings import sources_of, times_of_all
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.shards import LOCK, damage_named, holdings, shard_files
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.staging import MergeReport
from strava_pipeline.lake.warehouse import Connection, changed, note, notes, unmark

MERGED = "merged:"  # + year: a note in the warehouse of which listings it has taken in, with how many pages of each
SHARDS = "shards:"  # + year: a note of which files these were, so that the same ones are not merged again
SHARED = "shared_years"  # a note of the pairs of years that ever held the same activity
SHARDS_AT_ONCE = 4_000_000  # bytes of Parquet that one statement takes in


def merge_activities(connection: Connection, lake: Lake, years: Sequence[int], *, force: bool = False) -> MergeReport:
    """The shards of `years` into `activities_all`; years whose shards are those merged last are passed over."""
    report = MergeReport()
    with locked(lake, LOCK):
        files = {year: shard_files(lake, year) for year in years}
        known = notes(connection, SHARDS)
        due = [year for year in years if force or known.get(f"{SHARDS}{year}") != shard_signature(files[year])]
        believed = [*times_of_all(lake).pages] if due else []
        for some in batches(due, files):
            spill(connection)
            _merge_years(
                connection, lake, some, [path for year in some for path in files[year]], believed, force, report
            )
            for year in some:
                note(connection, f"{MERGED}{year}", json.dumps(holdings(lake, year), sort_keys=True))
                note(connection, f"{SHARDS}{year}", shard_signature(files[year]))
    if report.wrote:
        changed(connection)
    return report


def _merge_years(
    connection: Connection,
    lake: Lake,
    years: list[int],
    shards: Sequence[Path],
    believed: list[datetime],
    force: bool,
    report: MergeReport,
) -> None:
    if not shards:
        return
    paths = [str(path) for path in shards]
    with damage_named(shards):
        elsewhere = _sharing(connection, paths, set(years))
    others = [path for other in elsewhere for path in shard_files(lake, other)]
    values = {
        "shards": paths,
        "others": [str(path) for path in others],
        "years": years,
        "sources": sources_of(lake),
        "imported": sorted(IMPORTED),
        "believed": believed,
        "force": force,
    }
    with damage_named([*shards, *others]):
        actions = connection.execute(sql("merge_activities"), values).fetchall()
    report.count(actions)
    for other in elsewhere if actions else ():
        unmark(connection, f"{SHARDS}{other}")  # what left that year belongs there again if these shards lose it


def _sharing(connection: Connection, shards: Sequence[str], years: set[int]) -> list[int]:
    """The other years that ever held some of the same activities: without them an edit would be seen where none was."""
    known = _shared(connection)
    pairs = known | set(connection.execute(sql("shared_years"), {"shards": shards}).fetchall())
    if pairs != known:
        note(connection, SHARED, json.dumps(sorted(pairs)))
    return sharing(connection, years)


def sharing(connection: Connection, years: Iterable[int]) -> list[int]:
    """The years that ever held an activity of `years`, without these, as far as was merged."""
    pairs, wanted = _shared(connection), set(years)
    reached = set(wanted)
    while more := {year for pair in pairs if reached.intersection(pair) for year in pair} - reached:
        reached |= more
    return sorted(reached - wanted)


def _shared(connection: Connection) -> set[tuple[int, int]]:
    return {(one, other) for one, other in json.loads(notes(connection, SHARED).get(SHARED, "[]"))}


def merged_pages(connection: Connection) -> dict[int, dict[str, int]]:
    """How many pages of which listings gold has taken in, by year."""
    return {int(name.removeprefix(MERGED)): json.loads(pages) for name, pages in notes(connection, MERGED).items()}


def years_lacking(merged: Mapping[int, Mapping[str, int]], listing: Listing, within: YearRange) -> set[int]:
    """The partitions of which gold has not taken in every page of the listing; `merged`: from `merged_pages`."""
    manifest = listing.manifest
    return {
        year
        for year in manifest.years_within(within)
        if merged.get(year, {}).get(listing.name, 0) < manifest.pages_for(year, within)
    }


def batches(years: Sequence[int], files: Mapping[int, Sequence[Path]]) -> Iterator[list[int]]:
    """Years to be merged in one statement: it costs some 40 ms, however little there is to merge."""
    some: list[int] = []
    size = 0
    for year in years:
        of_year = sum(path.stat().st_size for path in files[year])
        if some and size + of_year > SHARDS_AT_ONCE:
            yield some
            some, size = [], 0
        some.append(year)
        size += of_year
    if some:
        yield some


def shard_signature(shards: Sequence[Path]) -> str:
    """What tells these files from any that will ever stand in their place: one that changes is written anew."""
    seen = [(path.name, path.stat()) for path in shards]
    return json.dumps([(name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in seen])
