"""The log: a line of JSON for each request, with how it went, and never what is secret."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.strava.webhooks import verify_token
from strava_pipeline.serve.app import masked
from strava_pipeline.serve.inbox import Inbox
from strava_pipeline_tests.serve.client import PATH, SECRET, Intake, answer, event, intake, posted

SHOWN = "/webhooks/strava/***"
TOKEN = verify_token(SECRET)


def test_a_request_is_one_line(served: Intake) -> None:
    served.post(event())
    line = served.told()
    ms = line.pop("ms")
    assert line == {
        "at": "2026-11-21T06:00:00.123Z",
        "method": "POST",
        "path": SHOWN,
        "status": 200,
        "bytes": len(event()),
    }
    assert isinstance(ms, float)
    assert 0 < ms < 20_000


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("GET", "/health", b"", ("/health", 200, None)),
        ("GET", "/health?token=" + SECRET, b"", ("/health", 200, None)),
        ("GET", f"{PATH}?hub.verify_token={TOKEN}", b"", (SHOWN, 400, "hub.mode is not subscribe, or there is no hub.challenge")),
        (
            "GET",
            f"{PATH}?hub.mode=subscribe&hub.challenge=x&hub.verify_token={TOKEN}x",
            b"",
            (SHOWN, 403, "hub.verify_token is not ours"),
        ),
        ("POST", PATH, b"{}", (SHOWN, 400, "missing or no such value: ")),
        ("POST", PATH[:-1], event(), (SHOWN, 404, "no such path")),
        ("POST", f"//webhooks/strava/{SECRET}", event(), ("/***", 404, "no such path")),
        ("POST", f"/{SECRET}", event(), ("/***", 404, "no such path")),
        ("GET", "/webhooks/strava/%0a%22%7d", b"", (SHOWN, 404, "no such path")),
        ("DELETE", PATH, b"", (SHOWN, 405, "no such method here")),
    ],
)  # fmt: skip
def test_each_line_says_how_and_why_and_nothing_secret(
    served: Intake, method: str, path: str, body: bytes, told: tuple[str, int, str | None]
) -> None:
    said = served.sent(posted(body, path).replace(b"POST", method.encode(), 1))
    line = served.told()
    assert (line["method"], line["path"], line["status"]) == (method, *told[:2])
    assert line.get("why", "").startswith(told[2] or "")
    assert ("why" in line) == (told[2] is not None)
    assert line["status"] == said.status
    assert not re.search(f"{SECRET[:-1]}|{TOKEN}", served.lines[-1])


def test_as_many_lines_as_requests_whatever_they_were(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with intake(tmp_path / "data") as served, served.connected() as wire:
        for number in range(10):
            wire.sendall(posted(event(object_id=number + 1)))
            assert answer(wire).status == 200
        served.get("/health")
        served.post(b"no event")
        served.post(event(), PATH[:-1])
    assert [json.loads(line)["status"] for line in served.lines] == [200] * 11 + [400, 404]
    assert "".join(capfd.readouterr()) == "", "there is no second log"


def test_a_fault_of_ours_is_told_as_one(served: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(inbox: Inbox, body: bytes) -> None:
        raise RuntimeError("out of order")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "keep", broken)
        assert served.post(event()).status == 500
    line: dict[str, Any] = served.told()
    assert (line["status"], line["why"]) == (500, "a fault of ours: RuntimeError")
    assert served.post(event()).status == 200
    assert served.kept() == [event()]


def test_what_is_no_request_says_nothing_of_itself(served: Intake, capfd: pytest.CaptureFixture[str]) -> None:
    with served.connected() as wire:
        wire.sendall(b"POST " + PATH.encode() + b"\xff\xfe HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert answer(wire).status in (400, 404)
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/health", "/health"),
        ("/webhooks/strava/" + SECRET, SHOWN),
        ("/webhooks/strava/", SHOWN),
        ("/webhooks/strava", "/***"),
    ],
)
def test_a_path_is_shown_only_where_it_holds_no_secret(path: str, shown: str) -> None:
    assert masked(path, below=["/webhooks/strava/"]) == shown
