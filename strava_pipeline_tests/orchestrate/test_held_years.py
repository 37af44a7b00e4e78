"""One year of a run that fails its check stays as it was and is named; the others are merged and published."""

import json
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from dagster._core.execution.api import create_execution_plan
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from strava_pipeline.core.errors import CheckFailedError, YearsHeldBackError
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.providers import ReadPage
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.files import write_rows
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.dagster_private import InMemoryJob, execute_run
from strava_pipeline.orchestrate.partitions import year_partitions
from strava_pipeline.orchestrate.tags import HELD_BACK
from strava_pipeline_tests.operations.test_several_years import by_start, names
from strava_pipeline_tests.orchestrate.test_checks import check_alone, told
from strava_pipeline_tests.rig import Make, Rig, definitions

pytestmark = pytest.mark.slow

YEARS = [2023, 2024, 2025]
BAD = 2024


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    """Full years, of which readers have everything; since then an activity of each was renamed at the source."""
    rig = make_rig(activities=40)
    rig.begin_with("flow_backfill")
    for year in YEARS:
        rig.control("edit", id=by_start(rig, year)[1], set={"name": f"Renamed in {year}"})
    return rig


def lose_page(rig: Rig, year: int) -> None:
    """Have a page in bronze of which nothing of `year` reaches the shards, though its manifest names that year."""
    other = next(item for item in rig.truth() if item["start_date_local"].startswith(str(year - 1)))
    at = rig.emulator.state.clock.now()
    athlete = other["athlete"]["id"]
    listing = begin_listing(rig.lake, Window(mode="year", after=1, before=2), athlete_id=athlete, at=at)
    listing.land(ReadPage([other]), json_bytes([other]), {}, at, year_range(rig.settings.first_year))
    manifest = listing.folder / "manifest.json"
    said = json.loads(manifest.read_text())
    said["pages"][0] |= {"local_years": [year], "years": [year]}
    manifest.write_text(json.dumps(said))


def break_shard(rig: Rig, year: int) -> Path:
    """Have an activity in the newest shard of `year` that no merge takes: it has no content. The shard."""
    path = max(rig.lake.shards_of(year).glob("*.parquet"))
    rows = pl.read_parquet(path)
    first = rows["id"] == rows["id"].min()
    broken = rows.with_columns(
        id=pl.when(first).then(-5).otherwise(pl.col("id")),
        content_hash=pl.when(first).then(None).otherwise(pl.col("content_hash")),
    )
    write_rows(path, broken, "zstd", dict(pl.read_parquet_metadata(path)))
    return path


def partitions_of_newest_run(rig: Rig) -> dict[str, set[int]]:
    """By asset, the years that the newest run reports as made."""
    (newest,) = rig.remembered.get_runs(limit=1)
    found: dict[str, set[int]] = {}
    for entry in rig.remembered.all_logs(newest.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = entry.get_dagster_event().step_materialization_data.materialization
        found.setdefault(made.asset_key.to_user_string(), set()).add(int(str(made.partition)))
    return found


def failed_years(rig: Rig, asset: str) -> set[int]:
    """The years of an asset that Dagster's UI shows as failed, and launches again where a person asks for these."""
    partitions = year_partitions(rig.settings.first_year)
    status = get_and_update_asset_status_cache_value(rig.remembered, dg.AssetKey(asset), partitions)
    assert status is not None
    return {int(key) for key in status.deserialize_failed_partition_subsets(partitions).get_partition_keys()}


@pytest.mark.dear
def test_a_year_whose_merge_lacks_something_stays_as_it_was_and_the_others_are_published(rig: Rig) -> None:
    rig.do("run_all")
    shard = break_shard(rig, BAD)
    before = rig.gold(f"SELECT id, name, ingestion_ts FROM activities_all WHERE year = {BAD} ORDER BY id")
    with pytest.raises(YearsHeldBackError, match=r"refused 2024 \(activities: holds_shards\)") as stopped:
        rig.run("compact", YEARS)
    assert stopped.value.years == {BAD: "activities: holds_shards"}
    assert names(rig) == {"Renamed in 2023", "Renamed in 2025"}
    assert rig.gold(f"SELECT id, name, ingestion_ts FROM activities_all WHERE year = {BAD} ORDER BY id") == before
    check = told(rig)["activities.holds_shards"]
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, False)
    assert "2024" in str(check.description)
    assert "2023" not in str(check.description)
    assert check.metadata["missing"].value == 1
    made = partitions_of_newest_run(rig)
    assert {frozenset(years) for years in made.values()} == {frozenset({2023, 2025})}
    assert {"activities", "activity_history", "published_warehouse", "insights", "activity_members"} <= made.keys()
    assert {year for asset in made for year in failed_years(rig, asset)} == {BAD}
    (run,) = rig.remembered.get_runs(limit=1)
    assert (run.status, run.tags[HELD_BACK]) == (dg.DagsterRunStatus.FAILURE, str(BAD))

    shard.unlink()  # what was wrong is put right; the year is launched again, alone
    rig.do("run", [BAD])
    rig.run("compact", [BAD])
    assert names(rig) == {"Renamed in 2023", "Renamed in 2024", "Renamed in 2025"}
    assert failed_years(rig, "activities") == failed_years(rig, "insights") == set()
    assert partitions_of_newest_run(rig)["activities"] == {BAD}


