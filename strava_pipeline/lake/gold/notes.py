"""What the warehouse notes of itself, in the table `lake_meta`, by the beginning of a note's name:

`made:` and what was made, a table or a part of one: the key of what it was made from. It stands while the key is the same.
`due:` and what is to be made, though no key tells of it: a mark, or since when.
`told:` and a name: what the views or the next run read.

Besides these stand the file's identity, its version and the count of its changes. Notes are written within the caller's
transaction.

A step is written once, as work. Whether it is due is asked of itself: `is_due` (warehouse.py) runs it until it would begin to
change something.
"""

import threading

import duckdb

Connection = duckdb.DuckDBPyConnection
MADE, DUE, TOLD = "made:", "due:", "told:"


class HasWorkError(Exception):
    """A step that was only asked would change the warehouse."""


class _Asking(threading.local):
    is_on = False


ASKING = _Asking()
"""Whether this thread only asks a step whether it is due."""


def begin_change() -> None:
    """From here on a step changes the warehouse. Where it is only asked, it ends here."""
    if ASKING.is_on:
        raise HasWorkError


def mark_changed(connection: Connection) -> None:
    """Count this transaction as a change, so that the next publish replaces the snapshot."""
    begin_change()
    connection.execute("UPDATE lake_meta SET value = (value::BIGINT + 1)::VARCHAR WHERE key = 'revision'")


def revision(connection: Connection) -> str:
    """The warehouse's identity (a rebuild makes a new one), and how many transactions changed it."""
    rows = dict(connection.execute("SELECT key, value FROM lake_meta").fetchall())
    return f"{rows.get('identity')}:{rows.get('revision')}"


def note(connection: Connection, name: str, value: str = "yes") -> None:
    """Write a note into the file."""
    unmark(connection, name)
    connection.execute("INSERT INTO lake_meta VALUES ($name, $value)", {"name": name, "value": value})


def notes(connection: Connection, prefix: str) -> dict[str, str]:
    """The notes whose names begin with `prefix`, by the rest of their names."""
    query = "SELECT key[length($prefix) + 1:], value FROM lake_meta WHERE starts_with(key, $prefix)"
    return dict(connection.execute(query, {"prefix": prefix}).fetchall())


def noted(connection: Connection, name: str, default: str = "") -> str:
    """The value of a note."""
    found = connection.execute("SELECT value FROM lake_meta WHERE key = $name", {"name": name}).fetchall()
    return str(found[0][0]) if found else default


def is_noted(connection: Connection, name: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM lake_meta WHERE key = $name", {"name": name}).fetchall())


def unmark(connection: Connection, name: str) -> None:
    """Delete the note."""
    begin_change()
    connection.execute("DELETE FROM lake_meta WHERE key = $name", {"name": name})


def forget(connection: Connection, prefix: str) -> None:
    """Delete the notes whose names begin with `prefix`."""
    begin_change()
    connection.execute("DELETE FROM lake_meta WHERE starts_with(key, $prefix)", {"prefix": prefix})


def stands(connection: Connection, name: str, key: str, nothing: str = "") -> bool:
    """Whether `name` was made from what has this key. `nothing`: the key where there is nothing, so that nothing need be made."""
    return noted(connection, f"{MADE}{name}", nothing) == key


def note_made(connection: Connection, name: str, key: str) -> None:
    """Note what `name` was made from, for `stands`."""
    note(connection, f"{MADE}{name}", key)
