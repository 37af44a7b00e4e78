"""The drop folder, and what was imported and has not come down."""

import shutil
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from strava_pipeline.lake.imports.undo import find_import
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.looks import note_look
from strava_pipeline.lake.requests import (
    ImportWanted,
    keep_request,
)
from strava_pipeline.operations.importing import land_paths
from strava_pipeline.operations.undoing import undo
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.imports import an_archive
from strava_pipeline_tests.orchestrate.sensors.ticks import Watch, watched
from strava_pipeline_tests.rig import NOW, Make

POINT = '<trkpt lat="48" lon="11.5"><time>2025-06-01T10:{:02}:00Z</time></trkpt>'
GPX = f'<gpx version="1.1"><trk><trkseg>{"".join(map(POINT.format, range(30)))}</trkseg></trk></gpx>'


@pytest.fixture
def watch(make_rig: Make) -> Iterator[Watch]:
    with watched(make_rig(logged_in=False, settings={"first_year": 2025})) as made:
        yield made


def inbox(watch: Watch) -> Path:
    folder = watch.rig.lake.inbox_files
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.dear
def test_what_is_dropped_is_taken_in_once_when_it_has_stopped_growing(watch: Watch) -> None:
    assert watch.tick("inbox") == (None, "Nothing was imported.")
    dropped = inbox(watch) / "run.gpx"
    dropped.write_text(GPX[:200])
    assert watch.tick("inbox") == (None, "Still growing. Nothing was imported.")
    dropped.write_text(GPX)
    assert watch.tick("inbox") == (None, "Still growing. Nothing was imported.")
    asked, why = watch.tick("inbox")
    assert asked is not None, why
    run = watch.launch(asked)
    assert run.status is DagsterRunStatus.SUCCESS
    assert dropped.read_text() == GPX, "nothing in the inbox is touched"
    asked, why = watch.tick("inbox")
    assert asked is not None, why
    assert asked.job_name == "merge_files", "though it lies there still"
    watch.launch(asked)
    said = f"Run {run.run_id} is of what was dropped: success. All imports are in the warehouse."
    assert watch.tick("inbox") == (None, said)
    watch.instance.delete_run(run.run_id)
    assert watch.tick("inbox")[0] is not None, "who deletes the run has it taken in again"


@pytest.mark.dear
@pytest.mark.parametrize("ticks", [["requests"], ["inbox", "inbox", "inbox"]], ids=["the page", "the folder"])
def test_where_nothing_is_set_up_an_archive_that_is_dropped_comes_to_gold(make_rig: Make, ticks: list[str]) -> None:
    rig = make_rig(logged_in=False, settings={"client_id": None, "client_secret": None, "first_year": 2025})
    with watched(rig) as watch:
        watch.defs = build_defs(rig.settings, only_set_up=True)
        with zipfile.ZipFile(inbox(watch) / "archive.zip", "w") as archive:
            archive.writestr("run.gpx", GPX)
        if "requests" in ticks:
            keep_request(rig.lake, ImportWanted(kind="import", names=("archive.zip",)), datetime.now(UTC), "the page")
        for name in ticks:
            assert watch.defs.resolve_sensor_def(name)
            asked, _ = watch.tick(name)
            if asked is not None:
                assert watch.launch(asked).status is DagsterRunStatus.SUCCESS
    assert rig.gold("SELECT count(*) FROM activities") == [(1,)]


def test_what_a_request_takes_in_is_left_to_it_while_somebody_looks_for_requests(watch: Watch) -> None:
    lake, now = watch.rig.lake, datetime.now(UTC)
    (inbox(watch) / "run.gpx").write_text(GPX)
    keep_request(lake, ImportWanted(kind="import"), now, "a test")
    note_look(lake, now, [])
    assert watch.tick("inbox") == (None, "A request takes in what is there. Nothing was imported.")
    note_look(lake, now - timedelta(hours=1), [])
    assert watch.tick("inbox") == (None, "Still growing. Nothing was imported.")
    asked, why = watch.tick("inbox")
    assert asked is not None, why


def test_a_folder_is_one_import_and_grows_until_its_files_do_not(watch: Watch) -> None:
    folder = inbox(watch) / "rides"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "run.gpx").write_text(GPX)
    assert watch.tick("inbox")[0] is None
    asked, _ = watch.tick("inbox")
    assert asked is not None
    (folder / "below" / "more.gpx").write_text(GPX)
    assert watch.tick("inbox") == (None, "Still growing. Nothing was imported.")
    more, _ = watch.tick("inbox")
    assert more is not None
    assert more.run_key != asked.run_key
    assert more.run_config["ops"]["bronze_files"]["config"]["paths"] == [str(folder)]


