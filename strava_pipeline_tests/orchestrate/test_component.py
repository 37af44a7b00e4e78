"""An athlete as a component: two of them in somebody else's project, which is examples/dagster, with an asset of its own."""

import json
import shutil
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.component import Athlete
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.placing import refuse_shared
from strava_pipeline.orchestrate.runs import fail_dead_runs, waiting_runs
from strava_pipeline.orchestrate.tags import DATA_DIR, HELD_BACK, LIMIT
from strava_pipeline_tests.foreign import athlete, environment, household
from strava_pipeline_tests.foreign import dg as type_dg
from strava_pipeline_tests.orchestrate.test_held_years import break_shard
from strava_pipeline_tests.processes import python
from strava_pipeline_tests.rig import NOW, Rig

pytestmark = [pytest.mark.slow, pytest.mark.closed]

YEARS = [2024, 2025, 2026]
# before and after a load and a run: what a guest may not change in the process
WATCHED = """
import gc, json, logging, os, signal, sys
import dagster as dg, requests
from household.definitions import defs as loading

def seen():
    root = logging.getLogger()
    names = ("dagster", "strava_pipeline", "urllib3", "dagster._core.execution.plan.active")
    umask = os.umask(0o022); os.umask(umask)
    return {
        "umask": umask, "gc": [gc.isenabled(), *gc.get_threshold(), gc.get_freeze_count()], "environment": {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"},  # Polars' own
        "signals": [repr(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "loggers": [[logging.getLogger(name).level, len(logging.getLogger(name).handlers)] for name in names],
        "root": [root.level, len(root.handlers), logging.getLoggerClass().__name__],
    }

@dg.asset
def theirs(): ...

os.umask(0o022)
with dg.DagsterInstance.ephemeral() as instance:
    dg.materialize([theirs], instance=instance)  # what Dagster itself changes, as a first run and at an import of requests
    before = seen()
    loaded = loading()
    after_load = seen()
    tags = {"dagster/asset_partition_range_start": "2025", "dagster/asset_partition_range_end": "2026"}
    run = loaded.resolve_job_def("ann__flow").execute_in_process(instance=instance, tags=tags)
    assert run.success
    again = loaded.resolve_job_def("ann__flow").execute_in_process(instance=instance, tags=tags)
print(json.dumps([before, after_load, seen()]))
"""


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Rig]]:
    """Two athletes, each at an emulator of their own."""
    root = tmp_path_factory.mktemp("athletes")
    with ExitStack() as stack:
        yield {name: stack.enter_context(athlete(root / name, n)) for n, name in enumerate(("ann", "bob"))}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return household(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def loaded(project: Path, rigs: dict[str, Rig]) -> Iterator[dg.Definitions]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(project / "src"))
        patch.setenv("ATHLETES", str(rigs["ann"].folder.parent))
        yield dg.load_from_defs_folder(path_within_project=project / "src" / "household")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def run(loaded: dg.Definitions, instance: dg.DagsterInstance, job: str, **more: Any) -> dg.ExecuteInProcessResult:
    return loaded.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False, **more)


def test_everything_of_an_athlete_has_their_prefix_and_is_stopped(loaded: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}
    ours = {name: spec for name, spec in specs.items() if name != "kilometres"}
    assert {name.split("/")[0] for name in ours} == {"ann", "bob"}
    assert {name.removeprefix("ann/") for name in ours if name.startswith("ann/")} == {
        name.removeprefix("bob/") for name in ours if name.startswith("bob/")
    }
    for name, spec in ours.items():
        whose = name.split("/")[0]
        assert {dep.asset_key.path[0] for dep in spec.deps} <= {whose}, name
        assert str(spec.group_name).startswith(f"{whose}_"), name
        lineage = spec.metadata.get("dagster/column_lineage")
        above = (
            {dep.asset_key.path[0] for deps in lineage.deps_by_column.values() for dep in deps} if lineage else set()
        )
        assert above <= {whose}, name
    repository = loaded.get_repository_def()
    named = [*repository.get_all_jobs(), *repository.schedule_defs, *repository.sensor_defs]
    names = {each.name for each in named} - {"__ASSET_JOB", "default_automation_condition_sensor"}
    assert {name.split("__")[0] for name in names} == {"ann", "bob"}
    assert {"ann__backfill", "ann__daily_flow", "bob__resume"} <= names
    assert not [name for name in names if "rebuild" in name or "records" in name or "alert" in name]
    assert {each.default_status.value for each in repository.schedule_defs} == {"STOPPED"}
    assert {each.default_status.value for each in repository.sensor_defs} == {"STOPPED"}


