"""The house's definitions: who has a partition, what its schedules ask for, what goes on."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args
from uuid import uuid4

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.partitions.context import partition_loading_context

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.budget import RateBudget
from strava_pipeline.ingest.ledger import LedgerFile
from strava_pipeline.ingest.strava.access import make_budget
from strava_pipeline.orchestrate.home import CONFIG as CONFIGURATION
from strava_pipeline.orchestrate.house.build import AthleteRunConfig, _work, house_defs
from strava_pipeline.orchestrate.house.going_on import REST
from strava_pipeline.orchestrate.house.work import ATHLETE, ATHLETES, CONFIG, GOES_ON, RUN, WORK, Job, house_lake
from strava_pipeline.orchestrate.queues import LOCATION
from strava_pipeline.orchestrate.run_records import LAST_OF_A_JOB
from strava_pipeline.orchestrate.runs import PAUSE, TRIES
from strava_pipeline.orchestrate.tags import DATA_DIR, LIMIT, NO_LIMIT, PARTITION, PRIORITY
from strava_pipeline.verbs.instance import open_instance
from strava_pipeline_tests.ingest.fakes import Time
from strava_pipeline_tests.orchestrate.house.homes import house_settings, register

NAMES = ("anna", "ben", "cleo")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A house with three athletes; Cleo has no login."""
    for name in NAMES:
        (tmp_path / name / "secrets").mkdir(parents=True)
        (tmp_path / name / ".env").write_text("STRAVA_CLIENT_ID=7\nSTRAVA_CLIENT_SECRET=of-the-application\n")
    for name in ("anna", "ben"):
        (tmp_path / name / "secrets" / "strava_token.json").write_text('{"refresh_token": "r"}')
    register(tmp_path, *NAMES)
    return house_settings(tmp_path)


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings.dagster_home) as kept:
        kept.add_dynamic_partitions(ATHLETES, list(NAMES))
        yield kept


def tick(
    settings: Settings, instance: dg.DagsterInstance, name: str, now: datetime = datetime(2030, 1, 1, tzinfo=UTC)
) -> Any:
    defs = house_defs(settings, lambda: now)
    with (
        dg.build_sensor_context(instance=instance, definitions=defs) as context,
        partition_loading_context(dynamic_partitions_store=instance),  # as Dagster's own server has it
    ):
        return defs.resolve_sensor_def(name).evaluate_tick(context)


def scheduled(settings: Settings, instance: dg.DagsterInstance, name: str, at: datetime) -> Any:
    defs = house_defs(settings)
    with (
        dg.build_schedule_context(instance, at, repository_def=defs.get_repository_def()) as context,
        partition_loading_context(dynamic_partitions_store=instance),
    ):
        return defs.resolve_schedule_def(name).evaluate_tick(context)


def asked(tick: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(each.tags[PARTITION], each.run_config["ops"][ATHLETE][CONFIG]) for each in tick.run_requests]


def test_the_definitions_load_as_dagster_loads_them(settings: Settings) -> None:
    repository = house_defs(settings).get_repository_def()
    repository.load_all_definitions()
    assert repository.has_job(RUN)


def test_the_partitions_follow_the_registry(settings: Settings) -> None:
    instance = dg.DagsterInstance.ephemeral()
    (added,) = tick(settings, instance, "registry").dynamic_partitions_requests
    assert (added.partitions_def_name, added.partition_keys) == (ATHLETES, list(NAMES))
    instance.add_dynamic_partitions(ATHLETES, [*NAMES, "typed-into-the-ui"])
    register(house_lake(settings).data_dir.parent, "anna", "dora", "ben")
    added, removed = tick(settings, instance, "registry").dynamic_partitions_requests
    assert (added.partition_keys, removed.partition_keys) == (["dora"], ["cleo", "typed-into-the-ui"])


