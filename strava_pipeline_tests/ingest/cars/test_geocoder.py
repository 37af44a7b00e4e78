"""A geocoder gives addresses, slowly, and tells nobody what it was asked."""

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from strava_pipeline.core.errors import TransientError
from strava_pipeline.ingest.cars.geocoder import PAUSE, Geocoder, NominatimGeocoder
from strava_pipeline.ingest.strava.http import Exchange, Wire
from strava_pipeline_tests.osrm import osrm

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


def geocoder(wire: FakeWire, clock: Steady | None = None) -> NominatimGeocoder:
    clock = clock or Steady()
    return NominatimGeocoder("https://geocoder.example/", wire, clock, clock.sleep)


def test_an_address_is_what_nominatim_displays() -> None:
    wire = FakeWire()
    asking: Geocoder = geocoder(wire)
    assert asking.address(0.25, -7.125) == STREET
    assert wire.asked == [{"lat": "0.2500", "lon": "-7.1250", "format": "jsonv2", "addressdetails": "0"}]


@pytest.mark.parametrize(
    "body", [b'{"error": "Unable to geocode"}', b"{", b"[]", b"5", found(5)[1], found(" ")[1], found(None)[1]]
)
def test_where_there_is_no_address_there_is_none(body: bytes) -> None:
    assert geocoder(FakeWire((200, body))).address(0.25, -7.125) is None


@pytest.mark.parametrize(
    ("answer", "why"), [((429, b"7.125"), "status 429"), ((500, b""), "status 500"), (None, "no answer")]
)
def test_what_goes_wrong_is_told_once_without_a_position(
    caplog: pytest.LogCaptureFixture, answer: tuple[int, bytes] | None, why: str
) -> None:
    caplog.set_level(logging.DEBUG)
    asking = geocoder(FakeWire(answer, answer))
    assert [asking.address(0.25, -7.125) for _ in range(3)] == [None, None, STREET], "an answer may come the next time"
    asking.tell()
    asking.tell()
    assert [record.getMessage() for record in caplog.records] == [
        f"places without an address, by what the geocoder answered: {why}: 2."
    ]
    assert "7.125" not in caplog.text


def test_a_place_is_asked_for_once() -> None:
    wire = FakeWire(found(STREET), (200, b"{}"))
    asking = geocoder(wire)
    assert [asking.address(0.25, -7.125), asking.address(0.250_01, -7.125_01)] == [STREET, STREET]
    assert [asking.address(0.5, 0.0), asking.address(0.5, 0.0)] == [None, None]
    assert len(wire.asked) == 2


def test_requests_keep_a_distance() -> None:
    wire, clock = FakeWire(), Steady()
    asking = geocoder(wire, clock)
    asking.address(0.0, 0.0)
    assert clock.slept == [], "the first one waits for nothing"
    clock.now += 0.25
    asking.address(0.0, 1.0)
    assert clock.slept == [PAUSE - 0.25]
    clock.now += PAUSE
    asking.address(0.0, 2.0)
    assert len(clock.slept) == 1


def test_a_real_request_is_one_that_nominatim_takes() -> None:
    clock = Steady()
    with osrm() as server:
        server.answers += [found(STREET)]
        assert (
            NominatimGeocoder(server.url, Wire(clock, patience=5), clock, clock.sleep).address(0.25, -7.125) == STREET
        )
        asked = urlsplit(server.paths[0])
    assert asked.path == "/reverse"
    assert parse_qs(asked.query) == {
        "lat": ["0.2500"],
        "lon": ["-7.1250"],
        "format": ["jsonv2"],
        "addressdetails": ["0"],
    }
