"""A router is asked about few positions: the first and last of a track, and some evenly between."""

from typing import Any

import pytest

from strava_pipeline.core.trips.activity.track import waypoints
from strava_pipeline.core.trips.sampling import sampled
from strava_pipeline_tests.core.trips.made import point, trip


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
