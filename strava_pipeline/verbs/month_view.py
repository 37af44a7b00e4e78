"""How months and comparisons look in a terminal: lines that fit into fifty columns, with a word for each state."""

import json
from collections.abc import Iterator, Mapping

from strava_pipeline.core.changes.comparison import Cell, Row
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.operations.changes.comparing import Comparison, Month, MonthStatus
from strava_pipeline.verbs.terminal import out, print_wrapped

_STYLES: Mapping[MonthStatus, str] = {"in_sync": "green", "requires_action": "yellow", "not_pulled": "dim"}
_WORDS: Mapping[MonthStatus, str] = {
    "in_sync": "in sync",
    "requires_action": "requires action",
    "not_pulled": "not pulled",
}
_OFF = ("wrong", "missing", "unsupported")  # the statuses that a person wants to see
_COLOURS = {"authority": "bold", "wrong": "red", "missing": "yellow", "unsupported": "dim"}


def print_calendar(months: Mapping[str, Month]) -> None:
    """Each month, and below it the services that are not in sync."""
    for month, state in months.items():
        _print_month(month, state, only_off=True)


def _print_month(month: str, state: Month, *, only_off: bool) -> None:
    out.print(f"{month}  {_WORDS[state.status]}, {_activities(state.activities)}", style=_STYLES[state.status])
    for name, one in state.providers.items():
        if not only_off or one.status != "in_sync":
            pulled = f", pulled {at_minute(one.pulled_at)}" if one.pulled_at else ""
            what = f"{_WORDS[one.status]}, {_activities(one.activities)}{pulled}"
            out.print(f"  {spec_of(name).title}: {what}", style=_STYLES[one.status])


def print_comparison(month: str, state: Month, comparison: Comparison) -> None:
    """The month, and each effort of it in which anything differs."""
    _print_month(month, state, only_off=False)
    for row in comparison.rows:
        lines = list(_lines(row))
        if lines:
            out.print(f"\n{row.effort.local_start:%Y-%m-%d %H:%M}  {_title(row)}{_distance(row)}", style="bold")
            for text, style in lines:
                print_wrapped(text, indent=2, style=style)
    for party in comparison.parties:
        if party.obstacle is not None:
            out.print(f"\n{spec_of(party.name).title}: {party.obstacle}", style="yellow")
    unlinked = sum("unsupported" in {cell.gear_status for cell in row.cells.values()} for row in comparison.rows)
    if unlinked:
        out.print(
            f"\nGear that is not compared, or can't be changed, in {_activities(unlinked)}: `strava-pipeline providers gear` "
            "shows what is linked, and --link links gear of equal names."
        )


def _lines(row: Row) -> Iterator[tuple[str, str]]:
    """Where it is missing, and what differs: a line for each name and gear, after what leads."""
    for status, words, style in (("missing", "not at", "yellow"), ("withheld", "withheld by", "dim")):
        absent = [name for name, cell in row.cells.items() if not cell.present and cell.name_status == status]
        if absent:
            yield f"{words} {', '.join(spec_of(name).title for name in absent)}", style
    for what, leader in (("name", row.name_from), ("gear", row.gear_from)):
        off = [
            (name, cell)
            for name, cell in row.cells.items()
            if cell.present and getattr(cell, f"{what}_status") in _OFF and (what == "name" or leader is not None)
        ]
        if not off:
            continue
        if leader is not None:
            yield f"{what}: {_said(row.cells[leader], what)} at {spec_of(leader).title} leads", _COLOURS["authority"]
        for name, cell in off:
            status = str(getattr(cell, f"{what}_status"))
            value = f" {_said(cell, what)}" if status != "missing" else ""
            yield f"{what} at {spec_of(name).title}: {status}{value}", _COLOURS[status]


def _said(cell: Cell, what: str) -> str:
    """A value as it is, in quotes, so that blanks show and nothing in it reaches the terminal."""
    return json.dumps(getattr(cell, what), ensure_ascii=False)


def _title(row: Row) -> str:
    names = [cell.name for cell in row.cells.values() if cell.name]
    leading = row.cells[row.name_from].name if row.name_from else None
    return " ".join((leading or (names[0] if names else "no name")).split())


def _distance(row: Row) -> str:
    return f", {row.effort.distance / 1000:.1f} km" if row.effort.distance else ""


def _activities(count: int) -> str:
    return counted(count, "activity")
