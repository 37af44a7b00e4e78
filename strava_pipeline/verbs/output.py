"""What commands print: lines for a person, one JSON value for a program, and how values look in JSON.

The only way to stdout and stderr beside the tables and bars of terminal.py. Shapes of JSON are described in docs/formats.md.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

import typer

from strava_pipeline.core.text import counted, json_line, printable


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """A line (or several) on stdout, or on stderr."""
    typer.echo(printable(str(text)), err=err, nl=nl)


def echo_json(value: Any) -> None:
    """One JSON value in one line on stdout."""
    typer.echo(json_line(value))


def plain(value: Any) -> Any:
    """A value as JSON has it: integers stay integers, instants are ISO with Z, what JSON lacks becomes text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, float) and not isfinite(value):
        return None  # JSON has no word for NaN and Infinity
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def left_out_line(counts: Mapping[str, int]) -> str:
    """Which files an import leaves where they are, by what their names end in ("": nothing)."""
    kinds = ", ".join(f"{kind or 'no ending'} {count}" for kind, count in counts.items())
    return f"{counted(sum(counts.values()), 'other file')}, of which nothing is read or kept ({kinds})"
