"""What tracks sum up to: made-up ones with known answers, one trouble each."""

import math
import random
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.tables import TRACK_SUMMARIES
from strava_pipeline.core.track_summaries import summary
from strava_pipeline_tests.core.test_track_measures import Point, track


def sums(points: list[Point], group: str | None = "ride") -> dict[str, Any]:
    found = summary(track(points), group)
    assert found.schema == {name: TRACK_SUMMARIES.polars_schema[name] for name in found.columns}
    rows = found.to_dicts()
    return rows[0] if rows else dict.fromkeys(found.columns)


def moved(speeds: Mapping[int, float]) -> list[Point]:
    """Points with the distance covered: each speed (m/s) holds from the point before."""
    times = [0, *speeds]
    covered = accumulate([0.0, *((t - before) * speeds[t] for before, t in pairwise(times))])
    return [(float(t), {"distance": metres}) for t, metres in zip(times, covered, strict=True)]


def seconds(*stretches: tuple[int, float]) -> dict[int, float]:
    """Speeds by the second: so many seconds at each."""
    each = [speed for length, speed in stretches for _ in range(length)]
    return dict(enumerate(each, start=1))


@pytest.mark.parametrize(
    ("speeds", "group", "expected"),
    [
        (seconds((600, 8.0)), "ride", 600),
        (seconds((300, 8.0), (120, 0.0), (300, 8.0)), "ride", 600),  # a stop
        (seconds((300, 8.0), (9, 0.0), (300, 8.0)), "ride", 609),  # a short one
        (seconds((300, 8.0), (120, 0.5), (300, 8.0)), "ride", 600),  # positions drift
        (seconds((300, 0.5)), "walk", 300),  # so slow can a hike be
        (seconds((300, 0.5)), "swim", 300),
        (seconds((300, 0.5)), None, 300),
        (dict.fromkeys(range(20, 3000, 20), 3.0), "run", 2980),  # as sparse throughout
        (dict.fromkeys(range(120, 12_000, 120), 3.0), "run", 11_880),
        (seconds((300, 8.0)) | {340: 8.0} | {340 + t: 8.0 for t in range(1, 301)}, "ride", 640),  # a tunnel
        (seconds((300, 8.0)) | {340: 0.1} | {340 + t: 8.0 for t in range(1, 301)}, "ride", 600),  # a pause
        # one that is too long to know
        (seconds((300, 8.0)) | {900: 8.0} | {900 + t: 8.0 for t in range(1, 301)}, "ride", 600),
        (seconds((600, 0.0)), "ride", None),
        (seconds((600, 1.2), (300, 20.0)), "walk", 900),  # a drive home is in the distance, and so in the time
        (seconds((600, 1.2), (300, 60.0)), "walk", 900),  # by train
        (seconds((600, 1.2), (300, 0.0), (1, 300.0), (300, 0.0)), "walk", 600),  # a jump
        (seconds((600, 1.2)) | dict.fromkeys(range(630, 1530, 30), 20.0), "walk", 1500),  # and sparsely recorded
    ],
)
def test_moving_time_of_known_tracks(speeds: dict[int, float], group: str | None, expected: int | None) -> None:
    found = sums(moved(speeds), group)["moving_time"]
    assert found == (None if expected is None else pytest.approx(expected, abs=5))


def test_indoors_power_alone_tells_the_moving_time() -> None:
    points: list[Point] = [(float(t), {"watts": 0.0 if 600 <= t < 700 else 150.0}) for t in range(2000)]
    assert sums(points)["moving_time"] == 1900
    assert set(sums([(float(t), {"heartrate": 100.0}) for t in range(2000)]).values()) == {None}


def heights(values: list[float | None], every: float = 1.0) -> list[Point]:
    return [(place * every, {"altitude": value}) for place, value in enumerate(values)]


