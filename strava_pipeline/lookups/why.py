"""Why a declared number is what it is: the rows that count, those that don't with their reasons, and each service's own number.

The number is the aggregate over the rows: both are made of one declaration (core/insights/declared_numbers.py) and one selection.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import duckdb

from strava_pipeline.core.errors import NothingMeasuredError
from strava_pipeline.core.insights.declared_numbers import DeclaredNumber
from strava_pipeline.core.sources import FILE, STRAVA
from strava_pipeline.core.sports import DRIVES, UNSPECIFIED
from strava_pipeline.core.tables import VALUE_SECONDS
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.contributions import contribution_files
from strava_pipeline.lake.gold.sessions import is_of_a_file
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal, sql
from strava_pipeline.lookups.activity_list import CONDITIONS, Selection, literal_of
from strava_pipeline.lookups.reasons import REASONS
from strava_pipeline.lookups.rows import Values, measured_files, rows_by, rows_of

ROWS = 50  # of a page
_SHOWN = 20  # rows of a reason
_PERIOD = ("first_on", "last_on", "activity")


@dataclass(frozen=True, slots=True)
class Reason:
    """Activities with one reason.

    Args:
        reason: gone, drive, waiting, twice …
        activities: how many.
        value: what they would contribute, or contribute more than a service says, as far as it is known; 0 of a best.
        rows: by id, the newest of them, or those with the greatest differences.
    """

    reason: str
    activities: int
    value: float
    rows: dict[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ServiceNumber:
    """The number as a service would have it.

    Args:
        value: by the service's own rows.
        difference: ours less the service's.
        reasons: its parts, which add up to it; the largest first.
    """

    value: float
    difference: float
    reasons: dict[str, Reason]


@dataclass(frozen=True, slots=True)
class Since:
    """What moved a number.

    Args:
        published_at: of the publish that is compared with: the last one before a day, or the first that is known.
        number: what it was then.
        reasons: parts of the difference, which add up to it.
    """

    published_at: datetime
    number: float | None
    reasons: dict[str, Reason]


@dataclass(frozen=True, slots=True)
class Why:
    """A number and how it comes about.

    Args:
        unit: m, s, or empty.
        sentence: what it is.
        number: None where nothing that counts has a value.
        activities: how many contribute to it.
        joined: how many of these have several rows, which count once.
        rows: a page of these by id, the newest first, each with the `value` that it contributes.
        next: where the next page begins; None after the last one.
        excluded: what contributes nothing, by reason.
        changed: what corrections, cuts and rules changed, by reason.
        services: by source; only for a period and a sport, where no other filter is set. None: it is no longer known.
        shown: what Strava itself shows of rides, runs or swims, ever, in a year up to now, or in four weeks: `value`, as of
            `received_at`; of what it `told`, the parts that are `hidden` from others and `later`; and what is `unexplained`.
        sources: of a single activity, what each source's row says, in the order of their priority; `leads`: the rule by which
            its value counts.
        method: of a single activity's load, what it goes by: its row of `activity_load`.
        since: what moved it since a day, where that is asked, and kept: of distance, time, climb and activities.
        statement: the number as SQL for a person.
    """

    name: str
    title: str
    unit: str
    sentence: str
    number: float | None
    activities: int
    joined: int
    rows: dict[int, dict[str, Any]]
    next: int | None
    excluded: dict[str, Reason]
    changed: dict[str, Reason]
    services: dict[str, ServiceNumber | None]
    shown: Values | None
    sources: dict[int, dict[str, Any]]
    method: Values | None
    since: Since | None
    statement: str


def why(
    connection: Connection,
    athlete_id: int,
    declared: DeclaredNumber,
    selection: Selection,
    *,
    first: int = 0,
    settings: Settings | None = None,
    since: datetime | None = None,
) -> Why:
    """A number over the counted activities of a selection, with a page of its rows from `first` on, and all that is near it.

    `settings`: where what is made of tracks lies, whether services stand beside it, and whether what Strava's API told is kept.
    `since`: what moved it since then is told, too.
    """
    asked = _Question(connection, athlete_id, declared, selection, settings)
    sums = rows_by(connection, f"{_SUMS} FROM ({asked.counted}) WHERE value IS NOT NULL", asked.values)[0]
    page = {**asked.values, "first": first, "most": ROWS + 1}
    rows = rows_by(connection, f"{_listed(asked.counted)} LIMIT $most OFFSET $first", page)
    is_said = declared.said is not None
    is_plain = is_said and selection.wanted.keys() <= {*_PERIOD, "sport"}
    services = _services(asked) if is_plain and (settings is None or settings.why_services) else {}
    if services and settings and settings.api_keep_days:
        services[STRAVA] = None
    loads = rows_of(connection, "load_of_activity", {"id": selection.activity}) if declared.name == "load" else []
    return Why(
        declared.name,
        declared.title,
        declared.unit,
        declared.sentence,
        asked.number,
        sums["activities"],
        sums["joined"],
        _by_id(rows[:ROWS]),
        first + ROWS if len(rows) > ROWS else None,
        _by_reason(asked.excluded(), lambda row: (not declared.reached and row["value"]) or 0),
        _changed(asked) if is_said else {},
        services,
        _shown(asked) if services.get(STRAVA) else None,
        _sources(asked) if is_said and selection.activity else {},
        loads[0] if loads else None,
        _since(asked, since) if since and is_plain else None,
        statement_of(declared, selection, athlete_id),
    )


@dataclass(slots=True)
class _Question:
    """A number of a selection: `counted` are its rows, each with `value`, and `near`, which a better one may outdo."""

    connection: Connection
    athlete_id: int
    declared: DeclaredNumber
    selection: Selection
    settings: Settings | None
    values: dict[str, Any] = field(init=False)
    counted: str = field(init=False)
    number: float | None = field(init=False)

    def __post_init__(self) -> None:
        self.values = {**self.selection.wanted, "athlete_id": self.athlete_id}
        joined = self.declared.joined
        if "$files" in joined:
            self.values["files"] = measured_files(Lake(self.settings.data_dir), VALUE_SECONDS) if self.settings else []
            if not self.values["files"]:
                raise NothingMeasuredError(
                    "No track was measured yet, which this number is of: `strava-pipeline flow` fetches them."
                )
        text = _counted(self.declared.total + " AS number", self.selection, joined)
        self.number = rows_by(self.connection, text, self.values)[0]["number"]
        reached = self.declared.reached
        counts = f"CASE WHEN near {reached} $number THEN near END" if reached else "near"
        columns = f"activity_id, on_day, name, sport_type, {self.declared.value} AS near, {counts} AS value"
        self.counted = _counted(columns, self.selection, joined)
        if reached:
            self.values["number"] = self.number

    def excluded(self) -> list[dict[str, Any]]:
        """The period's activities that contribute nothing, each with its reason."""
        selection = self.selection
        period = Selection(selection.first_on, selection.last_on, activity=selection.activity)
        cases = [
            f"WHEN NOT coalesce({CONDITIONS[name].format(f'${name}')}, false) THEN '{name if name in REASONS else 'filter'}'"
            for name in selection.wanted
            if name not in _PERIOD
        ]
        text = _sql("why_excluded").format(
            near=period.statement(),
            period=" AND ".join(CONDITIONS[name].format(f"${name}") for name in period.wanted) or "true",
            said=self.declared.said or "NULL",
            other=f"CASE {' '.join(cases)} END" if cases else "NULL",
            counted=self.counted,
            lacks=self.declared.lacks,
            way="-" if self.declared.reached == ">=" else "",
            drives=", ".join(map(literal, sorted(DRIVES))),
            unspecified=UNSPECIFIED,
        )
        return rows_by(self.connection, text, self.values)


