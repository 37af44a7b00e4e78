"""Lists of activities in other services' own exports, and the recording of each of their rows.

A list is recognised by its own content, never by its name alone. Rows name their recordings, or are found by the second
in which a recording begins. A row without a recording is an activity as well. How the rows of a service read is
core/files'.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from strava_pipeline.core.files.archive_csv import first_record
from strava_pipeline.core.files.unread_exports import unread_export
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.text import counted
from strava_pipeline.ingest.archive.entry import Entry, Fault, Problem, UnreadableEntryError, fault
from strava_pipeline.ingest.archive.exports import csv_reader, json_reader
from strava_pipeline.ingest.archive.exports.rows import ServiceRow, ServiceRows

_NAMES = re.compile(r"activities[^/]*\.csv$|summarizedActivities[^/]*\.json$|\.xml\.workouts\.json$", re.IGNORECASE)
"""The names of such lists, possibly with a number that a browser added."""
LIST = "activities.csv"  # Strava's, and a usual name with others
OTHER_PROGRAM = ("another program's table", "Import the activity files (FIT, GPX, TCX) of which it tells")
_ACCOUNT = re.compile(r"(^|/)DI_CONNECT/")  # Garmin's, with years of JSON about sleep and steps
_NUMBERED = re.compile(r"[0-9a-f-]*\d[0-9a-f-]*", re.IGNORECASE)  # what tells names of one kind of file apart


@dataclass(frozen=True, slots=True)
class ServiceList:
    """A list. `name`: of its entry; `root`: its folder, "" or ending in a slash."""

    name: str
    found: ServiceRows = field(repr=False)

    @property
    def root(self) -> str:
        return self.name[: self.name.rfind("/") + 1]

    @property
    def faults(self) -> list[Fault]:
        """The list's unreadable parts."""
        return [fault(self.name, Problem.DAMAGED, text) for text in self.found.faults]


def service_lists(entries: Sequence[Entry], others: Collection[str] = ()) -> list[ServiceList]:
    """The lists among the entries, without the entries `others`. An unreadable one is among the container's faults."""
    found = []
    for entry in entries:
        is_named = _NAMES.search(entry.name) or (len(entries) == 1 and entry.name.lower().endswith(".csv"))
        if entry.name in others or not is_named:
            continue
        try:
            read = _read(entry)
        except UnreadableEntryError:
            continue
        if read is not None:
            found.append(ServiceList(entry.name, read))
    return found


def _read(entry: Entry) -> ServiceRows | None:
    """The rows of a list, or None if it isn't one. Raises UnreadableEntryError."""
    body = entry.read()
    if entry.name.lower().endswith(".csv"):
        of_csv = csv_reader(first_record(body))
        return of_csv(body) if of_csv is not None else None
    try:
        value = parse_json(body)
    except (ValueError, RecursionError):
        return ServiceRows(faults=["it is no JSON, or broken off: nothing of it was read"])
    of_json = json_reader(value)
    return of_json(value) if of_json is not None else None


def unread_exports(entries: Iterable[Entry], roots: Collection[str] = ()) -> list[Fault]:
    """A fault for each kind of unsupported export file, with what to export instead.

    Of files with similar names, the first is examined.

    Args:
        entries: those from which nothing is read.
        roots: folders of Strava's exports: their other contents are private, and not examined.
    """
    alike: dict[str, list[Entry]] = {}
    for entry in entries:
        folder, _, last = entry.name.rpartition("/")
        is_apart = is_passed_over(entry.name) or (f"{folder}/" if folder else "") in roots
        if last.lower().endswith((".csv", ".json")) and not is_apart:
            alike.setdefault(_NUMBERED.sub("#", entry.name), []).append(entry)
    names: dict[tuple[str, str], list[str]] = {}
    for first, *others in alike.values():
        try:
            known = unread_export(first.name, first.read())
        except UnreadableEntryError:
            continue
        if known is not None or first.name.rpartition("/")[2].lower() == LIST:
            kind = (known.what, known.advice) if known is not None else OTHER_PROGRAM
            names.setdefault(kind, []).extend(each.name for each in (first, *others))
    return [
        fault(found[0], Problem.UNREAD_FORMAT, f"{what}{_more(len(found) - 1)}: not read. {advice}")
        for (what, advice), found in names.items()
    ]


