"""The display of an answer: as one JSON object, or as lines and tables for a person. Both follow from its fields.

An answer is a mapping or a dataclass of values, records and lists of records; a record is a mapping or a dataclass,
too. The name of a field is its title. Nothing here knows any particular answer. Importing this module is cheap.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.text import at_minute, fields_of, is_record, printable, some_of
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from rich.console import Console

MOST = 20  # values of a field, or rows where there may be thousands; --json has all
WIDEST = 200  # columns of a table in a file, or in what another program reads
_EMPTY: tuple[Any, ...] = (None, "", [], (), {})
Forms = Mapping[str, Callable[[Any], str]]


def show(
    answer: Any,
    *,
    as_json: bool = False,
    nothing: str = "",
    advice: Iterable[str] = (),
    hidden: Collection[str] = (),
    forms: Forms | None = None,
    most: int | None = None,
    to: "Console | None" = None,
) -> None:
    """Print an answer: values as lines, lists of records as tables, then advice for the next step.

    Args:
        nothing: the sentence for an answer without values.
        advice: lines below the answer.
        hidden: names of fields that only programs read.
        forms: the formats of fields' values, by name; by default by their type.
        most: the maximum number of rows shown of each table; None for all.
        to: where a person reads it; None for stdout.

        # files: 3, then a table "imports: 2" with the columns name and rows; where rows count what they are called, their sum
        show({"files": 3, "imports": [{"name": "a", "rows": 2}, {"name": "b", "rows": 5}]})
    """
    if as_json:
        echo_json(answer)
        return
    from strava_pipeline.verbs import terminal

    words, to = _Words(hidden, forms or {}), to or terminal.out
    shown = words.filled(answer)
    for name, value in shown.items():
        if rows := _rows(value):
            counts = [row[name] for row in rows if isinstance(row.get(name), int)]  # of what the rows are groups of
            number = sum(counts) if len(counts) == len(rows) else len(rows)
            to.print(f"{words.title(name)}: {number:,}", style="bold")
            print_rows(rows, hidden=hidden, forms=forms, most=most, to=to)
        else:
            terminal.print_wrapped(f"{words.title(name)}: {words.text(name, value)}", to=to)
    for line in [*([] if shown or not nothing else [nothing]), *advice]:
        terminal.print_wrapped(line, to=to)


def print_rows(
    rows: Sequence[Any],
    *,
    hidden: Collection[str] = (),
    forms: Forms | None = None,
    most: int | None = None,
    to: "Console | None" = None,
) -> None:
    """Print records as a table; each as a paragraph if a terminal is too narrow for that. Only the first `most`."""
    from rich.table import Table

    from strava_pipeline.verbs import terminal

    words, to = _Words(hidden, forms or {}), to or terminal.out
    first = [{name: words.text(name, value) for name, value in words.filled(row).items()} for row in rows[:most]]
    names = list(dict.fromkeys(name for row in first for name in row))
    table = Table(*map(words.title, names), box=None, pad_edge=False)
    for row in first:
        table.add_row(*(row.get(name, "") for name in names))
    wide = terminal.screen(width=10_000, stderr=to.stderr)  # nothing is cut
    if wide.measure(table).maximum <= (to.width if to.is_terminal else WIDEST):
        wide.print(table)
    else:
        for row in first:
            for place, (name, value) in enumerate(row.items()):
                terminal.print_wrapped(f"{words.title(name)} {value}".strip(), indent=4 if place else 2, to=to)
    if len(rows) > len(first):
        to.print(f"… and {len(rows) - len(first):,} more (--json)")


@dataclass(frozen=True, slots=True)
class _Words:
    """Values in a person's form."""

    hidden: Collection[str] = ()
    forms: Forms = field(default_factory=dict)

    def filled(self, record: Any) -> dict[str, Any]:
        """The shown fields with a value."""
        found = fields_of(record).items()
        return {name: value for name, value in found if name not in self.hidden and value not in _EMPTY}

    def title(self, name: str) -> str:
        """The name in words; a unit that is written with the value is left out."""
        return (re.sub("_(m|seconds)$", "", name) if name in self.forms else name).replace("_", " ")

    def text(self, name: str, value: Any) -> str:
        if name in self.forms:
            return self.forms[name](value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime) and value.tzinfo:
            return at_minute(value)
        if rows := _rows(value):
            return "\n".join(self.text("", row) for row in rows[:MOST])
        if is_record(value):
            parts = {each: self.text(each, part) for each, part in self.filled(value).items()}
            return ", ".join(f"{self.title(each)} {part}".strip() for each, part in parts.items())
        if isinstance(value, list | tuple):
            return some_of([self.text("", each) for each in value], MOST)
        if isinstance(value, float):
            return f"{value:g}"
        return "" if value is None else printable(str(value))


def _rows(value: Any) -> list[dict[str, Any]]:
    """The records of a list, or of a mapping, then beginning with its keys; empty for other values."""
    if isinstance(value, Mapping):
        keyed = value.items() if all(map(is_record, value.values())) else ()
        return [{"": key, **fields_of(each)} for key, each in keyed]
    return [*map(fields_of, value)] if isinstance(value, list | tuple) and all(map(is_record, value)) else []
