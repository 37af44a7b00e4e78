"""The owner's table as a file: what is read, what is refused and how that is said, and what stays as it is."""

import io
import logging
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import MissingSettingsError, SourceError, TransientError
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.registry import assumptions, login_files, missing_login
from strava_pipeline.ingest.spreadsheet import client as spreadsheet
from strava_pipeline.ingest.spreadsheet import files
from strava_pipeline.ingest.spreadsheet.emulator.book import Formula, as_csv, as_workbook

TITLES = ["start_time", "activity_type", "duration_hms", "distance", "notes", "strava_id"]


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """What a clock showed; a cell has no zone."""
    return datetime(year, month, day, hour, minute)  # noqa: DTZ001


ROWS: list[list[Any]] = [
    [at(2026, 2, 3, 17, 5), "Ride", timedelta(hours=30, minutes=1), 17.4, "one", None],
    [date(2026, 2, 4), "Run", time(1, 2, 3), 5, "two", 17300000001],
]


@dataclass
class Owner:
    """Whoever keeps the table at `path`; what was waited for is in `waits`."""

    path: Path
    waits: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    clock: ServerClock = field(default_factory=lambda: machine_clock(1.0))

    def settings(self, **more: Any) -> Settings:
        return Settings(
            _env_file=None, **{"SPREADSHEET_PATH": str(self.path), "SPREADSHEET_ZONE": "Europe/Vienna", **more}
        )

    def read(self, before: bytes | None = None, **more: Any) -> Any:
        clock = ServerClock(self.clock.local, self.clock.monotonic, self._sleep)
        found = spreadsheet.connect(self.settings(**more), clock, lambda why, seconds: self.told.append(why))
        return found.read_whole(before)

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.meanwhile()

    def writes(self, *lines: list[Any], titles: list[str] | None = None) -> "Owner":
        self.path.write_bytes(_bytes(self.path, [titles or TITLES, *lines]))
        return self


def _bytes(path: Path, lines: list[list[Any]]) -> bytes:
    return as_csv(lines) if path.suffix == ".csv" else as_workbook(lines)


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    pytest.importorskip("openpyxl")
    return Owner(tmp_path / "rides.xlsx")


@pytest.fixture
def csv_owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path / "rides.csv")


def names(whole: Any) -> list[str | None]:
    return [found.get("name") for found in whole.read.activities]


def test_a_workbook_is_read_with_the_kinds_of_its_cells(owner: Owner) -> None:
    one, two = owner.writes(*ROWS).read().read.activities
    assert (one["start_date"], one["elapsed_time"], one["distance"]) == ("2026-02-03T16:05:00Z", 108_060, 28002.6)
    assert (two.get("start_date"), two["start_date_local"], two["elapsed_time"]) == (None, "2026-02-04T00:00:00Z", 3723)
    assert two["links"] == {"strava": "17300000001"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "cp1252"])
def test_csv_is_read_whatever_its_delimiter_and_encoding(csv_owner: Owner, delimiter: str, encoding: str) -> None:
    rows = [["2026-02-03 17:05:00", "Ride", "1:02:03", "17.4", 'Über "die; Berge", weit\n| und zurück', "5"], []]
    text = as_csv([["My rides"], TITLES, *rows], delimiter).decode("utf-8-sig")
    csv_owner.path.write_bytes(text.encode(encoding))
    (found,) = csv_owner.read().read.activities
    assert (found["name"], found["start_date"]) == ('Über "die; Berge", weit\n| und zurück', "2026-02-03T16:05:00Z")
    assert (found["distance"], found["elapsed_time"], found["links"]) == (28002.6, 3723, {"strava": "5"})


def test_a_decimal_comma_is_read_where_semicolons_divide(csv_owner: Owner) -> None:
    table = "start_time;activity_type;distance (km);max_elevation (m);notes\n2026-02-03;Radfahren;28,5;3.500;x\n"
    csv_owner.path.write_bytes(table.encode())
    (found,) = csv_owner.read().read.activities
    assert (found["distance"], found["elev_high"], found["sport_type"]) == (28_500.0, 3500.0, "Ride")


def test_a_workbook_that_counts_from_1904_and_a_number_without_a_format(owner: Owner) -> None:
    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    book.worksheets[0].append(TITLES)
    book.worksheets[0].append([44395.25, "Ride", None, 5, "a number"])
    book.worksheets[0].append([at(2025, 7, 19, 6), "Ride", None, 6, "a date"])
    book.save(owner.path)
    starts = [found["start_date"] for found in owner.read().read.activities]
    assert starts == ["2025-07-19T04:00:00Z"] * 2


