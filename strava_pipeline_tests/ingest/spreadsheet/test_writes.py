"""Approved changes in the owner's table: which cells change, in which form, and that nothing else does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change, Kind, Value, is_same
from strava_pipeline.core.errors import GoneError, SourceError, TransientError
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.rows import Json
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.spreadsheet import replacing
from strava_pipeline.ingest.spreadsheet.client import connect
from strava_pipeline.ingest.spreadsheet.emulator.book import Formula, as_csv, as_workbook
from strava_pipeline.ingest.spreadsheet.writes import SpreadsheetWriter, connect_writer
from strava_pipeline.ingest.writer import Reading, Request, UnsupportedChangeError
from strava_pipeline_tests.present import there

TITLES = ["start_time", "activity_type", "equipment", "duration_hms", "distance", "notes", "strava_id", "garmin_id"]
NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)


def at(day: int, hour: int = 7) -> datetime:
    """A start in February 2026, as a clock showed it."""
    return datetime(2026, 2, day, hour, 5)  # noqa: DTZ001


ROWS: list[list[Any]] = [
    [at(3), "Ride", "Trek", timedelta(seconds=3723), 17.4, "one", None, None],
    [at(4), "Run", None, timedelta(seconds=1800), 5, None, "17300000001", None],
]


@dataclass
class Owner:
    """Whoever keeps the table at `path`."""

    path: Path
    newest: bytes | None = None

    def settings(self, **more: Any) -> Settings:
        kept = {"SPREADSHEET_PATH": str(self.path), "SPREADSHEET_ZONE": "Europe/Vienna"}
        return Settings(_env_file=None, **{**kept, **more})

    def keeps(self, *rows: Sequence[Any], titles: Sequence[str] = TITLES) -> "Owner":
        lines = [list(titles), *map(list, rows or ROWS)]
        self.path.write_bytes(as_csv(lines) if self.path.suffix == ".csv" else as_workbook(lines))
        return self.pulled()

    def pulled(self) -> "Owner":
        """The pipeline has read the table."""
        whole = connect(self.settings(), clock(), lambda why, seconds: None).read_whole(self.newest)
        self.newest = whole.body if whole is not None else self.newest
        return self

    def activities(self) -> list[Json]:
        whole = there(connect(self.settings(), clock(), lambda why, seconds: None).read_whole(None))
        return list(whole.read.activities)

    def keys(self) -> list[str]:
        assert self.newest is not None
        before = connect(self.settings(), clock(), lambda why, seconds: None)
        return [str(each["source_id"]) for each in before.spec.read_page(parse_json(self.newest)).activities]

    def writer(self) -> SpreadsheetWriter:
        writer = connect_writer(self.settings(), clock(), lambda why, seconds: None)
        writer.start_from(self.newest)
        return writer

    def cells(self, sheet: int = 0) -> dict[str, Any]:
        """The workbook's cells by address."""
        import openpyxl

        rows = openpyxl.load_workbook(self.path).worksheets[sheet].iter_rows()
        return {cell.coordinate: cell for row in rows for cell in row}


def clock() -> ServerClock:
    machine = machine_clock(1.0)
    return ServerClock(lambda: NOW, machine.monotonic, lambda seconds: None)


def change(kind: Kind, key: str | None, new: Value, old: Value = None, **more: Any) -> Change:
    return Change(kind=kind, provider="spreadsheet", month="2026-02", source_id=key, new=new, old=old, **more)


def apply(writer: SpreadsheetWriter, *changes: Change) -> list[Request]:
    """Write changes as the engine does: read, compare, write, read back. What was announced comes back."""
    before = [writer.read(each) for each in changes]
    for each, reading in zip(changes, before, strict=True):
        assert is_same(each.kind, each.value_before, reading.value)
    requests = [
        found for each, reading in zip(changes, before, strict=True) for found in writer.requests(each, reading)
    ]
    writer.write(changes, before)
    for each in changes:
        assert is_same(each.kind, each.value_after, writer.read(each).value)
    return requests


