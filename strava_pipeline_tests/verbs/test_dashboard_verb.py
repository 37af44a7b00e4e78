"""`dashboard` and what belongs to it, as a person types it. That it answers is tested in serve/dashboard/."""

import json
import os
import re
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from argon2 import PasswordHasher

from strava_pipeline.core.facts import State
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.files import held
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.records.database import connect, database_of, migrate
from strava_pipeline.serve.dashboard.records.store import Records
from strava_pipeline.verbs import dashboard, dashboard_extra
from strava_pipeline.verbs.dashboard_health import dashboard_health
from strava_pipeline.verbs.demo import MARK, NOWHERE, demo_settings
from strava_pipeline.verbs.service_process import free_address
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.ingest.tls import ENDED, VALID, make_certificate
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.verbs.conftest import Type

PASSWORD = "correct horse battery"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASHBOARD_ADDRESS", "127.0.0.1:8723")
    return Settings.load()


@contextmanager
def running(settings: Settings) -> Iterator[Records]:
    """A dashboard is noted as running, and its records are there."""
    lake, url = Lake(settings.data_dir), database_of(settings)
    migrate(url, lake.state)
    with held(lake.dashboard_note) as note, closing(Records(connect(url))) as records:
        note.write(b'{"url": "http://127.0.0.1:8723", "pid": 1}')
        note.flush()
        yield records


def test_a_link_logs_in_where_a_dashboard_runs_without_a_password(settings: Settings, type_in: Type) -> None:
    assert type_in("dashboard", "link").err.startswith("No dashboard is running.")
    now = datetime.now(UTC)
    with running(settings) as records:
        shown = type_in("dashboard", "link")
        address, _, token = shown.out.strip().partition("?token=")
        assert (shown.code, address) == (0, "http://127.0.0.1:8723/login")
        assert records.redeem_link(token, now)
        settings.dashboard_password_file.parent.mkdir()
        settings.dashboard_password_file.write_text("{}")
        assert type_in("dashboard", "link").code == 2
        again = type_in("dashboard")
        assert (again.code, "is running already" in again.err) == (1, True)


def test_a_second_dashboard_of_the_folder_is_refused_before_it_imports_anything(
    settings: Settings, type_in: Type
) -> None:
    before = {*threading.enumerate()}
    with running(settings):
        assert "is running already" in type_in("dashboard").err
    assert not [each for each in {*threading.enumerate()} - before if each.name == "imports"]


@pytest.mark.skipif(sys.platform != "linux", reason="opens by xdg-open")
def test_a_browser_that_is_opened_has_a_link_of_its_own(
    settings: Settings,
    tmp_path: Path,
    type_in: Type,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened = tmp_path / "opened"
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}.part" && mv "{opened}.part" "{opened}"\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    def tokens(printed: str) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while not opened.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        address = opened.read_text()
        opened.unlink()
        return [*re.findall(r"token=(\S+)", printed), address.partition("?token=")[2]]

    with running(settings) as records:
        dashboard._show_address(settings, "http://127.0.0.1:8723", opens=True)
        found = tokens(capsys.readouterr().err)
        assert [records.redeem_link(token, datetime.now(UTC)) for token in found] == [True, True]
        monkeypatch.setattr("sys.stderr.isatty", lambda: False)
        said = type_in("dashboard", "--open")
        assert (said.code, said.out) == (0, ""), "it runs already, and is opened all the same"
        (late,) = tokens(said.err)
        soon = datetime.now(UTC) + timedelta(minutes=10)
        assert [records.redeem_link(late, soon), "token" in said.err] == [False, False], "a log gets none"


