"""core.trips.activity.metres and sketch: the shape of a track in metres, and its drawing in characters."""

import math
from typing import Any

import pytest

from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.track import drawn, frame_of, sketch
from strava_pipeline_tests.trips.activity.rules.made_reports import START, point, ride

LIMITS = thresholds()


def track(*locations: Any) -> list[tuple[float, float, float, float | None]]:
    return [
        (round(fix.elapsed_s, 3), round(fix.x_m, 1), round(fix.y_m, 1), fix.speed_kmh)
        for fix in drawn(ride(locations=locations), LIMITS)[0]
    ]


def test_points_are_metres_and_seconds_from_the_first() -> None:
    assert track(point(5, 100, 50, speed=2.5), point(0), point(9.5, -20, -30, speed=None)) == [
        (0.0, 0.0, 0.0, 18.0),
        (5.0, 50.0, 100.0, 9.0),
        (9.5, -30.0, -20.0, None),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        *(None, 7, {}, {"latitude": 1, "longitude": 2}, point(3, accuracy=-1)),
        *(point(3) | {"latitude": latitude} for latitude in (True, "48.8", math.nan, 10**400)),
        *(point(3) | {"longitude": 180.1}, point(3) | {"timestamp": "soon"}),
    ],
)
def test_what_the_metrics_drop_is_not_drawn(wrong: Any) -> None:
    assert len(track(point(0), wrong, point(6))) == 2


def test_of_points_of_one_instant_the_most_accurate_is_drawn_of_equals_the_first() -> None:
    recorded = [point(0, 1, accuracy=None), point(0, 2, accuracy=9), point(0, 3, accuracy=4), point(0, 4, accuracy=4)]
    assert [north for _, _, north, _ in track(*recorded, point(9, 10))] == [0.0, 7.0]
    milliseconds = point(0) | {"timestamp": START * 1000}
    assert len(track(point(0), milliseconds)) == 1


@pytest.mark.parametrize("speed", [-1, math.nan, "5", True])
def test_a_speed_that_is_none_is_none(speed: Any) -> None:
    assert track(point(0, speed=speed))[0][3] is None


def test_a_track_over_the_antimeridian_goes_the_short_way() -> None:
    east, west = (point(n) | {"latitude": 0.0, "longitude": degrees} for n, degrees in enumerate((179.9995, -179.9995)))
    assert track(east, west)[1][1] == pytest.approx(111.2, abs=0.1)


def test_steps_are_good_gaps_or_teleports() -> None:
    _, steps = drawn(ride(locations=[point(0), point(10, 50), point(41, 60), point(42, 5000)]), LIMITS)
    assert [step.kind for step in steps] == ["good", "gap", "teleport"]
    assert steps[0].speed_kmh == pytest.approx(18, abs=0.01)


def test_a_picture_is_not_made_small_by_one_jump_and_back() -> None:
    fixes, steps = drawn(ride(locations=[point(0), point(1, 9), point(2, 9000), point(3, 20), point(4, 30)]), LIMITS)
    assert frame_of(fixes, steps)[3] == pytest.approx(30, abs=0.1)


def test_a_sketch_shows_speed_track_start_end_and_scale() -> None:
    corner = [*(point(n, 0, n * 5) for n in range(40)), *(point(40 + n, n * 1.5, 200) for n in range(41))]
    assert sketch(ride(locations=corner), LIMITS).splitlines() == [
        "Speed",
        "  " + "█" * 30 + "▃" * 30,
        "  0 to 1 min 20 s; highest bar 18.0 km/h, average of a column; blank: gap or jump",
        "",
        "Track",
        *("  " + " " * 59 + ("E" if line == 0 else "⢸") for line in range(9)),
        "  S" + "⠉" * 59,
        "  ├────────────────────────────┤ 100 m; S start, E end; north is up; gaps and jumps are left blank",
    ]


def test_a_trip_without_a_shape_is_sketched_too() -> None:
    assert sketch(ride(locations=[]), LIMITS) == "Sketch: no point to draw\n"
    assert sketch(ride(locations=[point(0)]), LIMITS).splitlines()[-1] == "  S start and end; all points in one place"


@pytest.mark.parametrize("north", [0, 1, 500, 90_000])
def test_a_sketch_keeps_within_sixty_by_twenty_cells(north: float) -> None:
    drawn = sketch(ride(locations=[point(n * 600, n * north, n * 700) for n in range(50)]), LIMITS).splitlines()
    picture = drawn[drawn.index("Track") + 1 : -1]
    assert len(picture) <= 20
    assert {"S", "E"} <= set("".join(picture))
    assert max(map(len, picture)) <= 62
    assert max(map(len, drawn)) <= 100
