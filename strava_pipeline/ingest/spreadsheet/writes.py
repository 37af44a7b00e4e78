"""The spreadsheet's writer: approved changes become cells of the owner's file. The cells are planned in planning.py.

A workbook is read again just before it is written; all changes given at once become one write of it. Workbooks with
macros and CSV are read only.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.changes.records import Change, Value
from strava_pipeline.core.errors import TransientError
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sheets.editing import Layout
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.ingest.spreadsheet.client import Look, SpreadsheetClient, connect
from strava_pipeline.ingest.spreadsheet.planning import Books, Plan
from strava_pipeline.ingest.spreadsheet.replacing import replace
from strava_pipeline.ingest.writer import Answered, Reading, Request, UnsupportedChangeError

if TYPE_CHECKING:
    from strava_pipeline.ingest.spreadsheet.workbook_writes import WorkbookEditor

_MOST_AT_ONCE = 1000  # changes of one write: each is some cells


class SpreadsheetWriter:
    """The writer of the files that `client` reads."""

    calls = 0
    most_at_once = _MOST_AT_ONCE

    def __init__(self, client: SpreadsheetClient, clock: ServerClock) -> None:
        self._client, self._clock = client, clock
        self._seen: Look | Json | None = None
        self._books: Books | None = None
        self._own: set[str] = set()

    def start_from(self, newest: bytes | None) -> None:
        """Recognise rows by the newest stored reading."""
        self._seen, self._books = (parse_json(newest) if newest is not None else None), None

    def read(self, change: Change) -> Reading:
        """The present values in the row of a change. Raises GoneError, UnsupportedChangeError, SourceError, TransientError."""
        found = self._look().find(change)
        now = self._clock.now()
        answers = [Answered("READ", place, 200, json_bytes(cell), now) for place, cell in found.cells.items()]
        return Reading(found.value, answers, source_id=found.key, restore=found.restore)

    def requests(self, change: Change, before: Reading) -> Sequence[Request]:
        """The cells that `write` would write, with their old and new contents, for a person.

        Raises UnsupportedChangeError if the file can't hold the new content, so that no other change fails with this
        one.
        """
        plan = Plan(self._look())
        plan.add(change, self._look().find(change))
        return plan.requests

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Write the changes, each file once. Raises TransientError if somebody has a file open or it was changed meanwhile."""
        books = self._look()
        plan, planned = Plan(books), set[str]()
        for change, reading in zip(changes, before, strict=True):
            found = books.find(change)
            if found.value != reading.value:
                raise TransientError("A row was changed since it was read, so nothing was written; the change waits.")
            if change.id not in planned:
                plan.add(change, found)
                planned.add(change.id)
        return [self._written(book, books.editor(book).edited(edits)) for book, edits in plan.edits.items()]

    def _look(self) -> Books:
        seen = self._client.look(self._seen)
        if self._books is None or seen is not self._seen:
            if len(seen.files) < len(self._client.paths):
                raise UnsupportedChangeError(
                    "Two files of SPREADSHEET_PATH have the same content, so nobody can say which one is the table: nothing is "
                    "written. Name one of them."
                )
            self._seen, self._books = seen, Books(seen.content, self._editor)
        return self._books

    def _file(self, book: int) -> tuple[Path, bytes]:
        assert isinstance(self._seen, Look)
        return list(self._seen.files.values())[book]

    def _editor(self, book: int, layout: Layout) -> "WorkbookEditor":
        path, body = self._file(book)
        if path.suffix.lower() != ".xlsx":
            raise UnsupportedChangeError(f"{path.name} is read only. Save it as .xlsx, or change it yourself.")
        # here, because CSV needs no openpyxl
        from strava_pipeline.ingest.spreadsheet.workbook_writes import WorkbookEditor

        return WorkbookEditor(path.name, body, layout)

    def _written(self, book: int, edited: bytes) -> Answered:
        path, body = self._file(book)
        before, after = sha256(body).hexdigest(), sha256(edited).hexdigest()
        # none of its own versions is kept: the copies must be of the owner's
        copy = replace(path, body, edited, None if before in self._own else self._clock.now())
        self._own.add(after)
        content: dict[str, Value] = {"backup": copy, "before": before, "after": after}
        return Answered("WRITE", path.name, 200, json_bytes(content), self._clock.now())


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> SpreadsheetWriter:
    """A writer of the files that the settings name. Raises MissingSettingsError or PipelineError; no file is opened."""
    return SpreadsheetWriter(connect(settings, clock, on_wait), clock)
