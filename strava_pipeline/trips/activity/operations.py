"""The steps of a run for activity trips: read, measured and judged, stored without positions, merged, published, reported.

Measuring and judging are rules/'s, reading and decrypting reading/'s. Positions stay in memory, a batch at a time, and
no report contains one, nor a device's detail or free text. Without TRIPS_SOURCE nothing is read and no stored row
changes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.numbers import Numbers
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.merging import publish_all_right, publish_if_right
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport, table_report
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.trips.activity.readings import Scope
from strava_pipeline.trips.activity.rules.bundle import State
from strava_pipeline.trips.activity.rules.replay import (
    PENDING,
    STATUSES,
)
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY
from strava_pipeline.trips.activity.trip_reading import Reading, TripsRead, states_of

NO_SOURCE = "TRIPS_SOURCE is not set: there are no trips to read."
MAX_UNREADABLE = 0.01  # share of the trips: more means that a key is missing or that something writes damaged columns


BOTH = (TRIP_INDEX.name, TRIP_DIAGNOSTICS.name)


def read_trips(
    run: RunContext,
    settings: Settings,
    years: Sequence[int],
    *,
    allow_shrink: bool = False,
    again: bool = False,
    assets: Collection[str] = BOTH,
    checks: Collection[str] = BOTH,
) -> list[StepReport]:
    """Read the trips of `years` that are new or changed, measure and judge them, into `trip_index` and `trip_diagnostics`;
    publish if both are correct.

    Args:
        allow_shrink: mark all trips that the source lacks as deleted, however much of a year that is.
        again: read all trips of these years, changed or not.
        assets: the tables to report; both are made, or none.
        checks: the tables to check.

    Raises SourceError, MissingSettingsError.
    """
    found = dict[str, TripsRead]()
    if settings.trips_source and assets:
        found = Reading(run, settings, Scope(years, run.years, again=again)).tables(allow_shrink)
    of_both = publish_all_right(run, BOTH)
    of_both[TRIP_INDEX.name] += [_known_statuses(run), _one_id_each(found.get(TRIP_INDEX.name))]
    of_both[TRIP_DIAGNOSTICS.name].append(_readable(run, years))
    reports = []
    for name in (name for name in BOTH if name in {*assets, *checks}):
        read = found.get(name)
        findings = [*of_both[name], _not_shrunk(read)]
        if read is None and name in assets:
            reports.append(StepReport(name, [], findings=findings, notes={"result": NO_SOURCE}))
        else:
            numbers = [read] if read and name in assets else None
            reports.append(table_report(name, numbers, read.rows if read else {}, years, findings))
    return reports


@dataclass(frozen=True, slots=True)
class Replayed(Numbers):
    """Totals of the replay by version of the algorithms."""

    totals_by_algorithm: dict[str, Any]


def replay_trips(run: RunContext, settings: Settings) -> StepReport:
    """Sum up what every version of the algorithms decides on all trips, into `trip_replay`; publish if the table is correct.

    The trips are those that the last reading listed; one that was not read yet, being of another year, is read.
    """
    totals = (
        Reading(run, settings, Scope(run.years.all, run.years, is_stored=False)).replay()
        if settings.trips_source
        else {}
    )
    findings = publish_if_right(run, TRIP_REPLAY.name)
    notes = {} if settings.trips_source else {"result": NO_SOURCE}
    return StepReport(TRIP_REPLAY.name, [Replayed(totals)], len(totals), findings=findings, notes=notes)


def _known_statuses(run: RunContext) -> Finding:
    """Whether all stored statuses mean a verdict, or its absence."""
    with reading(run.lake) as connection:
        query = "SELECT DISTINCT status FROM trip_index WHERE deleted_at IS NULL AND status IS NOT NULL"
        held = {status for (status,) in connection.execute(query).fetchall()}
    unknown = sorted(held - STATUSES.keys() - PENDING)
    return Finding(
        "known_statuses",
        not unknown,
        advice=f"Statuses that no verdict is known for: {', '.join(unknown)}. They count as needs_review.",
        refuses=False,
    )


def _readable(run: RunContext, years: Sequence[int]) -> Finding:
    """Whether the locations of nearly all trips of these years could be decrypted and read."""
    states = states_of(run, years)["locations"]
    unreadable, total = states[State.UNDECRYPTABLE] + states[State.MALFORMED], sum(states.values())
    share = unreadable / total if total else 0.0
    return Finding(
        "readable",
        share <= MAX_UNREADABLE,
        {"unreadable_share": share},
        "Is a key missing? keys_used tells which ones opened something.",
        refuses=False,
    )


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
