"""The made-up athlete's activities: drawn from a seed as the few numbers that determine everything else about them.

An activity's recording, and its form at a service, are made on request: fifty thousand activities are drawn in seconds.
Titles and descriptions come in several scripts, with the characters that make parsers, shells and CSV files fail.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, pi
from random import Random

from strava_pipeline.emulator.generate.places import (
    HOME,
    Effort,
    Place,
    Rankings,
    best_efforts,
    place_in,
    segment_efforts,
)
from strava_pipeline.emulator.generate.training import (
    GEAR,
    PlannedActivity,
    Sport,
    gear_for,
    plan_activities,
    sport_named,
)

FIRST_ID = 2_200_000_000  # every id lies beyond 2^31
ID_EPOCH = 1_199_145_600  # 2008-01-01, when ids begin to rise with time
IDS_PER_SECOND = 25  # so that the ids of 2025 and 2026 are near Strava's, about 1.6e10
YEAR_SECONDS = 31_556_952  # a mean Gregorian year
# shares of the athlete's years
EARLY_UNTIL = 0.15  # until then, services kept fewer fields
THERMOMETER_FROM = 0.2
HEARTRATE_FROM = 0.3  # the first chest strap
POWER_FROM = 0.5  # the power meter
TITLE_WORDS = {
    "GravelRide": "Gravel Ride",
    "MountainBikeRide": "Mountain Bike Ride",
    "VirtualRide": "Virtual Ride",
    "WeightTraining": "Weight Training",
}
TITLES = {
    "Run": (
        "Long run 🏃‍♀️ entlang der Spree",
        "6 × 800 m @ 5k pace",
        "朝のランニング",
        "Пробежка с Антоном",
        "Tempo, then coffee ☕️",
        "Recovery jog (really slow)",
        'Parkrun #52 – "PB attempt"',
    ),
    "Ride": (
        "Über den Teufelsberg ⛰️",
        "Kaffee & Kuchen 🍰",
        "Brandenburger Schleife, 100 % Gegenwind",
        "Tour de Müggelsee",
        "Café → Café 🚴🏽‍♀️",
        "Group ride; 30+ km/h ... ouch",
        "רכיבת בוקר",
    ),
    "Walk": ("Walk with Mum 💐", "Sunday stroll", "दोपहर की सैर"),
    "Hike": ("Through the woods 🌲🌲", "Gipfel! Ausblick! Brotzeit!", "Wanderung nach Ñuñoa-Straße"),
    "VirtualRide": ("Watopia: Volcano Climb 🌋", "3 x 12' @ 95 % FTP", "Zwift - Race: Stage 2 (B)"),
    "Swim": ("Schwimmbad 25 m", "Drills + 10 × 100"),
}
OTHER_TITLES = ("Core & mobility", "Zähne zusammenbeißen 💪", "O'Brien's circuit")
TITLES_ABROAD = ("Hello", "Jetlag in", "Sunrise over", "Lost in 🗺️", "Ein letztes Mal", "Around")
RACE_TITLES = {"Run": ("Berliner Halbmarathon 🏅", "10K City Run"), "Ride": ("Velothon 🏁", "Jedermann-Rennen")}
DESCRIPTIONS = (
    "Legs felt great until the last climb.",
    "Windy out there!\nTook it easy on the way back.",
    "With Anna & Jürgen — next time earlier 😅",
    'First ride on new tyres. "Fast", they said.',
    "Интервалы: 5×1000, отдых 2 мин.",
    "  trailing spaces and a tab\t here  ",
    "https://example.invalid/route?id=1&x=%20",
)
DEVICES = (  # the share of the athlete's years from which they were in use, watch, bike computer
    (0.0, "Strava iPhone App", "Garmin Edge 500"),
    (0.2, "Garmin Forerunner 220", "Garmin Edge 520"),
    (0.45, "Garmin Forerunner 935", "Garmin Edge 530"),
    (0.7, "COROS PACE 3", "Wahoo ELEMNT ROAM"),
)


class Athlete:
    """All activities of the made-up athlete between two years, none after `now`; `add` makes more.

    Args: `count` is the number of activities, `years` the first and the last year.
    """

    def __init__(self, seed: int, count: int, years: tuple[int, int], now: datetime) -> None:
        first, last = years
        self.seed = seed
        self._from = datetime(first, 1, 1, tzinfo=UTC).timestamp()
        self._to = max(self._from + 1, min(now.timestamp(), datetime(last + 1, 1, 1, tzinfo=UTC).timestamp()))
        self._added = 0
        self.activities = self._draw_all(count, years, int(now.timestamp())) if count else []

    def gear_distances(self) -> dict[str, float]:
        """The metres on each gear in use, by its id, over the activities drawn at the start."""
        totals = {gear.id: 0.0 for gear in GEAR}
        for activity in self.activities:
            if activity.gear_id:
                totals[activity.gear_id] += activity.distance
        used = {activity.gear_id for activity in self.activities}
        return {gear_id: metres for gear_id, metres in totals.items() if gear_id in used}

    def add(self, identity: int, start: int, zone: str, sport: str) -> "Activity":
        """Draw one more activity, which begins at `start` (epoch seconds); `zone` is a valid time zone.

        The n-th addition is the same whatever its id: ids follow the clock, so they differ between a slow and a fast process.
        """
        planned = PlannedActivity(start, place_in(zone), sport_named(sport))
        self._added += 1
        rng = Random(f"{self.seed}:added:{self._added}:{start}")
        return draw_activity(identity, planned, self._share(start), rng, None)

    def _draw_all(self, count: int, years: tuple[int, int], now: int) -> list["Activity"]:
        rankings, identity = Rankings(), 0
        rng = Random(f"{self.seed}:sketches")
        found = []
        for planned in plan_activities(self.seed, count, years, now):
            identity = max(identity + rng.randint(1, 9), id_at(planned.start) + rng.randrange(IDS_PER_SECOND))
            found.append(draw_activity(identity, planned, self._share(planned.start), rng, rankings))
        return found

    def _share(self, epoch: float) -> float:
        return min(1.0, max(0.0, (epoch - self._from) / (self._to - self._from)))


def id_at(epoch: float) -> int:
    """The id of an activity uploaded at an instant."""
    return FIRST_ID + max(0, int(epoch - ID_EPOCH)) * IDS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity in numbers: distance and gain in metres, times in seconds, start in epoch seconds.

    `share` is its place in the athlete's years, from 0 to 1; `efforts` are those on segments, `best` those over
    distances.
    """

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
    def is_early(self) -> bool:
        """Whether it is from the time when services kept fewer fields."""
        return self.share < EARLY_UNTIL

    @property
    def has_thermometer(self) -> bool:
        """Whether its device measured the temperature."""
        return self.share >= THERMOMETER_FROM

    @property
    def pr_count(self) -> int:
        """How many efforts were the fastest so far."""
        return sum(effort.rank == 1 for effort in self.efforts + self.best)

    @property
    def achievement_count(self) -> int:
        """How many efforts were among the three fastest so far."""
        return sum(effort.rank > 0 for effort in self.efforts + self.best)


