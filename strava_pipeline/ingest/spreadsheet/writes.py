"""The spreadsheet's writer: approved changes become cells of the owner's file. What cells they become is planning.py's.

A workbook is read again just before it is written; all changes that are given at once become one write of it. Workbooks with
macros and CSV are read only.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.changes.records import Change, Value
from strava_pipeline.core.errors import TransientError
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.rows import Json
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.ingest.spreadsheet.client import Look, SpreadsheetClient, connect
from strava_pipeline.ingest.spreadsheet.edits import Refusals
from strava_pipeline.ingest.spreadsheet.planning import Books, Found, Plan
from strava_pipeline.ingest.spreadsheet.replacing import Keep, replace, require_closed, require_writable
from strava_pipeline.ingest.writer import Answered, Reading, Request, UnsupportedChangeError
from strava_pipeline.settings import Settings

if TYPE_CHECKING:
    from strava_pipeline.ingest.spreadsheet.workbook_writes import WorkbookEditor

_MOST_AT_ONCE = 1000  # changes of one write: each is some cells


class SpreadsheetWriter:
    """The writer of the files that `client` reads.

    Args:
        backups: how many copies of what a file was before stay beside it.
    """

    calls = 0
    most_at_once = _MOST_AT_ONCE

    def __init__(self, client: SpreadsheetClient, clock: ServerClock, backups: int) -> None:
        self._client, self._clock, self._backups = client, clock, backups
        self._seen: Look | Json | None = None
        self._books: Books | None = None
        self._own: set[str] = set()
        self._checked: dict[str, Refusals] = {}

    def start_from(self, newest: bytes | None) -> None:
        """Recognise rows by the newest reading that is kept."""
        self._seen, self._books = (parse_json(newest) if newest is not None else None), None

    def read(self, change: Change) -> Reading:
        """What the row of a change says now. Raises GoneError, UnsupportedChangeError, SourceError, TransientError."""
        found = self._found(self._look(), change)
        now = self._clock.now()
        answers = [Answered("READ", address, 200, json_bytes(cell), now) for address, cell in found.cells.items()]
        return Reading(found.value, answers, source_id=found.key, restore=found.restore)

    def requests(self, change: Change, before: Reading) -> Sequence[Request]:
        """The cells that `write` would write, with what they hold and would hold, as a person reads them.

        Raises UnsupportedChangeError where the file can't hold the new content, so that no other change fails with this one.
        """
        books = self._look()
        plan = self._plan(books, [change])
        return list(plan.requests())

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Write the changes, each file once. Raises TransientError where somebody has a file open or it was changed meanwhile."""
        books = self._look()
        for change, reading in zip(changes, before, strict=True):
            if self._found(books, change).value != reading.value:
                raise TransientError("A row was changed since it was read, so nothing was written; the change waits.")
        plan = self._plan(books, changes)
        return list(self._written(books, plan))

    def _look(self) -> Books:
        seen = self._client.look(self._seen)
        if self._books is None or seen is not self._seen:
            if len(seen.files) < len(self._client.paths):
                raise UnsupportedChangeError(
                    "Two files of SPREADSHEET_PATH have the same content, so nobody can say which one is the table: nothing is "
                    "written. Name one of them."
                )
            self._seen, self._books = seen, Books(seen.content)
        return self._books

    def _found(self, books: Books, change: Change) -> Found:
        return books.find(change, lambda book: self._refusals(book))

    def _plan(self, books: Books, changes: Sequence[Change]) -> Plan:
        plan = Plan(books)
        for change in {each.id: each for each in changes}.values():
            plan.add(change, self._found(books, change))
        for book, edits in plan.edits().items():
            editor = self._editor(book)
            for value in (*(each.new for each in edits.cells), *(cell for row in edits.rows for cell in row.values())):
                editor.check_cell(value)
        return plan

    def _refusals(self, book: int) -> Refusals:
        """Which cells of a file can't be written, looked up once for each content."""
        assert self._books is not None
        _, body = self._file(book)
        digest = sha256(body).hexdigest()
        if digest not in self._checked:
            editor = self._editor(book)
            editor.check()
            kept = self._checked if len(self._client.paths) > 1 else {}
            self._checked = {digest: editor.refusals(self._books.edits(book)), **kept}
        return self._checked[digest]

    def _file(self, book: int) -> tuple[Path, bytes]:
        assert isinstance(self._seen, Look)
        return list(self._seen.files.values())[book]

    def _editor(self, book: int) -> "WorkbookEditor":
        assert self._books is not None
        path, body = self._file(book)
        if path.suffix.lower() != ".xlsx":
            raise UnsupportedChangeError(f"{path.name} is read only. Save it as .xlsx, or change it yourself.")
        # here, as whoever keeps CSV needs no openpyxl
        from strava_pipeline.ingest.spreadsheet.workbook_writes import WorkbookEditor

        return WorkbookEditor(path.name, body, self._books.sheet(book))

    def _written(self, books: Books, plan: Plan) -> Iterator[Answered]:
        for book, edits in plan.edits().items():
            path, body = self._file(book)
            require_closed(path)
            require_writable(path)
            edited = self._editor(book).edited(edits)

            def check(written: bytes, wanted: bytes = edited) -> None:
                if written != wanted:
                    raise TransientError("What was written can't be read back; the file is as it was.")

            before, after = sha256(body).hexdigest(), sha256(edited).hexdigest()
            # of its own versions it keeps none: the copies that stay shall be of what the owner had
            keep = Keep(self._clock.now(), self._backups) if before not in self._own else None
            copy = replace(path, body, edited, check, keep)
            self._own.add(after)
            content: dict[str, Value] = {"backup": copy, "before": before, "after": after}
            yield Answered("WRITE", path.name, 200, json_bytes(content), self._clock.now())


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> SpreadsheetWriter:
    """A writer of the files that the settings name. Raises MissingSettingsError or PipelineError; no file is opened."""
    return SpreadsheetWriter(connect(settings, clock, on_wait), clock, settings.spreadsheet_backups)
