"""Widgets: what the head of a file says, and what is drawn of rows; odd heads, columns and values."""

import pytest

from strava_pipeline.core.widgets import (
    Chart,
    Point,
    WidgetError,
    WidgetRows,
    cell_text,
    chart_of,
    is_name,
    points_of,
    read_widget,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", ("week", "table", "", False)),
        ("", ("week", "table", "", False)),
        ("-- title: My week\n-- kind: bars\n-- unit: km\n-- page: yes\nSELECT 1", ("My week", "bars", "km", True)),
        ("\n  --KIND:line\r\n-- a remark\n--title :  A   <b> \nSELECT 1", ("A <b>", "line", "", False)),
        ("SELECT 1\n-- kind: map", ("week", "table", "", False)),
        (f"-- title: {'x' * 50_000}\n-- unit: {'y' * 50_000}", ("x" * 100, "table", "y" * 100, False)),
        ("-- title:\n-- kind: number\n-- kind: map\nSELECT 1", ("week", "number", "", False)),
    ],
)
def test_the_comments_at_the_head_say_what_a_widget_is(text: str, expected: tuple[str, str, str, bool]) -> None:
    widget = read_widget("week", text)
    assert (widget.title, widget.kind, widget.unit, widget.has_page) == expected
    assert widget.statement == text


@pytest.mark.parametrize(
    ("head", "fault"), [("-- kind: pie", "kind"), ("-- kind:", "kind"), ("-- page: perhaps", "page")]
)
def test_a_head_that_says_what_there_is_not_is_refused(head: str, fault: str) -> None:
    with pytest.raises(WidgetError, match=f"`-- {fault}:`"):
        read_widget("week", f"{head}\nSELECT 1")


def test_names_are_parts_of_addresses() -> None:
    assert [name for name in ("week", "a-b_9", "9", "x" * 64) if not is_name(name)] == []
    odd = ("", "..", "a/b", "a b", "-a", "_a", "ä", "a.b", "x" * 65, "a\n", "\udcff", "<b>")
    assert [name for name in odd if is_name(name)] == []


def chart(kind: str, columns: str, *rows: tuple[object, ...]) -> Chart:
    found = WidgetRows(columns.split(), rows, has_more=False)  # type: ignore[arg-type] # cells
    return chart_of(read_widget("week", f"-- kind: {kind}\n-- unit: km"), found)


def test_bars_and_lines_have_numbers_moments_or_names_on_the_axis() -> None:
    names = chart("bars", "sport km", ("ride", 12.5), (None, 9.0), ("run", None))
    assert (names.x, names.names, names.series, names.unit) == ([0.0, 1.0], ["ride", "run"], {"km": [12.5, None]}, "km")
    numbers = chart("line", "hour n n", (9, 1, 2), (-3, 3, 4))
    assert (numbers.x, numbers.is_time) == ([-3.0, 9.0], False)
    assert numbers.series == {"n 1": [3, 1], "n 2": [4, 2]}, "in order"
    days = chart("line", "day n", ("2026-01-02", 2), ("2026-01-01", 1), ("1969-12-31 23:59:59", 0))
    assert (days.x, days.is_time) == ([-1.0, 1767225600.0, 1767312000.0], True)
    assert chart("line", "day n").x == []


@pytest.mark.parametrize(
    ("columns", "row", "why"),
    [
        ("km", (1,), "two columns"),
        ("day km", ("2026-01-01", "much"), "km holds something else"),
        ("day km", ("2026-01-01", True), "km holds something else"),
        ("x a b c d e f g", (1,) * 8, "at most 6"),
    ],
)
def test_what_is_no_chart_says_why(columns: str, row: tuple[object, ...], why: str) -> None:
    with pytest.raises(WidgetError, match=why):
        chart("bars", columns, row)


def test_a_map_has_the_places_of_its_rows() -> None:
    columns = ("Latitude", "LONGITUDE", "name", "value", "more")
    rows = [(48.2, 16.4, "<b>", 12.5, "x"), (None, 16.4, "a", 1, "x"), (91, 0, "a", 1, "x"), (0, 0, None, None, "x")]
    rows += [("48", "16", "a", 1, "x"), (True, 16, "a", 1, "x")]
    found = points_of(WidgetRows(columns, rows, has_more=False))
    assert found == [Point(48.2, 16.4, "<b>, 12.5"), Point(0.0, 0.0, "")]
    with pytest.raises(WidgetError, match="latitude and longitude"):
        points_of(WidgetRows(["lat", "lon"], [(48.2, 16.4)], has_more=False))


def test_values_read_as_people_write_them() -> None:
    values = (None, True, False, 1234, -0.5, 1234.567, 0.0, 0.00012)
    assert [cell_text(value) for value in values] == ["–", "yes", "no", "1,234", "-0.5", "1,234.57", "0", "0.00012"]
    assert (cell_text(10.0), cell_text("1234")) == ("10", "1234")
    assert [cell_text(2026, column) for column in ("local_year", "Activity_ID", "id", "paid")] == [
        *("2026", "2026", "2026", "2,026")
    ]
