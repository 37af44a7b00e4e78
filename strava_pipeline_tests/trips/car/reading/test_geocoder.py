"""A geocoder gives addresses, slowly, and tells nobody what it was asked."""

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from strava_pipeline.core.errors import TransientError
from strava_pipeline.core.geodesy import area_of
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.places import GIVE_UP, LONGEST, PAUSE, Address, Geocoder
from strava_pipeline_tests.osrm import osrm
from strava_pipeline_tests.present import there

STREET = "1, Made Street, Nowhere"


class FakeWire:
    """`answers`: status and body, one after the other; None: no answer comes."""

    def __init__(self, *answers: tuple[int, bytes] | None) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []

    def send(self, method: str, url: str, *, params: dict[str, str], name: str) -> Exchange:
        assert (method, url) == ("GET", "https://geocoder.example/reverse")
        self.asked.append(params)
        answer = self.answers.pop(0) if self.answers else found(STREET)
        if answer is None:
            raise TransientError(f"{name}: no answer")
        return Exchange(answer[0], {}, answer[1], 0.1)


class Steady:
    """A clock whose time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def found(name: object) -> tuple[int, bytes]:
    return 200, json.dumps({"display_name": name, "lat": "0.25"}).encode()


def geocoder(wire: FakeWire, clock: Steady | None = None) -> Geocoder:
    clock = clock or Steady()
    return Geocoder("https://geocoder.example/", wire, clock, clock.sleep)


HERE = area_of(0.2504, -7.1246)


def test_an_address_is_what_nominatim_displays_of_an_area() -> None:
    wire = FakeWire()
    assert geocoder(wire).find(HERE) == Address(STREET)
    assert wire.asked == [{"lat": "0.250", "lon": "-7.125", "format": "jsonv2", "addressdetails": "0"}]


def test_that_there_is_no_address_is_an_answer() -> None:
    assert geocoder(FakeWire((200, b'{"error": "Unable to geocode"}'))).find(HERE) == Address(None)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((429, b"7.125"), "status 429"),
        ((500, b""), "status 500"),
        ((302, b""), "status 302"),
        (None, "no answer"),
        ((200, b"{"), "no JSON"),
        ((200, b"<html>Log in to the wireless network</html>"), "no JSON"),
        *(
            ((200, json.dumps({"error": error}).encode()), "an error with status 200")
            for error in ("Database down at 7.125", {"code": 500}, None)
        ),
        *(((200, body), "neither address nor error") for body in (b"[]", b"5", b"{}", found(5)[1], found(" ")[1])),
    ],
)
def test_what_goes_wrong_is_no_answer_and_told_once_without_a_position(
    caplog: pytest.LogCaptureFixture, answer: tuple[int, bytes] | None, why: str
) -> None:
    caplog.set_level(logging.DEBUG)
    asking = geocoder(FakeWire(answer, answer))
    assert [asking.find(HERE) for _ in range(3)] == [None, None, Address(STREET)], "an answer may come the next time"
    asking.log_failures()
    asking.log_failures()
    assert [record.getMessage() for record in caplog.records] == [
        f"areas without an answer from TRIPS_GEOCODER_URL, by what it answered: {why}: 2."
    ]
    assert "7.125" not in caplog.text


def test_a_server_that_stays_silent_is_given_up_and_one_answer_is_enough_to_go_on() -> None:
    asking = geocoder(FakeWire(None, (500, b""), found(STREET), *[None] * GIVE_UP))
    told = []
    for _ in range(3 + GIVE_UP):
        asking.find(HERE)
        told.append(asking.gives_up)
    assert told == [False] * (2 + GIVE_UP) + [True]


@pytest.mark.parametrize(
    ("status", "given_up"),
    [(400, False), (404, False), (422, False), (499, False), (302, True), (429, True), (500, True)],
)
def test_refused_areas_do_not_keep_the_others_from_being_asked_about(status: int, given_up: bool) -> None:
    asking = geocoder(FakeWire(*[(status, b"")] * GIVE_UP))
    assert [asking.find(HERE) for _ in range(GIVE_UP)] == [None] * GIVE_UP
    assert asking.gives_up is given_up


def test_a_refused_area_ends_no_silence() -> None:
    asking = geocoder(FakeWire(*[None] * (GIVE_UP - 1), (404, b""), None))
    for _ in range(GIVE_UP):
        asking.find(HERE)
    assert not asking.gives_up
    asking.find(HERE)
    assert asking.gives_up


def test_an_endless_address_is_cut() -> None:
    address = there(geocoder(FakeWire(found("x" * 10_000))).find(HERE))
    assert address.text == "x" * LONGEST
    assert "xxx" not in repr(address)


def test_requests_keep_a_distance() -> None:
    wire, clock = FakeWire(), Steady()
    asking = geocoder(wire, clock)
    asking.find(HERE)
    assert clock.slept == [], "the first one waits for nothing"
    clock.now += 0.25
    asking.find(HERE)
    assert clock.slept == [PAUSE - 0.25]
    clock.now += PAUSE
    asking.find(HERE)
    assert len(clock.slept) == 1


def test_a_real_request_is_one_that_nominatim_takes() -> None:
    clock = Steady()
    with osrm() as server:
        server.answers += [found(STREET)]
        assert Geocoder(server.url, Wire(clock, patience=5), clock, clock.sleep).find(HERE) == Address(STREET)
        asked = urlsplit(server.paths[0])
    assert asked.path == "/reverse"
    assert parse_qs(asked.query) == {"lat": ["0.250"], "lon": ["-7.125"], "format": ["jsonv2"], "addressdetails": ["0"]}
