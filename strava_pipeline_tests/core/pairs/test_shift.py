"""The shift between two clocks: by positions, by a quantity whose course shows it, or by the clocks alone."""

from datetime import timedelta
from math import pi
from random import Random

import polars as pl
import pytest

from strava_pipeline.core.pairs.shift import CLOCKS, POSITIONS, Shift, _entries, by_second, shift_between
from strava_pipeline_tests.core.pairs.planted import METRE, effort, recorded
from strava_pipeline_tests.present import there

INDOORS = pl.lit(None, pl.Float64).alias("latitude"), pl.lit(None, pl.Float64).alias("longitude")


def found(one: pl.DataFrame, other: pl.DataFrame) -> Shift | None:
    return shift_between(by_second(one), by_second(other))


def check(told: Shift | None, by: str, shift: int, within: int = 1) -> None:
    assert (there(told).by, abs(there(told).seconds - shift) <= within) == (by, True)


@pytest.mark.parametrize("shift", [0, 3, -37, 3600, -3613])
def test_the_same_place_at_the_same_second_tells_any_shift(shift: int) -> None:
    check(found(effort(), recorded(effort(), 3, shift=shift)), POSITIONS, shift)


@pytest.mark.parametrize(("shift", "begins"), [(0, 0), (0, 1200), (3, 900), (3600, 1200)])
def test_laps_are_told_apart_by_their_pace_and_else_by_the_usual_clock(shift: int, begins: int) -> None:
    paces = pl.Series([4 + 0.04 * Random(second // 100).uniform(-1, 1) for second in range(3600)])
    angle = paces.cum_sum() / 400 * 2 * pi
    track = effort().with_columns(latitude=50 + 64 * METRE * angle.cos(), longitude=8 + 100 * METRE * angle.sin())
    check(found(track, recorded(track, 3, shift=shift).slice(begins)), POSITIONS, shift)


def test_points_every_seven_seconds_tell_it_too() -> None:
    check(found(effort().gather_every(7), recorded(effort(), 3, shift=-37).gather_every(6)), POSITIONS, -37)


@pytest.mark.parametrize("shift", [37, -90, 11, -148])
def test_indoors_the_course_of_a_heart_rate_tells_it_through_noise(shift: int) -> None:
    alone = ("recorded_at", "latitude", "longitude", "heartrate", "watts", "cadence")
    one = (
        effort().select(alone).with_columns(*INDOORS, watts=pl.lit(None, pl.Float64), cadence=pl.lit(None, pl.Float64))
    )
    other = recorded(effort(), 3, shift=shift, heartrate=(2, 4, 1)).with_columns(*INDOORS)
    check(found(one, other), "heartrate", shift, within=3)


def test_what_shows_no_course_leaves_it_to_the_clocks() -> None:
    flat = effort().with_columns(*INDOORS, *(pl.lit(130.0).alias(name) for name in ("heartrate", "watts", "cadence")))
    assert found(flat, recorded(flat, 3, shift=37, heartrate=(0, 2, 1), watts=(0, 9, 1))) == Shift(0, CLOCKS)
    unlike = effort(seed=9).with_columns(*INDOORS)
    assert found(effort().with_columns(*INDOORS), unlike) == Shift(0, CLOCKS)


def test_clocks_an_hour_apart_without_anything_that_tells_it_are_not_compared() -> None:
    flat = effort().with_columns(*INDOORS, *(pl.lit(130.0).alias(name) for name in ("heartrate", "watts", "cadence")))
    assert found(flat, flat.with_columns(pl.col("recorded_at") + timedelta(hours=1))) is None
    hour = effort().with_columns(*INDOORS)
    assert found(hour, hour.with_columns(pl.col("recorded_at") + timedelta(hours=1))) == Shift(3600, "watts")


def test_a_clock_that_leapt_by_years_takes_no_memory_for_them() -> None:
    stray = effort().head(3).with_columns(pl.col("recorded_at") - timedelta(days=16_000))
    check(found(pl.concat([stray, effort()]), recorded(effort(), 3, shift=5)), POSITIONS, 5)


def test_a_few_positions_tell_no_shift() -> None:
    row = pl.int_range(pl.len())
    other = recorded(effort(), 3, metres=8, watts=(0, 4, 1))
    for count in (1, 5, 15):
        few = other.with_columns(latitude=pl.when(row.is_between(1000, 999 + count)).then("latitude"))
        check(found(effort(), few), "watts", 0, within=3)


def test_a_receiver_that_stands_at_a_corner_of_squares_enters_them_once_a_minute() -> None:
    rng = Random(1)
    astray = [[50.01 + rng.gauss(0, 5) * METRE for _ in range(3600)] for _ in range(2)]
    still = effort().with_columns(latitude=pl.Series(astray[0]), longitude=pl.Series(astray[1]))
    assert _entries(by_second(still)).height <= 4 * 61


def test_places_of_another_world_tell_nothing() -> None:
    moved = recorded(effort(), 3, shift=50)
    told = shift_between(by_second(effort()), by_second(moved), has_places=False)
    assert told == Shift(50, "watts")
