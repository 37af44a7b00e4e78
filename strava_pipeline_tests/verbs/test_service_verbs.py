"""What the service's verbs tell and write where no service runs; its life as a process: e2e/test_service.py."""

import configparser
import fcntl
import json
import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.files import held
from strava_pipeline.verbs.dagster_process import Address, exclusive_instance
from strava_pipeline.verbs.service import unit_text
from strava_pipeline.verbs.service_process import last_lines, rotate, running, service_log
from strava_pipeline.verbs.service_status import service_status, time_lines
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.verbs.conftest import TypeOn

NOTE = {"pid": 0, "place": "elsewhere", "since": "2026-03-10T12:00:00+00:00", "ui": None, "by_unit": False}
SPRING = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)  # London's clocks go from 01:00 to 02:00 the next night
AUTUMN = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)  # and from 02:00 to 01:00 here


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    def made(**more: object) -> Settings:
        kept = {"data_dir": "data", "secrets_dir": "secrets", "logs_dir": "logs", "dagster_home": "dagster_home"}
        paths = {name: tmp_path / path for name, path in kept.items()}
        return Settings.load(_env_file=None, **{"client_id": "12345"} | paths | more)

    return made


@pytest.mark.parametrize(
    ("cron", "zone", "now", "coming"),
    [
        ("0 5 * * *", "Europe/London", SPRING, ["Sun 2026-03-29 05:00 BST (UTC+01:00)", "Mon 2026-03-30 05:00 BST (UTC+01:00)"]),
        ("0 5 * * *", "Europe/London", AUTUMN, ["Sun 2026-10-25 05:00 GMT (UTC+00:00)", "Mon 2026-10-26 05:00 GMT (UTC+00:00)"]),
        ("30 1 * * *", "Europe/London", SPRING, ["Sun 2026-03-29 02:00 BST (UTC+01:00)", "Mon 2026-03-30 01:30 BST (UTC+01:00)"]),
        ("30 1 * * *", "Europe/London", AUTUMN, ["Sun 2026-10-25 01:30 GMT (UTC+00:00)", "Mon 2026-10-26 01:30 GMT (UTC+00:00)"]),
        ("0 5 * * *", "America/St_Johns", SPRING, ["Sun 2026-03-29 05:00 NDT (UTC-02:30)", "Mon 2026-03-30 05:00 NDT (UTC-02:30)"]),
        ("0 12 * * *", "UTC", SPRING, ["Sun 2026-03-29 12:00 UTC (UTC+00:00)", "Mon 2026-03-30 12:00 UTC (UTC+00:00)"]),
    ],
)  # fmt: skip
def test_the_next_runs_are_right_where_clocks_change(
    settings: Callable[..., Settings], cron: str, zone: str, now: datetime, coming: list[str]
) -> None:
    own = settings(schedule=cron, timezone=zone)
    for at, expected in zip((now, now + timedelta(days=1)), coming, strict=True):
        zoned, _, title, *lines = time_lines(own, at)
        assert (zoned, title) == (f"Zone:       {zone}", "Next runs:")
        assert f"  {expected}  daily_flow" in lines


