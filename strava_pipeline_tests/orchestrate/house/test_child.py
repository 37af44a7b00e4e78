"""The process of an athlete's run: what is passed on of it, and that it ends with its run."""

from pathlib import Path

import pytest

from strava_pipeline.orchestrate.house import child
from strava_pipeline.orchestrate.house.child import run_child
from strava_pipeline_tests.patience import PATIENCE


def program(folder: Path, body: str) -> str:
    """A program in the place of Python."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return str(path)


def test_numbers_are_passed_on_and_all_else_stays_in_the_athletes_log(tmp_path: Path) -> None:
    lines = [
        "Fetching details: 120 to do, done about 2026-03-10 12:04 UTC",
        "Fetching details: 40 of 120, about 0:01:20 left",
        "Fetching files of Ride with GPS: done, 3",
        "Measuring tracks: ended at 7 of 20",
        "Taking in Home to school.zip: 3 of 9",
        "Fetching details: 3 of 9, near 47.3769 8.5417",
        "Morning ride: 3",
        "The login: token abc",
    ]
    numbers: list[str] = []
    said = "; ".join(f"echo '{line}'" for line in lines)
    log = tmp_path / "logs" / "house" / "flow.log"
    code = run_child(
        program(tmp_path, f"{said}; echo $HELLO >&2; pwd; exit 3"), [], {"HELLO": "you"}, tmp_path, log, numbers.append
    )
    assert code == 3
    assert numbers == lines[:4]
    assert log.read_text().splitlines() == [*lines, "you", str(tmp_path)]


def test_two_runs_of_a_job_at_once_spoil_neithers_log(tmp_path: Path) -> None:
    """As where the daily run finds another one at work, and ends."""
    log, environment = tmp_path / "log", {"PATH": "/usr/bin:/bin"}
    (tmp_path / "other").mkdir()

    def another(line: str) -> None:
        run_child(program(tmp_path / "other", "echo busy"), [], environment, tmp_path, log, lambda line: None)

    log.write_text("of yesterday\n")
    run_child(program(tmp_path, "echo 'Fetching details: 1 of 2'; echo done"), [], environment, tmp_path, log, another)
    assert log.read_text() == "busy\ndone\n"


def test_what_a_killed_command_leaves_running_ends_too_and_its_run_does_not_wait_for_it(tmp_path: Path) -> None:
    """As where memory ran out: processes that read files would wait for work for ever."""
    command = program(tmp_path, "(sleep 3; echo late) & echo begun; kill -9 $$")
    assert run_child(command, [], {"PATH": "/usr/bin:/bin"}, tmp_path, tmp_path / "log", print) == -9
    assert (tmp_path / "log").read_text() == "begun\n"


@pytest.mark.parametrize(
    ("trap", "grace", "left"),
    [("trap 'echo landed > ended; exit 130' INT", PATIENCE, ["landed\n"]), ("trap '' INT", 1, [])],
    ids=["it ends by itself", "it is killed"],
)
def test_an_interrupted_run_ends_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str, grace: int, left: list[str]
) -> None:
    monkeypatch.setattr(child, "GRACE", grace)

    def interrupted(line: str) -> None:
        raise KeyboardInterrupt

    body = f"{trap}; echo $$ > pid; echo 'Fetching details: 1 of 2'; while :; do sleep 0.02; done"
    with pytest.raises(KeyboardInterrupt):
        run_child(program(tmp_path, body), [], {"PATH": "/usr/bin:/bin"}, tmp_path, tmp_path / "log", interrupted)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert [path.read_text() for path in tmp_path.glob("ended")] == left
