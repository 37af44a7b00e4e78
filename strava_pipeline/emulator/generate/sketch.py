"""The course of an activity in the few numbers that lists, totals and ranks need.

Documents are made from it later, and only for those that somebody asks for.
"""

from dataclasses import dataclass
from math import cos, pi
from random import Random

from strava_pipeline.emulator.generate.calendar import Slot
from strava_pipeline.emulator.generate.efforts import Boards, Effort, best_efforts, segment_efforts
from strava_pipeline.emulator.generate.gear import gear_for
from strava_pipeline.emulator.generate.places import Place
from strava_pipeline.emulator.generate.sports import Sport

YEAR_SECONDS = 31_556_952  # a mean Gregorian year
HEARTRATE_FROM = 0.3  # of the athlete's span: the first chest strap
POWER_FROM = 0.5  # and the power meter


@dataclass(frozen=True, slots=True)
class Sketch:
    """Distances and climbing in metres, times in seconds. `share`: where in the athlete's span of years it lies."""

    id: int
    start: int
    place: Place
    sport: Sport
    commute: bool
    manual: bool
    private: bool
    twin: bool
    race: bool
    share: float
    distance: float
    moving: int
    elapsed: int
    gain: float
    gear_id: str | None
    heartrate: float | None
    power_meter: bool
    efforts: tuple[Effort, ...]
    best: tuple[Effort, ...]

    @property
    def mapped(self) -> bool:
        """Whether it has a track."""
        return not (self.sport.indoor or self.manual)

    @property
    def pr_count(self) -> int:
        """Efforts that were the fastest ever."""
        return sum(effort.rank == 1 for effort in self.efforts + self.best)

    @property
    def achievement_count(self) -> int:
        """Efforts among the three fastest."""
        return sum(effort.rank > 0 for effort in self.efforts + self.best)


def sketch(identity: int, slot: Slot, share: float, rng: Random, boards: Boards | None) -> Sketch:
    """Draw the course of a slot's activity. Without boards no effort earns a rank."""
    sport = slot.sport
    race = sport.segments is not None and not slot.commute and not slot.manual and rng.random() < 0.02
    distance, moving = _course(slot, race, rng)
    elapsed = moving if sport.indoor else int(moving * (1 + rng.expovariate(14 if race else 9) * 0.8))
    elapsed = min(elapsed, moving + 7000)
    climbs = sport.moves and not sport.indoor
    gain = round(distance / 1000 * slot.place.hills * sport.climbs * rng.uniform(0.5, 1.6), 1) if climbs else 0.0
    efforts: tuple[Effort, ...] = ()
    best: tuple[Effort, ...] = ()
    if sport.segments and not slot.manual:
        efforts = segment_efforts(rng, slot.place, sport.segments, distance, moving, boards)
        if sport.segments == "Run":
            best = best_efforts(rng, distance, moving, boards)
    strapped = share >= HEARTRATE_FROM and not slot.manual and sport.name != "Swim" and rng.random() < 0.88
    return Sketch(
        id=identity,
        start=slot.start,
        place=slot.place,
        sport=sport,
        commute=slot.commute,
        manual=slot.manual,
        private=slot.private,
        twin=slot.twin,
        race=race,
        share=share,
        distance=distance,
        moving=moving,
        elapsed=elapsed,
        gain=gain,
        gear_id=gear_for(sport, slot.commute, share, rng.random()),
        heartrate=round(_heartrate(sport, race, rng), 1) if strapped else None,
        power_meter=not slot.manual
        and (sport.name == "VirtualRide" or (sport.name == "Ride" and not slot.commute and share >= POWER_FROM)),
        efforts=efforts,
        best=best,
    )


def _course(slot: Slot, race: bool, rng: Random) -> tuple[float, int]:
    """Distance and moving time."""
    sport = slot.sport
    if not sport.moves:
        return 0.0, int(rng.triangular(*sport.minutes) * 60)
    kilometres = rng.gauss(9.4, 0.35) if slot.commute else rng.triangular(*sport.distance)
    season = 1 + 0.03 * cos(((slot.start % YEAR_SECONDS) / YEAR_SECONDS - 0.55) * 2 * pi)
    speed = sport.speed * season * max(0.82, min(1.2, rng.gauss(1.0, 0.06))) * (1.1 if race else 1.0)
    speed *= 0.9 if slot.commute else 1.0
    distance = round(max(0.5, kilometres) * 1000, 1)
    return distance, max(1, round(distance / speed))


def _heartrate(sport: Sport, race: bool, rng: Random) -> float:
    usual = {"Run": 148, "Ride": 136, "VirtualRide": 140, "Walk": 96, "Hike": 112, "Yoga": 82}.get(sport.kind, 118)
    return max(70.0, min(178.0, rng.gauss(usual + (14 if race else 0), 6)))
