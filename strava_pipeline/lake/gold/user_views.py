"""The user's own views: `views/*.sql` next to the data folder, made in the snapshot at each publish.

Each file is used whole or left out with a reason; it may not touch the catalogue's tables and views, or any file. Its
effects are found by comparing the objects before and after, not by reading its SQL. The working warehouse never holds
these views.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from strava_pipeline.lake.gold.notes import MADE, TOLD, note, noted
from strava_pipeline.lake.gold.warehouse import NAME, Connection, attach
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_DIGEST, _LEFT_OUT = f"{MADE}user_views", f"{TOLD}views_left_out"  # notes in a snapshot
_LONGEST = 200  # characters of a reason
_CLOSED = {  # no extension, so no secret type and no network
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_persistent_secrets": "false",
}
Object = tuple[str, str, str, str, str]  # kind, database, schema, name, what it was made as


@dataclass(frozen=True, slots=True)
class ViewFile:
    """A file of the user: its statements, or why it can't be read."""

    name: str
    text: str = ""
    fault: str | None = None


def view_files(lake: Lake) -> list[ViewFile]:
    """The user's files in name order, without an editor's, whose names begin with a dot."""
    if not lake.views.is_dir():
        return []
    paths = sorted(path for path in lake.views.glob("*.sql") if not path.name.startswith("."))
    return [_read(path) for path in paths if not path.is_dir()]


def views_digest(files: Sequence[ViewFile]) -> str:
    """A hash that changes when any file does; empty where there are no files."""
    content = [(file.name, file.text, file.fault) for file in files]
    return hashlib.blake2b(repr(content).encode(), digest_size=8).hexdigest() if content else ""


def published_digest(connection: Connection) -> str:
    """The hash of the files in a snapshot."""
    return noted(connection, _DIGEST)


def skipped_views(connection: Connection) -> dict[str, str]:
    """The files left out of a snapshot, each with the reason."""
    found: dict[str, str] = json.loads(noted(connection, _LEFT_OUT, "{}"))
    return found


def apply_views(files: Sequence[ViewFile], path: Path) -> None:
    """Create the files' views and macros in the warehouse at `path`, and record there which files were left out."""
    with closing(duckdb.connect(config=dict(_CLOSED))) as connection:
        attach(connection, path, NAME)
        connection.execute(f"USE {NAME}")
        connection.execute("SET enable_external_access = false")
        before = _objects(connection)
        reasons = {file.name: file.fault or _applied(connection, file.text, before) for file in files}
        note(connection, _DIGEST, views_digest(files))
        note(connection, _LEFT_OUT, json.dumps({name: reason for name, reason in reasons.items() if reason}))
        connection.execute(f"CHECKPOINT {NAME}")


def _read(path: Path) -> ViewFile:
    try:
        return ViewFile(path.name, path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        return ViewFile(path.name, fault="it is not UTF-8 text")
    except OSError as error:
        return ViewFile(path.name, fault=f"it can't be read ({type(error).__name__})")


def _applied(connection: Connection, text: str, before: set[Object]) -> str | None:
    """Run a file's statements, all or none; returns the reason if none."""
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        return _shown(error)
    if others := {each.type.name for each in statements if each.type != duckdb.StatementType.CREATE}:
        return f"it holds {', '.join(sorted(others))}; only CREATE VIEW and CREATE MACRO are allowed"
    connection.execute("BEGIN TRANSACTION")
    try:
        for statement in statements:
            connection.execute(statement)
        refused = _refused(connection, before)
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise  # not the file's fault: the publish fails, and is retried later
    except duckdb.Error as error:
        refused = _shown(error)
    connection.execute("ROLLBACK" if refused else "COMMIT")
    return refused


def _refused(connection: Connection, before: set[Object]) -> str | None:
    now = _objects(connection)
    if changed := before - now:
        return f"it would change {', '.join(sorted({each[3] for each in changed}))}, which is not its own"
    created = now - before
    if others := sorted({each[0] for each in created} - {"view", "macro"}):
        return f"it makes a {others[0]}; only CREATE VIEW and CREATE MACRO are allowed"
    if astray := sorted(each[3] for each in created if each[1:3] != (NAME, "main")):
        return f"{astray[0]} is temporary or in another schema, so that nobody would see it"
    names = [each[3] for each in created if each[0] == "macro"]
    hides = (
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE internal AND list_contains($names, function_name)"
    )
    if hidden := connection.execute(hides, {"names": names}).fetchall():
        return f"the macro {hidden[0][0]} would hide DuckDB's own function"
    return None


def _objects(connection: Connection) -> set[Object]:
    return set(connection.execute(sql("objects")).fetchall())


def _shown(error: duckdb.Error) -> str:
    """The first line of DuckDB's message, without numbers that could be a position."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"-?\d+\.\d+", "…", first)[:_LONGEST]
