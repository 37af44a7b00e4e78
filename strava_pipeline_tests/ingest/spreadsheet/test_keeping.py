"""What a write of the owner's table must keep: everything that was not approved, at any fault and at any moment."""

import io
import os
import signal
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import TransientError
from strava_pipeline.ingest.spreadsheet.emulator.book import Formula, as_workbook
from strava_pipeline.ingest.writer import UnsupportedChangeError
from strava_pipeline_tests.ingest.spreadsheet.test_writes import NOW, ROWS, TITLES, Owner, apply, at, change
from strava_pipeline_tests.small_disk import SmallDisk

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path / "rides.xlsx").keeps()


def renamed(owner: Owner) -> None:
    apply(owner.pulled().writer(), change("update_name", owner.keys()[0], "renamed", "one"))


def furnished(book: Any) -> None:
    """All that a person puts around a table and openpyxl keeps."""
    from openpyxl.comments import Comment
    from openpyxl.formatting.rule import CellIsRule
    from openpyxl.styles import Font, PatternFill
    from openpyxl.workbook.defined_name import DefinedName
    from openpyxl.worksheet.datavalidation import DataValidation
    from openpyxl.worksheet.formula import ArrayFormula

    sheet = book.worksheets[0]
    sheet["J1"], sheet["J2"], sheet["J3"] = "mood", 0.1 + 0.2, 12345678901234567
    sheet["K2"], sheet["K3"] = "=SUM(E2:E3)", ArrayFormula("K3", "=SUM(E2:E3*2)")
    sheet["L2"] = "=DATE(2026,1,1)"
    sheet["J2"].comment = Comment("a remark", "Jane")
    sheet["B2"].hyperlink = "https://example.org/"
    sheet["B2"].font, sheet["B3"].fill = Font(bold=True), PatternFill("solid", fgColor="FFEE00")
    sheet.column_dimensions["D"].hidden, sheet.column_dimensions["E"].width = True, 33
    sheet.row_dimensions[3].height, sheet.row_dimensions[3].hidden = 40, True
    sheet.freeze_panes, sheet.auto_filter.ref = "B2", "A1:H3"
    sheet.merge_cells("N1:O2")
    sheet.conditional_formatting.add("E2:E3", CellIsRule(operator="greaterThan", formula=["10"], font=Font(bold=True)))
    choice = DataValidation(type="list", formula1='"Ride,Run"')
    choice.add("B2:B3")
    sheet.add_data_validation(choice)
    sheet.print_title_rows, sheet.print_area = "1:1", "A1:H3"
    sheet.page_setup.orientation, sheet.oddHeader.center.text = "landscape", "My rides"
    book.defined_names["everything"] = DefinedName("everything", attr_text="Rides!$A$1:$H$3")
    other = book.create_sheet("Totals")
    other["A1"], other.sheet_state = "=Rides!K2", "hidden"
    other.protection.sheet = True


def test_everything_around_a_cell_stays(owner: Owner) -> None:
    from strava_pipeline.ingest.spreadsheet.workbook_writes import content_of, difference, exact_numbers

    book = openpyxl.load_workbook(owner.path)
    furnished(book)
    exact_numbers(book)
    book.calculation.fullCalcOnLoad = False
    book.save(owner.path)
    before = content_of(openpyxl.load_workbook(owner.path, rich_text=True))
    renamed(owner)
    found = openpyxl.load_workbook(owner.path, rich_text=True)
    assert difference(before, content_of(found), {"Rides!F2"}) is None
    assert difference(before, content_of(found), set()) == "Rides!F2"
    assert found.calculation.fullCalcOnLoad
    sheet = zipfile.ZipFile(owner.path).read("xl/worksheets/sheet1.xml")
    assert b"<v>0.30000000000000004</v>" in sheet
    assert b"<v>12345678901234567</v>" in sheet


@pytest.fixture(scope="module")
def furnished_body() -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(as_workbook([TITLES, *ROWS])))
    furnished(book)
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


