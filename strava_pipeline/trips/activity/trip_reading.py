"""One reading of the source: what is due is decrypted, measured and judged, saved and merged, batch by batch.

What is due is readings.py's. Positions stay in memory, a batch at a time.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl

from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.core.tables import Table
from strava_pipeline.core.text import counted
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.deletions import is_suspicious
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.trips.activity.keeping import SaveReport, compact, merge, save_trips, saved_trips
from strava_pipeline.trips.activity.measuring import Measured, Measuring, SealedTrip
from strava_pipeline.trips.activity.processes import spread
from strava_pipeline.trips.activity.reading.connect import Answers, trip_keys, trip_routes, trip_source, trip_url
from strava_pipeline.trips.activity.reading.opening import file_mark
from strava_pipeline.trips.activity.reading.read import sealed_rows
from strava_pipeline.trips.activity.reading.source import TripSource
from strava_pipeline.trips.activity.readings import Readings, Scope, with_readings
from strava_pipeline.trips.activity.rules.bundle import State
from strava_pipeline.trips.activity.rules.diagnosis import replay_row
from strava_pipeline.trips.activity.rules.replay import Groups, hash_of, totals_of
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import ALGORITHMS
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY

READER = 1  # raised where the code reads or judges otherwise with the same thresholds: then all are read again
BATCH = 2_000  # trips that are saved at once, in a file of their own: a second of work, which a kill loses
WORTH_A_PROCESS = 5_000  # trips: two seconds of work; a process takes one to start


@dataclass(frozen=True, slots=True)
class TripsRead(Numbers):
    """The changes of a table by one reading of the source.

    Args:
        changed: rows of the run's years that are new, changed, or marked as deleted.
        listed: trips of the source, of all years.
        unchanged: of these, how many were not read.
        read: trips that were read.
        read_new: of these, how many were read for the first time.
        read_changed: how many because the source changed them.
        read_again: how many because of keys, thresholds, versions, years, the router, or a person's wish.
        rows: by year, the number of the table's trips that aren't deleted.
        duplicates: trips left out because another one has their external id.
        deletions_refused: trips that the source lacks and that were not marked as deleted, because they are too many.
        keys_used: how many trips each key opened, by its place.
        keys_missing: trips that were opened by a key that is no longer there; their rows stay as they are.
        payloads_by_state: states of the encrypted columns.
    """

    changed: SaveReport
    listed: int
    unchanged: int
    read: int
    read_new: int
    read_changed: int
    read_again: int
    rows: dict[int, int] = field(repr=False)
    duplicates: int = field(repr=False)
    deletions_refused: int = field(repr=False)
    keys_used: dict[str, int]
    keys_missing: int
    payloads_by_state: dict[str, dict[str, int]]

    def __str__(self) -> str:
        is_new = self.read or self.changed != SaveReport()
        listed = counted(self.listed, "trip")
        return sentence(
            f"{listed} listed, {self.read:,} read" if is_new else f"nothing new in {listed}",
            (self.read_new, f"{self.read_new:,} new"),
            (self.read_changed, f"{self.read_changed:,} changed"),
            (self.read_again, f"{self.read_again:,} again"),
            (self.changed.deleted, f"{self.changed.deleted:,} gone"),
            (self.keys_missing, f"{self.keys_missing:,} of a key that is no longer there, kept as read"),
        )


class Reading:
    """One reading of the source: what is due is decrypted, measured and judged, batch by batch."""

    def __init__(self, run: RunContext, settings: Settings, scope: Scope) -> None:
        self._run, self._settings, self._scope = run, settings, scope
        self._keys = trip_keys(settings)  # a run without keys ends before it begins
        self._salt = _salt(settings)
        self._saved = {TRIP_INDEX.name: SaveReport(), TRIP_DIAGNOSTICS.name: SaveReport()}

    def tables(self, allow_shrink: bool) -> dict[str, TripsRead]:
        """Bring both tables up to date; what came of each."""

        def use(readings: Readings) -> tuple[Counter[str], int, dict[str | None, int], tuple[int, int], dict[int, int]]:
            self._relabel(readings)
            why = self._read(readings, is_listing=True)
            refused = self._mark_gone(readings, allow_shrink)
            self._merge()
            opened = readings.keys_used(self._scope.years, self._run.years)
            return why, refused, opened, readings.counts(), readings.rows_by_year()

        with self._run.exclusive("trips"):
            why, refused, opened, (listed, duplicates), rows = with_readings(self._run.lake, use)
        read, names, states = why.total(), self._keys.names, states_of(self._run, self._scope.years)
        return {
            table: TripsRead(
                changed=saved,
                listed=listed,
                unchanged=max(listed - read, 0),
                read=read,
                read_new=why["new"],
                read_changed=why["changed"],
                read_again=why["retried"],
                rows=rows,
                duplicates=duplicates,
                deletions_refused=refused,
                keys_used={str(place): opened.get(name, 0) for place, name in enumerate(names)} if opened else {},
                keys_missing=sum(trips for name, trips in opened.items() if name not in names),
                payloads_by_state=states,
            )
            for table, saved in self._saved.items()
        }

    def replay(self) -> dict[str, dict[str, Any]]:
        """Bring the table of the replay up to date: totals by version."""

        def use(readings: Readings) -> tuple[list[Groups], str]:
            self._read(readings, is_listing=False)
            return readings.groups(len(ALGORITHMS)), hash_of(readings.digests())

        with self._run.exclusive("trips"):
            groups, hashed = with_readings(self._run.lake, use)
        totals = {version.full_name: totals_of(found) for version, found in zip(ALGORITHMS, groups, strict=True)}
        rows = [replay_row(name, thresholds(name).version, hashed, found) for name, found in totals.items()]
        save_trips(self._run.lake, TRIP_REPLAY, pl.concat(rows), self._run.now())
        self._merge()
        return totals

    def _read(self, readings: Readings, *, is_listing: bool) -> Counter[str]:
        """Read what is due; numbers by why.

        A file that did not change since it was listed isn't opened without need. Without `is_listing` a database is listed
        only if it is another one.
        """
        with ExitStack() as stack:
            source = cache(lambda: stack.enter_context(trip_source(self._settings)))
            url = trip_url(self._settings)
            of_file = file_mark(url)
            mark = of_file or hashlib.sha256(url.encode()).hexdigest()
            if mark != readings.listed() or (is_listing and of_file is None):
                with progressing(self._run.progress, "Listing trips", None) as advance:
                    readings.list_trips(source(), mark, advance)
                readings.compare_in_turn(source(), self._scope, self._run.now().date())
            why = Counter(readings.find_due(self._scope, self._salt, self._keys.names))
            if why:
                self._read_due(readings, source(), why.total())
            return why

    def _read_due(self, readings: Readings, source: TripSource, total: int) -> None:
        batch: list[Measured] = []
        answers: Answers = {}
        with progressing(self._run.progress, "Reading trips", total) as advance:
            for measured in self._measured(readings, source, total, answers):
                batch.append(measured)
                advance(len(measured.read))
                if sum(len(each.read) for each in batch) >= BATCH:
                    self._save(readings, batch, answers)
                    batch.clear()
                    answers.clear()
            self._save(readings, batch, answers)

    def _measured(self, readings: Readings, source: TripSource, total: int, answers: Answers) -> Iterator[Measured]:
        """What is due, measured; `answers` gets those of the router. A router is asked by this process alone."""
        measuring = Measuring(self._keys, self._settings.trip_limits)
        if self._settings.trips_osrm_url is None:
            processes = min(self._settings.trips_processes, total // WORTH_A_PROCESS + 1)
            advice = "What was read before is kept, and the next run goes on."
            yield from spread(measuring.of, _sealed(readings, source), processes, advice=advice)
            return
        with trip_routes(self._settings) as routes:
            for trips in _sealed(readings, source):
                answers.update(readings.answers([due.name for due, _ in trips]))
                yield measuring.of(trips, routes, answers)

    def _save(self, readings: Readings, batch: Sequence[Measured], answers: Answers) -> None:
        """Save a batch, then note that it was read: killed in between, the next run reads it once more."""
        if not batch:
            return
        index, diagnostics = pl.concat(each.indexed for each in batch), pl.concat(each.diagnostics for each in batch)
        self._keep(TRIP_INDEX, index)
        self._keep(TRIP_DIAGNOSTICS, diagnostics)
        partitions = dict(diagnostics.select("external_id", "year").iter_rows())
        readings.record([read for each in batch for read in each.read], partitions, answers, self._salt)
        self._merge()

    def _keep(self, table: Table, rows: pl.DataFrame, gone: Sequence[str] = ()) -> None:
        self._saved[table.name] += save_trips(self._run.lake, table, rows, self._run.now(), gone=gone)

    def _relabel(self, readings: Readings) -> None:
        """Where the keys have another order, correct `key_index` without decrypting anything."""
        for moved in readings.moved_keys(self._keys.names):
            places = pl.DataFrame(moved, schema=["external_id", "place"], orient="row")
            rows = saved_trips(self._run.lake, TRIP_DIAGNOSTICS, places["external_id"])
            rows = rows.join(places, on="external_id").with_columns(key_index=pl.col("place").cast(pl.Int32))
            self._keep(TRIP_DIAGNOSTICS, rows.drop("place", "fetched_at"))
        readings.note_ring(self._keys.names)

    def _mark_gone(self, readings: Readings, allow_shrink: bool) -> int:
        """Mark the trips that the source no longer has; the number of those that are too many to be marked."""
        gone, total = readings.gone(self._scope.years)
        if not allow_shrink and is_suspicious(gone, total):
            return gone
        if gone:
            names = readings.gone_names()
            for table in (TRIP_INDEX, TRIP_DIAGNOSTICS):
                self._keep(table, pl.DataFrame(schema=table.polars_schema).drop("fetched_at"), names)
            readings.forget(names)
        return 0

    def _merge(self) -> None:
        with writing(self._run.lake) as connection:
            merge(connection, self._run.lake)
        compact(self._run.lake)


def _sealed(readings: Readings, source: TripSource) -> Iterator[list[SealedTrip]]:
    """The rows of what is due, in batches; one that is gone is left out."""
    for due in readings.due():
        wanted = {trip.listed.key: trip for trip in due}
        for rows in sealed_rows(source, [trip.listed for trip in due]):
            yield [(wanted[key], row) for key, row in rows]


def _salt(settings: Settings) -> str:
    """What answers depend on, the same for all trips: limits, versions, thresholds and the router."""
    versions = [[version.full_name, dict(thresholds(version.full_name).values)] for version in ALGORITHMS]
    limits = thresholds()
    return json_bytes(
        [
            READER,
            versions,
            limits.version,
            dict(limits.values),
            settings.trip_limits.column_bytes,
            settings.trips_osrm_url,
        ]
    ).decode()


def states_of(run: RunContext, years: Sequence[int]) -> dict[str, dict[str, int]]:
    """For each encrypted column, by the names of a bundle's `decryption`, how many trips of these years are in each state."""
    columns = {"locations": "locations", "activityDistribution": "activity_distribution", "feedback": "feedback"}
    found = {}
    with reading(run.lake) as connection:
        for name, column in columns.items():
            query = f"SELECT {column}_state, count(*) FROM trip_diagnostics WHERE {_OF_YEARS} GROUP BY 1"
            counts = dict(connection.execute(query, {"years": [*years]}).fetchall())
            found[name] = {state.value: counts.get(state.value, 0) for state in State}
    return found


_OF_YEARS = "deleted_at IS NULL AND list_contains($years, year)"
