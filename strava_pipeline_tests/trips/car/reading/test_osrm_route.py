"""A car's router tells a length, a no that stays one, and silence; positions stay between the two of them."""

import logging
import time

import pytest

from strava_pipeline.ingest.http import Wire
from strava_pipeline.ingest.places import PATIENCE
from strava_pipeline.trips.car.reading.connect import CarRouter
from strava_pipeline_tests.osrm import Osrm, told

POINTS = [(-7.125, 0.25), (179.0, 1e-5)]
HANGS_UP = (0, b"")


@pytest.fixture
def router(osrm_server: Osrm) -> CarRouter:
    return CarRouter(osrm_server.url + "/", Wire(time.monotonic, patience=5))


def test_a_way_is_asked_for_a_car_longitude_first(osrm_server: Osrm, router: CarRouter) -> None:
    assert router.length_km(POINTS) == 1.0005
    assert osrm_server.paths == ["/route/v1/driving/-7.125000,0.250000;179.000000,0.000010?overview=false"]


def test_a_length_of_nothing_is_a_length(osrm_server: Osrm, router: CarRouter) -> None:
    osrm_server.answers += [(200, b'{"code": "Ok", "routes": [{"distance": 0}]}')]
    assert router.length_km(POINTS) == 0.0


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (429, b'{"message": "-7.125"}', "status 429"),
        (500, b"<html>", "status 500"),
        (503, b"", "status 503"),
        (404, b"", "status 404"),
        (302, b"", "status 302"),
        (200, b'{"code": "Ok"', "status 200"),
        (200, b"[]", "status 200"),
        (200, b'{"code": "-7.125"}', "status 200"),
        (200, b'{"code": "Ok", "routes": []}', "no distance"),
        (200, b'{"code": "Ok", "routes": [{"distance": "5"}]}', "no distance"),
        (*HANGS_UP, "no answer"),
        *(
            (status, f'{{"code": "{code}", "message": "at -7.125,0.25"}}'.encode(), code)
            for status in (200, 400)
            for code in ("NoRoute", "InvalidQuery", "InvalidValue", "TooBig", "NoSegment")
        ),
    ],
)
def test_without_a_length_the_reason_is_counted_and_nothing_asked_again(
    osrm_server: Osrm, router: CarRouter, caplog: pytest.LogCaptureFixture, status: int, body: bytes, why: str
) -> None:
    caplog.set_level(logging.DEBUG)
    osrm_server.answers += [(status, body)]
    assert router.length_km(POINTS) is None
    assert len(osrm_server.paths) == 1
    assert told(router, caplog) == [f"ways of cars without a route from TRIPS_OSRM_URL, by what it answered: {why}: 1."]
    assert "7.125" not in caplog.text


def test_a_server_that_is_not_there_is_no_answer() -> None:
    nowhere = CarRouter("http://127.0.0.1:9", Wire(time.monotonic, patience=5))
    assert nowhere.length_km(POINTS) is None
    assert PATIENCE == 10


def test_a_run_is_told_of_just_once(osrm_server: Osrm, router: CarRouter, caplog: pytest.LogCaptureFixture) -> None:
    osrm_server.answers += [(200, b'{"code": "NoRoute"}'), (429, b""), (200, b'{"code": "NoRoute"}')]
    for _ in range(4):
        router.length_km(POINTS)
    assert told(router, caplog) == [
        "ways of cars without a route from TRIPS_OSRM_URL, by what it answered: NoRoute: 2, status 429: 1."
    ]
    assert len(told(router, caplog)) == 1, "and not again"
