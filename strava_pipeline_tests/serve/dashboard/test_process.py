"""The dashboard as a person starts it: real processes on a real port, with two workers, a fake Sentry, and its end."""

import gzip
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import sentry_sdk
from pydantic import SecretStr
from tenacity import Retrying, stop_after_delay, wait_fixed

from strava_pipeline.core.errors import MissingSettingsError, MisuseError
from strava_pipeline.environment.file_locks import is_held
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.process import _Workers
from strava_pipeline.serve.dashboard.start_check import check_start
from strava_pipeline.serve.dashboard.telemetry import only_what_may_be_sent, rate, start_telemetry
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.local_server import Quiet, serving
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard


@pytest.mark.parametrize(
    ("changed", "has_password", "behind_proxy", "why"),
    [
        ({}, False, False, None),
        ({"dashboard_address": "[::1]:8723"}, False, False, None),
        ({"dashboard_address": "off"}, False, False, "is off"),
        ({"dashboard_address": "0.0.0.0:8723"}, True, False, "--behind-proxy"),
        ({"dashboard_address": "0.0.0.0:8723", "dashboard_hosts": "a.example"}, False, True, "dashboard password"),
        ({"dashboard_address": "0.0.0.0:8723"}, True, True, "DASHBOARD_HOSTS"),
        ({"dashboard_address": "0.0.0.0:8723", "dashboard_hosts": "a.example"}, True, True, None),
        ({"dashboard_address": "rides.lan:8723", "dashboard_hosts": "rides.lan"}, True, False, "in the clear"),
        ({}, False, True, "dashboard password"),
        ({"dashboard_lan": True}, False, False, None),  # an address in the log lets in
        ({"dashboard_lan": True, "dashboard_address": "off"}, True, False, None),
        ({"dashboard_lan": True, "dashboard_address": "192.168.1.20:8723"}, True, False, None),
        ({"dashboard_lan": True, "dashboard_hosts": "a.example"}, True, True, "Unset one of them"),
        ({"sentry_dsn": "https://sentry.example/nothing"}, False, False, "SENTRY_DSN"),
        ({"database_url": "mysql://host/db"}, False, False, "DATABASE_URL"),
    ],
)
def test_it_starts_only_where_nobody_else_can_look(
    tmp_path: Path, changed: dict[str, Any], has_password: bool, behind_proxy: bool, why: str | None
) -> None:
    own = {"dashboard_address": "127.0.0.1:8723", "secrets_dir": tmp_path / "secrets", **changed}
    settings = Settings.load(_env_file=None, **own)
    if has_password:
        save_secret(settings.dashboard_password_file, {"argon2": "x"})
    if why is None:
        check_start(settings, behind_proxy=behind_proxy)
    else:
        with pytest.raises((MisuseError, MissingSettingsError), match=why):
            check_start(settings, behind_proxy=behind_proxy)


