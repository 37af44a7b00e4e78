"""Segments of each place, the athlete's efforts on them, and the ranks those efforts earned at their time.

Ranks are true: an effort is a PR only if none before it was faster, and the first one on a segment earns nothing.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from random import Random

from strava_pipeline.emulator.generate.places import Place
from strava_pipeline.emulator.wire import Json

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
FIRST_WORDS = ("Alte", "Neue", "Lange", "Kleine", "Rund um die", "Old", "Upper", "Sprint:", "Full", "Über die")
LAST_WORDS = ("Brücke", "Allee", "Kurve", "Hill 🏔", "Climb", "Straße → Ufer", "Park Loop", "Sprint", "Mile", "Rampe")


@dataclass(frozen=True, slots=True)
class Segment:
    """`document` is the SummarySegment; `distance` in metres, `grade` in percent."""

    id: int
    name: str
    distance: float
    grade: float
    document: Json


@dataclass(frozen=True, slots=True)
class Effort:
    """On a segment (by index) or over a distance (by index); seconds from the start; rank 1-3, or 0."""

    index: int
    offset: int
    seconds: int
    rank: int


@dataclass(slots=True)
class Boards:
    """The three best times so far, for everything that can be repeated."""

    _best: defaultdict[tuple[str, str, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def enter(self, key: tuple[str, str, int], seconds: int) -> int:
        """The rank that a time earns now; it counts from here on."""
        board = self._best[key]
        position = bisect_left(board, seconds)
        board.insert(position, seconds)
        earned = position + 1 if len(board) > 1 and position < RANKED else 0
        del board[RANKED:]
        return earned


@cache
def segments(place: Place, kind: str) -> tuple[Segment, ...]:
    """The segments of a place for Ride or Run; the same for every seed."""
    return tuple(_segment(place, kind, number) for number in range(SEGMENTS[kind]))


def segment_efforts(
    rng: Random, place: Place, kind: str, distance: float, moving: int, boards: Boards | None
) -> tuple[Effort, ...]:
    """Efforts one after the other, as many as the activity had time for."""
    known = segments(place, kind)
    speed = distance / moving
    wanted = min(MOST_EFFORTS, len(known), rng.randint(0, 2 + int(distance / (2000 if kind == "Run" else 5000))))
    found: list[Effort] = []
    reached = rng.randint(20, max(30, moving // 12))
    for index in rng.sample(range(len(known)), wanted):
        segment = known[index]
        seconds = round(segment.distance / (speed * (1 - 0.06 * segment.grade) * rng.uniform(0.9, 1.1)))
        if reached + seconds > moving:
            continue
        rank = boards.enter((place.key, kind, index), seconds) if boards else 0
        found.append(Effort(index, reached, seconds, rank))
        reached += seconds + rng.randint(5, max(10, moving // 15))
    return tuple(found)


def best_efforts(rng: Random, distance: float, moving: int, boards: Boards | None) -> tuple[Effort, ...]:
    """The fastest stretches of a run, shorter ones at a faster pace."""
    found = []
    pace = moving / distance
    for index, (_, metres) in enumerate(BEST_EFFORTS):
        if metres > distance:
            break
        gained = 0.13 * (1 - metres / distance) * rng.uniform(0.8, 1.0)
        seconds = max(1, round(metres * pace * (1 - gained)))
        offset = rng.randint(0, max(0, moving - seconds))
        rank = boards.enter(("", "best", index), seconds) if boards else 0
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
    identity = rng.randrange(600_000, 39_000_000)
    return Segment(
        identity,
        name,
        distance,
        grade,
        {
            "id": identity,
            "resource_state": 2,
            "name": name,
            "activity_type": kind,
            "distance": distance,
            "average_grade": grade,
            "maximum_grade": round(abs(grade) + rng.uniform(0.4, 9), 1),
            "elevation_high": high,
            "elevation_low": low,
            "start_latlng": start,
            "end_latlng": end,
            "elevation_profile": None,
            "elevation_profiles": None,
            "climb_category": 1 if high - low > 150 else 0,
            "city": place.city,
            "state": place.state,
            "country": place.country,
            "private": False,
            "hazardous": False,
            "starred": number == 0,
        },
    )
