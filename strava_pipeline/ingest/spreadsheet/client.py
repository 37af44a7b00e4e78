"""The spreadsheet's client: one or several files of the owner's as one table, read if they changed. No call is made.

A reading is the JSON of all rows, with their keys (core/sheets). It records its bytes' hashes and its settings, so that
the next one knows whether anything changed. Whether a file is a workbook or CSV follows from the ending of its name.
"""

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from strava_pipeline.core.errors import MissingSettingsError, PipelineError, SourceError, TransientError
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sheets.cells import Cell, has_no_result
from strava_pipeline.core.sheets.header import DEFAULTS, System
from strava_pipeline.core.sheets.keys import Identity, assign_keys, gone, identities
from strava_pipeline.core.sheets.rows import Row, rows_of
from strava_pipeline.environment.settings import Settings, env_file
from strava_pipeline.ingest.calls import LandingClient
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.provider import Login, OnWait, Original, Page, Whole
from strava_pipeline.ingest.spreadsheet.delimited import read_delimited
from strava_pipeline.ingest.spreadsheet.files import missing, read_file
from strava_pipeline.ingest.spreadsheet.record import NAME
from strava_pipeline.ingest.spreadsheet.table import Table

LOGIN_SETTINGS = ("SPREADSHEET_PATH",)
WORKBOOKS, TEXTS = (".xlsx", ".xlsm"), (".csv", ".tsv", ".txt")
PAUSE = 60.0  # seconds until a file that is being synchronised is read once more
_READING = 2  # the form of a reading; a higher one has every file read again


@dataclass(frozen=True, slots=True)
class Look:
    """The files at one moment.

    Args:
        files: path and bytes of each, by its hash.
        content: the reading of them (core/sheets/rows.py).
    """

    files: Mapping[str, tuple[Path, bytes]] = field(repr=False)
    content: Json = field(repr=False)


class SpreadsheetClient(LandingClient):
    """The owner's tables at `paths`, as one.

    Args:
        sheet: the sheet of each workbook; None for its first.
        zone: of the clock by which starts are written, as Europe/Vienna.
        units: used if a header has none.
        on_wait: informed of the pause before a file is read once more.
    """

    calls = 0
    host: str | None = None

    def __init__(
        self,
        paths: Sequence[Path],
        clock: ServerClock,
        *,
        sheet: str | None,
        zone: str,
        units: System,
        on_wait: OnWait,
    ) -> None:
        super().__init__()
        self._paths, self._clock, self._on_wait, self._sheet = paths, clock, on_wait, sheet
        self._by = {"form": _READING, "sheet": sheet, "zone": zone, "units": units}

    @property
    def spec(self) -> ProviderSpec:
        return spec_of(NAME)

    @property
    def paths(self) -> Sequence[Path]:
        """The files."""
        return self._paths

    def login(self) -> Login:
        """The same whatever the files' names: a renamed or moved table is still the owner's."""
        return Login(NAME)

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """All at once, as one page; runs use read_whole."""
        whole = self.read_whole(None)
        assert whole is not None, "without a reading before, everything is new"
        yield Page(1, per_page, whole.read, whole.body, self._clock.now(), 0)

    def read_whole(self, before: bytes | None) -> Whole | None:
        """All rows of all files, or None if neither the files nor the settings changed since the reading `before`.

        Raises SourceError if a person has to act; TransientError if a file is still incomplete a minute later.
        """
        try:
            return self._read(before)
        except TransientError as error:
            self._on_wait(f"{error} It is read once more in a minute.", PAUSE)
            self._clock.sleep(PAUSE)
            return self._read(before)

    def _read(self, before: bytes | None) -> Whole | None:
        files = self._files()
        earlier = parse_json(before) if before is not None else None
        if earlier is not None and _made_by(earlier) == (self._by, list(files)):
            return None
        page = json_bytes(self._content(files, earlier))
        originals = [Original(body, path.suffix.lower()) for path, body in files.values()]
        return Whole(self.spec.read_page(parse_json(page)), page, originals)

    def look(self, before: Look | Json | None) -> Look:
        """The present files, for a writer; the same object if they are unchanged.

        `before`: the source of the rows' keys: an earlier look, or the newest reading, parsed from JSON. Raises as
        read_whole does.
        """
        files = self._files()
        if isinstance(before, Look) and before.files.keys() == files.keys():
            return before
        return Look(files, self._content(files, before.content if isinstance(before, Look) else before))

    def _files(self) -> dict[str, tuple[Path, bytes]]:
        files: dict[str, tuple[Path, bytes]] = {}
        for path in self._paths:
            body = read_file(path)
            files.setdefault(hashlib.sha256(body).hexdigest(), (path, body))  # a copy of a file is the same table
        return files

    def _content(self, files: dict[str, tuple[Path, bytes]], earlier: Json | None) -> Json:
        books = [_book(path.name, digest, self._table(path, body)) for digest, (path, body) in files.items()]
        content: dict[str, Any] = {**self._by, "books": books}
        _give_keys(content, earlier)
        return content

    def _table(self, path: Path, body: bytes) -> Table:
        if path.suffix.lower() in TEXTS:
            return read_delimited(path.name, body)
        # here, because CSV needs no openpyxl
        from strava_pipeline.ingest.spreadsheet.workbook import read_workbook

        return read_workbook(path.name, body, self._sheet)


