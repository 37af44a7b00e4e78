"""Metrics: the frame equals the plain definition, whatever a trip holds and whatever it is measured together with."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.trips.activity.rules.bundle import Bundle, Summary
from strava_pipeline.trips.activity.rules.metrics import SCHEMA, metrics_of, metrics_rows
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.trips.activity.rules.made import START, point, trip
from strava_pipeline_tests.trips.activity.rules.scalar import scalar_metrics


def measured(*points: Any, **others: Any) -> dict[str, Any]:
    return metrics_of(trip(*points, **others), thresholds())


RIDE = [point(10 * i, 50 * i) for i in range(20)]
ODD = [None, True, "1.5", "", float("nan"), float("inf"), -1, 0, 0.0, 10**400, 10**18, [], {}, "x"]
LATITUDES = st.one_of(st.sampled_from([0.0, 90, -90, 90.1, *ODD]), st.floats(-91, 91), st.floats(48.0, 48.001))
LONGITUDES = st.one_of(st.sampled_from([0.0, 180, -180, 179.9999, -179.9999, 180.1, *ODD]), st.floats(2.0, 2.001))
TIMESTAMPS = st.one_of(
    st.integers(START, START + 90),
    st.floats(START, START + 90),
    st.integers(START * 1000, (START + 90) * 1000),
    st.sampled_from(
        ["2026-01-05T08:00:10Z", "2026-01-05T09:00:10+01:00", "2026-01-05 08:00:20.5", "2026-01-05", "20260105", *ODD]
    ),
)
POINTS = st.one_of(
    st.sampled_from([None, 1, "point", [], {}]),
    st.fixed_dictionaries(
        {"latitude": LATITUDES, "longitude": LONGITUDES, "timestamp": TIMESTAMPS},
        optional={
            "horizontal_accuracy": st.one_of(st.floats(-5, 120), st.sampled_from(ODD)),
            "speed": st.one_of(st.floats(-1, 30), st.sampled_from([1e308, *ODD])),
            "activity": st.sampled_from(["cycling", "walking", "\ud800", "", *ODD]),
        },
    ),
)
TRIPS = st.builds(
    Bundle,
    external_id=st.just("T"),
    locations=st.lists(POINTS, max_size=25),
    activity_distribution=st.one_of(
        st.none(),
        st.dictionaries(st.sampled_from(["cycling", "automotive"]), st.one_of(st.floats(0, 1), st.sampled_from(ODD))),
    ),
    summary=st.builds(
        Summary,
        st.sampled_from([820.7, 1e308, *ODD]),
        st.sampled_from(["2026-01-05T08:00:00Z", None]),
        st.sampled_from(["2026-01-05T08:02:00Z", None]),
        st.sampled_from([198, -1, *ODD]),
        st.sampled_from([0, 3, *ODD]),
    ),
)


def assert_equal(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert list(found) == list(SCHEMA)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if isinstance(value, float):  # 1e-6 relative; below a micrometre the haversine itself has no digits left
            assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-6 if "jitter" in name else 1e-12), name
        elif name == "activity_mix":
            told = {activity.encode(errors="replace").decode(): share for activity, share in value.items()}
            assert found[name] == pytest.approx(told), name
        else:
            assert found[name] == value, name
            assert type(found[name]) is type(value), name


@pytest.mark.dear
@given(st.lists(TRIPS, min_size=1, max_size=5))
@settings(max_examples=examples(100))
def test_the_frame_equals_the_definition_on_odd_trips(bundles: list[Bundle]) -> None:
    for bundle, found in zip(bundles, metrics_rows(bundles, thresholds()), strict=True):
        assert_equal(found, scalar_metrics(bundle, thresholds().values))


@pytest.mark.dear
@given(st.lists(TRIPS, min_size=2, max_size=5))
@settings(max_examples=examples(30))
def test_a_trip_has_the_same_metrics_to_the_last_digit_whatever_it_is_measured_with(bundles: list[Bundle]) -> None:
    assert metrics_rows(bundles, thresholds()) == [metrics_of(bundle, thresholds()) for bundle in bundles]


@pytest.mark.slow
def test_thirty_thousand_points_are_measured_as_the_definition_does() -> None:
    dice = random.Random(7)
    points = [
        point(i * 3 + dice.choice([0, 0, -4]), i * 9 + dice.gauss(0, 3), speed=dice.uniform(-1, 9))
        for i in range(30_000)
    ]
    bundle = trip(*points, distance_meters=270_000)
    assert_equal(metrics_of(bundle, thresholds()), scalar_metrics(bundle, thresholds().values))


LONG_TRIPS = [
    trip(*(point(5 * i, 20 * i + dice.gauss(0, 4)) for i in range(dice.randrange(500, 2500))), external_id=str(seed))
    for seed in range(20)
    for dice in [random.Random(seed)]
]


@pytest.mark.slow
def test_long_trips_too_have_the_same_metrics_to_the_last_digit_in_any_batch() -> None:
    alone = [metrics_of(bundle, thresholds()) for bundle in LONG_TRIPS]
    assert metrics_rows(LONG_TRIPS, thresholds()) == alone
    assert metrics_rows(LONG_TRIPS[::-1], thresholds()) == alone[::-1]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], {"points_raw": 0, "duration_s": 0.0, "haversine_m": 0.0, "net_displacement_m": None, "gap_max_s": None}),
        ([point(0)], {"points_used": 1, "duration_s": 0.0, "net_displacement_m": None, "teleport_share": None}),
        ([point(0), point(0), point(0)], {"points_used": 1, "duplicate_timestamps": 2, "unsorted_timestamps": 0}),
        ([None, 3, "x", [], {}], {"points_raw": 5, "points_invalid": 5, "points_used": 0}),
        ([point(0, latitude=True)], {"points_invalid": 1}),
        ([point(0, latitude="48.0")], {"points_invalid": 1}),
        ([point(0, latitude=90.000001)], {"points_invalid": 1}),
        ([point(0, longitude=-180.5)], {"points_invalid": 1}),
        ([point(0, latitude=0.0, longitude=0.0)], {"points_invalid": 0}),
        ([point(0, latitude=90, longitude=180)], {"points_invalid": 0}),
        ([point(0, horizontal_accuracy=-1)], {"points_invalid": 1}),
        ([point(0, horizontal_accuracy=0)], {"points_invalid": 0, "accuracy_p50_m": 0.0}),
        ([point(0, horizontal_accuracy=None)], {"points_invalid": 0, "accuracy_p50_m": None}),
        ([point(0, timestamp="soon")], {"points_invalid": 1}),
        ([point(0), point(20), point(10)], {"unsorted_timestamps": 1, "gap_max_s": 10.0, "duration_s": 20.0}),
        # the same instant in seconds, milliseconds and as text is one instant
        ([point(0), point(0, timestamp=START * 1000), point(0, timestamp="2026-01-05T08:00:00Z")], {"points_used": 1}),
        ([point(0), point(30)], {"gaps": 0}),  # a limit itself is not beyond it
        ([point(0), point(30.5)], {"gaps": 1, "gap_share": 1.0, "stationary_share": None}),
        ([point(0, speed=-1), point(5, speed=3)], {"device_speed_share": 0.5, "speed_source": "device"}),
        ([point(0, speed=-1), point(5, speed=None)], {"device_speed_share": 0.0, "speed_source": "displacement"}),
        ([point(0, activity=""), point(5)], {"activity_mix": {"cycling": 0.5}, "activity_source": "points"}),
        ([point(0, activity=""), point(5, activity=3)], {"activity_mix": {}, "activity_source": None}),
    ],
)
def test_what_points_come_to(points: list[Any], expected: dict[str, Any]) -> None:
    found = measured(*points)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("points", "straightness"),
    [
        ([point(0), point(10, 50), point(20, 100)], 1.0),
        ([point(0), point(10, 50), point(20, 0)], 0.0),
        ([point(0), point(10, 50), point(20, 5_050), point(30, 5_100)], None),  # the jump is no part of the length
        ([point(0), point(10, 5_000), point(20, 0), point(30, 50), point(40, 0), point(50, 50)], pytest.approx(1 / 3)),
        ([point(3.3 * i, 7.77 * i) for i in range(1_000)], pytest.approx(1.0)),  # rounding is no jump
        ([point(0)], None),
    ],
)
def test_straightness_is_a_share_or_unknown(points: list[Any], straightness: Any) -> None:
    assert measured(*points)["straightness"] == straightness


SHARES = [name for name in SCHEMA if name.endswith("_share")] + ["straightness"]


@pytest.mark.dear
@given(st.lists(TRIPS, min_size=1, max_size=5))
@settings(max_examples=examples(60))
def test_no_share_is_ever_below_zero_or_above_one(bundles: list[Bundle]) -> None:
    found = [(name, row[name]) for row in metrics_rows(bundles, thresholds()) for name in SHARES]
    assert [(name, share) for name, share in found if share is not None and not 0 <= share <= 1] == []


def test_time_in_gaps_is_at_most_all_of_it() -> None:
    dice, at = random.Random(1), [0.0]
    at[0] = dice.uniform(0.1, 1)  # from 1970: the sum of these steps is a digit more than the duration
    for _ in range(30):
        at.append(at[-1] + dice.uniform(31, 99))
    assert measured(*(point(0, timestamp=seconds) for seconds in at))["gap_share"] == 1.0


def test_of_points_at_one_instant_the_most_accurate_counts_and_of_equal_ones_the_first() -> None:
    rough, fine = point(10, 500, horizontal_accuracy=None), point(10, 100, horizontal_accuracy=3.0)
    again = point(10, 900, horizontal_accuracy=3.0)
    assert measured(point(0), rough, fine, again)["haversine_m"] == pytest.approx(100, rel=1e-6)


def test_a_track_over_the_antimeridian_has_no_leap_in_it() -> None:
    track = [point(10 * i, longitude=(179.999 + 0.0005 * i + 180) % 360 - 180) for i in range(5)]
    found = measured(*track)
    assert found["teleports"] == 0
    assert found["jitter_p95_m"] < 0.01
    assert found["haversine_m"] == pytest.approx(4 * 55.6, rel=1e-3)


@pytest.mark.parametrize(
    ("distribution", "mix", "source"),
    [
        ({"automotive": 0.9}, {"automotive": 0.9}, "stored"),
        ({"automotive": 0}, {"automotive": 0.0}, "stored"),
        ({"automotive": "0.9", "at": {"latitude": 1.0}}, {"cycling": 1.0}, "points"),
        ({"half \ud83d": 1}, {"half ?": 1.0}, "stored"),
        ({}, {"cycling": 1.0}, "points"),
        (None, {"cycling": 1.0}, "points"),
    ],
)
def test_the_stored_mix_goes_before_what_the_points_say(distribution: Any, mix: Any, source: str) -> None:
    found = measured(*RIDE, distribution=distribution)
    assert (found["activity_mix"], found["activity_source"]) == (mix, source)


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (
            {},
            {
                "distance_reported_m": None,
                "distance_mismatch": None,
                "location_count_mismatch": False,
                "clip_start_s": None,
            },
        ),
        ({"distance_meters": 1900, "location_count": 20}, {"location_count_mismatch": False}),
        ({"location_count": 0}, {"location_count_mismatch": True}),
        (
            {"duration_seconds": True, "distance_meters": "950"},
            {"duration_reported_s": None, "distance_reported_m": None},
        ),
        ({"start_time": "2026-01-05T07:57:00Z"}, {"clip_start_s": 180.0}),
        (
            {"start_time": "2026-01-05T08:01:00Z", "end_time": "2026-01-05T08:00:00Z"},
            {"clip_start_s": 0.0, "clip_end_s": 0.0},
        ),
        ({"end_time": "2026-01-05T10:03:15+01:00"}, {"clip_end_s": 3605.0}),
    ],
)
def test_what_the_source_reported_is_compared_with_the_track(summary: dict[str, Any], expected: dict[str, Any]) -> None:
    found = measured(*RIDE, **summary)
    assert {name: found[name] for name in expected} == expected


def test_a_route_is_compared_with_the_track_where_a_router_gave_one() -> None:
    bundles = [trip(*RIDE, external_id="routed"), trip(*RIDE, external_id="not")]
    routed, other = metrics_rows(bundles, thresholds(), {"routed": 1000.0, "not": None})
    assert (routed["distance_route_m"], routed["route_ratio"]) == (1000.0, pytest.approx(0.95, rel=1e-6))
    assert (other["distance_route_m"], other["route_ratio"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "metric", "value"),
    [
        ({"teleport_speed_ms": 4}, "teleports", 19),
        ({"gap_s": 9}, "gaps", 19),
        ({"stationary_speed_ms": 6}, "moving_s", 0.0),
        ({"poor_accuracy_m": 4}, "accuracy_poor_share", 1.0),
        ({"min_device_speed_share": 1.1}, "speed_source", "displacement"),
    ],
)
def test_thresholds_inside_metrics_change_them(changes: dict[str, float], metric: str, value: Any) -> None:
    assert metrics_of(trip(*RIDE), thresholds())[metric] != value
    assert metrics_of(trip(*RIDE), thresholds().with_values(changes))[metric] == value


def test_what_is_as_fast_as_the_limit_is_moving() -> None:
    standing = trip(point(0), point(10))
    assert metrics_of(standing, thresholds().with_values({"stationary_speed_ms": 0}))["moving_s"] == 10.0


def test_no_trips_are_no_rows() -> None:
    assert metrics_rows([], thresholds()) == []
