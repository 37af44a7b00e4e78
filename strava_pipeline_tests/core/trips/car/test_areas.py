"""Areas: three decimals, whatever the sign, and one text for one area."""

import pytest

from strava_pipeline.core.trips.car.config import area_of


@pytest.mark.parametrize(
    ("lat", "lng", "area"),
    [
        (52.123456, 4.654321, ("52.123", "4.654")),
        (-33.8688197, -70.6692655, ("-33.869", "-70.669")),
        (0.0, 0, ("0.000", "0.000")),
        (-0.0004, 0.0004, ("0.000", "0.000")),
        (90, -180, ("90.000", "-180.000")),
    ],
)
def test_an_area_is_a_position_to_three_decimals(lat: float, lng: float, area: tuple[str, str]) -> None:
    assert area_of(lat, lng) == area
