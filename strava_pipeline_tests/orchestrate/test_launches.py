"""Whatever can be launched ends well or says in a sentence of ours what is missing: every job and asset, on three kinds of folder.

Runs are created and executed in this process, from the same definitions as in Dagster. Groups and some jobs through the real
daemon: e2e/test_launched_from_the_ui.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.emulator.services import served
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.athlete import athlete_of
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.dagster_private import InMemoryJob, execute_run
from strava_pipeline.orchestrate.job_records import JobYears
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import jobs_of
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.demo import demo_settings
from strava_pipeline_tests.failures import failures, foreign
from strava_pipeline_tests.rig import NOW, started

pytestmark = pytest.mark.slow
YEAR = [2025]
NEEDS_CHOICE = {"backfill", "backfill_sources", "sync_month"}


class Launcher:
    """Runs of one folder's definitions, on an instance in memory."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.defs = settings, build_defs(settings)
        self.instance = dg.DagsterInstance.ephemeral()

    @property
    def jobs(self) -> list[str]:
        return sorted(job.name for job in self.defs.resolve_all_job_defs() if not job.name.startswith("__"))

    @property
    def assets(self) -> list[dg.AssetSpec]:
        graph = self.defs.resolve_asset_graph()
        return [spec for spec in self.defs.resolve_all_asset_specs() if graph.get(spec.key).is_executable]

    def job(self, name: str, years: list[int]) -> tuple[dg.DagsterRun, list[str]]:
        """The run of a job, when it is over, and why it failed."""
        record = jobs_of(self.settings).get(name)
        return self._run(self.defs.resolve_job_def(name), years, config=record.run_config() if record else {})

    def asset(self, spec: dg.AssetSpec, years: list[int]) -> tuple[dg.DagsterRun, list[str]]:
        """The same of one asset, as *Materialize* on its page launches it."""
        chosen = frozenset({spec.key})
        job = self.defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=chosen)
        return self._run(job, years, assets=chosen)

    def _run(
        self,
        job: dg.JobDefinition,
        years: list[int],
        *,
        config: dict[str, object] | None = None,
        assets: frozenset[dg.AssetKey] | None = None,
    ) -> tuple[dg.DagsterRun, list[str]]:
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        tags = range_tags(years) if years else {}
        run = self.instance.create_run_for_job(
            job, run_config={**(config or {}), **quiet}, tags=tags, asset_selection=assets
        )
        execute_run(InMemoryJob(job), run, self.instance, raise_on_error=False)
        over = self.instance.get_run_by_id(run.run_id)
        assert over is not None
        return over, failures(self.instance, run.run_id)


@contextmanager
def with_every_service(folder: Path) -> Iterator[Settings]:
    """A folder whose athlete has Strava and each service, all enabled and logged in."""
    config = EmulatorConfig(now=NOW, activities=4, years=(2025, 2026), seed=2026, limits=None)
    with Emulator(config) as strava, served(athlete_of(strava.state, folder), [*PROVIDERS]) as (services, found):
        settings = demo_settings(folder, strava.url, found).model_copy(update={"first_year": 2025})
        settings.providers_config.write_text("".join(f"[providers.{name}]\nenabled = true\n" for name in services))
        log_in_at_emulator(settings)
        yield settings


@pytest.mark.dear
def test_with_every_service_each_job_ends_well_or_says_what_to_choose(tmp_path: Path) -> None:
    with with_every_service(tmp_path) as settings:
        launcher = Launcher(settings)
        assert {*PROVIDERS, "flow", *NEEDS_CHOICE} <= {*launcher.jobs}
        for name in launcher.jobs:
            run, why = launcher.job(name, [])
            if name in NEEDS_CHOICE:
                assert [cause[:60] for cause in why] == [
                    f"MisuseError: The job {name} works on years that a person chooses"[:60]
                ]
            else:
                assert why == [], name
                assert_made_by_year(launcher, run)


@pytest.mark.dear
def test_with_every_service_each_job_and_asset_ends_well_for_a_year(tmp_path: Path) -> None:
    with with_every_service(tmp_path) as settings:
        launcher = Launcher(settings)
        for name in launcher.jobs:
            why = launcher.job(name, YEAR)[1]
            assert {cause[:48] for cause in why} == (
                {'PipelineError: The mode "month" lists one month.'} if name == "sync_month" else set()
            ), name
        for spec in launcher.assets:
            assert launcher.asset(spec, YEAR if spec.partitions_def else [])[1] == [], spec.key


def assert_made_by_year(launcher: Launcher, run: dg.DagsterRun) -> None:
    """What a run without a choice made stands in Dagster's records under the years of its job, as its record says."""
    years = years_of_run(run)
    if years:
        made = [
            entry.asset_materialization
            for entry in launcher.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        ]
        by_year = {spec.key for spec in launcher.assets if spec.partitions_def}
        found = {one.partition for one in made if one is not None and one.asset_key in by_year}
        assert found == {*map(str, years)}, run.job_name


@pytest.mark.dear
def test_without_a_login_everything_that_asks_a_service_says_so_and_all_else_ends_well(tmp_path: Path) -> None:
    with started(tmp_path, logged_in=False, activities=0, years=(2025, 2026), settings={"first_year": 2025}) as rig:
        launcher = Launcher(rig.settings)
        ended = {name: launcher.job(name, YEAR if name in NEEDS_CHOICE else [])[1] for name in launcher.jobs}
        ended |= {
            spec.key.to_user_string(): launcher.asset(spec, YEAR if spec.partitions_def else [])[1]
            for spec in launcher.assets
        }
        assert {name: foreign(why) for name, why in ended.items() if foreign(why)} == {}
        failed = {name for name, why in ended.items() if why}
        assert {"flow", "backfill", "profile", "bronze_activities", "athlete"} <= failed
        assert all("strava-pipeline auth" in ended[name][0] for name in failed)
        ended_well = ["compact", "rebuild", "trips", "car_trips", "import_files", "activities", "applied_changes"]
        assert failed.isdisjoint(ended_well)


@pytest.mark.dear
def test_an_asset_by_year_that_is_launched_without_one_asks_for_it(tmp_path: Path) -> None:
    with started(tmp_path, logged_in=False, activities=0, settings={"first_year": 2025}) as rig:
        launcher = Launcher(rig.settings)
        assert launcher.job("compact", YEAR)[1] == [], "what lies above is there: Dagster looks at its records first"
        for spec in launcher.assets:
            if spec.partitions_def is not None:
                _, why = launcher.asset(spec, [])
                assert {cause[:36] for cause in why} == {"MisuseError: This run names no year,"}, spec.key


def test_each_job_s_description_names_the_years_that_it_takes_by_itself(tmp_path: Path) -> None:
    settings = Settings.load(_env_file=None, data_dir=tmp_path, first_year=2020)
    defs = build_defs(settings)
    for name, job in jobs_of(settings).items():
        described = defs.resolve_job_def(name).description or ""
        if job.years is JobYears.CHOSEN:
            with pytest.raises(MisuseError, match=f"The job {name} works on years that a person chooses"):
                years_without_choice(settings, name)
        else:
            assert bool(years_without_choice(settings, name)) == (str(job.years) in described), name