def test_attributes_say_owners_first_year_and_what_is_made_by_itself(loaded: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}
    assert [*specs["ann/activities"].owners] == ["team:athlete", "team:household"]
    first = {name: specs[f"{name}/activities"].partitions_def.get_first_partition_key() for name in ("ann", "bob")}
    assert first == {"ann": "2022", "bob": "2024"}
    by_itself = {name for name, spec in specs.items() if spec.automation_condition is not None}
    assert by_itself == {f"bob/{name}" for name in ("insights", "pair_agreements", "route_members", "tile_visits")}


def test_definitions_hold_no_secret_and_no_path(loaded: dg.Definitions, rigs: dict[str, Rig]) -> None:
    specs = loaded.resolve_all_asset_specs()
    kept = [
        {name: each for name, each in spec.metadata.items() if name != "dagster/component_origin"} for spec in specs
    ]
    said = repr([kept, *((spec.tags, spec.description) for spec in specs)])  # of the component its class is stored
    for rig in rigs.values():
        assert not [each for each in (*rig.secrets, str(rig.folder)) if each in said]


@pytest.mark.dear
def test_three_years_a_failed_check_and_an_asset_of_the_project_s_own(
    loaded: dg.Definitions, rigs: dict[str, Rig], instance: dg.DagsterInstance
) -> None:
    ann = rigs["ann"]
    for name in rigs:
        assert run(loaded, instance, f"{name}__backfill", tags=range_tags(YEARS)).success
    for rig in rigs.values():
        first = 0 if rig is not ann else YEARS[0]  # bob's first year holds what was before it
        truth = {each["id"] for each in rig.truth() if int(each["start_date_local"][:4]) >= first}
        assert {row[0] for row in rig.gold("SELECT id FROM activities")} == truth
    below = run(loaded, instance, "__ASSET_JOB", asset_selection=[dg.AssetKey("kilometres")])
    (made,) = below.asset_materializations_for_node("kilometres")
    assert {*made.metadata["ann"].value} <= {"2024", "2025", "2026"}

    shard = break_shard(ann, 2025)
    held = run(loaded, instance, "ann__compact", tags=range_tags(YEARS))
    record = instance.get_run_by_id(held.run_id)
    assert record is not None
    assert (held.success, record.tags[HELD_BACK], record.tags[DATA_DIR]) == (False, "2025", str(ann.lake.data_dir))
    failed = [each for each in held.get_asset_check_evaluations() if not each.passed]
    assert {each.asset_key.path[0] for each in failed} == {"ann"}
    assert run(loaded, instance, "bob__compact", tags=range_tags(YEARS)).success
    check = dg.AssetCheckKey(dg.AssetKey(["ann", "activities"]), "holds_shards")
    alone = loaded.resolve_implicit_global_asset_job_def().get_subset(asset_check_selection={check})
    again = alone.execute_in_process(instance=instance, raise_on_error=False).get_asset_check_evaluations()
    assert [(each.asset_check_key, each.passed) for each in again] == [(check, False)]
    shard.unlink()