def undone(applied: Change, before: Reading) -> Change:
    """The inverse of a change that was applied, as the engine proposes it."""
    details = {**applied.details, **({"restore": before.restore} if before.restore else {})}
    return change(applied.kind, applied.source_id, applied.old, applied.new, undoes=applied.id, details=details)


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    pytest.importorskip("openpyxl")
    return Owner(tmp_path / "rides.xlsx")


NAMES = [
    "=cmd()|' /C calc'!A0",
    "+1",
    "@x",
    "'quoted'",
    '"Q", 1',
    " around ",
    "two\nlines",
    "🚴 Über",
    "1e5",
    "#N/A",
    "x" * 300,
]


def test_a_name_is_text_whatever_it_begins_with(owner: Owner) -> None:
    rows = [[at(1 + number), "Ride", None, "1:00:00", 5 + number, "old", None, None] for number in range(len(NAMES))]
    owner.keeps(*rows)
    changes = [change("update_name", key, name, "old") for key, name in zip(owner.keys(), NAMES, strict=True)]
    requests = apply(owner.writer(), *changes)
    assert requests[0] == Request("EDIT", "rides.xlsx, Rides!F2", {"from": "old", "to": NAMES[0]})
    cells = owner.cells()
    assert [(cells[f"F{row}"].value, cells[f"F{row}"].data_type) for row in range(2, len(NAMES) + 2)] == [
        (name, "s") for name in NAMES
    ]
    assert [each["name"] for each in owner.activities()] == NAMES


DAY = timedelta(days=1)
FORMS: list[tuple[Any, str, int, Any, str]] = [
    # what the cell holds, its number format, the new seconds; what the cell holds then, and its number format
    (time(1, 2, 3), "h:mm:ss", 7384, time(2, 3, 4), "h:mm:ss"),
    (time(1, 2, 3), "h:mm:ss", 90_061, DAY + timedelta(seconds=3661), "[h]:mm:ss"),
    (timedelta(seconds=108_065), "[h]:mm:ss", 7384, timedelta(seconds=7384), "[h]:mm:ss"),
    ("1:02:03", "General", 90_061, "25:01:01", "General"),
    ("01:02:03", "@", 7384, "02:03:04", "@"),
    ("62:03", "General", 7384, "123:04", "General"),
    (0.0430902, "General", 21_600, 0.25, "General"),
    (0.0430902, "0.00000", 90_061, DAY + timedelta(seconds=3661), "[h]:mm:ss"),
    (None, "General", 21_600, 0.25, "General"),  # as the nearest cell of the column
]


@pytest.mark.slow
def test_a_duration_keeps_the_form_of_its_cell_and_its_undo_brings_back_the_cell(owner: Owner) -> None:
    import openpyxl

    owner.keeps(*[[at(1 + number), "Ride", None, None, 5 + number, "x", None, None] for number in range(len(FORMS))])
    book = openpyxl.load_workbook(owner.path)
    for row, (value, number_format, *_) in enumerate(FORMS, start=2):
        cell = book.worksheets[0][f"D{row}"]
        cell.value = value
        cell.number_format = number_format
    book.save(owner.path)
    first = [(cell.value, cell.number_format) for address, cell in owner.cells().items() if address[0] == "D"]
    olds = [each.get("elapsed_time") for each in owner.pulled().activities()]
    changes = [
        change("update_metadata", key, form[2], old) for key, form, old in zip(owner.keys(), FORMS, olds, strict=True)
    ]
    before = [owner.writer().read(each) for each in changes]
    apply(owner.writer(), *changes)
    found = [(cell.value, cell.number_format) for address, cell in owner.cells().items() if address[0] == "D"][1:]
    assert found == [(value, number_format) for *_, value, number_format in FORMS]
    apply(owner.pulled().writer(), *map(undone, changes, before))
    assert [(cell.value, cell.number_format) for address, cell in owner.cells().items() if address[0] == "D"] == first