def _made_by(reading: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings and the hashes of the files of a reading."""
    digests = [book["sha256"] for book in reading["books"]]
    return {name: reading.get(name) for name in ("form", "sheet", "zone", "units")}, digests


def _book(name: str, digest: str, table: Table) -> dict[str, Any]:
    """A table in the form of a reading; its rows have no keys yet."""
    return {
        "name": name,
        "sheet": table.sheet,
        "sha256": digest,
        "epoch": table.epoch.isoformat(),
        "header": table.header,
        "titles": table.titles,
        "rows": [[number, "", *cells] for number, cells in table.rows],
    }


def _give_keys(content: dict[str, Any], earlier: Json | None) -> None:
    """Add each row's key to a reading; `earlier`: the reading before."""
    rows = list(rows_of(content))
    known = {row.key: row for row in rows_of(earlier) if row.key} if earlier else {}
    before = identities(list(known.values()))
    former = [Identity(**each) for each in earlier["former"]] if earlier else []
    keys = assign_keys(identities(rows), before, former)
    places = {(place, row[0]): row for place, book in enumerate(content["books"]) for row in book["rows"]}
    for row, key in zip(rows, keys, strict=True):
        _, _, *cells = places[row.book, row.number]
        if key in known:
            cells = _with_results(row, cells, known[key])
        places[row.book, row.number][1:] = [key, *cells]
    content["former"] = [asdict(each) for each in gone(keys, before, former)]


def _with_results(row: Row, cells: list[Cell], before: Row) -> list[Cell]:
    """The cells of a row; a formula without a result keeps its earlier one, since only a program removed it."""
    kept = list(cells)
    for word, column in row.columns.items():
        if column.place < len(kept) and has_no_result(kept[column.place]) and word in before.cells:
            kept[column.place] = before.cells[word]
    return kept


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> SpreadsheetClient:
    """A client of the files that the settings name. Raises MissingSettingsError or PipelineError; no file is opened."""
    paths = _paths(settings)
    needs_library = any(path.suffix.lower() in WORKBOOKS for path in paths)
    if needs_library and importlib.util.find_spec("openpyxl") is None:
        raise PipelineError(
            "Workbooks are read by openpyxl, which is not installed: "
            "pip install 'strava_pipeline[spreadsheet]'. CSV works without."
        )
    for path in paths:
        with suppress(PermissionError):  # which the reading reports
            if not path.exists():
                raise missing(path)
    zone, units = zone_of(settings), settings.spreadsheet_units
    return SpreadsheetClient(paths, clock, sheet=settings.spreadsheet_sheet, zone=zone, units=units, on_wait=on_wait)


def login_files(settings: Settings) -> Sequence[Path]:
    """None: the files are the owner's, and `purge` must not delete them."""
    return []


def assumptions(settings: Settings) -> Sequence[str]:
    """Assumptions for what the files do not say."""
    units = DEFAULTS[settings.spreadsheet_units]
    shown = ", ".join(f"{word} in {units[word].upper() if '°' in units[word] else units[word]}" for word in units)
    sheet = settings.spreadsheet_sheet or "the first one"
    return [f"sheet: {sheet}", f"times are those of {zone_of(settings)}", f"where a header names no unit: {shown}"]


def zone_of(settings: Settings) -> str:
    """The zone of the clock by which starts are written."""
    return settings.spreadsheet_zone or settings.timezone


def _paths(settings: Settings) -> list[Path]:
    named = [each for each in (settings.spreadsheet_path or "").split(";") if each]
    if not named:
        raise MissingSettingsError(
            f"SPREADSHEET_PATH is not set. Put the path of your workbook (.xlsx, .xlsm) or CSV file into {env_file()}; "
            "several with a ; between."
        )
    for each in named:
        suffix = Path(urlsplit(each).path if "://" in each else each).suffix.lower()
        if "://" in each:
            raise SourceError(
                "SPREADSHEET_PATH names an address, and only files are read. In Google Sheets: File > Download > Microsoft Excel "
                "(.xlsx), or Comma-separated values (.csv)."
            )
        if suffix not in (*WORKBOOKS, *TEXTS):
            raise SourceError(
                f"{Path(each).name} is no workbook that is read. Save or export it as Excel workbook (.xlsx) or CSV, and name "
                "that file in SPREADSHEET_PATH."
            )
    return [Path(each) for each in named]
