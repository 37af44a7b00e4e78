"""Many daily runs on end: nothing is lost, no call is wasted, and nothing grows but what the athlete recorded."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from strava_pipeline.lake.shards import MANY
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.soak.daily import BEGIN, REFRESH, YEARS, Day, lived

Make = Callable[..., Rig]


@pytest.fixture
def athlete(make_rig: Make) -> Rig:
    """Sixty activities of three years, all fetched, seen from January 2025."""
    rig = make_rig(activities=60, years=(2022, 2024), now=BEGIN, settings={"refresh_calls": REFRESH})
    rig.run("flow_backfill")
    return rig


@pytest.mark.soak
def test_forty_days_leave_behind_what_one_day_does(athlete: Rig) -> None:
    days = lived(athlete, 40)
    calls_are_few([next(days)])
    after_one_day = kept(athlete)
    calls_are_few(list(days))
    assert kept(athlete) == after_one_day
    assert len(shards(athlete, 2025)) <= MANY
    athlete.assert_true_to_source()


@pytest.mark.soak
def test_a_year_of_days_stays_true_and_costs_no_more_at_its_end(
    athlete: Rig, record_property: Callable[..., None]
) -> None:
    days = list(lived(athlete, 365))
    calls_are_few(days)
    athlete.assert_true_to_source()
    assert all(len(shards(athlete, year)) <= MANY for year in YEARS)
    early, late = (median(day.cpu for day in some) for some in (days[19:30], days[-10:]))
    growth = instance_growth(athlete)
    record_property("cpu_of_a_day", (round(early, 2), round(late, 2)))
    record_property("instance_bytes_per_run", growth)
    print(f"CPU seconds of a day: {early:.2f} at first, {late:.2f} at last; Dagster keeps {growth:,} bytes of a run")
    assert late < 1.5 * early
    assert growth < 2_000_000  # 0.5 MB measured


def calls_are_few(days: list[Day]) -> None:
    """A page and the empty one; what is new or was edited; and the spare calls."""
    for number, day in enumerate(days):
        assert day.listing_calls == 2, number
        assert day.due <= day.detail_calls <= day.due + REFRESH, number


def kept(rig: Rig) -> list[str]:
    """What stands in the state folder and beside the warehouse: locks, notes, and anything left over."""
    data = rig.settings.data_dir
    files = [path for folder in ("state", "warehouse") for path in (data / folder).rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(data)) for path in files)


def shards(rig: Rig, year: int) -> list[Path]:
    return list(rig.lake.shards_of(year).iterdir()) if rig.lake.shards_of(year).exists() else []


def instance_growth(rig: Rig, runs: int = 3) -> int:
    """Bytes that a run leaves in the Dagster instance on disk."""
    home = rig.settings.dagster_home
    with rig.instance() as instance:
        rig.memory = instance
        rig.run("flow", YEARS)
        before = _bytes(home)
        for _ in range(runs):
            rig.run("flow", YEARS)
        return (_bytes(home) - before) // runs


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
