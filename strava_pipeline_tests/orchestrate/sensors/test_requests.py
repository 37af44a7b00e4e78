"""Requests of the dashboard: each becomes one run, whose end is beside it, whatever became of the run."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterRun, DagsterRunStatus, Failure
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._daemon.sensor import get_elapsed
from tenacity import Retrying, stop_after_delay, wait_fixed

from strava_pipeline.core.geodesy import tile_of
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.looks import looked_at, requests_folder
from strava_pipeline.lake.maps import HOME, regions
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import Refusal, keep_refusal, refusal
from strava_pipeline.lake.requests import (
    CANCELLED,
    ApplyWanted,
    BackfillWanted,
    ImportWanted,
    MonthWanted,
    PullWanted,
    RegionWanted,
    Request,
    RequestView,
    Wanted,
    asked_since,
    begin_request,
    cancel_request,
    keep_request,
    request_view,
)
from strava_pipeline.operations.changes.asking import propose_month
from strava_pipeline.operations.dashboard import DashboardPipeline
from strava_pipeline.operations.log_files import DONE
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.orchestrate.jobs import REGION_JOB
from strava_pipeline.orchestrate.notifying import note_end
from strava_pipeline.orchestrate.sensors import waking
from strava_pipeline.orchestrate.sensors.requests import request_of
from strava_pipeline.orchestrate.tags import REQUEST
from strava_pipeline.testing.worlds import at_strava
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.ingest.test_http import Handler, server
from strava_pipeline_tests.ingest.test_map_region import archive, ranges
from strava_pipeline_tests.lookups.test_heat_lines import write_heat_tiles
from strava_pipeline_tests.orchestrate.sensors.test_catch_up import origin
from strava_pipeline_tests.orchestrate.sensors.ticks import Watch, watched
from strava_pipeline_tests.providers.test_comparing import choose
from strava_pipeline_tests.providers.worlds import list_at_strava, world_of
from strava_pipeline_tests.rig import Make

SUCCESS, FAILURE, CANCELED = DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED
PULL = PullWanted(kind="pull", provider="strava")


@pytest.fixture
def watch(make_rig: Make) -> Iterator[Watch]:
    with watched(make_rig(activities=12, settings={"first_year": 2025})) as made:
        yield made


def ask(watch: Watch, wanted: Wanted = PULL) -> Request:
    return keep_request(watch.rig.lake, wanted, datetime.now(UTC), "a test")


def test_the_daemon_finds_the_sensor_due_while_a_request_is_new(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "PAUSE", 0.01)
    before = datetime.now(UTC).timestamp()
    data = SensorInstigatorData(before, min_interval=60, last_tick_start_timestamp=before)
    with watched(make_rig(activities=0), on_disk=True) as watch:
        for name in (waking.REQUESTS, "inbox"):
            state = InstigatorState(origin(name), InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
            watch.instance.add_instigator_state(state)
        with waking.requests_watched(watch.instance, watch.rig.lake):
            ask(watch)
            for attempt in Retrying(stop=stop_after_delay(60), wait=wait_fixed(0.02)):
                with attempt:
                    states = watch.instance.all_instigator_state()
                    assert [state.name for state in states if get_elapsed(state) is None] == [waking.REQUESTS]
        assert not asked_since(watch.rig.lake, datetime.now(UTC) + timedelta(seconds=1)), "nothing is new then"


def view(watch: Watch, request: Request) -> RequestView:
    found = request_view(watch.rig.lake, watch.rig.settings.logs_dir, request.id, datetime.now(UTC))
    assert found is not None
    return found


@pytest.mark.dear
def test_a_request_becomes_one_run_and_says_how_that_ended(watch: Watch) -> None:
    assert watch.tick("requests") == (None, "Nobody asked for anything.")
    assert looked_at(watch.rig.lake) is not None
    request = ask(watch)
    asked, _ = watch.tick("requests")
    assert asked is not None
    assert (asked.job_name, asked.run_key, asked.tags[REQUEST]) == ("flow", request.id, request.id)
    assert view(watch, request).status == "waiting"
    assert watch.launch(asked).status is DagsterRunStatus.SUCCESS
    ended = view(watch, request)
    assert (ended.status, ended.message) == ("done", "")
    assert ended.lines[0].count("run begins: flow")
    assert "run ends: done" in "\n".join(ended.lines)
    assert watch.tick("requests")[0] is None


def test_what_a_dashboard_is_about_to_import_gets_no_second_run_unless_minutes_pass(watch: Watch) -> None:
    (watch.rig.lake.inbox_files / "a.zip").mkdir(parents=True)
    request = ask(watch, ImportWanted(kind="import"))
    begin_request(watch.rig.lake, request.id, None, datetime.now(UTC), None)
    assert watch.tick("requests")[0] is None
    watch.later = timedelta(minutes=10)
    asked, _ = watch.tick("requests")
    assert asked is not None
    assert asked.run_key == request.id


@pytest.mark.dear
def test_a_run_that_ended_without_a_word_ends_its_request(watch: Watch) -> None:
    request = ask(watch)
    watch.note("flow", DagsterRunStatus.NOT_STARTED, tags={REQUEST: request.id})
    assert watch.tick("requests")[0] is None, "it has not begun"
    (run,) = watch.instance.get_runs()
    watch.instance.delete_run(run.run_id)
    for ended, status in ((FAILURE, "failed"), (CANCELED, "failed"), (SUCCESS, "done")):
        watch.note("flow", ended, at=datetime.now(UTC), tags={REQUEST: request.id})
        assert watch.tick("requests")[0] is None
        assert (view(watch, request).status, bool(view(watch, request).message)) == (status, status == "failed")
        request = ask(watch)
    watch.note("flow", FAILURE, at=datetime.now(UTC), tags={REQUEST: request.id})
    watch.note("flow", DagsterRunStatus.STARTED, tags={REQUEST: request.id})  # which Dagster begins in its place
    assert watch.tick("requests")[0] is None
    assert view(watch, request).status not in ("failed", "done")


def test_a_killed_run_ends_its_request_and_the_one_that_dagster_begins_in_its_place_goes_on(watch: Watch) -> None:
    request, lake = ask(watch), watch.rig.lake
    run = watch.note("flow", DagsterRunStatus.STARTED, tags={REQUEST: request.id})
    with live_run(lake, run.run_id):
        begin_request(lake, request.id, run.run_id, datetime.now(UTC), None)
        assert watch.tick("requests")[0] is None
        assert view(watch, request).status == "running"
        lock = next((lake.state / "runs").glob("*.lock"))
        left = lock.read_bytes()
    lock.write_bytes(left)  # as a kill leaves it
    assert watch.tick("requests")[0] is None
    assert watch.run(run.run_id).status is DagsterRunStatus.FAILURE
    assert (view(watch, request).status, "is gone" in view(watch, request).message) == ("failed", True)


@pytest.mark.dear
def test_what_can_no_longer_be_done_ends_with_the_reason(watch: Watch) -> None:
    watch.rig.do("refresh")
    reasons: dict[Wanted, str] = {
        ImportWanted(kind="import"): "There is nothing in",
        ImportWanted(kind="import", names=("gone.zip",)): "1 of the names",
        PullWanted(kind="pull", provider="acme"): "No service of that name",
        ApplyWanted(kind="apply_changes"): "Nothing is approved",
    }
    asked = {wanted: ask(watch, wanted) for wanted in reasons}
    other = requests_folder(watch.rig.lake) / "20261120T080206564698Z-0123abcd.json"
    other.write_bytes(b"{")
    assert watch.tick("requests")[0] is None
    for wanted, why in reasons.items():
        assert (view(watch, asked[wanted]).status, why in view(watch, asked[wanted]).message) == ("failed", True), why
    assert other.with_suffix(".state.json").exists()


@pytest.mark.dear
def test_an_import_has_ended_when_its_activities_are_published_and_names_what_was_left_out(watch: Watch) -> None:
    rig, folder = watch.rig, watch.rig.lake.inbox_files
    folder.mkdir(parents=True)
    (folder / "ride.gpx").write_bytes(a_gpx())
    (folder / "note.txt").write_text("no activity")
    (folder / "odd.fit").write_bytes(b"no fit")
    assert watch.tick("requests")[0] is None, "somebody looks for requests"
    request = ask(watch, ImportWanted(kind="import"))
    watch.tick("inbox")
    assert watch.tick("inbox")[0] is None, "a request is about to take in the same files"
    asked, _ = watch.tick("requests")
    assert asked is not None
    assert watch.launch(asked).status is SUCCESS
    ended = view(watch, request)
    assert (ended.status, rig.one("SELECT count(*) FROM activities")) == ("done", 1)
    assert ended.message == (
        "2 files came in, with 1 row of new or known activities. Left out: note.txt (it is of a kind that is not read). "
        "With problems: odd.fit: "
        "It is neither FIT, GPX, TCX nor KML, whatever .fit says."
    )
    assert watch.tick("inbox")[1].endswith("All imports are in the warehouse.")


@pytest.mark.parametrize(
    ("landed", "read", "message"),
    [
        ({"new_files": 0, "dagster/row_count": 0, "unsupported": 1, "unsupported_files": ["a.txt"], "left_out_by_kind": {"txt": 1}}, {},
         "No file came in. Left out: a.txt (it is of a kind that is not read)."),
        ({"new_files": 0, "dagster/row_count": 3}, {"activities": 0, "days_merged": 2},
         "No file came in. Here already: 3 files. 2 days and nights new or changed."),
        ({"new_files": 1, "dagster/row_count": 2, "purged_files": 1, "left_out_by_kind": {"json": 2}}, {"activities": 1_200},
         "1 file came in, with 1,200 rows of new or known activities. Here already: 1 file. Of purged activities: 1 file. "
         "2 other files of archives and folders held no activities."),
        ({"new_files": 12, "dagster/row_count": 12, "unsupported": 1, "unsupported_files": ["\u202etxt.exe"], "left_out_by_kind": {"exe": 1}},
         {"activities": 0, "files_with_problems": 62, "first_problems": [f"{n}.fit: It is empty." for n in range(50)]},
         "12 files came in, with 0 rows of new or known activities. Left out: \\u202etxt.exe (it is of a kind that is not read). With problems: "
         + "; ".join(f"{n}.fit: It is empty." for n in range(10)) + "; and 52 more."),
    ],
)  # fmt: skip
def test_what_an_import_says_names_some_of_what_was_left_out(
    tmp_path: Path, landed: dict[str, Any], read: dict[str, Any], message: str
) -> None:
    lake, at = Lake(tmp_path), datetime.now(UTC)
    request = keep_request(lake, ImportWanted(kind="import"), at, "a test")
    run = DagsterRun("import_and_merge", run_id="0", tags={REQUEST: request.id})
    reports = {"bronze_files": landed, "file_readings": read, "proposed_changes": {"newly_proposed": 1}}
    note_end(lake, run, None, DONE, "", reports, at)
    assert [each.message for each in notifications(lake)] == ["1 change at your services to decide about."]
    found = request_view(lake, lake.data_dir, request.id, at)
    assert found is not None
    assert (found.status, found.message) == ("done", message)


def test_what_dagster_has_no_job_for_yet_holds_up_nothing_else(watch: Watch) -> None:
    watch.rig.settings.providers_config.write_text("[providers.spreadsheet]\nenabled = true\n")
    new, known = ask(watch, BackfillWanted(kind="backfill", year=2025)), ask(watch)
    asked, _ = watch.tick("requests")
    assert asked is not None
    assert (asked.run_key, view(watch, known).status) == (known.id, "waiting")
    assert view(watch, new).status == "waiting", "the service loads it within a minute"
    watch.later = timedelta(minutes=2)
    watch.tick("requests")
    assert (view(watch, new).status, "Start it again" in view(watch, new).message) == ("failed", True)


@pytest.mark.dear
def test_each_kind_has_its_job_years_and_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with world_of("toy", tmp_path, monkeypatch) as world:
        choose(world, "priority = 1", "[providers.strava]", 'write = ["name"]')
        world.subject.add("2025-06-11", "Home", began="2025-06-11T08:00:00+02:00")
        list_at_strava(world, at_strava(2, "2025-06-11", "Away", hours=2))
        world.pull()
        propose_month(world.run(), world.settings, "2025-06")
        pipeline, now = DashboardPipeline(world.settings), datetime(2026, 3, 1, 12, tzinfo=UTC)
        (change,) = pipeline.changes()
        pipeline.decide([("approved", change, None)])
        (world.run().lake.inbox_files / "one.zip").mkdir(parents=True)
        keep_refusal(world.run().lake, "toy", "gear", Refusal(at=now, why="no", asked_with=""))
        defs = build_defs(world.settings)
        found: dict[str, tuple[Any, ...]] = {}
        for wanted in (
            PullWanted(kind="pull", provider="toy"),
            MonthWanted(kind="sync_month", month="2025-06"),
            ApplyWanted(kind="apply_changes", ids=(change,)),
            BackfillWanted(kind="backfill", year=2025),
            ImportWanted(kind="import", names=("one.zip",)),
        ):
            request = keep_request(world.run().lake, wanted, now - timedelta(hours=1), "a test")
            asked = request_of(world.settings, request, now)
            assert asked.job_name is not None
            assert defs.resolve_job_def(asked.job_name)
            years = [asked.tags.get(f"dagster/asset_partition_range_{edge}") for edge in ("start", "end")]
            found[wanted.kind] = (asked.job_name, years[1], asked.run_config["ops"])
        assert refusal(world.run().lake, "toy", "gear") is None, "a person's pull asks again"
    assert found["pull"] == ("toy", "2026", {"bronze_toy": {"config": {"mode": "incremental"}}})
    assert (found["sync_month"][0], found["sync_month"][1]) == ("sync_month", "2025")
    assert found["sync_month"][2]["matching"]["config"]["months"] == ["2025-06"]
    assert found["apply_changes"] == ("apply_changes", "2025", {"applied_changes": {"config": {"ids": [change]}}})
    assert found["backfill"][:2] == ("backfill_sources", "2025")
    assert found["import"][:2] == ("import_and_merge", "2026")
    assert [Path(one).name for one in found["import"][2]["bronze_files"]["config"]["paths"]] == ["one.zip"]


@pytest.mark.dear
def test_streets_come_by_two_requests_and_nothing_tells_where_home_is(make_rig: Make) -> None:
    town, asked_by, cancels = archive((15.0, 47.0, 18.0, 49.0)), [], []

    def respond(handler: Handler) -> None:
        asked_by.append(handler.path)
        if cancels and len(asked_by) > 3:
            cancel_request(watch.rig.lake, cancels[0], datetime.now(UTC))
        ranges(town)(handler)

    def carried_out(most_bytes: int | None, *, cancelled: bool = False) -> RequestView:
        request = ask(watch, RegionWanted(kind="region", most_bytes=most_bytes))
        asked_by.clear()
        cancels[:] = [request.id] if cancelled else []
        wanted, _ = watch.tick("requests")
        assert wanted is not None
        assert wanted.job_name == REGION_JOB
        with suppress(Failure):
            watch.launch(wanted)
        return view(watch, request)

    with server(respond) as seen:
        rig = make_rig(
            activities=12, settings={"first_year": 2025, "map_region_source": f"{seen.url}/{{date}}.pmtiles"}
        )
        with watched(rig) as watch:
            rig.run("flow")
            lost = carried_out(None)
            assert (lost.status, "No activity has a track yet" in lost.message, asked_by) == ("failed", True, [])
            me = rig.one("SELECT DISTINCT athlete_id FROM activities")
            x, y = tile_of(48.15, 16.25, 14)
            write_heat_tiles(rig.lake, 2025, [(me, "run", 14, x + n, y, 3) for n in range(4)])
            rig.run_unpartitioned(REGION_JOB)
            assert asked_by == [], "a run that nobody asked for on the page asks no server"
            told = carried_out(None)
            assert (told.status, told.message) == ("done", f"It would load {told.total / 1e6:,.1f} MB from 127.0.0.1.")
            assert (told.total > 0, regions(rig.lake)) == (True, {})
            assert carried_out(told.total, cancelled=True).message == CANCELLED
            assert "more than you agreed to" in carried_out(told.total // 2).message
            assert [*rig.lake.maps.glob("**/*")] == []
            done = carried_out(told.total)
            assert (done.status, done.done, [*regions(rig.lake)]) == ("done", told.total, [HOME]), done.message
            kept = [*requests_folder(rig.lake).iterdir(), *rig.settings.logs_dir.rglob("*")]
            written = "".join(path.read_text(errors="replace") for path in kept if path.is_file())
            assert not re.search(r"(?<![\d:.])(16\.[123]|48\.[12])", written)
