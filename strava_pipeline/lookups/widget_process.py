"""One query of a widget, in a process of its own: it reads the query from standard input and writes the rows to
standard output as JSON.

In the dashboard's own process a query could not be limited (docs/adr/0095); here the kernel ends it. Few modules
besides DuckDB are imported, because each query starts such a process.
"""

import json
import math
import os
import resource
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from strava_pipeline.lake.gold.sessions import confine

MEMORY = "64MB"  # of DuckDB's own tables, sorts and joins
ADDRESSES = 352 << 20  # bytes beyond what an open snapshot takes: DuckDB 2.0.1 reserves 600 MB that it doesn't use
ROWS, COLUMNS = 1_000, 50
LONGEST = 300  # characters of a text
LARGEST = 500_000  # bytes of the answer


def main() -> None:
    """Answer `{"snapshot": …, "statement": …, "seconds": …}`.

    The answer is `{"columns": […], "rows": […], "has_more": …}` or `{"fault": …}`.
    """
    asked = json.loads(sys.stdin.buffer.read())
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # DuckDB's own log may go there
        answer = json.dumps(_answer(**asked))
        if len(answer) > LARGEST:
            answer = json.dumps(
                {"fault": f"Its rows are more than {LARGEST // 1000} kB. Select fewer columns or rows."}
            )
        output.write(answer)


def _answer(snapshot: str, statement: str, seconds: float) -> dict[str, Any]:
    try:
        connection = duckdb.connect(snapshot, read_only=True, config={"threads": 1, "memory_limit": MEMORY})
        connection.execute("SET TimeZone = 'UTC'")
        confine(connection)
        _bound(seconds)
        statements = duckdb.extract_statements(statement)
        if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
            return {"fault": f"It has to be one SELECT; this is {_kinds(statements)}."}
        found = connection.execute(statements[0])
        columns = [_cell(column[0]) for column in found.description]
        if len(columns) > COLUMNS:
            return {"fault": f"It has {len(columns)} columns; at most {COLUMNS}."}
        rows = found.fetchmany(ROWS + 1)
        shown = [[_cell(value) for value in row] for row in rows[:ROWS]]
        return {"columns": columns, "rows": shown, "has_more": len(rows) > ROWS}
    except duckdb.Error as error:
        return {"fault": _fault(error)}


def _bound(seconds: float) -> None:
    """Limit the process, from here on, to some seconds of CPU time and ADDRESSES more of memory; forbid writing files."""
    for kind, most in (
        (resource.RLIMIT_AS, _addresses() + ADDRESSES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # not every system has each of them
            resource.setrlimit(kind, (most, most))
    signal.setitimer(signal.ITIMER_PROF, seconds)  # without a handler SIGPROF ends the process


def _addresses() -> int:
    """The size in bytes of this process's address space; 0 if the system doesn't tell, in which case it doesn't limit
    it either.
    """
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _kinds(statements: list[duckdb.Statement]) -> str:
    names = [each.type.name for each in statements]
    return f"{len(names)} statements ({', '.join(names[:5])})" if len(names) != 1 else names[0]


def _cell(value: Any) -> float | str | bool | None:
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _fault(error: duckdb.Error) -> str:
    """The first line of DuckDB's message, and what to do about it."""
    first = (str(error).splitlines() or [type(error).__name__])[0][:LONGEST]
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"It needs more than {MEMORY} of memory. Select fewer rows before they are sorted or joined."
    if isinstance(error, duckdb.PermissionException):
        return (
            f"{first}. A widget reaches no file and no network, and has {MEMORY} of memory for what it sorts and joins."
        )
    return first


if __name__ == "__main__":
    main()