def test_only_schedules_that_are_defined_and_on_have_a_next_run(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    chosen = tmp_path / "providers.toml"
    chosen.write_text("[providers.intervals_icu]\nenabled = true\n")
    own = {"client_id": None, "providers_config": chosen, "timezone": "Europe/Berlin"}
    assert [line for line in time_lines(settings(**own), SPRING) if "daily" in line] == [
        "  Sun 2026-03-29 06:00 CEST (UTC+02:00)  daily_intervals_icu"
    ]
    assert time_lines(settings(**own, automation=False), SPRING)[2:] == ["Next runs:  none. No schedule is on."]


@pytest.mark.parametrize("cron", ["99 5 * * *", "0 0 30 2 *"])
def test_a_schedule_that_never_comes_is_told_before_anything_starts(
    rig: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch, cron: str
) -> None:
    typed = type_on(rig)
    monkeypatch.setenv("STRAVA_SCHEDULE", cron)
    for verb in ("time", "up", "restart", "status", "install"):
        said = typed("service", verb)
        assert (said.code, "STRAVA_SCHEDULE" in said.err, cron in said.err) == (2, True, True), verb
    assert not service_log(rig.settings.logs_dir).exists()


def test_settings_that_can_not_be_used_are_told_by_every_verb(
    rig: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = type_on(rig)
    monkeypatch.setenv("PER_PAGE", "1000")
    for verb in ("up", "down", "restart", "status", "logs", "exec", "time", "install", "run"):
        said = typed("service", verb)
        assert (said.code, "PER_PAGE" in said.err) == (2, True), verb


def test_without_a_service_nothing_is_ended_made_or_followed(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    assert typed("service", "down").code == 0
    told = typed("service", "status", "--json")
    assert told.code == 1
    asked = typed("service", "status", "--allow-down")  # as `make schedule-ps` does
    assert (asked.code, "Not running." in asked.out) == (0, True)
    assert json.loads(told.out) | {"schedules": None} == {
        "alive": False,
        "since": None,
        "pid": None,
        "ui": None,
        "intake": None,
        "dashboard": None,
        "heard_at": None,
        "silent": False,
        "schedules": None,
        "last_flow_at": None,
        "log": str(service_log(rig.settings.logs_dir)),
    }
    assert "service up" in typed("service", "logs").err
    assert not rig.settings.dagster_home.exists()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield process
        process.kill()


def test_a_note_that_nobody_holds_ends_nobody(rig: Rig, type_on: TypeOn, stranger: subprocess.Popen[bytes]) -> None:
    rig.settings.dagster_home.mkdir()
    note = rig.settings.dagster_home / ".service.json"
    note.write_text(json.dumps(NOTE | {"pid": stranger.pid}))
    with note.open("rb") as looked_at:  # by another who asks
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        assert running(rig.settings.dagster_home) is None
    said = type_on(rig)("service", "down")
    assert (said.code, said.out) == (0, f"No service is running on {rig.settings.dagster_home}.\n")
    assert stranger.poll() is None


def test_a_contained_service_is_not_ended_outside(rig: Rig, type_on: TypeOn, stranger: subprocess.Popen[bytes]) -> None:
    with held(rig.settings.dagster_home / ".service.json") as note:
        note.write(json.dumps(NOTE | {"pid": stranger.pid}).encode())
        note.flush()
        said = type_on(rig)("service", "down")
    assert (said.code, "in a container; end it there" in said.err) == (1, True)
    assert stranger.poll() is None


def test_the_service_does_not_start_beside_a_daemon(rig: Rig, type_on: TypeOn) -> None:
    with exclusive_instance(rig.settings.dagster_home):
        said = type_on(rig)("service", "up")
    assert said.code == 1
    assert "The service did not start" in said.err
    assert "Dagster is already running on" in said.err


@pytest.mark.dear
def test_exec_is_the_flow_verb(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    assert typed("service", "exec", "--", "--max-calls", "1").code == 3
    assert rig.calls()["total"] == 1
    assert typed("service", "exec", "--", "--nonsense").code == 2
    told = json.loads(typed("service", "status", "--json").out)
    assert told["last_flow_at"] is not None


@pytest.mark.parametrize(
    ("status", "automation", "is_running"),
    [
        (InstigatorStatus.DECLARED_IN_CODE, True, True),
        (InstigatorStatus.STOPPED, True, False),
        (InstigatorStatus.RUNNING, False, True),
    ],
)
def test_a_schedule_is_told_as_its_daemon_sees_it(
    settings: Callable[..., Settings], status: InstigatorStatus, automation: bool, is_running: bool
) -> None:
    own = settings(automation=automation)
    from strava_pipeline.verbs.instance import open_instance

    with open_instance(own.dagster_home) as instance:
        ticked(instance, status)
    report = service_status(own, SPRING)
    daily = report.schedules[0]
    assert (daily.name, daily.running) == ("daily_flow", is_running)
    assert "weekly_profile" in [schedule.name for schedule in report.schedules]
    assert daily.next_tick_at == (datetime(2026, 3, 29, 4, 0, tzinfo=UTC) if is_running else None)
    assert daily.last_tick is not None
    assert (daily.last_tick.at, daily.last_tick.outcome) == (datetime(2026, 3, 28, 5, 0, tzinfo=UTC), "skipped")
    assert daily.last_tick.why == "There is no login yet."


def ticked(instance: dg.DagsterInstance, status: InstigatorStatus) -> None:
    """daily_flow as a daemon leaves it after a tick on 28 March that it skipped."""
    from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin

    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("strava_pipeline"), "__repository__")
    origin = RemoteInstigatorOrigin(repository, "daily_flow")
    state = InstigatorState(origin, InstigatorType.SCHEDULE, status, ScheduleInstigatorData("0 5 * * *"))
    instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            "daily_flow",
            InstigatorType.SCHEDULE,
            TickStatus.SKIPPED,
            datetime(2026, 3, 28, 5, 0, tzinfo=UTC).timestamp(),
            skip_reason="There is no login yet.",
            selector_id=state.selector_id,
        )
    )


def test_the_log_is_rotated_when_it_is_large_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"one\ntwo\n")
        rotate(log, enough=8)
        assert log.read_bytes() == b"one\ntwo\n"
        writer.write(b"three\n")
        rotate(log, enough=8)
        writer.write(b"four\n")
    assert log.read_bytes() == b"four\n"
    assert last_lines(log, 3) == ["two", "three", "four"]


