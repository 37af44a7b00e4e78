"""Addresses of trips by car from a real server: asked about in areas, once, and whatever it answers, the run is a good one."""

import json
import logging
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from strava_pipeline.core.geodesy import Area, area_of
from strava_pipeline.ingest import places
from strava_pipeline.trips.car import operations as cars
from strava_pipeline.trips.car.keeping import saved_addresses
from strava_pipeline.trips.car.rules.config import read_config
from strava_pipeline_tests.osrm import Osrm, osrm
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.car.logs import Log, at, config, drive

Make = Callable[..., Rig]
HOME, OFFICE = (area_of(*at(km).values()) for km in (0, 8))
SECRETS = ("51.07", "4.654", "Street")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PAUSE", 0.0)


def driven(make_rig: Make, server: Osrm | None) -> Rig:
    """A folder with a drive from home to the office in its inbox; no car is asked live."""
    made = make_rig(activities=1, settings={"trips_geocoder_url": f"{server.url}/" if server else None})
    made.lake.state.mkdir(parents=True, exist_ok=True)
    log = Log(made.lake)
    log.config(read_config(config()))
    log.steps(drive())
    return made


def looked_up(rig: Rig) -> list[tuple[str | None, str | None]]:
    """The addresses in gold after a run, which raises where it fails."""
    rig.do("car_trips", pings={"safety_net": False})
    return rig.gold("SELECT start_address, end_address FROM car_trips")


def named(name: str) -> tuple[int, bytes]:
    return 200, json.dumps({"display_name": name}).encode()


def asked(server: Osrm) -> list[Area]:
    questions = [parse_qs(urlsplit(path).query) for path in server.paths]
    return [Area(question["lat"][0], question["lon"][0]) for question in questions]


@pytest.mark.dear
def test_starts_and_ends_get_addresses_an_area_is_asked_once(make_rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with osrm() as server:
        server.answers += [named("1, A Street"), (200, b'{"error": "Unable to geocode"}')]
        rig = driven(make_rig, server)
        assert looked_up(rig) == [("1, A Street", None)]
        assert asked(server) == [HOME, OFFICE]
        assert looked_up(rig) == [("1, A Street", None)]
        assert len(server.paths) == 2
    assert saved_addresses(rig.lake) == {HOME: "1, A Street", OFFICE: None}
    assert not any(secret in caplog.text for secret in SECRETS)


@pytest.mark.dear
@pytest.mark.parametrize("answer", [(0, b""), (500, b"at 51.07")])
def test_a_server_that_fails_stops_no_run_and_is_asked_again_by_the_next(
    make_rig: Make, caplog: pytest.LogCaptureFixture, answer: tuple[int, bytes]
) -> None:
    with osrm() as server:
        server.answers += [answer, answer, named("1, A Street"), named("2, B Street")]
        rig = driven(make_rig, server)
        assert looked_up(rig) == [(None, None)]
        assert saved_addresses(rig.lake) == {}
        assert looked_up(rig) == [("1, A Street", "2, B Street")]
    assert "areas without an answer from TRIPS_GEOCODER_URL" in caplog.text
    assert not any(secret in caplog.text for secret in SECRETS)


def test_an_area_refused_keeps_no_other_from_its_address(make_rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "GIVE_UP", 1)
    with osrm() as server:
        server.answers += [(404, b""), named("2, B Street"), (404, b"")]
        rig = driven(make_rig, server)
        assert looked_up(rig) == [(None, "2, B Street")]
        assert looked_up(rig) == [(None, "2, B Street")]
        assert asked(server) == [HOME, OFFICE, HOME], "the refused one is asked about again"


@pytest.mark.dear
def test_a_run_asks_a_bounded_number_and_the_next_one_goes_on(make_rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cars, "MAX_AREAS", 1)
    with osrm() as server:
        server.answers += [named("1, A Street"), named("2, B Street")]
        rig = driven(make_rig, server)
        assert looked_up(rig) == [("1, A Street", None)]
        assert looked_up(rig) == [("1, A Street", "2, B Street")]


def test_without_the_setting_nobody_is_told_anything(make_rig: Make) -> None:
    rig = driven(make_rig, None)
    assert looked_up(rig) == [(None, None)]
    assert not rig.lake.addresses.exists()
