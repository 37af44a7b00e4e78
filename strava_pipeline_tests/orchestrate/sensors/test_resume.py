"""What a limit stopped goes on by itself: when calls can be made again, once, and until nothing is left."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING, STREAMS
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import RESUMABLE
from strava_pipeline.orchestrate.tags import DATA_DIR, HELD_BACK, LIMIT, RESUMES
from strava_pipeline_tests.orchestrate.sensors.ticks import Watch, watched
from strava_pipeline_tests.rig import Make, Rig, definitions

pytestmark = pytest.mark.slow

SUCCESS, AT_WORK, FAILED = DagsterRunStatus.SUCCESS, DagsterRunStatus.STARTED, DagsterRunStatus.FAILURE
STOPPED = {LIMIT: "day"}


@pytest.fixture
def watch(rig: Rig) -> Iterator[Watch]:
    with watched(rig) as made:
        yield made


def next_day(watch: Watch) -> None:
    """A day passes, here and at Strava."""
    watch.later += timedelta(days=1)
    watch.rig.control("clock", advance=86_400)


@pytest.mark.dear
def test_what_a_limit_stopped_goes_on_day_by_day_until_nothing_is_left(make_rig: Make) -> None:
    day = Limits(900, 2000, 900, 10)
    rig = make_rig(activities=20, years=(2025, 2026), limits=day, settings={"first_year": 2025})
    with watched(rig) as watch:
        first = rig.run("flow_backfill")
        assert first.stopped_early
        told = first.metadata["bronze_activity_details"]
        assert (told["missing"], told["calls_left"]) == (13, 0)
        assert rig.one("SELECT count(*) FROM activities") == 20, "what was fetched is merged and published"
        assert watch.tick("resume") == (None, "1 runs wait for the limit's next window.")
        runs, calls = [first.run_id], [rig.calls()["total"]]
        while len(runs) < 9:
            next_day(watch)
            asked, why = watch.tick("resume")
            if asked is None:
                break
            assert (asked.job_name, asked.tags[RESUMES], asked.tags["dagster/priority"]) == (
                "flow_backfill",
                runs[-1],
                "-10",
            )
            runs.append(watch.launch(asked).run_id)
            assert asked.run_key == f"resumes {runs[-2]} 0"
            assert watch.tick("resume")[0] is None, "none twice"
            made = rig.calls()
            assert (made["by_endpoint"].get("/athlete/activities"), made["refused"]) == (None, 0), "listed once for all"
            calls.append(made["total"])
        assert why == "Nothing waits for a limit."
        assert calls == [9, 9, 4], "one of ten is left to the daily run: two pages and twenty details"
        rig.assert_true_to_source()


@pytest.mark.dear
def test_a_listing_that_broke_off_is_gone_on_with(make_rig: Make) -> None:
    rig = make_rig(activities=20, years=(2025, 2025), limits=Limits(900, 2000, 900, 2), settings={"first_year": 2025})
    with watched(rig) as watch:
        rig.run("backfill", [2025], bronze_activities={"per_page": 8})
        next_day(watch)
        asked, _ = watch.tick("resume")
        assert asked is not None
        assert asked.tags["dagster/partition"] == "2025"
        assert asked.run_config["ops"][LISTING]["config"]["per_page"] == 8
        assert {key.to_user_string() for key in asked.asset_selection or ()} >= {LISTING, "activities", DETAILS}
        rig.control("limits", limits="900,2000/900,900")
        rig.calls()
        watch.launch(asked)
        assert rig.calls()["by_endpoint"]["/athlete/activities"] == 2, "the last page, and the empty one"
        rig.assert_true_to_source()


@pytest.mark.dear
def test_a_run_of_a_backfill_from_the_asset_graph_goes_on_as_the_job_that_does_the_same(make_rig: Make) -> None:
    rig = make_rig(activities=6, years=(2025, 2025), limits=Limits(900, 2000, 900, 5), settings={"first_year": 2025})
    with watched(rig) as watch:
        watch.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            partition_key="2025",
            instance=watch.instance,
            tags={"dagster/backfill": "abc"},
            asset_selection=[dg.AssetKey(name) for name in (LISTING, "activity_shards", "activities", DETAILS)],
        )
        next_day(watch)
        asked, _ = watch.tick("resume")
        assert asked is not None
        assert (asked.job_name, asked.tags["dagster/partition"]) == ("backfill", "2025")
        assert asked.asset_selection == [dg.AssetKey(DETAILS)]
        assert "dagster/backfill" not in asked.tags
        watch.launch(asked)
        rig.run("enrich_all")
        assert set(rig.calls()["details"].values()) == {1}
        rig.assert_true_to_source()


@pytest.mark.dear
def test_streams_go_on_as_streams_however_they_were_launched(make_rig: Make) -> None:
    rig = make_rig(activities=20, years=(2025, 2025), settings={"first_year": 2025})
    rig.begin_with("run_all")
    rig.do("compact")
    lacking = sum(not item["manual"] for item in rig.truth())
    rig.control("limits", limits="900,10/900,2000")
    rig.control("clock", advance=86_400)
    with watched(rig) as watch:
        rig.calls()
        watch.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            partition_key="2025", instance=watch.instance, asset_selection=[dg.AssetKey(STREAMS), dg.AssetKey("tracks")]
        )
        made = rig.calls()["total"]
        assert made == 9, "one of ten is left to the daily run"
        for _ in range(2):
            assert watch.tick("resume")[0] is None
            next_day(watch)
            asked, why = watch.tick("resume")
            assert asked is not None, why
            assert (asked.job_name, asked.tags["dagster/partition"]) == ("streams", "2025")
            assert {key.to_user_string() for key in asked.asset_selection or ()} == {STREAMS, "tracks"}
            watch.launch(asked)
            calls = rig.calls()
            assert set(calls["by_endpoint"]) == {"/activities/{id}/streams"}
            assert calls["refused"] == 0
            made += calls["total"]
        next_day(watch)
        assert (watch.tick("resume"), made) == ((None, "Nothing waits for a limit."), lacking)


ONLY_RUNS = {"ops": {DETAILS: {"config": {"sports": ["Run"]}}}}
CAPPED = {"ops": {DETAILS: {"config": {"max_calls": 5}}}}


@pytest.mark.parametrize(
    ("job", "made", "goes_on"),
    [
        ("backfill", {"tags": STOPPED}, True),
        ("flow", {"tags": STOPPED}, True),
        ("run_all", {"tags": {LIMIT: "15min"}}, True),
        ("streams", {"tags": STOPPED}, True),
        # the other years are still to do
        ("backfill", {"status": FAILED, "tags": {**STOPPED, HELD_BACK: "2024"}}, True),
        ("backfill", {"status": FAILED, "tags": {**STOPPED, HELD_BACK: ""}}, False),
        ("backfill", {"status": FAILED, "tags": STOPPED}, False),
        ("backfill", {}, False),  # it came to its end, or a cap's
        ("backfill", {"tags": STOPPED, "run_config": CAPPED}, False),
        ("enrich", {"tags": STOPPED}, False),  # asked for once by a person
        ("profile", {"tags": STOPPED}, False),  # weekly
        ("backfill", {"tags": {**STOPPED, DATA_DIR: "elsewhere"}}, False),
    ],
)
def test_only_what_stravas_limits_stopped_goes_on(watch: Watch, job: str, made: dict[str, Any], goes_on: bool) -> None:
    watch.note(job, **{"status": SUCCESS, **made})
    asked, why = watch.tick("resume")
    assert (asked is not None) is goes_on, why


@pytest.mark.parametrize(
    ("job", "later", "goes_on"),
    [
        ("backfill", ("backfill", {}), False),
        ("backfill", ("backfill", {"status": AT_WORK}), False),
        ("backfill", ("backfill", {"status": DagsterRunStatus.FAILURE}), False),
        ("backfill", ("backfill", {"years": "2025"}), True),
        ("backfill", ("backfill", {"run_config": ONLY_RUNS}), True),  # the other sports are still to be fetched
        ("backfill", ("flow", {}), True),
        ("backfill", ("streams", {}), True),
        ("streams", ("backfill", {}), True),
        ("streams", ("streams", {}), False),
        ("backfill", ("backfill", {"tags": {DATA_DIR: "elsewhere"}}), True),
        ("flow", ("flow", {"years": "2025"}), False),  # it takes up what the last one left
    ],
)
def test_what_was_taken_over_stays(watch: Watch, job: str, later: tuple[str, dict[str, Any]], goes_on: bool) -> None:
    watch.note(later[0], **{"status": SUCCESS, **later[1]})  # an earlier one is none
    watch.note(job, SUCCESS, tags=STOPPED)
    assert watch.tick("resume")[0] is not None
    watch.note(later[0], **{"status": SUCCESS, **later[1]})
    assert (watch.tick("resume")[0] is not None) is goes_on


def test_years_go_on_one_at_a_time_the_newest_first(watch: Watch) -> None:
    for year in ("2024", "2026", "2025"):
        watch.note("backfill", SUCCESS, years=year, tags=STOPPED)
    asked, _ = watch.tick("resume")
    assert asked is not None
    assert asked.tags["dagster/partition"] == "2026"
    resumed = watch.note("backfill", AT_WORK, tags={RESUMES: asked.tags[RESUMES]})
    asked, why = watch.tick("resume")
    assert asked is None
    assert resumed.run_id in why
    watch.instance.report_run_canceled(resumed)
    asked, _ = watch.tick("resume")
    assert asked is not None
    assert asked.tags["dagster/partition"] == "2025"


def test_a_range_goes_on_as_a_range(watch: Watch) -> None:
    watch.note("flow", SUCCESS, tags={**STOPPED, **range_tags([2025, 2026])})
    asked, _ = watch.tick("resume")
    assert asked is not None
    assert asked.tags.items() >= range_tags([2025, 2026]).items()


def test_without_a_login_nothing_goes_on(watch: Watch) -> None:
    watch.note("backfill", SUCCESS, tags=STOPPED)
    (watch.rig.settings.secrets_dir / "strava_token.json").unlink()
    assert "strava-pipeline auth" in watch.tick("resume")[1]


def test_the_rest_of_every_job_can_be_asked_for(rig: Rig) -> None:
    for job in RESUMABLE:
        rest = {dg.AssetKey(name) for name in {*JOBS["enrich"].assets} & {*JOBS[job].assets}}
        made = definitions(rig.settings).resolve_job_def(job).get_subset(asset_selection=rest or None)
        assert {node.name for node in made.graph.nodes} >= ({DETAILS} if DETAILS in JOBS[job].assets else set()), job


@pytest.mark.dear
def test_going_on_that_failed_is_tried_again_three_times_in_all(make_rig: Make) -> None:
    rig = make_rig(activities=20, years=(2025, 2025), limits=Limits(900, 2000, 900, 10), settings={"first_year": 2025})
    with watched(rig) as watch:
        stopped = rig.run("backfill", [2025])
        next_day(watch)
        for number in range(3):
            asked, _ = watch.tick("resume")
            assert asked is not None
            assert asked.run_key == f"resumes {stopped.run_id} {number}"
            failed = rig.remembered.create_run_for_job(
                watch.defs.resolve_job_def("backfill"),
                tags={**asked.tags, DATA_DIR: str(rig.lake.data_dir)},
                status=DagsterRunStatus.STARTED,
            )
            rig.remembered.report_run_failed(failed)
        assert watch.tick("resume") == (None, "Nothing waits for a limit."), "three times, and then a person is needed"
