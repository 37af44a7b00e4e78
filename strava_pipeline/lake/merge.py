"""Merging into gold: shards into `activities_all`, details into their tables, the profile into `athlete` and `gear`.

Bulk and by key, one statement per table. What is merged twice changes nothing. No fetching, no parsing of its own.
The functions that take a connection work inside the caller's transaction.
"""

import gc
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from strava_pipeline.core.details import detail_frames
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.rows import frame, typed_rows
from strava_pipeline.core.tables import ACTIVITY_DETAILS, ATHLETE, CHILDREN, GEAR
from strava_pipeline.lake.detail_files import DetailFiles, detail_files, read_details
from strava_pipeline.lake.files import write_rows
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.profile_files import newest_athlete, newest_gear
from strava_pipeline.lake.shards import LOCK, holdings, set_aside_unreadable, shard_files
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection, changed, note, notes, reading, unmark, writing

MERGED = "merged:"  # + year: a note in the warehouse of which listings it has taken in, with how many pages of each
SHARDS = "shards:"  # + year: a note of which files these were, so that the same ones are not merged again
SHARED = "shared_years"  # a note of the pairs of years that ever held the same activity
SHARDS_AT_ONCE = 4_000_000  # bytes of Parquet that one statement takes in
BATCH = 6_000_000  # packed bytes of the details held in memory at once: some 150 MB of Python objects


@dataclass(slots=True)
class MergeReport:
    """Rows by what became of them, and of details the rows per table and the fields that have no column."""

    inserted: int = 0
    updated: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def count(self, actions: list[tuple[str]]) -> None:
        self.inserted += sum(action == "INSERT" for (action,) in actions)
        self.updated += sum(action == "UPDATE" for (action,) in actions)

    @property
    def wrote(self) -> bool:
        return bool(self.inserted or self.updated)


def merge_activities(connection: Connection, lake: Lake, years: Sequence[int], *, force: bool = False) -> MergeReport:
    """The shards of `years` into `activities_all`; years whose shards are those merged last are passed over."""
    report = MergeReport()
    with locked(lake, LOCK):
        files = {year: shard_files(lake, year) for year in years}
        known = notes(connection, SHARDS)
        due = [year for year in years if force or known.get(f"{SHARDS}{year}") != _signature(files[year])]
        for some in _together(due, files):
            _merge_years(connection, lake, some, [path for year in some for path in files[year]], force, report)
            for year in some:
                note(connection, f"{MERGED}{year}", json.dumps(holdings(lake, year), sort_keys=True))
                note(connection, f"{SHARDS}{year}", _signature(files[year]))
    if report.wrote:
        changed(connection)
    return report


def _merge_years(
    connection: Connection, lake: Lake, years: list[int], shards: Sequence[Path], force: bool, report: MergeReport
) -> None:
    if not shards:
        return
    paths = [str(path) for path in shards]
    with _damage_named(shards):
        elsewhere = _sharing(connection, paths, set(years))
    others = [path for other in elsewhere for path in shard_files(lake, other)]
    values = {"shards": paths, "others": [str(path) for path in others], "years": years, "force": force}
    with _damage_named([*shards, *others]):
        actions = connection.execute(sql("merge_activities"), values).fetchall()
    report.count(actions)
    for other in elsewhere if actions else ():
        unmark(connection, f"{SHARDS}{other}")  # what left that year belongs there again if these shards lose it


@contextmanager
def _damage_named(shards: Sequence[Path]) -> Iterator[None]:
    """DuckDB says that something can't be read, not which file."""
    try:
        yield
    except duckdb.Error as error:
        if damaged := set_aside_unreadable(shards):
            raise PipelineError(
                f"{', '.join(damaged)}: damaged, and set aside. `strava-pipeline rebuild` makes it anew from bronze, "
                "without a call."
            ) from error
        raise


def _sharing(connection: Connection, shards: Sequence[str], years: set[int]) -> list[int]:
    """The other years that ever held some of the same activities: without them an edit would be seen where none was."""
    known = {tuple(pair) for pair in json.loads(notes(connection, SHARED).get(SHARED, "[]"))}
    pairs = known | set(connection.execute(sql("shared_years"), {"shards": shards}).fetchall())
    if pairs != known:
        note(connection, SHARED, json.dumps(sorted(pairs)))
    reached = set(years)
    while more := {year for pair in pairs if reached.intersection(pair) for year in pair} - reached:
        reached |= more
    return sorted(reached - years)