def test_a_duration_is_counted_in_the_unit_of_the_header(owner: Owner) -> None:
    titles = [title.replace("duration_hms", "duration (min)") for title in TITLES]
    owner.keeps([at(3), "Ride", None, 62, 5, "x", None, None], titles=titles)
    apply(owner.writer(), change("update_metadata", owner.keys()[0], 5430, 3720))
    assert owner.cells()["D2"].value == 90.5


def test_equipment_and_ids_are_written_as_text_and_taken_back(owner: Owner) -> None:
    key, other = owner.keeps().keys()
    ids = {"strava_id": "17300000009", "garmin_id": "123"}
    both = [change("update_gear", other, "Domane"), change("link_activity", key, ids, dict.fromkeys(ids))]
    before = [owner.writer().read(each) for each in both]
    apply(owner.writer(), *both)
    cells = owner.cells()
    assert [(cells[each].value, cells[each].data_type) for each in ("C3", "G2", "H2")] == [
        ("Domane", "s"),
        ("17300000009", "s"),
        ("123", "s"),
    ]
    apply(owner.pulled().writer(), *map(undone, both, before))
    assert [owner.cells()[each].value for each in ("C3", "G2", "H2")] == [None] * 3


def test_a_row_is_found_after_sorting_and_inserting(owner: Owner) -> None:
    key, _ = owner.keeps().keys()
    newest = owner.newest
    owner.keeps([at(9), "Ride", None, None, 3, "new", None, None], *reversed(ROWS))
    owner.newest = newest
    requests = apply(owner.writer(), change("update_name", key, "first", "one"))
    assert requests[0].address == "rides.xlsx, Rides!F4"


def test_a_day_without_a_time_and_an_id_stays_the_same_row_with_another_duration(owner: Owner) -> None:
    (key,) = owner.keeps([at(3).date(), "Ride", None, "1:00:00", 5, "x", None, None]).keys()
    apply(owner.writer(), change("update_metadata", key, 3900, 3600), change("update_name", key, "y", "x"))
    assert owner.pulled().keys() == [key]


def unchanged_but(owner: Owner, *rows: Sequence[Any], say: str, error: type[Exception], **changes: Any) -> None:
    """The change is refused in these words, and the file stays as it is."""
    if rows:
        owner.keeps(*rows)
    body = owner.path.read_bytes()
    kind, new, old = (changes.pop(*each) for each in (("kind", "update_name"), ("new", "y"), ("old", "x")))
    wanted = change(kind, owner.keys()[0], new, old)
    with pytest.raises(error, match=say):
        apply(owner.writer(), wanted)
    assert owner.path.read_bytes() == body
    assert [each.name for each in owner.path.parent.iterdir() if not each.name.startswith(("~", ".~"))] == [
        owner.path.name
    ]


def test_what_a_cell_must_not_lose_is_not_overwritten(owner: Owner) -> None:
    base = [at(3), "Ride", None, "1:00:00", 5]
    unchanged_but(
        owner, [*base, Formula('="a"&"b"')], say=r"Rides!F2 is computed by a formula", error=UnsupportedChangeError
    )
    unchanged_but(owner, [*base, at(5)], say="can't be read as a notes", error=UnsupportedChangeError)
    unchanged_but(
        owner,
        [*base[:3], "about 50 min", 5, "x"],
        kind="update_metadata",
        new=60,
        say="Rides!D2 holds",
        error=UnsupportedChangeError,
    )
    unchanged_but(owner, [*base, "x"], new="a\x07b", say="characters that no workbook", error=UnsupportedChangeError)


@pytest.mark.parametrize("sign", ["~$rides.xlsx", ".~lock.rides.xlsx#"])
def test_a_file_that_somebody_has_open_is_written_later(owner: Owner, sign: str) -> None:
    owner.keeps([at(3), "Ride", None, "1:00:00", 5, "x"])
    (owner.path.parent / sign).write_text("Jane,host")
    unchanged_but(owner, say="open in Excel or LibreOffice", error=TransientError)
    (owner.path.parent / sign).unlink()
    apply(owner.writer(), change("update_name", owner.keys()[0], "y", "x"))


