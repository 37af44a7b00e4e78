"""Which points count, and where a router is asked to lead."""

from typing import Any

import pytest

from strava_pipeline.core.geodesy import sampled
from strava_pipeline.trips.activity.rules.track import points_frame, waypoints
from strava_pipeline_tests.trips.activity.rules.made import START, point, trip


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
def test_a_value_that_is_none_is_null_and_leaves_the_others(key: str, column: str, value: Any, expected: Any) -> None:
    alone, among = trip(point(0, **{key: value})), trip(point(0), point(1, **{key: value}), point(2))
    assert points_frame([alone])[column].to_list() == [expected]
    before, odd, after = points_frame([among])[column].to_list()
    assert odd == expected
    assert (before, after) == tuple(points_frame([trip(point(0), point(2))])[column].to_list())


@pytest.mark.parametrize("count", [0, 1, 2, 24, 25])
def test_up_to_25_points_go_as_they_are(count: int) -> None:
    assert sampled(range(count)) == list(range(count))


@pytest.mark.parametrize("count", [26, 27, 45, 46, 100, 1001])
def test_of_more_points_24_go_in_their_order(count: int) -> None:
    found = sampled(range(count))
    assert len(found) == len(set(found)) == 24
    assert found == sorted(found)
    assert (found[0], found[1], found[-2], found[-1]) == (0, (count - 2) // 22, count - 2, count - 1)


def at(seconds: float, latitude: Any, longitude: Any = 1.5) -> dict[str, Any]:
    return point(seconds, latitude=latitude, longitude=longitude)


def test_a_route_leads_along_the_used_points_longitude_first() -> None:
    late, early, invalid = at(9, 0.5, -1.5), at(0, 0.0, 0.0), at(5, 91.0)
    found = waypoints([trip(late, early, invalid, None, external_id="A"), trip(at(0, 1.0), at(1, 2.0))])
    assert found == {"A": [(0.0, 0.0), (-1.5, 0.5)], "T": [(1.5, 1.0), (1.5, 2.0)]}


def test_a_trip_of_fewer_than_two_points_is_not_asked_about() -> None:
    assert waypoints([trip(), trip(at(0, 1.0)), trip(at(0, 1.0), at(0, 2.0))]) == {}


def test_of_two_trips_with_one_name_the_first_is_asked_about() -> None:
    first, second = trip(at(0, 1.0), at(1, 2.0)), trip(at(0, 3.0), at(1, 4.0))
    assert waypoints([first, second]) == {"T": [(1.5, 1.0), (1.5, 2.0)]}