def test_no_worker_begins_after_the_signal_that_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes at the last moment: a worker that it misses would be waited for without end."""
    nothing: Any = None
    workers = _Workers(nothing, nothing, nothing)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(flush=lambda: workers._end(signal.SIGTERM, None)))
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a worker was started"))
    workers._start(1)


def test_what_is_sent_to_sentry_is_a_list_of_what_may_be() -> None:
    hush: Any = {"hush": "hush"}
    frame = {
        "filename": "app.py", "function": "f", "lineno": 3, "module": "m", "vars": hush, "context_line": "hush",
        "abs_path": "hush",
    }  # fmt: skip
    event: Any = {
        "event_id": "1", "type": "transaction", "transaction": "/api/activities/{id}", "transaction_info": {"source": "route"},
        "contexts": {"trace": {"trace_id": "t", "data": hush, "description": "hush"}, "runtime": hush}, "user": hush, "tags": hush,
        "request": {"method": "GET", "url": "hush", "query_string": "hush", "headers": hush, "cookies": hush, "data": "hush", "env": hush},
        "extra": hush, "breadcrumbs": {"values": [hush]}, "server_name": "hush", "spans": [hush], "logentry": hush, "modules": hush,
        "exception": {"values": [{"type": "ValueError", "module": None, "value": "hush", "stacktrace": {"frames": [frame]}}]},
    }  # fmt: skip
    sent: Any = only_what_may_be_sent(event, {})
    assert "hush" not in json.dumps(sent)
    assert (sent["transaction"], sent["request"]) == ("/api/activities/{id}", {"method": "GET"})
    assert sent["exception"]["values"][0]["stacktrace"]["frames"][0]["lineno"] == 3
    other: Any = only_what_may_be_sent(
        {**event, "transaction": "/48.2/hush", "transaction_info": {"source": "url"}}, {}
    )
    assert other["transaction"] == "(no route)"


@pytest.mark.parametrize(
    ("path", "likely"),
    [
        ("/", 0.25),
        ("/login", 0.25),
        ("/nowhere", 0.25),
        ("/api/openapi.json", 0.25),
        ("/health", 0),
        ("/static/style.css", 0),
    ],
)
def test_timings_are_sampled_by_route_and_health_never(path: str, likely: float) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    assert rate({"asgi_scope": scope}, 0.25) == likely
    assert rate({}, 0.25) == 0


def test_errors_are_sent_whatever_the_rate_of_timings(dashboard: Dashboard) -> None:
    with sentry() as (dsn, sent):
        start_telemetry(dashboard.settings.model_copy(update={"sentry_dsn": SecretStr(dsn), "sentry_sample_rate": 0.0}))
        try:

            @dashboard.app.get("/broken/{place}")
            def broken(place: str) -> None:
                raise ValueError(place)

            assert dashboard.browser().get("/broken/hush").status_code == 500
            envelope = sent.get(timeout=PATIENCE)
        finally:
            sentry_sdk.get_client().close(timeout=0)
            sentry_sdk.get_global_scope().set_client(None)
    event = json.loads(envelope.splitlines()[-1])
    assert (event["transaction"], event["exception"]["values"][0]["type"]) == ("/broken/{place}", "ValueError")
    assert b"hush" not in envelope


@contextmanager
def sentry() -> Iterator[tuple[str, "Queue[bytes]"]]:
    """A receiver of what Sentry's client sends: its address, and each body."""
    got: Queue[bytes] = Queue()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.put(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as address:
        yield f"{address.replace('//', '//key@')}/7", got


def read_until(terminal: int, text: str) -> str:
    """What comes from the terminal up to a text."""
    read = ""
    while text not in read:
        read += os.read(terminal, 4096).decode()
    return read


@contextmanager
def started(folder: Path, *, workers: int = 2, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """`dashboard --workers 2` in a terminal, the address that it prints there, and the terminal. Its standard output goes to the file `log`."""
    paths = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = {**paths, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), **settings}
    ours, theirs = pty.openpty()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "strava_pipeline", "dashboard", "--workers", str(workers)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=theirs,
            text=True,
        )
    os.close(theirs)
    try:
        printed = read_until(ours, "logs one browser in")
        yield process, re.findall(r"http\S+", printed)[0], ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.dear
def test_a_person_logs_in_by_the_address_and_two_workers_answer_until_they_are_stopped(tmp_path: Path) -> None:
    port = free_port()
    with (
        sentry() as (dsn, sent),
        started(tmp_path, DASHBOARD_ADDRESS=f"127.0.0.1:{port}", SENTRY_DSN=dsn, SEAM_SENTRY_SAMPLE_RATE="1") as (
            process,
            address,
            terminal,
        ),
    ):
        lake = Lake(tmp_path / "data")
        assert address.startswith(f"http://127.0.0.1:{port}/login?token=")
        browser = requests.Session()
        assert browser.get(address, timeout=PATIENCE).status_code == 200
        assert is_held(lake.dashboard_note)

        def answering() -> set[int]:
            for _ in range(20):  # each on a connection of its own, which any worker accepts
                requests.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE)
            return {json.loads(line)["process"] for line in (tmp_path / "log").read_text().splitlines()}

        workers = answering()
        while len(workers) < 2:
            workers |= answering()
        assert process.pid not in workers
        envelope = sent.get(timeout=PATIENCE)
        while b'"transaction"' not in envelope:
            envelope = sent.get(timeout=PATIENCE)
        transaction = json.loads(envelope.splitlines()[-1])
        assert transaction["transaction"] in ("/login", "/")
        token = address.partition("=")[2]
        shown = (tmp_path / "log").read_text() + envelope.decode()
        assert not [secret for secret in (token, *browser.cookies.values(), "127.0.0.1") if secret in shown]

        with socket.create_connection(("127.0.0.1", port)) as odd:
            odd.sendall(b"nonsense\r\n\r\n")
        assert re.search(r"dashboard worker [12] \(\d+\) WARNING uvicorn", read_until(terminal, "Invalid HTTP request"))

        os.kill(min(workers), signal.SIGKILL)
        assert "of the dashboard ended by itself (exit -9)" in read_until(terminal, "started again")
        while len(workers) < 3:
            workers |= answering()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert not is_held(lake.dashboard_note)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE)


