"""core.details: a DetailedActivity as rows of seven tables, in the order of its lists."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.details import Detail, detail_frames
from strava_pipeline.core.tables import CHILDREN, DETAIL_TABLES, TABLES

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
LISTS = {name: table.name for name, (table, _) in CHILDREN.items()}


def frames(*activities: dict[str, Any], athlete_id: int | None = None) -> dict[str, pl.DataFrame]:
    return detail_frames([Detail(AT, activity) for activity in activities], athlete_id=athlete_id)[0]


def unknown(*activities: dict[str, Any]) -> dict[str, int]:
    return dict(detail_frames([Detail(AT, activity) for activity in activities], athlete_id=None)[1])


def test_every_detail_table_has_a_frame_of_its_schema_even_for_no_details() -> None:
    made = frames()
    assert tuple(made) == DETAIL_TABLES
    for name, rows in made.items():
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
    made = frames({"id": 1, name: value})
    assert made[table.name][position].to_list() == places
    text = made["activity_details"]["extra"][0]
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
