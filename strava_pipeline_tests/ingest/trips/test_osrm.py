"""A router's answer is a length or the reason why there is none; what it was asked is told nobody else."""

import logging
import time
from collections.abc import Iterator

import pytest

from strava_pipeline.ingest.strava.http import Wire
from strava_pipeline.ingest.trips.connect import GIVE_UP, TRIES, Router
from strava_pipeline_tests.core.trips.made import point, ride, trip
from strava_pipeline_tests.osrm import Osrm, osrm

TRIP = trip(point(0, latitude=0.25, longitude=-7.125), point(5, latitude=1e-5, longitude=179.0))
HANGS_UP = (0, b"")


@pytest.fixture
def server() -> Iterator[Osrm]:
    with osrm() as running:
        yield running


@pytest.fixture
def router(server: Osrm) -> Router:
    return Router(server.url + "/", Wire(time.monotonic, patience=5))


def told(router: Router, caplog: pytest.LogCaptureFixture) -> list[str]:
    router.tell()
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_route_is_asked_along_the_track_longitude_first(server: Osrm, router: Router) -> None:
    assert router.routes([TRIP]) == {"T": 1000.5}
    assert server.paths == ["/route/v1/bike/-7.125000,0.250000;179.000000,0.000010?overview=false"]


def test_of_a_long_track_24_positions_are_asked(server: Osrm, router: Router) -> None:
    router.routes([ride("long", 20, points=300), ride("short", 20, points=25)])
    assert [path.count(",") for path in server.paths] == [24, 25]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b'{"code": "NoRoute"}', "NoRoute"),
        (400, b'{"code": "TooBig", "message": "at 7.125,0.25"}', "TooBig"),
        (400, b'{"code": "-7.125000"}', "status 400"),
        (429, b"", "status 429"),
        (500, b"<html>", "status 500"),
        (302, b"", "status 302"),
        (400, b'{"code": "Ok", "routes": [{"distance": 5}]}', "status 400"),
        (200, b"[]", "status 200"),
        (200, b"7", "status 200"),
        (200, b'{"code": "Ok"', "status 200"),
        (200, b'{"code": "Ok", "routes": []}', "no distance"),
        (200, b'{"code": "Ok", "routes": [null]}', "no distance"),
        (200, b'{"code": "Ok", "routes": [{"distance": "5"}]}', "no distance"),
        (200, b'{"code": "Ok", "routes": [{"distance": -5}]}', "no distance"),
    ],
)
def test_whatever_else_it_answers_is_no_route_and_told_once_a_run(
    server: Osrm, router: Router, caplog: pytest.LogCaptureFixture, status: int, body: bytes, why: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers += [(status, body)] * 2
    assert router.routes([TRIP]) == {}
    assert router.routes([TRIP]) == {}
    assert router.routes([TRIP]) == {"T": 1000.5}
    assert told(router, caplog) == [f"trips without a route from TRIPS_OSRM_URL, by what it answered: {why}: 2."]
    assert "7.125" not in caplog.text


def test_a_request_without_an_answer_is_made_once_more(
    server: Osrm, router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers += [HANGS_UP]
    assert router.routes([TRIP]) == {"T": 1000.5}
    assert told(router, caplog) == []


def test_a_server_that_never_answers_is_left_alone(
    server: Osrm, router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers += [HANGS_UP] * 99
    assert router.routes([ride(f"T{number}", 20) for number in range(9)]) == {}
    assert len(server.paths) == GIVE_UP * TRIES
    assert told(router, caplog) == ["trips without a route from TRIPS_OSRM_URL, by what it answered: no answer: 9."]
    assert "0.000000," not in caplog.text


def test_a_length_of_nothing_is_a_length(server: Osrm, router: Router) -> None:
    server.answers += [(200, b'{"code": "Ok", "routes": [{"distance": 0}]}')]
    assert router.routes([TRIP]) == {"T": 0.0}
