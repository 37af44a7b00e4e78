"""A whole command in a terminal: its progress moves on the screen, and Ctrl-C ends it with one line."""

import re
from pathlib import Path

import pytest

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.verbs.demo import MARK, emulated
from strava_pipeline_tests.e2e.pty_terminal import CTRL_C, in_a_terminal, terminal
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.rig import Make

pytestmark = pytest.mark.dear

TEN_A_QUARTER = Limits(1000, 100_000, 10, 100_000)  # so that a few calls are followed by a wait
SPEED = 1000.0  # a quarter of an hour passes in 0.9 s


def test_the_count_of_fetched_details_moves_on_the_screen(make_rig: Make) -> None:
    rig = make_rig(
        activities=24,
        years=(2026, 2026),
        limits=TEN_A_QUARTER,
        speed=SPEED,
        token_lifetime=10**7,
        settings={"first_year": 2026, "clock_speed": SPEED},
    )
    with in_a_terminal(rig, "flow-backfill", columns=60) as terminal:
        code = terminal.read_to_the_end()
    seen = terminal.seen
    assert code == 0, seen
    assert "Traceback" not in seen
    counts = [int(count) for count in re.findall(r"Fetching details .*?(\d+) of 24", seen)]
    assert counts == sorted(counts)
    assert len(set(counts)) > 2, seen
    assert counts[-1] == 24
    assert "done ~" in seen
    assert "Fetched 24 details in 24 calls" in seen[seen.rindex("24 of 24") :], "what came of it stands below"


def test_ctrl_c_while_it_waits_says_in_one_line_what_is_kept(make_rig: Make) -> None:
    rig = make_rig(activities=24, years=(2026, 2026), limits=TEN_A_QUARTER, settings={"first_year": 2026})
    with in_a_terminal(rig, "flow-backfill") as terminal:
        terminal.read_until("Waiting")
        terminal.press(CTRL_C)
        again = iter((CTRL_C, CTRL_C))  # impatiently
        code = terminal.read_to_the_end(after_each=lambda: terminal.press(next(again, b"")))
        assert code == 130, terminal.seen
        assert not terminal.has_children()
    after = re.split(r"Waiting \d+ min\.", terminal.seen)[-1].replace("^C", "")
    told = [line.strip() for line in re.split(r"[\r\n]+", after) if line.strip() and "Fetching details" not in line]
    assert told == ["Interrupted. What was fetched is kept; the same command goes on from there."]
    with rig.instance() as instance:
        assert [run.status.value for run in instance.get_runs()] == ["FAILURE"]


@pytest.mark.slow
def test_no_command_shows_a_warning_that_is_not_the_users(tmp_path: Path) -> None:
    def seen(settings: dict[str, str], *words: str) -> str:
        with terminal(tmp_path, settings, *words) as shown:
            assert shown.read_to_the_end() == 0, shown.seen
            assert "warning" not in shown.seen.lower()
            return shown.seen

    (tmp_path / "ride.gpx").write_bytes(a_gpx())
    tried = seen({}, "demo", "--activities", "6")
    assert tried.count("they belong to the demo") == 1, "or a newcomer would take them for a fault"
    assert "undecryptable" not in tried
    demo = tmp_path / "demo"
    with emulated(demo, (demo / MARK).read_text().split()) as settings:
        assert "Published" in seen(settings.environ(), "flow")
        assert "Published" in seen(settings.environ(), "import", "ride.gpx")
        assert "Listed" in seen(settings.environ(), "providers", "pull", "garmin")
