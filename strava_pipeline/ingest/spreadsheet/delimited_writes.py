"""Edits of CSV: the approved cells change, and every other byte stays. Quotes, line ends, BOM and encoding are the file's own."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strava_pipeline.core.sheets.cells import Cell, read_number
from strava_pipeline.ingest.spreadsheet.delimited import decoded, delimiter_of, encoding_of
from strava_pipeline.ingest.spreadsheet.edits import Edits, Refusals
from strava_pipeline.ingest.writer import UnsupportedChangeError

_LINE_END = re.compile(r"\r\n|\r|\n")
_COMPUTED = tuple("=+-@\t\r")  # how a text begins that spreadsheets compute: CSV can't say that it is text


@dataclass(slots=True)
class _Record:
    """A record: its fields as they stand in the file, quotes included, and its line end, which the last one may lack."""

    fields: list[str]
    end: str


@dataclass(frozen=True, slots=True)
class DelimitedEditor:
    """A CSV file that is to be changed: `body` as it is, in the file `name`."""

    name: str
    body: bytes = field(repr=False)

    def check(self) -> None:
        """CSV has nothing that could be lost."""

    def refusals(self, edits: Edits) -> Refusals:
        """CSV has no cells that can't be written. A new row goes below the last activity, above totals."""
        return Refusals(row=f"row {edits.above + 1}")

    def check_cell(self, value: Cell) -> None:
        """Raises UnsupportedChangeError where this file can't hold the content of a cell."""
        self._encoded(self._raw(value, ",", quoted=False), encoding_of(self.body))

    def edited(self, edits: Edits) -> bytes:
        """The file with the edits. Raises UnsupportedChangeError where it can't hold a text."""
        text, encoding = decoded(self.name, self.body), encoding_of(self.body)
        if self._encoded(text, encoding) != self.body:
            raise UnsupportedChangeError(
                f"{self.name} has bytes that are no text in its encoding, which would be lost: nothing was written. Save it as "
                "CSV in UTF-8."
            )
        delimiter = delimiter_of(text)
        records = _records(text, delimiter)
        written = {(edit.row, edit.column.place): edit.new for edit in edits.cells}
        for (number, place), value in written.items():
            self._set(records[number - 1], place, value, delimiter)
        _add(records, edits, self._lines(records, edits, delimiter))
        _remove(records, edits.removed)
        changed = self._encoded("".join(delimiter.join(each.fields) + each.end for each in records), encoding)
        self._verify(text, decoded(self.name, changed), edits, written, delimiter)
        return changed

    def _set(self, record: _Record, place: int, value: Cell, delimiter: str) -> None:
        record.fields += [""] * (place + 1 - len(record.fields))
        record.fields[place] = self._raw(value, delimiter, quoted=record.fields[place].startswith('"'))

    def _lines(self, records: Sequence[_Record], edits: Edits, delimiter: str) -> list[_Record]:
        pattern = records[edits.above - 1].fields
        width = len(records[edits.header - 1].fields)
        return [
            _Record(
                [
                    self._raw(row.get(place), delimiter, quoted=place < len(pattern) and pattern[place].startswith('"'))
                    for place in range(width)
                ],
                "",
            )
            for row in ({column.place: value for column, value in each.items()} for each in edits.rows)
        ]

    def _raw(self, value: Cell, delimiter: str, *, quoted: bool) -> str:
        text = "" if value is None else str(value)
        if text.startswith(_COMPUTED) and read_number(text) is None:
            raise UnsupportedChangeError(
                f"A text that begins with {text[0]!r} would be computed as a formula when {self.name} is opened, and CSV can't "
                "say that it is text: nothing was written. Change the cell yourself, or keep the table as a workbook."
            )
        if quoted or text != text.strip() or any(sign in text for sign in (delimiter, '"', "\r", "\n")):
            return '"' + text.replace('"', '""') + '"'
        return text

    def _encoded(self, text: str, encoding: str) -> bytes:
        try:
            if encoding.startswith("utf-16"):
                return ("\ufeff" + text).encode(encoding)
            return text.encode(encoding)
        except UnicodeEncodeError:
            raise UnsupportedChangeError(
                f"{self.name} is in an old encoding ({encoding}) that has no sign for a character of the new text: nothing was "
                "written. Save it as CSV in UTF-8."
            ) from None

    def _verify(
        self,
        before: str,
        after: str,
        edits: Edits,
        written: Mapping[tuple[int, int], Cell],
        delimiter: str,
    ) -> None:
        """Raises where a reader would find anything but what was to change."""
        found = list(csv.reader(io.StringIO(after, newline=""), delimiter=delimiter, strict=True))
        wanted = list(csv.reader(io.StringIO(before, newline=""), delimiter=delimiter, strict=True))
        for (number, place), value in written.items():
            record = wanted[number - 1]
            record += [""] * (place + 1 - len(record))
            record[place] = "" if value is None else str(value)
        width = len(wanted[edits.header - 1])
        rows = [{column.place: str(value) for column, value in row.items() if value is not None} for row in edits.rows]
        wanted[edits.above : edits.above] = [[row.get(place, "") for place in range(width)] for row in rows]
        for number in sorted(edits.removed, reverse=True):
            del wanted[number - 1]
        if found != wanted:
            raise UnsupportedChangeError(
                f"{self.name} would have other differences after writing than those that were approved, so nothing was "
                "written. Change the cell yourself, and please report this."
            )


def _records(text: str, delimiter: str) -> list[_Record]:
    """The records of a text that csv.reader reads without an error, as they stand."""
    found: list[_Record] = []
    place, fields = 0, list[str]()
    quoted = re.compile(r'"(?:[^"]|"")*"')
    plain = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    while place < len(text):
        match = quoted.match(text, place) if text[place] == '"' else None
        match = match or plain.match(text, place)
        assert match is not None, "a plain field may be empty"
        fields.append(match[0])
        place = match.end()
        if text.startswith(delimiter, place):
            place += 1
            if place < len(text):
                continue
            fields.append("")
        end = _LINE_END.match(text, place)
        found.append(_Record(fields, end[0] if end else ""))
        place, fields = end.end() if end else place, []
    return found


def _add(records: list[_Record], edits: Edits, rows: Sequence[_Record]) -> None:
    if not rows:
        return
    place = edits.above
    above = records[place - 1]
    line_end = records[edits.header - 1].end
    for row in rows:
        row.end = line_end
    if not above.end:  # the file ends without a line end, and does so afterwards
        above.end, rows[-1].end = line_end, ""
    records[place:place] = rows


def _remove(records: list[_Record], removed: Sequence[int]) -> None:
    for number in sorted(removed, reverse=True):
        record = records.pop(number - 1)
        if not record.end and number == len(records) + 1 and records:
            records[-1].end = ""
