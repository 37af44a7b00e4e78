"""Push subscriptions: one for an application, created when its callback on this machine repeats the challenge."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start
from strava_pipeline_tests.emulator.test_stravalib import quiet as quiet
from strava_pipeline_tests.subscriber import Subscriber, subscriber

APPLICATION = {"client_id": "12345", "client_secret": "emulator-secret"}


@pytest.fixture
def hook() -> Iterator[Subscriber]:
    with subscriber() as created:
        yield created


@pytest.fixture
def client(start: Start) -> Client:
    return start(scope=None, activities=3)


def push(client: Client, method: str, path: str = "", **sent: Any) -> requests.Response:
    return requests.request(method, f"{client.url}/api/v3/push_subscriptions{path}", timeout=20, **sent)


def create(client: Client, callback: str, **changes: str) -> requests.Response:
    fields = {**APPLICATION, "callback_url": callback, "verify_token": "t 1", **changes}
    return push(client, "POST", data=fields)


def test_a_subscription_is_created_shown_and_deleted(client: Client, hook: Subscriber) -> None:
    assert push(client, "GET", params=APPLICATION).json() == []
    created = create(client, hook.url)
    assert created.status_code == 201
    expected = {
        "id": created.json()["id"],
        "resource_state": 2,
        "application_id": 12345,
        "callback_url": hook.url,
        "created_at": "2026-06-01T12:07:30Z",
        "updated_at": "2026-06-01T12:07:30Z",
    }
    assert created.json() == expected
    [(path, query)] = hook.asked
    assert path == "/hooks/S3CRET-IN-THE-PATH"
    assert {**query, "hub.challenge": ""} == {"hub.mode": "subscribe", "hub.verify_token": "t 1", "hub.challenge": ""}
    assert push(client, "GET", params=APPLICATION).json() == [expected]
    assert push(client, "DELETE", "/1", params=APPLICATION).status_code == 404
    gone = push(client, "DELETE", f"/{expected['id']}", params=APPLICATION)
    assert (gone.status_code, gone.content) == (204, b"")
    assert push(client, "GET", params=APPLICATION).json() == []
    assert create(client, hook.url).json()["id"] != expected["id"]


@pytest.mark.parametrize(
    "callback",
    [
        "http://example.org/hook",
        "https://127.0.0.1/hook",
        "http://192.0.2.1:80/hook",
        "http://localhost.example.org/hook",
        "http://127.0.0.1:port/hook",
        "http://[::1/hook",
        "ftp://127.0.0.1/hook",
        "hook",
    ],
)
def test_a_callback_elsewhere_is_never_called(client: Client, callback: str) -> None:
    refused = create(client, callback)
    assert refused.status_code == 400
    expected = {"resource": "PushSubscription", "field": "callback url", "code": "not on this machine"}
    assert refused.json()["errors"] == [expected]


def test_subscription_calls_do_not_count_and_the_log_holds_no_secret(client: Client, hook: Subscriber) -> None:
    create(client, hook.url)
    shown = push(client, "GET", params=APPLICATION)
    assert "X-RateLimit-Usage" not in shown.headers
    calls = client.calls()
    assert [entry[1:] for entry in calls["log"]] == [
        ["POST", "/api/v3/push_subscriptions", 201],
        ["GET", "/api/v3/push_subscriptions", 200],
    ]
    assert (calls["total"], calls["by_endpoint"]) == (0, {})


def test_subscription_calls_can_have_faults(client: Client) -> None:
    client.control("/faults", path="/push_subscriptions", kind="status", status=503)
    assert push(client, "GET", params=APPLICATION).status_code == 503
    assert push(client, "GET", params=APPLICATION).status_code == 200
