"""What rows say in Strava's names and units, as a table; which of them are activities; what goes into extra."""

from typing import Any

import pytest

from strava_pipeline.core.providers import UnreadableRowError, spec_of
from strava_pipeline.core.sheets.header import WORDS

read_page = spec_of("spreadsheet").read_page


def page(rows: list[dict[str, Any]], *, titles: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """A reading of rows by title, whose keys are k1, k2 …"""
    names = titles or [*WORDS]
    cells = [[number + 1, f"k{number}", *(row.get(name) for name in names)] for number, row in enumerate(rows, start=1)]
    book = {"name": "b.xlsx", "sheet": "S", "sha256": "0", "epoch": "1899-12-30", "header": 1}
    book |= {"titles": names, "rows": cells}
    return {"zone": "America/New_York", "units": "imperial", "books": [book], "former": [], **more}


def one(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    (found,) = read_page(page([{"start_time": "2026-02-03 17:05", **row}], **more)).activities
    return dict(found)


@pytest.mark.parametrize(
    ("word", "cell", "ours", "value"),
    [
        ("notes", " Evening loop ", "name", " Evening loop "),
        ("notes", 7, "name", "7"),
        ("activity_type", "Ride", "sport_type", "Ride"),
        ("activity_type", "Cycling", "sport_type", "Ride"),
        ("activity_type", "Unicycling", "sport_type", "Unicycling"),
        ("duration_hms", "1:10:30", "elapsed_time", 4230),
        ("distance", 17.4, "distance", 28002.6),
        ("distance", "17.4 mi", "distance", 28002.6),
        ("distance", "28 km", "distance", 28000.0),
        ("distance", 0, "distance", 0.0),
        ("max_speed", 31.5, "max_speed", 14.082),
        ("total_elevation_gain", 900, "total_elevation_gain", 274.3),
        ("max_elevation", 1000, "elev_high", 304.8),
        ("temperature", 50, "average_temp", 10.0),
        ("temperature", "10 °C", "average_temp", 10.0),
        ("avg_heart_rate", 128, "average_heartrate", 128.0),
        ("max_heart_rate", "171", "max_heartrate", 171.0),
        ("avg_cadence", 85, "average_cadence", 85.0),
        ("city", "Atlanta", "location_city", "Atlanta"),
        ("state", "GA", "location_state", "GA"),
        ("calories", 640, "calories", 640.0),
        ("equipment", "Trek ", "equipment", "Trek "),
        ("location_name", "Home", "location_name", "Home"),
    ],
)
def test_a_cell_is_read_in_stravas_units(word: str, cell: Any, ours: str, value: Any) -> None:
    assert one({word: cell})[ours] == value


@pytest.mark.parametrize(
    ("title", "cell", "ours", "value"),
    [
        ("distance (km)", 20, "distance", 20_000.0),
        ("max_speed (km/h)", 36, "max_speed", 10.0),
        ("total_elevation_gain (m)", 300, "total_elevation_gain", 300.0),
        ("temperature (c)", 12, "average_temp", 12.0),
        ("duration_hms (min)", 70.5, "elapsed_time", 4230),
    ],
)
def test_the_unit_in_a_header_counts(title: str, cell: Any, ours: str, value: Any) -> None:
    assert one({title: cell}, titles=["start_time", title, "notes"])[ours] == value


def test_metric_units_are_those_of_headers_without_one() -> None:
    row = {"distance": 20, "max_speed": 36, "max_elevation": 300, "total_elevation_gain": 200, "temperature": 12}
    found = one(row, units="metric")
    names = ("distance", "max_speed", "elev_high", "total_elevation_gain", "average_temp")
    assert [found[name] for name in names] == [20_000.0, 10.0, 300.0, 200.0, 12.0]


def test_what_a_row_does_not_say_is_absent() -> None:
    assert one({}).keys() == {"start_date", "start_date_local", "utc_offset", "timezone", "id", "source_id"}


@pytest.mark.parametrize(
    ("start", "instant", "local", "zone", "flag"),
    [
        ("2026-02-03 17:05", "2026-02-03T22:05:00Z", "2026-02-03T17:05:00Z", "(GMT-05:00) America/New_York", None),
        ("2025-07-16T06:30:00+02:00", "2025-07-16T04:30:00Z", "2025-07-16T06:30:00Z", None, None),
        ("2025-07-16T10:30:00Z", "2025-07-16T10:30:00Z", "2025-07-16T06:30:00Z", "(GMT-05:00) America/New_York", None),
        ("2025-11-02 01:30", "2025-11-02T05:30:00Z", "2025-11-02T01:30:00Z", "(GMT-05:00) America/New_York", "start_in_an_hour_that_came_twice"),
        ("2025-03-09 02:30", "2025-03-09T07:30:00Z", "2025-03-09T03:30:00Z", "(GMT-05:00) America/New_York", "start_in_an_hour_that_was_skipped"),
        ("2025-07-17", None, "2025-07-17T00:00:00Z", None, None),
    ],
)  # fmt: skip
def test_a_start_is_of_the_zone_unless_it_has_an_offset(
    start: str, instant: str | None, local: str, zone: str | None, flag: str | None
) -> None:
    found = one({"start_time": start})
    assert [found.get(name) for name in ("start_date", "start_date_local", "timezone")] == [instant, local, zone]
    assert found.get("flags") == ([flag] if flag else None)


@pytest.mark.parametrize(
    ("row", "is_activity", "faults"),
    [
        ({"start_time": "2026-02-03"}, True, 0),
        ({"strava_id": 123}, True, 0),
        ({"start_time": "07/18/2025", "strava_id": 123}, True, 0),
        ({"start_time": "07/18/2025", "distance": 20}, False, 1),
        ({"start_time": {"formula": "=B2"}, "distance": 20}, False, 1),
        ({"start_time": {"error": "#REF!"}, "distance": 20}, False, 1),
        ({"start_time": {"time": "06:30:00"}, "distance": 20}, False, 1),
        ({"start_time": "07/18/2025"}, False, 0),
        ({"start_time": "Total", "distance": 512.5}, False, 0),
        ({"start_time": "Total 2025", "distance": {"formula": "=SUM(I2:I9)"}}, False, 0),
        ({"start_time": 2025, "distance": 512.5}, False, 0),
        ({"distance": 512.5, "duration_hms": {"seconds": 90_000}}, False, 0),
        ({"notes": "a remark"}, False, 0),
    ],
    ids=repr,
)
def test_titles_sums_and_remarks_are_no_activities(row: dict[str, Any], is_activity: bool, faults: int) -> None:
    found = read_page(page([row]))
    assert (len(found.activities), len(found.unreadable), found.foreign) == (int(is_activity), faults, 0)


def test_a_start_that_cannot_be_read_is_named_by_its_cell_and_without_its_value() -> None:
    found = read_page(page([{"start_time": "2026-02-03"}, {"start_time": "07/18/2025", "distance": 20}]))
    (fault,) = found.unreadable
    assert "b.xlsx, sheet S, row 3: the start in A3" in fault.reason
    assert fault.row == 3
    assert "07/18" not in fault.reason


def test_what_cannot_be_read_is_kept_and_flagged() -> None:
    row = {"duration_hms": "an hour", "distance": "1,234", "strava_id": 9.1e15, "avg_heart_rate": "high"}
    found = one(row)
    assert not found.keys() & {"elapsed_time", "distance", "average_heartrate", "links"}
    kept = {name: found[f"{name}_as_written"] for name in row}
    assert kept == row
    assert sorted(found["flags"]) == sorted(f"{name}_unreadable" for name in row)


def test_ids_are_links_unless_two_rows_have_the_same() -> None:
    rows = [
        {"start_time": "2026-02-03", "strava_id": 1, "garmin_id": "https://connect.garmin.com/modern/activity/2"},
        {"start_time": "2026-02-04", "strava_id": 5, "ridewithgps_id": 3},
        {"start_time": "2026-02-05", "strava_id": "5"},
    ]
    links = [found.get("links") for found in read_page(page(rows)).activities]
    assert links == [{"strava": "1", "garmin": "2"}, {"ridewithgps": "3"}, None]


def test_columns_of_the_owner_go_into_extra_and_never_in_place_of_ours() -> None:
    titles = ["start_time", "distance", "notes", "my rating", "id", "name", "links", "with_names"]
    row = {"distance": 1, "my rating": 5, "id": 7, "name": "x", "links": "y", "with_names": "Jane Companion"}
    found = one(row, titles=titles)
    assert (found["my rating"], found["column_id"], found["column_name"], found["column_links"]) == (5, 7, "x", "y")
    assert found["source_id"] == "k1"
    assert "Jane" not in repr(found), "other people's names stay in bronze"
    twice = one({**row, "With Names": "John Companion"}, titles=[*titles, "With Names"])
    assert "Companion" not in repr(twice)


@pytest.mark.parametrize("content", [None, [], {}, {"books": 5}, {"books": [{}]}, {"books": []}, "text"], ids=repr)
def test_what_is_no_reading_is_no_page(content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        read_page(content)
