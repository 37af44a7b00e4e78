"""The spreadsheet as a subject of the contract: a real workbook in a temporary folder, which its owner edits."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from strava_pipeline.core.sheets.header import MILE
from strava_pipeline.core.sheets.keys import content_key
from strava_pipeline.emulator.service import Clock, Journal
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.spreadsheet.emulator.book import Book, Row
from strava_pipeline_tests.providers import toy_service
from strava_pipeline_tests.providers.rides import Ride

MILES = round(2224 / MILE, 6)


class Damage:
    """What another program did to the file; the owner's own version comes back."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def clear(self) -> None:
        self._book.save()


class Edits(Journal):
    """Of a file there are no calls: a write is a name that is another one than its owner's."""

    def __init__(self, book: Book, keys: dict[str, Row]) -> None:
        self._book, self._keys = book, keys
        super().__init__(api="", token_path="/token", activity="(?!)()", identifier="(?!)")

    @property
    def writes(self) -> list[dict[str, Any]]:  # type: ignore[override]
        return [
            {"method": "EDIT", "path": f"/rows/{quote(key)}", "status": 200}
            for key, row in self._keys.items()
            if row in self._book.rows and self.name(key) != row["notes"]
        ]

    @writes.setter
    def writes(self, _: list[dict[str, Any]]) -> None:
        """What begins as an empty list."""

    def name(self, key: str) -> str:
        """The name in the file, of the row whose place is that of the owner's."""
        from openpyxl import load_workbook

        book = load_workbook(self._book.path, read_only=True)
        place = len(self._book.above) + 2 + self._book.rows.index(self._keys[key])
        with closing(book):
            row = next(book.worksheets[0].iter_rows(place, place, values_only=True))
        return str(row[self._book.titles.index("notes")])


class SpreadsheetSubject:
    name, secret, lists, gear, account = "spreadsheet", "Jane Companion", "/", "/", None
    zones = links = True
    lists_foreign = False
    formats: tuple[str, ...] = ()
    file_call = re.compile(r"(?!)")

    def __init__(self, folder: Path) -> None:
        self.book = Book(folder / "rides.xlsx")
        self.book.titles.append("mood")
        self.book.above.append(["My rides"])
        self.book.save()
        self.settings: dict[str, Any] = {"SPREADSHEET_PATH": str(self.book.path), "SPREADSHEET_ZONE": "Europe/Vienna"}
        self.keys: dict[str, Row] = {}
        self.clock = Clock(toy_service.NOW, 1.0)
        self.faults = Damage(self.book)
        self.journal = Edits(self.book, self.keys)

    write_call = re.compile(r"EDIT /rows/.+")

    def title_of(self, source_id: str) -> str:
        return self.journal.name(source_id)

    def fail_write(self, **fault: Any) -> None:
        raise NotImplementedError

    def log_in(self, settings: Settings) -> None:
        """The path is a setting."""

    def add(self, day: str, title: str, **asked: Any) -> str:
        ride = Ride(day, title, **asked)
        miles = MILES if ride.has_distance else None
        clock = datetime.fromisoformat(f"{day}T07:00:00")
        row: Row = {
            "start_time": ride.began or clock,
            "activity_type": "Ride",
            "equipment": "Blue bike",
            "duration_hms": "0:10:00",
            "distance": miles,
            "with_names": self.secret,
            "strava_id": ride.strava_id,
            "notes": title,
            "mood": "good",
        }
        start = datetime.fromisoformat(ride.began) if ride.began else clock
        distance = None if miles is None else round(miles, 4)
        key = f"strava-{ride.strava_id}" if ride.strava_id else content_key(start.isoformat(), distance, 600)
        self.keys[key] = row
        self.book.rows.insert(0, row)  # so that the rows before move
        self.book.save()
        return key

    def lose_file(self, source_id: str) -> None:
        raise NotImplementedError

    def fail_file(self, source_id: str | None, **fault: Any) -> None:
        raise NotImplementedError

    def add_foreign(self, day: str) -> None:
        raise NotImplementedError

    def edit(self, source_id: str, title: str) -> None:
        self.keys[source_id]["notes"] = title
        self.book.save()

    def delete(self, source_id: str) -> None:
        self.book.rows.remove(self.keys[source_id])
        self.book.save()

    def restore(self, source_id: str) -> None:
        self.book.rows.append(self.keys[source_id])
        self.book.save()

    def spoil(self) -> None:
        """Of a start that can't be read there is none."""
        self.book.rows.append({"start_time": "05/05/2025 08:00", "activity_type": "Ride", "distance": 2})
        self.book.save()

    def change_account(self) -> dict[str, Any] | None:
        raise NotImplementedError

    def fail(self, *, kind: str, **fault: Any) -> None:
        """Damage the file as a program does that writes it in pieces."""
        body = self.book.path.read_bytes()
        damaged = {"truncate": body[: len(body) // 2], "empty": b"", "html": b"<!DOCTYPE html><html>Log in</html>"}
        self.book.path.write_bytes(damaged[kind])


@contextmanager
def spreadsheet(patch: pytest.MonkeyPatch) -> Iterator[SpreadsheetSubject]:
    """A new workbook."""
    pytest.importorskip("openpyxl")
    with tempfile.TemporaryDirectory() as folder:
        yield SpreadsheetSubject(Path(folder))