def test_who_is_added_has_the_calls_of_a_daily_run_from_the_first_day_on(settings: Settings, tmp_path: Path) -> None:
    for name in ("anna", "ben", "cleo"):
        (tmp_path / name / "data").mkdir()
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions(ATHLETES, ["ben"])
    tick(settings, instance, "registry")
    (ledger,) = settings.ledger_dir.glob("*.json")
    (line,) = LedgerFile(ledger).peek().sharers.values()
    assert (line.daily, line.daily_at > 0, line.is_done) == (0, True, False), "Anna's; Cleo has no login"


def test_each_day_all_with_a_login_have_a_run_before_others(settings: Settings, instance: dg.DagsterInstance) -> None:
    found = scheduled(settings, instance, "daily_runs", datetime(2026, 3, 10, 5, tzinfo=UTC))
    assert asked(found) == [("anna", {"job": "flow", "years": []}), ("ben", {"job": "flow", "years": []})]
    assert {each.tags[PRIORITY] for each in found.run_requests} == {"10"}


def test_who_cannot_be_read_keeps_nobody_from_their_run(
    settings: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with (tmp_path / "anna" / ".env").open("a") as file:
        file.write("DAYS=many\n")
    instance.delete_dynamic_partition(ATHLETES, "cleo")
    # not there for Dagster yet
    (tmp_path / "cleo" / "secrets" / "strava_token.json").write_text('{"refresh_token": "r"}')
    found = scheduled(settings, instance, "daily_runs", datetime(2026, 3, 10, 5, tzinfo=UTC))
    assert [name for name, _ in asked(found)] == ["ben"]
    register(tmp_path, "anna")
    assert "The settings of anna" in scheduled(settings, instance, "daily_runs", datetime.now(UTC)).skip_message


def test_records_of_old_runs_are_removed(settings: Settings, instance: dg.DagsterInstance) -> None:
    ours = {DATA_DIR: str(house_lake(settings).data_dir)}
    for _ in range(LAST_OF_A_JOB + 2):
        instance.add_run(dg.DagsterRun(RUN, run_id=str(uuid4()), status=dg.DagsterRunStatus.SUCCESS, tags=ours))
    assert tick(settings, instance, "run_records").skip_message == "2 records of runs removed."


def test_two_machines_have_names_of_their_own_in_one_instance(settings: Settings, instance: dg.DagsterInstance) -> None:
    barn = settings.model_copy(update={"house_name": "barn"})
    instance.add_dynamic_partitions("barn_athletes", ["ben"])
    found = scheduled(barn, instance, "daily_runs", datetime(2026, 3, 10, 5, tzinfo=UTC))
    assert [one.run_config["ops"].keys() for one in found.run_requests] == [{"barn_athlete"}], "ben alone is known"
    defs = house_defs(barn)
    assert {key.to_user_string() for key in defs.resolve_all_asset_keys()} == {"barn_athlete"}
    assert defs.resolve_job_def(RUN).partitions_def == dg.DynamicPartitionsDefinition(name="barn_athletes")


def test_what_the_weeks_and_months_ask_for(settings: Settings, instance: dg.DagsterInstance) -> None:
    for name, at, job in (
        ("weekly_profiles", datetime(2026, 3, 9, 4, 30, tzinfo=UTC), {"job": "profile", "years": []}),
        ("weekly_comparisons", datetime(2026, 3, 8, 4, tzinfo=UTC), {"job": "reconcile", "years": [2025, 2026]}),
        ("weekly_comparisons", datetime(2026, 3, 1, 4, tzinfo=UTC), None),  # everything was compared an hour ago
        ("monthly_comparisons", datetime(2026, 3, 1, 3, tzinfo=UTC), {"job": "reconcile", "years": []}),
    ):
        expected = [(who, job) for who in ("anna", "ben")] if job else []
        assert asked(scheduled(settings, instance, name, at)) == expected


@pytest.mark.parametrize(
    ("job", "years", "words"),
    [
        ("flow", [], ["flow"]),
        ("providers-pull", [], ["providers", "pull"]),
        ("backfill", [2024, 2023, 2024], ["backfill", "--years", "2023,2024"]),
        ("reconcile", [], ["reconcile"]),
        ("streams", [2020], ["streams", "--years", "2020"]),
    ],
)
def test_a_job_is_a_command(job: str, years: list[int], words: list[str]) -> None:
    assert WORK[job].arguments(years) == words


def test_a_run_that_is_executed_again_does_not_end_with_0_because_the_one_before_is_about_to_end() -> None:
    first, again = dg.DagsterRun(RUN), dg.DagsterRun(RUN, parent_run_id="r1", root_run_id="r1")
    assert [_work(AthleteRunConfig(job="flow"), run) for run in (first, again)] == [["flow"], ["flow", "--wait"]]
    assert _work(AthleteRunConfig(job="compact"), again) == ["compact"], "which waits anyway"


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"job": "backfill"}, "needs years"),
        ({"job": "flow", "years": [2024]}, "takes no years"),
        ({}, "The folder of anna is missing"),
    ],
)
def test_what_cannot_be_run_fails_before_anything_is_started(
    settings: Settings, instance: dg.DagsterInstance, tmp_path: Path, config: dict[str, Any], fault: str
) -> None:
    if not config:
        (tmp_path / "anna").rename(tmp_path / "elsewhere")
    found = (
        house_defs(settings)
        .resolve_job_def(RUN)
        .execute_in_process(
            {"ops": {ATHLETE: {CONFIG: config}}}, instance=instance, partition_key="anna", raise_on_error=False
        )
    )
    (failure,) = [event for event in found.all_events if event.is_step_failure]
    assert fault in str(failure.step_failure_data.error)
    assert not [*tmp_path.glob("*/logs/house")]


