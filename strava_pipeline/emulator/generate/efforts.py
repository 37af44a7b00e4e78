"""How hard the made-up athlete works: power over the time of a ride, the highest heart rate, and the temperature.

Each is drawn from the activity's own seed, so that its summary and its recording agree. The power is that of a trained
amateur: most rides are easy; some have a set of hard repetitions, and each length of effort has its own kind of day.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from random import Random

from strava_pipeline.emulator.generate.activities import Activity

SMOOTHED = 30  # s over which power is averaged before it is weighted (Coggan's normalised power)
_SET_SHARE = 0.4  # of rides
_SETS = (  # repetitions, seconds and watts (least, most) of one, seconds of rest after it
    (6, 10, (790.0, 935.0), 290),  # sprints
    (8, 60, (390.0, 438.0), 150),
    (6, 120, (330.0, 352.0), 180),
    (5, 300, (284.0, 302.0), 200),
    (3, 600, (262.0, 277.0), 240),
    (2, 1200, (254.0, 265.0), 300),
)
_SPRINT = 10  # s; it fades over twice as long
_FADES = (0.62, 0.45)
_HARD_SHARE = 0.08  # of rides without a set, from LONG_ENOUGH on: as hard as that time allows
_LONG_ENOUGH = 3300  # s
_ALLOWED = ((3600, 243.0), (5400, 229.0), (7200, 219.0), (32_400, 165.0))  # s, and the watts that can be held so long


@dataclass(frozen=True)
class Power:
    """Watts over a ride: each holds from its place in `begins` (seconds of moving) until the next one, the last until the end."""

    begins: list[int]
    watts: list[float]
    moving: int

    def at(self, second: float) -> float:
        """The watts after that many seconds of moving."""
        return self.watts[bisect_right(self.begins, second) - 1]

    @cached_property
    def average(self) -> float:
        """The mean over the time of moving."""
        return sum(seconds * watts for seconds, watts in self._spans) / self.moving

    @property
    def peak(self) -> float:
        """The highest."""
        return max(self.watts)

    @property
    def weighted(self) -> float:
        """The mean in which hard minutes count more."""
        total, seconds, joules = 0.0, 0, 0.0
        for span, watts in self._spans:
            seconds, joules = seconds + span, joules + span * watts
            if seconds >= SMOOTHED:
                total, seconds, joules = total + seconds * (joules / seconds) ** 4, 0, 0.0
        return float(max(self.average, (total / self.moving) ** 0.25))

    @property
    def _spans(self) -> list[tuple[int, float]]:
        ends = [*self.begins[1:], self.moving]
        return [(end - begin, watts) for begin, end, watts in zip(self.begins, ends, self.watts, strict=True)]


def power_of(seed: int, activity: Activity) -> Power | None:
    """The power measured by the activity's device, or None if it has no meter."""
    if not activity.power_meter:
        return None
    rng, moving = Random(f"{seed}:{activity.id}:power"), activity.moving
    easy = rng.uniform(128, 172)
    if activity.race:
        spans = _steady(rng, _allowed(moving) * rng.uniform(0.94, 1.0), moving)
    elif rng.random() < _SET_SHARE:
        spans = _set(rng, easy, moving)
    elif moving > _LONG_ENOUGH and rng.random() < _HARD_SHARE:
        spans = _steady(rng, _allowed(moving) * rng.uniform(0.95, 1.0), moving)
    else:
        spans = _steady(rng, easy, moving, 0.25)
    found = [*spans]
    begins = [0, *accumulate(seconds for seconds, _ in found)]
    kept = bisect_right(begins, moving - 1)  # a set that is longer than the ride is broken off
    return Power(begins[:kept], [watts for _, watts in found[:kept]], moving)


def _allowed(seconds: int) -> float:
    for (before, most), (after, least) in pairwise(_ALLOWED):
        if seconds < after:
            return most + (least - most) * (seconds - before) / (after - before)
    return _ALLOWED[-1][1]


def _steady(rng: Random, watts: float, seconds: int, varies: float = 0.08) -> Iterator[tuple[int, float]]:
    """At least that many seconds around these watts."""
    while seconds > 0:
        span = rng.randint(30, 100)
        yield span, watts * rng.uniform(1 - varies, 1 + varies)
        seconds -= span


def _set(rng: Random, easy: float, moving: int) -> Iterator[tuple[int, float]]:
    """A ride with a set of repetitions after a warm-up, easy until its end."""
    times, seconds, level, rest = rng.choice(_SETS)
    watts = rng.uniform(*level)
    yield from _steady(rng, easy, rng.randint(500, 900), 0.25)
    for _ in range(times):
        today = watts * rng.uniform(0.96, 1.0)
        if seconds == _SPRINT:
            yield _SPRINT, today
            yield from ((_SPRINT, today * fade) for fade in _FADES)
        else:
            yield seconds, today
        yield from _steady(rng, 0.75 * easy, rest)
    yield from _steady(rng, easy, moving, 0.25)


def peak_heartrate(seed: int, activity: Activity) -> float | None:
    """The highest heart rate, in whole beats a minute, or None without a measurement."""
    if activity.heartrate is None:
        return None
    return float(round(activity.heartrate + Random(f"{seed}:{activity.id}:peak").uniform(9, 24)))


def temperature_of(seed: int, activity: Activity) -> int | None:
    """The mean temperature in °C, or None without a measurement."""
    if not activity.mapped or activity.sport.kind == "Walk" or not activity.has_thermometer:
        return None
    return round(Random(f"{seed}:{activity.id}:temperature").gauss(15, 7))