def test_logs_shows_the_newest_lines_and_follows(rig: Rig, type_on: TypeOn) -> None:
    log = service_log(rig.settings.logs_dir)
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {n}\n" for n in range(100)))
    typed = type_on(rig)
    assert typed("service", "logs").out.splitlines() == [f"line {n}" for n in range(50, 100)]
    assert typed("service", "logs", "-n", "2").out == "line 98\nline 99\n"
    command = [sys.executable, "-m", "strava_pipeline", "service", "logs", "-f", "-n", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "line 99\n"
        with log.open("a") as more:
            more.write("and on\n")
        assert following.stdout.readline() == "and on\n"
        following.kill()


@pytest.fixture
def odd_home(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a working directory with names that units could take for something else."""
    home = rig.folder / "home"
    odd = rig.folder / 'a "b" 100% $HOME'
    for folder in (home, odd):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(odd)
    return home


def test_the_systemd_unit_starts_this_installation_here_and_holds_no_secret(
    rig: Rig, type_on: TypeOn, odd_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    Path(".env").write_text("STRAVA_CLIENT_SECRET=c4nary\n")
    typed = type_on(rig)
    monkeypatch.setenv("STRAVA_CLIENT_SECRET", "c4nary")
    printed = typed("service", "install", "--print", "--port", "3007")
    assert list(odd_home.iterdir()) == []
    written = typed("service", "install", "--port", "3007")
    path = odd_home / ".config" / "systemd" / "user" / "strava-pipeline.service"
    assert path.read_text() == printed.out
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(printed.out)
    assert unit["Service"]["WorkingDirectory"] == str(Path.cwd()).replace("%", "%%")
    assert shlex.split(unit["Service"]["ExecStart"]) == [
        sys.executable, "-m", "strava_pipeline", "service", "run", "--by-unit", "--host", "127.0.0.1", "--port", "3007",
    ]  # fmt: skip
    assert (unit["Service"]["Restart"], unit["Install"]["WantedBy"]) == ("on-failure", "default.target")
    assert "systemctl --user enable --now strava-pipeline" in written.out
    assert "loginctl enable-linger" in written.out
    assert "c4nary" not in printed.out + written.out + written.err
    assert "STRAVA_BASE_URL" in written.err  # set in this environment alone
    assert "STRAVA_CLIENT_SECRET" not in written.err
    if shutil.which("systemd-analyze"):
        looked = subprocess.run(["systemd-analyze", "verify", "--user", str(path)], capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(odd_home), "XDG_RUNTIME_DIR": str(odd_home)})  # fmt: skip
        assert "strava-pipeline.service" not in looked.stderr, looked.stderr
    assert typed("service", "install", "--uninstall").code == 0
    assert not path.exists()
    assert typed("service", "install", "--uninstall").out == f"There is no {path}.\n"


def test_the_launchd_agent_starts_this_installation_here(
    rig: Rig, type_on: TypeOn, odd_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    written = type_on(rig)("service", "install", "--no-ui")
    path = odd_home / "Library" / "LaunchAgents" / "strava-pipeline.plist"
    assert plistlib.loads(path.read_bytes()) == {
        "Label": "strava-pipeline",
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ExitTimeOut": 30,
        "ProgramArguments": [sys.executable, "-m", "strava_pipeline", "service", "run", "--by-unit", "--no-ui"],
        "WorkingDirectory": str(Path.cwd()),
        "StandardErrorPath": str(service_log(rig.settings.logs_dir)),
    }
    assert "launchctl bootstrap" in written.out


def test_an_odd_path_of_python_is_taken_for_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "executable", '/my "env"/100%/$x/python')
    assert 'ExecStart="/my \\"env\\"/100%%/$$x/python" -m strava' in unit_text(None, Path("logs"))


def test_what_is_installed_is_a_command_that_exists(rig: Rig) -> None:
    words = shlex.split(
        next(
            line
            for line in unit_text(Address("::1", 3000), rig.settings.logs_dir).splitlines()
            if line.startswith("ExecStart=")
        )[10:]
    )
    done = subprocess.run([*words, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "foreground" in done.stdout) == (0, True), done.stderr
