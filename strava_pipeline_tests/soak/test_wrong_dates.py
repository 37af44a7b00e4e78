"""A month of days on which servers, proxies and caches tell the wrong date, in every way and at every call."""

import random

import pytest

from strava_pipeline_tests.orchestrate.test_wrong_clocks import DAY, SMALL, YEAR, change
from strava_pipeline_tests.rig import Make

PATHS = ("/", "/athlete/activities", "/activities", "/oauth/token")
OLD = "Sun, 01 Mar 2026 08:00:00 GMT"


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("seed", range(3))
def test_whatever_dates_are_told_each_day_comes_in(make_rig: Make, seed: int) -> None:
    chance = random.Random(seed)
    rig = make_rig(**SMALL)
    rig.run("flow_backfill")
    for day in range(30):
        change(rig, f"day {day}")
        wrong = {"seconds": chance.choice((YEAR, -YEAR, DAY, -DAY, 3 * DAY, -3 * DAY, 3600, -3600))}
        rig.fault(
            chance.choice(PATHS),
            "date",
            times=chance.choice((1, 2, 3, -1)),
            after=chance.choice((0, 0, 1, 2)),
            **({"body": OLD} if chance.random() < 0.2 else wrong),
        )
        rig.run("flow")
        rig.clear_faults()
        rig.control("clock", advance=DAY)
        if day % 10 == 9:
            rig.run("flow")
            rig.assert_true_to_source()
    rig.run_unpartitioned("rebuild")
    rig.assert_true_to_source()
