"""The made-up athlete's places, in Berlin and on journeys; the clocks there, the segments and the efforts on them.

Activities start in parks and in a harbour, where nobody lives. Journeys go where time is difficult: over New Year, over
changes of daylight-saving time, to a time zone of half an hour, beyond the date line. Ranks are correct: an effort is a
personal record only if no earlier one was faster.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

SEGMENTS = {"Ride": 14, "Run": 10}  # for each place
MOST_EFFORTS = 12
RANKED = 3  # Strava keeps an athlete's three best times on a segment
BEST_EFFORTS = (  # names and metres as in real answers
    ("400m", 400),
    ("1/2 mile", 805),
    ("1K", 1000),
    ("1 mile", 1609),
    ("2 mile", 3219),
    ("5K", 5000),
    ("10K", 10000),
    ("15K", 15000),
    ("10 mile", 16090),
    ("20K", 20000),
    ("Half-Marathon", 21097),
    ("30K", 30000),
)
MOST_GAIN = 0.13  # of the pace, in the fastest stretch of a run
MEAN_GAIN = 0.9 * MOST_GAIN
FIRST_WORDS = ("Alte", "Neue", "Lange", "Kleine", "Rund um die", "Old", "Upper", "Sprint:", "Full", "Über die")
LAST_WORDS = ("Brücke", "Allee", "Kurve", "Hill 🏔", "Climb", "Straße → Ufer", "Park Loop", "Sprint", "Mile", "Rampe")


@dataclass(frozen=True, slots=True)
class Place:
    """Where activities start. `elevation` in metres, `hills` in metres of climbing per kilometre."""

    key: str
    zone: str
    lat: float
    lon: float
    city: str
    state: str
    country: str
    elevation: float
    hills: float


HOME = Place("berlin", "Europe/Berlin", 52.4735, 13.4018, "Berlin", "Berlin", "Germany", 36.0, 4.5)
MALLORCA = Place("mallorca", "Europe/Madrid", 39.7951, 2.6900, "Sóller", "Balearic Islands", "Spain", 55.0, 15.0)
NEW_YORK = Place("new-york", "America/New_York", 40.7712, -73.9742, "New York", "New York", "United States", 18.0, 6.0)
AUCKLAND = Place("auckland", "Pacific/Auckland", -36.8597, 174.7755, "Auckland", "Auckland", "New Zealand", 24.0, 13.0)
KOLKATA = Place("kolkata", "Asia/Kolkata", 22.5550, 88.3445, "Kolkata", "West Bengal", "India", 9.0, 1.0)
PLACES = (HOME, MALLORCA, NEW_YORK, AUCKLAND, KOLKATA)

NEW_YEARS = (HOME, AUCKLAND, NEW_YORK, KOLKATA)  # the places of New Year, one after the other


def place_on(day: date, seed: int) -> Place:
    """The athlete's place on a day."""
    for first, length, place in _journeys(day.year, seed) + _journeys(day.year - 1, seed):
        if first <= day < first + timedelta(days=length):
            return place
    return HOME


def place_in(zone: str) -> Place:
    """A place in a time zone: one of PLACES if possible."""
    found = next((place for place in PLACES if place.zone == zone), None)
    city = zone.rpartition("/")[2].replace("_", " ")
    return found or Place(zone.lower(), zone, 47.0, 11.0, city, "", "", 120.0, 9.0)


@cache
def zone_info(zone: str) -> ZoneInfo:
    """The time zone with that name; raises ZoneInfoNotFoundError or ValueError."""
    return ZoneInfo(zone)


