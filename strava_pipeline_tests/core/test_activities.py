"""core.activities: the items of a page, the rows of listed activities and of details, and streams as points."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.activities import (
    NO_YEAR,
    STREAM_KEYS,
    FetchedDetail,
    detail_frames,
    is_nothing_recorded,
    is_streams,
    local_years,
    split_page,
    start_instants,
    stream_points,
    summary_frame,
)
from strava_pipeline.core.tables import ACTIVITIES_ALL, CHILDREN, DETAIL_TABLES, TABLES, TRACKS
from strava_pipeline.core.years import YearRange
from strava_pipeline_tests.examples import examples

YEARS = YearRange(2008, 2026)
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)

RUN: dict[str, Any] = {
    "id": 1,
    "name": "Morning Run",
    "sport_type": "Run",
    "type": "Run",
    "distance": 5000.0,
    "moving_time": 1500,
    "elapsed_time": 1600,
    "total_elevation_gain": 20,
    "start_date": "2025-05-05T06:00:00Z",
    "start_date_local": "2025-05-05T08:00:00Z",
    "timezone": "(GMT+01:00) Europe/Berlin",
    "utc_offset": 7200.0,
    "kudos_count": 3,
    "commute": False,
    "visibility": "everyone",
    "gear_id": "g1",
    "start_latlng": [52.5, 13.4],
    "map": {"id": "a1", "summary_polyline": "abc", "resource_state": 2},
}


def framed(*activities: dict[str, Any], athlete_id: int | None = None) -> pl.DataFrame:
    return summary_frame(activities, years=YEARS, ingestion_ts=AT, athlete_id=athlete_id)[0]


def one(column: str, **changes: Any) -> Any:
    return framed({**RUN, **changes})[column][0]


@pytest.mark.parametrize(
    ("start", "local", "year"),
    [
        ("2025-05-05T06:00:00Z", "2025-05-05T08:00:00Z", 2025),
        ("2025-12-31T10:00:00Z", "2026-01-01T00:00:00Z", 2026),  # New Year in Kiritimati, +14
        ("2025-12-31T09:59:59Z", "2025-12-31T23:59:59Z", 2025),
        ("2026-01-01T09:59:59Z", "2025-12-31T23:59:59Z", 2025),  # in Honolulu, -10
        ("2026-01-01T10:00:00Z", "2026-01-01T00:00:00Z", 2026),
        ("2026-01-01T11:59:59Z", "2025-12-31T23:59:59Z", 2025),  # on Baker Island, -12
        ("2024-02-29T12:00:00Z", "2024-02-29T13:00:00Z", 2024),
        ("2025-05-05T06:00:00Z", "2025-05-05T00:00:01Z", 2025),  # a hidden start time
        ("2025-05-05T06:00:00Z", None, 2025),
        ("2025-05-05T06:00:00Z", "soon", 2025),
        ("2025-05-05T06:00:00Z", 5, 2025),
        (None, "2025-05-05T06:00:00Z", 2025),
        ("2025-12-31T23:30:00-05:00", None, 2026),
        ("2026-06-01T00:00:00Z", "2026-W01-1", 2025),  # an ISO week: 29 December 2025
        (None, None, 2008),
        ("", "", 2008),
        ("1999-01-01T00:00:00Z", "1999-01-01T00:00:00Z", 2008),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", 2008),
        ("2031-01-01T00:00:00Z", "2031-01-01T00:00:00Z", 2026),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", 2026),
    ],
)
def test_the_partition_is_the_year_of_the_local_start_within_the_partitions(start: Any, local: Any, year: int) -> None:
    activity = {**RUN, "start_date": start, "start_date_local": local}
    assert framed(activity)["year"][0] == year
    assert [YEARS.clamp(said) for said in local_years([activity])] == [year]


def test_the_years_of_a_page_are_told_once_each_and_unbound() -> None:
    dates = ["1999-01-01", "2031-01-01", None, "2025-01-01", "2025-12-31"]
    assert local_years([{"start_date_local": date} for date in dates]) == [NO_YEAR, 1999, 2025, 2031]
    assert local_years([]) == []


def test_a_range_of_years_that_ends_before_it_begins_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="2026"):
        YearRange(2026, 2025)


_ODD = (
    st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat)
    | st.text(max_size=10)
    | st.none()
    | st.integers()
    | st.booleans()
    | st.from_regex(
        r"[0-9]{4}(-[0-9]{2}-[0-9]{2}|-W[0-9]{2}-[0-9]|[0-9]{4})(T[0-9:]{2,8}(Z|[+-][0-9]{2}:00)?)?", fullmatch=True
    )
)


@settings(max_examples=examples(150))
@given(st.lists(st.fixed_dictionaries({}, optional={"start_date": _ODD, "start_date_local": _ODD}), max_size=4))
def test_the_years_that_a_page_promises_are_those_of_its_rows(activities: list[dict[str, Any]]) -> None:
    promised = {YEARS.clamp(year) for year in local_years(activities)}
    assert promised == set(framed(*({"id": place, **each} for place, each in enumerate(activities)))["year"])


def test_starts_are_instants_with_a_zone_whatever_was_written() -> None:
    written = ["2025-05-05T06:00:00Z", "2025-05-05T06:00:00", "2025-05-05T08:00:00+02:00", "soon", None, 5]
    assert start_instants([{"start_date": text} for text in written]) == [datetime(2025, 5, 5, 6, tzinfo=UTC)] * 3


EDITS: dict[str, Any] = {
    "name": "Evening Run",
    "sport_type": "TrailRun",
    "workout_type": 1,
    "distance": 5000.1,
    "moving_time": 1501,
    "elapsed_time": 1601,
    "total_elevation_gain": 21,
    "start_date": "2025-05-05T06:00:01Z",
    "start_date_local": "2025-05-05T08:00:01Z",
    "timezone": "(GMT+02:00) Europe/Kyiv",
    "utc_offset": 3600.0,
    "commute": True,
    "trainer": True,
    "manual": True,
    "private": True,
    "visibility": "only_me",
    "gear_id": None,
    "start_latlng": [],
    "end_latlng": [1.0, 2.0],
    "average_heartrate": 140.0,
    "average_speed": 3.3,
    "total_photo_count": 1,
    "map": {"id": "a1", "summary_polyline": "abcd", "resource_state": 2},
}


@pytest.mark.parametrize("field", EDITS)
def test_an_edit_changes_the_fingerprint_and_the_content(field: str) -> None:
    for column in ("fingerprint", "content_hash"):
        assert one(column, **{field: EDITS[field]}) != one(column)


@pytest.mark.parametrize(
    "change", [{"kudos_count": 4}, {"comment_count": 9}, {"achievement_count": 1}, {"suffer_score": 30}, {"new": 1}]
)
def test_what_others_do_changes_the_content_but_not_the_fingerprint(change: dict[str, Any]) -> None:
    assert one("fingerprint", **change) == one("fingerprint")
    assert one("content_hash", **change) != one("content_hash")


@pytest.mark.parametrize(
    "form",
    [
        {"distance": 5000},
        {"moving_time": 1500.0},
        {"total_elevation_gain": 20.0},
        {"utc_offset": 7200},
        {"start_latlng": [52.5, 13.4]},
        {"average_watts": None},
        {"map": {"resource_state": 3, "summary_polyline": "abc", "id": "a1"}},
        {"start_date": "2025-05-05T08:00:00+02:00"},
    ],
)
def test_another_form_of_the_same_value_changes_no_hash(form: dict[str, Any]) -> None:
    assert one("fingerprint", **form) == one("fingerprint")
    assert one("content_hash", **form) == one("content_hash")


def test_the_order_of_the_fields_changes_no_hash() -> None:
    backwards = dict(reversed(RUN.items()))
    assert framed(backwards)["content_hash"][0] == framed(RUN)["content_hash"][0]


def test_each_row_says_whose_it_is_and_when_it_came() -> None:
    rows = framed({**RUN, "athlete": {"id": 7}}, RUN, athlete_id=8)
    assert rows["athlete_id"].to_list() == [7, 8]
    assert set(rows["source"]) == {"strava"}
    assert set(rows["ingestion_ts"]) == set(rows["edited_at"]) == {AT}
    assert rows["deleted_at"].to_list() == [None, None]
    assert rows.schema == ACTIVITIES_ALL.polars_schema


def test_a_page_of_no_activities_is_a_frame_of_no_rows() -> None:
    assert framed().height == 0
    assert framed().schema == ACTIVITIES_ALL.polars_schema


GOOD = {"id": 7, "name": "Ride"}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "it is null and not an object"),
        ([GOOD], "it is a list and not an object"),
        ({}, "it has no id"),
        ({"id": None}, "its id is null and not a whole number"),
        ({"id": "7"}, "its id is text and not a whole number"),
        ({"id": 1.5}, "its id is a number with decimals and not a whole number"),
        ({"id": True}, "its id is true or false and not a whole number"),
        ({"id": {}}, "its id is an object and not a whole number"),
        ({"id": 2**63}, "its id is out of range"),
        ({"id": 0}, "its id is out of range"),
        ({"id": -7}, "its id is out of range"),  # ids of files are negative
    ],
    ids=str,
)
def test_an_item_without_a_usable_id_is_set_apart(item: object, reason: str) -> None:
    activities, (row,) = split_page([GOOD, item, GOOD])
    assert activities == [GOOD, GOOD]
    assert (row.row, row.reason) == (2, reason)


def test_the_largest_id_is_one() -> None:
    assert split_page([{"id": 2**63 - 1}]) == ([{"id": 2**63 - 1}], [])


def test_the_same_content_has_the_same_digest_wherever_it_stands() -> None:
    (one, other) = split_page([{"id": "7", "name": "x"}, {"id": "8"}])[1]
    (again,) = split_page([{"name": "x", "id": "7"}])[1]
    assert one.digest == again.digest != other.digest


def test_a_row_is_known_again_though_its_kudos_are_others() -> None:
    row = {"id": "7", "start_date": "2026-05-01T08:00:00Z", "kudos_count": 1}
    (one, again, other) = split_page([row, row | {"kudos_count": 2}, row | {"id": "8"}])[1]
    assert one.digest == again.digest != other.digest
    assert one.start == datetime(2026, 5, 1, 8, tzinfo=UTC)


def test_text_that_is_no_unicode_is_no_obstacle() -> None:
    assert len(split_page([{"id": "\ud800"}])[1]) == 1


LISTS = {name: table.name for name, (table, _) in CHILDREN.items()}


def frames(*activities: dict[str, Any], athlete_id: int | None = None) -> dict[str, pl.DataFrame]:
    return detail_frames([FetchedDetail(AT, activity) for activity in activities], athlete_id=athlete_id)[0]


def unknown(*activities: dict[str, Any]) -> dict[str, int]:
    return dict(detail_frames([FetchedDetail(AT, activity) for activity in activities], athlete_id=None)[1])


def test_every_detail_table_has_a_frame_of_its_schema_even_for_no_details() -> None:
    tables = frames()
    assert tuple(tables) == DETAIL_TABLES
    for name, rows in tables.items():
        assert rows.height == 0
        assert rows.schema == TABLES[name].polars_schema


@pytest.mark.parametrize("name", LISTS)
def test_a_list_becomes_rows_in_its_order_keyed_by_activity_and_place(name: str) -> None:
    table, position = CHILDREN[name]
    rows = frames(
        {"id": 2**60, "athlete": {"id": 7}, name: [{"name": "b", "split": 9}, {"name": "a", "split": 9}]},
        {"id": 5, name: []},
        {"id": 6},
        {"id": 7, name: None},
        {"id": 8, name: [{}]},
        athlete_id=1,
    )[table.name]
    assert rows.select("activity_id", position, "athlete_id", "source").rows() == [
        (2**60, 1, 7, "strava"),
        (2**60, 2, 7, "strava"),
        (8, 1, 1, "strava"),
    ]


def test_effort_ids_beyond_2_to_the_53_and_missing_or_doubled_ones_are_kept_as_they_are() -> None:
    ids = [2**53 + 1, 2**63 - 1, None, 5, 5]
    rows = frames({"id": 1, "segment_efforts": [{"id": each} for each in ids]})["activity_segment_efforts"]
    assert rows["id"].to_list() == ids


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    ("value", "places", "kept"),
    [
        ("none", [], True),
        (5, [], True),
        (False, [], True),
        ({"split": 1}, [], True),
        ([None, {"split": 1}, "x", {"split": 2}], [2, 4], True),
        ([[]], [], True),
        ([], [], False),
        (None, [], False),
        ([{"split": 1}], [1], False),
    ],
)
def test_what_is_no_list_of_objects_stays_beside_the_parent_and_is_counted(
    name: str, value: Any, places: list[int], kept: bool
) -> None:
    table, position = CHILDREN[name]
    tables = frames({"id": 1, name: value})
    assert tables[table.name][position].to_list() == places
    text = tables["activity_details"]["extra"][0]
    assert (json.loads(text) if text else {}) == ({name: value} if kept else {})
    assert (f"activity_details.{name}" in unknown({"id": 1, name: value})) is kept


def test_what_has_no_column_is_counted_by_table_and_field() -> None:
    activity = {"id": 1, "new": 1, "calories": "many", "laps": [{"new": 1}, {"new": 2, "distance": "far"}]}
    assert unknown(activity, {"id": 2, "new": 1}) == {
        "activity_details.new": 2,
        "activity_details.calories": 1,
        "activity_laps.new": 2,
        "activity_laps.distance": 1,
    }


def test_nested_objects_of_an_effort_keep_all_but_the_parents_ids() -> None:
    effort = {
        "id": 1,
        "activity": {"id": 9, "resource_state": 1, "visibility": "only_me"},
        "athlete": {"id": 7, "resource_state": 1, "premium": True},
        "segment": {"id": 3, "name": "Hill", "distance": 900, "resource_state": 2, "starred": False},
    }
    row = frames({"id": 9, "segment_efforts": [effort]})["activity_segment_efforts"].row(0, named=True)
    assert (row["segment_id"], row["segment_name"], row["segment_distance"]) == (3, "Hill", 900.0)
    assert json.loads(row["segment"]) == effort["segment"]
    assert json.loads(row["extra"]) == {"activity": {"visibility": "only_me"}, "athlete": {"premium": True}}


def test_an_effort_says_its_own_times_not_its_activity_s() -> None:
    times = {"start_date": "2025-05-05T06:00:00Z", "start_date_local": "2025-05-05T08:00:00Z"}
    row = frames({"id": 1, "best_efforts": [times]})["activity_best_efforts"].row(0, named=True)
    assert row["start_date"] == datetime(2025, 5, 5, 6, tzinfo=UTC)
    assert row["start_date_local"] == datetime(2025, 5, 5, 8)  # noqa: DTZ001


START = datetime(2026, 6, 1, 12, tzinfo=UTC)
BIG = 10**400  # beyond any double
WHOLE: dict[str, list[Any]] = {
    "time": [0, 1, 2.5],
    "latlng": [[52.5, 13.4], [52.6, 13.5], [-90, 180.0]],
    "distance": [0.0, 3, 7.5],
    "altitude": [34.2, 34.4, -2],
    "velocity_smooth": [0.0, 3.0, 3.1],
    "heartrate": [90, 91, 92],
    "cadence": [0, 84, 85],
    "watts": [None, 210, 215],
    "temp": [-3, 20, 21],
    "moving": [False, True, True],
    "grade_smooth": [-1.5, 0, 2.5],
}


def keyed(streams: dict[str, Any]) -> dict[str, Any]:
    return {key: {"data": data, "series_type": "distance", "resolution": "high"} for key, data in streams.items()}


def column(name: str, streams: dict[str, Any]) -> list[Any]:
    return stream_points(keyed(streams), START)[name].to_list()


@pytest.mark.parametrize(
    "answer",
    [keyed(WHOLE), [{"type": key, **stream} for key, stream in keyed(WHOLE).items()], WHOLE],
    ids=["by type", "a list", "bare lists"],
)
def test_streams_become_points_in_each_of_their_shapes(answer: Any) -> None:
    points = stream_points(answer, START)
    assert dict(points.schema) == {name: kind for name, kind in TRACKS.polars_schema.items() if name in points.columns}
    assert points.to_dict(as_series=False) == {
        "recorded_at": [START, START + timedelta(seconds=1), START + timedelta(seconds=2.5)],
        "latitude": [52.5, 52.6, -90.0],
        "longitude": [13.4, 13.5, 180.0],
        "altitude": WHOLE["altitude"],
        "distance": WHOLE["distance"],
        "speed": WHOLE["velocity_smooth"],
        "heartrate": WHOLE["heartrate"],
        "cadence": WHOLE["cadence"],
        "watts": WHOLE["watts"],
        "temperature": WHOLE["temp"],
        "moving": WHOLE["moving"],
        "grade": WHOLE["grade_smooth"],
    }


def test_every_key_that_is_asked_for_ends_in_a_column() -> None:
    assert set(STREAM_KEYS) == set(WHOLE)
    points = stream_points(keyed(WHOLE), START)
    assert not [name for name in points.columns if points[name].null_count() == points.height]


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ([1, "2", 3], [1.0, None, 3.0]),
        ([True, [4], {"a": 1}, None], [None] * 4),
        ([BIG, -BIG, 5], [None, None, 5.0]),
        ([float("nan"), float("inf"), 6], [None, None, 6.0]),
        ([2**63, 2**53 + 1], [float(2**63), float(2**53)]),
        ([], []),
    ],
)
def test_what_is_no_number_is_null(data: list[Any], read: list[float | None]) -> None:
    assert column("grade", {"grade_smooth": data}) == read


@pytest.mark.parametrize(
    "pair", [None, [], [1], [1, 2, 3], "1,2", [1, None], ["1", 2], {"lat": 1}, [BIG, 1], [float("nan"), 2], [[1, 2]]]
)
def test_half_a_position_is_none(pair: Any) -> None:
    points = stream_points(keyed({"latlng": [[1.5, 2.5], pair, [3, 4]]}), START)
    assert points.select("latitude", "longitude").rows() == [(1.5, 2.5), (None, None), (3.0, 4.0)]


def test_what_is_no_truth_is_null() -> None:
    assert column("moving", {"moving": [True, 1, "false", None, False]}) == [True, None, None, None, False]


@pytest.mark.parametrize("second", [None, "1", BIG, 1e300, -1e12, True])
def test_a_second_that_is_none_or_beyond_belief_is_no_moment(second: Any) -> None:
    assert column("recorded_at", {"time": [0, second, 60]}) == [START, None, START + timedelta(minutes=1)]


def test_without_times_or_a_start_no_point_has_a_moment() -> None:
    assert column("recorded_at", {"watts": [1, 2]}) == [None, None]
    assert stream_points(keyed(WHOLE), None)["recorded_at"].to_list() == [None] * 3


def test_a_shorter_stream_ends_in_nulls_and_shortens_no_other() -> None:
    uneven = keyed({"time": [0, 1], "distance": [0.0, 1.0, 2.0, 3.0], "moving": [], "latlng": [[1, 2]]})
    points = stream_points(uneven, START)
    assert points["distance"].to_list() == [0.0, 1.0, 2.0, 3.0]
    assert [points[name].null_count() for name in ("recorded_at", "moving", "latitude", "speed")] == [2, 4, 3, 4]


@pytest.mark.parametrize(
    "answer",
    [
        *(None, 5, "x", [], {}, [1], [{"type": [], "data": [1]}]),
        *({"time": 5}, {"time": {"data": "x"}}, {"time": {}}, {"seconds": [1]}),
    ],
    ids=repr,
)
def test_what_is_no_stream_gives_no_point(answer: Any) -> None:
    points = stream_points(answer, START)
    assert points.height == 0
    assert points.schema == stream_points(WHOLE, START).schema


@pytest.mark.parametrize(
    ("answer", "is_one"),
    [(keyed(WHOLE), True), ([{"type": "time", "data": []}], True), ({}, True), ([], True)]
    + [(answer, False) for answer in (None, 1, "x", [1], {"message": "x"}, {"time": 5})],
)
def test_a_set_of_streams_is_told_from_anything_else(answer: Any, is_one: bool) -> None:
    assert is_streams(answer) is is_one


@pytest.mark.parametrize(
    ("status", "body", "nothing"),
    [
        (404, json.dumps({"message": "Resource Not Found", "errors": []}).encode(), True),
        (404, b'{"message": "Record Not Found"}', True),
        (403, b'{"message": "Forbidden"}', False),
        (None, b"", False),
        (404, b"<html>not here</html>", False),  # a proxy on the way
        (404, b"", False),
        (404, b"[]", False),
        (404, b'{"error": "no such route"}', False),
    ],
)
def test_only_a_404_of_strava_says_that_nothing_was_recorded(status: int | None, body: bytes, nothing: bool) -> None:
    assert is_nothing_recorded(status, body) is nothing
