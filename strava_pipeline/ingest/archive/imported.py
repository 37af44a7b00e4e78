"""The activities of one import, from what was kept of it: rows of archives with their files, files by themselves, objects.

From bytes and readings alone, so that the same comes out any time again. Nothing lands here, and what belongs to one
activity although it came in twice is decided elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from strava_pipeline.core.files.objects import hashed_id, of_recording, of_row, row_id, summary_and_detail
from strava_pipeline.core.files.reading import Reading
from strava_pipeline.core.files.running_page import running_page_summary
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import FILE, RUNNING_PAGE, STRAVA_ARCHIVE, STRAVA_JSON
from strava_pipeline.ingest.archive.api_json import ApiObject, ObjectKind
from strava_pipeline.ingest.archive.bulk_export import BulkExport, bulk_exports
from strava_pipeline.ingest.archive.container import Container, Kind
from strava_pipeline.ingest.archive.entry import Entry
from strava_pipeline.ingest.archive.landing import Role, activity_objects

_FIRST_MILLISECOND_ID = (
    10**12
)  # running_page numbers what Strava didn't by the start in milliseconds; Strava is at 2·10^10


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was kept: the name it had, the hash of its bytes, what it is."""

    name: str
    sha256: str
    size: int
    role: Role


@dataclass(frozen=True, slots=True)
class ImportedActivity:
    """`summary` and `detail` in the shapes of Strava's API; `recorded`: the file and the sessions of it that are its track."""

    source: str
    activity_id: int
    summary: Json = field(repr=False)
    detail: Json | None = field(default=None, repr=False)
    recorded: tuple[tuple[str, int], ...] = ()


class ImportRead:
    """One import, its lists read. `athletes`: whose each list is, by its name; `load` gives the bytes of a hash."""

    def __init__(
        self, files: Sequence[Kept], kind: str, athletes: Mapping[str, int], load: Callable[[str], bytes]
    ) -> None:
        self._files, self._athletes = files, athletes
        self._entries = [Entry(each.name, each.size, partial(load, each.sha256)) for each in files]
        came_as = Path(files[0].name if kind == Kind.FILE and files else "import")
        self._exports = list(bulk_exports(Container(came_as, Kind(kind), self._entries)))

    def activities(
        self, reading: Callable[[str], Reading | None], earlier: Mapping[str, str]
    ) -> Iterator[ImportedActivity]:
        """Every activity. `reading` gives what a file came to.

        `earlier`: files of archives that came before, by the last part of their name: a list may come without its files.
        """
        by_name = {each.name: each for each in self._files}
        listed: set[str] = set()
        for export in self._exports:
            listed |= export.files.keys()
            yield from _of_export(export, by_name, self._athletes.get(export.list_name), reading, earlier)
        for each in self._files:
            if each.role == "activity" and each.name not in listed:
                yield from _of_file(each, reading(each.sha256))
        for entry in self._entries:
            if by_name[entry.name].role == "objects":
                yield from map(_of_object, activity_objects([entry]))

    def gear(self) -> list[Json]:
        """The bikes and shoes of archives, as the API would tell of them, and whose they are."""
        return [
            {**item, "athlete_id": self._athletes.get(export.list_name)}
            for export in self._exports
            for item in _gear(export, self._athletes.get(export.list_name))
        ]

    @property
    def said_at(self) -> datetime | None:
        """Up to when the lists tell: the newest start (UTC). An archive may come in years after it was made."""
        starts = [row.started_at for export in self._exports for row in export.activities.rows if row.started_at]
        return max(starts, default=None)


def _of_export(
    export: BulkExport,
    by_name: Mapping[str, Kept],
    athlete_id: int | None,
    reading: Callable[[str], Reading | None],
    earlier: Mapping[str, str],
) -> Iterator[ImportedActivity]:
    gear = {item["name"]: item["id"] for item in _gear(export, athlete_id)}
    names = {row.line: name for name, row in export.files.items()}
    shared = {row.line for row in export.shared}
    for row in export.activities.rows:
        name = names.get(row.line)
        digest = by_name[name].sha256 if name is not None else None
        if name is None and row.filename is not None and row.line not in shared:
            name = PurePosixPath(row.filename).name
            digest = earlier.get(name)
        read = reading(digest) if digest is not None else None
        recordings = read.recordings if read is not None else []
        file = _file(PurePosixPath(name).name, digest, read) if name is not None and digest is not None else None
        activity_id = row_id(row)
        whole = of_row(row, activity_id, recordings, file)
        if row.gear_id is None and row.gear_name in gear:
            whole = {**whole, "gear_id": gear[row.gear_name]}
        if athlete_id is not None:
            whole = {**whole, "athlete": {"id": athlete_id}}
        summary, _ = summary_and_detail(whole)  # the detail is all of it: what a later archive no longer says is gone
        recorded = tuple((digest, place) for place, each in enumerate(recordings) if each.points) if digest else ()
        yield ImportedActivity(STRAVA_ARCHIVE, activity_id, summary, whole, recorded)


def _gear(export: BulkExport, athlete_id: int | None) -> list[Json]:
    """The archive lists gear without its ids; the rows that name it tell them, those of the older layouts don't."""
    ids = {row.gear_name: row.gear_id for row in export.activities.rows if row.gear_name and row.gear_id}
    return [
        {
            "id": ids.get(item.name)
            or f"{item.kind[0].replace('s', 'g')}{hashed_id(STRAVA_ARCHIVE, repr((athlete_id, item.name)))}",
            "name": item.name,
            "brand_name": item.brand,
            "model_name": item.model,
        }
        for item in export.gear
    ]


def _of_file(kept: Kept, read: Reading | None) -> Iterator[ImportedActivity]:
    if read is None:
        return
    for place, recording in enumerate(read.recordings):
        activity_id = hashed_id(FILE, f"{read.content}:{place}")
        file = _file(PurePosixPath(kept.name).name, kept.sha256, read)
        summary, detail = summary_and_detail(of_recording(recording, activity_id, file))
        recorded = ((kept.sha256, place),) if recording.points else ()
        yield ImportedActivity(FILE, activity_id, summary, detail, recorded)


def _of_object(each: ApiObject) -> ImportedActivity:
    if each.kind is ObjectKind.RUNNING_PAGE:
        told = running_page_summary(each.body)
        known = told.get("id")
        strava = isinstance(known, int) and 0 < known < _FIRST_MILLISECOND_ID
        activity_id = known if isinstance(known, int) and strava else hashed_id(RUNNING_PAGE, str(known))
        return ImportedActivity(RUNNING_PAGE, activity_id, {**told, "id": activity_id})
    activity_id = _identity(each.body)
    whole = {**each.body, "id": activity_id}
    if each.kind is ObjectKind.DETAIL:
        return ImportedActivity(STRAVA_JSON, activity_id, summary_and_detail(whole)[0], whole)
    return ImportedActivity(STRAVA_JSON, activity_id, whole)


def _identity(body: Mapping[str, Any]) -> int:
    """Strava's own number, also where a tool made text of it; what it can't be is hashed."""
    known = str(body.get("id"))
    return (
        int(known) if known.isascii() and known.isdigit() and 0 < int(known) < 2**63 else hashed_id(STRAVA_JSON, known)
    )


def _file(name: str, digest: str, read: Reading | None) -> Json:
    """Which file it was, for `extra`."""
    told = {"name": name, "sha256": digest}
    if read is None:
        return told
    more = {"format": read.format, "problem": read.problem, "flags": read.flags, "unknown_fields": dict(read.unknown)}
    return told | {key: value for key, value in more.items() if value}
