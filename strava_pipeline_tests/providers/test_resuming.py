"""The sensor that goes on with what a provider's limit stopped: when, for which years, and with which steps."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from strava_pipeline.core.errors import LimitReachedError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import Outcome, keep_outcome
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.jobs import PULL_JOB, SOURCES_JOB, provider_job
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.sensors.resume import provider_resume_sensor
from strava_pipeline.orchestrate.steps import reported
from strava_pipeline.orchestrate.tags import DATA_DIR, NO_LIMIT, PARTITION, RESUMES, limit_tag
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.subjects import ToySubject, register_toy
from strava_pipeline_tests.providers.toy_service import new_toy

ENDS = datetime(2026, 3, 1, 14, tzinfo=UTC)
INCREMENTAL = {"ops": {"bronze_toy": {"config": {"mode": "incremental"}}}}
LISTING, FILES = "bronze_toy", "bronze_toy_files"


class Watched:
    """The toy's sensor, on an instance with runs that are only recorded."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings, defs: dg.Definitions) -> None:
        self.defs = defs
        self.instance, self.settings, self.now = instance, settings, ENDS + timedelta(hours=1)
        self.sensor = provider_resume_sensor(settings, "toy", dg.DefaultSensorStatus.RUNNING, lambda: self.now)

    def ran(
        self,
        run_id: str,
        limit: str | None,
        year: int | tuple[int, int] = 2025,
        config: Any = None,
        status: DagsterRunStatus = DagsterRunStatus.SUCCESS,
        job: str = "toy",
        **tags: str,
    ) -> None:
        """Have a run of the job on record; `limit`: the asset that a limit stopped."""
        years = range_tags(list(year)) if isinstance(year, tuple) else {"dagster/partition": str(year)}
        stopped = {limit_tag("toy"): limit} if limit else {}
        own = {DATA_DIR: str(self.settings.data_dir)}
        run = dg.DagsterRun(job, run_id, run_config=config or {}, status=status, tags=own | years | stopped | tags)
        self.instance.add_run(run)

    def tick(self) -> dg.RunRequest | str:
        context = dg.build_sensor_context(instance=self.instance, definitions=self.defs)
        data = self.sensor.evaluate_tick(context)
        return data.run_requests[0] if data.run_requests else str(data.skip_message)

    def request(self) -> dg.RunRequest:
        found = self.tick()
        assert isinstance(found, dg.RunRequest), found
        return found


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """Definitions that know the toy's job: Dagster looks up the partitions of a request there."""
    with pytest.MonkeyPatch.context() as patch:
        register_toy(patch)
        config = tmp_path_factory.mktemp("defs") / "providers.toml"
        config.write_text("[providers.toy]\nenabled = true")
        return build_defs(Settings.load(_env_file=None, providers_config=config))


@pytest.fixture(scope="module")
def empty_instance() -> Iterator[dg.DagsterInstance]:
    """To make one takes longer than a test."""
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defs: dg.Definitions, empty_instance: dg.DagsterInstance
) -> Iterator[Watched]:
    register_toy(monkeypatch)
    folders = {"data_dir": tmp_path / "data", "secrets_dir": tmp_path / "secrets"}
    settings = Settings.load(_env_file=None, **folders)
    ToySubject(new_toy()).log_in(settings)
    outcome = Outcome(at=ENDS - timedelta(hours=2), succeeded=False, message="limited", limited_until=ENDS)
    keep_outcome(Lake(settings.data_dir), "toy", "listing", outcome)
    yield Watched(empty_instance, settings, defs)
    empty_instance.wipe()