def test_the_command_for_a_link_is_that_of_this_dashboard(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dashboard.link_command(settings) == "strava-pipeline dashboard link"
    for name, words in (("demo", ""), ("my demo", " --folder 'my demo'")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / MARK).touch()
        of_demo = demo_settings(folder, NOWHERE)
        assert dashboard.link_command(of_demo) == f"strava-pipeline dashboard link --demo{words}"
        dashboard._show_address(of_demo, "http://127.0.0.1:8723", opens=False)
        assert f"(`strava-pipeline dashboard link --demo{words}` prints" in capsys.readouterr().err


def test_where_no_demo_was_made_its_dashboard_names_the_command(settings: Settings, type_in: Type) -> None:
    said = type_in("dashboard", "--demo")
    assert (said.code, f"There is no demo in {Path.cwd() / 'demo'} yet." in said.err) == (1, True)


@pytest.mark.slow
def test_a_password_is_stored_as_a_hash_and_logs_everybody_out(
    settings: Settings, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed: list[str] = []
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: typed.pop(0))  # a terminal, where nothing is echoed
    file, now = settings.dashboard_password_file, datetime.now(UTC)
    for wrong in ("short", "x" * 2000):
        typed.append(wrong)
        refused = type_in("dashboard", "password")
        assert (refused.code, refused.err.split(":")[0]) == (2, "The password was not set")
        assert not file.exists()
    with running(settings) as records:
        session, link = records.begin_session(now), records.add_link(now)
        typed.append(PASSWORD)
        done = type_in("dashboard", "password")
        assert (done.code, done.err) == (0, "")
        assert (stat.S_IMODE(file.stat().st_mode), PASSWORD in file.read_text() + done.out) == (0o600, False)
        assert PasswordHasher().verify(json.loads(file.read_text())["argon2"], PASSWORD)
        assert (records.session(session, now), records.redeem_link(link, now)) == (None, False)
        assert type_in("dashboard", "password", "--remove").out == "There is no password any more.\n"
        assert not file.exists()


@pytest.mark.slow
def test_the_password_of_a_secret_is_kept_as_a_hash_and_a_new_one_logs_everybody_out(
    settings: Settings, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, now = settings.dashboard_password_file, datetime.now(UTC)

    def began_with(password: str) -> str:
        monkeypatch.setenv("DASHBOARD_PASSWORD", password)
        dashboard._begin(Settings.load(), "http://127.0.0.1:8723", 2, opens=False)
        return file.read_text()

    with running(settings) as records:
        session = records.begin_session(now)
        kept = began_with(PASSWORD)
        assert (stat.S_IMODE(file.stat().st_mode), PASSWORD in kept) == (0o600, False)
        assert records.session(session, now) is None
        session = records.begin_session(now)
        assert began_with(PASSWORD) == kept
        assert records.session(session, now) is not None, "a start with the same password ends nothing"
        file.write_text("{}")
        assert PasswordHasher().verify(json.loads(began_with(PASSWORD))["argon2"], PASSWORD)
        refused = [type_in("dashboard", "password"), type_in("dashboard", "password", "--remove")]
        assert [(each.code, "DASHBOARD_PASSWORD is set" in each.err) for each in refused] == [(2, True)] * 2
        assert type_in("dashboard", "link").code == 2


def test_without_the_extra_the_line_to_type_is_shown(
    settings: Settings, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard_extra, "EXTRA", ("fastapi", "not_here"))
    for words in (("dashboard",), ("dashboard", "link"), ("dashboard", "password")):
        refused = type_in(*words)
        assert refused.code == 2
        assert refused.err.startswith("The dashboard needs not_here, which this installation does not have. Type: ")
        assert refused.err.endswith("pip install 'strava_pipeline[dashboard]'\n")


def test_status_shows_where_it_runs_and_a_purge_waits_for_its_end(settings: Settings, type_in: Type) -> None:
    settings.data_dir.mkdir()
    assert "dashboard" not in shown(type_in("status", "--json").out)
    with running(settings):
        assert shown(type_in("status", "--json").out)["dashboard"]["text"] == "http://127.0.0.1:8723"
        refused = type_in("purge", "--yes", "--keep-access")
        assert (refused.code, "the dashboard runs at" in refused.err) == (1, True)
    assert type_in("purge", "--yes", "--keep-access").code == 0
    assert not Lake(settings.data_dir).state.exists()


@pytest.mark.parametrize(
    ("changed", "password", "state", "what"),
    [
        ({}, False, State.OK, "on this machine alone"),
        ({"dashboard_address": "off"}, False, State.OK, "off"),
        ({"dashboard_address": "0.0.0.0:8723"}, True, State.PROBLEM, "keep it from starting"),
        ({"dashboard_behind_proxy": True, "dashboard_hosts": "a.example"}, True, State.OK, "behind a proxy"),
        ({"dashboard_lan": True}, False, State.WARNING, "no password is set"),
        ({"dashboard_lan": True}, True, State.OK, "on the home network, by http, which"),
        ({"dashboard_lan": True, "dashboard_address": "off"}, True, State.OK, "on the home network, by http, which"),
        ({"dashboard_lan": True, "dashboard_cert": "own.pem", "dashboard_key": "own.key"}, True, State.OK, "https"),
        ({"dashboard_cert": "ended.pem", "dashboard_key": "ended.key"}, True, State.PROBLEM, "keep it from starting"),
        ({"dashboard_cert": "soon.pem", "dashboard_key": "soon.key"}, True, State.WARNING, "ends on 20"),
        ({"dashboard_cert": "own.pem", "dashboard_key": "soon.key"}, True, State.PROBLEM, "keep it from starting"),
    ],
)
def test_doctor_says_who_reaches_it_and_what_keeps_it_from_starting(
    settings: Settings, tmp_path: Path, changed: dict[str, Any], password: bool, state: State, what: str
) -> None:
    now = datetime.now(UTC)
    spans = {"own": VALID, "ended": ENDED, "soon": ("20000101", f"{now + timedelta(days=10):%Y%m%d}")}
    if name := str(changed.get("dashboard_cert", "")).removesuffix(".pem"):
        for each in {name, "soon"}:
            make_certificate(tmp_path, each, span=spans[each])
        changed = {**changed, **{file: tmp_path / changed[file] for file in ("dashboard_cert", "dashboard_key")}}
    if password:
        settings.dashboard_password_file.parent.mkdir()
        settings.dashboard_password_file.write_text("{}")
    found = dashboard_health(settings.model_copy(update=changed), now)
    assert (found.state, what in found.text) == (state, True), found


def test_where_an_address_is_taken_another_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = f"127.0.0.1:{taken.getsockname()[1]}"
        found = free_address(wanted)
        assert found != wanted
        assert Settings.load(_env_file=None, dashboard_address=found).dashboard_address == found
    assert free_address(found) == found
