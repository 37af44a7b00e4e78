"""ingest.strava.client: what each answer turns into, what it costs, and what is never shown."""

import gzip
import json
import logging
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LoginServiceError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
    WrongApplicationError,
)
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.strava.client import StravaClient
from strava_pipeline.ingest.strava.oauth import StoredToken
from strava_pipeline_tests.ingest.fakes import START
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.raw_answers import raw_answer

PATH = "/athlete/activities"

TRANSIENT = [  # fault, status and evidence that the error carries
    ({"kind": "status", "status": 500}, 500, b"{"),
    ({"kind": "status", "status": 503}, 503, b"{"),
    ({"kind": "html", "status": 502}, 502, b"<!DOCTYPE"),
    ({"kind": "html", "status": 200}, 200, b"<!DOCTYPE"),
    ({"kind": "empty"}, 200, b""),
    ({"kind": "body", "body": "{"}, 200, b"{"),
    ({"kind": "body", "body": "[" * 100_000}, 200, b"[["),
    ({"kind": "truncate"}, 200, b"[{"),
    ({"kind": "reset"}, None, b""),
    ({"kind": "reset", "processed": True}, None, b""),
    ({"kind": "reset", "mid_body": True}, 200, b""),
    ({"kind": "status", "status": 408}, 408, b"{"),
]


@pytest.mark.parametrize(("fault", "status", "evidence"), TRANSIENT, ids=[str(row[0])[:60] for row in TRANSIENT])
def test_what_may_pass_is_retried(world: World, fault: dict[str, Any], status: int | None, evidence: bytes) -> None:
    client = world.connect()
    world.fault(PATH, times=2, **fault)
    assert isinstance(client.get(PATH).json, list)
    assert client.calls == 3
    world.fault(PATH, times=3, **fault)
    with pytest.raises(TransientError) as caught:
        client.get(PATH)
    assert client.calls == 6
    assert caught.value.status == status
    assert caught.value.body.startswith(evidence)
    assert client.budget.remaining().governing.used == world.calls()["total"] == 6
    first, second, third, fourth = world.slept
    assert 1 <= first < 2 <= second < 4
    assert 1 <= third < 2 <= fourth < 4


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RefusedError), (404, GoneError), (409, RefusedError), (422, RefusedError)]
)
def test_what_will_not_pass_costs_one_call(world: World, status: int, kind: type[PipelineError]) -> None:
    world.fault(PATH, "status", status=status)
    client = world.connect()
    with pytest.raises(PipelineError) as caught:
        client.get(PATH)
    assert type(caught.value) is kind
    assert client.calls == world.calls()["total"] == 1
    assert f"GET {PATH}" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        # of an inactive application
        (None, WrongApplicationError, "reactivate it at https://www.strava.com/settings/api"),
        ({"message": "Forbidden", "errors": []}, ForbiddenError, f"GET {PATH}: 403"),
    ],
)
def test_a_403_forbids_that_call_unless_it_says_that_the_application_is_switched_off(
    world: World, body: object, kind: type[PipelineError], says: str
) -> None:
    world.fault(PATH, "status", status=403, **({} if body is None else {"body": body}))
    client = world.connect()
    with pytest.raises(PipelineError, match=re.escape(says)) as caught:
        client.get(PATH)
    assert (type(caught.value), client.calls) == (kind, 1)
    assert client.get(PATH).json, "the login lives"


def test_an_answer_is_what_came(world: World) -> None:
    answer = world.connect().get(PATH, {"per_page": 3, "before": None})
    assert answer.json
    assert answer.json == json.loads(answer.body)
    assert len(answer.json) == 3
    assert answer.headers["x-ratelimit-limit"] == "200,2000"
    assert timedelta(0) <= answer.fetched_at - START < timedelta(seconds=60)
    assert "before" not in world.calls()["log"][-1][2]
    assert str(answer.json[0]["id"]) not in repr(answer)


def test_an_expired_token_is_renewed_on_the_way_and_costs_nothing(world: World) -> None:
    client = world.connect()
    client.get(PATH)
    world.order("expire-tokens")
    before = world.calls()
    client.get(PATH)
    after = world.calls()
    assert after["token"] - before["token"] == 1
    assert after["unauthorized"] - before["unauthorized"] == 1
    assert client.budget.remaining().governing.used == after["total"] == 2


def test_a_login_that_is_refused_twice_needs_a_person(world: World) -> None:
    world.fault(PATH, "status", status=401, times=-1)
    client = world.connect()
    with pytest.raises(
        NeedsLoginError, match=r"although it was just renewed\. If it stays so, run strava-pipeline auth"
    ):
        client.get(PATH)
    calls = world.calls()
    assert (calls["unauthorized"], calls["token"]) == (2, 2)  # one at login
    assert client.budget.remaining().governing.used == 0