def selected(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_a_stopped_year_goes_on_when_the_limit_ends_and_once(watched: Watched) -> None:
    assert watched.tick() == "Nothing waits for a limit of Toy."
    watched.ran("first", LISTING)
    watched.now = ENDS - timedelta(minutes=1)
    assert watched.tick() == "Toy lets no calls through until 2026-03-01 14:00 UTC."
    watched.now = ENDS + timedelta(minutes=2)
    request = watched.request()
    assert (request.job_name, request.tags[PARTITION], request.tags[RESUMES]) == ("toy", "2025", "first")
    assert selected(request) == {*provider_job("toy").assets}
    assert request.run_config == {"ops": {}}, "the year's whole listing, as before"
    watched.ran("second", None, status=DagsterRunStatus.STARTED, **{RESUMES: "first"})
    assert watched.tick() == "Nothing waits for a limit of Toy."
    assert there(watched.instance.get_run_by_id("first")).tags[limit_tag("toy")] == NO_LIMIT


def test_a_listing_that_reached_its_end_is_not_made_again(watched: Watched) -> None:
    watched.ran("first", FILES, (2024, 2026), INCREMENTAL)
    request = watched.request()
    assert selected(request) == {*provider_job("toy").assets} - {LISTING}
    assert (request.run_config, request.tags.get(PARTITION)) == ({"ops": {}}, None)
    assert range_tags([2024, 2025, 2026]).items() <= request.tags.items()


def test_years_go_on_one_at_a_time_the_newest_first(watched: Watched) -> None:
    watched.ran("old", LISTING, 2023)
    watched.ran("new", LISTING, 2025)
    assert watched.request().tags[RESUMES] == "new"
    watched.ran("resumed", None, 2025, status=DagsterRunStatus.STARTED, **{RESUMES: "new"})
    assert watched.tick() == "A run of the job is at work."
    watched.instance.delete_run("resumed")
    watched.ran("resumed", None, 2025, **{RESUMES: "new"})
    assert watched.request().tags[RESUMES] == "old"


def test_of_several_pulls_only_the_newest_goes_on(watched: Watched) -> None:
    watched.ran("monday", LISTING, (2025, 2026), INCREMENTAL)
    watched.ran("tuesday", LISTING, (2025, 2026), INCREMENTAL)
    request = watched.request()
    assert (request.tags[RESUMES], request.run_config) == ("tuesday", INCREMENTAL)
    watched.ran("wednesday", None, (2025, 2026), INCREMENTAL)
    assert watched.tick() == "Nothing waits for a limit of Toy.", "a later pull did all of it"


def test_a_later_pull_that_failed_or_was_of_fewer_years_did_not_do_it(watched: Watched) -> None:
    watched.ran("monday", LISTING, (2025, 2026), INCREMENTAL)
    watched.ran("tuesday", None, (2025, 2026), INCREMENTAL, status=DagsterRunStatus.FAILURE)
    watched.ran("wednesday", None, (2026, 2026), INCREMENTAL)
    assert watched.request().tags[RESUMES] == "monday"


def test_a_pull_at_work_is_waited_for_and_may_yet_fail(watched: Watched) -> None:
    watched.ran("monday", LISTING, (2025, 2026), INCREMENTAL)
    watched.ran("tuesday", None, (2024, 2026), INCREMENTAL, status=DagsterRunStatus.STARTED)
    assert watched.tick() == "Nothing waits for a limit of Toy."
    watched.instance.delete_run("tuesday")
    watched.ran("tuesday", None, (2024, 2026), INCREMENTAL, status=DagsterRunStatus.FAILURE)
    assert watched.request().tags[RESUMES] == "monday"


def test_of_a_run_of_all_services_the_provider_s_own_part_goes_on_though_another_one_failed(watched: Watched) -> None:
    of_others = {"bronze_activities": {"config": {"mode": "year"}}}
    watched.ran("all", FILES, config={"ops": of_others}, job=SOURCES_JOB, status=DagsterRunStatus.FAILURE)
    watched.ran("tin's", None, status=DagsterRunStatus.STARTED, job="tin", **{RESUMES: "all"})
    request = watched.request()
    assert (request.job_name, request.tags[PARTITION], request.tags[RESUMES]) == ("toy", "2025", "all")
    assert selected(request) == {*provider_job("toy").assets} - {LISTING}
    assert request.run_config == {"ops": {}}


def test_a_pull_of_services_goes_on_though_earlier_pulls_succeeded_and_a_later_one_does_it(watched: Watched) -> None:
    watched.ran("monday", None, (2025, 2026), INCREMENTAL)
    watched.ran("tuesday", LISTING, (2025, 2026), INCREMENTAL, job=PULL_JOB, status=DagsterRunStatus.FAILURE)
    assert watched.request().tags[RESUMES] == "tuesday"
    watched.ran("wednesday", None, (2025, 2026), INCREMENTAL, job=PULL_JOB)
    assert watched.tick() == "Nothing waits for a limit of Toy."


def test_that_a_shrink_was_meant_is_not_carried_on(watched: Watched) -> None:
    consent = {"activities": {"config": {"allow_shrink": True}}}
    watched.ran("first", LISTING, (2025, 2026), {"ops": {**INCREMENTAL["ops"], **consent}})
    assert watched.request().run_config == {"ops": {**INCREMENTAL["ops"], "activities": {"config": {}}}}


def test_another_data_folder_s_run_and_one_that_failed_are_left_alone(watched: Watched) -> None:
    watched.ran("theirs", LISTING, **{DATA_DIR: "/elsewhere"})
    watched.ran("failed", LISTING, status=DagsterRunStatus.FAILURE)
    assert watched.tick() == "Nothing waits for a limit of Toy."


def test_a_run_is_marked_with_the_first_asset_that_a_limit_stopped(watched: Watched) -> None:
    at_work = run_context(watched.settings, LogProgress(logging.getLogger("run")))

    def step(name: str, *deps: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=deps)
        def stopped(context: dg.AssetExecutionContext) -> Iterator[Any]:
            yield from reported(context, at_work, StepReport(name, [], stopped=LimitReachedError("Toy", ENDS)))

        return stopped

    instance = dg.DagsterInstance.ephemeral()
    result = dg.materialize([step(LISTING), step(FILES, LISTING)], instance=instance, tags={limit_tag("toy"): NO_LIMIT})
    run = there(instance.get_run_by_id(result.run_id))
    assert run.tags[limit_tag("toy")] == LISTING, "the tag of the run that it goes on with does not count"