def test_a_tick_asks_for_the_athlete_s_own_job(
    loaded: dg.Definitions, rigs: dict[str, Rig], instance: dg.DagsterInstance
) -> None:
    repository = loaded.get_repository_def()
    context = dg.build_schedule_context(instance, repository_def=repository)
    (asked,) = repository.get_schedule_def("bob__daily_flow").evaluate_tick(context).run_requests or ()
    assert (asked.job_name, {*asked.run_config["ops"]}) == (
        "bob__flow",
        {"bob__bronze_activities", "bob__bronze_activity_details"},
    )
    assert asked.tags[DATA_DIR] == str(rigs["bob"].lake.data_dir)
    ticked = run(loaded, instance, asked.job_name, tags=dict(asked.tags), run_config=asked.run_config)
    assert ticked.success
    looked = dg.build_sensor_context(instance, repository_def=repository)
    assert repository.get_sensor_def("bob__resume").evaluate_tick(looked).skip_message == "Nothing waits for a limit."


def test_what_is_missing_is_missed_in_the_athlete_s_folder(
    tmp_path: Path, rigs: dict[str, Rig], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRAVA_CLIENT_SECRET", "of somebody else")
    folder = tmp_path / "cid"
    shutil.copytree(rigs["ann"].settings.secrets_dir, folder / "secrets")
    (folder / ".env").write_text("STRAVA_CLIENT_ID=1\nSTRAVA_BASE_URL=http://127.0.0.1:9\n")
    athlete = Athlete(folder=str(folder), key_prefix="team/cid", schedules=True, sources=["strava"])
    theirs = athlete.build_defs(dg.ComponentTree.for_test().load_context)
    schedule = theirs.get_repository_def().get_schedule_def("team__cid__daily_flow")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    failed = run(theirs, instance, "team__cid__flow", tags=range_tags([2026]))
    (said,) = {str(each.step_failure_data.error) for each in failed.all_events if each.is_step_failure}
    assert str(folder / ".env") in said
    folder.rename(tmp_path / "elsewhere")
    assert not run(theirs, instance, "team__cid__flow", tags=range_tags([2026])).success
    assert not folder.exists()


@pytest.mark.parametrize("below", [".", "data", "data/inside", "link"])
def test_data_folders_that_are_not_apart_are_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    refuse_shared(tmp_path / "data", "ann", {"bob": tmp_path / "data of bob", "cid": tmp_path.parent / "cid" / "data"})
    with pytest.raises(MisuseError, match="of ann and bob, "):
        refuse_shared(tmp_path / "data", "ann", {"bob": tmp_path / below})


def test_a_project_with_one_folder_under_two_prefixes_does_not_load_and_loading_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = household(tmp_path)
    package = (project / "src" / "household").rename(project / "src" / "crowded")  # this process has the other one
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace("household", "crowded"))
    monkeypatch.syspath_prepend(str(project / "src"))
    monkeypatch.setenv("ATHLETES", str(tmp_path / "athletes"))
    (tmp_path / "athletes" / "ann").mkdir(parents=True)
    (tmp_path / "athletes" / "bob").symlink_to("ann")
    with pytest.raises(Exception, match="building definitions for ann") as refused:
        dg.load_from_defs_folder(path_within_project=package)
    assert "of ann and bob, " in "".join(traceback.format_exception(refused.value))
    assert [*(tmp_path / "athletes" / "ann").iterdir()] == []


def test_a_run_ends_at_once_in_a_folder_of_another_prefix_or_inside_one(
    tmp_path: Path, rigs: dict[str, Rig], instance: dg.DagsterInstance
) -> None:
    def ended(prefix: str, folder: Path) -> str:
        theirs = Athlete(folder=str(folder), key_prefix=prefix).build_defs(dg.ComponentTree.for_test().load_context)
        ran = run(theirs, instance, f"{prefix.replace('/', '__')}__compact", tags=range_tags([2026]))
        failures = [each.job_failure_data for each in ran.all_events if each.is_run_failure]
        return str(failures[0].error) if failures and failures[0] else ""

    folder = tmp_path / "dora"
    folder.mkdir()
    (folder / ".env").write_text("STRAVA_CLIENT_ID=1\n")
    assert "key_prefix says" not in ended("team/dora", folder)
    mark = folder / "data" / "state" / "key_prefix"
    assert mark.read_text() == "team/dora"
    assert f"as {mark} says" in ended("eva", folder)
    (tmp_path / "eva").mkdir()
    (tmp_path / "eva" / ".env").write_text(f"STRAVA_DATA_DIR={folder}/data/inside\n")
    assert f"as {mark} says" in ended("eva", tmp_path / "eva")
    mark.unlink()
    assert "key_prefix says" not in ended("eva", folder)
    assert mark.read_text() == "eva"


