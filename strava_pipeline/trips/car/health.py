"""The checks of `doctor` for trips by car."""

from collections.abc import Callable

from strava_pipeline.core.facts import Fact
from strava_pipeline.environment.settings import Settings
from strava_pipeline.trips.car.people_file import PEOPLE, people_health


def looks(settings: Settings) -> dict[str, Callable[[], Fact]]:
    """The check of cars.toml."""
    return {PEOPLE: lambda: people_health(settings.pings_config)}
