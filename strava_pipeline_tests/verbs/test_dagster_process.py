"""The environment of Dagster's daemon and web server, the end of their process group, and interrupts while processes start."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from dagster._grpc.utils import default_grpc_timeout

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.verbs import dagster_process
from strava_pipeline.verbs.dagster_process import (
    Address,
    _exclusive_data,
    end_group,
    environment_of_dagster,
    exclusive_instance,
    serve,
)
from strava_pipeline.verbs.dagster_ui import daemon
from strava_pipeline.verbs.interrupts import guard_command, quiet_module
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import python


@pytest.mark.parametrize(("own", "seconds"), [(None, 180), ("90", 90)], ids=["ours", "the user's own"])
def test_dagster_waits_three_minutes_for_a_launch_unless_the_user_says_otherwise(
    own: str | None, seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_GRPC_TIMEOUT_SECONDS", raising=False)
    if own is not None:
        monkeypatch.setenv("DAGSTER_GRPC_TIMEOUT_SECONDS", own)
    given = environment_of_dagster(Settings.load(_env_file=None, data_dir=tmp_path))
    monkeypatch.setenv("DAGSTER_GRPC_TIMEOUT_SECONDS", given["DAGSTER_GRPC_TIMEOUT_SECONDS"])
    assert default_grpc_timeout() == seconds


@pytest.mark.parametrize(
    ("host", "is_lan", "url", "for_links"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("0.0.0.0", False, "http://0.0.0.0:3000", "http://0.0.0.0:3000"),
        ("127.0.0.1", True, "http://127.0.0.1:3000/dagster", "http://nas.lan:8723/dagster"),
        ("::1", True, "http://[::1]:3000/dagster", "http://nas.lan:8723/dagster"),
        ("0.0.0.0", True, "http://127.0.0.1:3000/dagster", "http://nas.lan:8723/dagster"),  # as in the image
        ("192.168.1.20", True, "http://127.0.0.1:3000/dagster", "http://nas.lan:8723/dagster"),
    ],
)
def test_on_a_home_network_dagsters_own_port_is_for_this_machine_and_messages_lead_to_the_dashboard(
    host: str, is_lan: bool, url: str, for_links: str
) -> None:
    lan = {"dashboard_lan": is_lan, "dashboard_address": "off", "dashboard_hosts": "nas.lan"}
    settings = Settings.load(_env_file=None, **lan)
    for before in ("", "/dagster"):  # where `service restart` finds one with other settings
        ui = Address(host, 3000, before).on(settings)
        assert (ui.url, ui.url_for_links(settings)) == (url, for_links)


def test_dagster_gets_these_settings_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAVA_ALERT_URL", "https://hooks.example.com/of-the-user")  # the demo's settings have none
    monkeypatch.setenv("STRAVA_TIMEZONE", "Asia/Tokyo")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trips.sqlite").touch()
    settings = Settings.load(
        _env_file=None, alert_url=None, timezone="Europe/London", trips_source="sqlite:///trips.sqlite"
    )
    given = environment_of_dagster(settings, tmp_path / "demo" / ".env")
    assert "STRAVA_ALERT_URL" not in given
    assert (given["STRAVA_TIMEZONE"], given["HTTPS_PROXY"]) == ("Europe/London", "http://127.0.0.1:9")
    assert given["TRIPS_SOURCE"] == f"sqlite:///{tmp_path}/trips.sqlite"
    assert given["STRAVA_ENV_FILE"] == f"{tmp_path}/demo/.env"


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        ("sqlite:///trips.sqlite", "sqlite:///{here}/trips.sqlite"),  # also where it is not there yet
        ("parquet:///a folder/trips.parquet", "parquet:///{here}/a folder/trips.parquet"),
        ("sqlite:///{root}", "sqlite:////{root}"),  # from the root, where there is none here
        ("sqlite:////srv/trips.sqlite", "sqlite:////srv/trips.sqlite"),
        ("postgresql:///trips", "postgresql:///trips"),
        ("postgresql://reader@db/product", "postgresql://reader@db/product"),
    ],
)
def test_a_source_of_trips_is_the_same_from_another_folder(
    given: str, handed_on: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trips").touch()
    (tmp_path / "elsewhere.sqlite").touch()
    places = {"here": tmp_path, "root": str(tmp_path / "elsewhere.sqlite").removeprefix("/")}
    settings = Settings.load(_env_file=None, trips_source=given.format(**places))
    assert environment_of_dagster(settings)["TRIPS_SOURCE"] == handed_on.format(**places)


def test_what_env_sets_beside_settings_comes_with_it_below_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.setenv("NO_PROXY", "of the environment")
    (tmp_path / ".env").write_text("HTTPS_PROXY=http://127.0.0.1:9\nNO_PROXY=of the file\nSTRAVA_TIMEZONE=Asia/Tokyo\n")
    given = environment_of_dagster(Settings.load(_env_file=None, timezone="Europe/London"), tmp_path / ".env")
    assert (given["HTTPS_PROXY"], given["NO_PROXY"]) == ("http://127.0.0.1:9", "of the environment")
    assert given["STRAVA_TIMEZONE"] == "Europe/London"


def test_everything_ends_within_twenty_seconds_of_sigterm() -> None:
    graces = [dagster_process.DAGSTER_GRACE, dagster_process.RUN_GRACE, *2 * [dagster_process.LAST_GRACE]]
    assert sum(graces) < 20  # the rest of a second is for the kernel


def test_a_zombie_that_nobody_waits_for_is_not_waited_for_or_killed(capfd: pytest.CaptureFixture[str]) -> None:
    """As the first process of a container has them: it inherits orphans, and nobody but it could clear them away."""
    with subprocess.Popen(["true"], start_new_session=True) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        end_group(process.pid)
    assert "killed" not in capfd.readouterr().err


def test_what_does_not_end_when_it_is_interrupted_is_killed_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dagster_process, "RUN_GRACE", 0)
    monkeypatch.setattr(dagster_process, "LAST_GRACE", 0)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end_group(process.pid)
        assert process.wait() == -9
    assert "did not end when it was interrupted, so it is killed" in capfd.readouterr().err


def test_a_second_daemon_on_a_data_folder_is_refused_whatever_its_dagster_folder_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first, second = (
        Settings.load(_env_file=None, data_dir=data, dagster_home=tmp_path / name) for name in ("first", "second")
    )
    with (
        _exclusive_data(data / "state", data),
        exclusive_instance(second.dagster_home) as instance,
        pytest.raises(
            PipelineError, match=f"Another service or `dev` is at work on {data}, with a Dagster folder of its own"
        ),
    ):
        serve(second, None, instance, runs_may_finish=False)
    assert not first.dagster_home.exists()


def test_a_daemon_ended_while_it_loads_leaves_no_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with daemon(tmp_path / "workspace.yaml") as process:
        pass
    assert (process.returncode, *capfd.readouterr()) == (0, "", "")


def test_an_interrupt_while_a_module_loads_ends_it_without_a_traceback(tmp_path: Path) -> None:
    forever = "while True: time.sleep(0.01)"  # in signal.pause() an interrupt that came just before it is not noticed
    (tmp_path / "slow_to_load.py").write_text(f"import time\nprint('loading', flush=True)\n{forever}\n")
    with subprocess.Popen(
        [sys.executable, "-m", *quiet_module("slow_to_load")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "", 0)


def test_what_is_not_to_be_seen_in_full_is_logged_in_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "lost.py").write_text(
        "import logging\nlogging.warning('lost %s', 'it:\\na trace')\nlogging.error('b', exc_info=OSError('full\\nof it'))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", *quiet_module("lost", brief=True)]
    assert (
        subprocess.run(command, env=env, capture_output=True, text=True, check=True).stderr
        == "WARNING:root:lost it:\nERROR:root:b OSError: full\n"
    )


KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"


def test_a_guarded_run_is_interrupted_also_where_ctrl_c_is_ignored(tmp_path: Path) -> None:
    """As below nohup and in a script's background job."""
    (tmp_path / "fetching.py").write_text(
        "import time\ntry:\n    print('begun', flush=True)\n    while True: time.sleep(0.01)\nexcept KeyboardInterrupt: print('landed')"
    )
    reading, writing = os.pipe()
    with subprocess.Popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *guard_command(reading, PATIENCE, ["fetching"])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        pass_fds=[reading],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("landed\n", None)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("where", [KILLED, f"exec({KILLED!r})"], ids=["in a module", "in code made of a string"])
def test_a_process_that_has_only_begun_ends_without_an_error(where: str) -> None:
    program = f"""
        from strava_pipeline.verbs.interrupts import end_at_interrupt

        end_at_interrupt()
        {where}
        print("went on")
    """
    ended = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, text=True, timeout=PATIENCE)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_an_interrupt_while_dagsters_ui_loads_ends_it_at_once(tmp_path: Path) -> None:
    # the first that is imported is interrupted in code made of a string
    for module in "dagster", "dagster_webserver":
        (tmp_path / f"{module}.py").write_text(f"exec({KILLED!r})")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    ended = python("-m", "strava_pipeline.verbs.dagster_ui", "127.0.0.1", "0", env={**os.environ, "PYTHONPATH": path})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
