"""What the log of a run holds, however the run ends; and that no trouble with a log is a run's."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest
import requests
import yaml

from strava_pipeline.core.errors import CheckFailedError, PipelineError, TransientError
from strava_pipeline.operations.log_files import (
    DONE,
    HUMAN,
    STRUCTURED,
    RunLog,
    ToStdout,
    in_words,
    latest_link,
    list_logs,
)
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.orchestrate.run_log import logged, reported
from strava_pipeline_tests.documents import REPO
from strava_pipeline_tests.orchestrate.run_logs import AT, Row, human_logs, only, small_run, structured_logs
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.receiver import receiver
from strava_pipeline_tests.rig import Make, Rig

SMALL = {"activities": 6, "years": (2026, 2026), "jumping": True}
SETTINGS = {"first_year": 2026}
KEYS = {"ts", "level", "event", "run_id", "step", "fields"}


def small(make_rig: Make) -> Rig:
    return make_rig(**SMALL, settings=SETTINGS)


def last_logs(rig: Rig) -> tuple[str, list[Row]]:
    return human_logs(rig.settings.logs_dir)[-1], structured_logs(rig.settings.logs_dir)[-1]


@pytest.mark.dear
def test_a_run_tells_how_it_began_what_each_stage_did_and_how_it_ended(make_rig: Make) -> None:
    rig = small(make_rig)
    outcome = rig.run("flow_backfill", [2026])
    human, rows = last_logs(rig)
    assert all(row.keys() == KEYS and row["run_id"] == outcome.run_id and row["ts"].endswith("Z") for row in rows)
    assert [rows[0]["event"], rows[-1]["event"]] == ["run_begins", "run_ends"]
    assert (
        rows[0]["fields"].items()
        >= {"job": "flow_backfill", "first_year": 2026, "last_year": 2026, "started_by": "the command line"}.items()
    )
    begun = [row["step"] for row in rows if row["event"] == "stage_begins"]
    ended = [row["step"] for row in rows if row["event"] == "stage_ends"]
    assert begun == ended == list(rows[-1]["fields"]["stages"])
    assert {"bronze_activities", "activity_shards", "activities", "detail_tables", "published_warehouse"} <= set(begun)
    assert rows[-1]["fields"]["outcome"] == "done"
    listed = only(rows, "stage_ends", "bronze_activities")["fields"]
    assert (listed["outcome"], listed["assets"]["bronze_activities"]["calls"]) == ("done", 2)
    assert listed["assets"]["bronze_activities"]["rows_received"] == 6
    assert only(rows, "stage_ends", "detail_tables")["fields"]["assets"]["activity_details"]["rows_merged"] == 6
    messages = [(row["step"], row["fields"]["text"]) for row in rows if row["event"] == "message"]
    assert ("bronze_activity_details", "Fetching details: done, 6") in messages
    assert ("activities", "Merged: 6 new, 0 changed, 6 in these years") in messages, "a step says its outcome"
    assert "run begins: flow_backfill, year 2026, started by the command line" in human
    assert "bronze_activity_details: Fetching details: done, 6" in human
    assert f" s  {begun[-1]}, done" in human.rpartition("run ends: done")[2], "the table of timings"
    assert latest_link(rig.settings.logs_dir).resolve() == list_logs(rig.settings.logs_dir, HUMAN)[-1]


@pytest.mark.dear
def test_lines_on_stdout_reach_loki_and_opensearch_once(make_rig: Make, capfd: pytest.CaptureFixture[str]) -> None:
    rig = make_rig(**SMALL, settings={**SETTINGS, "log_stdout": "json"})
    rig.run("flow_backfill", [2026])
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    rows = [json.loads(line) for line in lines]
    assert rows == last_logs(rig)[1]

    nanoseconds = [str(int(datetime.fromisoformat(row["ts"]).timestamp() * 1_000_000) * 1000) for row in rows]
    stream = {"stream": {"job": "strava_pipeline"}, "values": [*map(list, zip(nanoseconds, lines, strict=True))]}
    bulk = "".join(f'{{"create": {{"_index": "strava_pipeline"}}}}\n{line}\n' for line in lines)
    with receiver() as there:
        ndjson = {"Content-Type": "application/x-ndjson"}
        requests.post(f"{there.url}/loki/api/v1/push", json={"streams": [stream]}, timeout=PATIENCE).raise_for_status()
        requests.post(f"{there.url}/_bulk", data=bulk.encode(), headers=ndjson, timeout=PATIENCE).raise_for_status()
    to_loki, to_opensearch = there.got
    assert [json.loads(line) for _, line in to_loki["streams"][0]["values"]] == rows
    assert to_opensearch[1::2] == rows

    private = rig.secrets
    for activity in rig.truth():
        private += [activity["name"], activity["map"]["summary_polyline"], *map(str, activity["start_latlng"] or ())]
    assert len(private) > 3 * len(rig.truth())
    assert [each for each in private if each and any(each in line for line in lines)] == []


@pytest.mark.parametrize("shipper", sorted((REPO / "deploy" / "logs").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipper_finds_the_lines_and_their_time(tmp_path: Path, shipper: Path) -> None:
    small_run(tmp_path, lambda context: None)
    config = yaml.safe_load(shipper.read_text())
    (tail,), (parser,) = config["pipeline"]["inputs"], config["parsers"]
    assert [*tmp_path.glob(tail["path"].removeprefix("${STRAVA_LOGS_DIR}/"))] == list_logs(tmp_path, STRUCTURED) != []
    assert (parser["name"], parser["format"]) == (tail["parser"], "json")
    first = structured_logs(tmp_path)[0][0]
    written = parser["time_format"].replace("%LZ", "%f%z")
    assert datetime.strptime(first[parser["time_key"]], written) == AT  # noqa: DTZ007 - it has %z
    assert [output["match"] for output in config["pipeline"]["outputs"]] == [tail["tag"]]


def log_to_pipe(to_stdout: ToStdout = "json") -> tuple[RunLog, int]:
    """A log whose standard output is a pipe; its other end."""
    reading, writing = os.pipe()
    kept = os.dup(1)
    os.dup2(writing, 1)
    try:
        return RunLog("r", AT, lambda said: None, to_stdout=to_stdout), reading
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(writing)


def test_nobody_who_reads_stdout_any_more_ends_no_log(tmp_path: Path) -> None:
    log, reading = log_to_pipe()
    log.open(tmp_path, "begins", {})
    os.close(reading)
    log.message(AT, 20, "goes on")
    log.end_run(AT, DONE)
    (rows,) = structured_logs(tmp_path)
    assert [row["event"] for row in rows] == ["run_begins", "message", "run_ends"]


def test_stdout_has_all_lines_where_no_file_can_be_written(tmp_path: Path) -> None:
    log, reading = log_to_pipe()
    (tmp_path / "logs").touch()
    log.open(tmp_path / "logs", "begins", {})
    log.message(AT, 20, "goes on")
    log.end_run(AT, DONE)
    with os.fdopen(reading) as lines:
        assert [json.loads(line)["event"] for line in lines] == ["run_begins", "message", "run_ends"]


def test_stdout_says_only_when_a_run_begins_and_ends_where_that_was_asked_for(tmp_path: Path) -> None:
    log, reading = log_to_pipe("runs")
    log.open(tmp_path, "run begins", {})
    log.message(AT, 20, "goes on")
    log.end_run(AT, DONE)
    with os.fdopen(reading) as lines:
        assert [line.split("INFO")[1].split() for line in lines] == [
            ["run", "begins"],
            ["run", "ends:", "done", "after", "0.0", "s"],
        ]


def test_a_picture_stays_in_dagster() -> None:
    chart = dg.MetadataValue.md("![chart](data:image/svg+xml;base64,AAAA)")
    told = reported(dg.AssetMaterialization("insights", metadata={"chart": chart, "years_written": 3}))
    assert told == {"years_written": 3}


def test_an_asset_that_has_nothing_to_tell_is_not_named() -> None:
    told = {"empty": {"seconds": 1.5}, "full": {"dagster/row_count": 2, "calls": 3}, "step": {"bytes": 4}}
    assert in_words(told, "step") == "full: row_count 2, calls 3; bytes 4"


def test_the_end_of_a_stage_names_what_its_assets_reported(tmp_path: Path) -> None:
    def report(context: dg.OpExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization("tracks", metadata={"tracks_written": 3, "seconds": 0.5}))

    small_run(tmp_path, report)
    (rows,) = structured_logs(tmp_path)
    assert only(rows, "stage_ends", "work")["fields"]["assets"] == {"tracks": {"tracks_written": 3, "seconds": 0.5}}
    assert human_logs(tmp_path)[0].count(": tracks: tracks_written 3\n") == 1


@pytest.mark.dear
def test_retries_and_checks_that_fail_are_told(make_rig: Make) -> None:
    rig = small(make_rig)
    sick = rig.truth()[0]["id"]
    rig.fault(f"/activities/{sick}", "html", status=502, times=-1)
    rig.run("flow_backfill")
    human, rows = last_logs(rig)
    warned = [row for row in rows if row["level"] == "WARNING"]
    assert [row["event"] for row in warned] == ["message", "message", "check_failed"]
    assert all(row["step"] == "bronze_activity_details" for row in warned)
    assert f"GET /activities/{sick}: Strava answered 502; attempt 1 of 3" in human
    assert warned[-1]["fields"]["check"] == "bronze_activity_details.details_complete"
    assert (warned[-1]["fields"]["missing"], warned[-1]["fields"]["waiting_for_retry"]) == (0, 1)


def test_progress_and_waits_on_a_limit_are_told(tmp_path: Path) -> None:
    def wait(context: dg.OpExecutionContext) -> None:
        progress = LogProgress(context.log)
        progress.begin("Fetching", 2)
        progress.waiting("Strava's limit of 100 read calls in 15 minutes is reached.", 640.4)
        progress.end()

    small_run(tmp_path, wait)
    (rows,) = structured_logs(tmp_path)
    assert [(row["level"], row["step"], row["fields"]["text"]) for row in rows if row["event"] == "message"] == [
        ("INFO", "work", "Fetching: 2 to do"),
        ("INFO", "work", "Strava's limit of 100 read calls in 15 minutes is reached. Waiting 11 min."),
        ("INFO", "work", "Fetching: ended at 0 of 2"),
    ]


@pytest.mark.dear
def test_a_run_that_a_limit_ended_says_which_and_when_it_goes_on(make_rig: Make) -> None:
    rig = small(make_rig)
    outcome = rig.run("flow_backfill", bronze_activities={"max_calls": 4}, bronze_activity_details={"max_calls": 4})
    human, rows = last_logs(rig)
    assert rows[-1]["fields"]["outcome"] == "stopped_early"
    assert rows[-1]["fields"]["limit"] == outcome.stopped_early
    assert f"run ends: stopped early after {rows[-1]['fields']['seconds']:.1f} s. {outcome.stopped_early}" in human
    assert only(rows, "check_failed")["fields"]["missing"] == 4


def test_a_run_that_failed_says_why_and_where(make_rig: Make) -> None:
    rig = small(make_rig)
    rig.control("revoke")
    with pytest.raises(PipelineError) as failure:
        rig.run("flow_backfill")
    human, rows = last_logs(rig)
    assert rows[-1]["fields"]["outcome"] == "failed"
    failed = only(rows, "stage_ends", "bronze_activities")
    assert (failed["level"], failed["fields"]["outcome"]) == ("ERROR", "failed")
    assert failed["fields"]["message"] == str(failure.value)
    assert human.count(str(failure.value)) == 1


@pytest.mark.dear
def test_a_run_refused_before_its_first_stage_is_logged_as_well(make_rig: Make) -> None:
    rig = small(make_rig)
    rig.run("refresh")
    for lost in (rig.lake.listings, rig.lake.shards, rig.lake.working.parent):
        shutil.rmtree(lost)
    with pytest.raises(PipelineError) as failure:
        rig.run("compact")
    human, rows = last_logs(rig)
    assert (rows[-1]["fields"]["outcome"], rows[-1]["fields"]["stages"]) == ("failed", {})
    assert rows[-1]["fields"]["message"] == str(failure.value)
    assert str(failure.value) in human


def test_an_error_of_ours_is_told_by_its_message_any_other_by_its_traceback_alone(tmp_path: Path) -> None:
    def ours(context: dg.OpExecutionContext) -> None:
        try:
            raise KeyError("61.50070, -70.12460")
        except KeyError as error:
            raise TransientError("Strava answered 500") from error

    def full(context: dg.OpExecutionContext) -> None:
        raise OSError(28, "No space left on device", "a/file")

    def bug(context: dg.OpExecutionContext) -> None:
        position = [61.50070, -70.12460]  # no second of a clock
        try:
            float(str(position))
        except ValueError as error:
            raise RuntimeError(f"no way from {position}") from error

    for body in (ours, full, bug):
        small_run(tmp_path, body)
    first, second, third = (only(rows, "stage_ends")["fields"] for rows in structured_logs(tmp_path))
    assert (first["error"], first["message"]) == ("TransientError", "Strava answered 500")
    assert second["message"] == "[Errno 28] No space left on device: 'a/file'"
    assert third["error"] == "ValueError"
    assert "in bug" in "\n".join(third["traceback"])
    assert "RuntimeError:" in third["traceback"]
    text = "".join(path.read_text() for path in tmp_path.rglob("flow_*"))
    assert not re.search(r"61\.5007|70\.1246", text)
    assert "ValueError, an error of the program; its traceback is in the structured log" in text


@pytest.mark.dear
def test_a_check_of_the_gravest_kind_stands_as_an_error(make_rig: Make) -> None:
    import duckdb

    rig = small(make_rig)
    rig.run("refresh")
    with duckdb.connect(str(rig.lake.working)) as connection:
        connection.execute("INSERT INTO activities_all SELECT * FROM activities_all LIMIT 1")
    with pytest.raises(CheckFailedError):
        rig.run("recompact")
    _, rows = last_logs(rig)
    failed = only(rows, "check_failed")
    assert (failed["level"], failed["fields"]["check"], failed["fields"]["duplicate_keys"]) == (
        "ERROR",
        "activities.integrity",
        1,
    )
    assert rows[-1]["fields"]["outcome"] == "failed"


@pytest.mark.slow
def test_a_killed_run_leaves_every_line_up_to_its_end(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from strava_pipeline_tests.orchestrate.run_logs import small_run

def die(context):
    context.log.info("still here")
    os.kill(os.getpid(), signal.SIGKILL)

small_run(Path(sys.argv[1]), die)
"""
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=120)
    assert died.returncode == -9
    (rows,) = structured_logs(tmp_path)
    assert [row["event"] for row in rows] == ["run_begins", "stage_begins", "message"]
    (human,) = human_logs(tmp_path)
    assert human.endswith("work: still here\n")