def up_to_a_day(selection: Selection, declared: DeclaredNumber, today: date) -> Selection:
    """The selection; for a number of a day, which it does not name, up to today."""
    return replace(selection, last_on=today) if declared.of_a_day and selection.last_on is None else selection


def contributions(
    connection: Connection,
    athlete_id: int,
    declared: DeclaredNumber,
    selection: Selection,
    *,
    reason: str | None = None,
    settings: Settings | None = None,
) -> list[list[tuple[Any, ...]]]:
    """All rows that contribute, the newest first, for a file; or those with a `reason`. First the names of the columns."""
    asked = _Question(connection, athlete_id, declared, selection, settings)
    if reason:
        rows = [row for row in asked.excluded() if row["reason"] == reason]
    else:
        rows = rows_by(connection, _listed(asked.counted), asked.values)
    return [[("activity_id", "on_day", "name", "sport_type", "value")], [tuple(row.values())[:5] for row in rows]]


def statement_of(declared: DeclaredNumber, selection: Selection, athlete_id: int) -> str:
    """The statement of the number for a person, with its values in the text."""
    selected = selection.statement(lambda _, value: literal_of(value))
    text = _counted(f"{declared.total} AS {declared.name}", selected, declared.joined).partition("\n")[2]
    found = {"$athlete_id": str(athlete_id), "$last_on::DATE": literal_of(selection.last_on), "$files": _FILES}
    for name, value in found.items():
        text = text.replace(name, value)
    return text


_FILES = f"'data/{VALUE_SECONDS.name}/**/*.parquet'"
_SUMS = """SELECT
    count(*) AS activities,
    count(*) FILTER (activity_id IN (SELECT activity_id FROM activity_members WHERE place > 0)) AS joined"""


def _sql(name: str) -> str:
    return sql(f"sql/{name}", __package__ or "")


def _counted(columns: str, selection: Selection | str, joined: str) -> str:
    selected = selection if isinstance(selection, str) else selection.statement()
    beside = f"\nLEFT JOIN ({joined}) USING (activity_id)" if joined else ""
    return _sql("why_counted").format(columns=columns, selected=selected, joined=beside)


def _listed(counted: str) -> str:
    rows = "SELECT activity_id, on_day, name, sport_type, value FROM"
    return f"{rows} ({counted}) WHERE value IS NOT NULL ORDER BY on_day DESC NULLS LAST, activity_id"


