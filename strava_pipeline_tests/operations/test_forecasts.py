"""What a run says beforehand of its calls and its end, and what it then takes: within a tenth of each other."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from strava_pipeline.core.plan import Forecast
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.shards import write_shards
from strava_pipeline.operations.budgeted_source import BudgetedSource
from strava_pipeline.operations.fetching import pull_details
from strava_pipeline.operations.planning import Forecaster
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.pulling import PullReport, pull_listing
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.orchestrate.config import DetailsConfig, ListingConfig
from strava_pipeline_tests.operations.test_pace import Jumping
from strava_pipeline_tests.rig import NOW, Rig

pytestmark = pytest.mark.soak(part="calendar")

Make = Callable[..., Rig]
ALL = DetailsConfig(scope="all")


def asking(
    rig: Rig, clock: ServerClock | None = None, log: LogProgress | None = None
) -> tuple[RunContext, BudgetedSource]:
    run = run_context(rig.settings, log or LogProgress(logging.getLogger(__name__)), clock=clock)
    return run, BudgetedSource(STRAVA, rig.settings, run)


def list_year(run: RunContext, strava: BudgetedSource, year: int, per_page: int) -> PullReport:
    return pull_listing(
        run,
        strava,
        ListingConfig(mode="year", per_page=per_page, days=None),
        [year],
        Forecaster(run, strava, [year], ALL),
    )


def merge(run: RunContext, year: int) -> None:
    write_shards(run.lake, [year], run.years)
    with writing(run.lake) as connection:
        merge_activities(connection, run.lake, [year])


def listed_of(run: RunContext, year: int) -> int:
    """How many activities of the year the listing held."""
    *_, listing = listings(run.lake)
    pages = [activities for _, activities in listing.pages()]
    return sum(one["start_date_local"].startswith(str(year)) for page in pages for one in page)


def within_a_tenth(told: float, came: float) -> bool:
    return abs(told - came) <= came / 10


@pytest.mark.parametrize(
    ("activities", "year"), [(150, 2025), (350, 2024), (500, 2024), (500, 2025), (700, 2025), (900, 2024)]
)
def test_the_first_page_of_a_year_tells_the_calls_of_the_run(make_rig: Make, activities: int, year: int) -> None:
    rig = make_rig(activities=2 * activities, years=(2024, 2025), seed=activities)
    run, strava = asking(rig)
    report = list_year(run, strava, year, 200)
    of_year = listed_of(run, year)
    assert isinstance(report.estimate, Forecast)
    assert within_a_tenth(report.estimate.calls, report.calls + of_year)
    assert report.forecast == Forecast(report.calls, 0, of_year, report.forecast and report.forecast.done_at)


@pytest.mark.parametrize("seed", [6, 7])
def test_the_range_of_the_first_page_holds_the_calls_of_the_run(
    make_rig: Make, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Two seeds whose newest page tells least of the years before: too much of the one, too little of the other."""
    rig = make_rig(activities=500, years=(2020, 2026), seed=seed, settings={"first_year": 2020})
    run, strava = asking(rig)
    everything = Forecaster(run, strava, run.years.all, ALL)
    with caplog.at_level(logging.INFO):
        report = pull_listing(run, strava, ListingConfig(mode="all", per_page=50, days=None), [], everything)
    assert report.estimate is not None
    assert report.forecast is not None
    bounds = report.estimate.bounds
    assert bounds is not None
    assert bounds.fewest <= report.calls + 500 <= bounds.most
    assert bounds.done_from is not None
    assert bounds.done_to is not None
    assert bounds.done_from <= bounds.done_to, "when it was in the end is the machine's affair"
    told = [record.getMessage() for record in caplog.records if " calls" in record.getMessage()]
    assert "the number is known when everything is listed" in told[0]
    assert told[1].startswith(f"About {report.calls + 500} calls: ")


def test_a_year_that_gold_knows_is_counted_and_not_guessed(make_rig: Make) -> None:
    rig = make_rig(activities=120, years=(2024, 2025))
    rig.begin_with("run_all")
    rig.run("compact")
    report = list_year(*asking(rig), 2025, 10)
    of_year = rig.one("SELECT count(*) FROM activities WHERE year = 2025")
    assert report.estimate is not None
    assert report.estimate.calls == report.calls + of_year


