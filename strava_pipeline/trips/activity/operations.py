"""The steps of a run for activity trips: read, measured and judged, stored without positions, merged, published, reported.

Measuring and judging are rules/'s, reading and decrypting reading/'s. Positions stay in memory, a batch at a time, and
no report contains one, nor a device's detail or free text. Without TRIPS_SOURCE nothing is read and no stored row
changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from strava_pipeline.core.numbers import Numbers, if_any
from strava_pipeline.core.tables import Table
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.deletions import is_suspicious
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.operations.merging import publish_if_right
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport, table_report
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.trips.activity.keeping import SaveReport, merge, save_trips, saved_trips
from strava_pipeline.trips.activity.reading.connect import trip_keys, trip_routes, trip_source
from strava_pipeline.trips.activity.reading.read import Tally, plain_rows, read_bundles
from strava_pipeline.trips.activity.reading.source import ListedTrip, TripSource
from strava_pipeline.trips.activity.rules.bundle import State
from strava_pipeline.trips.activity.rules.diagnosis import diagnose, diagnostics_rows, index_rows, replay_row
from strava_pipeline.trips.activity.rules.replay import BASELINE, PENDING, STATUSES, Sweep
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import ALGORITHMS
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY

NO_SOURCE = "TRIPS_SOURCE is not set: there are no trips to read."
MAX_UNREADABLE = 0.01  # share of the trips: more means that a key is missing or that something writes damaged columns


@dataclass(frozen=True, slots=True)
class TripsRead(Numbers):
    """The changes of a table by one reading of the source.

    Args:
        changed: rows of the run's years that are new, changed, or marked as deleted.
        rows: by year, the number of the table's trips that aren't deleted.
        duplicates: trips left out because another one has their external id.
        deletions_refused: trips that the source lacks and that were not marked as deleted, because they are too many.
        tally: states of the encrypted columns, and which keys opened them.
    """

    changed: SaveReport
    rows: dict[int, int] = field(repr=False)
    duplicates: int = field(repr=False)
    deletions_refused: int = field(repr=False)
    tally: Tally = field(repr=False)

    def shown(self) -> dict[str, Any]:
        tally = if_any(keys_used=self.tally.keys_used, payloads_by_state=self.tally.counts) if self.tally.trips else {}
        return Numbers.shown(self) | tally


def index_trips(run: RunContext, settings: Settings, years: Sequence[int], *, allow_shrink: bool = False) -> StepReport:
    """Bring the plain columns of the trips of `years` into `trip_index`; publish if the table is correct.

    Args:
        allow_shrink: mark all trips that the source lacks as deleted, however much of a year that is.

    Raises SourceError, MissingSettingsError.
    """
    read = _read_index(run, settings, years, allow_shrink) if settings.trips_source else None
    unknown = unknown_statuses(run)
    known_statuses = Finding(
        "known_statuses",
        not unknown,
        advice=f"Statuses that no verdict is known for: {', '.join(unknown)}. They count as needs_review.",
        refuses=False,
    )
    findings = [*publish_if_right(run, TRIP_INDEX.name), known_statuses, _one_id_each(read), _not_shrunk(read)]
    return _report(TRIP_INDEX, read, findings, years)


def diagnose_trips(
    run: RunContext, settings: Settings, years: Sequence[int], *, allow_shrink: bool = False
) -> StepReport:
    """Measure and judge the trips of `years` into `trip_diagnostics`; publish if the table is correct.

    Args:
        allow_shrink: mark all trips that the source lacks as deleted, however much of a year that is.

    Raises SourceError, MissingSettingsError.
    """
    read = _read_diagnostics(run, settings, years, allow_shrink) if settings.trips_source else None
    share = unreadable_share(run, years)
    readable = Finding(
        "readable",
        share <= MAX_UNREADABLE,
        {"unreadable_share": share},
        "Is a key missing? keys_used tells which ones opened something.",
        refuses=False,
    )
    findings = [*publish_if_right(run, TRIP_DIAGNOSTICS.name), readable, _not_shrunk(read)]
    return _report(TRIP_DIAGNOSTICS, read, findings, years)


@dataclass(frozen=True, slots=True)
class Replayed(Numbers):
    """Totals of the replay by version of the algorithms."""

    totals_by_algorithm: dict[str, Any]


def replay_trips(run: RunContext, settings: Settings) -> StepReport:
    """Run every version of the algorithms over all trips, into `trip_replay`; publish if the table is correct."""
    totals = _replay_all(run, settings) if settings.trips_source else {}
    findings = publish_if_right(run, TRIP_REPLAY.name)
    notes = {} if settings.trips_source else {"result": NO_SOURCE}
    return StepReport(TRIP_REPLAY.name, [Replayed(totals)], len(totals), findings=findings, notes=notes)


def _report(table: Table, read: TripsRead | None, findings: Sequence[Finding], years: Sequence[int]) -> StepReport:
    """The report. `read`: None without a source."""
    if read is None:
        return StepReport(table.name, [], findings=findings, notes={"result": NO_SOURCE})
    return table_report(table.name, [read], read.rows, years, findings)


def _read_index(run: RunContext, settings: Settings, years: Sequence[int], allow_shrink: bool) -> TripsRead:
    trip_keys(settings)  # a run without keys ends before it begins
    with trip_source(settings) as source:
        listed = _listed(source, run)
    held = saved_trips(run.lake, TRIP_INDEX)
    rows = listed.rows.filter(_concerned(held, years))
    return _keep(run, TRIP_INDEX, rows, _gone(held, listed, years), Tally(), listed, allow_shrink)


def _read_diagnostics(run: RunContext, settings: Settings, years: Sequence[int], allow_shrink: bool) -> TripsRead:
    keys, limits = trip_keys(settings), thresholds()
    tally, frames = Tally(keys=keys.count), [diagnostics_rows([], {}, limits.version)]
    with trip_source(settings) as source:
        listed = _listed(source, run)
        held = saved_trips(run.lake, TRIP_DIAGNOSTICS)
        partitions = dict(listed.rows.filter(_concerned(held, years)).select("external_id", "year").iter_rows())
        order = [listed.places[name] for name in partitions]
        with (
            trip_routes(settings) as routes,
            progressing(run.progress, "Diagnosing trips", len(order)) as advance,
        ):
            for batch in read_bundles(source, keys, order=order):
                tally.add(batch)
                found = [(trip.bundle, trip.diagnosis) for trip in diagnose(batch, limits, routes(batch))]
                frames.append(diagnostics_rows(found, partitions, limits.version))
                advance(len(batch))
    gone = _gone(held, listed, years)
    return _keep(run, TRIP_DIAGNOSTICS, pl.concat(frames), gone, tally, listed, allow_shrink)


def _replay_all(run: RunContext, settings: Settings) -> dict[str, dict[str, Any]]:
    keys = trip_keys(settings)
    replays = [Sweep(algorithm, {BASELINE: thresholds(algorithm.full_name)}) for algorithm in ALGORITHMS]
    with trip_source(settings) as source, progressing(run.progress, "Replaying trips", None) as advance:
        for batch in read_bundles(source, keys):
            for replay in replays:
                replay.add(batch)
            advance(len(batch))
    rows = [
        replay_row(replay.algorithm.full_name, replay.thresholds.version, replay.input_hash, replay.totals())
        for replay in replays
    ]
    save_trips(run.lake, TRIP_REPLAY, pl.concat(rows), run.now())
    with writing(run.lake) as connection:
        merge(connection, run.lake)
    return {replay.algorithm.full_name: replay.totals() for replay in replays}


@dataclass(frozen=True, slots=True)
class _Listed:
    """The rows of `trip_index` for every trip of the source, latest first, and by external id the trip's place in the list.

    Of several trips with one external id the latest start counts; `duplicates`: how many others there are.
    """

    rows: pl.DataFrame
    places: dict[str, ListedTrip]
    duplicates: int


def _listed(source: TripSource, run: RunContext) -> _Listed:
    frames, places, seen = [index_rows([], run.years)], dict[str, ListedTrip](), 0
    for rows in plain_rows(source):
        new = {row["external_id"]: row for row in reversed(rows) if row["external_id"] not in places}
        places |= {name: row["listed"] for name, row in reversed(new.items())}
        frames.append(index_rows(list(reversed(new.values())), run.years))
        seen += len(rows)
    return _Listed(pl.concat(frames), places, seen - len(places))


def _concerned(held: pl.DataFrame, years: Sequence[int]) -> pl.Expr:
    """Trips of these years, now or at their last reading."""
    before = held.filter(pl.col("year").is_in(list(years)))["external_id"]
    return pl.col("year").is_in(list(years)) | pl.col("external_id").is_in(before.implode())


def _gone(held: pl.DataFrame, listed: _Listed, years: Sequence[int]) -> pl.DataFrame:
    """The stored trips of these years that aren't deleted; `gone`: whether the source no longer has them in any year."""
    present = held.filter(pl.col("year").is_in(list(years)), pl.col("deleted_at").is_null())
    return present.select("external_id", gone=~pl.col("external_id").is_in(list(listed.places)))