def test_two_runs_at_once_keep_their_logs_apart(tmp_path: Path) -> None:
    def run(number: int) -> str:
        return small_run(tmp_path, lambda context: context.log.info(f"number {number}"), job=f"small_{number}").run_id

    with ThreadPoolExecutor(2) as pool:
        run_ids = list(pool.map(run, (1, 2)))
    logs = {rows[0]["run_id"]: rows for rows in structured_logs(tmp_path)}
    assert logs.keys() == set(run_ids)
    for number, run_id in enumerate(run_ids, 1):
        assert {row["run_id"] for row in logs[run_id]} == {run_id}
        assert only(logs[run_id], "run_begins")["fields"]["job"] == f"small_{number}"
        assert only(logs[run_id], "message")["fields"]["text"] == f"number {number}"
        assert logs[run_id][-1]["event"] == "run_ends"


def test_resources_that_are_opened_once_more_after_the_end_begin_no_other_log(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = small_run(tmp_path, lambda context: None, instance=instance)
        with logged(tmp_path, instance, result.dagster_run, AT, print):
            pass
    assert len(human_logs(tmp_path)) == 1


def test_a_logs_folder_that_can_not_be_written_to_is_told_once_and_fails_no_run(tmp_path: Path) -> None:
    logs_dir = tmp_path / "logs"
    logs_dir.write_text("a file")
    told: list[str] = []
    assert small_run(logs_dir, lambda context: context.log.info("at work"), told=told).success
    assert told == [
        f"This run's log can't be written ({logs_dir / 'flow/2026/03/10'}: Not a directory); it goes on without."
    ]
    assert logs_dir.read_text() == "a file"


def test_without_links_there_is_no_latest_and_the_log_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    told: list[str] = []
    assert small_run(tmp_path, lambda context: None, told=told).success
    assert told == []
    assert not latest_link(tmp_path).exists()
    (human,) = human_logs(tmp_path)
    assert "WARNING latest.log can't lead here (Operation not permitted)" in human


@pytest.mark.skipif(not Path("/dev/full").exists() or not Path("/proc/self/fd").exists(), reason="needs Linux")
@pytest.mark.parametrize("which", [".log", ".jsonl"])
def test_a_disk_that_fills_up_is_told_once_and_fails_no_run(tmp_path: Path, which: str) -> None:
    told: list[str] = []

    def fill(context: dg.OpExecutionContext) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        for link in Path("/proc/self/fd").iterdir():
            if link.exists() and link.resolve().suffix == which and tmp_path in link.resolve().parents:
                os.dup2(full, int(link.name))
        os.close(full)
        for number in range(3):
            context.log.info(f"line {number}")

    assert small_run(tmp_path, fill, told=told).success
    assert len(told) == 1
    assert "No space left on device" in told[0]
    assert all(rows[0]["event"] == "run_begins" for rows in structured_logs(tmp_path))


def test_a_run_removes_old_logs_and_tells_what_it_could_not_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [tmp_path / "flow" / "2026" / "02" / day / f"flow_202602{day}T050000000000Z.log" for day in ("23", "24")]
    for path in old:
        path.parent.mkdir(parents=True)
        path.touch()
    told: list[str] = []
    small_run(tmp_path, lambda context: None, told=told)
    assert [path.exists() for path in old] == [False, True]
    unlink = os.unlink
    monkeypatch.setattr(
        os, "unlink", lambda path, **more: _refuse(path) if str(path) == str(old[1]) else unlink(path, **more)
    )
    assert small_run(tmp_path, lambda context: None, at=AT.replace(day=20), told=told).success
    assert told == [f"Old logs could not be removed: {old[1]}: Permission denied"]


def _refuse(path: object) -> None:
    raise PermissionError(13, "Permission denied", str(path))
