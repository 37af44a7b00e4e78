"""Pings over HTTP: whose they are, what is taken and what not, and what a phone is told. The live state stands in test_live.py."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.journal import ROOM, unread
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.app import create_app
from strava_pipeline.serve.server import serving
from strava_pipeline.trips.car.intake import Phones
from strava_pipeline.trips.car.rules.formats import LARGEST
from strava_pipeline.trips.car.rules.lines import CarReading, ReceivedLine, parse_line
from strava_pipeline.trips.car.rules.people import read_people
from strava_pipeline_tests.serve.client import Answer, Intake, posted
from strava_pipeline_tests.serve.client import answer as read_answer
from strava_pipeline_tests.trips.car.logs import config

TOKEN = "a-token-of-the-tests"
PATH = f"/pings/{TOKEN}"
NOW = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
PEOPLE = read_people({"users": [{**config(), "token": TOKEN}]})
PLACE = {"lat": 51.123456, "lng": 4.654321}


class Silent:
    """Cars that never answer, and no router."""

    def car(self, user_id: str, car_id: str, at: float) -> CarReading:
        return CarReading(car_id=car_id, answered_at=NOW, error="unavailable")

    def route(self, user_id: str, points: Sequence[tuple[float, float]], at: float) -> float | None:
        return None


@contextmanager
def phones(folder: Path, room: int = ROOM) -> Iterator[Intake]:
    made = Intake(Lake(folder))
    app = create_app(
        made.lake, receivers=[Phones(PEOPLE, Silent(), lambda: NOW)], say=made.said.put, now=lambda: NOW, room=room
    )
    with serving(app) as made.url:
        yield made
    while not made.said.empty():
        made.told()


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Intake]:
    with phones(tmp_path) as made:
        yield made


def came(intake: Intake) -> list[ReceivedLine]:
    """What is in the log of pings, without who is who."""
    lines = [parse_line(line.content) for line in unread(intake.lake.inbox_pings, {})]
    return [line for line in lines if isinstance(line, ReceivedLine) and line.kind != "config"]


def send(intake: Intake, value: Any, path: str = PATH) -> Answer:
    return intake.post(json.dumps(value).encode(), path)


@pytest.mark.parametrize(
    ("body", "path", "kind"),
    [
        ({"gps": PLACE}, PATH, "ping"),
        ({"t": "2026-03-04T06:29:50Z", "event": "ping", "gps": PLACE, "bluetooth": "zoe"}, PATH, "ping"),
        ({"event": "end"}, PATH, "end"),
        ({"event": "clock", "t": 1772605800}, PATH, "clock"),
        ({}, f"{PATH}/start", "start"),
        ({"gps": PLACE}, f"{PATH}/end", "end"),
        ({"_type": "location", "lat": 51.1, "lon": 4.6, "tst": 1772605800, "vel": 50}, PATH, "ping"),
    ],
)
def test_what_is_acknowledged_is_on_disk_as_it_came(intake: Intake, body: Any, path: str, kind: str) -> None:
    answer = send(intake, body, path)
    assert answer.status == 200, answer.body
    (line,) = came(intake)
    assert (line.kind, line.user_id, line.received_at, json.loads(line.body)) == (kind, "anna", NOW, body)


def test_each_app_is_answered_in_its_language(intake: Intake) -> None:
    assert json.loads(send(intake, {"gps": PLACE}).body) == {"kept": True, "interval_s": 60}
    assert json.loads(send(intake, {"_type": "location", "lat": 51, "lon": 4, "tst": 1772605800}).body) == []
    assert json.loads(send(intake, {"_type": "lwt", "tst": 1772605800}).body) == []


def test_traccar_and_osmand_send_their_positions_in_the_query(intake: Intake) -> None:
    query = "id=4711&timestamp=1772605800&lat=51.1&lon=4.6&speed=20"
    assert intake.get(f"{PATH}?{query}").status == 200
    assert intake.post(b"", f"{PATH}?{query}").status == 200
    assert [(line.body, line.query) for line in came(intake)] == [("", query)] * 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATH, 405),
        ("GET", f"{PATH}/start", 405),
        ("DELETE", PATH, 405),
        ("GET", "/pings/another-token-of-tests/status", 404),
        ("GET", "/pings//status", 404),
        ("GET", f"{PATH}/nowhere", 404),
        ("GET", f"{PATH}?{'x' * 5000}", 414),
        ("GET", f"{PATH}?lat=north&lon=4.6&id=1", 400),
    ],
)
def test_what_is_no_ping_is_refused(intake: Intake, method: str, path: str, status: int) -> None:
    assert intake.get(path, method).status == status
    assert came(intake) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b"no json", 400),
        (b"\xff", 400),
        (b'{"event": "stop"}', 400),
        (b'{"gps": {"lat": 999, "lng": 4.5}, "bluetooth": "zoe"}', 400),
        (b'{"gps": {"lat": NaN, "lng": NaN}, "event": "end"}', 400),
        (b'{"gps": {"lat": 1e999, "lng": 4.5}}', 400),
        (b"{" + b" " * LARGEST + b"}", 413),
    ],
)
def test_a_bad_body_is_refused_with_a_reason_that_holds_nothing_of_it(intake: Intake, body: bytes, status: int) -> None:
    answer = intake.post(body, PATH)
    assert answer.status == status
    assert not any(word in answer.why for word in ("stop", "no json", "999", "zoe"))
    assert came(intake) == []


def test_with_a_wrong_token_there_is_no_such_path(intake: Intake) -> None:
    for path in ("/pings/wrong-token-of-the-tests", "/pings/wrong-token-of-the-tests/end"):
        assert send(intake, {"gps": PLACE}, path).status == 404
    assert send(intake, {"gps": PLACE}, f"/pings/{TOKEN}x").status == 404
    assert came(intake) == []


def test_no_token_and_no_position_is_in_the_log(intake: Intake) -> None:
    send(intake, {"gps": PLACE})
    intake.get(f"{PATH}?lat=51.123456&lon=4.654321&id=1")
    intake.get(f"{PATH}/status")
    send(intake, {"gps": {"lat": 51.123456}, "event": 4.654321})
    lines = [intake.told() for _ in range(4)]
    assert [line["path"] for line in lines] == ["/pings/***"] * 4
    assert [line["status"] for line in lines] == [200, 200, 200, 400]
    assert not any(secret in line for line in intake.lines for secret in (TOKEN, "51.12", "4.65"))


def test_a_full_inbox_asks_to_try_again_and_loses_nothing(tmp_path: Path) -> None:
    with phones(tmp_path, room=3_000) as intake:
        answers = [send(intake, {"gps": PLACE}).status for _ in range(30)]
        assert set(answers) == {200, 503}
        assert len(came(intake)) == answers.count(200)
        assert intake.get("/health").status == 503


def test_health_tells_how_much_waits(intake: Intake) -> None:
    send(intake, {"gps": PLACE})
    told = json.loads(intake.get("/health").body)
    assert told["ok"]
    assert told["bytes_waiting"]["pings"] > 100
    assert "webhooks" not in told["bytes_waiting"]


def test_one_connection_may_send_many(intake: Intake) -> None:
    body = json.dumps({"gps": PLACE}).encode()
    with intake.connected() as wire:
        for _ in range(20):
            wire.sendall(posted(body, PATH))
            assert read_answer(wire).status == 200
    assert len(came(intake)) == 20