@pytest.mark.parametrize("mac", [False, True])
def test_a_duration_of_more_than_a_day_in_the_format_of_a_clock(owner: Owner, mac: bool) -> None:
    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = openpyxl.Workbook()
    if mac:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.worksheets[0]
    for line in (TITLES, ["2026-02-03 17:05", "Ride", 1.25, 5, "x"]):
        sheet.append(line)
    sheet["C2"].number_format = "h:mm:ss"
    book.save(owner.path)
    assert owner.read().read.activities[0]["elapsed_time"] == 30 * 3600


def test_titles_above_sums_below_and_empty_rows_between_are_no_activities(owner: Owner) -> None:
    lines = [
        ["My rides", None],
        [],
        TITLES,
        ROWS[0],
        [],
        ROWS[1],
        [None, None, None, Formula("=SUM(D2:D9)")],
        ["Total", None, None, 22.4],
    ]
    owner.path.write_bytes(as_workbook(lines))
    whole = owner.read()
    assert names(whole) == ["one", "two"]
    (book,) = parse_json(whole.body)["books"]
    assert (book["header"], [row[0] for row in book["rows"][:2]]) == (3, [4, 6])


def test_a_formula_without_a_result_is_not_an_empty_cell(owner: Owner) -> None:
    whole = owner.writes(ROWS[0], [Formula("=A2+1"), "Ride", None, 5, "computed", None]).read()
    assert names(whole) == ["one"]
    (fault,) = whole.read.unreadable
    assert "A3" in fault.reason


def test_the_result_of_a_formula_is_its_value(owner: Owner) -> None:
    owner.writes(ROWS[0], [at(2026, 2, 5, 7), "Ride", None, Formula("=17+0.4"), "computed", None])
    saved_by_excel(owner.path)
    whole = owner.read()
    assert whole.read.activities[1]["distance"] == 28002.6
    owner.writes(
        ROWS[0], [at(2026, 2, 5, 7), "Ride", None, Formula("=17+0.4"), "computed, saved by another program", None]
    )
    again = owner.read(whole.body).read.activities[1]
    assert (again["distance"], again["name"]) == (28002.6, "computed, saved by another program")
    assert again["source_id"] == whole.read.activities[1]["source_id"]


def saved_by_excel(path: Path) -> None:
    """Have the result of 17+0.4 beside the formula."""
    _edit_sheet(path, lambda text: re.sub(rb"<f>17\+0.4</f><v ?/?>(</v>)?", b"<f>17+0.4</f><v>17.4</v>", text))


def test_the_sheet_is_the_first_one_or_the_one_that_is_named(owner: Owner) -> None:
    import openpyxl

    owner.writes(*ROWS)
    book = openpyxl.load_workbook(owner.path)
    other = book.create_sheet("Other Year")
    other.append(TITLES)
    other.append([at(2025, 1, 1, 7), "Ride", None, 5, "there", None])
    book.save(owner.path)
    assert names(owner.read()) == ["one", "two"]
    assert names(owner.read(SPREADSHEET_SHEET="other year")) == ["there"]
    with pytest.raises(SourceError, match=r"has no sheet 2024\. It has: Rides, Other Year"):
        owner.read(SPREADSHEET_SHEET="2024")


def test_a_sheet_that_says_a_wrong_size_is_read_to_its_end(owner: Owner) -> None:
    owner.writes(*ROWS)
    _edit_sheet(owner.path, lambda text: text.replace(b'ref="A1:F3"', b'ref="A1:B2"'))
    assert names(owner.read()) == ["one", "two"]


def _edit_sheet(path: Path, edit: Callable[[bytes], bytes]) -> None:
    parts = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name in parts.namelist():
            content = parts.read(name)
            changed = edit(content) if name == "xl/worksheets/sheet1.xml" else content
            assert name != "xl/worksheets/sheet1.xml" or changed != content
            book.writestr(name, changed)


