"""What `doctor` says of the source and the keys; and routes from a real server."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.facts import Fact, State
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import Wire
from strava_pipeline.trips.activity.reading.connect import GIVE_UP, KEYS, SOURCE, TRIES, Router, trips_health
from strava_pipeline.verbs.doctor import looks
from strava_pipeline_tests.osrm import Osrm, told
from strava_pipeline_tests.trips.activity.rules.made import point, ride, trip
from strava_pipeline_tests.trips.activity.sources import LOST, NEW, OLD, rides, write_sqlite

OK, WARNING, PROBLEM, SKIPPED = State.OK, State.WARNING, State.PROBLEM, State.SKIPPED


@pytest.fixture
def source(tmp_path: Path) -> str:
    return f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', rides(5, mean_points=12))}"


def looked(**settings: Any) -> dict[str, Fact]:
    found = trips_health(Settings.load(_env_file=None, **settings))
    assert [finding.name for finding in found] == [SOURCE, KEYS]
    return {finding.name: finding for finding in found}


def test_who_has_no_trips_is_told_nothing() -> None:
    assert "trips: source" not in looks(Settings.load(_env_file=None, trips_fernet_keys=NEW), {}, datetime.now(UTC))


def test_where_all_is_well_both_are(source: str) -> None:
    found = looked(trips_source=source, trips_fernet_keys=f"{NEW},{OLD}")
    assert {finding.state for finding in found.values()} == {OK}
    assert "5 trips" in found[SOURCE].text
    assert "2, and they open" in found[KEYS].text


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        (None, "No keys"),
        ("not a key", "index 0 is no Fernet key"),
        (LOST, "none of the 1 keys opens any of the latest 5"),
    ],
)
def test_keys_that_are_missing_or_wrong_are_a_problem(source: str, keys: str | None, what: str) -> None:
    found = looked(trips_source=source, trips_fernet_keys=keys)
    assert found[SOURCE].state is OK
    assert found[KEYS].state is PROBLEM
    assert what in found[KEYS].text
    assert NEW not in str(found) + str(LOST != NEW)


def test_keys_that_others_can_read_are_named(source: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(f'{{"keys": ["{NEW}", "{OLD}"]}}')
    path.chmod(0o644)
    found = looked(trips_source=source, trips_keys_file=path)[KEYS]
    assert found.state is PROBLEM
    assert f"chmod 600 '{path}'" in found.text


def test_a_source_that_does_not_open_is_a_problem(tmp_path: Path) -> None:
    found = looked(trips_source=f"sqlite:///{tmp_path / 'absent.sqlite'}", trips_fernet_keys=NEW)
    assert (found[SOURCE].state, found[KEYS].state) == (PROBLEM, SKIPPED)


TRIP = trip(point(0, latitude=0.25, longitude=-7.125), point(5, latitude=1e-5, longitude=179.0))
HANGS_UP = (0, b"")


@pytest.fixture
def router(osrm_server: Osrm) -> Router:
    return Router(osrm_server.url + "/", Wire(time.monotonic, patience=5))


def test_a_route_is_asked_along_the_track_longitude_first(osrm_server: Osrm, router: Router) -> None:
    assert router.routes([TRIP]) == {"T": 1000.5}
    assert osrm_server.paths == ["/route/v1/bike/-7.125000,0.250000;179.000000,0.000010?overview=false"]


def test_of_a_long_track_24_positions_are_asked(osrm_server: Osrm, router: Router) -> None:
    router.routes([ride("long", 20, points=300), ride("short", 20, points=25)])
    assert [path.count(",") for path in osrm_server.paths] == [24, 25]


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
    osrm_server: Osrm, router: Router, caplog: pytest.LogCaptureFixture, status: int, body: bytes, why: str
) -> None:
    caplog.set_level(logging.DEBUG)
    osrm_server.answers += [(status, body)] * 2
    assert router.routes([TRIP]) == {}
    assert router.routes([TRIP]) == {}
    assert router.routes([TRIP]) == {"T": 1000.5}
    assert told(router, caplog) == [f"trips without a route from TRIPS_OSRM_URL, by what it answered: {why}: 2."]
    assert "7.125" not in caplog.text


def test_an_unanswered_request_is_retried(osrm_server: Osrm, router: Router, caplog: pytest.LogCaptureFixture) -> None:
    osrm_server.answers += [HANGS_UP]
    assert router.routes([TRIP]) == {"T": 1000.5}
    assert told(router, caplog) == []


def test_a_mute_server_is_left_alone(osrm_server: Osrm, router: Router, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    osrm_server.answers += [HANGS_UP] * 99
    assert router.routes([ride(f"T{number}", 20) for number in range(9)]) == {}
    assert len(osrm_server.paths) == GIVE_UP * TRIES
    assert told(router, caplog) == ["trips without a route from TRIPS_OSRM_URL, by what it answered: no answer: 9."]
    assert "0.000000," not in caplog.text


def test_a_length_of_nothing_is_a_length(osrm_server: Osrm, router: Router) -> None:
    osrm_server.answers += [(200, b'{"code": "Ok", "routes": [{"distance": 0}]}')]
    assert router.routes([TRIP]) == {"T": 0.0}
