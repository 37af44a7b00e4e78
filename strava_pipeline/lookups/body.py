"""Days and nights for the dashboard: numbers of the body over time, each with its source, and the athlete's own usual range.

Numbers are those of `days` and `nights`, in their units. A day without a number is None, never 0.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.core.tables.model import Table
from strava_pipeline.core.wellness import MEASURES
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.fitness import Period
from strava_pipeline.lookups.rows import Values, rows_of

RECENT = 14  # days in the table below the charts


def _usual(measure: str) -> dict[str, str]:
    return {"low": f"{measure}_low", "high": f"{measure}_high"}


_CHARTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "hrv_rmssd": ("HRV (rMSSD)", _usual("hrv_rmssd")),
    "hrv_sdnn": ("HRV (SDNN)", _usual("hrv_sdnn")),
    "resting_heartrate": ("Resting heart rate", _usual("resting_heartrate")),
    "asleep_seconds": ("Sleep", {"deep": "deep_seconds", "light": "light_seconds", "rem": "rem_seconds"}),
    "weight_kg": ("Weight", {"mean": "weight_kg_mean"}),
}
"""By measure: the title, and the columns of `body.sql` that are drawn beside it."""


@dataclass(frozen=True, slots=True)
class BodyChart:
    """A measure over the days of a period.

    Args:
        title: its name for a person.
        unit: of its numbers; None: they have none.
        lines: `value`, and what is drawn beside it: a number for each day, or None. `low` and `high`: the usual range;
            `mean`: of 7 days; `deep`, `light`, `rem`: seconds asleep.
        newest: the last day with a value: its `day` and its numbers by the names of `lines`.
        sources: the number of days that are from each source, the most first.
    """

    title: str
    unit: str | None
    lines: Mapping[str, list[float | None]]
    newest: Values
    sources: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Body:
    """Days and nights of a period.

    Args:
        period: its local days.
        charts: by measure; those without any value are left out, and SDNN where there is rMSSD, which is another number.
        recent: the last days of the period, the newest first, with `sources` of all their numbers; empty if none has any.
    """

    period: Period
    charts: Mapping[str, BodyChart]
    recent: list[Values]


def body_of(connection: Connection, today: date, days: int | None) -> Body | None:
    """The last `days` days, or all of them; None if no source ever had a day or a night."""
    (held,) = rows_of(connection, "body_span", {})
    if held["first"] is None:
        return None
    last = max(today, held["last"])  # a watch may be ahead of the clock of the newest activity
    first = held["first"] if days is None else last - timedelta(days=days - 1)
    rows = rows_of(connection, "body", {"first": first, "last": last})
    charts = {measure: _chart(measure, rows) for measure in _CHARTS if any(row[measure] is not None for row in rows)}
    if "hrv_rmssd" in charts:
        charts.pop("hrv_sdnn", None)
    recent: list[Values] = [{**row, "sources": _sources(row, charts)} for row in reversed(rows[-RECENT:])]
    return Body(Period(first, last), charts, recent if any(row["sources"] for row in recent) else [])


def _chart(measure: str, rows: list[dict[str, Any]]) -> BodyChart:
    title, others = _CHARTS[measure]
    columns = {"value": measure, **others}
    lines = {name: [row[column] for row in rows] for name, column in columns.items()}
    place = max(place for place, value in enumerate(lines["value"]) if value is not None)
    sources = Counter(source for row in rows if (source := row[f"{measure}_source"]) is not None)
    return BodyChart(
        title,
        MEASURES[measure].unit,
        {name: values for name, values in lines.items() if any(value is not None for value in values)},
        {"day": rows[place]["day"], **{name: values[place] for name, values in lines.items()}},
        dict(sources.most_common()),
    )


def _sources(row: Values, measures: Mapping[str, object]) -> list[str]:
    return sorted({source for measure in measures if (source := row[f"{measure}_source"]) is not None})


def days_and_nights(connection: Connection, period: Period) -> dict[str, dict[date, Values]]:
    """The rows of `days` and `nights` of a period by local day, the oldest first."""
    rows = rows_of(connection, "days_and_nights", _asked(period))
    return {table.name: _rows_by_day(table, rows) for table in (DAYS, NIGHTS)}


def _rows_by_day(table: Table, rows: list[dict[str, Any]]) -> dict[date, Values]:
    of_table = ({column.name: row[column.name] for column in table.columns} for row in rows)
    return {row["day"]: row for row in of_table if sum(value is not None for value in row.values()) > 1}


def days_as_table(connection: Connection, period: Period) -> list[list[Any]]:
    """The columns and rows of `days` joined to `nights`, a row for each local day that has either."""
    rows = rows_of(connection, "days_and_nights", _asked(period))
    names = dict.fromkeys(column.name for table in (DAYS, NIGHTS) for column in table.columns)
    return [[*names], *([row[name] for name in names] for row in rows)]


def _asked(period: Period) -> dict[str, date]:
    return {"first": period.first, "last": period.until}