def _signature(shards: Sequence[Path]) -> str:
    """What tells these files from any that will ever stand in their place: one that changes is written anew."""
    seen = [(path.name, path.stat()) for path in shards]
    return json.dumps([(name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in seen])


def _together(years: Sequence[int], files: Mapping[int, Sequence[Path]]) -> Iterator[list[int]]:
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


def merge_details(
    lake: Lake, years: Iterable[int], *, tick: Callable[[int], object] = lambda merged: None
) -> MergeReport:
    """The details on disk that are newer than gold's, a transaction per batch: all rows of one or none.

    `tick` is told the size of each batch.
    """
    report = MergeReport()
    newest = _newest_on_disk(lake, years)
    if not newest:
        return report
    with reading(lake) as connection:
        fresh = _fresh(connection, newest)
    for batch in _batches(fresh):
        with writing(lake) as connection:
            merge_detail_batch(connection, lake, batch, report)
        tick(len(batch))
    return report


def merge_fresh_details(connection: Connection, lake: Lake, years: Iterable[int]) -> None:
    """What `merge_details` does, within the caller's transaction: for the few that came since the last look."""
    for batch in _batches(_fresh(connection, _newest_on_disk(lake, years))):
        merge_detail_batch(connection, lake, batch, MergeReport())


def _fresh(connection: Connection, newest: dict[int, DetailFiles]) -> list[DetailFiles]:
    known = "SELECT activity_id, fetched_at AT TIME ZONE 'UTC' FROM activity_details"
    held = {activity_id: at.replace(tzinfo=UTC) for activity_id, at in connection.execute(known).fetchall()}
    return [files for activity_id, files in sorted(newest.items()) if _is_newer(files, held.get(activity_id))]


def _newest_on_disk(lake: Lake, years: Iterable[int]) -> dict[int, DetailFiles]:
    """The good answers by activity; of one whose year was edited, which lies in two folders, the newest."""
    newest: dict[int, DetailFiles] = {}
    for year in years:
        for activity_id, files in detail_files(lake, year).items():
            other = newest.get(activity_id)
            if _is_newer(files, other.good_at if other else None):
                newest[activity_id] = files
    return newest


def _is_newer(files: DetailFiles, than: datetime | None) -> bool:
    return files.good_at is not None and (than is None or than < files.good_at)


def merge_detail_batch(connection: Connection, lake: Lake, files: Sequence[DetailFiles], report: MergeReport) -> None:
    """Some details into all their tables, within the caller's transaction."""
    with _without_garbage_collection():
        frames, unknown = detail_frames(list(read_details(files)), athlete_id=None)
    with _staging(lake) as folder:
        staged = {name: _staged(folder, name, rows) for name, rows in frames.items()}
        details = {"details": staged[ACTIVITY_DETAILS.name]}
        connection.execute(sql("incoming_details"), details)
        report.count(connection.execute(sql("merge_details"), details).fetchall())
        for table, _ in CHILDREN.values():
            connection.execute(sql("delete_children").format(table=table.name))
            connection.execute(sql("insert_children").format(table=table.name), {"rows": staged[table.name]})
    for name, rows in frames.items():
        report.rows[name] += rows.height
    report.unknown.update(unknown)
    changed(connection)


def sync_kudos(connection: Connection, lake: Lake, years: Sequence[int]) -> int:
    """Raise `activity_details.kudos_count` to what listings showed since; the number of rows raised."""
    with locked(lake, LOCK):
        shards = [str(path) for year in years for path in shard_files(lake, year)]
        if not shards:
            return 0
        row = connection.execute(sql("kudos_sync"), {"shards": shards, "years": list(years)}).fetchone()
    raised = int(row[0]) if row else 0
    if raised:
        changed(connection)
    return raised


def merge_profile(connection: Connection, lake: Lake) -> MergeReport:
    """The athlete and all gear as last received, into their tables."""
    report = MergeReport()
    athlete = newest_athlete(lake)
    athlete_id = None
    if athlete is not None:
        rows = typed_rows([athlete[1]], ATHLETE)
        athlete_id = rows.values["athlete_id"][0]
        rows.values.update({"source": ["strava"], "fetched_at": [athlete[0]]})
        report.count(_merge_small(connection, lake, ATHLETE.name, "athlete_id", frame(rows.values, ATHLETE)))
    gear = list(newest_gear(lake))
    if gear:
        rows = typed_rows([found or {} for _, _, found in gear], GEAR)
        rows.values.update(
            {
                "gear_id": [gear_id for gear_id, _, _ in gear],
                "athlete_id": [athlete_id] * len(gear),
                "source": ["strava"] * len(gear),
                "found": [found is not None for _, _, found in gear],
                "fetched_at": [at for _, at, _ in gear],
            }
        )
        report.count(_merge_small(connection, lake, GEAR.name, "gear_id", frame(rows.values, GEAR)))
    if report.wrote:
        changed(connection)
    return report


def _merge_small(connection: Connection, lake: Lake, table: str, key: str, rows: pl.DataFrame) -> list[tuple[str]]:
    with _staging(lake) as folder:
        staged = _staged(folder, table, rows)
        return connection.execute(sql("merge_by_key").format(table=table, key=key), {"rows": staged}).fetchall()


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A hundred thousand objects of JSON, no cycle among them: looking for some takes a sixth of a merge's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _staging(lake: Lake) -> Iterator[Path]:
    """A folder for what is on its way into the warehouse: below the data folder, because it holds positions.

    Only who holds the warehouse has one, so that whatever lies there before is a dead process's.
    """
    shutil.rmtree(lake.staging, ignore_errors=True)
    lake.staging.mkdir(parents=True)
    try:
        yield lake.staging
    finally:
        shutil.rmtree(lake.staging, ignore_errors=True)


def _staged(folder: Path, name: str, rows: pl.DataFrame) -> str:
    path = folder / f"{name}.parquet"
    write_rows(path, rows, "lz4", {})
    return str(path)


def _batches(files: Iterable[DetailFiles]) -> Iterator[list[DetailFiles]]:
    """In the order given, as many at a time as memory is meant to hold."""
    batch: list[DetailFiles] = []
    size = 0
    for one in files:
        if one.good is not None:
            batch.append(one)
            size += one.good.stat().st_size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
