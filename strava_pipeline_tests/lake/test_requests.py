"""lake.requests: files that become runs, and how a reader without Dagster knows what became of them."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from strava_pipeline.lake.locks import forget_run, live_run
from strava_pipeline.lake.looks import note_look, requests_folder
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import (
    CANCELLED,
    ENDING,
    KEPT_FOR,
    LARGEST,
    MOST_WAITING,
    TAIL,
    ImportWanted,
    MonthWanted,
    PullWanted,
    RegionWanted,
    Request,
    RequestsFullError,
    Unreadable,
    begin_request,
    cancel_request,
    end_request,
    forget_requests,
    has_requests,
    keep_request,
    latest_region,
    note_progress,
    open_requests,
    request_view,
    take_import,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOLD = """
import sys
from pathlib import Path
from strava_pipeline.lake.locks import live_run
from strava_pipeline.lake.paths import Lake
with live_run(Lake(Path(sys.argv[1])), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "data")


def status(lake: Lake, request: Request, now: datetime = NOW) -> str:
    view = request_view(lake, lake.data_dir.parent / "logs", request.id, now)
    assert view is not None
    return view.status


def test_a_month_is_written_in_the_digits_that_file_names_have() -> None:
    with pytest.raises(ValidationError):
        MonthWanted(kind="sync_month", month="1٩99-01")


def test_of_a_long_log_the_lines_that_are_read_whole_are_shown(lake: Lake) -> None:
    logs = lake.data_dir.parent / "logs"
    request = keep_request(lake, PullWanted(kind="pull", provider="toy"), NOW, "a test")
    logs.mkdir()
    begin_request(lake, request.id, "r1", NOW, "one.log")
    for lines, first in ((TAIL // 1000, "0"), (TAIL // 1000 + 1, "2")):
        (logs / "one.log").write_text("".join(f"{n:<999}\n" for n in range(lines)))
        view = request_view(lake, logs, request.id, NOW)
        assert view is not None
        assert (view.lines[0].strip(), view.lines[-1].strip()) == (first, str(lines - 1))


def test_a_request_waits_runs_and_ends_and_shows_the_log_of_its_run(lake: Lake) -> None:
    logs = lake.data_dir.parent / "logs"
    (logs / "flow").mkdir(parents=True)
    (logs / "flow" / "one.log").write_text("".join(f"line {n} 🚵\n" for n in range(9000)))
    request = keep_request(lake, PullWanted(kind="pull", provider="toy"), NOW, "a test")
    assert status(lake, request) == "waiting"
    with live_run(lake, "r1"):
        begin_request(lake, request.id, "r1", NOW, "flow/one.log")
        assert status(lake, request, NOW + timedelta(days=3)) == "running"
        assert [*open_requests(lake)] == [request]
    end_request(lake, request.id, "failed", NOW, "of another run", "r0")
    end_request(lake, request.id, "done", NOW + timedelta(minutes=1), "Strava allows no more calls.", "r1")
    note_look(lake, NOW, [])
    view = request_view(lake, logs, request.id, NOW)
    assert view is not None
    assert (view.status, view.message, view.run_id) == ("done", "Strava allows no more calls.", "r1")
    assert (view.began_at, view.ended_at, view.looked_at) == (NOW, NOW + timedelta(minutes=1), NOW)
    assert (len(view.lines), view.lines[0], view.lines[-1]) == (200, "line 8800 🚵", "line 8999 🚵")
    assert [*open_requests(lake)] == []
    state = requests_folder(lake) / f"{request.id}.state.json"
    held = state.read_bytes()
    assert (forget_requests(lake, NOW + KEPT_FOR), forget_requests(lake, NOW + 2 * KEPT_FOR)) == (0, 1)
    assert request_view(lake, logs, request.id, NOW) is None
    state.write_bytes(held)  # a process that died in between left it alone
    assert forget_requests(lake, NOW + 2 * KEPT_FOR) == 1


def test_the_request_of_a_run_that_was_killed_has_failed_also_when_its_lock_was_cleared_away(lake: Lake) -> None:
    request = keep_request(lake, PullWanted(kind="pull", provider="toy"), NOW, "a test")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lake.data_dir), "r1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        begin_request(lake, request.id, "r1", NOW, None)
        assert status(lake, request) == "running"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert status(lake, request) == "failed"
    forget_run(lake, "r1")
    cleared = datetime.fromtimestamp((lake.state / "runs").stat().st_mtime, UTC)
    assert status(lake, request, cleared + ENDING / 2) == "running", "it may be writing its last line"
    assert status(lake, request, cleared + 2 * ENDING) == "failed"
    begin_request(lake, request.id, "r2", NOW, None)  # Dagster began it again
    with live_run(lake, "r2"):
        assert status(lake, request, cleared + 2 * ENDING) == "running"


def test_the_same_is_asked_for_once_and_only_so_much_waits(lake: Lake) -> None:
    wanted = PullWanted(kind="pull", provider="toy")
    assert has_requests(lake) is False
    first = keep_request(lake, wanted, NOW, "a test")
    assert keep_request(lake, wanted, NOW + timedelta(hours=1), "a test") == first
    assert has_requests(lake) is True
    begin_request(lake, first.id, "r1", NOW, None)
    assert keep_request(lake, wanted, NOW, "a test") != first, "what runs may have listed already"
    for number in range(MOST_WAITING - 1):
        keep_request(lake, PullWanted(kind="pull", provider=f"p{number}"), NOW, "a test")
    with pytest.raises(RequestsFullError, match="service up"):
        keep_request(lake, PullWanted(kind="pull", provider="more"), NOW, "a test")
    assert len([*requests_folder(lake).glob("*.json")]) == MOST_WAITING + 2, "each, and one state"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"id": "other"}', b'{"wanted": {"kind": "purge"}}', b" " * (LARGEST + 1), b"\xff"],
)
def test_a_damaged_file_is_no_request_and_its_name_is_handed_on(lake: Lake, content: bytes) -> None:
    key = "20261120T080206564698Z-0123abcd"
    requests_folder(lake).mkdir(parents=True)
    (requests_folder(lake) / f"{key}.json").write_bytes(content)
    (requests_folder(lake) / "notes.json").write_bytes(content)
    assert [*open_requests(lake)] == [Unreadable(key)]
    assert request_view(lake, lake.data_dir, key, NOW) is None
    end_request(lake, key, "failed", NOW, "It can't be read.")
    assert [*open_requests(lake)] == []


