"""Push subscriptions: one for an application, created when its callback on this machine repeats the challenge."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start
from strava_pipeline_tests.emulator.test_stravalib import quiet as quiet
from strava_pipeline_tests.emulator.test_stravalib import stravalib_on
from strava_pipeline_tests.subscriber import Handshake, Subscriber, subscriber, willing

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


def errors(answer: requests.Response) -> list[dict[str, str]]:
    found: list[dict[str, str]] = answer.json()["errors"]
    return found


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


def test_there_is_only_one(client: Client, hook: Subscriber) -> None:
    create(client, hook.url)
    second = create(client, hook.url + "/other")
    assert second.status_code == 400
    assert errors(second) == [{"resource": "PushSubscription", "field": "", "code": "already exists"}]
    assert len(hook.asked) == 1


@pytest.mark.parametrize(
    ("handshake", "code"),
    [
        (lambda query: (403, willing(query)[1]), "GET to callback URL does not return 200"),
        (lambda _: (302, b""), "GET to callback URL does not return 200"),
        (None, "GET to callback URL does not return 200"),
        (lambda _: (200, b"ok"), "not verifiable"),
        (lambda _: (200, b"[]"), "not verifiable"),
        (lambda _: (200, json.dumps({"hub.challenge": "another"}).encode()), "not verifiable"),
    ],
)
def test_a_callback_that_does_not_repeat_the_challenge_is_refused(
    client: Client, hook: Subscriber, handshake: Handshake | None, code: str
) -> None:
    client.control("/webhooks", timeout=0.2 if handshake is None else 20)
    hook.handshake = handshake
    refused = create(client, hook.url)
    assert refused.status_code == 400
    assert errors(refused) == [{"resource": "PushSubscription", "field": "callback url", "code": code}]
    assert push(client, "GET", params=APPLICATION).json() == []


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
    assert errors(refused) == [expected]


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"callback_url": ""}, "callback url", "missing"),
        ({"verify_token": ""}, "verify token", "missing"),
        ({"callback_url": "http://127.0.0.1/" + 240 * "x"}, "callback url", "too long"),
    ],
)
def test_a_missing_field_is_named(client: Client, changes: dict[str, str], field: str, code: str) -> None:
    refused = create(client, "http://127.0.0.1:9/hook", **changes)
    assert (refused.status_code, errors(refused)[0]["field"], errors(refused)[0]["code"]) == (400, field, code)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", "/131301")])
@pytest.mark.parametrize(
    ("wrong", "status", "field"), [({"client_id": "9"}, 400, "client_id"), ({"client_secret": "x"}, 401, "")]
)
def test_it_is_the_applications_alone(
    client: Client, hook: Subscriber, method: str, path: str, wrong: dict[str, str], status: int, field: str
) -> None:
    create(client, hook.url)
    refused = push(client, method, path, params=APPLICATION | wrong)
    assert refused.status_code == status
    assert errors(refused) == [{"resource": "Application", "field": field, "code": "invalid"}]
    assert len(push(client, "GET", params=APPLICATION).json()) == 1


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


def test_stravalib_subscribes(client: Client, hook: Subscriber) -> None:
    library = stravalib_on(client)
    created = library.create_subscription(12345, "emulator-secret", hook.url, "token")
    assert [subscription.id for subscription in library.list_subscriptions(12345, "emulator-secret")] == [created.id]
    assert created.id is not None
    library.delete_subscription(created.id, 12345, "emulator-secret")
    assert list(library.list_subscriptions(12345, "emulator-secret")) == []
