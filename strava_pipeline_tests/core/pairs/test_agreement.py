"""How two recordings agree: planted errors come back, copies are one recording, and what can't be compared isn't."""

from itertools import accumulate
from random import Random
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.pairs.agreement import agreements, is_one_recording, overlap
from strava_pipeline.core.pairs.shift import by_second
from strava_pipeline_tests.core.pairs.planted import effort, noise, recorded


def agreed(
    one: pl.DataFrame, other: pl.DataFrame, shift: int = 0, *, has_places: bool = True
) -> dict[str, dict[str, Any]]:
    both = overlap(by_second(one), by_second(other), shift)
    return {row["quantity"]: row for row in agreements(both, "run", has_places=has_places)}


def test_the_same_recordings_agree_in_the_last_bit_each_time() -> None:
    one, other = effort(), recorded(effort(), 5, watts=(0.0, 5.0, 1.05))
    assert len({agreed(one, other)["watts"]["scale"] for _ in range(20)}) == 1


@pytest.mark.parametrize(
    ("column", "error", "bounds"),
    [
        ("heartrate", (4.0, 3.0, 1.0), (0.2, 0.2, None)),
        ("watts", (0.0, 5.0, 1.05), (1.0, 0.8, 0.02)),
        ("watts", (0.0, 5.0, 0.93), (1.0, 0.8, 0.02)),
        ("altitude", (15.0, 2.0, 1.0), (0.2, 0.2, None)),
        ("speed", (0.2, 0.1, 1.0), (0.02, 0.02, None)),
        ("temperature", (-2.0, 0.5, 1.0), (0.1, 0.1, None)),
    ],
)
def test_planted_bias_spread_and_scale_come_back(
    column: str, error: tuple[float, float, float], bounds: tuple[float, float, float | None]
) -> None:
    bias, sd, scale = error
    row = agreed(effort(), recorded(effort(), 5, shift=37, **{column: error}), 37)[column]
    expected = bias + (scale - 1) * row["first_mean"]
    assert row["seconds"] == 3530
    assert row["difference"] == pytest.approx(expected, abs=bounds[0])
    assert row["mean_difference"] == pytest.approx(expected, abs=bounds[0])
    assert row["spread"] == pytest.approx((sd**2 + ((scale - 1) * effort()[column].std()) ** 2) ** 0.5, abs=bounds[1])
    if bounds[2] is not None:
        assert row["scale"] == pytest.approx(scale, abs=bounds[2])


def test_a_scale_is_claimed_only_where_values_spread() -> None:
    flat = effort().with_columns(watts=200 + noise(3600, 3, 1))
    assert agreed(flat, recorded(flat, 5, watts=(0, 5, 1.05)))["watts"]["scale"] is None


def test_dropouts_standstills_and_zeros_are_counted_on_their_side() -> None:
    row = pl.int_range(pl.len())
    broken = recorded(effort(), 5, watts=(0, 3, 1), heartrate=(0, 1, 1)).with_columns(
        heartrate=pl.when(row.is_between(1000, 1599))
        .then(None)
        .when(row.is_between(2000, 2299))
        .then(150.0)
        .otherwise("heartrate"),
        watts=pl.when(row.is_between(500, 699)).then(0.0).otherwise("watts"),
    )
    found = agreed(effort(), broken)
    hearts, watts = found["heartrate"], found["watts"]
    assert hearts["second_dropouts"] == pytest.approx(600 / 3530, abs=0.001)
    assert hearts["second_frozen"] == pytest.approx(300 / 2930, abs=0.001)
    assert watts["second_zeros"] == pytest.approx(200 / 3530, abs=0.001)
    assert [hearts["first_dropouts"], hearts["first_frozen"], watts["first_zeros"]] == [0, 0, 0]


def test_a_heart_rate_that_is_the_number_of_steps_is_counted_where_the_other_one_is_not() -> None:
    row = pl.int_range(pl.len())
    easy = effort().with_columns(heartrate=pl.col("heartrate") - 60)
    locked = recorded(easy, 5, heartrate=(0, 1, 1)).with_columns(
        heartrate=pl.when(row.is_between(600, 899)).then(pl.col("cadence") * 2).otherwise("heartrate")
    )
    found = agreed(easy, locked)["heartrate"]
    assert found["second_locked"] == pytest.approx(300, abs=10)
    assert found["first_locked"] == 0


def test_distances_are_compared_over_the_time_that_both_lasted() -> None:
    found = agreed(effort(), recorded(effort(), 5, metres=0.1, distance=(0, 0, 1.02)))
    assert found["distance"]["scale"] == pytest.approx(1.02)
    assert found["distance"]["first_mean"] == pytest.approx(3 * 3529)
    assert found["way"]["scale"] == pytest.approx(1.0, abs=0.01)


def test_a_late_first_position_shortens_no_way() -> None:
    late = pl.when(pl.int_range(pl.len()) >= 600).then("latitude")
    found = agreed(effort(), recorded(effort(), 5, metres=0.1).with_columns(latitude=late))
    assert found["way"]["scale"] == pytest.approx(1.0, abs=0.01)
    assert (found["way"]["seconds"], found["distance"]["seconds"]) == (2930, 3530)


def test_steps_from_one_steady_value_to_another_are_no_standstill() -> None:
    assert agreed(effort(), recorded(effort(), 5, watts=(0, 4, 1)))["watts"]["first_frozen"] == 0