def test_a_missing_scope_is_told_without_burning_a_token(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.order("scopes", granted=["read"])
    world.log_in()
    before = world.calls()["token"]
    with pytest.raises(NeedsLoginError, match=r"lacks a permission \(activity:read_permission\)"):
        world.connect().get(PATH)
    assert world.calls()["token"] == before


def test_a_token_about_to_expire_is_renewed_before_the_call(world: World) -> None:
    client = world.connect()
    client.get(PATH)
    world.sleep(6 * 3600 - 299)
    before = world.calls()
    client.get(PATH)
    after = world.calls()
    assert after["token"] - before["token"] == 1
    assert after["unauthorized"] == 0


@pytest.mark.parametrize("wrong", [timedelta(hours=-30), timedelta(hours=5)])
def test_a_wrong_local_clock_costs_no_call(world: World, wrong: timedelta) -> None:
    client = world.connect(clock=world.clock(wrong))
    for _ in range(3):
        answer = client.get(PATH)
    assert abs(answer.fetched_at - START) < timedelta(seconds=60)
    calls = world.calls()
    assert (calls["total"], calls["refused"], client.budget.remaining().governing.used) == (3, 0, 3)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def elsewhere(world: World, api_url: str, **more: Any) -> Settings:
    return world.settings.model_copy(update={"api_url": api_url, **more})


def test_a_refused_connection_counts_for_nothing(world: World) -> None:
    client = world.connect(settings=elsewhere(world, f"http://127.0.0.1:{closed_port()}"))
    with pytest.raises(TransientError, match=r"no answer from 127\.0\.0\.1 \(NewConnectionError\)") as caught:
        client.get(PATH)
    assert (client.calls, client.budget.remaining().governing.used, caught.value.status) == (0, 0, None)
    assert len(world.slept) == 2


LARGE = gzip.compress(bytes(70_000_000), 1).decode("latin-1")  # 300 KB
LARGE_TWICE = gzip.compress(gzip.compress(bytes(70_000_000), 1)).decode("latin-1")
ODD_ANSWERS = [  # status line and headers, body, what it is taken for, calls
    ("302 Found\r\nLocation: http://[", "", "a redirect", 1),
    ("302 Found\r\nLocation: http://x/\xff\xfe", "", "a redirect", 1),
    ("307 Temporary Redirect\r\nLocation: https://portal.invalid/", "<html>", "a redirect", 1),
    ("304 Not Modified", "", "a redirect", 1),
    ("204 No Content", "", "answered 204", 1),
    ("200 OK\r\nContent-Length: 1000", "[]", "broke off", 3),
    ("200 OK\r\nContent-Length: 3", '[{"id": 1}]', "no valid JSON", 3),
    ("200 OK\r\nContent-Length: 3\r\nContent-Length: 5", "[]   ", "no answer", 3),
    ("200 OK\r\nContent-Length: -3", '[{"id": 1', "no valid JSON", 3),
    ("200 OK\r\nContent-Encoding: gzip", "garbage", "broke off", 3),
    ("200 OK\r\nContent-Encoding: gzip", LARGE, "is larger than 64 MB", 1),
    ("200 OK\r\nContent-Encoding: gzip, gzip", LARGE_TWICE, "is larger than 64 MB", 1),
    ("200 OK\r\nContent-Encoding: br", "garbage", "no valid JSON", 3),
    ("200 OK\r\nTransfer-Encoding: chunked", "zz\r\n[]", "broke off", 3),
    ("200 OK\r\nX: " + "a" * 70_000, "[]", "no answer", 3),
    ("20 Odd", "[]", "no answer", 3),
    ("999 Odd\r\nDate: Mon, 99 Foo 99999 99:99:99 GMT\r\nX-RateLimit-Limit: \xff,1", "", "answered 999", 3),
    ("200 OK", '[{"id": ' + "9" * 5000 + "}]", "no valid JSON", 3),
]


@pytest.mark.parametrize(("head", "body", "says", "calls"), ODD_ANSWERS, ids=[row[0][:45] for row in ODD_ANSWERS])
@pytest.mark.parametrize("path", [PATH, "/oauth/token"])
def test_an_answer_that_no_server_should_give_ends_as_a_failure_of_ours(
    world: World, path: str, head: str, body: str, says: str, calls: int
) -> None:
    client = world.connect()
    if path != PATH:
        world.order("expire-tokens")
    world.fault(path, "raw", body=raw_answer(head, body), times=-1)
    before = world.calls()["token"]
    with pytest.raises(PipelineError, match=says if path == PATH else None) as caught:
        client.get(PATH)
    assert isinstance(caught.value, (TransientError, LoginServiceError)) == (calls == 3)
    if path == PATH:
        assert client.calls == calls
        assert client.budget.remaining().governing.used == calls
    else:
        assert world.calls()["token"] - before == calls


@pytest.mark.parametrize(("size", "is_taken"), [(1_000_000, True), (1_000_001, False)])
def test_an_answer_beyond_the_setting_is_asked_once_and_names_it(world: World, size: int, is_taken: bool) -> None:
    client = world.connect(settings=world.settings.model_copy(update={"answer_limit_mb": 1}))
    text = "[" + " " * (size - 2) + "]"
    world.fault(PATH, "raw", body=raw_answer("200 OK", text), times=-1)
    if is_taken:
        assert client.get(PATH).body == text.encode()
        return
    with pytest.raises(RefusedError) as caught:
        client.get(PATH)
    assert str(caught.value) == (
        f"GET /api/v3{PATH}: the answer is larger than 1 MB, measured unpacked. If it has to be, raise STRAVA_ANSWER_LIMIT_MB"
    )
    assert (caught.value.status, client.calls, client.budget.remaining().governing.used) == (200, 1, 1)


def test_an_error_of_the_server_that_is_too_large_is_tried_again_as_any_other(world: World) -> None:
    client = world.connect(settings=world.settings.model_copy(update={"answer_limit_mb": 1}))
    world.fault(PATH, "raw", body=raw_answer("502 Bad Gateway", "x" * 1_100_000), times=1)
    assert client.get(PATH).json
    assert client.calls == 2


def test_a_netrc_entry_replaces_no_token(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert world.connect().get(PATH).json
    assert world.calls()["unauthorized"] == 0
    world.log_in()


@pytest.mark.parametrize("host", ["www.strava.com", "strava.example.invalid", "10.0.0.7", "localhost.example.invalid"])
def test_an_emulators_token_never_leaves_this_machine(world: World, host: str) -> None:
    client = world.connect(settings=elsewhere(world, f"https://{host}/api/v3"))
    with pytest.raises(ForbiddenError, match="nothing was sent"):
        client.get(PATH)
    assert (client.calls, client.budget.remaining().governing.used) == (0, 0)


def test_an_emulators_refresh_token_never_leaves_this_machine(world: World) -> None:
    world.store.save(StoredToken({"refresh_token": world.store.load().refresh_token}))
    settings = world.settings.model_copy(update={"base_url": "https://strava.example.invalid"})
    with pytest.raises(ForbiddenError, match="emulator"):
        world.connect(settings=settings).get(PATH)


def test_a_real_token_goes_where_the_settings_say(world: World) -> None:
    world.store.save(StoredToken({"refresh_token": "r", "access_token": "a", "expires_at": 9_000_000_000}))
    client = world.connect(
        settings=elsewhere(world, "http://nowhere.invalid/api/v3", plain_http_hosts="nowhere.invalid")
    )
    with pytest.raises(TransientError, match=r"no answer from nowhere\.invalid"):
        client.get(PATH)


def test_a_secure_connection_that_breaks_off_may_work_when_tried_again(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]

        def refuse_tls() -> None:
            for _ in range(3):
                connection, _ = plain.accept()
                with connection:
                    connection.recv(1)
                    connection.sendall(b"\x15\x03\x01\x00\x02\x02\x50")  # TLS alert: internal error

        thread = threading.Thread(target=refuse_tls)
        thread.start()
        client = world.connect(settings=elsewhere(world, f"https://127.0.0.1:{port}"))
        with pytest.raises(TransientError, match=r"no answer from 127\.0\.0\.1 \(SSLError\)"):
            client.get(PATH)
        assert client.calls == 3, "it can't be known how far each came"
        thread.join()


def failures(world: World, client: StravaClient) -> Iterator[BaseException]:
    """One failure of every kind."""
    orders: list[tuple[str, str, dict[str, Any]]] = [
        *((PATH, fault["kind"], {**fault, "times": 3}) for fault, _, _ in TRANSIENT),
        *((PATH, "status", {"status": status}) for status in (400, 403, 404)),
        (PATH, "status", {"status": 401, "times": 2}),
        ("/oauth/token", "status", {"status": 500, "times": 9}),
        ("/oauth/token", "html", {"status": 400}),
        ("/oauth/token", "reset", {"times": 9}),
    ]
    for path, kind, fields in orders:
        world.fault(path, kind, **{name: value for name, value in fields.items() if name != "kind"})
        if path == "/oauth/token":
            world.order("expire-tokens")
        with pytest.raises(PipelineError) as caught:
            client.get(PATH)
        yield caught.value
        world_reset(world)


def world_reset(world: World) -> None:
    import requests

    requests.delete(f"{world.url}/_emulator/faults", timeout=10)


@pytest.mark.slow
def test_no_failure_shows_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = world.connect()
    shown, secrets = [repr(client), repr(client.budget)], set(world.secrets())
    for error in failures(world, client):
        secrets.update(world.secrets())
        seen: BaseException | None = error
        while seen is not None:
            shown += [str(seen), repr(seen), *traceback.format_exception(seen)]
            seen = seen.__cause__ or seen.__context__
    assert len(shown) > 30
    assert len(secrets) >= 4
    text = "\n".join(shown) + caplog.text
    assert [secret for secret in secrets if secret in text] == []


def test_the_headers_of_an_answer_that_broke_off_are_learnt_from(world: World) -> None:
    for _ in range(4):
        world.foreign_call(PATH)
    world.fault(PATH, "truncate", times=3)
    client = world.connect()
    with pytest.raises(TransientError):
        client.get(PATH)
    assert client.budget.remaining().governing.used == world.calls()["total"] == 7
