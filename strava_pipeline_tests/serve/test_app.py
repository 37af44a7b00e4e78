"""The intake, really served: who is answered what, and that what it took is kept byte for byte."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from strava_pipeline.ingest.strava.webhooks import verify_token
from strava_pipeline_tests.serve.client import NOW, PATH, SECRET, Intake, answer, event, posted

OTHER = "/webhooks/strava/another-secret-of-no-one"


def asked(**changes: str | None) -> str:
    query = {"hub.mode": "subscribe", "hub.challenge": "15f7d1a91c1f40f8", "hub.verify_token": verify_token(SECRET)}
    return "?" + urlencode({**query, **{f"hub.{name}": value for name, value in changes.items()}})


def without(name: str) -> str:
    return "?" + "&".join(part for part in asked()[1:].split("&") if not part.startswith(f"hub.{name}="))


def test_a_handshake_is_answered_with_its_challenge(served: Intake) -> None:
    said = served.get(PATH + asked(challenge="15f7 ünd+&="))
    assert (said.status, json.loads(said.body)) == (200, {"hub.challenge": "15f7 ünd+&="})
    assert said.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        (PATH + asked(mode="unsubscribe"), 400, "hub.mode"),
        (PATH + without("mode"), 400, "hub.mode"),
        (PATH + without("challenge"), 400, "hub.challenge"),
        (PATH + asked(challenge=""), 400, "hub.challenge"),
        (PATH + asked(challenge="x" * 1001), 400, "hub.challenge"),
        (PATH, 400, "hub.mode"),
        (PATH + asked(verify_token="STRAVA"), 403, "hub.verify_token"),
        (PATH + asked(verify_token="ü"), 403, "hub.verify_token"),
        (PATH + asked(verify_token=SECRET), 403, "hub.verify_token"),
        (PATH + without("verify_token"), 403, "hub.verify_token"),
    ],
)
def test_a_handshake_that_is_not_ours_is_refused_with_why(served: Intake, path: str, status: int, why: str) -> None:
    said = served.get(path)
    assert said.status == status
    assert why in said.why
    assert b"15f7d1a91c1f40f8" not in said.body


@pytest.mark.parametrize(
    "path",
    [
        OTHER, PATH[:-1], PATH + "x", PATH + "/more", PATH.upper(), "/webhooks/strava", "/webhooks//strava/" + SECRET,
        "/webhooks/strava/" + quote("ün-gehëim"), "/webhooks/strava/%ff%fe", "/webhooks/strava/..%2f..%2fhealth",
        "/webhooks/strava/" + "a" * 20_000, "/", "//health", "/metrics?x=1",
    ],
)  # fmt: skip
def test_a_path_that_is_none_of_ours_is_answered_like_any_other(served: Intake, path: str) -> None:
    """The same for a secret that is nearly right and for what was never there: nobody can feel their way."""
    said = [served.get(path + asked()) if "?" not in path else served.get(path), served.post(event(), path)]
    nowhere = served.get("/nowhere")
    assert {(each.status, each.body, frozenset(each.headers) - {"date"}) for each in said} == {
        (404, nowhere.body, frozenset(nowhere.headers) - {"date"})
    }
    assert served.kept() == []


def test_a_secret_may_come_percent_encoded(served: Intake) -> None:
    assert served.post(event(), PATH.replace("s3cret", "%733%63ret")).status == 200
    assert served.kept() == [event()]


@pytest.mark.parametrize("path", [PATH, OTHER, "/health"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused_whoever_asks(served: Intake, path: str, method: str) -> None:
    said = served.get(path, method)
    assert (said.status, said.why) == (405, "no such method here")
    allowed = {name.strip() for name in said.headers["allow"].split(",")}
    assert allowed == ({"GET", "HEAD"} if path == "/health" else {"GET", "HEAD", "POST"})


@pytest.mark.parametrize(("path", "status"), [("/health", 200), (PATH + asked(), 200), (OTHER, 404)])
def test_head_is_get_without_a_body(served: Intake, path: str, status: int) -> None:
    with served.connected() as wire:
        wire.sendall(f"HEAD {path} HTTP/1.1\r\nHost: intake\r\nConnection: close\r\n\r\n".encode())
        assert answer(wire, bodiless=True).status == status
        assert wire.recv(100) == b""


ODD: dict[str, bytes] = {
    "unknown fields": event(extra={"deep": [1, None, {"x": 1e3}]}, another="field"),
    "unicode": event(updates={"title": "Mörgën 🚴 \u2028\x85 run"}),
    "a NUL escaped": event()[:-1] + b', "t": "\\u0000"}',
    "white space and newlines": b"\r\n\t " + event().replace(b", ", b",\r\n\n  ") + b"\n\n",
    "an order of its own": b'{"updates":{"title":"x"},' + event()[1:].replace(b', "updates": {}', b""),
    "a name twice": event()[:-1] + b', "aspect_type": "update"}',
    "NaN beside": event()[:-1] + b', "t": NaN}',
    "a huge number beside": event()[:-1] + b', "t": 123456789012345678901234567890, "u": 1e999}',
    "a BOM": b"\xef\xbb\xbf" + event(),
    "the athlete's goodbye": event(object_type="athlete", aspect_type="update", updates={"authorized": "false"}),
    "the largest id": event(object_id=2**63 - 1),
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_an_event_is_kept_byte_for_byte(served: Intake, body: bytes) -> None:
    said = served.post(body)
    assert (said.status, json.loads(said.body)) == (200, {"kept": True})
    assert served.kept() == [body]
    assert served.received_at() == [NOW]


def test_one_as_large_as_may_be_is_kept(served: Intake) -> None:
    body = event(t="")[:-2]
    body += b"x" * (64 * 1024 - len(body) - 2) + b'"}'
    assert len(body) == 65536
    assert served.post(body).status == 200
    assert served.post(body[:-2] + b'x"}').status == 413
    assert served.kept() == [body]


def nested(depth: int) -> bytes:
    return event()[:-1] + b', "t": ' + b"[" * depth + b"]" * depth + b"}"


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no JSON"),
    "white space": (b"  \n", "no JSON"),
    "half": (event()[:-1], "no JSON"),
    "no UTF-8": (event()[:-1] + b', "t": "\xff\xfe"}', "no JSON"),
    "UTF-16": (event().decode().encode("utf-16"), "no UTF-8"),
    "nested out of reason": (nested(30_000), "no JSON"),
    "a number out of reason": (event()[:-1] + b', "t": ' + b"9" * 60_000 + b"}", "no JSON"),
    "a list": (b"[" + event() + b"]", "no JSON object"),
    "NaN": (b"NaN", "no JSON object"),
    "an empty object": (b"{}", "aspect_type, event_time, object_id, object_type, owner_id, subscription_id"),
    "one field missing": (json.dumps({**json.loads(event()), "owner_id": None}).encode(), ": owner_id"),
    "an id beyond 63 bits": (event(object_id=2**63), ": object_id"),
    "an id that is infinite": (event().replace(b"17000000001", b"1e999"), ": object_id"),
    "a negative id": (event(object_id=-1), ": object_id"),
    "an id in parts": (event(object_id=1.5), ": object_id"),
    "a time beyond all years": (event(event_time=2**60), ": event_time"),
    "an unknown kind": (event(object_type="segment", aspect_type="explode"), ": aspect_type, object_type"),
    "updates as a list": (event(updates=["title"]), ": updates"),
}


@pytest.mark.parametrize(("body", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_event_is_refused_with_the_reason_and_not_kept(served: Intake, body: bytes, why: str) -> None:
    said = served.post(body)
    assert said.status == 400
    assert said.why.endswith(why)
    assert served.told()["why"] == said.why
    assert served.kept() == []
    assert served.post(event()).status == 200, "the next one is taken"


def test_events_on_one_connection_and_in_one_breath_are_kept_in_order(served: Intake) -> None:
    bodies = [event(object_id=number + 1) for number in range(20)]
    with served.connected() as wire:
        wire.sendall(b"".join(posted(body) for body in bodies))
        assert [answer(wire).status for _ in bodies] == [200] * 20
    assert served.kept() == bodies


@pytest.mark.slow
def test_many_at_once_are_all_kept(served: Intake) -> None:
    def client(first: int) -> list[int]:
        with served.connected() as wire:
            said = []
            for number in range(first, first + 10):
                wire.sendall(posted(event(object_id=number)))
                said.append(answer(wire).status)
            return said

    with ThreadPoolExecutor(40) as pool:
        said = [status for statuses in pool.map(client, range(1, 401, 10)) for status in statuses]
    assert said == [200] * 400
    assert sorted(json.loads(body)["object_id"] for body in served.kept()) == list(range(1, 401))


def test_health_tells_what_waits(served: Intake) -> None:
    said: list[dict[str, Any]] = [json.loads(served.get("/health").body)]
    assert served.post(event()).status == 200
    said.append(json.loads(served.get("/health").body))
    (segment,) = served.lake.inbox_webhooks.iterdir()
    assert said == [
        {"ok": True, "bytes_waiting": {"webhooks": 0}},
        {"ok": True, "bytes_waiting": {"webhooks": segment.stat().st_size}},
    ]