def test_a_pause_on_one_side_only_is_no_dropout() -> None:
    row = pl.int_range(pl.len())
    paused = recorded(effort(), 5, heartrate=(0, 1, 1)).filter(~row.is_between(1000, 1599))
    found = agreed(effort(), paused)
    assert found["heartrate"]["second_dropouts"] == 0
    assert found["heartrate"]["seconds"] == 3530 - 600
    assert found["distance"]["scale"] == pytest.approx(1.0, abs=0.001)


def test_a_trainer_compares_only_what_the_ground_has_no_part_in() -> None:
    found = agreed(effort(), recorded(effort(), 5, heartrate=(0, 1, 1), watts=(0, 5, 1)), has_places=False)
    assert set(found) == {"heartrate", "watts", "temperature"}


def test_one_strap_in_both_files_is_no_news() -> None:
    both = recorded(effort(), 5, watts=(0, 5, 1))
    assert "heartrate" not in agreed(effort(), both)
    late = both.with_columns(pl.col("heartrate").round().shift())
    assert "heartrate" not in agreed(effort().with_columns(pl.col("heartrate").round()), late)


def test_copies_of_one_recording_are_one() -> None:
    one = by_second(effort())
    thinned = by_second(effort().gather_every(5).with_columns(pl.col("latitude", "longitude").round(6)))
    assert is_one_recording(overlap(one, thinned, 0))
    assert not is_one_recording(overlap(one, by_second(recorded(effort(), 5)), 0))
    inside = [each.with_columns(pl.lit(None, pl.Float64).alias("latitude")) for each in (effort(), effort())]
    assert is_one_recording(overlap(*map(by_second, inside), 0))
    unmetered = inside[1].with_columns(pl.lit(None, pl.Float64).alias("watts"))
    assert is_one_recording(overlap(*map(by_second, (inside[0], unmetered)), 0)), "the device's distance is equal"
    one_strap = unmetered.with_columns(pl.col("distance") * 1.01)
    assert not is_one_recording(overlap(*map(by_second, (inside[0], one_strap)), 0)), "only one of them has a meter"
    whole = inside[1].with_columns(pl.col("cadence", "heartrate").round())
    assert is_one_recording(overlap(*map(by_second, (inside[0], whole)), 0)), "services round"
    other = recorded(inside[1], 5, heartrate=(0, 2, 1), distance=(0, 0, 1.01))
    assert not is_one_recording(overlap(by_second(inside[0]), by_second(other), 0))


def test_points_every_few_seconds_are_compared_over_all_seconds() -> None:
    rng, other = Random(3), recorded(effort(), 5, heartrate=(4, 1, 1), watts=(0, 5, 1.05))
    one, two = (
        points[[place for place in accumulate(rng.randint(1, 7) for _ in range(1200)) if place < points.height]]
        for points in (effort(), other)
    )
    found = agreed(one, two)
    assert found["heartrate"]["seconds"] > 3000
    assert found["heartrate"]["difference"] == pytest.approx(4, abs=0.3)
    assert found["watts"]["scale"] == pytest.approx(1.05, abs=0.02)
    assert found["distance"]["scale"] == pytest.approx(1, abs=0.002)
    assert not is_one_recording(overlap(by_second(one), by_second(two), 0))


def test_what_smart_recording_left_out_is_no_dropout_and_a_dropout_is_not_filled() -> None:
    row = pl.int_range(pl.len())
    lost = recorded(effort(), 5, heartrate=(0, 1, 1)).with_columns(heartrate=pl.when(row < 1765).then("heartrate"))
    thin = agreed(effort(), lost.gather_every(5))["heartrate"]
    assert thin["second_dropouts"] == pytest.approx(0.5, abs=0.01)


def test_quantities_of_no_sensor_are_compared_also_where_they_agree() -> None:
    both = recorded(effort(), 5, heartrate=(0, 1, 1), altitude=(0, 0.1, 1))
    assert agreed(effort(), both)["altitude"]["difference"] == pytest.approx(0, abs=0.05)


def test_two_of_one_footpod_with_other_hearts_are_two() -> None:
    inside = effort().with_columns(pl.lit(None, pl.Float64).alias("latitude"))
    other = recorded(inside, 5, heartrate=(6, 3, 1))
    assert not is_one_recording(overlap(by_second(inside), by_second(other), 0))


@pytest.mark.parametrize("seconds", [600, 1200])
def test_a_few_common_points_with_one_strap_make_no_copy(seconds: int) -> None:
    rng = Random(seconds)
    one, other = (
        by_second(points[[each for each in accumulate(rng.randint(1, 9) for _ in range(400)) if each < points.height]])
        for points in (effort(seconds), recorded(effort(seconds), 5, cadence=(0, 2, 1)))
    )
    assert not is_one_recording(overlap(one, other, 0))


def test_points_that_never_fall_on_one_second_have_distances() -> None:
    row = pl.int_range(pl.len())
    other = recorded(effort(), 5, distance=(0, 0, 1.02))
    found = agreed(effort().filter(row % 2 == 0), other.filter(row % 2 == 0))
    assert found["distance"]["seconds"] > 3500
    assert found["distance"]["scale"] == pytest.approx(1.02, abs=0.002)


def test_two_devices_of_who_stays_at_one_place_are_two() -> None:
    still = effort().with_columns(latitude=pl.lit(50.0), longitude=pl.lit(8.0), distance=pl.lit(0.0))
    assert not is_one_recording(
        overlap(by_second(still), by_second(recorded(still, 5, metres=0.1, heartrate=(6, 2, 1))), 0)
    )
    assert is_one_recording(overlap(by_second(still), by_second(still), 0))


def test_ten_points_say_nothing() -> None:
    assert agreed(effort(), recorded(effort(), 5, heartrate=(0, 2, 1)).head(10)).keys() <= {"distance", "way"}