def _keep(
    run: RunContext,
    table: Table,
    rows: pl.DataFrame,
    present: pl.DataFrame,
    tally: Tally,
    listed: _Listed,
    allow_shrink: bool,
) -> TripsRead:
    gone = present.filter("gone")["external_id"].to_list()
    refused = 0 if allow_shrink or not is_suspicious(len(gone), present.height) else len(gone)
    kept = save_trips(run.lake, table, rows, run.now(), gone=[] if refused else gone)
    with writing(run.lake) as connection:
        merge(connection, run.lake)
    there = saved_trips(run.lake, table).filter(pl.col("deleted_at").is_null())
    return TripsRead(kept, dict(there.group_by("year").len().iter_rows()), listed.duplicates, refused, tally)


def unknown_statuses(run: RunContext) -> list[str]:
    """Unknown stored statuses, which mean neither a verdict nor its absence."""
    held = saved_trips(run.lake, TRIP_INDEX).filter(pl.col("deleted_at").is_null())["status"].drop_nulls().unique()
    return sorted({*held} - STATUSES.keys() - PENDING)


def unreadable_share(run: RunContext, years: Sequence[int]) -> float:
    """The share of the trips of these years whose locations can't be decrypted or read."""
    held = saved_trips(run.lake, TRIP_DIAGNOSTICS).filter(
        pl.col("deleted_at").is_null(), pl.col("year").is_in(list(years))
    )
    bad = held.filter(pl.col("locations_state").is_in([State.UNDECRYPTABLE.value, State.MALFORMED.value]))
    return bad.height / held.height if held.height else 0.0


def _not_shrunk(read: TripsRead | None) -> Finding:
    """Whether too much would be marked as deleted: a wrong or just emptied source must not delete everything."""
    refused = read.deletions_refused if read else 0
    return Finding(
        "not_shrunk",
        not refused,
        {"deletions_not_marked": refused},
        "Nothing was marked as deleted: the source lacks too much to be believed. Is it the right one? If that is "
        "meant, launch these years with allow_shrink: true in the asset's config.",
        refuses=False,
    )


def _one_id_each(read: TripsRead | None) -> Finding:
    duplicates = read.duplicates if read else 0
    return Finding(
        "one_id_each",
        not duplicates,
        {"trips_left_out": duplicates},
        "Of trips with one external id the one that started last is kept, the others are not.",
        refuses=False,
    )