CHANGED: list[tuple[str, Callable[[Any], object]]] = [
    ("the list of sheets", lambda book: book.create_sheet("More")),
    ("the workbook says of its names", lambda book: book.defined_names.pop("everything")),
    ("Rides!E2", lambda book: setattr(book["Rides"]["E2"], "value", 17.41)),
    ("Rides!G3", lambda book: setattr(book["Rides"]["G3"], "value", 17300000001)),
    ("Rides!K2", lambda book: setattr(book["Rides"]["K2"], "value", "=SUM(E2:E4)")),
    ("Rides!K3", lambda book: setattr(book["Rides"]["K3"], "value", "=SUM(E2:E3*2)")),
    ("Rides!A2", lambda book: setattr(book["Rides"]["A2"], "number_format", "yyyy")),
    ("Rides!B2", lambda book: setattr(book["Rides"]["B2"], "font", openpyxl.styles.Font())),
    ("Rides!B3", lambda book: setattr(book["Rides"]["B3"], "fill", openpyxl.styles.PatternFill())),
    ("Rides!B2", lambda book: setattr(book["Rides"]["B2"], "hyperlink", None)),
    ("Rides!J2", lambda book: setattr(book["Rides"]["J2"], "comment", None)),
    ("Rides!P9", lambda book: setattr(book["Rides"]["P9"], "value", "more")),
    ("Totals!A1", lambda book: setattr(book["Totals"]["A1"], "value", None)),
    ("its columns", lambda book: setattr(book["Rides"].column_dimensions["D"], "hidden", False)),
    ("its rows", lambda book: setattr(book["Rides"].row_dimensions[3], "height", 41)),
    ("its views", lambda book: setattr(book["Rides"], "freeze_panes", "A2")),
    ("its filter", lambda book: setattr(book["Rides"].auto_filter, "ref", "A1:H2")),
    ("its merged cells", lambda book: book["Rides"].unmerge_cells("N1:O2")),
    ("its conditional formats", lambda book: book["Rides"].conditional_formatting._cf_rules.clear()),
    ("its validations", lambda book: book["Rides"].data_validations.dataValidation.clear()),
    ("its titles in print", lambda book: setattr(book["Rides"], "print_area", None)),
    ("its pages", lambda book: setattr(book["Rides"].oddHeader.center, "text", "Rides")),
    ("its state", lambda book: setattr(book["Totals"], "sheet_state", "visible")),
    ("its protection", lambda book: setattr(book["Totals"].protection, "sheet", False)),
]


@pytest.mark.parametrize(("place", "mutate"), CHANGED)
def test_any_other_difference_is_found(furnished_body: bytes, place: str, mutate: Callable[[Any], object]) -> None:
    from strava_pipeline.ingest.spreadsheet.workbook_writes import content_of, difference

    book = openpyxl.load_workbook(io.BytesIO(furnished_body))
    before = content_of(book)
    mutate(book)
    assert (difference(before, content_of(book), {"Rides!F2"}) or "none").endswith(place)


def put(name: str, content: bytes = b"<x/>") -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.update({name: content})


def inside(tag: bytes, part: str = "xl/worksheets/sheet1.xml", end: bytes = b"</worksheet>") -> Any:
    return lambda parts: parts.update({part: parts[part].replace(end, tag + end)})


LOST: list[tuple[str, Callable[[dict[str, bytes]], None]]] = [
    ("pivotTables", put("xl/pivotTables/pivotTable1.xml")),
    ("slicers", put("xl/slicers/slicer1.xml")),
    ("charts", put("xl/charts/chart1.xml")),
    ("drawings", put("xl/drawings/drawing1.xml")),
    ("externalLinks", put("xl/externalLinks/externalLink1.xml")),
    ("threadedComments", put("xl/threadedComments/threadedComment1.xml")),
    ("customXml", put("customXml/item1.xml")),
    ("metadata.xml", put("xl/metadata.xml")),
    ("vbaProject.bin", put("xl/vbaProject.bin")),
    ("something", put("something")),
    ("sparklines", inside(b'<extLst><ext uri="{05C60535-1F16-4fd2-B633-F4F36F0B64E0}"/></extLst>')),
    (
        "protectedRanges",
        inside(b'<protectedRanges><protectedRange sqref="A1" name="x"/></protectedRanges>'),
    ),
    ("buttons", put("xl/drawings/vmlDrawing1.vml", b'<xml><x:ClientData ObjectType="Button"/></xml>')),
    ("read-only", inside(b'<fileSharing readOnlyRecommended="1"/>', "xl/workbook.xml", b"<sheets>")),
    ("date out of range", inside(b'<row r="9"><c r="A9" s="1"><v>99999999</v></c></row>', end=b"</sheetData>")),
    ("formatted but empty rows", inside(b'<row r="9" s="1" customFormat="1"/>' * 100_001, end=b"</sheetData>")),
]


