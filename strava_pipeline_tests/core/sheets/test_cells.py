"""What single cells say, as tables: odd cells, and what is read."""

from datetime import date
from typing import Any

import pytest

from strava_pipeline.core.sheets.cells import read_duration, read_id, read_number, read_start_cell, read_text
from strava_pipeline_tests.present import there


@pytest.mark.parametrize(
    ("cell", "text", "has_time"),
    [
        ({"at": "2026-02-03T17:05:00", "format": "yyyy-mm-dd h:mm:ss"}, "2026-02-03T17:05:00", True),
        ({"at": "2026-02-03T17:04:59.999995", "format": "h:mm"}, "2026-02-03T17:05:00", True),
        ({"at": "2025-07-17T00:00:00", "format": "yyyy-mm-dd"}, "2025-07-17", False),
        ({"at": "2025-07-17T00:00:00", "format": "yyyy-mm-dd hh:mm"}, "2025-07-17T00:00:00", True),
        ({"at": "2025-07-17T00:00:00", "format": '[$-409]d"th" mmm yyyy'}, "2025-07-17", False),
        ({"at": "2025-07-17T06:30:00", "format": "yyyy-mm-dd"}, "2025-07-17T06:30:00", True),
        ("2025-07-14 06:30", "2025-07-14T06:30:00", True),
        ("2025-07-15T06:30:00", "2025-07-15T06:30:00", True),
        ("2025-07-15 6:30 PM", "2025-07-15T18:30:00", True),
        ("2025-07-15 12:05 am", "2025-07-15T00:05:00", True),
        ("2025/7/4", "2025-07-04", False),
        ("2025.07.04 06:30:15.5", "2025-07-04T06:30:15", True),
        ("2025-07-16T06:30:00+02:00", "2025-07-16T06:30:00+02:00", True),
        ("2025-07-16T06:30:00Z", "2025-07-16T06:30:00+00:00", True),
        (45857.2708333333, "2025-07-19T06:30:00", True),
        (45857, "2025-07-19", False),
        (1767225600, "2026-01-01T00:00:00+00:00", True),
        (1767225600000, "2026-01-01T00:00:00+00:00", True),
        ("1767225600", "2026-01-01T00:00:00+00:00", True),
        ("1767225600000", "2026-01-01T00:00:00+00:00", True),
    ],
)
def test_a_start_is_read(cell: Any, text: str, has_time: bool) -> None:
    start = there(read_start_cell(cell))
    assert (start.text, start.clock is not None) == (text, has_time)


@pytest.mark.parametrize(
    "cell",
    [
        *("07/18/2025", "18.07.2025", "2025-13-01", "2025-02-30 06:30", "2025-07-15 13:30 PM", "2025-07-15 25:00"),
        *("July 2025", "", " ", "Total", "Total 2025", 2025, 12, -1, 9e99, float("inf"), True, None),
        *("1900-01-01 06:30", "0202-07-15", "9999-01-01T00:00:00Z", {"at": "1900-01-01T06:30:00", "format": "h:mm"}),
        *({"time": "06:30:00"}, {"formula": "=A1"}, {"error": "#REF!"}),
    ],
    ids=repr,
)
def test_what_is_no_start_or_may_be_two_is_none(cell: Any) -> None:
    assert read_start_cell(cell) is None


def test_a_number_counts_from_the_first_day_of_its_workbook() -> None:
    assert there(read_start_cell(44395.25, date(1904, 1, 1))).text == "2025-07-19T06:00:00"


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        *((cell, 3723) for cell in ("1:02:03", "01:02:03", " 1:02:03.6 ", "62:03")),
        *((cell, 3723) for cell in (0.04309027777777778, "0.04309027777777778")),
        *(({"time": "01:02:03"}, 3723), ({"time": "01:02:02.999"}, 3723)),
        *(("30:01:05", 108_065), ({"seconds": 108_065.0}, 108_065)),
        ({"at": "1900-01-01T06:01:05", "format": "h:mm:ss"}, 108_065),
        ({"at": "1904-01-02T06:01:05", "format": "h:mm:ss"}, 108_065),
        *(("1h 2m 3s", None), ("about an hour", None)),
        *((3723, None), (1.5, None)),  # seconds, minutes or days: nobody knows
        *((cell, None) for cell in (0, {"time": "00:00:00"}, {"at": "2025-07-04T06:30:00", "format": "h:mm"})),
        *((cell, None) for cell in ({"error": "#VALUE!"}, True, None)),
    ],
    ids=repr,
)
def test_a_duration(cell: Any, seconds: int | None) -> None:
    assert read_duration(cell) == seconds


def test_a_plain_number_is_a_duration_where_the_header_says_of_what() -> None:
    assert [read_duration(cell, 60.0) for cell in (62, "62,5", 0.5, "1:02:03", "x")] == [3720, 3750, 30, 3723, None]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        *((20, 20.0), (17.4, 17.4), ("17.4", 17.4), ("17,4", 17.4), ("20 km", 20.0)),
        *((cell, 1234.5) for cell in ("1,234.5", "1.234,5", "1 234,5", "1'234.5")),
        ("1,234", None),  # a thousand, or one and a bit
        *((cell, None) for cell in ("20 parsecs", "12 34 km 5", "", "n/a", True, float("nan"), {"seconds": 5})),
    ],
    ids=repr,
)
def test_a_number(cell: Any, number: float | None) -> None:
    assert read_number(cell, "km mi") == number


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        *((cell, "17300000001") for cell in (17300000001, 17300000001.0, "17300000001", " '17300000001 ")),
        ("9007199254740993", "9007199254740993"),  # text is exact
        ("https://www.strava.com/activities/123", "123"),
        ("https://www.strava.com/activities/123/?share=1#x", "123"),
        ("connect.garmin.com/modern/activity/456", "456"),
        (9007199254740992, None),  # Excel has rounded it
        *((cell, None) for cell in (1.8123e16, "1.73E+10", 12.5, 0, -5, True, None)),
        *((cell, None) for cell in ("none", "https://www.strava.com/activities/")),
    ],
    ids=repr,
)
def test_an_id(cell: Any, found: str | None) -> None:
    assert read_id(cell) == found


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        *((cell, cell) for cell in (" padded ", "=1+1", "a\nb")),
        *((5, "5"), (5.0, "5"), (5.5, "5.5"), (True, "true")),
        *((cell, None) for cell in ("  ", {"formula": "=A1"}, {"error": "#N/A"}, None)),
    ],
)
def test_a_text(cell: Any, text: str | None) -> None:
    assert read_text(cell) == text
