"""Days and nights of the made-up athlete, as numbers by the names of core/wellness.py.

Illness and training raise the resting heart rate and lower the variability, which also has a slow wave. On some days the
watch lay in a drawer, in some nights it was charged, and of some it knows no stages. The scale is older than the watch.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from math import cos, pi
from random import Random

from strava_pipeline.emulator.generate.places import epoch_at, place_on
from strava_pipeline.emulator.generate.training import HOUR, is_ill, load_on

Numbers = dict[str, float]
DAY = timedelta(days=1)
WORN = timedelta(days=5 * 365)  # the watch's age
NOT_WORN, CHARGED, WITHOUT_STAGES, WEIGHED, FORGOTTEN = 0.03, 0.04, 0.03, 0.35, 0.2  # shares
ALL_UP = timedelta(hours=12)  # after midnight, wherever the athlete is


def days_since(first: date, now: datetime, seed: int) -> Iterator[tuple[date, Numbers, Numbers]]:
    """Every day until the last one with a night that is over: what the watch measured, and what the scale did."""
    day, last = first, (now - ALL_UP).date()
    while day <= last:
        yield day, _worn(day, seed) if last - day < WORN else {}, _weighed(day, seed)
        day += DAY


@cache  # of each day once in a process, as for activities
def _worn(day: date, seed: int) -> Numbers:
    rng = Random(f"{seed}:watch:{day}")
    if rng.random() < NOT_WORN:
        return {}
    load, is_sick = load_on(day, seed), is_ill(day, seed)
    strain = min(sum(load_on(day - DAY * before, seed) for before in range(3)) / 3, 2.5) + 3 * is_sick
    wave = cos(day.toordinal() / 90 * 2 * pi)
    resting = _within(46.5 - 1.5 * wave + 2.2 * strain + rng.gauss(0, 1), 44, 58)
    found: Numbers = {
        "resting_heartrate": resting,
        "lowest_heartrate": resting - rng.randint(1, 4),
        "steps": _within(
            (5_500 + 4_500 * min(load, 2.5)) * rng.uniform(0.6, 1.3) * (0.4 if is_sick else 1), 300, 40_000
        ),
        "active_kilocalories": _within(250 + 420 * min(load, 3) * rng.uniform(0.6, 1.4), 100, 4_000),
        "stress": _within(24 + 4 * strain + rng.gauss(0, 4), 8, 80),
        "body_battery_highest": _within(96 - 8 * strain + rng.gauss(0, 4), 30, 100),
        "body_battery_lowest": _within(28 - 4 * strain + rng.gauss(0, 5), 5, 60),
        "oxygen_percent": rng.randint(93, 98),
        "respiration": rng.randint(12, 15) + 2 * is_sick,
    }
    return found if rng.random() < CHARGED else found | _night(day, seed, strain, wave, resting, rng)


def _night(day: date, seed: int, strain: float, wave: float, resting: float, rng: Random) -> Numbers:
    asleep = _within(rng.gauss(7.3, 0.7) * 60, 4 * 60, 10 * 60) * 60
    deep, rem = (round(asleep * rng.uniform(*share) / 60) * 60 for share in ((0.13, 0.22), (0.17, 0.26)))
    awake = rng.randint(3, 45) * 60
    ends = epoch_at(place_on(day, seed).zone, day, int(rng.gauss(7.6 if day.weekday() >= 5 else 6.5, 0.4) * HOUR))
    stages = {"deep_seconds": deep, "light_seconds": asleep - deep - rem, "rem_seconds": rem, "awake_seconds": awake}
    return {
        "starts_at": ends - asleep - awake,
        "ends_at": ends,
        "asleep_seconds": asleep,
        "sleep_score": _within(asleep / 360 + 14 - 4 * strain + rng.gauss(0, 5), 20, 99),
        "hrv_rmssd": _within(68 + 8 * wave - 6 * strain + rng.gauss(0, 5), 22, 110),
        "sleeping_heartrate": resting + rng.randint(1, 5),
        **({} if rng.random() < WITHOUT_STAGES else stages),
    }


@cache
def _weighed(day: date, seed: int) -> Numbers:
    rng = Random(f"{seed}:scale:{day}")
    forgotten = Random(f"{seed}:scale:{day.toordinal() // 14}").random() < FORGOTTEN  # for two weeks
    if forgotten or rng.random() > WEIGHED:
        return {}
    season, years = cos(day.timetuple().tm_yday / 365 * 2 * pi), cos(day.toordinal() / 1500 * 2 * pi)
    weight = 69.2 + 1.1 * season + 1.4 * years
    return {
        "weight_kg": round(weight + rng.gauss(0, 0.35), 3),
        "body_fat_percent": round(weight - 55 + rng.gauss(0, 0.4), 1),
    }


def _within(value: float, least: int, most: int) -> int:
    return round(min(max(value, least), most))
