"""Lines for a person, and JSON for a program: the only way to stdout and stderr beside terminal.py's tables and bars."""

from typing import Any

import typer

from strava_pipeline.core.text import json_line, printable


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """A line (or several) on stdout, or on stderr."""
    typer.echo(printable(str(text)), err=err, nl=nl)


def echo_json(value: Any) -> None:
    """One JSON value in one line on stdout."""
    typer.echo(json_line(value))
