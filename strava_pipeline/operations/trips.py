"""What a run does with trips: reads them, has them measured and judged, keeps what may be kept, merges it into gold.

Measuring and judging are core's, reading and decrypting ingest's. Positions stay in memory, a batch at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from strava_pipeline.core.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY, Table
from strava_pipeline.core.trips.activity.algorithms import algorithms
from strava_pipeline.core.trips.activity.bundle import State
from strava_pipeline.core.trips.activity.diagnose import diagnose
from strava_pipeline.core.trips.activity.kept import diagnostics_rows, index_rows, replay_row
from strava_pipeline.core.trips.activity.labels import PENDING, STATUSES
from strava_pipeline.core.trips.activity.replay import Replay
from strava_pipeline.core.trips.activity.thresholds import thresholds
from strava_pipeline.ingest.trips.connect import trip_keys, trip_routes, trip_source
from strava_pipeline.ingest.trips.index import plain_rows
from strava_pipeline.ingest.trips.read import read_bundles
from strava_pipeline.ingest.trips.table import Listed, TripSource
from strava_pipeline.ingest.trips.tally import Tally
from strava_pipeline.lake.tombstones import is_too_much
from strava_pipeline.lake.trips import Kept, keep_trips, kept_trips, merge_trips
from strava_pipeline.lake.warehouse import writing
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the rows of the run's years, how many the table has of each year, and what reading came to."""

    kept: Kept
    rows: dict[int, int]
    doubled: int  # trips of an external id that another one has
    held_back: int  # trips that the source lacks and that nothing was marked of
    tally: Tally


def take_index(run: RunContext, settings: Settings, years: Sequence[int], *, allow_shrink: bool = False) -> Taken:
    """The plain columns of the trips of `years` into `trip_index`. Raises SourceError, MissingSettingsError."""
    trip_keys(settings)  # a run without keys ends before it begins
    with trip_source(settings) as source:
        listed = _listed(source, run)
    held = kept_trips(run.lake, TRIP_INDEX)
    rows = listed.rows.filter(_concerned(held, years))
    return _keep(run, TRIP_INDEX, rows, _gone(held, listed, years), Tally(), listed, allow_shrink)


def diagnose_trips(run: RunContext, settings: Settings, years: Sequence[int], *, allow_shrink: bool = False) -> Taken:
    """The trips of `years` measured and judged, into `trip_diagnostics`. Raises SourceError, MissingSettingsError."""
    keys, limits = trip_keys(settings), thresholds()
    tally, frames = Tally(keys=keys.count), [diagnostics_rows([], {}, limits.version)]
    with trip_source(settings) as source:
        listed = _listed(source, run)
        held = kept_trips(run.lake, TRIP_DIAGNOSTICS)
        partitions = dict(listed.rows.filter(_concerned(held, years)).select("external_id", "year").iter_rows())
        order = [listed.places[name] for name in partitions]
        with (
            trip_routes(settings) as routes,
            progressing(run.progress, "Diagnosing trips", len(order)) as advance,
        ):
            for batch in read_bundles(source, keys, order=order):
                tally.add(batch)
                found = [(trip.bundle, trip.told) for trip in diagnose(batch, limits, routes(batch))]
                frames.append(diagnostics_rows(found, partitions, limits.version))
                advance(len(batch))
    gone = _gone(held, listed, years)
    return _keep(run, TRIP_DIAGNOSTICS, pl.concat(frames), gone, tally, listed, allow_shrink)


def replay_trips(run: RunContext, settings: Settings) -> dict[str, dict[str, Any]]:
    """Every version of the algorithms over all trips, into `trip_replay`: its totals by its name."""
    keys = trip_keys(settings)
    replays = [Replay(each, thresholds(each.full_name)) for each in algorithms()]
    with trip_source(settings) as source, progressing(run.progress, "Replaying trips", None) as advance:
        for batch in read_bundles(source, keys):
            for replay in replays:
                replay.add(batch)
            advance(len(batch))
    rows = [
        replay_row(it.algorithm.full_name, it.thresholds.version, str(it.input_hash), it.totals()) for it in replays
    ]
    keep_trips(run.lake, TRIP_REPLAY, pl.concat(rows), run.now())
    with writing(run.lake) as connection:
        merge_trips(connection, run.lake)
    return {it.algorithm.full_name: it.totals() for it in replays}


@dataclass(frozen=True, slots=True)
class _Listed:
    """The rows of `trip_index` for every trip there is, latest first, and by which of the source's list each is found.

    Of several trips with one external id the one that started last counts; `doubled`: how many others there are.
    """

    rows: pl.DataFrame
    places: dict[str, Listed]
    doubled: int


def _listed(source: TripSource, run: RunContext) -> _Listed:
    frames, places, seen = [index_rows([], run.years)], dict[str, Listed](), 0
    for rows in plain_rows(source):
        new = {row["external_id"]: row for row in reversed(rows) if row["external_id"] not in places}
        places |= {name: row["listed"] for name, row in reversed(new.items())}
        frames.append(index_rows(list(reversed(new.values())), run.years))
        seen += len(rows)
    return _Listed(pl.concat(frames), places, seen - len(places))


def _concerned(held: pl.DataFrame, years: Sequence[int]) -> pl.Expr:
    """Trips of these years, and those that were of them when they were last looked at."""
    before = held.filter(pl.col("year").is_in(list(years)))["external_id"]
    return pl.col("year").is_in(list(years)) | pl.col("external_id").is_in(before.implode())


def _gone(held: pl.DataFrame, listed: _Listed, years: Sequence[int]) -> pl.DataFrame:
    """The trips kept of these years and present so far; `gone`: the source has them in no year any more."""
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
) -> Taken:
    gone = present.filter("gone")["external_id"].to_list()
    held_back = 0 if allow_shrink or not is_too_much(len(gone), present.height) else len(gone)
    kept = keep_trips(run.lake, table, rows, run.now(), gone=[] if held_back else gone)
    with writing(run.lake) as connection:
        merge_trips(connection, run.lake)
    there = kept_trips(run.lake, table).filter(pl.col("deleted_at").is_null())
    return Taken(kept, dict(there.group_by("year").len().iter_rows()), listed.doubled, held_back, tally)


def unknown_statuses(run: RunContext) -> list[str]:
    """Stored statuses that mean neither a verdict nor that there is none yet."""
    held = kept_trips(run.lake, TRIP_INDEX).filter(pl.col("deleted_at").is_null())["status"].drop_nulls().unique()
    return sorted({*held} - STATUSES.keys() - PENDING)


def unreadable_share(run: RunContext, years: Sequence[int]) -> float:
    """Of the trips of these years, how many have locations that can't be decrypted or read."""
    held = kept_trips(run.lake, TRIP_DIAGNOSTICS).filter(
        pl.col("deleted_at").is_null(), pl.col("year").is_in(list(years))
    )
    bad = held.filter(pl.col("locations_state").is_in([State.UNDECRYPTABLE.value, State.MALFORMED.value]))
    return bad.height / held.height if held.height else 0.0