def _more(count: int) -> str:
    return f" and {counted(count, 'more file')} of this kind" if count else ""


def is_service_header(titles: Sequence[str]) -> bool:
    """Whether these are the titles of a CSV from another service's export."""
    return csv_reader(titles) is not None


def is_passed_over(name: str) -> bool:
    """Whether an entry lies in an export's folder without activities of other services, such as health data."""
    return _ACCOUNT.search(name) is not None


class RowFinder:
    """Finds the row of each recording, each row once, and knows the remaining rows."""

    def __init__(self, lists: Sequence[ServiceList], names: Iterable[str]) -> None:
        """`names`: of the entries that are recordings."""
        known = set(names)
        self.by_file: dict[str, ServiceRow] = {}
        self.parts: dict[str, list[str]] = {}  # all recordings of the row of each recording that a row names
        self.missing = 0  # rows that name a file that is not there
        self._left: dict[int, ServiceRow] = {}
        self._by_second: dict[int, list[ServiceRow]] = {}
        self._recorded: list[tuple[float, float]] = []  # begin and end of each recording, in s since 1970
        for each in lists:
            for row in each.found.rows:
                self._left[id(row)] = row
                if each.found.by_start and row.began is not None:
                    self._by_second.setdefault(int(row.began.timestamp()), []).append(row)
                found = [next((name for name in _names(each.root, file) if name in known), None) for file in row.files]
                self.missing += found.count(None)
                parts = [name for name in found if name is not None and name not in self.by_file]
                self.by_file |= dict.fromkeys(parts, row)
                self.parts |= dict.fromkeys(parts, parts)

    def row_of(self, name: str, began: datetime | None, elapsed_s: float | None, *, is_part: bool) -> ServiceRow | None:
        """The row of a recording, or None.

        Args:
            name: of its entry.
            began: its start; `elapsed_s`: how long it took, in seconds.
            is_part: whether its file contains several recordings. If two rows begin at once, one of them is the whole.
        """
        row = self.by_file.get(name)
        if began is not None:
            start = began.timestamp()
            self._recorded.append((start, start + (elapsed_s or 0)))
            if row is None and (found := self._by_second.get(int(start))):
                row = next((each for each in found if each.is_part == is_part), found[0])
                found.remove(row)
        if row is not None:
            self._left.pop(id(row), None)
        return row

    def rows_left(self) -> Iterator[ServiceRow]:
        """The rows without a recording, once all recordings were asked for.

        A row that is found by its start and whose middle was recorded isn't a further activity: it is the whole of
        which parts were recorded, or its clock is off by seconds.
        """
        found_by_start = {id(row) for rows in self._by_second.values() for row in rows}
        stretches = _merged(self._recorded)
        for key, row in self._left.items():
            if key not in found_by_start or not _is_within(row, stretches):
                yield row


def _merged(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The time spans in order, with overlapping ones merged."""
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(stretches):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def _is_within(row: ServiceRow, stretches: Sequence[tuple[float, float]]) -> bool:
    if row.began is None:
        return False
    middle = row.began.timestamp() + (row.elapsed_s or 0) / 2
    place = bisect_right(stretches, (middle, float("inf"))) - 1
    return place >= 0 and middle <= stretches[place][1]


def _names(root: str, file: str) -> Iterator[str]:
    """The possible names of a row's file: as written in the row, and packed."""
    name = root + file.replace("\\", "/").lstrip("/")
    yield name
    yield f"{name}.gz"