def draw_activity(
    identity: int, planned: PlannedActivity, share: float, rng: Random, rankings: Rankings | None
) -> Activity:
    """Draw the numbers of a planned activity. Without rankings no effort earns a rank."""
    sport = planned.sport
    race = sport.segments is not None and not planned.commute and not planned.manual and rng.random() < 0.02
    distance, moving = _distance_and_time(planned, race, rng)
    elapsed = moving if sport.indoor else int(moving * (1 + rng.expovariate(14 if race else 9) * 0.8))
    elapsed = min(elapsed, moving + 7000)
    climbs = sport.moves and not sport.indoor
    gain = round(distance / 1000 * planned.place.hills * sport.climbs * rng.uniform(0.5, 1.6), 1) if climbs else 0.0
    efforts: tuple[Effort, ...] = ()
    best: tuple[Effort, ...] = ()
    if sport.segments and not planned.manual:
        efforts = segment_efforts(rng, planned.place, sport.segments, distance, moving, rankings)
        if sport.segments == "Run":
            best = best_efforts(rng, distance, moving, rankings)
    with_strap = share >= HEARTRATE_FROM and not planned.manual and sport.name != "Swim" and rng.random() < 0.88
    return Activity(
        id=identity,
        start=planned.start,
        place=planned.place,
        sport=sport,
        commute=planned.commute,
        manual=planned.manual,
        private=planned.private,
        twin=planned.twin,
        race=race,
        share=share,
        distance=distance,
        moving=moving,
        elapsed=elapsed,
        gain=gain,
        gear_id=gear_for(sport, planned.commute, share, rng.random()),
        heartrate=round(_heartrate(sport, race, rng), 1) if with_strap else None,
        power_meter=not planned.manual
        and (sport.name == "VirtualRide" or (sport.name == "Ride" and not planned.commute and share >= POWER_FROM)),
        efforts=efforts,
        best=best,
    )