def hill(height: float, length: int, base: float = 500.0) -> list[float | None]:
    """Up and down again, evenly."""
    up = [base + height * step / length for step in range(length)]
    return [*up, *reversed(up)]


DICE = random.Random(2)
FLAT = [500.0 + 0.2 * DICE.choice([-2, -1, 0, 0, 1, 2]) for _ in range(3600)]  # a barometer
ROUGH = [500.0 + DICE.gauss(0, 3) for _ in range(3600)]  # GPS


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (hill(100, 600), 100),
        ([500 + t / 6 for t in range(600)], 100),
        ([*hill(100, 600), *hill(50, 300)], 150),
        ([*hill(1.5, 60)] * 10, 0),  # below what counts
        ([*hill(4, 120)] * 10, 40),
        (FLAT, 0),
        (ROUGH, 0),
        ([height + noise for height, noise in zip([*hill(100, 1800)], ROUGH, strict=True)], 100),  # type: ignore[operator]
        ([-500.0, *hill(100, 600)], 100),  # no value, as some devices write it
        ([*hill(100, 600), 900.0, *hill(100, 600)], 200),  # a spike
        ([*hill(100, 600), None, math.nan, *hill(100, 600)], 200),
        ([500.0] * 600, None),  # a device that measures none
        ([None] * 600, None),
        ([500.0], None),
    ],
)
def test_climbs_of_known_hills(values: list[float | None], expected: float | None) -> None:
    found = sums(heights(values))
    down = sums(heights([value and 1500 - value for value in values]))  # the same upside down
    for climbed in (found["elevation_gain"], down["elevation_loss"]):
        assert climbed == (None if expected is None else pytest.approx(expected, abs=0.04 * expected + 1))


def test_the_climb_does_not_hang_on_how_often_points_come() -> None:
    for every in (1, 5, 20):
        assert sums(heights(hill(200, 3600)[::every], every))["elevation_gain"] == pytest.approx(200, rel=0.02)


@pytest.mark.parametrize(
    ("points", "group", "expected"),
    [
        (moved(seconds((300, 8.0), (10, 12.0), (300, 8.0))), "ride", 12),
        (moved(seconds((300, 8.0), (1, 30.0), (300, 8.0))), "ride", 12.4),  # one point that is off
        (moved(seconds((300, 3.0), (2, 40.0), (300, 3.0))), "run", 3),  # no runner
        ([(float(t), {"speed": 9.0 if t == 50 else 5.0, "distance": 7.0 * t}) for t in range(100)], "ride", 5.8),
        ([(float(t), {"speed": 900.0 if t == 50 else 5.0}) for t in range(100)], "ride", 5),
        (moved(dict.fromkeys(range(60, 3000, 60), 3.0)), "run", None),  # what lies between is not known
    ],
)
def test_top_speeds_of_known_tracks(points: list[Point], group: str, expected: float | None) -> None:
    found = sums(points, group)["max_speed"]
    assert found == (None if expected is None else pytest.approx(expected, abs=0.01))


def powered(values: Mapping[int, float]) -> float | None:
    found: float | None = sums([(float(t), {"watts": value}) for t, value in values.items()])["normalized_power"]
    return found


def test_normalised_power_is_the_mean_of_steady_power_and_more_of_changing_power() -> None:
    minute = [400.0] * 60 + [100.0] * 60
    changing = dict(enumerate(minute * 30))
    means = [sum(list(changing.values())[at - 29 : at + 1]) / 30 for at in range(29, len(changing))]
    assert powered(dict.fromkeys(range(1800), 200.0)) == pytest.approx(200)
    assert powered(changing) == pytest.approx((sum(mean**4 for mean in means) / len(means)) ** 0.25)
    # a pause is left out
    assert powered(dict.fromkeys((*range(1000), *range(4000, 5000)), 200.0)) == pytest.approx(200)
    assert powered(dict.fromkeys(range(1199), 200.0)) is None
    assert powered(dict.fromkeys(range(0, 3600, 5), 200.0)) == pytest.approx(200)  # smart recording
    assert powered(dict.fromkeys(range(3600), 0.0)) is None


