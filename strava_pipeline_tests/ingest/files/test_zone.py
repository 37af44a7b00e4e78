"""Time zones by position, without a network."""

from datetime import UTC, datetime

import pytest

from strava_pipeline.ingest.files.reading import Zone, read_file, zone_at, zone_of
from strava_pipeline_tests.ingest.files import made

WINTER, SUMMER = datetime(2024, 1, 15, 12, tzinfo=UTC), datetime(2024, 7, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("latitude", "longitude", "at", "name", "hours"),
    [
        (52.52, 13.40, WINTER, "Europe/Berlin", 1),
        (52.52, 13.40, SUMMER, "Europe/Berlin", 2),
        (52.52, 13.40, datetime(2024, 10, 27, 0, 59, tzinfo=UTC), "Europe/Berlin", 2),
        (52.52, 13.40, datetime(2024, 10, 27, 1, 0, tzinfo=UTC), "Europe/Berlin", 1),
        (-33.87, 151.21, WINTER, "Australia/Sydney", 11),
        (40.01, -105.27, SUMMER, "America/Denver", -6),
        (27.70, 85.32, SUMMER, "Asia/Kathmandu", 5.75),
        (1.87, -157.43, SUMMER, "Pacific/Kiritimati", 14),
        (0, -179.9, SUMMER, "Etc/GMT+12", -12),
        (0, 179.9, SUMMER, "Etc/GMT-12", 12),
    ],
)
def test_a_place_has_a_zone_and_an_offset(
    latitude: float, longitude: float, at: datetime, name: str, hours: float
) -> None:
    assert zone_at(latitude, longitude, at) == Zone(name, hours * 3600)


def test_a_recording_has_the_zone_of_its_first_position() -> None:
    points = made.trkpt(0, "?", "?") + made.trkpt(1, 52.52, 13.40) + made.trkpt(2, 40.0, -105.0)
    (one,) = read_file(made.gpx(points).encode(), "", made.RECEIVED).recordings
    assert zone_of(one) == Zone("Europe/Berlin", 7200)


def test_without_a_position_there_is_no_zone() -> None:
    (one,) = read_file(made.gpx(made.trkpt(0, "?", "?")).encode(), "", made.RECEIVED).recordings
    assert zone_of(one) is None


def test_without_a_date_there_is_a_zone_and_no_offset() -> None:
    assert zone_at(52.52, 13.40, None) == Zone("Europe/Berlin", None)
