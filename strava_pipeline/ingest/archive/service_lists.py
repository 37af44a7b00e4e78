"""Lists of activities in other services' own exports, and which recording each of their rows is about.

A list is recognised by its own content, never by its name alone. Rows name their recordings, or are found by the second in which
a recording begins. A row without a recording is an activity as well. How the rows of a service read is core/files'.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from strava_pipeline.core.files.archive_csv import first_record
from strava_pipeline.core.files.exports import csv_reader
from strava_pipeline.core.files.exports.rows import ServiceRow, ServiceRows
from strava_pipeline.ingest.archive.entry import Entry, Fault, Problem, UnreadableEntryError, fault

_NAMES = re.compile(r"activities[^/]*\.csv$", re.IGNORECASE)
"""What such lists are called, perhaps with a number behind it that a browser added."""


@dataclass(frozen=True, slots=True)
class ServiceList:
    """A list. `name`: of its entry; `root`: the folder of it, "" or ending in a slash."""

    name: str
    found: ServiceRows = field(repr=False)

    @property
    def root(self) -> str:
        return self.name[: self.name.rfind("/") + 1]

    @property
    def faults(self) -> list[Fault]:
        """What of the list could not be read."""
        return [fault(self.name, Problem.DAMAGED, text) for text in self.found.faults]


def service_lists(entries: Sequence[Entry], others: Collection[str] = ()) -> list[ServiceList]:
    """The lists among the entries, without the entries `others`. An unreadable one is among the faults of the container."""
    found = []
    for entry in entries:
        is_named = _NAMES.search(entry.name) or (len(entries) == 1 and entry.name.lower().endswith(".csv"))
        if entry.name in others or not is_named:
            continue
        try:
            body = entry.read()
        except UnreadableEntryError:
            continue
        if (read := csv_reader(first_record(body))) is not None:
            found.append(ServiceList(entry.name, read(body)))
    return found


def is_service_csv(body: bytes) -> bool:
    """Whether a CSV is of another service's export."""
    return is_service_header(first_record(body))


def is_service_header(titles: Sequence[str]) -> bool:
    """Whether these are the titles of a CSV of another service's export."""
    return csv_reader(titles) is not None


class RowFinder:
    """Finds the row of each recording, each row once, and knows the rows that are left."""

    def __init__(self, lists: Sequence[ServiceList], names: Iterable[str]) -> None:
        """`names`: of the entries that are recordings."""
        known = set(names)
        self._lists = lists
        self.by_file: dict[str, ServiceRow] = {}
        self.missing = 0  # rows that name a file that is not there
        self._left: dict[int, ServiceRow] = {}
        for each in lists:
            for row in each.found.rows:
                self._left[id(row)] = row
                if row.file is not None:
                    name = next((name for name in _names(each.root, row.file) if name in known), None)
                    self.missing += name is None
                    if name is not None:
                        self.by_file.setdefault(name, row)

    def row_of(self, name: str) -> ServiceRow | None:
        """The row of the recording in the entry `name`; None: it has none."""
        row = self.by_file.get(name)
        if row is not None:
            self._left.pop(id(row), None)
        return row

    def rows_left(self) -> Iterator[ServiceRow]:
        """The rows without a recording, once all recordings were asked for."""
        yield from self._left.values()


def _names(root: str, file: str) -> Iterator[str]:
    """The names under which a row's file may lie: as the row writes it, and packed."""
    name = root + file.replace("\\", "/").lstrip("/")
    yield name
    yield f"{name}.gz"
