"""A year's documents: the worked example of the system whose shape two of them have, and what a year without much gives."""

from datetime import date

import pytest

from strava_pipeline.core.insights.documents import CountedDay, distances, headline, pacing_document, summary_activities
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.insights.pacing import Day, Year, pace_measures

LEAP = Year(2024, date(2024, 12, 31))
EXAMPLE = [
    Day(date(2024, 1, 3), "ride", (2, 3), 25_000.0, 3600, 100.0),
    Day(date(2024, 1, 1), "ride", (1,), 10_000.0, 1800, None),
    Day(date(2024, 1, 2), "run", (4,), 5_000.0, 1500, 10.0),
]

COUNTED = [CountedDay(date(2024, 1, 3), (2, 3), 25_000.0), CountedDay(date(2024, 1, 1), (1,), 10_000.0)]


def test_the_worked_example_of_the_first_days_of_2024() -> None:
    assert summary_activities(COUNTED) == {
        "2024-01-01": {"distance_miles": pytest.approx(6.2137, abs=1e-12), "activity_ids": [1]},
        "2024-01-03": {"distance_miles": pytest.approx(15.53425, abs=1e-12), "activity_ids": [2, 3]},
    }
    points = distances(COUNTED, LEAP)["distance_traveled"]
    assert [point["y"] for point in points[:3]] == pytest.approx([6.2137, 6.2137, 21.74795])
    assert len(points) == 366
    assert points[59]["x"] == "2024-02-29"
    assert points[-1] == {"x": "2024-12-31", "y": points[2]["y"]}


def test_days_come_in_order_however_they_are_given() -> None:
    assert list(summary_activities(COUNTED)) == ["2024-01-01", "2024-01-03"]


def test_a_year_without_activities_has_a_line_at_zero_and_no_days() -> None:
    assert summary_activities([]) == {}
    assert {point["y"] for point in distances([], LEAP)["distance_traveled"]} == {0.0}
    assert pace_measures([], LEAP, Goals(), "km") == []
    assert distances([], None) == {"distance_traveled": []}
    assert pacing_document(2024, None, [], "x") == {
        "year": 2024, "days": None, "until": None, "digest": "x", "groups": {},
    }  # fmt: skip


def test_groups_and_all_of_them_have_each_measure_that_anything_was_measured_of() -> None:
    found = {(each.group, each.measure): each for each in pace_measures(EXAMPLE, LEAP, Goals(), "km")}
    assert found["all", "distance_m"].total == 40_000
    assert found["all", "activities"].total == 4
    assert found["ride", "elevation_gain_m"].total == 100
    assert found["run", "moving_time_seconds"].series[:3] == [0, 1500, 1500]
    assert [goal.goal for goal in found["ride", "distance_m"].goals] == [100_000, 200_000]
    assert not any(found["all", name].goals for name in ("distance_m", "moving_time_seconds"))


def test_zeros_are_no_distance() -> None:
    yoga = [Day(date(2024, 5, 5), "gym", (9,), 0.0, 3600, 0.0)]
    assert {each.measure for each in pace_measures(yoga, LEAP, Goals(), "km")} == {"moving_time_seconds", "activities"}


def test_a_goal_of_a_group_that_did_nothing_is_shown_all_the_same() -> None:
    goals = Goals(all={(2024, "swim", "distance_m"): (100_000.0,)})
    (swim,) = pace_measures([], LEAP, goals, "km")
    assert (swim.group, swim.total, swim.own) == ("swim", 0.0, True)
    assert swim.goals[0].ahead == -100_000


def test_goals_made_for_one_who_has_none_are_round_in_the_athletes_unit() -> None:
    (far,) = [
        each
        for each in pace_measures(EXAMPLE, LEAP, Goals(), "miles")
        if (each.group, each.measure) == ("ride", "distance_m")
    ]
    assert [goal.goal for goal in far.goals] == pytest.approx([160_934.4, 321_868.8])


def test_the_numbers_of_a_year_are_named_by_measure_and_unit_and_say_how_far_ahead_one_is() -> None:
    goals = Goals(all={(2024, "ride", "distance_m"): (20_000.0,)})
    found = headline(EXAMPLE, pace_measures(EXAMPLE, LEAP, goals, "km"), "km")
    assert (found["active_days"], found["distance_km"], found["moving_time_hours"]) == (3, 40, 1.92)
    assert {name: value for name, value in found.items() if name.startswith("ride/")} == {
        "ride/distance_km": 35,
        "ride/distance_km/projection": 35,
        "ride/distance_km/ahead_of_20": 15,
    }
