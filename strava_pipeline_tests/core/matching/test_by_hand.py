"""core.matching.by_hand: rows that a person wrote, by the clock on the wall, to the minute."""

from typing import Any

import pytest

from strava_pipeline_tests.core.matching.builders import NOON, Activity, match, provided, ride

HOUR, DAY = 3600.0, 86_400.0
LOCAL = NOON + 5.5 * HOUR  # the clock on the wall of an athlete who travels


def strava(one: int = 1, **fields: Any) -> Activity:
    return ride(one, **{"local_start": LOCAL, "by_hand": False} | fields)


def written(key: str = "a", **fields: Any) -> Activity:
    """A row of the same ride: the minute of the start, in a zone that the person was not in, without a place."""
    start = NOON + 4.5 * HOUR
    minute = {"start": start - start % 60, "local_start": LOCAL - LOCAL % 60}
    nowhere = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"))
    return provided(key, source="book", **{**minute, **nowhere, "distance": 24_944.8, "by_hand": True, **fields})


def groups(*known: Activity) -> list[list[int]]:
    members = match(*known).members
    return [sorted(group["id"]) for _, group in sorted(members.group_by("activity_id"))]


def proposed(*known: Activity) -> int:
    matches = match(*known).matches
    return matches.filter(~matches["joined"]).height


@pytest.mark.parametrize("row", [written(), written(elapsed=None), written(sport_type="GravelRide")])
def test_a_row_fits_by_the_clock_on_the_wall_wherever_that_was(row: Activity) -> None:
    assert groups(strava(), row) == [sorted((1, row["id"]))]


@pytest.mark.parametrize(
    "fields",
    [
        {"local_start": LOCAL - 600},
        {"distance": 20_000.0},
        {"elapsed": 3000.0},
        {"sport_type": "Run"},
        {"by_hand": False},
    ],
    ids=str,
)
def test_a_row_that_says_something_else_is_another_activity(fields: dict[str, Any]) -> None:
    assert groups(strava(), written(**fields)) == []


def test_indoors_the_minute_and_the_length_are_enough() -> None:
    indoors = {"distance": None, "sport_type": "Yoga"}
    row = written(**indoors)
    assert groups(strava(**indoors | {"distance": 0.0}), row) == [sorted((1, row["id"]))]
    assert groups(strava(**indoors | {"distance": 0.0}), written(**indoors, elapsed=None)) == []


def test_just_before_midnight_is_within_the_minute() -> None:
    midnight = LOCAL - LOCAL % DAY
    row = written(local_start=midnight)
    assert groups(strava(local_start=midnight - 20), row) == [sorted((1, row["id"]))]


def test_the_effort_at_several_services_is_one() -> None:
    there = provided("w", source="watch", start=NOON + 3, local_start=LOCAL + 3, by_hand=False, distance=25_040.0)
    row = written()
    assert groups(strava(), there, row) == [sorted((1, there["id"], row["id"]))]


def test_a_device_that_is_like_the_other_one_need_not_be_like_what_was_rounded() -> None:
    watch = provided("w", source="watch", start=NOON + 5, local_start=LOCAL + 5, by_hand=False, distance=25_600.0)
    row = written(distance=24_850.0)
    assert groups(watch, row) == []
    assert groups(strava(), watch, row) == [sorted((1, watch["id"], row["id"]))]


def test_of_two_a_person_is_asked() -> None:
    minute = LOCAL - LOCAL % 60
    first, second = strava(1, local_start=minute - 70), strava(2, start=NOON + 9 * HOUR, local_start=minute + 70)
    assert groups(first, written()) != []
    assert groups(second, written()) != []
    assert groups(first, second, written()) == []
    assert proposed(first, second, written()) == 2
    assert proposed(first, written("a"), written("b")) == 3, "nor do two rows fit one ride; they may be one"
