"""The CSVs of Strava's bulk export: activities.csv as a record per row, with its faults; bikes, shoes and the athlete's id. Pure.

A row's raw block is authoritative; the display block before it fills in where an old archive has no raw value. Nothing
is dropped: a cell without a column, or one that can't be read as its column's kind, stays in `extra` as the file has
it. Rows are not judged here. The small CSVs have kept the order of their columns, so their language doesn't matter.
Names of persons are never read.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from strava_pipeline.core.files.export_columns import (
    SPORTS_IN_METRES,
    ExportHeader,
    HeaderCell,
    normalised,
    read_header,
    recognise_by_content,
    sport_types_by_name,
)
from strava_pipeline.core.files.export_values import (
    decimal_sign,
    instant,
    is_blank,
    month_comes_first,
    raw_number,
    shown_number,
    truth,
)

UNEXPORTED = "#error#"  # in the place of a file's name: Strava could not export it
_LONE_CR = "\N{SYMBOL FOR CARRIAGE RETURN}\ue00d"  # stands in while the CSV is taken apart; no export has it
_BARE_CR = re.compile(r"\r(?!\n)")
_MAX_CELL = 2**31 - 1  # the most that every system allows; by default a description over 128 kB ends the reading
_KILOMETRE = 1000.0


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """A row of activities.csv. `summary`: SummaryActivity's fields, and other values of the raw block by their own names.

    `shown`: the values of the rounded display block, by the raw block's names; `from_display`: fields that only it has.
    """

    line: int  # where it begins in the file
    activity_id: int | None = None
    name: str | None = None
    description: str | None = None
    sport_type: str | None = None  # Strava's name, or the word in the file where that is unknown
    sport_shown: str | None = None
    started_at: datetime | None = None  # UTC
    elapsed_s: int | None = None
    moving_s: int | None = None
    distance_m: float | None = None
    ascent_m: float | None = None
    commute: bool | None = None
    gear_name: str | None = None
    gear_id: str | None = None
    filename: str | None = None  # None for a manual activity, and for one that could not be exported
    unexported: bool = False
    media: tuple[str, ...] = ()
    from_display: frozenset[str] = frozenset()
    summary: Mapping[str, Any] = field(default_factory=dict, repr=False)
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False)
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class RowFault:
    """A cell or row that could not be read; never its content."""

    line: int
    column: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.what}"


@dataclass(frozen=True, slots=True)
class ActivitiesCsv:
    """The whole file. `titles`: the header's cells as written; `unknown_sports`: sports that no table names, with their
    counts.
    """

    titles: tuple[str, ...]
    header: ExportHeader
    rows: tuple[ArchiveRow, ...]
    faults: tuple[RowFault, ...] = ()
    unknown_sports: Mapping[str, int] = field(default_factory=dict)


def read_activities_csv(body: bytes) -> ActivitiesCsv:
    """Every row of the file, in order. A file of another kind doesn't raise; its header is then unknown."""
    text, faults = _text(body)
    records = list(_records(text))
    if not records:
        return ActivitiesCsv((), read_header([]), (), tuple(faults))
    cells = [cell for _, cell in records[1:]]
    header = recognise_by_content(read_header(records[0][1]), cells)
    dates = next((place for place, cell in enumerate(header.cells) if _field(cell) == "start_date"), None)
    found = () if dates is None else (cell[dates] for cell in cells if len(cell) > dates)
    english = any(cell.header == "Activity Date" for cell in header.cells)
    signs = {is_shown: decimal_sign(_numbers(header, cells, is_shown=is_shown)) for is_shown in (True, False)}
    reader = _Reader(header, month_comes_first(found, english=english), signs, faults)
    rows = tuple(reader.row(line, cell) for line, cell in records[1:])
    counts = Counter(row.activity_id for row in rows)
    for row in rows:
        if row.activity_id is not None and counts[row.activity_id] > 1:
            faults.append(RowFault(row.line, "id", "the same activity stands in another row too; both are kept"))
    unknown = Counter(
        row.sport_shown for row in rows if row.sport_shown and normalised(row.sport_shown) not in sport_types_by_name()
    )
    return ActivitiesCsv(tuple(records[0][1]), header, rows, tuple(faults), dict(unknown))


def without_rows(body: bytes, ids: Collection[int]) -> bytes:
    """activities.csv without the rows of the activities `ids`; all other lines are as they were."""
    gone = {row.line for row in read_activities_csv(body).rows if row.activity_id in ids} if ids else set()
    if not gone:
        return body
    starts = {line for line, _ in _records(_text(body)[0])}
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        body = body.decode("utf-16", "replace").encode()
    end, kept, goes = b"\n" if b"\n" in body else b"\r", list[bytes](), False
    for number, line in enumerate(re.findall(rb"[^%b]*%b|[^%b]+\Z" % (end, end, end), body), start=1):
        goes = number in gone if number in starts else goes
        kept += [] if goes else [line]
    return b"".join(kept)


