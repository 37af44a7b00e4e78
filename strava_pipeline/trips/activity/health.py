"""The checks of `doctor` for activity trips."""

from collections.abc import Callable

from strava_pipeline.core.facts import Fact
from strava_pipeline.environment.settings import Settings


def looks(settings: Settings) -> dict[str, Callable[[], list[Fact]]]:
    """The check of the source and the keys."""
    return {"trips: source": lambda: _trips(settings)}


def _trips(settings: Settings) -> list[Fact]:
    from strava_pipeline.trips.activity.reading.connect import trips_health  # which takes long to import

    return trips_health(settings)
