"""Merging details, the athlete and gear into their tables, within the caller's transaction.

All rows of an activity are merged or none. Merging the same answer twice changes nothing. `sync_kudos` updates the
kudos from later listings. Details of imports and of providers' files are found by lake/imports/merge.py.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import polars as pl

from strava_pipeline.core.activities import detail_frames
from strava_pipeline.core.batches import batches
from strava_pipeline.core.process import without_garbage_collection
from strava_pipeline.core.rows import Json, frame, typed_rows
from strava_pipeline.core.sources import STRAVA, STRAVA_ARCHIVE, gear_source
from strava_pipeline.core.tables import ACTIVITY_DETAILS, ATHLETE, CHILDREN, GEAR, TABLES
from strava_pipeline.core.tables.details import ACTIVITY_SESSIONS, RECORDED
from strava_pipeline.lake.bronze.answers import (
    AnswerFiles,
    detail_files,
    items_of_kind,
    newest_athlete,
    newest_gear,
    newest_stats,
    read_details,
)
from strava_pipeline.lake.bronze.listings import ranked_sources
from strava_pipeline.lake.gold.making import Made, MergeReport, make_rows, make_staged_rows, stage, staging
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.activities import imported_gear
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import LOCK, shard_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

BATCH = 6_000_000  # packed bytes of the details held in memory at once: some 150 MB of Python objects
_OTHER_ANSWER = "gold.fetched_at <> made.fetched_at"
_SAYS_MORE = f"{_OTHER_ANSWER} AND (made.found IS NOT NULL OR gold.found IS NULL)"  # of gear


@dataclass(frozen=True, slots=True)
class DetailBatch:
    """Details that gold lacks, few enough for memory: how many, and the function that merges them."""

    size: int
    merge: Callable[[Connection, MergeReport], object]


def batches_of_answers(connection: Connection, lake: Lake, years: Iterable[int]) -> Iterator[DetailBatch]:
    """Strava's details of these years' folders that are newer than gold's."""
    if not (newest := _newest_on_disk(lake, years)):
        return
    held = fetch_times_in_gold(connection)
    fresh = [files for activity_id, files in sorted(newest.items()) if is_newer(files, held.get(activity_id))]
    sizes = {one: one.good.stat().st_size for one in fresh if one.good is not None}
    for batch in batches(sizes, sizes.__getitem__, BATCH):
        yield DetailBatch(len(batch), partial(_merge_answers, lake, batch))


def fetch_times_in_gold(connection: Connection) -> dict[int, datetime]:
    """By activity, when Strava's detail in gold was received (UTC)."""
    known = "SELECT activity_id, fetched_at AT TIME ZONE 'UTC' FROM activity_details_by_source WHERE source = $source"
    return {
        activity_id: at.replace(tzinfo=UTC)
        for activity_id, at in connection.execute(known, {"source": STRAVA}).fetchall()
    }


def _newest_on_disk(lake: Lake, years: Iterable[int]) -> dict[int, AnswerFiles]:
    """The newest good answer by activity; one whose year was edited lies in two folders."""
    newest: dict[int, AnswerFiles] = {}
    for year in years:
        for activity_id, files in detail_files(lake, year).items():
            other = newest.get(activity_id)
            if files.good_at is not None and (other is None or other.good_at is None or other.good_at < files.good_at):
                newest[activity_id] = files
    return newest


def is_newer(files: AnswerFiles, than: datetime | None) -> bool:
    """Whether the answer on disk is newer than gold's (`than`; None: gold has none), or gold's time is not believed."""
    return files.good_at is not None and (than is None or than < files.good_at or _never_came(files, than))


def _never_came(files: AnswerFiles, at: datetime) -> bool:
    return files.times is not None and at not in files.times


def _merge_answers(lake: Lake, files: Sequence[AnswerFiles], connection: Connection, report: MergeReport) -> None:
    with without_garbage_collection():
        frames, unknown = detail_frames(list(read_details(files)), athlete_id=None)
    doubted = [one for one in files if one.times is not None]
    held = fetch_times_in_gold(connection) if doubted else {}
    in_gold = ((one, held[one.activity_id]) for one in doubted if one.activity_id in held)
    disbelieved = {at for one, at in in_gold if _never_came(one, at)}
    report.unknown_fields.update(unknown)
    merge_detail_frames(connection, lake, frames, report, sorted(disbelieved))


