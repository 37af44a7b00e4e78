"""The made-up athlete's training: sports, bikes and shoes, and the calendar of activities.

Weeks have a rhythm, seasons and training blocks come and go, illness leaves gaps. The distance and speed of each
activity are drawn in activities.py.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from math import cos, floor, pi
from random import Random

from strava_pipeline.emulator.generate.places import HOME, MALLORCA, Place, epoch_at, place_on, utc_offset

HOUR = 3600
DAY = 86_400
LONGEST = 9 * HOUR  # no drawn activity lasts longer, so one that starts as long before now is over
WEEKDAY_LOADS = (0.7, 1.0, 0.9, 1.0, 0.6, 1.7, 1.6)
WEEK_LOADS = (1.0, 1.15, 1.3, 0.6)  # three weeks of rising load, one of rest
ZWIFT_YEAR = 2015  # the first year with virtual rides
HIDDEN_SECOND = 1  # Strava shows a hidden start time as 00:00:01


@dataclass(frozen=True, slots=True)
class Sport:
    """A sport: `name` is Strava's `sport_type`, `kind` Strava's older `type`. Speed in m/s.

    `distance` (km) and `minutes` are least, most and usual; `climbs` multiplies a place's climbing.
    """

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

SHARES = {  # how often the athlete does each sport in an average month; estimated from public year reviews
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
SAME_KIND = frozenset({  # sport_types with the same older type: developers.strava.com/docs/reference, ActivityType
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


@dataclass(frozen=True, slots=True)
class Gear:
    """A bike or a pair of shoes, in use between two shares of the athlete's years; `weight` in kg."""

    id: str
    name: str
    nickname: str
    brand: str
    model: str
    since: float
    until: float
    frame_type: int | None = None
    weight: float | None = None
    description: str = ""


BIKES = (
    Gear(
        "b2471118", "Diamant 247", "Stadtrad 🚲", "Diamant", "247", 0.0, 9.0, 4, 14.2, "Commuter, mudguards & dynamo."
    ),
    Gear("b4815162", "Tarmac", "Tarmac", "Specialized", "Tarmac SL6", 0.0, 9.0, 3, 7.4, "Power meter since mid-life."),
    Gear(
        "b9775203",
        "Grizl",
        "Grüner Grizl",
        "Canyon",
        "Grizl CF",
        0.55,
        9.0,
        5,
        9.1,
        "Tubeless; keep an eye on the seal.",
    ),
)
SHOES = (
    Gear("g1072361", "ASICS Gel-Nimbus 16", "", "ASICS", "Gel-Nimbus 16", 0.0, 0.4),
    Gear("g8830147", "Brooks Ghost 12", "Geister", "Brooks", "Ghost 12", 0.35, 9.0),
    Gear("g15990328", "Saucony Ride 17", "", "Saucony", "Ride 17", 0.75, 9.0),
)
GEAR = BIKES + SHOES
COMMUTER, ROAD, GRAVEL = BIKES


@dataclass(frozen=True, slots=True)
class PlannedActivity:
    """When, where and in which sport an activity takes place: `start` in epoch seconds. `twin`: a second device recorded it."""

    start: int
    place: Place
    sport: Sport
    commute: bool = False
    manual: bool = False
    private: bool = False
    twin: bool = False


