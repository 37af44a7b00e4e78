"""The published warehouse as files for other programs: Parquet or CSV, a file for each table and year, in a folder.

`table/year=2026/table.parquet`, as Hive names partitions; tables without years are one file. A list of the written
files lies next to them (`exported_parquet.json`): a file whose rows have the same hash is not written again, and one
without rows is deleted. Each file is written whole, and entered in the list before, so that an interrupted export can
continue.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from strava_pipeline.core.csv_rows import FORMULA
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.tables.exported import WHOLE, Exported
from strava_pipeline.core.tables.model import Column, Kind
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.gold.staging import YEAR, stage, staged, staging, unstage
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal

PARQUET, CSV = "parquet", "csv"
_OPTIONS = {PARQUET: "FORMAT parquet, COMPRESSION zstd", CSV: "FORMAT csv, HEADER"}
_NO_YEAR = "__HIVE_DEFAULT_PARTITION__"  # as Hive writes NULL
_ISO = "%Y-%m-%dT%H:%M:%S"


@dataclass(slots=True)
class FilesReport:
    """Numbers of files and rows now, and of files written and deleted."""

    files: int = 0
    rows: int = 0
    written: int = 0
    deleted: int = 0


def export_files(
    lake: Lake,
    folder: Path,
    tables: Mapping[str, Exported],
    form: str,
    advance: Callable[[int], object],
    *,
    as_text: bool,
) -> FilesReport:
    """Bring the files in sync with the published warehouse. Raises MisuseError if a file that no export wrote is in the way.

    Args:
        form: PARQUET or CSV.
        as_text: in CSV, put an apostrophe before texts that a spreadsheet would compute.
    """
    listing, report = _Listing(folder / f"exported_{form}.json", as_text), FilesReport()
    found = (path for path in folder.rglob("*") if path.is_file())
    held = {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}
    now: dict[str, dict[str, Any]] = {}
    with staging(lake) as connection, TemporaryDirectory(dir=lake.snapshot.parent, prefix=".export-") as scratch:
        for exported in tables.values():
            due = {}
            for year, (rows, content) in stage(connection, exported).items():
                path, report.rows = _path(exported, year, form), report.rows + rows
                before = now[path] = listing.files.get(path, {})
                if (before.get("content"), before.get("bytes")) != (content, held.get(path)):
                    due[path] = (year, content)
            if others := sorted(held.keys() & due.keys() - listing.files.keys()):
                raise MisuseError(
                    f"{others[0]} in {folder} is of no export, and is not replaced: name another place, or move it away."
                )
            listing.announce(due)
            for path, (year, content) in due.items():
                body = _body(connection, exported, year, form, Path(scratch) / "rows", as_text=as_text)
                write_whole(folder / path, body)
                now[path] = {"content": content, "bytes": len(body)}
            report.written += len(due)
            unstage(connection, exported)
            advance(1)
    gone = listing.files.keys() - now.keys() & held.keys()
    for path in gone:
        (folder / path).unlink(missing_ok=True)
    listing.replace(now)
    report.files, report.deleted = len(now), len(gone)
    return report


class _Listing:
    """The list next to the files: for each the hash of its rows, and its size. It names a file before the file exists."""

    def __init__(self, path: Path, as_text: bool) -> None:
        self._path, self._as_text = path, as_text
        self.files: dict[str, dict[str, Any]] = {}
        if not path.exists():
            return
        try:
            found = json.loads(path.read_bytes())
            self.files = {
                name: {"content": each["content"], "bytes": each["bytes"]} for name, each in found["files"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise MisuseError(
                f"{path} can't be read, so nobody knows what an export wrote there. Delete it with its "
                "files, or name another place."
            ) from None
        if found.get("texts_escaped") != as_text:
            self.announce(self.files)

    def announce(self, paths: Collection[str]) -> None:
        """Note that these files are about to be written."""
        if paths:
            self.replace(self.files | {path: {"content": "", "bytes": -1} for path in paths})

    def replace(self, files: dict[str, dict[str, Any]]) -> None:
        """Write the list, if it changed."""
        if files != self.files:
            self.files = files
            body = {"texts_escaped": self._as_text, "files": files}
            write_whole(self._path, json.dumps(body, indent=1, sort_keys=True).encode())


def _path(exported: Exported, year: int, form: str) -> str:
    file = f"{exported.name}.{form}"
    if exported.year == "NULL":
        return f"{exported.name}/{file}"
    return f"{exported.name}/year={year if year != WHOLE else _NO_YEAR}/{file}"


def _body(connection: Connection, exported: Exported, year: int, form: str, file: Path, *, as_text: bool) -> bytes:
    columns = exported.column_list if form == PARQUET else ", ".join(_text(each, as_text) for each in exported.columns)
    keys = ", ".join(f'"{name}"' for name in exported.table.key)
    rows = f"SELECT {columns} FROM {staged(exported)} WHERE {YEAR} = {year} ORDER BY {keys}"
    connection.execute(f"COPY ({rows}) TO {literal(file)} ({_OPTIONS[form]})")
    return file.read_bytes()


def _text(column: Column, as_text: bool) -> str:
    """A column's value in CSV, as everywhere here: instants with Z, lists as JSON, an empty cell for NaN."""
    name = f'"{column.name}"'
    if column.kind is Kind.TEXT and as_text:
        value = f"CASE WHEN regexp_matches({name}, '^[{FORMULA}]') THEN '''' || {name} ELSE {name} END"
    elif column.kind in (Kind.DOUBLES, Kind.TEXTS):
        value = f"to_json({name})::VARCHAR"
    elif column.kind in (Kind.INSTANT, Kind.WALL):
        whole, parts = (
            f"strftime({name}, '{_ISO}{more}{'Z' * (column.kind is Kind.INSTANT)}')" for more in ("", ".%f")
        )
        value = f"CASE WHEN microsecond({name}) % 1000000 = 0 THEN {whole} ELSE {parts} END"
    elif column.kind is Kind.DOUBLE:
        value = f"CASE WHEN isfinite({name}) THEN {name} END"
    else:
        value = name
    return f"{value} AS {name}"
