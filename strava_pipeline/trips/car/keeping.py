"""Trips by car in the warehouse: the replay of bronze from where the last one ended, addresses, queries. Makes no calls.

The replay's position is stored with the trips in the warehouse, and with each user's state in
data/state/car_tracker.json. If that file is behind the warehouse, some lines are replayed again, which changes nothing.
If it is lost, or ahead of a warehouse that was rebuilt, the replay starts from the first ping. Each answer of a
geocoder is a line of data/bronze/addresses.jsonl (an area and its address, or null), so none is asked for twice and a
rebuild makes no calls. The asker holds ADDRESSES_LOCK.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from strava_pipeline.core.geodesy import Area, area_of
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.tables import Table
from strava_pipeline.lake.files import append_line, sync_folder, write_whole
from strava_pipeline.lake.gold.making import MergeReport, make_staged_rows, stage, staging
from strava_pipeline.lake.gold.notes import MADE, mark_changed, note, noted
from strava_pipeline.lake.gold.warehouse import Connection, reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lookups.rows import rows_by
from strava_pipeline.trips.car.log import bronze_files, has_unread_pings, newest_file, waiting_lines
from strava_pipeline.trips.car.rules.config import DEFAULT_LIMITS, Limits
from strava_pipeline.trips.car.rules.events import Result
from strava_pipeline.trips.car.rules.lines import AnswerLine, LoggedAnswers, ReceivedLine
from strava_pipeline.trips.car.rules.trip import Trip
from strava_pipeline.trips.car.rules.users import VERSION, Outcomes, User, ping_in, read_user, user_json
from strava_pipeline.trips.car.tables import TABLES

_NOTE = f"{MADE}car_trips {VERSION}"  # the last merged file of bronze; rows of another version are replaced
_FILE = "car_tracker.json"
LineListener = Callable[[ReceivedLine, User, Result | None], object]
_COMPARED = ("end_time", "car_id", "distance_km", "distance_source", "classification", "via")
ADDRESSES_LOCK = "addresses"
_ENDS = {"start_address": ("start_lat", "start_lng"), "end_address": ("end_lat", "end_lng")}
_ROWS = {"trip_id": pl.String, **dict.fromkeys(_ENDS, pl.String)}


@dataclass(slots=True)
class Replay:
    """Users' states after the last replayed file of bronze, and the outcomes of its lines.

    `before`: the statuses of the lines before those of this replay.
    """

    users: dict[str, User] = field(default_factory=dict)
    after: str | None = None
    outcomes: Outcomes = field(default_factory=Outcomes)
    statuses: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    # (line, car) that the tracker needed and nobody had asked
    unknown: set[tuple[str, str]] = field(default_factory=set)

    @property
    def total(self) -> Counter[str]:
        """The statuses of all lines since the first."""
        return self.before + self.statuses

    def run(self, lake: Lake, limits: Limits, on_line: LineListener | None = None) -> None:
        """Replay the files of bronze after `after`. `on_line` gets each line, the user's state and the result."""
        for name, lines in bronze_files(lake, self.after):
            for line, answered in lines:
                self.replay_line(line, answered, limits, on_line)
            self.after = name

    def replay_line(
        self, line: ReceivedLine, answered: AnswerLine | None, limits: Limits, on_line: LineListener | None = None
    ) -> None:
        ping = ping_in(line)
        answers = LoggedAnswers(answered, ping.event.t if ping else 0.0)
        user, result = self.users.get(line.user_id, User()).after_line(line, answers, limits, ping)
        self.users[line.user_id] = user
        self.lines += 1
        self.unknown.update((line.id, car_id) for car_id in answers.unknown)
        if result is not None:
            self.statuses[result.status] += 1
            self.outcomes.add(result, user.config, line.received_at)
        if on_line is not None:
            on_line(line, user, result)


def resume_replay(lake: Lake) -> Replay:
    """A replay that continues the last one if its trips are in the warehouse; otherwise one from the first line."""
    with reading(lake) as connection:
        merged = noted(connection, _NOTE)
    kept = last_replay(lake)
    return kept if kept.after is not None and kept.after <= merged else Replay()


