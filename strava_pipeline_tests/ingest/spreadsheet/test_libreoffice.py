"""Workbooks as LibreOffice writes them: they are written here, and LibreOffice finds everything else as it was."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.ingest.spreadsheet.test_writes import ROWS, TITLES, Owner, added, apply, at, change

openpyxl = pytest.importorskip("openpyxl")

DRAWING = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"></xdr:wsDr>"""
ALIGNMENT = b'<alignment horizontal="general" wrapText="false" shrinkToFit="false"/>'


def as_libreoffice(parts: dict[str, bytes]) -> None:
    """Have in a workbook what LibreOffice writes beside what others do: each default, and an empty drawing for comments."""
    sheet, styles = "xl/worksheets/sheet1.xml", "xl/styles.xml"
    parts[sheet] = parts[sheet].replace(b"<sheetFormatPr ", b'<sheetFormatPr outlineLevelRow="0" outlineLevelCol="0" ')
    parts[sheet] = parts[sheet].replace(b"</worksheet>", b"<drawing/></worksheet>")
    head, tail = parts[styles].split(b"</cellXfs>")
    above, formats = head.split(b"<cellXfs")
    spread = formats.replace(b"/>", b' applyAlignment="true">' + ALIGNMENT + b"</xf>")
    parts[styles] = above + b"<cellXfs" + spread + b"</cellXfs>" + tail
    parts["xl/drawings/drawing1.xml"] = DRAWING


def rewritten(path: Path, change_parts: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    change_parts(parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)


def test_what_libreoffice_writes_beside_others_refuses_nothing(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "rides.xlsx").keeps()
    rewritten(owner.path, as_libreoffice)
    apply(owner.pulled().writer(), change("update_name", owner.keys()[0], "renamed", "one"))
    assert owner.cells()["F2"].value == "renamed"


def furnished(sheet: Any) -> None:
    """What people put around a table in LibreOffice."""
    sheet.insert_rows(1)
    sheet["A1"] = "My rides"
    sheet.merge_cells("A1:D1")
    sheet["I2"] = "km"
    for row in (3, 4):
        sheet[f"I{row}"] = f"=E{row}*1.609344"
    sheet["F3"].comment = openpyxl.comments.Comment("in the rain", "Jane")
    sheet.auto_filter.ref = "A2:H4"
    sheet.auto_filter.add_filter_column(1, ["Ride"])
    sheet.row_dimensions[4].hidden = True  # a run
    sheet.conditional_formatting.add(
        "E3:E100", openpyxl.formatting.rule.CellIsRule(operator="greaterThan", formula=["10"])
    )
    sheet.parent.create_sheet("Year")["A1"] = "=SUM(Rides!E3:E4)"


@pytest.fixture
def converted(tmp_path: Path) -> Callable[[Path], Path]:
    """Has LibreOffice open a workbook, compute it and save it in a folder of its own."""
    soffice = shutil.which("soffice")
    if soffice is None:
        pytest.skip("LibreOffice is not installed: apt-get install --no-install-recommends libreoffice-calc")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    made = iter(range(10))

    def convert(path: Path) -> Path:
        folder = tmp_path / f"saved-{next(made)}"
        order = [soffice, "--headless", profile, "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder)]
        subprocess.run([*order, str(path)], check=True, capture_output=True, timeout=120)
        return folder / path.name

    return convert


@pytest.mark.slow
def test_a_workbook_of_libreoffice_keeps_all_around_changes(tmp_path: Path, converted: Callable[[Path], Path]) -> None:
    mine = tmp_path / "rides.xlsx"
    Owner(mine).keeps(*ROWS, titles=TITLES)
    book = openpyxl.load_workbook(mine)
    furnished(book.worksheets[0])
    book.save(mine)
    owner = Owner(converted(mine)).pulled()
    first = owner.keys()[0]
    requests = apply(
        owner.writer(),
        change("update_name", first, "renamed", "one"),
        change("update_metadata", first, 7384, 3723),
        added(),
    )
    assert requests[-1].address == "rides.xlsx, Rides!row 5"
    found = openpyxl.load_workbook(converted(owner.path))
    results = openpyxl.load_workbook(converted(owner.path), data_only=True)["Rides"]
    sheet = found["Rides"]
    assert [sheet[f"{letter}3"].value for letter in "AF"] == [at(3), "renamed"]
    assert [sheet[f"{letter}5"].value for letter in "AEF"] == [at(9, 8), 17.4, "=new"]
    assert (sheet["I3"].value, results["I3"].value) == ("=E3*1.609344", pytest.approx(17.4 * 1.609344))
    assert sheet["F3"].comment.text == "in the rain"
    assert ([str(each) for each in sheet.merged_cells.ranges], sheet.auto_filter.ref) == (["A1:D1"], "A2:H4")
    assert sheet.auto_filter.filterColumn[0].filters.filter == ["Ride"]
    assert sheet.row_dimensions[4].hidden
    assert [str(rule.sqref) for rule in sheet.conditional_formatting] == ["E3:E100"]
    assert found["Year"]["A1"].value == "=SUM(Rides!E3:E4)"
