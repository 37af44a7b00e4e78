"""What each sport is like: how fast, how far, on what, and with which of Strava's fields.

Strava has two fields for it: the exact `sport_type`, and the deprecated `type`, here called kind.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sport:
    """`kind` is Strava's deprecated type. Speeds in m/s, distances in km (least, most, usual), minutes likewise."""

    name: str
    kind: str
    speed: float = 0.0
    distance: tuple[float, float, float] = (0.0, 0.0, 0.0)
    minutes: tuple[float, float, float] = (20.0, 75.0, 45.0)
    indoor: bool = False
    climbs: float = 1.0
    segments: str | None = None

    @property
    def moves(self) -> bool:
        """Whether it covers a distance."""
        return self.speed > 0

    @property
    def rides(self) -> bool:
        """Whether it is done on a bike."""
        return self.kind in ("Ride", "VirtualRide")


SPORTS = {
    sport.name: sport
    for sport in (
        Sport("Ride", "Ride", 7.3, (16, 135, 42), segments="Ride"),
        Sport("GravelRide", "Ride", 5.9, (18, 92, 40), climbs=1.3, segments="Ride"),
        Sport("MountainBikeRide", "Ride", 4.5, (9, 46, 22), climbs=2.4, segments="Ride"),
        Sport("VirtualRide", "VirtualRide", 8.7, (14, 58, 28), indoor=True),
        Sport("Run", "Run", 2.95, (3.2, 31, 8.5), climbs=1.1, segments="Run"),
        Sport("Walk", "Walk", 1.36, (1.5, 11, 4)),
        Sport("Hike", "Hike", 1.08, (5, 19, 11), climbs=3.5),
        Sport("Swim", "Swim", 0.79, (0.8, 3.6, 1.8), indoor=True),
        Sport("WeightTraining", "WeightTraining", indoor=True),
        Sport("Workout", "Workout", minutes=(12, 60, 30), indoor=True),
        Sport("Yoga", "Yoga", minutes=(15, 75, 40), indoor=True),
    )
}

SHARES = {  # how often each is done in a month without extremes, judged from public year reviews; not measured
    "Run": 30.0,
    "Ride": 20.0,
    "GravelRide": 8.0,
    "MountainBikeRide": 4.0,
    "VirtualRide": 7.0,
    "Walk": 8.0,
    "Hike": 4.0,
    "Swim": 5.0,
    "WeightTraining": 5.0,
    "Workout": 3.0,
    "Yoga": 5.0,
}

# fmt: off
SAME_KIND = frozenset({  # the values of the deprecated field: developers.strava.com/docs/reference, ActivityType
    "AlpineSki", "BackcountrySki", "Canoeing", "Crossfit", "EBikeRide", "Elliptical", "Golf",
    "Handcycle", "Hike", "IceSkate", "InlineSkate", "Kayaking", "Kitesurf", "NordicSki", "Ride",
    "RockClimbing", "RollerSki", "Rowing", "Run", "Sail", "Skateboard", "Snowboard", "Snowshoe",
    "Soccer", "StairStepper", "StandUpPaddling", "Surfing", "Swim", "Velomobile", "VirtualRide",
    "VirtualRun", "Walk", "WeightTraining", "Wheelchair", "Windsurf", "Workout", "Yoga",
})
# fmt: on
OTHER_KIND = {
    "GravelRide": "Ride",
    "MountainBikeRide": "Ride",
    "EMountainBikeRide": "EBikeRide",
    "TrailRun": "Run",
    "VirtualRow": "Rowing",
}


def sport_named(name: str) -> Sport:
    """The sport of that name; an unknown one is like a workout."""
    return SPORTS.get(name) or Sport(name, kind_of(name), indoor=True)


def kind_of(sport_type: str) -> str:
    """The deprecated `type` that goes with a sport_type."""
    return sport_type if sport_type in SAME_KIND else OTHER_KIND.get(sport_type, "Workout")
