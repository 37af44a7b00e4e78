"""Many daily runs on end: nothing is lost, no call is wasted, and nothing grows but what the athlete recorded."""

from pathlib import Path
from statistics import median

import pytest

from strava_pipeline.lake.made.shards import SHARDS_PER_YEAR
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.soak.daily import BEGIN, REFRESH, YEARS, Day, lived


@pytest.fixture
def athlete(make_rig: Make) -> Rig:
    """Sixty activities of three years, all fetched, seen from January 2025."""
    rig = make_rig(activities=60, years=(2022, 2024), now=BEGIN, settings={"refresh_calls": REFRESH})
    rig.run("flow_backfill")
    return rig


@pytest.mark.soak(part="days")
def test_forty_days_leave_behind_what_one_day_does(athlete: Rig) -> None:
    days = lived(athlete, 40)
    calls_are_few([next(days)])
    after_one_day = kept(athlete)
    calls_are_few(list(days))
    assert kept(athlete) == after_one_day
    assert len(shards(athlete, 2025)) <= SHARDS_PER_YEAR
    athlete.assert_true_to_source()


@pytest.mark.soak(part="days")
def test_a_year_of_days_stays_true_and_dagster_keeps_little_of_each_run(athlete: Rig) -> None:
    days = list(lived(athlete, 365))
    calls_are_few(days)
    athlete.assert_true_to_source()
    assert all(len(shards(athlete, year)) <= SHARDS_PER_YEAR for year in YEARS)
    early, late = (median(day.cpu for day in some) for some in (days[19:30], days[-10:]))
    print(f"CPU seconds of a day: {early:.2f} at first, {late:.2f} at last")  # to be looked at with `pytest -s`
    assert instance_growth(athlete) < 2_000_000  # bytes of a run over three years; 1.4 MB measured


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
    """Bytes that a run leaves in the Dagster instance on disk, once nobody has its databases open."""
    flow_on_disk(rig, 1)
    before = _bytes(rig.settings.dagster_home)
    flow_on_disk(rig, runs)
    return (_bytes(rig.settings.dagster_home) - before) // runs


def flow_on_disk(rig: Rig, runs: int) -> None:
    with rig.instance() as instance:
        rig.remembered = instance
        for _ in range(runs):
            rig.run("flow", YEARS)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
