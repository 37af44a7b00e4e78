"""The steps of a run for trips by car: pings move from the inbox into bronze, stale trips get a clock event, the log is replayed.

Addresses of trips are asked for here too, where a geocoder is set. The rules of a trip are rules/'s, the tables are keeping.py's.
No report holds a position.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_values import format_milliseconds, json_text
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.journal import ROOM, Writer
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.merging import publish_all_right
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import (
    YEAR_ROWS,
    Merged,
    Scope,
    StepReport,
    check_tables,
    table_report,
)
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.trips.car.jobs import PINGS, READINGS
from strava_pipeline.trips.car.keeping import (
    ADDRESSES_LOCK,
    Replay,
    TripFigures,
    merge_addresses,
    merge_replay,
    replayed,
    rows_by_partition,
    save_address,
    trip_figures,
    unknown_areas,
)
from strava_pipeline.trips.car.log import LOCK, PingIntake, count_readings, move_to_bronze
from strava_pipeline.trips.car.people_file import people_in
from strava_pipeline.trips.car.reading.connect import geocoder_of, oracle_of
from strava_pipeline.trips.car.rules.config import DEFAULT_LIMITS
from strava_pipeline.trips.car.rules.events import Result
from strava_pipeline.trips.car.rules.lines import (
    AnswerLine,
    LoggedAnswers,
    MissingAnswerError,
    Oracle,
    ReceivedLine,
    line_bytes,
    new_id,
)
from strava_pipeline.trips.car.rules.users import VERSION, User, ping_in, user_digest
from strava_pipeline.trips.car.tables import CAR_TRIPS, TABLES

LIVE_AGREES = "live_agrees"
CAR_TABLE_NAMES = tuple(table.name for table in TABLES)
MAX_AREAS = 120  # questions to the geocoder in one run, at one a second: the schedule starts a run every ten minutes
PATIENCE = 15.0  # seconds for answers that are on their way when a run begins
PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class AddressLookups(Numbers):
    """Areas that the geocoder answered in this run, and areas left to a later run."""

    areas_looked_up: int = 0
    areas_without_answer: int = 0


def receive_pings(run: RunContext, settings: Settings, years: Sequence[int], *, safety_net: bool) -> StepReport:
    """Move everything received into bronze; `safety_net`: also send a clock event to each user whose trip is stale.

    A safety net that can't be sent is reported and stops nothing.
    """
    fault = ""
    with run.exclusive(LOCK):
        landed = _land_with_answers(run)
        if safety_net:
            try:
                landed.safety_nets_sent = _send_clocks(run, settings)
            except PipelineError as error:  # cars.toml, a package: what was received is to be merged all the same
                fault = f"No safety net was sent: {error}"
            _add(landed, move_to_bronze(run.lake, run.clock.local()))
    waiting = "Some wait for what a car answers; the next run takes them." if landed.left else ""
    found = Finding(
        "all_taken",
        not landed.left and not landed.not_ours and not fault,
        {"lines_waiting": landed.left, "lines_not_read": landed.not_ours},
        fault or waiting,
        refuses=False,
    )
    by_year = {year: {"pings_of_year": landed.pings[year]} for year in years}
    return StepReport(PINGS, [landed], by_year=by_year, findings=[found])


def report_car_readings(run: RunContext, years: Sequence[int]) -> StepReport:
    """Count the answers of cars and routers."""
    by_year = {
        year: {YEAR_ROWS: of_year.readings, "api_errors": sum(of_year.errors.values())}
        for year, of_year in count_readings(run.lake, years).items()
    }
    return StepReport(READINGS, [], by_year=by_year)


@dataclass(frozen=True, slots=True)
class TripsMerged(Merged):
    """Figures worth watching over years: shares are of the run's partitions, statuses and pauses of this run's lines."""

    lines_replayed: int
    pings_by_status: dict[str, int]
    pauses_at_skip: int
    figures: TripFigures
    lookups: AddressLookups | None

    def __str__(self) -> str:
        return f"Trips by car: {self.rows_merged} new"


def merge_car_trips(run: RunContext, settings: Settings, scope: Scope) -> list[StepReport]:
    """Replay the log into gold from where the last replay ended, look up addresses, and publish if the tables are correct.

    The replay covers all years; figures are counted for the scope's years. Raises PipelineError for a damaged file.
    """
    if not scope.assets:  # checks alone: only a replay can compare the live state
        with reading(run.lake) as connection:
            alone = check_tables(run, connection, scope.checks, {})
        return [StepReport(name, findings=found) for name, found in alone.items()]
    live = _LiveStates(run.lake)
    with run.exclusive(LOCK):
        replay, merged = merge_replay(run.lake, live.compare_line, live.compare_all)
    lookups = look_up_addresses(run, settings)
    findings = publish_all_right(run, CAR_TABLE_NAMES)
    findings[CAR_TRIPS.name].append(_live_finding(live))
    with reading(run.lake) as connection:
        rows = {name: rows_by_partition(connection, name) for name in CAR_TABLE_NAMES}
        figures = trip_figures(connection, scope.years)
    statuses = dict(sorted(replay.statuses.items()))
    counts: dict[str, Numbers] = {name: Merged(merged.rows[name]) for name in CAR_TABLE_NAMES}
    counts[CAR_TRIPS.name] = TripsMerged(
        merged.rows[CAR_TRIPS.name], replay.lines, statuses, replay.statuses["paused_at_skip"], figures, lookups
    )
    return [
        table_report(
            name,
            [counts[name]] if name in scope.assets else None,
            rows[name],
            scope.years,
            findings[name] if name in scope.checks else (),
        )
        for name in sorted({*scope.assets, *scope.checks})
    ]


def look_up_addresses(run: RunContext, settings: Settings) -> AddressLookups | None:
    """Ask the geocoder about new areas of trips, and write the answers into `car_trips`.

    None without TRIPS_GEOCODER_URL. A geocoder that fails stops nothing: a later run asks again.
    """
    with geocoder_of(settings) as geocoder:
        if geocoder is None:
            return None
        with run.exclusive(ADDRESSES_LOCK):
            areas = unknown_areas(run.lake)
            answered = 0
            with progressing(run.progress, "Looking up addresses", min(len(areas), MAX_AREAS)) as advance:
                for area in areas[:MAX_AREAS]:
                    address = geocoder.find(area)
                    if address is not None:
                        save_address(run.lake, area, address.text, run.clock.local())
                        answered += 1
                    elif geocoder.gives_up:
                        break
                    advance(1)
            merge_addresses(run.lake)
    return AddressLookups(answered, len(areas) - answered)


def _land_with_answers(run: RunContext) -> PingIntake:
    """Move the inbox's lines to bronze; wait a little for cars that are being asked."""
    landed, until = move_to_bronze(run.lake, run.clock.local()), time.monotonic() + PATIENCE
    while landed.left and time.monotonic() < until:
        time.sleep(PAUSE)
        _add(landed, move_to_bronze(run.lake, run.clock.local()))
    return landed


