"""CSV as a table: its encoding, its delimiter and its quotes are detected, not asked for."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from itertools import islice

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.sheets.cells import Cell
from strava_pipeline.core.sheets.header import ROWS, known_words
from strava_pipeline.ingest.spreadsheet.files import not_whole
from strava_pipeline.ingest.spreadsheet.table import Table, table_of

DELIMITERS = ",;\t|"
_EPOCH = date(1899, 12, 30)  # of Excel's numbers, should the text hold one


def read_delimited(name: str, body: bytes) -> Table:
    """The table in a CSV file. Raises SourceError if a person has to act, TransientError if it is incomplete."""
    text = decoded(name, body)
    return table_of(name, "CSV", _EPOCH, _records(name, text, delimiter_of(text)))


def delimiter_of(text: str) -> str:
    """The delimiter that finds the most words of a header."""
    return max(DELIMITERS, key=lambda each: _words(text, each))


def decoded(name: str, body: bytes) -> str:
    """The text in a file's bytes, without a BOM. Raises TransientError if it is incomplete."""
    if not body.strip(b"\0 \r\n\t"):
        raise not_whole(name)  # empty, or space that a program has only reserved
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", "replace")  # as Excel saves CSV where UTF-8 is not chosen
    if "\0" in text:
        raise not_whole(name)
    return text


def _words(text: str, delimiter: str) -> int:
    """The number of a header's words in the first rows, read with a delimiter."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return max((known_words(row) for row in islice(reader, ROWS)), default=0)
    except csv.Error:
        return 0


def _records(name: str, text: str, delimiter: str) -> Iterator[list[Cell]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            yield [value if value.strip() else None for value in record]
    except csv.Error as error:
        raise SourceError(
            f"{name}, line {reader.line_num}: the quotes are wrong ({error}), so that rows would be lost. Correct them, or "
            "export the table again; until then its activities stay as they are."
        ) from error
