"""What is counted toward a goal, and the units that a person writes it in. The warehouse has metres and seconds."""

from dataclasses import dataclass

METRES_PER_MILE = 1609.344  # international yard and pound agreement, 1959
METRES_PER_FOOT = 0.3048


@dataclass(frozen=True, slots=True)
class Measure:
    """`name`: as in the JSON and the warehouse, with its unit; `goals`: names in goals.toml, and how much one of each is."""

    name: str
    title: str
    goals: dict[str, float]


MEASURES: tuple[Measure, ...] = (
    Measure("distance_m", "distance", {"distance_km": 1000.0, "distance_miles": METRES_PER_MILE}),
    Measure("moving_time_seconds", "time", {"time_hours": 3600.0}),
    Measure("elevation_gain_m", "elevation", {"elevation_m": 1.0, "elevation_ft": METRES_PER_FOOT}),
    Measure("activities", "activities", {"count": 1.0}),
)
BY_GOAL: dict[str, tuple[Measure, float]] = {
    name: (measure, size) for measure in MEASURES for name, size in measure.goals.items()
}
