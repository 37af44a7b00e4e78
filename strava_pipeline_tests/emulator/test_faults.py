"""Every kind of fault, as a client sees it on the wire."""

import time
from typing import Any

import pytest
import requests

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.emulator.client import Client
from strava_pipeline_tests.emulator.conftest import Start


@pytest.fixture
def client(start: Start) -> Client:
    return start(activities=40, limits=Limits(999, 999, 999, 999))


def split(received: bytes) -> tuple[bytes, bytes]:
    head, _, body = received.partition(b"\r\n\r\n")
    return head.lower(), body


@pytest.mark.parametrize(
    ("order", "status", "content_type", "body"),
    [
        ({"kind": "status"}, 500, "application/json", b'{"message":"Internal Server Error","errors":[]}'),
        ({"kind": "status", "status": 503}, 503, "application/json", b'{"message":"Service Unavailable","errors":[]}'),
        ({"kind": "status", "status": 599}, 599, "application/json", b'{"message":"Error","errors":[]}'),
        ({"kind": "status", "status": 500, "body": {"a": 1}}, 500, "application/json", b'{"a":1}'),
        ({"kind": "html", "body": "<h1>down</h1>"}, 502, "text/html", b"<h1>down</h1>"),
        ({"kind": "html", "status": 503, "body": "x"}, 503, "text/html", b"x"),
        ({"kind": "empty"}, 200, "application/json", b""),
        ({"kind": "body", "body": "not json {"}, 200, "application/json", b"not json {"),
        ({"kind": "body", "body": [1, None]}, 200, "application/json", b"[1,null]"),
        ({"kind": "body", "body": None}, 200, "application/json", b"null"),
        ({"kind": "body", "body": {}, "status": 202}, 202, "application/json", b"{}"),
    ],
)
def test_a_fault_answers(client: Client, order: dict[str, Any], status: int, content_type: str, body: bytes) -> None:
    client.control("/faults", path="/athlete", **order)
    answer = client.get("/athlete")
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["Content-Type"].startswith(content_type)
    assert client.get("/athlete").json()["resource_state"] == 3


def test_an_html_fault_has_a_page_of_its_own(client: Client) -> None:
    client.control("/faults", path="/", kind="html")
    assert client.get("/athlete").text.startswith("<!DOCTYPE html>")


