"""Where the made-up athlete is on a given day: at home in Berlin, or on a journey. And what a clock there shows.

Journeys lie where time is difficult: over New Year, across changes to and from daylight-saving time, in a zone of half
an hour, on the other side of the date line.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Place:
    """A base for activities. `elevation` in metres, `hills` in metres of climbing per kilometre."""

    key: str
    zone: str
    lat: float
    lon: float
    city: str
    state: str
    country: str
    elevation: float
    hills: float


HOME = Place("berlin", "Europe/Berlin", 52.4982, 13.4064, "Berlin", "Berlin", "Germany", 36.0, 4.5)
MALLORCA = Place("mallorca", "Europe/Madrid", 39.7967, 2.6912, "Sóller", "Balearic Islands", "Spain", 55.0, 15.0)
NEW_YORK = Place("new-york", "America/New_York", 40.7712, -73.9742, "New York", "New York", "United States", 18.0, 6.0)
AUCKLAND = Place("auckland", "Pacific/Auckland", -36.8721, 174.7521, "Auckland", "Auckland", "New Zealand", 24.0, 13.0)
KOLKATA = Place("kolkata", "Asia/Kolkata", 22.5431, 88.3512, "Kolkata", "West Bengal", "India", 9.0, 1.0)
PLACES = (HOME, MALLORCA, NEW_YORK, AUCKLAND, KOLKATA)

NEW_YEARS = (HOME, AUCKLAND, NEW_YORK, KOLKATA)  # in turn, one for each New Year


def place_on(day: date, seed: int) -> Place:
    """Where the athlete wakes up that day."""
    for first, length, place in _journeys(day.year, seed) + _journeys(day.year - 1, seed):
        if first <= day < first + timedelta(days=length):
            return place
    return HOME


def place_in(zone: str) -> Place:
    """A place whose clocks show that zone; one of the known ones where possible."""
    known = next((place for place in PLACES if place.zone == zone), None)
    city = zone.rpartition("/")[2].replace("_", " ")
    return known or Place(zone.lower(), zone, 47.0, 11.0, city, "", "", 120.0, 9.0)


@cache
def zone_info(zone: str) -> ZoneInfo:
    """The time zone of that name."""
    return ZoneInfo(zone)


@cache
def zone_label(zone: str, year: int) -> str:
    """The label as Strava writes it: with the standard offset of that year, even in summer."""
    offsets = [_offset(zone, datetime(year, month, 1, 12, tzinfo=UTC)) for month in (1, 7)]
    standard = min(offsets)
    sign, minutes = ("-", -standard // 60) if standard < 0 else ("+", standard // 60)
    return f"(GMT{sign}{minutes // 60:02d}:{minutes % 60:02d}) {zone}"


def utc_offset(zone: str, epoch: int) -> int:
    """The offset in seconds that holds at an instant."""
    return _offset(zone, datetime.fromtimestamp(epoch, UTC))


def epoch_at(zone: str, day: date, second: int) -> int:
    """The instant at which clocks of a zone show so many seconds after midnight."""
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=second)  # noqa: DTZ001 - a wall clock
    return int(wall.replace(tzinfo=zone_info(zone)).timestamp())


def _offset(zone: str, moment: datetime) -> int:
    offset = moment.astimezone(zone_info(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


@cache
def _journeys(year: int, seed: int) -> tuple[tuple[date, int, Place], ...]:
    """First day, number of days, place; those that begin in a year."""
    turn = year + seed
    journeys = [(date(year, 12, 27), 14, NEW_YEARS[turn % len(NEW_YEARS)])]
    if turn % 2 == 0:
        journeys.append((date(year, 3, 24), 9, MALLORCA))  # Europe goes to summer time on the last Sunday of March
    if turn % 3 == 0:
        journeys.append((date(year, 10, 30), 10, NEW_YORK))  # New York leaves it on the first Sunday of November
    if turn % 4 == 2:
        journeys.append((date(year, 9, 20), 15, AUCKLAND))  # New Zealand goes to it on the last Sunday of September
    if turn % 3 == 1:
        journeys.append((date(year, 2, 8), 11, KOLKATA))
    return tuple(journeys)