def test_a_row_that_went_or_changed_meanwhile_is_not_written(owner: Owner) -> None:
    key, _ = owner.keeps().keys()
    wanted = change("update_name", key, "y", "one")
    writer = owner.writer()
    before = writer.read(wanted)
    owner.path.write_bytes(as_workbook([TITLES, [*ROWS[0][:5], "by hand", None, None], ROWS[1]]))
    with pytest.raises(TransientError, match="changed since it was read"):
        writer.write([wanted], [before])
    assert owner.activities()[0]["name"] == "by hand"
    owner.path.write_bytes(as_workbook([TITLES, ROWS[1]]))
    with pytest.raises(GoneError, match="no longer in rides"):
        writer.read(wanted)


def test_copies_from_before_stay_beside_the_file_the_newest_of_them(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "BACKUPS", 2)
    key, _ = owner.keeps().keys()
    owner.path.chmod(0o640)
    mine = owner.path.with_name("rides.bak-of mine.xlsx")
    mine.write_bytes(b"the owner's")
    bodies = []
    for old, new in (("one", "two"), ("two", "three"), ("three", "four")):
        bodies.append(owner.path.read_bytes())
        writer = owner.writer()
        apply(writer, change("update_name", key, f"{new}, not yet", old))
        apply(writer, change("update_name", key, new, f"{new}, not yet"))  # by the same run: no copy of its own version
    copies = sorted(owner.path.parent.glob("rides.bak-2*"))
    assert [each.name for each in copies] == ["rides.bak-20261123T130000Z-2.xlsx", "rides.bak-20261123T130000Z-3.xlsx"]
    assert [each.read_bytes() for each in copies] == bodies[1:]
    assert (mine.read_bytes(), owner.path.stat().st_mode & 0o777) == (b"the owner's", 0o640)


def test_a_read_only_file_stays_as_it_is(owner: Owner) -> None:
    owner.keeps([at(3), "Ride", None, "1:00:00", 5, "x"])
    owner.path.chmod(0o444)
    unchanged_but(owner, say="is read-only", error=SourceError)


@pytest.mark.parametrize("suffix", ["csv", "xlsm"])
def test_csv_and_macros_are_read_only(tmp_path: Path, suffix: str) -> None:
    owner = Owner(tmp_path / f"rides.{suffix}").keeps([at(3), "Ride", None, "1:00:00", 5, "x"])
    unchanged_but(owner, say="rides.* is read only", error=UnsupportedChangeError)
    with pytest.raises(UnsupportedChangeError, match="read only"):
        apply(owner.writer(), added())


def row(start: str = "2026-02-09T08:05:00", **more: Any) -> dict[str, Any]:
    """What an activity says that has no row, in SI."""
    return {
        "start_time": start,
        "activity_type": "Ride",
        "equipment": "Trek",
        "duration_hms": 3723,
        "distance": 28_010.3,
        "notes": "=new",
        "strava_id": "17300000044",
        **more,
    }


def added(start: str = "2026-02-09T07:05:00+00:00", **more: Any) -> Change:
    return change("add_activity", None, row(**more), effort="1", details={"start": start})


def test_rows_are_added_below_the_last_one_with_its_formats_in_one_write(owner: Owner) -> None:
    import openpyxl

    owner.keeps()
    book = openpyxl.load_workbook(owner.path)
    sheet = book.worksheets[0]
    sheet["A3"].number_format, sheet["E3"].number_format = "dd.mm.yyyy hh:mm", "0.0"
    sheet["F3"].font = openpyxl.styles.Font(italic=True)
    sheet["A40"].font = openpyxl.styles.Font(bold=True)  # formatted, and empty
    book.save(owner.path)
    writer = owner.pulled().writer()
    both = [added(), added("2026-02-10T07:05:00+00:00", strava_id="17300000045", garmin_id="7", max_speed=12.5)]
    requests = apply(writer, *both, both[0])
    assert [each.address for each in requests[:2]] == ["rides.xlsx, Rides!row 4"] * 2
    assert requests[0].method == "ADD ROW"
    assert isinstance(requests[0].body, dict)
    assert requests[0].body["distance"] == 17.4
    cells = owner.cells()
    assert [cells[f"{letter}4"].value for letter in "ABCDEFGH"] == [
        at(9, 8), "Ride", "Trek", timedelta(seconds=3723), 17.4, "=new", "17300000044", None,
    ]  # fmt: skip
    assert [cells[f"{letter}4"].data_type for letter in "FG"] == ["s", "s"]
    assert [cells[place].number_format for place in ("A4", "E4")] == ["dd.mm.yyyy hh:mm", "0.0"]
    assert [cells[place].value for place in ("G5", "H5", "A6")] == ["17300000045", "7", None]
    assert cells["F4"].font.i is cells["A40"].font.b is True
    assert len(list(owner.path.parent.glob("*.bak-*"))) == 1
    body = owner.path.read_bytes()
    assert [writer.read(each).value for each in both] == [each.new for each in both]
    writer.write(both, [writer.read(each) for each in both])
    assert owner.path.read_bytes() == body


