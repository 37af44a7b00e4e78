"""A person's own cards: the settings in the head of a `.sql` file, and how the rows of its query are drawn.

A file begins with comments such as `-- kind: bars`; one SELECT follows. Files are read, and queries run, by
lookups/widgets.py.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.json_values import is_number

_LONGEST = 100  # characters of a title or a unit
Kind = Literal["number", "table", "bars", "line", "map"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_SERIES = 6  # lines in a chart; more can't be distinguished
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"  # a file's name without .sql: it is a part of an address
_HEAD = re.compile(r"--\s*(title|kind|unit|page)\s*:(.*)", re.IGNORECASE)
_UNGROUPED = re.compile(r"(.*_)?(id|year)", re.IGNORECASE)  # columns with such names hold numbers that aren't amounts
Cell = int | float | str | bool | None


class WidgetError(PipelineError):
    """Why a widget shows nothing; addressed to its author."""


@dataclass(frozen=True, slots=True)
class Widget:
    """The settings of a file. `has_page`: a page of its own instead of a card on the first page; `unit`: of its numbers."""

    name: str
    title: str
    kind: Kind
    unit: str
    has_page: bool
    statement: str


@dataclass(frozen=True, slots=True)
class WidgetRows:
    """The rows of a query; `has_more`: there are more than these."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    has_more: bool


def is_name(text: str) -> bool:
    """Whether a file's name without `.sql` can be the name of a widget."""
    return re.fullmatch(NAME, text) is not None


def read_widget(name: str, text: str) -> Widget:
    """The widget in a file. Raises WidgetError if its head can't be used."""
    said: dict[str, str] = {}
    for line in text.lstrip().splitlines():
        if not line.startswith("--"):
            break
        if found := _HEAD.fullmatch(line.strip()):
            said.setdefault(found[1].lower(), " ".join(found[2].split()))
    kind = said.get("kind", "table")
    if kind not in KINDS:
        raise WidgetError(f"`-- kind:` is none of {', '.join(KINDS)}.")
    page = said.get("page", "no")
    if page not in ("yes", "no"):
        raise WidgetError("`-- page:` is neither yes nor no.")
    title, unit = said.get("title") or name, said.get("unit", "")
    return Widget(name, title[:_LONGEST], kind, unit[:_LONGEST], page == "yes", text)


@dataclass(frozen=True, slots=True)
class Chart:
    """The data of a chart. `x`: numbers, seconds since 1970 of a wall clock (`is_time`), or places of `names`."""

    kind: Kind
    unit: str
    x: Sequence[float]
    is_time: bool
    names: Sequence[str]
    series: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a map, with its text."""

    latitude: float
    longitude: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A widget as shown: its rows, with a chart or places if its kind has them; or why it shows nothing."""

    found: WidgetRows | None = None
    chart: Chart | None = None
    points: Sequence[Point] | None = None
    fault: str | None = None


def drawn(widget: Widget, found: WidgetRows) -> Drawn:
    """The rows as the widget's kind draws them. Raises WidgetError if they can't be drawn so."""
    match widget.kind:
        case "bars" | "line" if found.rows:
            chart = chart_of(widget, found)
            return Drawn(found, chart=chart if chart.x else None)
        case "map":
            return Drawn(found, points=points_of(found))
    return Drawn(found)


def chart_of(widget: Widget, found: WidgetRows) -> Chart:
    """The bars or lines of a query: x is its first column, the others are numbers. Raises WidgetError."""
    labels = found.columns[1:]
    if not labels:
        raise WidgetError(f"A widget of kind {widget.kind} needs two columns or more: x, and numbers.")
    if len(labels) > MOST_SERIES:
        raise WidgetError(
            f"A widget of kind {widget.kind} has {len(labels)} columns of numbers; at most {MOST_SERIES}."
        )
    rows = [row for row in found.rows if row[0] is not None]
    for place, label in enumerate(labels, 1):
        if not all(is_number(row[place]) or row[place] is None for row in rows):
            raise WidgetError(f"The column {label} holds something else than numbers, which {widget.kind} can't show.")
    x, is_time, names = _axis([row[0] for row in rows])
    if not names:
        order = sorted(range(len(rows)), key=lambda place: x[place])
        rows, x = [rows[place] for place in order], [x[place] for place in order]
    columns = {
        f"{label}" if labels.count(label) == 1 else f"{label} {place}": place for place, label in enumerate(labels, 1)
    }
    series = {label: [row[place] for row in rows] for label, place in columns.items()}
    return Chart(widget.kind, widget.unit, x, is_time, names, series)  # type: ignore[arg-type] # numbers, as was looked at


def _axis(values: Sequence[Cell]) -> tuple[list[float], bool, list[str]]:
    """Positions on the axis, whether they are moments, and the names at them if they are neither numbers nor moments."""
    if all(map(is_number, values)):
        return [float(value) for value in values if value is not None], False, []
    try:
        moments = [datetime.fromisoformat(str(value)).replace(tzinfo=None) for value in values]
    except ValueError:
        return [*map(float, range(len(values)))], False, [str(value) for value in values]
    return [(moment - datetime(1970, 1, 1)).total_seconds() for moment in moments], True, []  # noqa: DTZ001 - a wall clock's


def points_of(found: WidgetRows) -> list[Point]:
    """The places of a query with the columns latitude and longitude, without invalid ones. Raises WidgetError."""
    place = {name.lower(): number for number, name in enumerate(found.columns)}
    if not {"latitude", "longitude"} <= place.keys():
        raise WidgetError("A widget of kind map needs the columns latitude and longitude.")
    said = [place[name] for name in ("name", "value") if name in place]
    points = []
    for row in found.rows:
        latitude, longitude = row[place["latitude"]], row[place["longitude"]]
        if _is_within(latitude, 90) and _is_within(longitude, 180):
            text = ", ".join(cell_text(row[number]) for number in said if row[number] is not None)
            points.append(Point(float(latitude or 0), float(longitude or 0), text))
    return points


def _is_within(value: Cell, bound: float) -> bool:
    return is_number(value) and -bound <= float(value or 0) <= bound


def cell_text(value: Cell, column: str = "") -> str:
    """A value in a table: `1,234.5`, `yes`; a dash for None. The numbers of ids and years are not grouped."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 or value == 0 else f"{value:.3g}"
    if isinstance(value, int):
        return str(value) if _UNGROUPED.fullmatch(column) else f"{value:,}"
    return value
