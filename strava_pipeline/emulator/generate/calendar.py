"""When the athlete trains, and what: a slot for each activity, oldest first, before anything is known of its course.

Weeks have a rhythm, seasons and training blocks come and go, illness leaves gaps. The number of slots is exact.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import cos, floor, pi
from random import Random

from strava_pipeline.emulator.generate.places import HOME, MALLORCA, Place, epoch_at, place_on, utc_offset
from strava_pipeline.emulator.generate.sports import SHARES, SPORTS, Sport

HOUR = 3600
DAY = 86_400
LONGEST = 9 * HOUR  # nothing that is generated lasts longer; what starts later than that before now would end after it
WEEKDAYS = (0.7, 1.0, 0.9, 1.0, 0.6, 1.7, 1.6)
BLOCK = (1.0, 1.15, 1.3, 0.6)  # three weeks of rising load, one of rest
ZWIFT_YEAR = 2015  # when riding indoors with a screen became common; before, there were no virtual rides
HIDDEN_SECOND = 1  # a hidden start time is shown as 00:00:01


@dataclass(frozen=True, slots=True)
class Slot:
    """An activity to be: `start` in epoch seconds."""

    start: int
    place: Place
    sport: Sport
    commute: bool = False
    manual: bool = False
    private: bool = False
    twin: bool = False


def slots(seed: int, count: int, years: tuple[int, int], now: int) -> list[Slot]:
    """`count` slots within the years, none of which can end after `now` (epoch seconds)."""
    first = date(years[0], 1, 1)
    last = min(date(years[1], 12, 31), date(1970, 1, 1) + timedelta(days=(now - LONGEST) // DAY))
    days = [first + timedelta(days=number) for number in range(max(1, (last - first).days + 1))]
    rng = Random(f"{seed}:calendar")
    found: list[Slot] = []
    for day, number in zip(days, _spread(count, [_load(day, seed) for day in days], rng), strict=True):
        if number:
            place = place_on(day, seed)
            found += [_slot(day, place, index, rng, now) for index in range(number)]
    found.sort(key=lambda slot: slot.start)
    return _with_twins(found, rng)


def _load(day: date, seed: int) -> float:
    """How much the athlete trains on a day, as a weight."""
    week = day.toordinal() // 7
    if Random(f"{seed}:illness:{week}").random() < 0.035:
        return 0.0
    form = Random(f"{seed}:form:{day.year}").uniform(0.7, 1.3)
    season = 1 + 0.45 * cos((day.timetuple().tm_yday - 190) / 365 * 2 * pi)
    journey = 1.0 if place_on(day, seed) is HOME else 1.5
    turn_of_year = 4.0 if (day.month, day.day) in ((12, 31), (1, 1)) else 1.0
    return WEEKDAYS[day.weekday()] * season * BLOCK[week % 4] * form * journey * turn_of_year


def _spread(count: int, weights: list[float], rng: Random) -> list[int]:
    """`count` things over days by their weights; every day gets its share, rounded by one common dice."""
    total, offset = sum(weights) or 1.0, rng.random()
    numbers, done, reached = [], 0, 0.0
    for index, weight in enumerate(weights):
        reached += weight
        target = count if index == len(weights) - 1 else min(count, floor(count * reached / total + offset))
        numbers.append(target - done)
        done = target
    return numbers


def _slot(day: date, place: Place, index: int, rng: Random, now: int) -> Slot:
    weekend = day.weekday() >= 5
    commute = place is HOME and not weekend and rng.random() < 0.3
    sport = SPORTS["Ride"] if commute else _sport(day, place, weekend, rng)
    second = _turn_of_year(day, place, rng) if index == 0 else None
    if second is None:
        second = _time_of_day(index, commute, weekend, rng)
        if rng.random() < 0.015:
            second = HIDDEN_SECOND
    start = epoch_at(place.zone, day, second)
    while start > now - LONGEST:
        start -= DAY
    at_desk = sport.name in ("Yoga", "Workout", "Swim")
    return Slot(
        start=start,
        place=place,
        sport=sport,
        commute=commute,
        manual=rng.random() < (0.12 if at_desk else 0.015),
        private=rng.random() < (0.12 if at_desk else 0.03),
    )


def _sport(day: date, place: Place, weekend: bool, rng: Random) -> Sport:
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
    """A time at which it is another year here than in UTC, for the first activity around New Year."""
    offset = utc_offset(place.zone, epoch_at(place.zone, day, 12 * HOUR))
    if (day.month, day.day) == (1, 1) and offset > 0:
        return rng.randrange(60, offset - 240)
    if (day.month, day.day) == (12, 31) and offset < 0:
        return rng.randrange(DAY + offset + 60, DAY - 1800)
    return None


def _with_twins(found: list[Slot], rng: Random) -> list[Slot]:
    """Now and then two recordings begin in the same second: a watch and a bike computer."""
    for index in range(1, len(found)):
        wanted = rng.random() < 1 / 400 or (index == len(found) // 2 and len(found) >= 50)
        if wanted and not found[index - 1].manual:
            before = found[index - 1]
            found[index] = replace(before, private=False, commute=False, twin=True)
    return found
