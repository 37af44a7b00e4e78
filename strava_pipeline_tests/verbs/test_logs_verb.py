"""`logs latest` and `logs clean` as a person types them, and a verb's run whose log can't be written."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strava_pipeline.operations.log_files import reserve
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn


def leave(logs_dir: Path, at: datetime, text: str) -> None:
    for path in reserve(logs_dir, at):
        path.write_text(f'"{text}, {path.suffix}"\n')


def test_latest_prints_the_log_of_the_last_run(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    ran = typed("run-lite")
    human, structured = typed("logs", "latest"), typed("logs", "latest", "--json")
    assert [ran.code, human.code, structured.code, human.err] == [0, 0, 0, ""]
    assert "run begins: run_lite" in human.out
    assert "run ends: done" in human.out
    assert human.out.count("Listing activities of Strava: done, 30") == 1
    rows = [json.loads(line) for line in structured.out.splitlines()]
    assert [rows[0]["event"], rows[-1]["event"]] == ["run_begins", "run_ends"]
    assert "Listing activities of Strava: done, 30" in ran.err
    assert "run begins" not in ran.out + ran.err, "a terminal shows no more than before"


@pytest.mark.dear
def test_a_listing_that_is_taken_up_counts_what_came_before(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    assert typed("run-all", "--per-page", "10", "--max-calls", "2").code == 3
    ran = typed("run-all", "--per-page", "10")
    assert ran.code == 0
    assert "Listing activities of Strava: done, 31" in ran.err, "the last one that came is asked for again"


def test_where_there_is_none_yet_it_says_so(rig: Rig, type_on: TypeOn) -> None:
    said = type_on(rig)("logs", "latest")
    assert said.code == 1
    assert f"No run has left a log in {rig.settings.logs_dir} yet" in said.err
    assert type_on(rig)("logs", "clean").out == f"0 old logs removed from {rig.settings.logs_dir}.\n"
    assert not rig.settings.logs_dir.exists()


@pytest.mark.parametrize(("words", "removed"), [((), 3), (("--days", "20"), 2), (("--days", "0"), 4)])
def test_clean_removes_what_is_old(rig: Rig, type_on: TypeOn, words: tuple[str, ...], removed: int) -> None:
    logs_dir, now = rig.settings.logs_dir, datetime.now(UTC)
    for days in (0, 16, 40):
        leave(logs_dir, now - timedelta(days=days), "old")
    assert type_on(rig)("logs", "clean", *words).out.startswith(f"{removed} old logs removed")
    assert len(list(logs_dir.rglob("flow_*"))) == 6 - removed


def test_a_run_whose_log_can_not_be_written_says_so_once_and_is_done(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=3)
    rig.settings.logs_dir.write_text("a file")
    said = type_on(rig)("run-lite")
    assert said.code == 0
    assert said.err.count("This run's log can't be written") == 1
    assert "Listed 3 rows" in said.out


def test_retries_are_shown_in_the_terminal_and_logged(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=3, jumping=True)
    rig.fault("/athlete/activities", "status", status=503)
    said = type_on(rig)("run-lite")
    assert said.err.count("attempt 1 of 3, trying again") == 1
    assert type_on(rig)("logs", "latest").out.count("attempt 1 of 3, trying again") == 1
