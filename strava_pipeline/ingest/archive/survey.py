"""A preview of an import: exports, activity files and API objects by year, sport and format. Lands nothing.

Activity files are recognised by their names; with a reader of files they are read too, and their sports and years
counted.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.files.recording import DecodedFile, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sports import sport_type
from strava_pipeline.core.text import counted
from strava_pipeline.ingest.archive.api_json import is_json, read_objects
from strava_pipeline.ingest.archive.apple_health import health_lists
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format, bulk_exports
from strava_pipeline.ingest.archive.container import Container, open_container
from strava_pipeline.ingest.archive.contents import ACTIVITY_OBJECTS
from strava_pipeline.ingest.archive.entry import Entry, Fault, UnreadableEntryError, names_by_ending
from strava_pipeline.ingest.archive.service_lists import (
    RowFinder,
    ServiceList,
    is_passed_over,
    service_lists,
    unread_exports,
)
from strava_pipeline.ingest.archive.uploads import is_in_uploads, may_be_activity
from strava_pipeline.ingest.files.reading import clock_of

ReadFile = Callable[[str, bytes], DecodedFile]
YearSport = tuple[int | None, str]
UNKNOWN = "unknown"


@dataclass(slots=True)
class Survey:
    """The contents of a path. Years are UTC's, or the athlete's own if an object or a file gives them; None: unknown."""

    path: Path
    kind: str  # zip, folder or file
    exports: list[BulkExport] = field(default_factory=list)
    activities: Counter[YearSport] = field(default_factory=Counter)  # of rows, objects and files that were read
    files: Counter[str] = field(default_factory=Counter)  # by format, named by a row or not
    loose: int = 0  # files that no row names
    objects: Counter[str] = field(default_factory=Counter)  # by kind
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)  # names of all other entries, by ending
    problems: list[str] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set, repr=False)  # ids counted: a list and a detail are one activity

    @property
    def others(self) -> int:
        """The number of other entries."""
        return sum(map(len, self.left_out.values()))

    def count(self, identity: object, year: int | None, sport: str) -> None:
        """Count an activity, unless one with its id was already counted."""
        if not isinstance(identity, int):
            self.activities[year, sport] += 1
        elif identity not in self._seen:
            self._seen.add(identity)
            self.activities[year, sport] += 1


def survey(path: Path, read_file: ReadFile | None = None, limits: ImportLimits = ImportLimits()) -> Survey:
    """Survey a path. Raises SourceError if there is nothing to read, or for a list that is not Strava's."""
    with open_container(path, limits) as container:
        found = Survey(path, container.kind.value)
        health = health_lists(container, limits)
        container.forget_size({each.document for each in health})
        found.problems += map(str, container.faults)
        rows: dict[str, Any] = {}
        for export in bulk_exports(container, refuse_foreign=True):
            found.exports.append(export)
            rows |= export.files
            _count_rows(export, found)
        _count_objects(container, limits, found)
        entries = [*container.entries, *(each.entry for each in health)]
        lists = service_lists(entries, {export.list_name for export in found.exports})
        recordings = [entry.name for entry in container.entries if activity_format(entry.name)]
        finder = RowFinder(lists, recordings)
        for entry in container.entries:
            _count_entry(entry, entry.name in rows, read_file, finder, found)
        _count_rows_left(lists, finder, found)
        kept = _part_of_exports(found.exports) | {each.name for each in lists} | {each.document for each in health}
        left = [entry for entry in container.entries if entry.name not in kept]
        found.problems += map(str, unread_exports(left, {export.root for export in found.exports}))
        found.left_out = names_by_ending(
            entry.name for entry in left if not (activity_format(entry.name) or is_json(entry.name))
        )
    return found


def _part_of_exports(exports: list[BulkExport]) -> set[str]:
    """The lists, gear and pictures of exports."""
    named = {export.root + name for export in exports for name in ("bikes.csv", "shoes.csv", "profile.csv")}
    pictures = {export.root + name for export in exports for row in export.activities.rows for name in row.media}
    return named | pictures | {export.list_name for export in exports}


def _count_rows(export: BulkExport, found: Survey) -> None:
    for row in export.activities.rows:
        year = row.started_at.year if row.started_at else None
        found.count(row.activity_id, year, row.sport_type or UNKNOWN)
    found.problems += [f"{export.root}activities.csv: {fault}" for fault in export.activities.faults]
    found.problems += map(str, export.faults)


def _count_objects(container: Container, limits: ImportLimits, found: Survey) -> None:
    for item in read_objects([each for each in container.entries if not is_passed_over(each.name)], limits):
        if isinstance(item, Fault):
            found.problems.append(str(item))
            continue
        found.objects[item.kind.value] += 1
        if item.kind in ACTIVITY_OBJECTS:
            sport = item.body.get("sport_type") or item.body.get("type") or UNKNOWN
            found.count(item.body.get("id", item.body.get("run_id")), _year(item.body), str(sport))


def _count_rows_left(lists: list[ServiceList], finder: RowFinder, found: Survey) -> None:
    """Count the rows of other services without a recording."""
    found.problems += [str(fault) for each in lists for fault in each.faults]
    if finder.missing:
        verb = "is" if finder.missing == 1 else "are"
        found.problems.append(
            f"{counted(finder.missing, 'file')} that rows name {verb} not there; the rows are activities by themselves"
        )
    for row in finder.rows_left():
        found.count(None, _year(row.fields), row.sport or UNKNOWN)


def _count_entry(entry: Entry, has_row: bool, read_file: ReadFile | None, finder: RowFinder, found: Survey) -> None:
    file_format = activity_format(entry.name)
    if file_format is None or (is_in_uploads(entry.name) and not may_be_activity(entry)):
        return
    found.files[file_format] += 1
    found.loose += not has_row and entry.name not in finder.by_file
    if read_file is None:
        return
    try:
        read = read_file(entry.name, entry.read())
    except UnreadableEntryError as error:
        found.problems.append(str(error.fault))
        return
    if read.problem:
        found.problems.append(f"{entry.name}: {read.problem}")
    parts = finder.parts.get(entry.name, [entry.name])
    if not has_row and entry.name == parts[0]:
        for recording in read.recordings:
            began, elapsed_s = recording.started_at, recording.elapsed_s
            row = finder.row_of(entry.name, began, elapsed_s, is_part=len(read.recordings) > 1)
            sport = (row.sport if row is not None else None) or sport_type(recording.sport, recording.sub_sport)
            found.count(None, _local_year(recording), sport or UNKNOWN)


def _local_year(recording: Recording) -> int | None:
    """The year on the athlete's clock."""
    if recording.started_at is None:
        return None
    return (recording.started_at + timedelta(seconds=clock_of(recording).utc_offset_s or 0.0)).year


def _year(body: Mapping[str, Any]) -> int | None:
    for name in ("start_date_local", "start_date"):
        try:
            return datetime.fromisoformat(str(body.get(name))).year
        except ValueError:
            continue
    return None