@pytest.mark.parametrize(("job", "waits"), [("bob__backfill", True), ("ann__backfill", False)])
def test_what_waits_for_a_limit_is_not_gone_on_with_by_another_athlete_s_run(
    job: str, waits: bool, rigs: dict[str, Rig], instance: dg.DagsterInstance
) -> None:
    lake, tags = rigs["ann"].lake, {LIMIT: "day", DATA_DIR: str(rigs["ann"].lake.data_dir), **range_tags(YEARS)}
    stopped = dg.DagsterRun(job_name="ann__backfill", status=dg.DagsterRunStatus.SUCCESS, tags=tags)
    launched = dg.DagsterRun(job_name=job, status=dg.DagsterRunStatus.NOT_STARTED, tags=range_tags(YEARS))
    for each in (stopped, launched):
        instance.add_run(each)
    assert [run.run_id for run in waiting_runs(instance, lake, NOW)] == [stopped.run_id] * waits


def test_a_run_that_died_is_left_to_whoever_has_the_dagster(rigs: dict[str, Rig], instance: dg.DagsterInstance) -> None:
    lake = rigs["ann"].lake
    selected = frozenset([dg.AssetKey(["ann", "activities"])])
    runs = [
        dg.DagsterRun(job_name="ann__flow", status=dg.DagsterRunStatus.STARTED),
        dg.DagsterRun(job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, asset_selection=selected),
    ]
    for run in runs:
        instance.add_run(run)
        (lake.state / "runs").mkdir(parents=True, exist_ok=True)
        (lake.state / "runs" / f"{run.run_id}.lock").touch()
    assert fail_dead_runs(instance, lake) == []
    assert {each.status for each in instance.get_runs()} == {dg.DagsterRunStatus.STARTED}


def open_to_others(rig: Rig) -> Iterator[Path]:
    """Files and folders of the data that others than their owner may read."""
    return (path for path in rig.lake.data_dir.rglob("*") if path.stat().st_mode & 0o077)


def test_the_process_is_left_as_it_was(project: Path, rigs: dict[str, Rig]) -> None:
    made_before = {*open_to_others(rigs["ann"])}  # by other tests, in a process that isn't ours
    ended = python("-c", WATCHED, cwd=project, env=environment(project, rigs["ann"].folder.parent))
    assert ended.returncode == 0, ended.stderr
    before, after_load, after_runs = json.loads(ended.stdout.splitlines()[-1])
    assert after_load == before
    assert after_runs == before
    assert {*open_to_others(rigs["ann"])} <= made_before


@pytest.mark.dear
def test_dg_lists_checks_and_scaffolds_it(tmp_path: Path, rigs: dict[str, Rig]) -> None:
    project = household(tmp_path)

    def typed(*words: str) -> str:
        ended = type_dg(project, rigs["ann"].folder.parent, *words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    assert "An athlete's history" in " ".join(typed("list", "components", "--json").split())
    typed("scaffold", "defs", "strava_pipeline.component.Athlete", "cid")
    assert "All definitions loaded successfully" in typed("check", "defs")
    keys = {each["asset_key"] for each in json.loads(typed("list", "defs", "--json"))["assets"]}
    assert {"ann/activities", "bob/activities", "cid/activities", "kilometres"} <= keys