def test_a_year_alone_that_fails_ends_its_run_where_it_fails(rig: Rig) -> None:
    rig.do("run_all")
    break_shard(rig, BAD)
    with pytest.raises(YearsHeldBackError, match="What was fetched is kept"):
        rig.run("compact", [BAD])
    (run,) = rig.remembered.get_runs(limit=1)
    begun = {entry.step_key for entry in rig.remembered.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)}
    assert begun == {"activities"}
    assert partitions_of_newest_run(rig) == {}


@pytest.mark.dear
def test_a_year_whose_pages_reach_no_shard_is_left_out_of_all_that_is_below(rig: Rig) -> None:
    rig.emulator.state.clock.advance(60)
    lose_page(rig, BAD)
    rig.calls()
    with pytest.raises(YearsHeldBackError, match=r"2024 \(activity_shards: holds_bronze\)"):
        rig.run("reconcile", YEARS)
    assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2, "/activities/{id}": 2}, "no detail of the bad year"
    assert names(rig) == {"Renamed in 2023", "Renamed in 2025"}
    made = partitions_of_newest_run(rig)
    assert made.pop("bronze_activities") == {*YEARS}
    assert {frozenset(years) for years in made.values()} == {frozenset({2023, 2025})}
    assert failed_years(rig, "activity_details") == failed_years(rig, "activity_shards") == {BAD}
    assert failed_years(rig, "bronze_activities") == set()
    assert [listing.manifest.settled for listing in listings(rig.lake)][-1] is False, "to be used by another try"


@pytest.mark.dear
def test_what_can_t_be_said_of_single_years_still_stops_the_run(rig: Rig) -> None:
    rig.do("run_all")
    break_shard(rig, BAD)
    with duckdb.connect(str(rig.lake.working)) as connection:
        connection.execute("INSERT INTO activities_all SELECT * FROM activities_all WHERE year = 2023 LIMIT 1")
    before = rig.lake.snapshot.stat().st_ino
    with pytest.raises(CheckFailedError, match=r"activities\.integrity: keys_unique") as stopped:
        rig.run("compact", YEARS)
    assert stopped.value.failed.keys() == {"activities.integrity"}
    assert rig.lake.snapshot.stat().st_ino == before


def test_the_check_alone_fails_and_names_the_year(rig: Rig) -> None:
    rig.do("run_all")
    break_shard(rig, BAD)
    (found,) = check_alone(rig, "activities.holds_shards").values()
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "2024" in str(found.description)


def begin_again(rig: Rig, steps: list[str] | None = None) -> dg.DagsterRun:
    """Execute the newest run again, as the UI does: from its beginning, or these steps alone."""
    (parent,) = rig.remembered.get_runs(limit=1)
    job = definitions(rig.settings).resolve_job_def(parent.job_name)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    run = rig.remembered.create_run_for_job(
        job,
        run_config=quiet,
        tags=parent.tags,
        parent_run_id=parent.run_id,
        root_run_id=parent.run_id,
        execution_plan=create_execution_plan(job, run_config=quiet, step_keys_to_execute=steps) if steps else None,
    )
    execute_run(InMemoryJob(job), run, rig.remembered)
    found = rig.remembered.get_run_by_id(run.run_id)
    assert found is not None
    return found


@pytest.mark.dear
def test_a_run_that_goes_on_where_it_failed_remembers_and_one_that_begins_again_judges_anew(rig: Rig) -> None:
    rig.do("run_all")
    shard = break_shard(rig, BAD)
    with pytest.raises(YearsHeldBackError):
        rig.run("compact", YEARS)
    run = begin_again(rig, ["insights"])
    assert (run.status, run.tags[HELD_BACK]) == (dg.DagsterRunStatus.FAILURE, str(BAD))
    assert partitions_of_newest_run(rig) == {"insights": {2023, 2025}}
    shard.unlink()
    rig.do("run", [BAD])
    run = begin_again(rig)
    assert (run.status, run.tags[HELD_BACK]) == (dg.DagsterRunStatus.SUCCESS, "")
    assert {frozenset(years) for years in partitions_of_newest_run(rig).values()} == {frozenset(YEARS)}
    assert names(rig) == {"Renamed in 2023", "Renamed in 2024", "Renamed in 2025"}


@pytest.mark.dear
@pytest.mark.parametrize("years_before", [[-2], [-2, -1, 0]], ids=["a year", "several"])
def test_a_run_from_before_the_first_year_was_set_later_is_of_the_first(rig: Rig, years_before: list[int]) -> None:
    first = rig.settings.first_year
    rig.run("compact", [first + year for year in years_before])
    assert partitions_of_newest_run(rig)["activities"] == {first}
