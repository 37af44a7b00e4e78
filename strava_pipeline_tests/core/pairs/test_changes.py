"""A change in how two devices agree, and what is none."""

from datetime import date, timedelta

import polars as pl
import pytest

from strava_pipeline.core.pairs.changes import changes_in
from strava_pipeline.core.pairs.report import changes_of
from strava_pipeline_tests.core.pairs.planted import noise

DAYS = [date(2024, 1, 1) + timedelta(days=7 * place) for place in range(40)]


def by_three(before: float, after: float) -> bool:
    return abs(after - before) >= 3


def test_a_planted_change_is_found_with_its_day_and_both_sides() -> None:
    values = [*noise(25, 1.5, 1), *(noise(15, 1.5, 2) - 6)]
    (found,) = changes_in([*zip(DAYS, values, strict=True)], by_three)
    assert abs(DAYS.index(found.since) - 25) <= 1
    assert found.before == pytest.approx(0, abs=1)
    assert found.after == pytest.approx(-6, abs=1)


@pytest.mark.parametrize(
    "values", [noise(40, 3, 5), [*[0.0] * 10, *[9.0] * 11], [1.0] * 40, [*noise(20, 0.1, 1), *(noise(20, 0.1, 2) + 1)]]
)
def test_noise_few_efforts_and_small_changes_are_none(values: list[float]) -> None:
    assert changes_in([*zip(DAYS, values, strict=False)], by_three) == []


def test_a_device_that_got_worse_and_was_mended_changed_twice() -> None:
    values = [*noise(14, 1.5, 1), *(noise(13, 1.5, 2) - 6), *noise(13, 1.5, 3)]
    worse, mended = changes_in([*zip(DAYS, values, strict=True)], by_three)
    assert abs(DAYS.index(worse.since) - 14) <= 1
    assert abs(DAYS.index(mended.since) - 27) <= 1
    assert (worse.after, mended.before) == (mended.before, worse.after) != (worse.before, mended.after)


def test_what_differs_by_less_from_what_lies_beside_it_is_no_change() -> None:
    """As of a slow drift, which each longer stretch shows as a change."""
    for seed in range(20):
        values = noise(60, 1.0, seed) + pl.Series(range(60)) / 8
        found = changes_in(
            [*zip([*DAYS, *(day + timedelta(days=400) for day in DAYS)], values, strict=False)], by_three
        )
        assert all(by_three(each.before, each.after) for each in found)
        assert found, seed


def test_one_effort_that_agrees_by_chance_makes_no_change_of_scatter() -> None:
    efforts = [
        {"day": day, "difference": 0.0, "dropouts": 0.0, "spread": 0.4 if place == 5 else 4.0 + (place > 20) * 0.5}
        for place, day in enumerate(DAYS)
    ]
    assert changes_of("heartrate", efforts) == []


def test_a_dying_strap_shows_in_its_dropouts_and_its_scatter() -> None:
    efforts = [
        {
            "day": day,
            "difference": 0.2,
            "spread": 2.0 + (place > 25) * 4 + place % 3 / 100,
            "dropouts": 0.001 * (place % 3) + (place > 25) * 0.2,
        }
        for place, day in enumerate(DAYS)
    ]
    assert {each.of: each.change.since for each in changes_of("heartrate", efforts)} == {
        "spread": DAYS[26],
        "dropouts": DAYS[26],
    }