def first_record(body: bytes) -> list[str]:
    """The cells of the file's header; empty if it has none."""
    text, _ = _text(body)
    return next((cells for _, cells in _records(text)), [])


def csv_records(body: bytes) -> list[list[str]]:
    """The cells of every record that isn't empty, the header first, whatever separates the cells."""
    text, _ = _text(body)
    return [cells for _, cells in _records(text)]


def _numbers(header: ExportHeader, rows: Sequence[Sequence[str]], *, is_shown: bool) -> Iterator[str]:
    """The cells with numbers in the display block or the raw block; each block has its own decimal sign."""
    places = [
        place
        for place, cell in enumerate(header.cells)
        if cell.column and cell.column.kind in ("number", "whole") and (cell.column.block == "shown") == is_shown
    ]
    return (row[place] for row in rows for place in places if place < len(row))


class _Reader:
    """Turns cells into rows, and records the cells that can't be read. `signs`: decimal signs, by whether it is the
    display block.
    """

    def __init__(
        self, header: ExportHeader, month_first: bool | None, signs: Mapping[bool, str | None], faults: list[RowFault]
    ) -> None:
        self._header, self._month_first, self._signs, self._faults = header, month_first, signs, faults

    def row(self, line: int, cells: Sequence[str]) -> ArchiveRow:
        values: dict[str, Any] = {}
        extra: dict[str, str] = {}
        numbers = Counter[str]()
        if len(cells) != len(self._header.cells):
            what = f"{len(cells)} cells where the header has {len(self._header.cells)}"
            self._faults.append(RowFault(line, "the row", what))
            extra |= {f"column {n}": text for n, text in enumerate(cells, start=1) if n > len(self._header.cells)}
        for head, text in zip(self._header.cells, cells, strict=False):
            if not text:
                continue
            column = head.column
            value = None if column is None else self._value(head, text)
            if column is None:
                extra[_free(head.header, extra, numbers)] = text
            elif value is None and not is_blank(text):
                extra[_free(head.header, extra, numbers)] = text
                if not (column.block == "shown" and self._header.has(column.field.removesuffix("_shown"))):
                    self._faults.append(RowFault(line, head.header, f"no {_WANTED[column.kind]}"))
            elif value is not None:
                values[column.field] = value
        for needed in ("id", "start_date"):
            if needed not in values and not any(
                _field(cell) == needed and cell.header in extra for cell in self._header.cells
            ):
                self._faults.append(RowFault(line, needed, "missing"))
        return _row(line, values, extra)

    def _value(self, head: HeaderCell, text: str) -> Any:
        column = head.column
        assert column is not None
        if column.kind == "text":
            return text
        if column.kind == "truth":
            return truth(text)
        if column.kind == "date":
            if self._month_first is None and "/" in text:
                return None  # 03/04/2020 may be either, in the whole file: none is better than a wrong one
            return instant(text, month_first=bool(self._month_first))
        if column.kind == "id":
            return _identity(text)
        is_shown = column.block == "shown"
        number = (shown_number if is_shown else raw_number)(text, self._signs[is_shown])
        return round(number) if number is not None and column.kind == "whole" else number


_WANTED = {
    "date": "date and time that is known",
    "truth": "yes or no",
    "id": "id",
    "number": "number",
    "whole": "number",
}
_OWN = {"name", "description", "filename", "media", "gear_name", "bike", "shoes", "start_date", "sport_type"}


def _row(line: int, values: dict[str, Any], extra: dict[str, str]) -> ArchiveRow:
    shown = values.get("sport_type")
    sport = sport_types_by_name().get(normalised(shown), shown) if shown else None
    filled_from_earlier = _from_display(values, sport)
    started = values.get("start_date")
    filename = (values.get("filename") or "").strip()
    gear_id = f"b{bike}" if (bike := values.get("bike")) else f"g{shoes}" if (shoes := values.get("shoes")) else None
    summary = {name: value for name, value in values.items() if name not in _OWN and not name.endswith("_shown")}
    named = {
        "name": values.get("name"),
        "sport_type": sport,
        "gear_id": gear_id,
        "description": values.get("description"),
    }
    named["start_date"] = f"{started:%Y-%m-%dT%H:%M:%S}Z" if started else None
    return ArchiveRow(
        line=line,
        activity_id=values.get("id"),
        name=values.get("name"),
        description=values.get("description"),
        sport_type=sport,
        sport_shown=shown,
        started_at=started,
        elapsed_s=values.get("elapsed_time"),
        moving_s=values.get("moving_time"),
        distance_m=values.get("distance"),
        ascent_m=values.get("total_elevation_gain"),
        commute=values.get("commute"),
        gear_name=(values.get("gear_name") or "").strip() or None,  # a blank behind a name is no other gear
        gear_id=gear_id,
        filename=filename if filename and filename != UNEXPORTED else None,
        unexported=filename == UNEXPORTED,
        media=tuple(name for each in (values.get("media") or "").split("|") if (name := each.strip())),
        from_display=filled_from_earlier,
        summary=summary | {name: value for name, value in named.items() if value is not None},
        shown={name.removesuffix("_shown"): value for name, value in values.items() if name.endswith("_shown")},
        extra=extra,
    )