@pytest.mark.parametrize("log", ["../secrets/token.json", "/etc/hostname", "flow/missing.log", "link.log"])
def test_only_logs_are_shown(lake: Lake, log: str) -> None:
    logs, secret = lake.data_dir.parent / "logs", lake.data_dir.parent / "secrets" / "token.json"
    for path in (logs / "x", secret):
        path.parent.mkdir(parents=True)
    secret.write_text("token")
    (logs / "link.log").symlink_to(secret)
    request = keep_request(lake, PullWanted(kind="pull", provider="toy"), NOW, "a test")
    begin_request(lake, request.id, "r1", NOW, log)
    view = request_view(lake, logs, request.id, NOW)
    assert view is not None
    assert view.lines == []


def test_a_disk_that_refuses_the_state_stops_no_run(lake: Lake) -> None:
    request = keep_request(lake, PullWanted(kind="pull", provider="toy"), NOW, "a test")
    (requests_folder(lake) / f"{request.id}.state.json").mkdir()
    begin_request(lake, request.id, "r1", NOW, None)
    end_request(lake, "../../../etc/passwd", "done", NOW, "")
    assert status(lake, request) == "waiting"
    assert [path.name for path in (lake.data_dir / "inbox").iterdir()] == ["requests"]


def test_an_import_waits_for_a_run_until_one_is_at_work_on_it_and_again_where_that_died(tmp_path: Path) -> None:
    lake, wanted = Lake(tmp_path), ImportWanted(kind="import", names=("a.gpx",))
    key = keep_request(lake, wanted, NOW, "a test").id
    keep_request(lake, PullWanted(kind="pull", provider="toy"), NOW, "a test")
    waiting, long_after = (
        (key, ("a.gpx",)),
        datetime.now(UTC) + timedelta(days=3),
    )  # than the lock went, says the file system
    note_look(lake, NOW, [])
    assert take_import(lake, NOW) is None
    assert take_import(lake, NOW - timedelta(days=3)) == waiting, "the clock was ahead when the sensor looked"
    assert take_import(lake, long_after) == waiting
    assert take_import(lake, long_after) == waiting, "who was about to begin a run was ended"
    with live_run(lake, "r1"):
        begin_request(lake, key, "r1", NOW, None)
        assert take_import(lake, long_after) is None
    assert take_import(lake, long_after) == waiting
    end_request(lake, key, "done", NOW, "1 file came in.", "r1")
    assert take_import(lake, long_after) is None


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_region_is_asked_for_once_and_a_cancelled_one_stays_cancelled(lake: Lake, is_begun: bool) -> None:
    asked = keep_request(lake, RegionWanted(kind="region"), NOW, "a test")
    with live_run(lake, "r1"):
        if is_begun:
            begin_request(lake, asked.id, "r1", NOW, None)
            assert note_progress(lake, asked.id, 3, 10)
            found = latest_region(lake, NOW)
            assert found is not None
            assert (found.done, found.total) == (3, 10)
        assert keep_request(lake, RegionWanted(kind="region", most_bytes=9), NOW, "a test") == asked
        cancel_request(lake, asked.id, NOW)
        begin_request(lake, asked.id, "r1", NOW, None)  # it was about to begin
        assert not note_progress(lake, asked.id, 4, 10)
        end_request(lake, asked.id, "done", NOW, "It is loaded.", "r1")
    view = request_view(lake, None, asked.id, NOW)
    assert view is not None
    assert (view.status, view.message) == ("failed", CANCELLED)
    assert keep_request(lake, RegionWanted(kind="region"), NOW + timedelta(seconds=1), "a test") != asked


def test_a_region_whose_run_was_killed_can_be_asked_for_again(lake: Lake) -> None:
    asked = keep_request(lake, RegionWanted(kind="region", most_bytes=9), NOW, "a test")
    begin_request(lake, asked.id, "gone", NOW, None)
    again = keep_request(lake, RegionWanted(kind="region", most_bytes=9), NOW + timedelta(seconds=1), "a test")
    assert again != asked