def test_a_new_row_is_in_the_units_and_the_zone_of_the_table(owner: Owner) -> None:
    titles = [
        "start_time",
        "distance (km)",
        "max_speed (km/h)",
        "temperature (F)",
        "max_elevation",
        "duration (min)",
        "notes",
    ]
    owner.keeps([at(3), 5, 20, 70, 900, 62, "x"], titles=titles)
    numbers = {"max_speed": 12.5, "temperature": 21.0, "max_elevation": 304.8, "avg_heart_rate": 120.0}
    new = added("2026-07-09T23:05:00+00:00", **numbers)
    apply(owner.writer(), new)
    assert [owner.cells()[f"{letter}3"].value for letter in "ABCDEF"] == [
        datetime.fromisoformat("2026-07-10T01:05"), 28.01, 45, 69.8, 1000, 62.05,
    ]  # fmt: skip
    reading = owner.writer().read(new)
    assert reading.value == new.new
    assert reading.source_id == owner.pulled().keys()[1]


def test_an_activity_that_the_table_has_gets_no_second_row(owner: Owner) -> None:
    owner.keeps()
    by_id = owner.writer().read(added(strava_id="17300000001"))
    assert isinstance(by_id.value, dict)
    assert (by_id.source_id, by_id.value["notes"], by_id.value["strava_id"]) == (owner.keys()[1], None, "17300000001")
    by_start = owner.writer().read(added("2026-02-03T06:05:00+00:00", strava_id=None))
    assert (by_start.source_id, by_start.value["distance"]) == (owner.keys()[0], 28_010.3)  # type: ignore[index]
    assert owner.writer().read(added("2026-02-03T06:06:00+00:00", strava_id=None)).value is None


def test_a_row_that_was_added_is_taken_away_unless_somebody_wrote_into_it(owner: Owner) -> None:
    import openpyxl

    owner.keeps()
    first = {address: cell.value for address, cell in owner.cells().items()}
    new = added()
    apply(owner.writer(), new)
    gone = change("add_activity", owner.pulled().keys()[2], None, new.new, undoes=new.id, details=new.details)
    book = openpyxl.load_workbook(owner.path)
    book.worksheets[0]["H4"] = "5"
    book.save(owner.path)
    with pytest.raises(UnsupportedChangeError, match="has content that was not added with it"):
        apply(owner.writer(), gone)
    book.worksheets[0]["H4"] = None
    book.worksheets[0]["F4"] = "renamed"
    book.save(owner.path)
    assert not is_same("add_activity", gone.value_before, owner.writer().read(gone).value)
    book.worksheets[0]["F4"] = "=new"
    book.worksheets[0]["F4"].data_type = "s"
    book.save(owner.path)
    requests = apply(owner.writer(), gone)
    assert (requests[0].method, requests[0].address) == ("REMOVE ROW", "rides.xlsx, Rides!row 4")
    assert {address: cell.value for address, cell in owner.cells().items()} == first


