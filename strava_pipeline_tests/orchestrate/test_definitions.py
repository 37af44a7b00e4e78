"""The graph, the schedule, the sensors and the janitor, without running the pipeline."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from strava_pipeline.core.providers import ReadPage
from strava_pipeline.core.tables import DETAIL_TABLES, TABLES
from strava_pipeline.core.years import YEARS_A_RUN
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.locks import live_run, runs_with_lock_file
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.config import DetailsConfig, ListingConfig, MergeConfig
from strava_pipeline.orchestrate.job_records import plain_name
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING, resolved
from strava_pipeline.orchestrate.partitions import year_partitions
from strava_pipeline.orchestrate.runs import clean_up, fail_dead_runs
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.rig import Rig, definitions

RECEIVED = ("imports", "events_received", "streams_received")  # made by no run


@pytest.fixture
def defs(rig: Rig) -> dg.Definitions:
    return definitions(rig.settings)


def test_every_asset_is_described_owned_and_typed(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        if spec.key.to_user_string() not in (
            "applied_changes",
            "bronze_files",
            "file_readings",
            "insights",
            "map_region",
            *RECEIVED,
        ):  # without columns
            assert spec.metadata["dagster/column_schema"].columns, spec.key


def test_each_asset_that_runs_leads_to_the_function_that_does_its_work(rig: Rig) -> None:
    found: dict[str, str] = {}
    for asset in build_defs(rig.settings).assets or ():
        if isinstance(asset, dg.AssetsDefinition):
            for metadata in asset.metadata_by_key.values():
                (reference,) = metadata["dagster/code_references"].code_references
                line = Path(reference.file_path).read_text().splitlines()[reference.line_number - 1]
                found |= dict.fromkeys((key.to_user_string() for key in asset.keys), line.split("(")[0])
    assert {line.split()[0] for line in found.values()} == {"def"}
    assert (found["activities"], found["route_members"]) == ("def merge_gold", "def write_tracks")
    assert (found["bronze_activities"], found["trip_index"]) == ("def list_activities", "def read_trips")


def test_no_name_has_what_separates_a_prefix_from_a_name(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    steps = {node.name for job in repository.get_all_jobs() for node in job.nodes}
    names = {job.name for job in repository.get_all_jobs()} | steps
    assert {plain_name(name) for name in names} == names


def test_column_schemas_are_the_catalogues(defs: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    for name in (*DETAIL_TABLES, "gear", "athlete"):
        schema = specs[name].metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [column.name for column in TABLES[name].columns]


def test_all_but_profile_files_and_replay_of_trips_share_one_partitions_definition(defs: dg.Definitions) -> None:
    partitioned = {spec.key.to_user_string(): spec.partitions_def for spec in defs.resolve_all_asset_specs()}
    alone = {"athlete", "gear", "trip_replay", "bronze_files", "file_readings", "files", "map_region", *RECEIVED}
    assert {name for name, found in partitioned.items() if found is None} == alone
    assert len({found for found in partitioned.values() if found is not None}) == 1


def test_every_asset_that_a_backfill_by_year_makes_has_the_same_policy(defs: dg.Definitions) -> None:
    nodes = [node for node in defs.resolve_asset_graph().asset_nodes if node.is_executable]
    policies = {(node.is_partitioned, node.backfill_policy) for node in nodes}
    assert policies == {(True, dg.BackfillPolicy.multi_run(YEARS_A_RUN)), (False, None)}


def test_a_year_exists_as_soon_as_somebody_is_in_it() -> None:
    partitions = year_partitions(2008)
    before, after = (datetime(2026, 12, 31, hour, 1, tzinfo=UTC) for hour in (9, 10))  # midnight on Kiritimati
    assert partitions.get_partition_keys(current_time=before)[-1] == "2026"
    assert partitions.get_partition_keys(current_time=after)[-1] == "2027"
    assert partitions.get_partition_keys(current_time=after)[0] == "2008"


def test_the_daily_run_is_one_run_over_the_years_that_may_have_changed(rig: Rig, defs: dg.Definitions) -> None:
    schedule = defs.resolve_schedule_def("daily_flow")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * *", "Europe/London")

    def requested() -> dict[str, str]:
        with rig.instance() as instance, dg.build_schedule_context(instance=instance) as context:
            return dict(schedule.evaluate_tick(context).run_requests[0].tags)

    newest = str(max(rig.years))
    first = requested()
    assert first["dagster/asset_partition_range_start"] == "2022", "nothing was pulled yet: everything"
    assert first["dagster/asset_partition_range_end"] == newest
    now = datetime(max(rig.years), 6, 1, tzinfo=UTC)
    listing = begin_listing(rig.lake, Window(mode="all", after=None, before=None), athlete_id=1, at=now)
    from strava_pipeline.core.years import YearRange

    years = YearRange(2022, max(rig.years))
    listing.land(ReadPage([{"id": 1, "start_date": now.isoformat()}]), b"[]", {}, now, years)
    listing.land(ReadPage([]), b"[]", {}, now + timedelta(seconds=1), years)
    assert requested()["dagster/asset_partition_range_start"] == newest


@pytest.mark.parametrize("name", ["daily_flow", "weekly_profile"])
def test_without_a_login_nothing_is_requested(rig: Rig, defs: dg.Definitions, name: str) -> None:
    (rig.settings.secrets_dir / "strava_token.json").unlink()
    with rig.instance() as instance, dg.build_schedule_context(instance=instance) as context:
        ticked = defs.resolve_schedule_def(name).evaluate_tick(context)
    assert not ticked.run_requests
    assert "strava-pipeline auth" in str(ticked.skip_message)


@pytest.mark.parametrize("job", sorted(JOBS))
def test_a_run_launched_with_an_empty_config_is_the_job_still(job: str) -> None:
    spec = JOBS[job]
    listing, details = resolved(ListingConfig(), job, LISTING), resolved(DetailsConfig(), job, DETAILS)
    assert listing.mode == spec.config.get(LISTING, {}).get("mode", "year")
    assert details.scope == spec.config.get(DETAILS, {}).get("scope", "all")
    assert resolved(MergeConfig(), job, "activities").force == (job == "recompact")
    assert resolved(ListingConfig(mode="lite"), job, LISTING).mode == "lite", "what is told wins"


def test_schedules_and_sensors_stand_still_where_automation_is_off(rig: Rig) -> None:
    for automation, state in ((False, "STOPPED"), (True, "RUNNING")):
        made = build_defs(rig.settings.model_copy(update={"automation": automation}))
        assert made.resolve_schedule_def("daily_flow").default_status.value == state
        assert made.resolve_sensor_def("new_gear").default_status.value == state


def test_what_is_asked_for_on_the_dashboard_is_done_without_automation_if_that_is_set(rig: Rig) -> None:
    only = {"automation": False, "dashboard_requests": True}
    made = build_defs(rig.settings.model_copy(update=only))
    running = {each.name for each in made.sensors or () if each.default_status.value == "RUNNING"}
    assert running == {"requests"}
    assert made.resolve_schedule_def("daily_flow").default_status.value == "STOPPED"


@pytest.mark.dear
def test_new_gear_is_asked_for_once(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    sensor = definitions(rig.settings).resolve_sensor_def("new_gear")
    with rig.instance() as instance:
        asked = sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).run_requests
    named = sorted({item["gear_id"] for item in rig.truth() if item["gear_id"]})
    assert [str(request.run_key).split()[1] for request in asked] == [",".join(named)]
    rig.calls()
    rig.run_unpartitioned("new_gear", gear={"new_gear_only": True})
    assert rig.calls()["by_endpoint"] == {"/gear/{id}": len(named)}
    assert [row[0] for row in rig.gold("SELECT gear_id FROM gear ORDER BY 1")] == named
    with rig.instance() as instance:
        assert not sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).run_requests


def test_the_janitor_fails_dead_runs_and_leaves_live_ones_alone(rig: Rig) -> None:
    @dg.job
    def idle() -> None: ...

    with open_instance(rig.settings.dagster_home) as instance:
        dead, alive = (instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED) for _ in range(2))
        with live_run(rig.lake, alive.run_id):
            assert clean_up(instance, rig.lake) == [dead.run_id]
        found = {run.run_id: run.status for run in instance.get_runs()}
    assert found == {dead.run_id: dg.DagsterRunStatus.FAILURE, alive.run_id: dg.DagsterRunStatus.STARTED}


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_that_died_is_told_failed_however_early_it_was(rig: Rig, status: dg.DagsterRunStatus) -> None:
    @dg.job
    def idle() -> None: ...

    with open_instance(rig.settings.dagster_home) as instance:
        dead = instance.create_run_for_job(idle, status=status)
        ended = instance.create_run_for_job(idle, status=dg.DagsterRunStatus.SUCCESS)
        unheard = "died before Dagster heard of it"
        for run_id in (dead.run_id, ended.run_id, unheard):
            with pytest.raises(OSError), live_run(rig.lake, run_id):  # noqa: PT011
                raise OSError
        assert fail_dead_runs(instance, rig.lake) == [dead.run_id]
        assert not runs_with_lock_file(rig.lake)
        found = {run.run_id: run.status for run in instance.get_runs()}
    assert found == {dead.run_id: dg.DagsterRunStatus.FAILURE, ended.run_id: dg.DagsterRunStatus.SUCCESS}


def test_loading_the_definitions_writes_and_asks_nothing(rig: Rig) -> None:
    before = {path for path in rig.folder.rglob("*") if path.is_file()}
    definitions(rig.settings).get_repository_def()
    assert {path for path in rig.folder.rglob("*") if path.is_file()} == before
    assert rig.calls()["total"] == 0