def plan_activities(seed: int, count: int, years: tuple[int, int], now: int) -> list[PlannedActivity]:
    """Exactly `count` activities within the years, oldest first; none can end after `now` (epoch seconds)."""
    first = date(years[0], 1, 1)
    last = min(date(years[1], 12, 31), date(1970, 1, 1) + timedelta(days=(now - LONGEST) // DAY))
    days = [first + timedelta(days=number) for number in range(max(1, (last - first).days + 1))]
    rng = Random(f"{seed}:calendar")
    found: list[PlannedActivity] = []
    for day, number in zip(days, _spread(count, [load_on(day, seed) for day in days], rng), strict=True):
        if number:
            place = place_on(day, seed)
            found += [_planned_activity(day, place, index, rng, now) for index in range(number)]
    found.sort(key=lambda planned: planned.start)
    return _with_twins(found, rng)


@cache  # of each day once in a process: it may start many emulators
def load_on(day: date, seed: int) -> float:
    """The amount of training on a day, as a weight around 1; 0 in a week of illness."""
    if is_ill(day, seed):
        return 0.0
    form = Random(f"{seed}:form:{day.year}").uniform(0.7, 1.3)
    season = 1 + 0.45 * cos((day.timetuple().tm_yday - 190) / 365 * 2 * pi)
    journey = 1.0 if place_on(day, seed) is HOME else 1.5
    turn_of_year = 4.0 if (day.month, day.day) in ((12, 31), (1, 1)) else 1.0
    return WEEKDAY_LOADS[day.weekday()] * season * WEEK_LOADS[day.toordinal() // 7 % 4] * form * journey * turn_of_year


def is_ill(day: date, seed: int) -> bool:
    """Whether the athlete is ill in the week of a day."""
    return Random(f"{seed}:illness:{day.toordinal() // 7}").random() < 0.035


def _spread(count: int, weights: list[float], rng: Random) -> list[int]:
    """The number of the `count` activities on each day, by the weights of the days; the sum is exact."""
    total, offset = sum(weights) or 1.0, rng.random()
    numbers, done, reached = [], 0, 0.0
    for index, weight in enumerate(weights):
        reached += weight
        target = count if index == len(weights) - 1 else min(count, floor(count * reached / total + offset))
        numbers.append(target - done)
        done = target
    return numbers


def _planned_activity(day: date, place: Place, index: int, rng: Random, now: int) -> PlannedActivity:
    weekend = day.weekday() >= 5
    commute = place is HOME and not weekend and rng.random() < 0.3
    sport = SPORTS["Ride"] if commute else _draw_sport(day, place, weekend, rng)
    second = _turn_of_year(day, place, rng) if index == 0 else None
    if second is None:
        second = _time_of_day(index, commute, weekend, rng)
        if rng.random() < 0.015:
            second = HIDDEN_SECOND
    start = epoch_at(place.zone, day, second)
    while start > now - LONGEST:
        start -= DAY
    often_manual = sport.name in ("Yoga", "Workout", "Swim")
    return PlannedActivity(
        start=start,
        place=place,
        sport=sport,
        commute=commute,
        manual=rng.random() < (0.12 if often_manual else 0.015),
        private=rng.random() < (0.12 if often_manual else 0.03),
    )


def _draw_sport(day: date, place: Place, weekend: bool, rng: Random) -> Sport:
    shares = dict(SHARES)
    if day.year < ZWIFT_YEAR:
        shares["VirtualRide"] = 0.0
    if day.month in (11, 12, 1, 2):
        for name, factor in (("VirtualRide", 3.0), ("Ride", 0.4), ("GravelRide", 0.6), ("Swim", 0.6)):
            shares[name] *= factor
    if weekend:
        for name, factor in (("Hike", 2.5), ("Ride", 1.8), ("WeightTraining", 0.3)):
            shares[name] *= factor
    if place is not HOME:
        for name, factor in (("GravelRide", 0.0), ("MountainBikeRide", 0.0), ("VirtualRide", 0.0), ("Hike", 2.0)):
            shares[name] *= factor
    if place is MALLORCA:
        shares["Ride"] *= 6
    return SPORTS[rng.choices(list(shares), list(shares.values()))[0]]


def _time_of_day(index: int, commute: bool, weekend: bool, rng: Random) -> int:
    """Seconds after local midnight."""
    if commute:
        span = (7.0, 8.7) if index % 2 == 0 else (16.6, 18.6)
    elif weekend:
        span = (7.5, 15.5)
    else:
        span = rng.choices([(5.6, 7.6), (11.8, 13.2), (17.2, 20.6)], [3, 2, 5])[0]
    return int(rng.uniform(*span) * HOUR)


def _turn_of_year(day: date, place: Place, rng: Random) -> int | None:
    """A local second at which UTC is in another year, for the first activity around New Year; None on other days."""
    offset = utc_offset(place.zone, epoch_at(place.zone, day, 12 * HOUR))
    if (day.month, day.day) == (1, 1) and offset > 0:
        return rng.randrange(60, offset - 240)
    if (day.month, day.day) == (12, 31) and offset < 0:
        return rng.randrange(DAY + offset + 60, DAY - 1800)
    return None


def _with_twins(found: list[PlannedActivity], rng: Random) -> list[PlannedActivity]:
    """Let some activities begin in the same second as the one before, as if recorded by a watch and a bike computer."""
    for index in range(1, len(found)):
        is_twin = rng.random() < 1 / 400 or (index == len(found) // 2 and len(found) >= 50)
        if is_twin and not found[index - 1].manual:
            before = found[index - 1]
            found[index] = replace(before, private=False, commute=False, twin=True)
    return found


def sport_named(name: str) -> Sport:
    """The sport with that name; an unknown one is like a workout."""
    return SPORTS.get(name) or Sport(name, kind_of(name), indoor=True)


def kind_of(sport_type: str) -> str:
    """Strava's older `type` for a `sport_type`."""
    return sport_type if sport_type in SAME_KIND else OTHER_KIND.get(sport_type, "Workout")


def gear_for(sport: Sport, commute: bool, share: float, dice: float) -> str | None:
    """The id of the gear for an activity at a share of the athlete's years; `dice` in [0, 1) decides between two."""
    if sport.name in ("GravelRide", "MountainBikeRide"):
        return GRAVEL.id if share >= GRAVEL.since else ROAD.id
    if sport.rides:
        return COMMUTER.id if commute else ROAD.id
    if sport.name not in ("Run", "Walk", "Hike") or (sport.name != "Run" and dice < 0.5):
        return None
    usable = [shoe for shoe in SHOES if shoe.since <= share < shoe.until]
    return usable[-1 if dice < 0.75 else 0].id