def test_a_job_that_is_not_of_the_list_is_refused(settings: Settings, instance: dg.DagsterInstance) -> None:
    job = house_defs(settings).resolve_job_def(RUN)
    with pytest.raises(dg.DagsterInvalidConfigError, match="purge"):
        job.execute_in_process({"ops": {ATHLETE: {CONFIG: {"job": "purge"}}}}, instance=instance, partition_key="anna")
    assert {*WORK} == {*get_args(Job)}


def test_a_process_of_one_athlete_has_no_house(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAVA_ATHLETE", "anna")
    with pytest.raises(MisuseError):
        house_lake(settings)


def stopped(
    instance: dg.DagsterInstance,
    name: str,
    job: str,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
    more: Mapping[str, str] = MappingProxyType({}),
) -> str:
    run_id = str(uuid4())
    instance.add_run(
        dg.DagsterRun(
            RUN,
            run_id=run_id,
            status=status,
            tags={
                PARTITION: name,
                **({LIMIT: "day"} if status is dg.DagsterRunStatus.SUCCESS else {}),
                **more,
            },
            run_config={"ops": {ATHLETE: {CONFIG: {"job": job}}}},
        )
    )
    return run_id


def test_what_a_limit_stopped_goes_on_once_when_it_may(settings: Settings, instance: dg.DagsterInstance) -> None:
    first = stopped(instance, "anna", "flow-backfill")
    begun = datetime.now(UTC)
    assert asked(tick(settings, instance, "go_on", begun)) == [], "it has just ended"
    found = tick(settings, instance, "go_on", begun + REST + timedelta(minutes=1))
    assert asked(found) == [("anna", {"job": "flow-backfill"})]
    assert (found.run_requests[0].tags[GOES_ON], found.run_requests[0].run_key) == (first, f"resumes {first} 0")
    stopped(instance, "anna", "flow-backfill", dg.DagsterRunStatus.STARTED)
    assert asked(tick(settings, instance, "go_on", begun + 2 * REST)) == []
    instance.delete_dynamic_partition(ATHLETES, "anna")
    second = stopped(instance, "anna", "flow-backfill")
    assert asked(tick(settings, instance, "go_on", begun + 2 * REST)) == [], "she is no athlete any more"
    tags = {run: instance.get_run_by_id(run).tags[LIMIT] for run in (first, second)}  # type: ignore[union-attr]
    assert tags == {first: NO_LIMIT, second: "day"}


def test_what_fails_when_it_goes_on_is_tried_once_more_later(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Dagster drops a request whose run_key it knows: asked for by the same one it never ran again, and kept a place."""
    first, keys = stopped(instance, "anna", "flow-backfill"), set()
    soon, later = datetime.now(UTC) + REST + timedelta(minutes=1), datetime.now(UTC) + PAUSE + timedelta(minutes=1)
    for _ in range(TRIES):
        (wanted,) = tick(settings, instance, "go_on", later).run_requests
        keys.add(wanted.run_key)
        stopped(instance, "anna", "flow-backfill", dg.DagsterRunStatus.FAILURE, {GOES_ON: first})
        assert asked(tick(settings, instance, "go_on", soon)) == []
    assert len(keys) == TRIES
    assert asked(tick(settings, instance, "go_on", later)) == []
    assert instance.get_run_by_id(first).tags[LIMIT] == NO_LIMIT  # type: ignore[union-attr]


def test_what_a_person_cancels_does_not_go_on(settings: Settings, instance: dg.DagsterInstance) -> None:
    first = stopped(instance, "anna", "flow-backfill")
    stopped(instance, "anna", "flow-backfill", dg.DagsterRunStatus.CANCELED, {GOES_ON: first})
    assert asked(tick(settings, instance, "go_on", datetime.now(UTC) + 2 * PAUSE)) == []
    assert instance.get_run_by_id(first).tags[LIMIT] == NO_LIMIT  # type: ignore[union-attr]


def test_one_place_is_left_for_the_daily_runs(settings: Settings, instance: dg.DagsterInstance) -> None:
    for job in ("flow-backfill", "enrich-all", "streams", "reconcile"):
        stopped(instance, "anna", job)
    later = datetime.now(UTC) + REST + timedelta(minutes=1)
    assert [config["job"] for _, config in asked(tick(settings, instance, "go_on", later))] == [
        "flow-backfill",
        "enrich-all",
        "streams",
    ]


def test_on_a_machine_of_several_a_place_is_left_and_what_others_have_at_work_does_not_count(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    limit = {"key": LOCATION, "value": {"applyLimitPerUniqueValue": True}, "limit": 2}
    runs = {"max_concurrent_runs": 100, "tag_concurrency_limits": [limit]}
    (settings.dagster_home / CONFIGURATION).write_text(yaml.safe_dump({"concurrency": {"runs": runs}}))
    for name in ("dan", "eve", "fay"):  # athletes of another machine
        stopped(instance, name, "flow-backfill", dg.DagsterRunStatus.STARTED, {GOES_ON: "another"})
    for job in ("flow-backfill", "enrich-all"):
        stopped(instance, "anna", job)
    later = datetime.now(UTC) + REST + timedelta(minutes=1)
    assert len(asked(tick(settings, instance, "go_on", later))) == 1
    stopped(instance, "anna", "flow-backfill", dg.DagsterRunStatus.STARTED, {GOES_ON: "one"})
    assert asked(tick(settings, instance, "go_on", later)) == []


def test_nothing_goes_on_while_the_days_calls_are_used_up(
    settings: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    stopped(instance, "anna", "flow-backfill")
    now = datetime.now(UTC) + timedelta(hours=1)
    own = Settings.load(
        _env_file=None, client_id="7", data_dir=tmp_path / "anna" / "data", ledger_dir=settings.ledger_dir
    )
    make_budget(own, Time(now).clock()).record_answer(
        {"Date": "", "X-Ratelimit-Limit": "1,1", "X-Ratelimit-Usage": "1,1"}
    )
    assert isinstance(make_budget(own), RateBudget)
    assert asked(tick(settings, instance, "go_on", now)) == []
    assert asked(tick(settings, instance, "go_on", now + timedelta(days=1))) != []