def _from_display(values: dict[str, Any], sport: str | None) -> frozenset[str]:
    """Fill in values that the raw block lacks; returns the names of their fields."""
    if (distance := values.get("distance_shown")) is not None and sport not in SPORTS_IN_METRES:
        values["distance_shown"] = distance * _KILOMETRE
    filled_from_earlier = {
        name
        for name in ("elapsed_time", "distance", "max_heartrate", "suffer_score", "commute")
        if name not in values and values.get(f"{name}_shown") is not None
    }
    values.update({name: values[f"{name}_shown"] for name in filled_from_earlier})
    return frozenset(filled_from_earlier)


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """The records that aren't empty, each with the line it begins in."""
    csv.field_size_limit(_MAX_CELL)  # for the whole process; the size of the file was limited before
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)  # a spreadsheet may have saved the file
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    for cells in reader:
        if any(cells):
            yield line, [cell.replace(_LONE_CR, "\r") if _LONE_CR in cell else cell for cell in cells]
        line = reader.line_num + 1


def _text(body: bytes) -> tuple[str, list[RowFault]]:
    """The file as text. A lone CR is replaced by a letter, so that the CSV reader doesn't end the line."""
    faults = []
    try:
        text = body.decode("utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", "replace")
        faults.append(RowFault(1, "the file", "not UTF-8; read as Windows text, some letters may be wrong"))
    if "\n" not in text:
        return text.replace("\r", "\n"), faults
    if text.count("\r") == text.count("\r\n"):
        return text, faults
    return _BARE_CR.sub(_LONE_CR, text), faults


def _identity(text: str) -> int | None:
    whole = text.strip().removesuffix(".0")
    return int(whole) if whole.isascii() and whole.isdigit() and int(whole) < 2**63 else None


def _field(cell: HeaderCell) -> str | None:
    return cell.column.field if cell.column else None


def _free(name: str, taken: Mapping[str, str], numbers: Counter[str]) -> str:
    """A name that is not taken. `numbers`: by name, the last one that was tried, as many columns may have one name."""
    free = name = name or "column without a name"
    while free in taken:
        numbers[name] += 1
        free = f"{name} ({numbers[name] + 1})"
    return free


_BRAND, _MODEL = 1, 2


@dataclass(frozen=True, slots=True)
class ArchiveGear:
    """A bike or a pair of shoes. The archive has no id for it; rows use its name."""

    kind: str  # bike or shoes
    name: str
    brand: str | None
    model: str | None


def read_gear(body: bytes, kind: str) -> tuple[ArchiveGear, ...]:
    """The rows of bikes.csv or shoes.csv: name, brand, model."""
    found = []
    for cells in _rows(body):
        name, brand, model = (*cells, "", "", "")[: _MODEL + 1]
        name = name.strip() or " ".join(part for part in (brand.strip(), model.strip()) if part)
        if name:
            found.append(ArchiveGear(kind, name, brand or None, model or None))
    return tuple(found)


def read_athlete_id(body: bytes) -> int | None:
    """The athlete's id of profile.csv, its first cell."""
    for cells in _rows(body):
        if (first := cells[0].strip()).isascii() and first.isdigit():
            return int(first) or None
    return None


def _rows(body: bytes) -> list[list[str]]:
    reader = csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    return [cells for cells in reader if any(cells)][1:]


def filled_from_earlier(row: ArchiveRow, earlier: ArchiveRow) -> ArchiveRow:
    """The row, its empty cells filled in from an earlier archive's row of the same activity.

    Layouts and languages lack columns, so an empty cell deletes nothing. The name and the id of gear belong together.
    """
    own = row.summary
    same_gear = row.gear_id is None and row.gear_name in (None, earlier.gear_name)
    kept = {name: value for name, value in earlier.summary.items() if name not in own and name != "gear_id"}
    gear_id = earlier.gear_id if same_gear else row.gear_id
    summary = {**kept, **own} | ({"gear_id": gear_id} if gear_id is not None else {})
    return replace(
        row,
        name=row.name or earlier.name,
        description=row.description or earlier.description,
        sport_type=row.sport_type or earlier.sport_type,
        sport_shown=row.sport_shown or earlier.sport_shown,
        started_at=row.started_at or earlier.started_at,
        elapsed_s=summary.get("elapsed_time"),
        moving_s=summary.get("moving_time"),
        distance_m=summary.get("distance"),
        ascent_m=summary.get("total_elevation_gain"),
        commute=summary.get("commute"),
        gear_name=row.gear_name or (earlier.gear_name if same_gear else None),
        gear_id=gear_id,
        filename=row.filename or earlier.filename,
        media=row.media or earlier.media,
        from_display=row.from_display | (earlier.from_display & kept.keys()),
        summary=summary,
        shown={**earlier.shown, **row.shown},
        extra={**earlier.extra, **row.extra},
    )
