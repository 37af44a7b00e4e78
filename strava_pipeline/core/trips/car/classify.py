"""Business or private: by where a trip led, else by the day on which it began."""

from datetime import datetime

from strava_pipeline.core.trips.car.config import OFFICE, CarConfig, Place
from strava_pipeline.core.trips.car.trip import Classification

SATURDAY = 5  # of datetime.weekday()


def classify(config: CarConfig, start_time: float, start: Place | None, end: Place | None) -> Classification:
    """From or to an office it is business, else on a Saturday or Sunday in the user's time zone private."""
    if any(place is not None and place.kind == OFFICE for place in (start, end)):
        return Classification.BUSINESS
    began = datetime.fromtimestamp(start_time, config.zone)
    return Classification.PRIVATE if began.weekday() >= SATURDAY else Classification.BUSINESS
