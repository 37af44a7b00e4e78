"""Trips by car in the warehouse: the replay of bronze, from where the last one ended. No answer is asked for here.

How far it came stands beside the trips in the warehouse, and with each user's state in data/state/car_tracker.json: that file
may be behind the warehouse, then some lines are taken again, which changes nothing. Lost, or ahead of a warehouse that was
made anew, it is made again from the first ping on.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from strava_pipeline.core.pings.lines import Answered, Kept, NotedAnswers
from strava_pipeline.core.pings.users import VERSION, Outcomes, User, content_of, read_user, user_json
from strava_pipeline.core.tables import CAR_TABLES, Table
from strava_pipeline.core.trips.car.config import DEFAULT_LIMITS, Limits
from strava_pipeline.core.trips.car.events import Result
from strava_pipeline.lake.addresses import fill_addresses
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.ping_log import has_news, landed, newest_file
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.staging import MergeReport, staged, staging
from strava_pipeline.lake.warehouse import Connection, changed, note, notes, reading, writing

_NOTE = f"car_trips {VERSION}"  # up to which file of bronze they are merged; rows of another version are replaced
_FILE = "car_tracker.json"
Told = Callable[[Kept, User, Result | None], object]


@dataclass(slots=True)
class Replay:
    """Users' states after the last file of bronze, and what came of the lines on the way."""

    users: dict[str, User] = field(default_factory=dict)
    after: str | None = None
    outcomes: Outcomes = field(default_factory=Outcomes)
    statuses: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    unknown: set[tuple[str, str]] = field(default_factory=set)  # lines and cars that the tracker asked, and nobody had

    def run(self, lake: Lake, limits: Limits, tell: Told | None = None) -> None:
        """Take the files of bronze behind `after`. `tell` hears of each line, the user's state and the result."""
        for name, lines in landed(lake, self.after):
            for line, answered in lines:
                self.take(line, answered, limits, tell)
            self.after = name

    def take(self, line: Kept, answered: Answered | None, limits: Limits, tell: Told | None = None) -> None:
        ping = content_of(line)
        answers = NotedAnswers(answered, ping.event.t if ping else 0.0)
        user, result = self.users.get(line.user_id, User()).after_line(line, answers, limits, ping)
        self.users[line.user_id] = user
        self.lines += 1
        self.unknown.update((line.id, car_id) for car_id in answers.unknown)
        if result is not None:
            self.statuses[result.status] += 1
            self.outcomes.add(result, user.config, line.received_at)
        if tell is not None:
            tell(line, user, result)


def go_on(lake: Lake) -> Replay:
    """A replay from where the last one ended, as far as its trips are in the warehouse; else from the first line."""
    with reading(lake) as connection:
        merged = notes(connection, _NOTE).get(_NOTE)
    kept = last_replay(lake)
    return kept if kept.after is not None and merged is not None and kept.after <= merged else Replay()


def last_replay(lake: Lake) -> Replay:
    """The states that the last run left; those of the beginning where there are none."""
    try:
        told = json.loads((lake.state / _FILE).read_bytes())
        users = {name: read_user(user) for name, user in told["users"].items()}
        return Replay(users, told["after"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Replay()


def replayed(lake: Lake) -> Replay:
    """The states after all that is in bronze, with the usual limits."""
    replay = last_replay(lake)
    replay.run(lake, DEFAULT_LIMITS)
    return replay


def is_due(lake: Lake, now: datetime) -> bool:
    """Whether a run has anything to do: something came, bronze holds what was not replayed yet (a run died, or the states are
    lost), or nothing was heard for long of a trip under way.
    """
    if has_news(lake):
        return True
    replay = last_replay(lake)
    return newest_file(lake) != replay.after or any(user.is_stale(now.timestamp()) for user in replay.users.values())


def keep(lake: Lake, replay: Replay) -> None:
    """Leave the states to the next run: once the trips are committed."""
    told = {"after": replay.after, "users": {name: user_json(user) for name, user in replay.users.items()}}
    write_whole(lake.state / _FILE, json.dumps(told).encode())


def merge_replay(
    lake: Lake, tell: Told | None = None, before: "Callable[[Replay], object] | None" = None
) -> tuple[Replay, MergeReport]:
    """Take what came to bronze since the last replay, and merge it. `before` is told the replay before that."""
    replay = go_on(lake)
    if before is not None:
        before(replay)
    is_anew = replay.after is None
    replay.run(lake, DEFAULT_LIMITS, tell)
    with writing(lake) as connection:
        report = _merge(connection, lake, replay, is_anew)
    keep(lake, replay)
    return replay, report


def merge_car_trips(connection: Connection, lake: Lake) -> MergeReport:
    """All trips from the first line of bronze on, inside the caller's transaction."""
    replay = Replay()
    replay.run(lake, DEFAULT_LIMITS)
    return _merge(connection, lake, replay, is_anew=True)


def _merge(connection: Connection, lake: Lake, replay: Replay, is_anew: bool) -> MergeReport:
    report = MergeReport()
    if replay.after is None:
        return report
    with staging(lake) as folder:
        for table, rows in _rows(replay.outcomes):
            if is_anew:
                connection.execute(sql("delete_all").format(table=table.stored))
            if rows.height:
                statement = sql("insert_new").format(table=table.stored, key=", ".join(table.key))
                found = connection.execute(statement, {"rows": staged(folder, table.name, rows)}).fetchall()
                report.rows[table.name] = len(found)
                report.inserted += len(found)
        report.updated += fill_addresses(connection, lake, folder)
    note(connection, _NOTE, replay.after)
    if report.wrote:
        changed(connection)
    return report


def _rows(outcomes: Outcomes) -> Iterator[tuple[Table, pl.DataFrame]]:
    told: dict[str, list[dict[str, Any]]] = outcomes.rows()
    for table in CAR_TABLES:
        rows = pl.DataFrame(told[table.name], schema=table.polars_schema, orient="row")
        yield table, rows.unique(table.key, keep="first", maintain_order=True)