def utc_offset(zone: str, epoch: int) -> int:
    """The offset from UTC in seconds at an instant."""
    offset = datetime.fromtimestamp(epoch, zone_info(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def epoch_at(zone: str, day: date, second: int) -> int:
    """The instant at which clocks in a zone show `second` seconds after midnight."""
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=second)  # noqa: DTZ001 - what a clock on the wall shows
    return int(wall.replace(tzinfo=zone_info(zone)).timestamp())


@cache
def _journeys(year: int, seed: int) -> tuple[tuple[date, int, Place], ...]:
    """First day, number of days and place of each journey that begins in a year."""
    number = year + seed
    journeys = [(date(year, 12, 27), 14, NEW_YEARS[number % len(NEW_YEARS)])]
    if number % 2 == 0:
        journeys.append((date(year, 3, 24), 9, MALLORCA))  # Europe goes to summer time on the last Sunday of March
    if number % 3 == 0:
        journeys.append((date(year, 10, 30), 10, NEW_YORK))  # New York leaves it on the first Sunday of November
    if number % 4 == 2:
        journeys.append((date(year, 9, 20), 15, AUCKLAND))  # New Zealand goes to it on the last Sunday of September
    if number % 3 == 1:
        journeys.append((date(year, 2, 8), 11, KOLKATA))
    return tuple(journeys)


@dataclass(frozen=True, slots=True)
class Segment:
    """`kind` is Ride or Run; distance and elevations in metres, grades in percent, positions as latitude and longitude."""

    id: int
    name: str
    kind: str
    place: Place
    distance: float
    grade: float
    steepest: float
    low: float
    high: float
    start: tuple[float, float]
    end: tuple[float, float]
    starred: bool


@dataclass(frozen=True, slots=True)
class Effort:
    """An effort on a segment or over a distance, by its index; `offset` in seconds from the start; rank 1 to 3, or 0."""

    index: int
    offset: int
    seconds: int
    rank: int


@dataclass(slots=True)
class Rankings:
    """The three best times so far, for each segment and each distance."""

    _best: defaultdict[tuple[str, str, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def rank(self, key: tuple[str, str, int], seconds: int) -> int:
        """Enter a time and return its rank, 0 if it has none; the first time of all has none."""
        best = self._best[key]
        position = bisect_left(best, seconds)
        best.insert(position, seconds)
        earned = position + 1 if len(best) > 1 and position < RANKED else 0
        del best[RANKED:]
        return earned


@cache
def segments(place: Place, kind: str) -> tuple[Segment, ...]:
    """The segments of a place for Ride or Run; the same for every seed."""
    return tuple(_segment(place, kind, number) for number in range(SEGMENTS[kind]))


def segment_efforts(
    rng: Random, place: Place, kind: str, distance: float, moving: int, rankings: Rankings | None
) -> tuple[Effort, ...]:
    """Efforts on segments, one after the other, within `moving` seconds; `distance` in metres."""
    choice = segments(place, kind)
    speed = distance / moving
    number = min(MOST_EFFORTS, len(choice), rng.randint(0, 2 + int(distance / (2000 if kind == "Run" else 5000))))
    found: list[Effort] = []
    reached = rng.randint(20, max(30, moving // 12))
    for index in rng.sample(range(len(choice)), number):
        segment = choice[index]
        seconds = round(segment.distance / (speed * (1 - 0.06 * segment.grade) * rng.uniform(0.9, 1.1)))
        if reached + seconds > moving:
            continue
        rank = rankings.rank((place.key, kind, index), seconds) if rankings else 0
        found.append(Effort(index, reached, seconds, rank))
        reached += seconds + rng.randint(5, max(10, moving // 15))
    return tuple(found)


def best_efforts(rng: Random, distance: float, moving: int, rankings: Rankings | None) -> tuple[Effort, ...]:
    """The fastest stretches of a run over BEST_EFFORTS; shorter ones have a faster pace."""
    found = []
    pace = moving / distance
    for index, (_, metres) in enumerate(BEST_EFFORTS):
        if metres > distance:
            break
        gained = MOST_GAIN * (1 - metres / distance) * rng.uniform(0.8, 1.0)
        seconds = max(1, round(metres * pace * (1 - gained)))
        offset = rng.randint(0, max(0, moving - seconds))
        rank = rankings.rank(("", "best", index), seconds) if rankings else 0
        found.append(Effort(index, offset, min(seconds, moving), rank))
    return tuple(found)


def _segment(place: Place, kind: str, number: int) -> Segment:
    rng = Random(f"segment:{place.key}:{kind}:{number}")
    distance = round(rng.uniform(350, 4800) if kind == "Ride" else rng.uniform(200, 1900), 1)
    grade = round(rng.uniform(-1.5, 1.5) + (rng.uniform(0, 4) if place.hills > 5 else 0), 1)
    low = round(place.elevation + rng.uniform(0, 25), 1)
    high = round(low + abs(grade) / 100 * distance + rng.uniform(0.5, 4), 1)
    start = [round(place.lat + rng.uniform(-0.05, 0.05), 6), round(place.lon + rng.uniform(-0.05, 0.05), 6)]
    end = [round(start[0] + distance / 160_000, 6), round(start[1] + distance / 160_000, 6)]
    name = f"{rng.choice(FIRST_WORDS)} {rng.choice(LAST_WORDS)}"
    return Segment(
        id=rng.randrange(600_000, 39_000_000),
        name=name,
        kind=kind,
        place=place,
        distance=distance,
        grade=grade,
        steepest=round(abs(grade) + rng.uniform(0.4, 9), 1),
        low=low,
        high=high,
        start=(start[0], start[1]),
        end=(end[0], end[1]),
        starred=number == 0,
    )