def test_edits_that_only_the_first_page_holds_are_counted_when_all_is_listed(
    make_rig: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig(activities=60, years=(2025, 2025), settings={"first_year": 2025})
    rig.begin_with("flow_backfill", [2025])
    for item in sorted(rig.truth(), key=lambda item: item["start_date"])[-10:]:
        rig.control("edit", id=item["id"], set={"name": "another"})
    with caplog.at_level(logging.INFO):
        run, strava = asking(rig)
        report = pull_listing(
            run,
            strava,
            ListingConfig(mode="all", per_page=20, days=None),
            [],
            Forecaster(run, strava, [2025], ALL),
        )
    assert report.estimate is not None
    assert report.estimate.details == 30, "half of a page, so half of all"
    assert report.forecast is not None
    assert (report.forecast.details, report.forecast.calls) == (10, report.calls + 10)
    assert f"About {report.calls + 10} calls: " in caplog.text


def test_details_that_are_there_are_not_counted_again(make_rig: Make) -> None:
    rig = make_rig(activities=20, years=(2025, 2025), settings={"first_year": 2025})
    rig.begin_with("flow_backfill", [2025])
    rig.calls()
    told = rig.run("backfill", [2025]).metadata
    made = rig.calls()["total"]
    assert (made, told["bronze_activities"]["estimated_calls"]) == (2, 2)
    assert "last_call_expected_at" not in told["bronze_activities"]


def test_the_metadata_hold_what_was_told_beside_what_it_took(make_rig: Make) -> None:
    rig = make_rig(activities=40, years=(2024, 2025))
    told = rig.run("backfill", [2025], bronze_activities={"per_page": 5}).metadata
    listing, details = told["bronze_activities"], told["bronze_activity_details"]
    assert details["estimated_calls"] == details["calls"] == listing["calls_still_to_make"]
    assert listing["estimated_calls"] > 0
    assert NOW.timestamp() < listing["estimated_done_at"] < (NOW + timedelta(hours=1)).timestamp()
    assert listing["last_call_expected_at"] > NOW.timestamp()
    assert details["calls_still_to_make"] == 0


@pytest.mark.parametrize(
    ("job", "stages"), [("run_all", {"listing"}), ("refresh", {"listing"}), ("flow_backfill", {"listing", "details"})]
)
def test_only_what_the_job_fetches_is_counted(make_rig: Make, job: str, stages: set[str]) -> None:
    rig = make_rig(activities=9, years=(2025, 2025), settings={"first_year": 2025})
    told = rig.run(job).metadata["bronze_activities"]
    assert told["estimated_calls"] == 2 + 9 * ("details" in stages)


def test_the_first_flow_counts_the_details_of_its_window_alone(make_rig: Make) -> None:
    rig = make_rig(activities=200, years=(2025, 2026), settings={"first_year": 2025})
    told = rig.run("flow", bronze_activities={"per_page": 50}).metadata
    used = told["bronze_activity_details"]["calls"]
    assert 0 < used < 50
    assert abs(told["bronze_activities"]["calls_still_to_make"] - used) <= 2, (
        "from its newest activity, as it turned out"
    )


def test_a_warehouse_of_other_tables_leaves_a_listing_without_an_estimate(
    make_rig: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig(activities=9)
    rig.begin_with("run_all")
    rig.run("compact")
    with writing(rig.lake) as connection:
        connection.execute("UPDATE lake_meta SET value = 'another' WHERE key = 'catalogue'")
    with caplog.at_level(logging.INFO):
        report = list_year(*asking(rig), 2025, 200)
    assert report.manifest.complete
    assert report.estimate is None
    assert "There is no estimate" in caplog.text


@pytest.mark.parametrize(
    "limits",
    [Limits(40, 9999, 20, 9999), Limits(12, 9999, 100, 9999), Limits(200, 400, 100, 60), Limits(50, 100, 25, 70)],
    ids=["20 a quarter", "12 a quarter, of all calls", "60 a day", "25 a quarter and 70 a day"],
)
def test_the_first_page_tells_when_the_run_is_done(make_rig: Make, limits: Limits) -> None:
    rig = make_rig(activities=320, years=(2024, 2025), speed=0.0, limits=limits, token_lifetime=10**7)
    jumping = Jumping(rig)
    run, strava = asking(rig, jumping.clock)
    began = jumping.clock.now()
    report = list_year(run, strava, 2025, 100)
    merge(run, 2025)
    calls = report.calls
    while True:
        details = pull_details(run, strava, ALL, [2025])
        calls += details.calls
        stopped: Any = details.fetched.stopped
        if stopped is None:
            break
        jumping.sleep_until(stopped.resumes_at)
    assert report.estimate is not None
    assert report.estimate.done_at is not None
    assert within_a_tenth(report.estimate.calls, calls)
    took, told = jumping.clock.now() - began, report.estimate.done_at - began
    assert took > timedelta(hours=1)
    assert within_a_tenth(told / took, 1)


def test_a_line_of_the_log_counts_the_windows_still_to_be_waited_for(
    make_rig: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig(
        activities=60,
        years=(2025, 2025),
        speed=0.0,
        limits=Limits(40, 9999, 20, 9999),
        settings={"first_year": 2025},
    )
    jumping = Jumping(rig)
    log = LogProgress(logging.getLogger("told"), monotonic=jumping.clock.monotonic)
    run, strava = asking(rig, jumping.clock, log)
    list_year(run, strava, 2025, 200)
    merge(run, 2025)
    with caplog.at_level(logging.INFO, "told"):
        pull_details(run, strava, ALL, [2025])
    # two of each twenty are left to the daily run: 16 at once, then 18 at 12:15, 18 at 12:30, and the last eight at 12:45
    assert "Fetching details: 60 to do, done about 2026-03-10 12:45 UTC" in caplog.text
    assert "Fetching details: 17 of 60, done about 2026-03-10 12:45 UTC" in caplog.text
    assert "Fetching details: 35 of 60, done about 2026-03-10 12:45 UTC" in caplog.text
