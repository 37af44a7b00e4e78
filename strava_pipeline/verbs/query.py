"""Queries of the published warehouse: a statement, a prompt, the tables. Read-only, never locked by a run.

A statement reaches no file and no network, unless `--files` says so: a statement copied from elsewhere must not be able
to overwrite the login, or to send the warehouse's contents away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from strava_pipeline.core.text import printable
from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.output import echo, echo_json
from strava_pipeline.verbs.views import show

if TYPE_CHECKING:
    from strava_pipeline.lake.gold.warehouse import Connection
    from strava_pipeline.lake.paths import Lake

Files = Annotated[bool, typer.Option("--files", help="Statements may read and write files, and use the network.")]


def sql(
    statement: Annotated[str, typer.Argument(help="SQL for DuckDB; tables: see `schema`.")],
    output: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="How to print the rows.")
    ] = "table",
    files: Files = False,
) -> None:
    """Query the published warehouse: `sql "SELECT count(*) FROM activities"`."""
    import duckdb

    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake

    settings = Settings.load()
    with _published(Lake(settings.data_dir), files) as connection:
        try:
            result = connection.sql(statement)
            names = result.columns if result is not None else []
            rows = result.fetchall() if result is not None else []
        except duckdb.Error as error:
            raise PipelineError(f"DuckDB refused the query: {error}{_hint(error)}") from error
    if output == "csv":
        _csv(names, rows, as_text=settings.csv_escape_formulas)
    else:
        {"table": _table, "json": _json}[output](names, rows)


def duck(files: Files = False) -> None:
    """A SQL prompt on the published warehouse; with --files DuckDB's own shell, where it is installed."""
    import os
    import shutil

    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.publish import snapshot_file
    from strava_pipeline.lake.paths import Lake

    lake = Lake(Settings.load().data_dir)
    path = snapshot_file(lake)
    # without --files not: the shell's own commands (.shell, .output, .open) reach everything, whatever SQL may do
    if files and (shell := shutil.which("duckdb")) is not None:
        os.execv(shell, [shell, "-readonly", str(path)])
    with _published(lake, files) as connection:
        echo(f"{path}, read-only. End a statement with ; – leave with Ctrl-D.")
        _prompt(connection)


def schema(
    table: Annotated[
        str | None, typer.Argument(help="One table; else all. `why`: the numbers that `why` explains.")
    ] = None,
    as_json: Json = False,
    bigquery: Annotated[bool, typer.Option("--bigquery", help="Of the table, as `bq load` takes it.")] = False,
) -> None:
    """Tables and columns, with types, units and meanings."""

    from strava_pipeline.core.insights.declared_numbers import described
    from strava_pipeline.core.tables import GOLD_ACTIVITIES, TABLES
    from strava_pipeline.core.tables.insights import INSIGHTS, MACROS, PUBLISH_TABLES

    if table == "why":
        show({"numbers": described()}, as_json=as_json)
        return
    everything = TABLES | {GOLD_ACTIVITIES.name: GOLD_ACTIVITIES} | PUBLISH_TABLES | INSIGHTS | MACROS
    known = {name: spec for name, spec in everything.items() if table in (None, name, f"{name}_all")}
    if table == "activities":
        known = {"activities_all": TABLES["activities_all"]}
    if not known:
        raise typer.BadParameter(f"no table {table!r}; there are {', '.join(everything)}", param_hint="TABLE")
    if bigquery:
        if len(known) != 1:
            raise typer.BadParameter("BigQuery takes one table at a time", param_hint="TABLE")
        echo_json(_of_bigquery(*known.values()))
        return
    if as_json:
        echo_json({name: _described(spec) for name, spec in known.items()})
        return
    for name, spec in known.items():
        echo()
        show({"table": name, **_described(spec)})


@contextmanager
def _published(lake: "Lake", files: bool) -> "Iterator[Connection]":
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.gold.sessions import confine

    with snapshot(lake) as connection:
        if not files:
            confine(connection)
        yield connection


def _hint(error: Exception) -> str:
    """What to do if a statement, or a view of the user's own in it, wanted a file."""
    import duckdb

    if isinstance(error, duckdb.PermissionException):
        return "\nStatements reach no file and no network here, nor do views of your own; with --files they do."
    if "configuration has been locked" in str(error):
        return "\nSettings can be changed with --files only."
    return ""


def _of_bigquery(spec: Any) -> list[dict[str, str]]:
    """A table's fields for BigQuery: https://docs.cloud.google.com/bigquery/docs/schemas#specifying_a_json_schema_file"""
    return [
        {
            "name": column.name,
            "type": column.kind.bigquery,
            "mode": "REQUIRED" if column.key else "NULLABLE",
            "description": column.meaning + (f" [{column.unit}]" if column.unit else ""),
        }
        for column in spec.columns
    ]


def _described(spec: Any) -> dict[str, Any]:
    return {
        "meaning": spec.meaning,
        "key": list(spec.key),
        "columns": [
            {"name": column.name, "type": column.kind.value, "unit": column.unit, "meaning": column.meaning}
            for column in spec.columns
        ],
    }


def _table(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    from rich.table import Table

    from strava_pipeline.verbs.terminal import out, screen

    shown = Table()
    for name in names:
        shown.add_column(printable(name), overflow="fold")
    for row in rows:
        shown.add_row(*("" if value is None else printable(str(value)) for value in row))
    # nothing is cut where the output goes to a file or another program
    screen(width=None if out.is_terminal else 10_000).print(shown)


def _json(names: list[str], rows: list[tuple[Any, ...]]) -> None:

    echo_json([dict(zip(names, row, strict=True)) for row in rows])


def _csv(names: list[str], rows: list[tuple[Any, ...]], *, as_text: bool) -> None:
    import sys

    from strava_pipeline.core.csv_rows import csv_text

    written = csv_text([names, *rows], as_text=as_text)
    if sys.stdout.isatty():
        echo(written, nl=False)
    else:
        sys.stdout.write(written)  # for a program: as it is


def _prompt(connection: "Connection") -> None:
    import duckdb

    pending = ""
    while True:
        try:
            pending += input("D " if not pending else "> ") + "\n"
        except (EOFError, KeyboardInterrupt):
            echo()
            return
        if pending.strip().endswith(";"):
            try:
                result = connection.sql(pending)
                if result is not None:
                    echo(str(result))
            except duckdb.Error as error:
                echo(f"{error}{_hint(error)}", err=True)
            pending = ""
