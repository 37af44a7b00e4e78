"""Real messages of OwnTracks and of the OsmAnd protocol, line by line."""

import json
from urllib.parse import urlsplit

import pytest

from strava_pipeline.trips.car.rules.formats import Ping, read_ping
from strava_pipeline_tests.samples.test_real_payloads import STRAVA

pytestmark = pytest.mark.samples

FOLDER = STRAVA.parent / "providers" / "owntracks"
NOW = 1_800_000_000.0


def lines(name: str) -> list[str]:
    path = FOLDER / name
    return path.read_text().splitlines() if path.exists() else []  # collected where there are no samples, too


def pinged(body: str, query: str) -> Ping | None:
    return read_ping(body.encode(), query, "ping", NOW)


@pytest.mark.parametrize("line", lines("owntracks.ndjson"))
def test_each_message_of_owntracks_is_a_ping(line: str) -> None:
    told, ping = json.loads(line), pinged(line, "")
    assert ping is not None
    assert (ping.event.lat, ping.event.lng, ping.event.t) == (told["lat"], told["lon"], told["tst"])
    assert ping.speed_kmh == told.get("vel")


KNOWN: list[tuple[float, float, float, float | None] | None] = [
    None,  # cell towers and no position
    (60.0, 30.0, 1377177267, None),
    (42.06288, -88.23412, 1453920947, 0.0),
    (42.06288, -88.23412, 1442068686.579, 0.0),
    (49.60688, 6.15788, 1401873011, 0.0),
    (60.0, 30.0, 1377177267, 0.0),
    (60.0, 30.0, 1377177267, None),
    (60.0, 30.0, NOW, 0.0),
    (41.666667, -0.883333, NOW, 0.0),
    (60.0, 30.0, 1377177267, None),
    (40.7232948571, -74.0061408571, 1504763810, 74.08),  # 40 knots
]


def test_there_is_an_expectation_for_each_request() -> None:
    assert len(lines("osmand_requests.txt")) == len(KNOWN)
    assert len(lines("owntracks.ndjson")) == 6


@pytest.mark.parametrize(("line", "known"), list(zip(lines("osmand_requests.txt"), KNOWN, strict=False)))
def test_requests_of_osmand_are_understood(line: str, known: tuple[float, float, float, float | None] | None) -> None:
    query = urlsplit(line).query
    for ping in (pinged("", query), pinged(query, "")):  # in the query, or as a form
        told = None if ping is None else (ping.event.lat, ping.event.lng, ping.event.t, ping.speed_kmh)
        assert told == known