def last_replay(lake: Lake) -> Replay:
    """The states that the last run saved, or initial ones."""
    try:
        saved = json.loads((lake.state / _FILE).read_bytes())
        users = {name: read_user(user) for name, user in saved["users"].items()}
        return Replay(users, saved["after"], before=Counter(saved["statuses"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Replay()


def replayed(lake: Lake) -> Replay:
    """The states after everything in bronze, with the usual limits."""
    replay = last_replay(lake)
    replay.run(lake, DEFAULT_LIMITS)
    return replay


def is_due(lake: Lake, now: datetime) -> bool:
    """Whether a run has work: new pings, files of bronze not replayed yet (a run died, or the states are lost), or a
    trip that has been silent for long.
    """
    if has_unread_pings(lake):
        return True
    replay = last_replay(lake)
    return newest_file(lake) != replay.after or any(user.is_stale(now.timestamp()) for user in replay.users.values())


def save_replay(lake: Lake, replay: Replay) -> None:
    """Save the states for the next run, once the trips are committed."""
    users = {name: user_json(user) for name, user in replay.users.items()}
    states = {"after": replay.after, "users": users, "statuses": replay.total}
    write_whole(lake.state / _FILE, json.dumps(states).encode())


def merge_replay(
    lake: Lake, on_line: LineListener | None = None, before: "Callable[[Replay], object] | None" = None
) -> tuple[Replay, MergeReport]:
    """Replay the new files of bronze, and merge the results. `before` receives the replay before that."""
    replay = resume_replay(lake)
    if before is not None:
        before(replay)
    is_first = replay.after is None
    replay.run(lake, DEFAULT_LIMITS, on_line)
    with writing(lake) as connection:
        report = _merge(connection, lake, replay, is_first)
    save_replay(lake, replay)
    return replay, report


def merge(connection: Connection, lake: Lake) -> MergeReport:
    """Merge all trips from the first line of bronze, inside the caller's transaction."""
    replay = Replay()
    replay.run(lake, DEFAULT_LIMITS)
    return _merge(connection, lake, replay, is_first=True)


def _merge(connection: Connection, lake: Lake, replay: Replay, is_first: bool) -> MergeReport:
    report = MergeReport()
    if replay.after is None:
        return report
    for table, rows in _rows(replay.outcomes):
        if is_first:
            connection.execute(_sql("delete_all").format(table=table.stored))
        if rows.height:  # a row that is there stays
            made = make_staged_rows(connection, lake, table, rows, counts="false")
            report.rows[table.name] = made.inserted
            report.count(made)
    with staging(lake) as folder:
        report.updated += fill_addresses(connection, lake, folder)
    note(connection, _NOTE, replay.after)
    if report.updated:
        mark_changed(connection)
    return report


def _sql(name: str) -> str:
    return sql(f"sql/{name}", __package__ or "")


def _rows(outcomes: Outcomes) -> Iterator[tuple[Table, pl.DataFrame]]:
    rows_of: dict[str, list[dict[str, Any]]] = outcomes.rows()
    for table in TABLES:
        rows = pl.DataFrame(rows_of[table.name], schema=table.polars_schema, orient="row")
        yield table, rows.unique(table.key, keep="first", maintain_order=True)


def current_users(lake: Lake) -> dict[str, User]:
    """Each user's state after everything received; a line about which no car was asked yet counts as unanswered."""
    waiting, replay, known = waiting_lines(lake), last_replay(lake), set[str]()
    replay.run(lake, DEFAULT_LIMITS, lambda line, *_: known.add(line.id))
    answers = {line.to: line for line in waiting if isinstance(line, AnswerLine)}
    for line in waiting:
        if isinstance(line, ReceivedLine) and line.id not in known:  # a run may just have moved it to bronze
            replay.replay_line(line, answers.get(line.id), DEFAULT_LIMITS)
    return replay.users


def published_trips(connection: Connection, user_id: str | None, year: int | None, most: int) -> list[dict[str, Any]]:
    """Trips as published, the newest first, without positions."""
    return rows_by(connection, _sql("car_trips_listed"), {"user": user_id, "year": year, "most": most})


@dataclass(frozen=True, slots=True)
class TripDifference:
    """A trip by its start; `before` and `after`: its values with the usual limits and with others, or None without a trip."""

    trip_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(slots=True)
class Comparison:
    """Trips with the usual limits and with others. `unknown`: how often the tracker needed an answer that nobody had
    asked for then.
    """

    trips_before: int
    trips_after: int
    cancelled_before: int
    cancelled_after: int
    unknown: int
    different: list[TripDifference] = field(default_factory=list)


def compare_limits(lake: Lake, limits: Limits) -> Comparison:
    """Replay all of bronze with the usual limits and with `limits`."""
    before, after = Replay(), Replay()
    before.run(lake, DEFAULT_LIMITS)
    after.run(lake, limits)
    old, new = _by_id(before), _by_id(after)
    found = Comparison(
        len(old),
        len(new),
        len(before.outcomes.cancellations),
        len(after.outcomes.cancellations),
        len(after.unknown - before.unknown),
    )
    for trip_id in sorted(old.keys() | new.keys()):
        if old.get(trip_id) != new.get(trip_id):
            found.different.append(TripDifference(trip_id, old.get(trip_id), new.get(trip_id)))
    return found


def _by_id(replay: Replay) -> dict[str, dict[str, Any]]:
    return {trip.trip_id: _compared_values(trip) for trip, _, _ in replay.outcomes.trips}


def _compared_values(trip: Trip) -> dict[str, Any]:
    return {name: getattr(trip, name) for name in _COMPARED}


@dataclass(frozen=True, slots=True)
class TripFigures(Numbers):
    """Figures of the trips of some years; None without trips."""

    cancellation_rate: float | None
    cancelled_trips_by_reason: dict[str, int]
    points_per_trip: float | None
    gps_only_share: float | None

    def shown(self) -> dict[str, Any]:
        return {"cancelled_trips": sum(self.cancelled_trips_by_reason.values()), **Numbers.shown(self)}


def trip_figures(connection: Connection, years: Sequence[int]) -> TripFigures:
    trips, points, gps_only = connection.execute(_sql("car_trips_watched"), {"years": list(years)}).fetchall()[0]
    cancelled = dict(connection.execute(_sql("car_cancellations_watched"), {"years": list(years)}).fetchall())
    none = sum(cancelled.values())
    rate = round(none / (trips + none), 4) if trips + none else None
    return TripFigures(rate, cancelled, points, gps_only)


def rows_by_partition(connection: Connection, table: str) -> dict[int, int]:
    """Rows of a table of car trips, by partition."""
    return dict(connection.execute(_sql("rows_by_partition").format(table=table)).fetchall())


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)

    lat: str
    lng: str
    address: str | None
    at: AwareDatetime


def saved_addresses(lake: Lake) -> dict[Area, str | None]:
    """Every answer so far by area, the last one if there are several. A line torn by a power cut is skipped."""
    try:
        lines = lake.addresses.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    found: dict[Area, str | None] = {}
    for text in lines:
        try:
            line = _Line.model_validate_json(text)
        except ValidationError:
            continue
        found[Area(line.lat, line.lng)] = line.address
    return found


def save_address(lake: Lake, area: Area, address: str | None, at: datetime) -> None:
    """Append an answer; it is on disk on return. The caller holds ADDRESSES_LOCK."""
    line = _Line(lat=area.lat, lng=area.lng, address=address, at=at).model_dump_json().encode() + b"\n"
    is_new = not lake.addresses.exists()
    append_line(lake.addresses, line)
    if is_new:
        sync_folder(lake.addresses.parent)


def unknown_areas(lake: Lake) -> list[Area]:
    """The areas of trips' beginnings and ends whose address was never asked for, the newest trips first."""
    known = saved_addresses(lake)
    with reading(lake) as connection:
        trips = connection.execute(_sql("car_trip_ends")).fetchall()
    ends = (end for _, *places in trips for end in (places[:2], places[2:4]))
    areas = dict.fromkeys(area_of(lat, lng) for lat, lng in ends if lat is not None and lng is not None)
    return [area for area in areas if area not in known]


def merge_addresses(lake: Lake) -> int:
    """Write the addresses into `car_trips`; returns how many rows changed."""
    with writing(lake) as connection, staging(lake) as folder:
        filled = fill_addresses(connection, lake, folder)
        if filled:
            mark_changed(connection)
    return filled


def fill_addresses(connection: Connection, lake: Lake, folder: Path) -> int:
    """The same inside the caller's transaction; `folder` is for staging."""
    known = saved_addresses(lake)
    if not known:
        return 0
    rows = [_filled(trip, known) for trip in rows_by(connection, _sql("car_trip_ends"), {})]
    new = pl.DataFrame([row for row in rows if row is not None], schema=_ROWS, orient="row")
    if new.is_empty():
        return 0
    return len(connection.execute(_sql("fill_addresses"), {"rows": stage(folder, "addresses", new)}).fetchall())


def _filled(trip: Mapping[str, str | float | None], known: Mapping[Area, str | None]) -> dict[str, str | None] | None:
    """The trip's row of addresses, or None if gold has them already."""
    found: dict[str, str | None] = {}
    for name, (north, east) in _ENDS.items():
        lat, lng = trip[north], trip[east]
        here = isinstance(lat, float) and isinstance(lng, float)
        found[name] = known.get(area_of(float(lat or 0.0), float(lng or 0.0))) if here else None
    if all(trip[name] == address for name, address in found.items()):
        return None
    return {"trip_id": str(trip["trip_id"]), **found}
