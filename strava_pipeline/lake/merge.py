"""Merging into gold: shards into `activities_all`, details into their tables, the profile into `athlete` and `gear`.

Bulk and by key, one statement per table. What is merged twice changes nothing. No fetching, no parsing of its own.
The functions that take a connection work inside the caller's transaction.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from strava_pipeline.core.details import detail_frames
from strava_pipeline.core.rows import frame, typed_rows
from strava_pipeline.core.tables import ACTIVITY_DETAILS, ATHLETE, CHILDREN, GEAR
from strava_pipeline.lake.detail_files import DetailFiles, detail_files, read_details
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.profile_files import newest_athlete, newest_gear
from strava_pipeline.lake.shards import LOCK, holdings, shard_files
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection, changed, note, notes, reading, writing

MERGED = "merged:"  # + year: a note in the warehouse of which listings it has taken in, with how many pages of each
BATCH = 250  # details held in memory at once: some 25 MB of Python objects


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


def merge_activities(connection: Connection, lake: Lake, year: int, *, force: bool = False) -> MergeReport:
    """One year's shards into `activities_all`."""
    report = MergeReport()
    with locked(lake, LOCK):
        shards = _paths(lake, year)
        if shards:
            elsewhere = connection.execute(sql("held_elsewhere"), {"shards": shards, "year": year}).fetchall()
            others = [path for (other,) in elsewhere for path in _paths(lake, other)]
            values = {"shards": shards, "others": others, "year": year, "force": force}
            report.count(connection.execute(sql("merge_activities"), values).fetchall())
        name, taken_in = f"{MERGED}{year}", json.dumps(holdings(lake, year), sort_keys=True)
        if notes(connection, name).get(name) != taken_in:
            note(connection, name, taken_in)
    if report.wrote:
        changed(connection)
    return report


def _paths(lake: Lake, year: int) -> list[str]:
    return [str(path) for path in shard_files(lake, year)]


def merge_details(lake: Lake, year: int) -> MergeReport:
    """The year's details on disk that are newer than gold's, a transaction per batch: all rows of one or none."""
    report = MergeReport()
    on_disk = detail_files(lake, year)
    if not any(files.good for files in on_disk.values()):
        return report
    with reading(lake) as connection:
        known = "SELECT activity_id, fetched_at FROM activity_details WHERE activity_id IN (SELECT unnest($ids))"
        held = dict(connection.execute(known, {"ids": list(on_disk)}).fetchall())
    fresh = [
        files
        for activity_id, files in sorted(on_disk.items())
        if files.good_at is not None and (activity_id not in held or held[activity_id] < files.good_at)
    ]
    for batch in _batches(fresh):
        with writing(lake) as connection:
            merge_detail_batch(connection, lake, batch, report)
    return report


def merge_detail_batch(connection: Connection, lake: Lake, files: Sequence[DetailFiles], report: MergeReport) -> None:
    """Some details into all their tables, within the caller's transaction."""
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


def sync_kudos(connection: Connection, years: Sequence[int]) -> int:
    """Raise `activity_details.kudos_count` to what the listing says; the number of rows raised."""
    row = connection.execute(sql("kudos_sync"), {"years": list(years)}).fetchone()
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
    rows.write_parquet(path, compression="lz4")
    return str(path)


def _batches(files: list[DetailFiles]) -> Iterator[list[DetailFiles]]:
    for start in range(0, len(files), BATCH):
        yield files[start : start + BATCH]
