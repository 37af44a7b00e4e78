"""Exports of services in forms that can't be imported: how to recognise each, and what to export instead. Pure.

A file is recognised by marks in it, keys of JSON or titles of a CSV, whatever its name. To add a service, add rows to
the table in this folder; a further row of the same kind takes the advice of its first.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_HEAD = 4096  # bytes in which the titles of a CSV stand; Samsung has a line before them
_LINES = 3


@dataclass(frozen=True, slots=True)
class UnreadExport:
    """A kind of file. `what`: its name, with the service's; `marks`: texts that must all be in it; `advice`: what to
    export instead.
    """

    what: str
    ending: str
    marks: tuple[bytes, ...]
    advice: str


def unread_export(name: str, body: bytes) -> UnreadExport | None:
    """The known kind of a file, or None."""
    ending = name.lower().rpartition(".")[2]
    if ending == "csv":
        body = b"\n".join(body[:_HEAD].replace(b"\0", b"").splitlines()[:_LINES])
    return next((each for each in _table() if each.ending == ending and all(mark in body for mark in each.marks)), None)


@cache
def _table() -> tuple[UnreadExport, ...]:
    rows = list(csv.DictReader(files(__package__).joinpath("unread_exports.csv").read_text("utf-8").splitlines()))
    advice = {row["what"]: row["advice"] for row in rows if row["advice"]}
    return tuple(
        UnreadExport(row["what"], row["ending"], _marks(row["marks"], row["ending"]), advice[row["what"]])
        for row in rows
    )


def _marks(text: str, ending: str) -> tuple[bytes, ...]:
    return tuple((f'"{mark}"' if ending == "json" else mark).encode() for mark in text.split("|"))
