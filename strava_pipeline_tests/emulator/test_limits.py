"""Rate limits: four ceilings, natural windows, what counts and what doesn't, and the headers that show them."""

from datetime import UTC, datetime

import pytest
import requests

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start

LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Usage", "X-ReadRateLimit-Limit", "X-ReadRateLimit-Usage")


def usage(answer: requests.Response) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in LIMIT_HEADERS)


def set_clock(client: Client, clock: str) -> None:
    client.control("/clock", set=f"2026-06-01T{clock}Z")
    client.use(client.refresh().json())


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("200,2000/100,1000", Limits(200, 2000, 100, 1000)),
        (" 1,2 / 3,4 ", Limits(1, 2, 3, 4)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_limits_are_written_as_two_pairs(text: str, limits: Limits | None) -> None:
    assert Limits.parse(text) == limits


def test_every_counted_answer_shows_limits_and_usage_including_itself(start: Start) -> None:
    client = start(limits=Limits())
    assert usage(client.get("/athlete")) == ("200,2000", "1,1", "100,1000", "1,1")
    assert usage(client.get("/activities/1")) == ("200,2000", "2,2", "100,1000", "2,2")
    assert usage(client.get("/athlete/activities", per_page=999)) == ("200,2000", "3,3", "100,1000", "3,3")
    client.control("/faults", path="/athlete", kind="status", status=503)
    broken = client.get("/athlete")
    assert (broken.status_code, broken.headers["X-RateLimit-Usage"]) == (503, "4,4")


@pytest.mark.parametrize("limits", ["2,99/99,99", "99,2/99,99", "99,99/2,99", "99,99/99,2"])
def test_the_nearest_of_the_four_ceilings_governs(start: Start, limits: str) -> None:
    client = start(limits=Limits.parse(limits))
    assert [client.get("/athlete").status_code for _ in range(4)] == [200, 200, 429, 429]


def test_a_refused_call_still_counts_in_both_windows(start: Start) -> None:
    client = start(limits=Limits(2, 6, 2, 6))
    for _ in range(2):
        client.get("/athlete")
    refused = client.get("/athlete")
    assert refused.status_code == 429
    assert usage(refused) == ("2,6", "3,3", "2,6", "3,3")
    assert "Retry-After" not in refused.headers
    assert refused.json() == {
        "message": "Rate Limit Exceeded",
        "errors": [{"resource": "Application", "field": "rate limit", "code": "exceeded"}],
    }


@pytest.mark.parametrize(
    ("last", "first", "expected"),
    [
        ("12:14:59", "12:15:00", "1,2"),
        ("12:00:00", "12:14:59", "2,2"),
        ("12:29:59.900", "12:30:00", "1,2"),
        ("12:44:59", "12:45:00", "1,2"),
        ("12:59:59", "13:00:00", "1,2"),
        ("12:01:00", "12:16:00", "1,2"),
    ],
)
def test_windows_are_natural_quarters(start: Start, last: str, first: str, expected: str) -> None:
    client = start(limits=Limits())
    set_clock(client, last)
    assert client.get("/athlete").headers["X-RateLimit-Usage"] == "1,1"
    set_clock(client, first)
    assert client.get("/athlete").headers["X-RateLimit-Usage"] == expected


def test_the_day_ends_at_midnight_utc(start: Start) -> None:
    client = start(limits=Limits(99, 2, 99, 2), now=datetime(2026, 6, 1, 23, 59, 58, tzinfo=UTC))
    assert [client.get("/athlete").status_code for _ in range(3)] == [200, 200, 429]
    client.control("/clock", advance=1)
    assert client.get("/athlete").status_code == 429
    client.control("/clock", advance=1)
    fresh = client.get("/athlete")
    assert (fresh.status_code, fresh.headers["X-RateLimit-Usage"]) == (200, "1,1")


def test_tokens_and_401_neither_count_nor_show_limits(start: Start) -> None:
    client = start(limits=Limits(), scope="read")
    client.get("/athlete")
    assert usage(client.refresh()) == (None,) * 4
    assert usage(requests.get(f"{client.url}/api/v3/athlete", timeout=20)) == (None,) * 4
    missing = client.get("/athlete/activities")
    assert (missing.status_code, usage(missing)) == (401, (None,) * 4)
    client.control("/faults", path="/athlete", kind="status", status=401)
    ordered = client.get("/athlete")
    assert (ordered.status_code, usage(ordered)) == (401, (None,) * 4)
    assert client.get("/athlete").headers["X-RateLimit-Usage"] == "2,2"


def test_a_dead_token_is_found_before_a_limit(start: Start) -> None:
    client = start(limits=Limits(1, 1, 1, 1))
    assert [client.get("/athlete").status_code for _ in range(2)] == [200, 429]
    client.control("/expire-tokens")
    assert client.get("/athlete").status_code == 401


def test_limits_can_be_changed_under_way_and_what_was_used_stays_used(start: Start) -> None:
    client = start(limits=Limits(9, 99, 9, 99))
    client.get("/athlete")
    client.control("/limits", limits="1,2/3,4")
    answer = client.get("/athlete")
    assert (answer.status_code, usage(answer)) == (429, ("1,2", "2,2", "3,4", "2,2"))
    refused = requests.post(f"{client.url}/_emulator/limits", json={"limits": "many"}, timeout=20)
    assert (refused.status_code, "off" in refused.text) == (400, True)


def test_calls_are_counted_by_what_became_of_them(start: Start) -> None:
    client = start(limits=Limits(4, 99, 4, 99))
    identity = client.ids(per_page=1)[0]
    client.get(f"/activities/{identity}")
    client.get(f"/activities/{identity}", include_all_efforts="true")
    client.get("/gear/b4815162")
    client.get("/athlete")
    client.refresh()
    requests.get(f"{client.url}/api/v3/athlete", timeout=20)
    calls = client.calls()
    log = calls.pop("log")
    assert calls == {
        "open": 0,
        "total": 5,
        "refused": 1,
        "unauthorized": 1,
        "token": 2,
        "by_endpoint": {"/athlete/activities": 1, "/activities/{id}": 2, "/gear/{id}": 1},
        "details": {str(identity): 2},
        "writes": [],
    }
    assert log[2:5] == [
        ["2026-06-01T12:07:30.000+00:00", "GET", "/api/v3/athlete/activities?per_page=1", 200],
        ["2026-06-01T12:07:30.000+00:00", "GET", f"/api/v3/activities/{identity}", 200],
        ["2026-06-01T12:07:30.000+00:00", "GET", f"/api/v3/activities/{identity}?include_all_efforts=true", 200],
    ]
    assert [entry[2:] for entry in log[5:]] == [
        ["/api/v3/gear/b4815162", 200],
        ["/api/v3/athlete", 429],
        ["/oauth/token", 200],
        ["/api/v3/athlete", 401],
    ]
    requests.delete(f"{client.url}/_emulator/calls", timeout=20)
    assert client.calls()["total"] == 0
    assert client.get("/athlete").headers["X-RateLimit-Usage"] == "6,6"


@pytest.mark.slow
def test_a_call_whose_client_has_gone_is_open_until_it_is_counted(start: Start) -> None:
    client = start(latency=0.3)
    client.send("/api/v3/athlete")
    seen = client.calls()
    while seen["open"]:
        assert seen["total"] == 0
        seen = client.calls()
    assert seen["total"] == 1