@pytest.mark.parametrize("points", [[], [(None, {"distance": 5.0, "altitude": 4.0})], [(0.0, {"altitude": 5.0})]])
def test_tracks_that_tell_nothing_have_no_row(points: list[Point]) -> None:
    assert summary(track(points), "ride").is_empty()


def test_positions_alone_tell_speed_and_motion() -> None:
    points: list[Point] = [
        (float(t), {"latitude": 47.0 + 5 * min(t, 300) / 111_195, "longitude": 11.0}) for t in range(600)
    ]
    found = sums(points, "run")
    assert (found["moving_time"], found["max_speed"]) == (pytest.approx(300, abs=5), pytest.approx(5, rel=0.01))


def test_a_longer_span_than_the_recording_is_never_found() -> None:
    frame = track(moved(seconds((900, 8.0))))
    assert summary(pl.concat([frame, frame]), "ride")["moving_time"].item() <= 900


def effort(seconds: int, heartrate: tuple[float, float], output: tuple[float, float], *, pause: int = 0) -> list[Point]:
    """Two halves, each with its heart rate and its watts and m/s / 100, after the first one a pause."""
    found: list[Point] = []
    covered = 0.0
    for second in range(seconds):
        later = second >= seconds // 2
        covered += output[later] / 100 if second else 0.0
        values = {"heartrate": heartrate[later], "watts": output[later], "distance": covered}
        found.append((float(second + (pause if later else 0)), values))
    return found


@pytest.mark.parametrize(
    ("points", "group", "efficiency", "decoupling", "absent"),
    [
        (effort(4800, (140, 140), (210, 210)), "ride", 1.5, 0, None),
        (effort(4800, (140, 147), (210, 210)), "ride", 210 / 143.5, 100 * (1 - 140 / 147), None),
        # metres per heartbeat, whatever the watts
        (effort(4800, (140, 140), (300, 300)), "run", 3 * 60 / 140, 0, None),
        (effort(4800, (140, 140), (300, 270)), "run", 2.85 * 60 / 140, 10, None),
        (effort(4800, (140, 140), (270, 300)), "walk", 2.85 * 60 / 140, -100 / 9, None),  # it went better
        (effort(4800, (140, 140), (210, 210), pause=1500), "ride", 1.5, 0, None),
        (effort(4800, (140, 140), (210, 210), pause=1700), "ride", 1.5, None, "stops"),
        (effort(2390, (140, 140), (210, 210)), "ride", 1.5, None, "short"),
        (effort(1190, (140, 140), (210, 210)), "ride", None, None, "short"),
        (effort(7200, (140, 140), (210, 210))[::60], "ride", None, None, "sparse"),
        (effort(7200, (140, 140), (300, 300))[::12], "run", None, None, "sparse"),
        (effort(7200, (0, 0), (210, 210))[::60], "ride", None, None, "no_heartrate"),
        (effort(4800, (0, 0), (210, 210)), "ride", None, None, "no_heartrate"),
        (
            [(t, {**values, "watts": None}) for t, values in effort(4800, (140, 140), (300, 300))],
            "ride",
            None,
            None,
            "no_power",
        ),
    ],
)
def test_efficiency_and_decoupling_of_known_efforts(
    points: list[Point], group: str, efficiency: float | None, decoupling: float | None, absent: str | None
) -> None:
    found = sums(points, group)
    assert found["decoupling_absent"] == absent
    assert found["efficiency"] == (None if efficiency is None else pytest.approx(efficiency, rel=0.002))
    assert found["decoupling"] == (None if decoupling is None else pytest.approx(decoupling, abs=0.25))
    assert found["efficiency_by"] == (None if efficiency is None else "speed" if group in ("run", "walk") else "watts")