def _add(landed: PingIntake, more: PingIntake) -> None:
    landed.pings += more.pings
    landed.readings += more.readings
    landed.left, landed.not_ours = more.left, landed.not_ours + more.not_ours


def _send_clocks(run: RunContext, settings: Settings) -> int:
    """Write a clock event for each stale trip into the inbox, with its car's present answer; returns how many."""
    users, now = replayed(run.lake).users, run.clock.local()
    stale = [(name, user) for name, user in users.items() if user.is_stale(now.timestamp())]
    if not stale:
        return 0
    writer = Writer(run.lake.inbox_pings, most_waiting=ROOM)
    try:
        with oracle_of(settings, people_in(settings.pings_config)) as oracle:
            for name, user in stale:
                line = _clock(name, now)
                writer.append([line_bytes(line), line_bytes(_answered(user, line, oracle))], now)
    finally:
        writer.close()
    return len(stale)


def _clock(user_id: str, now: datetime) -> ReceivedLine:
    body = json_text({"t": format_milliseconds(now.timestamp()), "event": "clock"})
    return ReceivedLine(id=new_id(now), kind="clock", user_id=user_id, received_at=now, body=body)


def _answered(user: User, line: ReceivedLine, oracle: Oracle) -> AnswerLine:
    """The answers of cars and routers to a line, requested until the tracker can take its step."""
    ping, answered = ping_in(line), AnswerLine(to=line.id, user_id=line.user_id)
    at = ping.event.t if ping else 0.0
    while True:
        try:
            user.after_line(line, LoggedAnswers(answered, at, asks_cars=True, asks_routes=True), DEFAULT_LIMITS, ping)
        except MissingAnswerError as need:
            answered = need.noted(answered, oracle, at)
        else:
            return answered


class _LiveStates:
    """The intake's live states, compared with the replayed ones at the line after which the intake recorded them.

    States recorded by another version of the intake (updated and not restarted) are not compared.
    """

    def __init__(self, lake: Lake) -> None:
        self.agreeing, self.differing = set[str](), set[str]()
        try:
            noted = dict(json.loads(lake.live_cars.read_bytes()))
        except (FileNotFoundError, ValueError):
            noted = {}
        self._live = {
            name: live for name, live in noted.items() if isinstance(live, dict) and live.get("version") == VERSION
        }

    def compare_all(self, replay: Replay) -> None:
        """Compare every user before the replay goes on."""
        for name, user in replay.users.items():
            self._compare(name, user)

    def compare_line(self, line: ReceivedLine, user: User, _: Result | None) -> None:
        """Compare the user of a line that was replayed."""
        self._compare(line.user_id, user)

    def _compare(self, name: str, user: User) -> None:
        live = self._live.get(name)
        if live and live["after"] == user.after and name not in self.agreeing | self.differing:
            (self.agreeing if live["state"] == user_digest(user) else self.differing).add(name)


def _live_finding(live: _LiveStates) -> Finding:
    return Finding(
        LIVE_AGREES,
        not live.differing,
        {"users_agreeing": len(live.agreeing), "users_differing": len(live.differing)},
        "The trips are right, because they come from the replay; the live status that phones were shown was not. Restart the "
        "intake, so that it starts from the replay: strava-pipeline service restart.",
        refuses=False,
    )
