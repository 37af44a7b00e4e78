"""New rows of the owner's table where it ends with totals: they count the rows, or the proposal says that they don't."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.spreadsheet.emulator.book import Formula
from strava_pipeline_tests.ingest.spreadsheet.test_writes import ROWS, Owner, added, apply, at, change

openpyxl = pytest.importorskip("openpyxl")

ABOVE = "rides.xlsx, Rides!row 4, above the totals, which then count it"


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path / "rides.xlsx")


def keeps(owner: Owner, *below: list[Any], furnish: Callable[[Any], object] = lambda sheet: None) -> None:
    """The owner keeps two activities, and `below` them other rows."""
    owner.keeps(*ROWS, *below)
    book = openpyxl.load_workbook(owner.path)
    furnish(book.worksheets[0])
    book.save(owner.path)
    owner.pulled()


def both() -> list[Any]:
    return [added(), added("2026-02-10T07:05:00+00:00", strava_id="17300000045", garmin_id="7")]


def column(owner: Owner, letter: str) -> list[Any]:
    return [cell.value for address, cell in owner.cells().items() if address.rstrip("0123456789") == letter][1:]


def test_new_rows_go_above_the_totals_which_count_them(owner: Owner) -> None:
    sums = map(Formula, ("=SUM(D2:D3)", "=SUBTOTAL(9,$E$2:$E$3)", "=E4/COUNT(E2:E3)"))

    def furnish(sheet: Any) -> None:
        sheet["E4"].font = openpyxl.styles.Font(bold=True)
        sheet["E4"].comment = openpyxl.comments.Comment("all of them", "Jane")
        sheet["J1"], sheet["J2"] = "mood", "=SUM(E2:E3)"

    keeps(owner, ["Total", None, None, *sums], furnish=furnish)
    requests = apply(owner.writer(), *both())
    assert [each.address for each in requests] == [ABOVE, ABOVE]
    assert column(owner, "A") == [at(3), at(4), at(9, 8), at(10, 8), "Total"]
    assert [owner.cells()[f"{letter}6"].value for letter in "DEF"] == [
        "=SUM(D2:D5)", "=SUBTOTAL(9,$E$2:$E$5)", "=E6/COUNT(E2:E5)",
    ]  # fmt: skip
    cells = owner.cells()
    assert (cells["E6"].font.b, cells["E6"].comment.text, cells["J2"].value) == (True, "all of them", "=SUM(E2:E3)")
    assert (cells["E4"].font.b, cells["E4"].comment, cells["E5"].value) == (False, None, 17.4)
    apply(owner.pulled().writer(), added("2026-02-11T07:05:00+00:00", strava_id="17300000046"))
    assert owner.cells()["D7"].value == "=SUM(D2:D6)"


def test_a_row_above_the_totals_is_taken_away_and_the_next_one_is_counted(owner: Owner) -> None:
    keeps(owner, [], ["Total", None, None, None, Formula("=SUM(E2:E3)")])
    new = added()
    apply(owner.writer(), new)
    assert column(owner, "E") == [17.4, 5, 17.4, None, "=SUM(E2:E4)"]
    key = owner.pulled().keys()[2]
    apply(owner.writer(), change("add_activity", key, None, new.new, undoes=new.id, details=new.details))
    assert column(owner, "E") == [17.4, 5, None, None, "=SUM(E2:E4)"]
    apply(owner.pulled().writer(), added())
    assert column(owner, "E") == [17.4, 5, None, 17.4, None, "=SUM(E2:E5)"]


def test_totals_in_the_column_of_the_start_are_no_activity(owner: Owner) -> None:
    keeps(owner, [Formula("=COUNT(A2:A3)"), None, None, None, Formula("=SUM(E2:E3)")])
    assert apply(owner.writer(), added())[0].address == ABOVE
    assert column(owner, "A")[-1] == "=COUNT(A2:A4)"
    assert len(owner.activities()) == 3


def merged(sheet: Any) -> None:
    sheet.merge_cells("A4:C4")


def named(sheet: Any) -> None:
    sheet.parent.defined_names["total"] = openpyxl.workbook.defined_name.DefinedName("total", attr_text="Rides!$E$4")


def used_elsewhere(sheet: Any) -> None:
    sheet.parent.create_sheet("Year")["A1"] = "=Rides!E4"


def coloured(sheet: Any) -> None:
    rule = openpyxl.formatting.rule.CellIsRule(operator="greaterThan", formula=["10"])
    sheet.conditional_formatting.add("E4", rule)


def printed(sheet: Any) -> None:
    sheet.print_area = "A1:H4"


def of_a_kind_that_is_not_known(sheet: Any) -> None:
    sheet["J2"] = "=SUM(E2#)"


def up_to_a_computed_place(sheet: Any) -> None:
    sheet["D4"] = "=SUM(D4:INDEX(D:D,2))"


@pytest.mark.parametrize(
    "furnish", [merged, named, used_elsewhere, coloured, printed, of_a_kind_that_is_not_known, up_to_a_computed_place]
)
def test_totals_that_something_else_belongs_to_stay_and_the_proposal_says_where_the_row_goes(
    owner: Owner, furnish: Callable[[Any], None]
) -> None:
    keeps(owner, ["Total", None, None, None, Formula("=SUM(E2:E3)")], furnish=furnish)
    requests = apply(owner.writer(), added())
    assert requests[0].address == "rides.xlsx, Rides!row 5, below the formulas of row 4, which do not count it"
    assert column(owner, "E") == [17.4, 5, "=SUM(E2:E3)", 17.4]


def test_totals_between_activities_do_not_count_a_row_below_which_the_proposal_says(owner: Owner) -> None:
    keeps(owner, ["Total", None, None, None, Formula("=SUM(E2:E3)")], [at(5), "Ride", None, Formula("=E5/400"), 3])
    requests = apply(owner.writer(), added())
    assert requests[0].address == "rides.xlsx, Rides!row 6, below the formulas of row 4, which do not count it"


def test_a_row_of_csv_goes_above_its_totals(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "rides.csv")
    owner.keeps(ROWS[0], [None, None], ["Total", None, None, None, 17.4])
    requests = apply(owner.writer(), added(notes="new"))
    assert requests[0].address == "rides.csv!row 3"
    assert [line.split(",")[0] for line in owner.path.read_text("utf-8-sig").splitlines()] == [
        "start_time", "2026-02-03 07:05:00", "2026-02-09 08:05:00", "", "Total",
    ]  # fmt: skip
