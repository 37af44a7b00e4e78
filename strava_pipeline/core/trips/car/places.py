"""Which of the user's places a position lies at. What follows from that is the tracker's, finalise.py's and classify.py's."""

from strava_pipeline.core.haversine import distance_m
from strava_pipeline.core.trips.car.config import SKIP, CarConfig, Place
from strava_pipeline.core.trips.car.limits import rounded
from strava_pipeline.core.trips.car.position import Position


def is_at_skip(config: CarConfig, position: Position) -> bool:
    """Whether any skip location's radius reaches it; its edge belongs to the place."""
    return any(place.kind == SKIP and _off_m(place, position) <= place.radius_m for place in config.locations)


def place_at(config: CarConfig, position: Position | None) -> Place | None:
    """The nearest place whose radius reaches it; of equally near ones the first configured."""
    if position is None:
        return None
    reaching = [place for place in config.locations if _off_m(place, position) <= place.radius_m]
    return min(reaching, key=lambda place: _off_m(place, position), default=None)


def _off_m(place: Place, position: Position) -> float:
    return rounded(distance_m(place.lat, place.lng, position.lat, position.lng))