@pytest.mark.parametrize("title", ["duration_hms", "duration (min)", "duration (h)"])
@pytest.mark.parametrize("seconds", [0, 1, 3723])
def test_a_row_of_any_duration_reads_back_as_it_was_written_and_is_undone(
    owner: Owner, title: str, seconds: int
) -> None:
    titles = [title if each == "duration_hms" else each for each in TITLES]
    owner.keeps([at(3), "Ride", None, None, 5, "x", None, None], titles=titles)
    before = owner.activities()
    new = added(duration_hms=seconds, notes="new")
    apply(owner.writer(), new)
    key = owner.pulled().keys()[1]
    assert owner.activities()[1].get("elapsed_time", 0) == seconds
    apply(owner.writer(), change("add_activity", key, None, new.new, undoes=new.id, details=new.details))
    assert owner.activities() == before


def with_table(owner: Owner, *, totals: bool = False, below: str | None = None, what: str = "a remark") -> None:
    import openpyxl
    from openpyxl.worksheet.table import Table

    owner.keeps()
    book = openpyxl.load_workbook(owner.path)
    sheet = book.worksheets[0]
    table = Table(displayName="Rides", ref="A1:H4" if totals else "A1:H3")
    if totals:
        sheet["A4"] = "Total"
        table.totalsRowCount = 1
    if below is not None:
        sheet[below] = what
    sheet.add_table(table)
    book.save(owner.path)
    owner.pulled()


def test_a_table_grows_by_a_new_row_and_shrinks_with_its_undo(owner: Owner) -> None:
    import openpyxl

    def ref() -> str:
        return str(openpyxl.load_workbook(owner.path).worksheets[0].tables["Rides"].ref)

    with_table(owner, below="F9")
    new = added()
    apply(owner.writer(), new)
    assert (ref(), owner.cells()["A4"].value) == ("A1:H4", at(9, 8))
    key = owner.pulled().keys()[2]
    apply(owner.writer(), change("add_activity", key, None, new.new, undoes=new.id, details=new.details))
    assert (ref(), owner.cells()["A4"].value, owner.cells()["F9"].value) == ("A1:H3", None, "a remark")


@pytest.mark.parametrize(("how", "say"), [({"totals": True}, "row of totals"), ({"below": "F4"}, "F4 is not empty")])
def test_what_stands_below_a_table_is_not_overwritten(owner: Owner, how: dict[str, Any], say: str) -> None:
    with_table(owner, **how)
    body = owner.path.read_bytes()
    with pytest.raises(UnsupportedChangeError, match=say):
        apply(owner.writer(), added())
    assert owner.path.read_bytes() == body


def test_no_row_is_put_above_sums_below_a_table(owner: Owner) -> None:
    with_table(owner, below="E5", what="=SUM(E2:E3)")
    with pytest.raises(UnsupportedChangeError, match="the sheet has formulas below its activities, in row 5"):
        apply(owner.writer(), added())


@pytest.mark.parametrize(("total", "is_refused"), [(Formula("=SUM(E2:E3)"), True), (22.4, False), (None, False)])
def test_no_row_is_put_below_sums(owner: Owner, total: object, *, is_refused: bool) -> None:
    owner.keeps(*ROWS, ["Total", None, None, None, total, None, None, None])
    if is_refused:
        body = owner.path.read_bytes()
        with pytest.raises(UnsupportedChangeError, match="the sheet has formulas below its activities, in row 4"):
            apply(owner.writer(), added())
        assert owner.path.read_bytes() == body
        apply(owner.writer(), change("update_name", owner.keys()[0], "another", "one"))
    else:
        assert apply(owner.writer(), added())[0].address == "rides.xlsx, Rides!row 5"


def test_the_first_row_of_an_empty_table(owner: Owner) -> None:
    owner.path.write_bytes(as_workbook([["My rides"], TITLES]))
    apply(owner.pulled().writer(), added())
    cells = owner.cells()
    assert [cells[f"{letter}3"].value for letter in "AE"] == [at(9, 8), 17.4]
    assert [cells[f"{letter}3"].number_format for letter in "AD"] == ["yyyy-mm-dd h:mm:ss", "[h]:mm:ss"]
