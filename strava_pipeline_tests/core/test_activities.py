"""core.activities: the partition year, the fingerprint and the content hash of a listed activity."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.activities import NO_YEAR, local_years, starts, summary_frame
from strava_pipeline.core.tables import ACTIVITIES_ALL
from strava_pipeline.core.years import YearRange

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


@settings(max_examples=150)
@given(st.lists(st.fixed_dictionaries({}, optional={"start_date": _ODD, "start_date_local": _ODD}), max_size=4))
def test_the_years_that_a_page_promises_are_those_of_its_rows(activities: list[dict[str, Any]]) -> None:
    promised = {YEARS.clamp(year) for year in local_years(activities)}
    assert promised == set(framed(*({"id": place, **each} for place, each in enumerate(activities)))["year"])


def test_starts_are_instants_with_a_zone_whatever_was_written() -> None:
    written = ["2025-05-05T06:00:00Z", "2025-05-05T06:00:00", "2025-05-05T08:00:00+02:00", "soon", None, 5]
    assert starts([{"start_date": text} for text in written]) == [datetime(2025, 5, 5, 6, tzinfo=UTC)] * 3


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
