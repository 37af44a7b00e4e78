"""Points: whatever stands in the lists of locations becomes one flat frame of numbers and nulls."""

from typing import Any

import pytest

from strava_pipeline.core.trips.activity.track import points_frame
from strava_pipeline_tests.core.trips.made import START, point, trip


def test_every_element_is_a_row_of_its_trip_in_recorded_order() -> None:
    frame = points_frame([trip(), trip(point(9), None, point(3)), trip(), trip([])])
    assert frame.select("trip", "at").rows() == [(1, START + 9.0), (1, None), (1, START + 3.0), (3, None)]
    assert points_frame([]).schema == points_frame([trip(point(0))]).schema == frame.schema


@pytest.mark.parametrize(
    ("key", "column", "value", "expected"),
    [
        ("latitude", "latitude", 0, 0.0),
        ("longitude", "longitude", -0.5, -0.5),
        ("speed", "speed", 10**18, 1e18),
        ("speed", "speed", 10**400, None),
        ("speed", "speed", True, None),
        ("speed", "speed", "5", None),
        ("speed", "speed", float("nan"), None),
        ("speed", "speed", float("-inf"), None),
        ("horizontal_accuracy", "accuracy", [5.0], None),
        ("timestamp", "at", START * 1000 + 500, START + 0.5),
        ("timestamp", "at", START * 1000.0, START),
        ("timestamp", "at", "2026-01-05T08:00:00Z", START),
        ("timestamp", "at", False, None),
        ("activity", "activity", "walking", "walking"),
        ("activity", "activity", "", None),
        ("activity", "activity", 7, None),
        ("activity", "activity", "half \ud83d", "half ?"),
    ],
)
def test_a_value_that_is_none_is_null_and_leaves_the_others_alone(
    key: str, column: str, value: Any, expected: Any
) -> None:
    alone, among = trip(point(0, **{key: value})), trip(point(0), point(1, **{key: value}), point(2))
    assert points_frame([alone])[column].to_list() == [expected]
    before, odd, after = points_frame([among])[column].to_list()
    assert odd == expected
    assert (before, after) == tuple(points_frame([trip(point(0), point(2))])[column].to_list())