def test_what_is_put_there_again_is_asked_for_again_whatever_time_it_shows(watch: Watch) -> None:
    dropped = inbox(watch) / "run.gpx"
    dropped.write_text(GPX)
    watch.tick("inbox")
    first, _ = watch.tick("inbox")
    aside = watch.rig.folder / "run.gpx"
    shutil.copy2(dropped, aside)
    aside.replace(dropped)
    assert watch.tick("inbox") == (None, "Still growing. Nothing was imported.")
    again, _ = watch.tick("inbox")
    assert first is not None
    assert again is not None
    assert again.run_key != first.run_key


def test_hidden_files_and_links_that_lead_nowhere_are_left_alone(watch: Watch) -> None:
    (inbox(watch) / ".run.gpx.part").write_text(GPX)
    (inbox(watch) / "link").symlink_to("nowhere")
    watch.tick("inbox")
    assert watch.tick("inbox")[0] is None


@pytest.mark.dear
def test_what_was_imported_comes_down_though_nobody_typed_it(watch: Watch, tmp_path: Path) -> None:
    assert watch.tick("inbox") == (None, "Nothing was imported.")
    (tmp_path / "run.gpx").write_text(GPX)
    watch.rig.run_unpartitioned("import_files", bronze_files={"paths": [str(tmp_path / "run.gpx")]})
    busy = watch.note("merge_files", DagsterRunStatus.STARTED)
    with live_run(watch.rig.lake, busy.run_id):
        assert watch.tick("inbox") == (None, f"Run {busy.run_id} is at work on imports.")
    watch.instance.report_run_canceled(busy)
    asked, why = watch.tick("inbox")
    assert asked is not None, why
    assert watch.launch(asked).status is DagsterRunStatus.SUCCESS
    assert watch.tick("inbox") == (None, "All imports are in the warehouse.")
    watch.rig.lake.snapshot.unlink()  # as where the run died before it had published
    busy = watch.note("flow", DagsterRunStatus.STARTED)
    with live_run(watch.rig.lake, busy.run_id):
        assert watch.tick("inbox") == (None, "All imports are in the warehouse."), "that run publishes"
    watch.instance.report_run_canceled(busy)
    again, why = watch.tick("inbox")
    assert again is not None, why
    assert watch.launch(again).status is DagsterRunStatus.SUCCESS
    assert watch.rig.gold("SELECT source, year FROM activities") == [("file", 2025)]


@pytest.mark.dear
def test_a_merge_that_fails_thrice_is_for_a_person(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "run.gpx").write_text(GPX)
    watch.rig.run_unpartitioned("import_files", bronze_files={"paths": [str(tmp_path / "run.gpx")]})
    keys = []
    for _ in range(3):
        asked, why = watch.tick("inbox")
        assert asked is not None, why
        keys.append(asked.run_key)
        watch.note("merge_files", DagsterRunStatus.FAILURE, tags=dict(asked.tags))
    assert len(set(keys)) == 3
    asked, why = watch.tick("inbox")
    assert asked is None
    assert "3 runs of imports, 3 failed" in why


@pytest.mark.dear
def test_an_undo_that_died_is_ended(watch: Watch) -> None:
    lake, path = watch.rig.lake, watch.rig.folder / "run.gpx"
    path.write_text(GPX)
    watch.rig.import_files(path)
    assert watch.rig.one("SELECT count(*) FROM files") == 1
    undo(lake, find_import(lake, "run.gpx"), NOW)
    asked, why = watch.tick("inbox")
    assert asked is not None, why
    assert watch.launch(asked).status is DagsterRunStatus.SUCCESS
    assert watch.rig.one("SELECT count(*) FROM files") == 0
    assert watch.tick("inbox") == (None, "All imports are in the warehouse.")


@pytest.mark.dear
def test_an_import_that_died_between_landing_and_reading_goes_on(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    land_paths(context_without_run(rig.settings), [an_archive(rig)], rig.settings.import_limits)
    with watched(rig) as watch:
        asked, why = watch.tick("inbox")
        assert asked is not None, why
        assert asked.job_name == "import_files"
        watch.launch(asked)
        asked, why = watch.tick("inbox")
        assert asked is not None, why
        assert asked.job_name == "merge_files"
        watch.launch(asked)
        assert watch.tick("inbox") == (None, "All imports are in the warehouse.")
    assert len(rig.gold("FROM activities")) == len(rig.truth())