def test_a_truncated_answer_promises_more_than_it_sends(client: Client) -> None:
    whole = client.get("/athlete").content
    client.control("/faults", path="/athlete", kind="truncate", times=2)
    received, reset = client.raw("/api/v3/athlete")
    head, body = split(received)
    assert head.startswith(b"http/1.1 200 ")
    assert f"content-length: {len(whole)}".encode() in head
    assert body == whole[: len(whole) // 2]
    assert not reset
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get("/athlete")
    assert client.get("/athlete").content == whole


def test_a_raw_answer_is_all_that_comes(client: Client) -> None:
    sent = "HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 9\r\n\r\n\x1f\x8b\xff"
    client.control("/faults", path="/athlete", kind="raw", body=sent, status=302)
    assert client.raw("/api/v3/athlete") == (sent.encode("latin-1"), False)
    assert client.calls()["log"][-1][3] == 302
    assert client.get("/athlete").status_code == 200


def test_a_reset_gives_no_answer_at_all(client: Client) -> None:
    client.control("/faults", path="/athlete", kind="reset", times=2)
    assert client.raw("/api/v3/athlete") == (b"", True)
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get("/athlete")
    assert client.get("/athlete").status_code == 200


def test_a_reset_may_come_in_the_middle_of_a_body(client: Client) -> None:
    client.control("/faults", path="/athlete", kind="reset", mid_body=True)
    received, reset = client.raw("/api/v3/athlete")
    assert reset
    assert b"shoes" not in received


@pytest.mark.parametrize("processed", [True, False])
def test_a_lost_answer_of_a_refresh_kills_the_token_if_it_was_processed(client: Client, processed: bool) -> None:
    client.control("/faults", path="/oauth/token", kind="reset", processed=processed)
    with pytest.raises(requests.exceptions.ConnectionError):
        client.refresh()
    assert client.refresh().status_code == (400 if processed else 200)


def test_a_slow_answer_takes_real_seconds(client: Client) -> None:
    client.control("/faults", path="/athlete", kind="slow", seconds=0.3)
    before = time.monotonic()
    assert client.get("/athlete").status_code == 200
    assert time.monotonic() - before >= 0.3


def test_a_short_page_is_followed_by_what_it_left_out(client: Client) -> None:
    everything = client.ids(per_page=40)
    client.control("/faults", path="/athlete/activities", kind="short_page", rows=3, query={"page": "2"})
    pages = client.pages(per_page=10)
    assert [len(page) for page in pages] == [10, 3, 10, 10, 7]
    assert [identity for page in pages for identity in page] == everything
    assert len(client.ids(per_page=10, page=2)) == 3
    assert len(client.ids(per_page=20, page=2)) == 20


def test_a_short_page_has_half_its_rows_by_default_and_at_least_one(client: Client) -> None:
    client.control("/faults", path="/athlete/activities", kind="short_page")
    client.control("/faults", path="/athlete/activities", kind="short_page", rows=0, query={"page": "2"})
    assert [len(page) for page in client.pages(per_page=10)] == [5, 1, 10, 10, 10, 4]


@pytest.mark.parametrize(
    ("order", "statuses"),
    [
        ({}, [500, 200, 200, 200, 200]),
        ({"times": 2}, [500, 500, 200, 200, 200]),
        ({"times": -1}, [500, 500, 500, 500, 500]),
        ({"after": 2}, [200, 200, 500, 200, 200]),
        ({"after": 1, "times": 2}, [200, 500, 500, 200, 200]),
    ],
)
def test_a_fault_happens_as_often_as_ordered(client: Client, order: dict[str, int], statuses: list[int]) -> None:
    client.control("/faults", path="/athlete", kind="status", **order)
    assert [client.get("/athlete").status_code for _ in statuses] == statuses


@pytest.mark.parametrize(
    ("path", "query", "hit"),
    [
        ("/activities/123", {}, {"/activities/123", "/activities/123/laps"}),
        ("/activities", {}, {"/activities/123", "/activities/123/laps", "/activities/1234"}),
        ("/activities/", {}, {"/activities/123", "/activities/123/laps", "/activities/1234"}),
        ("/athlete", {}, {"/athlete", "/athlete/activities?page=4"}),
        ("/api/v3/athlete/activities", {}, {"/athlete/activities?page=4"}),
        ("/athlete/activities", {"page": "4"}, {"/athlete/activities?page=4"}),
        ("/athlete/activities", {"page": 5}, set()),
        ("/activities/*/laps", {}, {"/activities/123/laps"}),
        ("/activities/*", {}, {"/activities/123", "/activities/123/laps", "/activities/1234"}),
        ("/activities/*3", {}, {"/activities/123", "/activities/123/laps"}),
    ],
)
def test_a_path_means_whole_parts_of_the_front(client: Client, path: str, query: dict[str, Any], hit: set[str]) -> None:
    client.control("/faults", path=path, kind="status", status=507, times=-1, query=query)
    paths = ("/activities/123", "/activities/123/laps", "/activities/1234", "/athlete", "/athlete/activities?page=4")
    assert {path for path in paths if client.get(path).status_code == 507} == hit


@pytest.mark.parametrize("path", ["/activities/123", "/activities/1*3"])
def test_an_exact_path_means_nothing_below_it(client: Client, path: str) -> None:
    client.control("/faults", path=path, exact=True, kind="status", status=507, times=-1)
    paths = ("/activities/123", "/activities/123?page=4", "/activities/123/laps", "/activities/1234")
    assert [client.get(path).status_code == 507 for path in paths] == [True, True, False, False]


def test_broken_calls_count_in_the_limits_and_in_the_log(client: Client) -> None:
    client.control("/faults", path="/athlete", kind="reset")
    client.control("/faults", path="/athlete", kind="truncate")
    client.raw("/api/v3/athlete")
    client.raw("/api/v3/athlete")
    assert client.get("/athlete").headers["X-RateLimit-Usage"] == "3,3"
    assert [entry[3] for entry in client.calls()["log"][-3:]] == [0, 200, 200]


def test_latency_delays_every_api_answer_in_real_seconds(start: Start) -> None:
    client = start(latency=0.2)
    before = time.monotonic()
    client.get("/athlete")
    client.control("/clock")
    assert time.monotonic() - before >= 0.2