def merge_detail_frames(
    connection: Connection,
    lake: Lake,
    frames: Mapping[str, pl.DataFrame],
    report: MergeReport,
    disbelieved: Sequence[datetime] = (),
) -> None:
    """Merge rows of details, by table, if they are newer than gold's, or from a better source.

    `disbelieved`: times of details in gold that are no longer believed.
    """
    with staging(lake) as folder:
        rows_of = {name: stage(folder, name, rows) for name, rows in frames.items()}
        details, sources = {"details": rows_of[ACTIVITY_DETAILS.name]}, ranked_sources(lake)
        connection.execute(sql("incoming_details"), {**details, "sources": sources, "disbelieved": [*disbelieved]})
        text = "SELECT * FROM read_parquet($details) SEMI JOIN incoming USING (activity_id)"
        report.count(make_rows(connection, ACTIVITY_DETAILS, text, details))
        for table, _ in CHILDREN.values():
            if table.name not in RECORDED:
                _replace(connection, table.stored, rows_of[table.name])
        if any(frames[name].height for name in RECORDED):
            sessions = {"rows": rows_of[ACTIVITY_SESSIONS.name], "sources": sources}
            connection.execute(sql("incoming_sessions"), sessions)
            for name in RECORDED:
                _replace(connection, TABLES[name].stored, rows_of[name])
    for name, rows in frames.items():
        report.rows[name] += rows.height
    mark_changed(connection)


def _replace(connection: Connection, table: str, rows: str) -> None:
    """Replace gold's rows of the incoming activities."""
    connection.execute(sql("delete_children").format(table=table))
    connection.execute(sql("insert_children").format(table=table), {"rows": rows})


def sync_kudos(connection: Connection, lake: Lake, years: Sequence[int]) -> int:
    """Raise `activity_details.kudos_count` to the counts of later listings; returns the number of rows raised."""
    with locked(lake, LOCK):
        shards = [str(path) for year in years for path in shard_files(lake, year)]
        if not shards:
            return 0
        row = connection.execute(
            sql("kudos_sync"), {"source": STRAVA, "shards": shards, "years": list(years)}
        ).fetchone()
    raised = int(row[0]) if row else 0
    if raised:
        mark_changed(connection)
    return raised


def merge_profile(connection: Connection, lake: Lake) -> MergeReport:
    """Merge the athlete and all gear as last received, inside the caller's transaction."""
    report = MergeReport()
    athlete = newest_athlete(lake)
    athlete_id = None
    if athlete is not None:
        stats_at, stats = newest_stats(lake, athlete[1]["id"])
        rows = typed_rows([{**athlete[1], "stats": stats}], ATHLETE)
        athlete_id = rows.values["athlete_id"][0]
        rows.values.update({"source": [STRAVA], "fetched_at": [athlete[0]], "stats_at": [stats_at if stats else None]})
        other = f"{_OTHER_ANSWER} OR gold.stats_at IS DISTINCT FROM made.stats_at"
        report.count(make_staged_rows(connection, lake, ATHLETE, frame(rows.values, ATHLETE), counts=other))
    gear = [*_strava_gear(lake, athlete_id), *_provider_gear(lake, athlete_id)]
    report.count(_merge_gear(connection, lake, gear))
    return report


def merge_imported_gear(connection: Connection, lake: Lake) -> None:
    """Merge the gear of archives. Strava's own answers stay; `found` is NULL for gear that only an archive names."""
    pieces = []
    for gear_id, (one, item) in imported_gear(lake).items():
        source = gear_source(STRAVA_ARCHIVE, gear_id)
        fields = {name: value for name, value in item.items() if name != "athlete_id"}
        found = True if source == STRAVA_ARCHIVE else None
        pieces.append(_Piece(source, gear_id, item.get("athlete_id"), fields, found, one.manifest.received_at))
    _merge_gear(connection, lake, pieces)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of gear as one source has it. `fields`: by the names of the source."""

    source: str | None
    gear_id: str
    athlete_id: int | None
    fields: Json
    found: bool | None
    fetched_at: datetime


def _strava_gear(lake: Lake, athlete_id: int | None) -> Iterator[_Piece]:
    gear = list(newest_gear(lake))
    named = imported_gear(lake) if gear else {}  # gear that Strava no longer shows keeps the names of an archive
    for gear_id, at, found in gear:
        item = named[gear_id][1] if gear_id in named else {}
        fields = found or {name: item[name] for name in ("name", "brand_name") if item}
        yield _Piece(STRAVA, gear_id, athlete_id, fields, found is not None, at)


def _provider_gear(lake: Lake, athlete_id: int | None) -> Iterator[_Piece]:
    for source, gear_id, at, fields in items_of_kind(lake, "gear"):
        yield _Piece(source, gear_id, athlete_id, fields, True, at)


def _merge_gear(connection: Connection, lake: Lake, pieces: Sequence[_Piece]) -> Made:
    if not pieces:
        return Made()
    rows = typed_rows([piece.fields for piece in pieces], GEAR)
    for name in ("source", "gear_id", "athlete_id", "found", "fetched_at"):
        rows.values[name] = [getattr(piece, name) for piece in pieces]
    return make_staged_rows(connection, lake, GEAR, frame(rows.values, GEAR), counts=_SAYS_MORE)