@pytest.mark.parametrize(("what", "spoil"), LOST)
def test_what_would_be_lost_is_named(owner: Owner, what: str, spoil: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(io.BytesIO(owner.path.read_bytes())) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    before = dict(parts)
    spoil(parts)
    assert parts != before
    with zipfile.ZipFile(owner.path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    body = owner.path.read_bytes()
    with pytest.raises(UnsupportedChangeError, match=what):
        renamed(owner)
    assert owner.path.read_bytes() == body
    assert list(owner.path.parent.iterdir()) == [owner.path]


def test_a_warning_of_others_refuses_nothing(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python warns of a file that nobody closed whenever it is collected: during the reading of a workbook as well."""
    load = openpyxl.load_workbook

    def collecting(*args: Any, **options: Any) -> Any:
        warnings.warn("unclosed file", ResourceWarning, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)
        return load(*args, **options)

    monkeypatch.setattr(openpyxl, "load_workbook", collecting)
    renamed(owner)
    assert "renamed" in [row[5].value for row in load(owner.path).worksheets[0].iter_rows(2)]


def merged(sheet: Any) -> None:
    sheet.merge_cells("E2:F2")


def protected(sheet: Any) -> None:
    sheet.protection.sheet = True


@pytest.mark.parametrize(
    ("furnish", "say"), [(merged, "F2 is part of merged cells"), (protected, "F2 is in a protected sheet")]
)
def test_merged_and_protected_cells_stay(owner: Owner, furnish: Callable[[Any], None], say: str) -> None:
    book = openpyxl.load_workbook(owner.path)
    furnish(book.worksheets[0])
    book.save(owner.path)
    body = owner.path.read_bytes()
    with pytest.raises(UnsupportedChangeError, match=say):
        renamed(owner)
    assert owner.path.read_bytes() == body


def test_a_cell_that_is_unlocked_in_a_protected_sheet_is_written(owner: Owner) -> None:
    book = openpyxl.load_workbook(owner.path)
    protected(book.worksheets[0])
    book.worksheets[0]["F2"].protection = openpyxl.styles.Protection(locked=False)
    book.save(owner.path)
    renamed(owner)


def test_dates_from_1904_and_hidden_columns_stay(owner: Owner) -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = openpyxl.load_workbook(owner.path)
    book.epoch = CALENDAR_MAC_1904
    book.worksheets[0].column_dimensions["F"].hidden = True
    book.save(owner.path)
    renamed(owner)
    found = openpyxl.load_workbook(owner.path)
    assert (found.epoch, found.worksheets[0]["A2"].value) == (CALENDAR_MAC_1904, at(3))
    assert found.worksheets[0].column_dimensions["F"].hidden


def test_a_formula_beside_the_cell_keeps_its_result_in_the_reading(owner: Owner) -> None:
    owner.keeps([at(3), "Ride", None, "1:00:00", Formula("=5+1"), "one", None, None])
    renamed(owner)
    assert openpyxl.load_workbook(owner.path).worksheets[0]["E2"].value == "=5+1"


STEPS = ("chmod", "fsync", "link", "replace")


def killed_at(owner: Owner, step: int) -> bool:
    """Rename in a process that is killed before its n-th call of those that change the folder; whether it was."""
    child = os.fork()
    if child == 0:
        left = [step]
        for name in STEPS:
            _kill_before(name, left)
        try:
            renamed(owner)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _kill_before(name: str, left: list[int]) -> None:
    real = getattr(os, name)

    def call(*args: Any, **more: Any) -> Any:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return real(*args, **more)

    setattr(os, name, call)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "rides.xlsx").keeps()
    old, step, seen = owner.path.read_bytes(), 0, set()
    while killed_at(owner, step):
        found = owner.activities()[0]["name"]
        assert found == "renamed" or owner.path.read_bytes() == old
        seen.add(found)
        for copy in tmp_path.glob("rides.bak-*"):
            assert copy.read_bytes() == old
            copy.unlink()
        owner.path.write_bytes(old)
        step += 1
    assert (step >= 5, seen) == (True, {"one", "renamed"})
    assert owner.activities()[0]["name"] == "renamed"
    assert list(tmp_path.glob(".*")) == []


def test_a_file_that_was_saved_in_the_last_moment_stays_as_it_was_saved(owner: Owner) -> None:
    from strava_pipeline.ingest.spreadsheet.replacing import replace

    before = owner.path.read_bytes()
    owner.path.write_bytes(b"saved")
    with pytest.raises(TransientError, match="changed meanwhile"):
        replace(owner.path, before, b"new", NOW)
    assert (owner.path.read_bytes(), list(owner.path.parent.iterdir())) == (b"saved", [owner.path])


def test_a_link_to_the_file_stays_one(owner: Owner, tmp_path: Path) -> None:
    folder = tmp_path / "cloud"
    folder.mkdir()
    place = owner.path.rename(folder / "table.xlsx")
    owner.path.symlink_to(place)
    renamed(owner)
    assert owner.path.is_symlink()
    assert sorted(each.name for each in folder.iterdir()) == ["table.bak-20261123T130000Z.xlsx", "table.xlsx"]


_RENAME = """
import sys
from pathlib import Path
from strava_pipeline.core.errors import PipelineError
from strava_pipeline_tests.ingest.spreadsheet.test_keeping import Owner, renamed
try:
    renamed(Owner(Path(sys.argv[1])).pulled())
except PipelineError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.mark.dear
def test_a_disk_that_is_full_or_read_only_keeps_the_file(tmp_path: Path, on_disk: Callable[[Path], SmallDisk]) -> None:
    folder = tmp_path / "cloud"
    folder.mkdir()
    Owner(folder / "rides.xlsx").keeps()
    before = (folder / "rides.xlsx").read_bytes()
    disk = on_disk(folder)

    def typed() -> str:
        environment = {"PYTHONPATH": str(Path(__file__).parents[3])}
        return disk.run(sys.executable, "-c", _RENAME, str(folder / "rides.xlsx"), environment=environment).stderr

    disk.leave(0)
    assert "TransientError: The disk of rides.xlsx is full, so nothing was written" in typed()
    disk.empty()
    disk.read_only(True)
    assert "SourceError: " in typed()
    disk.read_only(False)
    assert [(each.name, each.read_bytes()) for each in disk.seen.iterdir()] == [("rides.xlsx", before)]
    assert typed() == ""
    assert len(list(disk.seen.glob("*.bak-*"))) == 1