@pytest.mark.slow
def test_a_million_rows_that_are_only_formatted_are_not_read(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    from openpyxl.worksheet import _reader

    owner.writes(*ROWS)
    empty = b"".join(
        b'<row r="%d" s="1" customFormat="1"><c r="A%d" s="1"/></row>' % (row, row) for row in range(4, 500_000)
    )
    _edit_sheet(owner.path, lambda text: text.replace(b"</sheetData>", empty + b"</sheetData>"))
    parsed: list[int] = []
    parse = _reader.WorkSheetParser.parse_row
    monkeypatch.setattr(_reader.WorkSheetParser, "parse_row", lambda *args: parsed.append(1) or parse(*args))
    assert names(owner.read()) == ["one", "two"]
    assert len(parsed) == 3


def test_macros_are_left_alone(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    owner = Owner(tmp_path / "rides.xlsm").writes(*ROWS)
    with zipfile.ZipFile(owner.path, "a") as book:
        book.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 macros")
    before = owner.path.read_bytes()
    assert names(owner.read()) == ["one", "two"]
    assert owner.path.read_bytes() == before


def test_a_file_unchanged_touched_or_renamed_is_no_work(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = owner.writes(*ROWS).read()
    monkeypatch.setattr(spreadsheet.SpreadsheetClient, "_table", lambda *_: pytest.fail("it was read"))
    assert owner.read(whole.body) is None
    owner.path.touch()
    owner.path = owner.path.rename(owner.path.with_name("Rides 2026.xlsx"))
    assert owner.read(whole.body) is None


@pytest.mark.parametrize(
    "more", [{"SPREADSHEET_UNITS": "metric"}, {"SPREADSHEET_ZONE": "Europe/London"}, {"SPREADSHEET_SHEET": "Rides"}]
)
def test_another_setting_reads_the_same_file_again(owner: Owner, more: dict[str, str]) -> None:
    whole = owner.writes(*ROWS).read()
    again = owner.read(whole.body, **more)
    assert [found["source_id"] for found in again.read.activities] == [
        found["source_id"] for found in whole.read.activities
    ]


def test_a_table_that_moves_from_a_workbook_to_csv_keeps_its_activities(owner: Owner) -> None:
    whole = owner.writes(*ROWS).read()
    rows = [
        ["2026-02-03 17:05:00", "Ride", "30:01:00", "17.4", "one", ""],
        ["2026-02-04", "Run", "1:02:03", "5", "two", "17300000001"],
    ]
    owner.path = owner.path.with_suffix(".csv")
    again = owner.writes(*rows).read(whole.body)
    assert [found["source_id"] for found in again.read.activities] == [
        found["source_id"] for found in whole.read.activities
    ]


def test_several_files_are_one_table_and_an_id_in_two_of_them_is_no_link(owner: Owner, csv_owner: Owner) -> None:
    owner.writes(*ROWS)
    csv_owner.writes(["2025-02-03 17:05:00", "Ride", "1:00", "1", "elsewhere", "17300000001"])
    whole = owner.read(SPREADSHEET_PATH=f" {owner.path} ; {csv_owner.path};")
    assert names(whole) == ["one", "two", "elsewhere"]
    assert not any("links" in found for found in whole.read.activities)
    assert [original.suffix for original in whole.originals] == [".xlsx", ".csv"]


def test_a_copy_of_a_file_is_the_same_table(csv_owner: Owner, tmp_path: Path) -> None:
    csv_owner.writes(["2025-02-03 17:05:00", "Ride", "1:00", "1", "one", "5"])
    copy = tmp_path / "copy.csv"
    copy.write_bytes(csv_owner.path.read_bytes())
    (found,) = csv_owner.read(SPREADSHEET_PATH=f"{csv_owner.path};{copy};{csv_owner.path}").read.activities
    assert found["links"] == {"strava": "5"}


def test_a_file_that_is_not_whole_is_read_once_more_after_a_minute(owner: Owner) -> None:
    body = owner.writes(*ROWS).path.read_bytes()
    owner.path.write_bytes(body[: len(body) // 2])
    owner.meanwhile = lambda: owner.path.write_bytes(body)
    assert names(owner.read()) == ["one", "two"]
    assert owner.waits == [60.0]
    assert "not a whole file" in owner.told[0]


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 4096, b"<html>log in</html>", b"PK\x03\x04 half", b"%PDF-1.7"], ids=lambda body: str(body[:8])
)
def test_what_stays_no_whole_workbook_is_transient(owner: Owner, body: bytes) -> None:
    owner.path.write_bytes(body)
    with pytest.raises(TransientError, match=r"rides\.xlsx is not a whole file"):
        owner.read()
    assert owner.waits == [60.0]


def test_a_zip_that_is_no_workbook_is_not_whole(owner: Owner) -> None:
    with zipfile.ZipFile(owner.path, "w") as archive:
        archive.writestr("a.txt", "b")
    with pytest.raises(TransientError, match="not a whole file"):
        owner.read()


def test_a_workbook_with_a_damaged_part_is_named(owner: Owner) -> None:
    _edit_sheet(owner.writes(*ROWS).path, lambda text: text.replace(b"</row>", b"</raw>", 1))
    with pytest.raises(SourceError, match=r"rides\.xlsx is a workbook that can't be read"):
        owner.read()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(owner: Owner) -> None:
    with zipfile.ZipFile(owner.path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b" " * (files.MOST_BYTES + 1))
    with pytest.raises(SourceError, match="more than 50 MB"):
        owner.read()
    assert owner.path.stat().st_size < 100_000


def test_a_file_beyond_the_size_is_refused(csv_owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    with pytest.raises(SourceError, match="was not read"):
        csv_owner.writes(*[["2026-02-03", "Ride", "", "1", "x", ""]] * 9).read()


def test_a_workbook_with_a_password_is_said_to_be_one(owner: Owner) -> None:
    owner.path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096)
    with pytest.raises(SourceError, match="protected by a password"):
        owner.read()


@pytest.mark.parametrize(
    "lines",
    [[["date", "km"], ["2026-01-01", "5"]], [["start_time", "distance"]], [["x"]] * 20],
    ids=["foreign", "too few", "none"],
)
def test_a_table_without_a_header_is_refused(csv_owner: Owner, lines: list[list[str]]) -> None:
    csv_owner.path.write_bytes(as_csv(lines))
    with pytest.raises(SourceError, match="none of the first 10 rows is a header"):
        csv_owner.read()


def test_wrong_quotes_are_refused_since_rows_would_be_lost(csv_owner: Owner) -> None:
    csv_owner.path.write_bytes(b'start_time,distance,notes\n2026-01-01,5,"open\n2026-01-02,5,x\n')
    with pytest.raises(SourceError, match="the quotes are wrong"):
        csv_owner.read()


def test_a_missing_file_and_a_folder_are_said_to_be_that(owner: Owner, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        owner.read()
    (tmp_path / "folder.xlsx").mkdir()
    with pytest.raises(SourceError, match="is a folder"):
        owner.read(SPREADSHEET_PATH=str(tmp_path / "folder.xlsx"))


def test_a_file_written_while_it_is_read_is_read_again(csv_owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    csv_owner.writes(["2026-02-03", "Ride", "", "1", "old", ""])
    os.utime(csv_owner.path, (1_000_000_000, 1_000_000_000))
    fstat, seen = files.os.fstat, []

    def written_meanwhile(handle: int) -> Any:
        seen.append(handle)
        if len(seen) == 2:
            csv_owner.writes(["2026-02-03", "Ride", "", "1", "new", ""])
        return fstat(handle)

    monkeypatch.setattr(files.os, "fstat", written_meanwhile)
    assert names(csv_owner.read()) == ["new"]
    assert csv_owner.waits == [60.0]


@pytest.mark.parametrize("sign", ["~$rides.csv", ".~lock.rides.csv#"])
def test_a_file_open_elsewhere_is_read_as_saved(csv_owner: Owner, sign: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    csv_owner.path.with_name(sign).write_text("jane")
    before = csv_owner.writes(["2026-02-03", "Ride", "", "1", "x", ""]).path.read_bytes()
    assert names(csv_owner.read()) == ["x"]
    assert "rides.csv is open in another program" in caplog.text
    assert csv_owner.path.read_bytes() == before


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("rides.ods", "no workbook that is read"),
        ("https://docs.google.com/spreadsheets/d/x/edit", "File > Download"),
    ],
)
def test_other_kinds_of_files_are_said_to_be_exported(owner: Owner, path: str, why: str) -> None:
    problem = missing_login("spreadsheet", owner.settings(SPREADSHEET_PATH=path)) or ""
    assert why in problem
    assert ".xlsx" in problem
    assert ".csv" in problem.lower() or "CSV" in problem


def test_without_the_library_workbooks_are_refused_not_csv(csv_owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet.importlib.util, "find_spec", lambda _: None)
    settings = csv_owner.settings(SPREADSHEET_PATH="rides.xlsx")
    assert "pip install 'strava_pipeline[spreadsheet]'" in (missing_login("spreadsheet", settings) or "")
    assert names(csv_owner.writes(["2026-02-03", "Ride", "", "1", "x", ""]).read()) == ["x"]


def test_without_a_path_it_is_said_what_to_set() -> None:
    with pytest.raises(MissingSettingsError, match="SPREADSHEET_PATH is not set"):
        spreadsheet.connect(Settings(_env_file=None), machine_clock(1.0), lambda *_: None)


def test_what_is_assumed_is_said_and_the_file_is_no_login_that_purge_deletes(owner: Owner) -> None:
    settings = owner.settings(SPREADSHEET_UNITS="metric", SPREADSHEET_SHEET="2026")
    assert assumptions("spreadsheet", settings) == [
        "sheet: 2026",
        "times are those of Europe/Vienna",
        "where a header names no unit: distance in km, max_speed in km/h, max_elevation in m, total_elevation_gain in m, "
        "temperature in °C",
    ]
    assert login_files("spreadsheet", settings) == []
