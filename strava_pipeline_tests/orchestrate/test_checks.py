"""Every check of the graph, on wrong data in a real warehouse: what stops a run, what only warns, what readers keep."""

import json
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from strava_pipeline.core.errors import CheckFailedError
from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import CHILDREN, DAY_VALUES, TABLES
from strava_pipeline.lake.locks import live_run
from strava_pipeline.operations.years import year_range
from strava_pipeline_tests.rig import Make, Rig, broken_rules, definitions

pytestmark = pytest.mark.slow

YEARS = f"2025–{year_range(2025).newest}"
ONE = "(SELECT min(id) FROM activities_all)"  # the oldest: no daily run fetches its detail again


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    """Few activities of two years: what is looked at here is the checks."""
    return make_rig(activities=8, years=(2025, 2026), settings={"first_year": 2025})


def spoil(path: Path, statement: str) -> None:
    """Change a warehouse behind the pipeline's back."""
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement)


def newest(rig: Rig) -> int:
    return int(max(rig.truth(), key=lambda item: str(item["start_date"]))["id"])


def told(rig: Rig) -> dict[str, dg.AssetCheckEvaluation]:
    """What each check of the newest run said."""
    (newest,) = rig.remembered.get_runs(limit=1)
    events = rig.remembered.all_logs(newest.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in events]
    return {f"{one.asset_key.to_user_string()}.{one.check_name}": one for one in found}


def failed(rig: Rig, severity: dg.AssetCheckSeverity) -> set[str]:
    return {name for name, one in told(rig).items() if not one.passed and one.severity is severity}


ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def values(evaluation: dg.AssetCheckEvaluation) -> dict[str, object]:
    return {name: value.value for name, value in evaluation.metadata.items()}


def broken(rig: Rig, name: str) -> list[str]:
    """The rules that do not hold, as the check of the newest run said."""
    return broken_rules(told(rig)[name])