def _changed(asked: _Question) -> dict[str, Reason]:
    """What a person's words, cuts and rules changed, the greatest change first."""
    text = _sql("why_changed").format(
        counted=asked.counted,
        said=asked.declared.said,
        word=f"own.{asked.declared.word}" if asked.declared.word else "NULL",
        other=f"NOT coalesce({_IS_OF}, false)" if asked.selection.sport else "false",
    )
    return _by_reason(
        rows_by(asked.connection, text, asked.values), lambda row: (row["value"] or 0) - (row["told"] or 0)
    )


_IS_OF = "$sport IN (coalesce(said.sport_type, said.type), coalesce(sport_group, 'other'))"
"""Whether a source's own row is of the sport."""


def _services(asked: _Question) -> dict[str, ServiceNumber | None]:
    """The number as each service would have it, and where the difference comes from, the largest part first."""
    text = _sql("why_services").format(
        counted=asked.counted,
        said=asked.declared.said,
        is_of=f"coalesce({_IS_OF}, false)" if asked.selection.sport else "true",
        file=FILE,
        among="said.activity_id = $activity" if asked.selection.activity else "true",
    )
    values = {"first_on": None, "last_on": None, **asked.values, "most": _SHOWN}
    found: dict[str, ServiceNumber | None] = {}
    for source, rows in groupby(rows_by(asked.connection, text, values), key=lambda row: str(row["source"])):
        parts = [*rows]
        reasons = {
            row["reason"]: Reason(row["reason"], row["activities"], row["difference"], _by_id(row["rows"] or []))
            for row in parts
            if row["activities"]
        }
        found[source] = ServiceNumber(
            sum(row["there"] for row in parts), sum(reason.value for reason in reasons.values()), reasons
        )
    return found


def _shown(asked: _Question) -> Values | None:
    """What Strava shows, where it shows that: it has totals of three sports and spans."""
    selection, key = asked.selection, asked.declared.shown
    received = asked.connection.execute(
        "SELECT max(stats_at) FROM athlete WHERE athlete_id = $id", {"id": asked.athlete_id}
    ).fetchone()
    if not key or selection.sport not in ("ride", "run", "swim") or not received or received[0] is None:
        return None
    day = received[0].date()
    spans = {None: "all", day.replace(month=1, day=1): "ytd", day - timedelta(27): "recent"}
    is_open = selection.last_on is None or selection.last_on >= day
    if selection.first_on not in spans or not is_open or selection.activity:
        return None
    span = f"{spans[selection.first_on]}_{selection.sport}_totals"
    text = _sql("why_shown").format(key=key, span=span, said=asked.declared.said, strava=STRAVA)
    values = {"athlete_id": asked.athlete_id, "sport": selection.sport, "first_on": selection.first_on}
    return next(iter(rows_by(asked.connection, text, values)), None)


def _since(asked: _Question, since: datetime) -> Since | None:
    """What moved the number since a moment; None where no publish has left anything that can be read."""
    files = contribution_files(Lake(asked.settings.data_dir)) if asked.settings else []
    if not files:
        return None
    selected = [CONDITIONS[name].format(f"${name}") for name in asked.selection.wanted]

    def then(columns: str) -> str:
        return _sql("why_then").format(columns=columns, selected=" AND ".join(selected) or "true")

    try:
        ((publish, at),) = asked.connection.execute(_COMPARED, {"since": since, "files": files}).fetchall()
        values = {**asked.values, "at": publish, "contributions": files}
        number = rows_by(asked.connection, then(f"{asked.declared.total} AS number"), values)[0]["number"]
        kept = then(f"activity_id, on_day, sport_type, {asked.declared.value} AS value")
        rows = rows_by(asked.connection, _sql("why_since").format(counted=asked.counted, then=kept), values)
    except duckdb.Error as error:
        if not is_of_a_file(error):
            raise
        return None  # damaged: the next publish sets it aside
    reasons = _by_reason(rows, lambda row: row["difference"])
    return Since(at, number, dict(sorted(reasons.items(), key=lambda each: -abs(each[1].value))))


_COMPARED = """SELECT publish, published_at
FROM read_parquet($files, union_by_name = true)
ORDER BY published_at < $since DESC, CASE WHEN published_at < $since THEN -publish ELSE publish END
LIMIT 1"""


def _sources(asked: _Question) -> dict[int, dict[str, Any]]:
    """What each source says of the number in one activity."""
    declared = asked.declared
    word = f"own.{declared.word}" if declared.word else "NULL"
    text = _sql("why_sources").format(said=declared.said, word=word, column=declared.column, how=declared.how)
    return _by_id(rows_by(asked.connection, text, {"activity": asked.selection.activity}))


def _by_reason(rows: Iterable[dict[str, Any]], value: Callable[[Values], float]) -> dict[str, Reason]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["reason"], []).append(row)
    return {
        reason: Reason(reason, len(several), sum(map(value, several)), _by_id(several[:_SHOWN]))
        for reason, several in sorted(found.items(), key=lambda each: (each[0] != "less", -len(each[1])))
    }


def _by_id(rows: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Rows by the id of a source's row, or else of the activity."""
    return {row["id"] if "id" in row else row["activity_id"]: row for row in rows}
