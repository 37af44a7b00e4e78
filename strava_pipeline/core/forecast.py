"""How many activities the rest of a listing still holds, from what came of it so far. Pure.

Nobody trains evenly: in spring, a year's first third holds a quarter of it. So what came is laid beside the athlete's own
other years, month by month, and where none is known beside a plain summer and winter of their hemisphere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, cos, floor, log10, pi

from strava_pipeline.core.printable import counted

SWING = 0.3  # how far July is above the mean, January below: an assumption; 0 told a fifth too few from 200 of 700
TEMPERATE = 45.0  # degrees of latitude from which on it is all of that; nearer to the equator it is less
PRIOR = 60.0  # activities that the plain season counts for: a known year of 200 outweighs it
LEAST, MOST = 2 / 3, 3 / 2  # of the expected rest, in 32 made-up athletes of 500 to 3,000 activities 0.73 to 1.33 came
AGAIN = "if it is started again when a day's limit opens"  # of a command that a day's limit ends
_PEAK = 6.5  # mid-July, in months from the year's beginning


@dataclass(frozen=True, slots=True)
class Season:
    """How much an athlete trains in each month of a year, in any unit."""

    months: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.months) != 12 or min(self.months) <= 0:
            raise ValueError("a season has twelve months, each above 0")

    def weight(self, begin: datetime, end: datetime) -> float:
        """How much of it lies between two instants; 0 where they are none apart."""
        total, at = 0.0, begin.astimezone(UTC)
        while at < end:
            until = min(end, _next_month(at))
            total += self.months[at.month - 1] * ((until - at) / timedelta(days=1))
            at = until
        return total


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which numbers the calls of a run lie, all of them, and when the last one is made (None: never)."""

    fewest: int
    most: int
    done_from: datetime | None
    done_to: datetime | None

    def __str__(self) -> str:
        return f"{_rounded(self.fewest, floor):,}–{_rounded(self.most, ceil):,} calls{self._when()}"

    def _when(self) -> str:
        if self.done_from is None:
            return ""
        first = f"{self.done_from:%Y-%m-%d %H:%M}"
        if self.done_to is None:
            return f", done {first} UTC at the earliest"
        same_day = self.done_to.date() == self.done_from.date()
        return f", done between {first} and {self.done_to:{'%H:%M' if same_day else '%Y-%m-%d %H:%M'}} UTC"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Calls of a run: those made so far, those still to be made by stage, and when the last is done (None: never).

    `bounds` where the number of activities is not known yet: the numbers are then the most likely ones.
    `needs_another_day`: a day's limit ends the command before all of them are made.
    """

    made: int
    listing: int
    details: int
    done_at: datetime | None
    bounds: Bounds | None = None
    needs_another_day: bool = False

    @property
    def still(self) -> int:
        return self.listing + self.details

    @property
    def calls(self) -> int:
        return self.made + self.still

    def needs_correction(self, later: "Forecast") -> bool:
        """Whether a later forecast is to be told as well: it is a number instead of a range, or another by a tenth."""
        return self.bounds is not None or abs(self.calls - later.calls) > self.calls / 10

    def __str__(self) -> str:
        again = f", {AGAIN}" if self.needs_another_day else ""
        if self.bounds is not None:
            again = again if self.bounds.done_from else ""
            return f"{self.bounds}{again}; the number is known when everything is listed."
        done = f"; done about {self.done_at:%Y-%m-%d %H:%M:%S} UTC{again}" if self.done_at else ""
        return f"About {counted(self.calls, 'call')}: {self.made + self.listing:,} to list, {self.details:,} for details{done}."


def season_of(known: Mapping[int, int], latitude: float | None) -> Season:
    """The season of an athlete of whose other whole years `known` activities are counted by month (1 to 12)."""
    tilt = 0.0 if latitude is None else max(-1.0, min(1.0, latitude / TEMPERATE))
    plain = [1 + SWING * tilt * cos((month + 0.5 - _PEAK) / 12 * 2 * pi) for month in range(12)]
    return Season(tuple(PRIOR / 12 * weight + known.get(month, 0) for month, weight in enumerate(plain, start=1)))


@dataclass(frozen=True, slots=True)
class Seen:
    """How many activities came, and the first and last start among them (None: none has one)."""

    count: int
    oldest: datetime | None
    newest: datetime | None


def expected_between(begin: datetime, end: datetime, seen: Seen, season: Season) -> float:
    """How many activities start between two instants, when `seen` are all of another stretch."""
    if seen.oldest is None or seen.newest is None or begin >= end:
        return 0.0
    covered = season.weight(seen.oldest, seen.newest)
    return (seen.count - 1) * season.weight(begin, end) / covered if covered else 0.0


def pages_still(rest: float, per_page: int) -> int:
    """The calls that end a listing of which `rest` activities are expected: their pages, and the empty one."""
    return ceil(rest / per_page) + 1


def _rounded(number: int, outwards: Callable[[float], int]) -> int:
    """To two digits: more would claim more than is known."""
    unit: int = 10 ** max(floor(log10(max(number, 1))) - 1, 0)
    return outwards(number / unit) * unit


def _next_month(at: datetime) -> datetime:
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