def check_alone(rig: Rig, *names: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Run checks and nothing else, as the button of the UI does."""
    keys = {dg.AssetCheckKey(dg.AssetKey(asset), check) for asset, _, check in (name.partition(".") for name in names)}
    job = definitions(rig.settings).resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    job.get_subset(asset_check_selection=keys).execute_in_process(quiet, rig.remembered, raise_on_error=False)
    return told(rig)


def state(rig: Rig) -> tuple[int, int]:
    """Which file readers open, and the rows in it."""
    return rig.lake.snapshot.stat().st_ino, rig.one("SELECT count(*) FROM activities_all")


@pytest.mark.dear
def test_every_check_is_made_in_a_full_run_and_passes_on_what_was_fetched(rig: Rig) -> None:
    rig.run("flow_backfill")
    evaluated = told(rig)
    checks = definitions(rig.settings).resolve_asset_graph().asset_check_keys
    profile = {"athlete", "gear"}
    others = {
        *(asset for system in parts("jobs") for job in system.JOBS for asset in job.assets),
        "bronze_files",
        "files",
        "bronze_activity_streams",
        "webhook_events",
        "applied_changes",
    }  # jobs of their own
    assert evaluated.keys() == {
        f"{key.asset_key.to_user_string()}.{key.name}"
        for key in checks
        if key.asset_key.to_user_string() not in profile | others
    }
    assert {name for name, one in evaluated.items() if not one.passed} == set()
    rig.run_unpartitioned("profile")
    assert told(rig).keys() == {
        f"{key.asset_key.to_user_string()}.{key.name}" for key in checks if key.asset_key.to_user_string() in profile
    }
    assert {name for name, one in told(rig).items() if not one.passed} == set()
    assert values(evaluated["activity_shards.holds_bronze"])["pages_in_bronze"] == 2
    found = {
        key: value
        for name in evaluated
        if name.startswith("activities.")
        for key, value in values(evaluated[name]).items()
    }
    assert found == {
        "duplicate_keys": 0, "missing_keys": 0, "lost_rows": 0, "clocks_off_their_zone": 0, "in_shards": 8, "in_gold": 8, "missing": 0,
        "unexpected": 0, "years": YEARS, "deletions_not_marked": 0,
    }  # fmt: skip
    assert values(evaluated["activity_details.holds_bronze"])["on_disk"] == 8


def test_the_checks_of_every_table_of_the_catalogue_name_the_rules_that_it_calls_for(rig: Rig) -> None:
    graph = definitions(rig.settings).resolve_asset_graph()
    for name, table in TABLES.items():
        if name == DAY_VALUES.name:  # is there where a service gives days and nights
            continue
        asset = dg.AssetKey("activities" if name == "activities_all" else name)
        checks = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys if key.asset_key == asset}
        assert checks["integrity"].blocking
        bounded = any(column.low is not None or column.high is not None for column in table.columns)
        for rule, check, called_for in (
            ("columns_match", "integrity", True),
            ("keys_unique", "integrity", True),
            ("parents_exist", "integrity", table.parent is not None),
            ("rows_kept", "integrity", not table.may_shrink),
            ("values_believable", "values", bounded),
            ("offsets_agree", "values", name in ("activities_all", "activity_details")),
            ("clocks_agree", "values", name == "activities_all"),
        ):
            described = check in checks and f"({rule})" in str(checks[check].description)
            assert described == called_for, (asset, rule)


SOAK = pytest.mark.soak(part="damage")  # what lake/test_quality.py counts, in a whole run
SHOWN = ("a lap twice", "an activity lost")
STOPS: Mapping[str, tuple[str, str, str, dict[str, object]]] = {
    "a column too many": (
        "ALTER TABLE activity_laps_by_source ADD COLUMN odd INTEGER",
        "activity_laps",
        "columns_match",
        {"wrong_columns": {"odd": "unknown"}},
    ),
    "a column of another type": (
        "ALTER TABLE activities_all ALTER COLUMN kudos_count TYPE DOUBLE",
        "activities",
        "columns_match",
        {"wrong_columns": {"kudos_count": "DOUBLE instead of BIGINT"}},
    ),
    "an activity twice": (
        "INSERT INTO activities_all SELECT * FROM activities_all LIMIT 1",
        "activities",
        "keys_unique",
        {"duplicate_keys": 1, "missing_keys": 0, "lost_rows": 0},
    ),
    "a lap twice": (
        "INSERT INTO activity_laps_by_source SELECT * FROM activity_laps LIMIT 1",
        "activity_laps",
        "keys_unique",
        {"duplicate_keys": 1, "missing_keys": 0, "rows_without_activity": 0},
    ),
    "a split without its activity": (
        "INSERT INTO activity_splits_metric_by_source SELECT * REPLACE (-7 AS activity_id) FROM activity_splits_metric LIMIT 1",
        "activity_splits_metric",
        "parents_exist",
        {"duplicate_keys": 0, "missing_keys": 0, "rows_without_activity": 1},
    ),
    "a detail without its activity": (
        "INSERT INTO activity_details_by_source SELECT * REPLACE (-7 AS activity_id) FROM activity_details LIMIT 1",
        "activity_details",
        "parents_exist",
        {"duplicate_keys": 0, "missing_keys": 0, "rows_without_activity": 1, "lost_rows": 0},
    ),
    "an activity lost": (
        f"DELETE FROM activities_all WHERE id = {ONE}",
        "activities",
        "rows_kept",
        {"lost_rows": 1},
    ),
}


@pytest.mark.dear
@pytest.mark.parametrize("what", [*SHOWN, *(pytest.param(what, marks=SOAK) for what in STOPS if what not in SHOWN)])
def test_a_run_on_a_faulty_warehouse_stops_and_readers_keep_what_they_had(rig: Rig, what: str) -> None:
    statement, asset, rule, expected = STOPS[what]
    name = f"{asset}.integrity"
    rig.run("flow_backfill")  # of what was begun with, all is merged anew: copies are other files
    before = state(rig)
    spoil(rig.lake.working, statement)
    rig.control("edit", id=newest(rig), set={"name": "Changed"})  # something to publish
    with pytest.raises(CheckFailedError) as stopped:
        rig.run("flow")
    is_lost = what == "an activity lost"
    assert stopped.value.failed.keys() == {name} | ({"activity_history.integrity"} if is_lost else set())
    assert failed(rig, ERROR) == stopped.value.failed.keys() | ({"activities.holds_shards"} if is_lost else set())
    assert expected.items() <= values(told(rig)[name]).items()
    assert broken(rig, name) == [rule]
    assert stopped.value.failed[name].startswith(f"{rule}: "), "says which rule"
    (run,) = rig.remembered.get_runs(limit=1)
    begun = {entry.step_key for entry in rig.remembered.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)}
    assert "published_warehouse" not in begun, "nothing is left to the last look before publishing"
    assert "strava-pipeline re" in str(stopped.value) or "run-all" in str(stopped.value), "says what to do"
    assert state(rig) == before


@pytest.mark.dear
def test_a_rebuild_mends_what_stopped_a_run(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    spoil(rig.lake.working, STOPS["an activity lost"][0])
    spoil(rig.lake.working, STOPS["a lap twice"][0])
    rig.run_unpartitioned("rebuild")
    rig.run("flow")
    assert not failed(rig, ERROR)
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_detail_that_is_on_disk_no_more_and_lost_from_gold_stops_the_run(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    before = state(rig)
    lost = rig.one("SELECT arg_min(id, start_date) FROM activities")
    for path in rig.lake.details.glob(f"year=*/{lost}/*"):
        path.unlink()
    for table in ("activity_details", *(child.name for child, _ in CHILDREN.values())):
        spoil(rig.lake.working, f"DELETE FROM {TABLES[table].stored} WHERE activity_id = {lost}")
    rig.control("edit", id=newest(rig), set={"name": "Changed"})
    with pytest.raises(CheckFailedError, match=r"activity_details\.integrity: rows_kept"):
        rig.run("flow")
    assert values(told(rig)["activity_details.integrity"])["lost_rows"] == 1
    assert state(rig) == before


@pytest.mark.dear
@pytest.mark.parametrize(
    ("job", "asset"),
    [("enrich", {"bronze_activity_details": {"since_days": 4000}}), ("profile", {})],
    ids=["enrich, which checks no activities", "profile, which checks its own tables"],
)
def test_no_job_publishes_what_another_one_was_stopped_by(rig: Rig, job: str, asset: dict[str, dict[str, int]]) -> None:
    rig.begin_with("flow_backfill")
    before = state(rig)
    spoil(rig.lake.working, STOPS["an activity twice"][0])
    with pytest.raises(CheckFailedError, match=r"activities\.integrity: keys_unique"):
        rig.run(job, **asset) if job == "enrich" else rig.run_unpartitioned(job)
    assert state(rig) == before


@pytest.mark.dear
def test_gear_that_stands_twice_is_not_published(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    rig.run_unpartitioned("profile")
    before = state(rig)
    spoil(rig.lake.working, "INSERT INTO gear SELECT * FROM gear LIMIT 1")
    with pytest.raises(CheckFailedError, match=r"gear\.integrity: keys_unique"):
        rig.run_unpartitioned("profile")
    assert state(rig) == before


@pytest.mark.dear
@pytest.mark.parametrize(
    ("odd", "counts"),
    [
        pytest.param({"max_speed": 987.654321}, {"max_speed": 1}, marks=SOAK),
        ({"distance": -5.0, "max_speed": 987.654321}, {"distance": 1, "max_speed": 1}),
        pytest.param({"utc_offset": 3601.0}, {"offsets": 1}, marks=SOAK),
        ({"start_date_local": "2026-03-11T23:59:59Z"}, {"offsets": 1}),
    ],
    ids=["too fast", "two columns", "an offset that the clocks contradict", "a day ahead"],
)
def test_what_is_hard_to_believe_is_told_by_its_count_and_published(
    rig: Rig, odd: dict[str, object], counts: dict[str, int]
) -> None:
    rig.control("edit", id=newest(rig), set=odd)
    rig.run("flow_backfill")
    assert failed(rig, WARN) == {"activities.values", "activity_details.values"}
    for name in failed(rig, WARN):
        assert broken(rig, name) == ["offsets_agree" if "offsets" in counts else "values_believable"]
        found = {key.removeprefix("hard_to_believe/"): value for key, value in values(told(rig)[name]).items()}
        assert {column: found[column] for column in counts} == counts
        assert all(f"{column} in 1 rows" in str(told(rig)[name].description) for column in counts)
    assert rig.one("SELECT count(*) FROM activities") == 8
    said = json.dumps([each.to_json() for each in rig.remembered.all_logs(rig.remembered.get_runs(limit=1)[0].run_id)])
    assert "987.654321" not in said


BEHIND: Mapping[str, tuple[str, str, str]] = {
    "shards behind bronze": ("activity_shards.holds_bronze", "shard", "pages_in_bronze"),
    "gold behind shards": ("activities.holds_shards", f"DELETE FROM activities_all WHERE id = {ONE}", "in_shards"),
    "gold behind the details on disk": (
        "activity_details.holds_bronze",
        f"DELETE FROM activity_details_by_source WHERE activity_id = {ONE}",
        "on_disk",
    ),
}


@pytest.mark.closed
@pytest.mark.parametrize("what", BEHIND)
def test_a_layer_that_is_behind_the_one_above_fails_unless_another_run_is_at_work(rig: Rig, what: str) -> None:
    check, fault, above = BEHIND[what]
    rig.begin_with("flow_backfill")
    assert check_alone(rig, check)[check].passed
    if fault == "shard":
        next(rig.lake.shards_of(2025).glob("*.parquet")).unlink()
    else:
        spoil(rig.lake.working, fault)
        rig.lake.snapshot.unlink()  # or what readers have would be lost
    (found,) = check_alone(rig, check).values()
    assert (found.passed, found.severity) == (False, ERROR)
    assert "2025" in str(found.description)
    assert "2026" not in str(found.description), "the other year lacks nothing"
    assert int(str(values(found)["missing"])) > 0
    assert int(str(values(found)[above])) > 0
    with live_run(rig.lake, "another"):
        (found,) = check_alone(rig, check).values()
    assert (found.passed, found.severity) == (False, WARN)


def test_activities_that_only_gold_has_left_are_told(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    next(rig.lake.shards_of(2025).glob("*.parquet")).unlink()
    check = "activities.holds_shards"
    (found,) = check_alone(rig, check).values()
    assert (found.passed, found.severity) == (False, WARN)
    assert values(found)["unexpected"] == rig.one("SELECT count(*) FROM activities WHERE year = 2025")


def test_details_of_activities_that_a_damaged_page_took_away_stop_nothing(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    gone = rig.one(f"SELECT {ONE}")
    spoil(rig.lake.working, f"DELETE FROM activities_all WHERE id = {gone}")
    rig.lake.snapshot.unlink()
    check = "activity_details.integrity"
    assert check_alone(rig, check)[check].severity is ERROR
    manifest = next(rig.lake.listings.glob("*/manifest.json"))
    said = json.loads(manifest.read_text())
    said["pages"].insert(0, {**said["pages"][0], "file": "page-0009.json.gz", "lost": True})
    manifest.write_text(json.dumps(said))
    found = check_alone(rig, check)[check]
    assert (found.passed, found.severity) == (False, WARN)
    assert values(found)["rows_without_activity"] == 1


@pytest.mark.dear
def test_a_snapshot_with_other_rows_than_gold_fails_the_run(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    spoil(rig.lake.snapshot, "DELETE FROM activity_laps_by_source WHERE lap_position = 1")
    with pytest.raises(CheckFailedError, match=r"published_warehouse\.holds_gold: Delete the snapshot"):
        rig.run("flow")
    found = values(told(rig)["published_warehouse.holds_gold"])
    assert found["compared"] is True
    assert int(str(found["rows_in_gold/activity_laps"])) > int(str(found["rows_published/activity_laps"]))


def test_a_failed_check_s_counts_stand_in_the_run_s_log_without_a_traceback(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    spoil(rig.lake.working, STOPS["an activity twice"][0])
    with pytest.raises(CheckFailedError):
        rig.run("compact")
    text = (rig.settings.logs_dir / "flow" / "latest.log").read_text()
    assert "check activities.integrity failed: duplicate_keys 1" in text
    assert "A check stopped the run" in text
    assert "an error of the program" not in text