def _distance_and_time(planned: PlannedActivity, race: bool, rng: Random) -> tuple[float, int]:
    """Metres, and seconds of moving."""
    sport = planned.sport
    if not sport.moves:
        return 0.0, int(rng.triangular(*sport.minutes) * 60)
    kilometres = rng.gauss(9.4, 0.03) if planned.commute else rng.triangular(*sport.distance)
    season = 1 + 0.03 * cos(((planned.start % YEAR_SECONDS) / YEAR_SECONDS - 0.55) * 2 * pi)
    speed = sport.speed * season * max(0.82, min(1.2, rng.gauss(1.0, 0.06))) * (1.1 if race else 1.0)
    speed *= 0.9 if planned.commute else 1.0
    distance = round(max(0.5, kilometres) * 1000, 1)
    return distance, max(1, round(distance / speed))


def _heartrate(sport: Sport, race: bool, rng: Random) -> float:
    mean = {"Run": 148, "Ride": 136, "VirtualRide": 140, "Walk": 96, "Hike": 112, "Yoga": 82}.get(sport.kind, 118)
    return max(70.0, min(178.0, rng.gauss(mean + (14 if race else 0), 6)))


def title_of(activity: Activity, hour: int, rng: Random) -> str:
    """The title: a race's, one of the athlete's own, or a service's default for the local `hour` (0 to 23)."""
    kind = activity.sport.kind
    if activity.race:
        return rng.choice(RACE_TITLES[kind])
    if activity.commute and rng.random() < 0.5:
        return "Zur Arbeit" if hour < 12 else "Feierabend 🍺"
    if not activity.commute and rng.random() < 0.35:
        if activity.place is HOME or activity.sport.indoor:
            return rng.choice(TITLES.get(kind, OTHER_TITLES))
        return f"{rng.choice(TITLES_ABROAD)} {activity.place.city}"
    part = ("Night", "Morning", "Lunch", "Afternoon", "Evening", "Night")[
        (hour >= 4) + (hour >= 11) + (hour >= 14) + (hour >= 17) + (hour >= 21)
    ]
    return f"{part} {TITLE_WORDS.get(activity.sport.name, activity.sport.name)}"


def description_of(rng: Random) -> str | None:
    """The athlete's text about an activity, or None for most."""
    return rng.choice(DESCRIPTIONS) if rng.random() < 0.3 else None


def device_of(activity: Activity) -> str | None:
    """The name of the recording device; None for the oldest activities and for manual ones."""
    if activity.manual or activity.share < 0.05:
        return None
    if activity.sport.name == "VirtualRide":
        return "Zwift"
    _, watch, bike_computer = [devices for devices in DEVICES if devices[0] <= activity.share][-1]
    return bike_computer if activity.sport.rides else watch
