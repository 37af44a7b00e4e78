"""Deliveries of services besides Strava, from whoever knows the secret: what is kept, what is refused, and that anything can be read."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.deliveries import Sender
from strava_pipeline.core.providers import spec_of
from strava_pipeline.lake.bronze.deliveries import take_in
from strava_pipeline.lake.journal import unread
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.app import create_app
from strava_pipeline.serve.server import serving
from strava_pipeline_tests.serve.client import NOW, Intake, body_of, posted

SECRET = "a-secret-of-the-tests"
KEY = {"intervals_icu": "events", "ridewithgps": "notifications"}
ACTIVITY = {"athlete_id": "i1", "type": "ACTIVITY_UPDATED", "timestamp": "2026-11-21T05:59:00.000+00:00"}
TRIP = {"user_id": 1, "item_type": "trip", "item_user_id": 1, "action": "updated"}


def deep(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


ODD: dict[str, tuple[Any, int]] = {
    "no events": ({}, 400),
    "null": (None, 400),
    "an object": ({"0": 1}, 400),
    "a text": ("events", 400),
    "a number": (1e300, 400),
    "none": ([], 200),
    "of other types": ([None, 1, "x", [], True, 1.5], 200),
    "nested": (deep(200), 200),
    "nested out of reason": (deep(20_000), 0),
    "ids of other types": (
        [
            {**ACTIVITY, **TRIP, "activity": {"id": key}, "athlete_id": key, "item_id": key, "user_id": key, "item_user_id": key}
            for key in (None, True, 0, -1, 2**70, 10**400, 1.5, 1e300, "", " ", "x" * 5000, "\0", "../..", [1], {"a": 1})
        ],
        200,
    ),
    "fields of other types": (
        [
            {**ACTIVITY, **TRIP, name: value, "activity": {"id": "i7"}}
            for name in ("type", "timestamp", "activity", "item_type", "action", "athlete_id")
            for value in (None, 5, [], {}, "0000-00-00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00")
        ],
        200,
    ),
    "unknown kinds": ([{**ACTIVITY, "type": "WELLNESS_UPDATED"}, {**TRIP, "item_type": "route"}, {"type": "x"}], 200),
    "half a pair": ([{**ACTIVITY, "type": "\ud83d", "action": "\ud83d"}], 200),
    "many": ([{"x": 1}] * 5000, 200),
}  # fmt: skip


def delivery(name: str, content: Any) -> tuple[bytes, list[str]]:
    """A body with the service's proof: the secret, or a signature."""
    value = content if isinstance(content, dict) and not content else {KEY[name]: content}
    if name == "intervals_icu":
        value = {"secret": SECRET, **value}
    try:
        body = json.dumps(value).encode()
    except RecursionError:
        body = json.dumps({**value, KEY[name]: "@"}).encode().replace(b'"@"', b"[" * 20_000 + b"]" * 20_000)
    return body, [f"X-RWGPS-Signature: {hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"]


@pytest.fixture
def served(tmp_path: Path) -> Any:
    made = Intake(Lake(tmp_path / "data"))
    senders = {name: Sender(spec, SECRET) for name in KEY if (spec := spec_of(name).webhooks) is not None}
    with serving(create_app(made.lake, say=made.said.put, now=lambda: NOW, senders=senders)) as made.url:
        yield made
    while not made.said.empty():
        made.told()
    assert SECRET not in "".join(made.lines)


@pytest.mark.parametrize("name", KEY)
def test_what_comes_with_the_secret_is_kept_without_it_or_refused_and_readable(served: Intake, name: str) -> None:
    spec = spec_of(name).webhooks
    assert spec is not None
    kept = 0
    for what, (content, status) in ODD.items():
        body, headers = delivery(name, content)
        said = served.sent(posted(body, f"/webhooks/{name}", *headers))
        assert said.status in ((status,) if status else (200, 400, 404)), what
        assert served.told()["path"] == f"/webhooks/{name}"
        kept += said.status == 200
        assert SECRET.encode() not in said.body
    bodies = [body_of(line.content) for line in unread(served.lake.inbox_webhooks_of(name), {})]
    assert len(bodies) == kept
    assert not any(SECRET.encode() in body for body in bodies)
    now = datetime(2026, 11, 21, 7, tzinfo=UTC)
    another = {"i1": None, None: None}
    state, news = take_in(
        served.lake, name, spec, lambda hint: another.get(hint.account, "another"), now, lambda _: None
    )
    assert set(news.refused) <= {"another"}
    assert all(len(key) <= 64 and key.isprintable() for key in state.waiting)
    assert not [*unread(served.lake.inbox_webhooks_of(name), state.read)]


def test_a_body_is_verified_as_received_and_its_size_is_limited(served: Intake) -> None:
    for name in KEY:
        spec = spec_of(name).webhooks
        assert spec is not None
        body, headers = delivery(name, [TRIP])
        path = f"/webhooks/{name}"
        assert served.get(path).status == 405
        for rubbish in (
            b"", b"{}", b"null", b"[" * 50_000, b'{"secret": "x"}', b'{"secret": null}', b"\xff\xfe", b"9" * 60_000,
        ):  # fmt: skip
            assert served.sent(posted(rubbish, path, "X-RWGPS-Signature: " + "ab" * 32)).status == 404, rubbish[:20]
            assert served.sent(posted(rubbish, path)).status == 404, rubbish[:20]
        assert served.sent(posted(body, path, *headers)).status == 200
        assert (
            served.sent(posted(body.replace(SECRET.encode(), SECRET[:-1].encode()) + b" ", path, *headers)).status
            == 404
        )
        assert served.sent(posted(body, f"{path}/", *headers)).status == 404
        assert served.sent(posted(b" " * (spec.most_bytes + 1), path, *headers)).status == 413
        lines = [body_of(line.content) for line in unread(served.lake.inbox_webhooks_of(name), {})]
        assert len(lines) == 1
        assert json.loads(lines[0]) == {KEY[name]: [TRIP]}
    body, headers = delivery("ridewithgps", [TRIP])
    assert served.sent(posted(body, "/webhooks/ridewithgps", headers[0].upper())).status == 404, "it is in lower case"