@pytest.mark.dear
def test_seven_hundred_logins_that_come_by_half_hold_up_nobody_else_and_no_file(tmp_path: Path) -> None:
    port = free_port()
    head = (
        f"{{}} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 100\r\n{{}}\r\npass"
    )
    with started(tmp_path, workers=1, DASHBOARD_ADDRESS=f"127.0.0.1:{port}") as (_, address, _), ExitStack() as held:
        browser = requests.Session()
        assert browser.get(address, timeout=PATIENCE).status_code == 200
        page = browser.get(f"http://127.0.0.1:{port}/settings", timeout=PATIENCE).text
        token, cookie = (
            re.findall(r'X-CSRF-Token": "([^"]+)"', page)[0],
            "; ".join(f"{k}={v}" for k, v in browser.cookies.items()),
        )

        def connected(first: str, more: str = "") -> socket.socket:
            wire = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            wire.sendall(head.format(first, more).encode())
            return wire

        file = connected("PUT /api/files/ride.gpx", f"X-CSRF-Token: {token}\r\nCookie: {cookie}\r\n")
        for _ in range(700):
            connected("POST /login")
        with requests.Session() as another:
            another.cookies.update(browser.cookies)
            assert another.get(f"http://127.0.0.1:{port}/settings", timeout=PATIENCE).status_code == 200
        file.sendall(b"x" * 96)
        assert file.recv(100).startswith(b"HTTP/1.1 2")


@pytest.mark.dear
def test_what_is_dropped_on_the_page_of_a_person_without_a_service_is_imported(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, workers=1, DASHBOARD_ADDRESS=f"127.0.0.1:{port}") as (process, address, _):
        browser, origin = requests.Session(), f"http://127.0.0.1:{port}"
        first = browser.get(address, timeout=PATIENCE).text
        headers = {"X-CSRF-Token": re.findall('data-csrf="([^"]+)"', first)[0], "Origin": origin}

        def dropped(name: str, content: bytes) -> dict[str, Any]:
            """The request's end, as the page shows it."""
            put = browser.put(f"{origin}/api/files/{name}", data=content, headers=headers, timeout=PATIENCE)
            assert put.status_code == 201, put.text
            wanted = {"kind": "import", "names": [put.json()["name"]]}
            asked = browser.post(f"{origin}/api/requests", json=wanted, headers=headers, timeout=PATIENCE).json()
            for attempt in Retrying(stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.2)):
                with attempt:
                    found: dict[str, Any] = browser.get(f"{origin}/api/requests/{asked['id']}", timeout=PATIENCE).json()
                    assert found["status"] in ("done", "failed"), found
            return found

        ended = dropped("evil.zip", b"PK\x03\x04" + b"\0" * 2_000)
        assert (ended["status"], "is cut off or damaged" in ended["message"]) == ("failed", True), ended
        assert browser.get(origin, timeout=PATIENCE).status_code == 200, "it stops no page"
        ended = dropped("run.gpx", a_gpx(60))
        assert (ended["status"], ended["message"]) == (
            "done",
            "1 file came in, with 1 row of new or known activities.",
        )
        assert "run ends: done" in "\n".join(ended["lines"]), "it has a run's log"
        assert len(browser.get(f"{origin}/api/activities", timeout=PATIENCE).json()["activities"]) == 1
        assert process.poll() is None
