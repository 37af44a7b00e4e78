"""Routers and geocoders that answer without end, with a gzip bomb or drop by drop."""

import time

import pytest

from strava_pipeline.core.geodesy import area_of
from strava_pipeline.core.limits import SMALL_ANSWER
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import Wire
from strava_pipeline.trips.car.reading.connect import CarRouter, geocoder_of
from strava_pipeline_tests.hostile import bomb, endless, hostile
from strava_pipeline_tests.ingest.test_hostile_servers import SECONDS, Answer, each_kind, memory

__all__ = ["memory"]  # a fixture of each test


@each_kind
def test_a_router_gives_no_route(answer: Answer) -> None:
    with hostile(answer) as url:
        router = CarRouter(url, Wire(time.monotonic, limit=SMALL_ANSWER, patience=SECONDS))
        assert router.length_km([(0.0, 0.0), (1.0, 0.0)]) is None


@pytest.mark.parametrize("answer", [endless, bomb], ids=lambda kind: kind.__name__)
def test_a_geocoder_of_the_settings_gives_no_address(answer: Answer) -> None:
    with hostile(answer) as url, geocoder_of(Settings(trips_geocoder_url=url)) as geocoder:
        assert geocoder is not None
        assert geocoder.find(area_of(0.25, -7.125)) is None
