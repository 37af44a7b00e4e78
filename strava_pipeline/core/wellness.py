"""Days and nights: which numbers of the body there are, what is believed of them, and how answers about them are kept.

A service's reader turns an answer into `days_of`: for every local day that was asked for, the numbers of that day. A day
without numbers says that the service has none now. Numbers that mean "not measured" (0 bpm, -1, 999) are outside the
bounds of `MEASURES`. No service here.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal

from strava_pipeline.core.json_values import Json
from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.start_times import zone_of
from strava_pipeline.core.text import counted

DAY = timedelta(days=1)
KILOGRAMS_PER_POUND = 0.45359237  # international yard and pound agreement, 1959
Found = tuple[str, Mapping[str, Any]]
"""A local day as text, and what a source has of it by the names of MEASURES, in our units, believed or not."""
EXPORTS = {"garmin_export": "Garmin’s export", "apple_health": "Apple Health"}
"""Sources whose days and nights come with an import, and their names for a person."""
ARCHIVES = "archives"  # where pages and providers.toml name them together
DaysSource = Literal["pulled", "enabled", "possible"]
"""A service that has days and nights: they are pulled, as those of exports are kept; it is enabled without; it is not enabled."""


def days_in_words(count: int) -> str:
    """How many days have other numbers than before; empty for none."""
    return f"{counted(count, 'day')} and night{'s' * (count > 1)} new or changed" if count else ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of a day, or of the night that ends on it. Outside of `least` and `most`, or at `blank`, nothing was measured."""

    of: Literal["day", "night"]
    meaning: str
    unit: str | None
    least: float
    most: float
    blank: float | None = None


Written = tuple[str | None, int | None]
"""The zone that a record names, and the offset in seconds that its times have."""


@dataclass(frozen=True, slots=True)
class DayClock:
    """The local day of an instant: by the first of four zones that is known (docs/days.md).

    Args:
        zone_at: of the athlete's activity before an instant, or else of the first one; None without any.
        home: the person's own zone.
        cut_by: filled with the days of each zone.
    """

    zone_at: Callable[[float], tzinfo | None]
    home: tzinfo
    cut_by: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def day(self, seconds: float, written: Written) -> str:
        named, offset_s = written
        if zone := zone_of(named):
            by = "the zone that records name"
        elif zone := self.zone_at(seconds):
            by = "the clock of activities"
        elif offset_s is not None:
            zone, by = timezone(timedelta(seconds=offset_s)), "the offset in the export"
        else:
            zone, by = self.home, "STRAVA_TIMEZONE"
        day = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).date().isoformat()
        self.cut_by[by].add(day)
        return day


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEASURES: dict[str, Measure] = {
    "resting_heartrate": Measure("day", "resting heart rate", "bpm", 20, 150),
    "lowest_heartrate": Measure("day", "lowest heart rate", "bpm", 20, 200),
    "steps": Measure("day", "steps", None, 0, 300_000),
    "weight_kg": Measure("day", "weight; of several weighings, the last one", "kg", 15, 400),
    "body_fat_percent": Measure("day", "body fat", "%", 1, 80),
    "stress": Measure("day", "Garmin's stress, mean of the day: 0 to 100", None, 0, 100),
    "body_battery_highest": Measure("day", "Garmin's Body Battery, highest: 0 to 100", None, 0, 100),
    "body_battery_lowest": Measure("day", "Garmin's Body Battery, lowest: 0 to 100", None, 0, 100),
    "oxygen_percent": Measure("day", "blood oxygen, mean", "%", 50, 100),
    "respiration": Measure("day", "breaths a minute, mean", "/min", 3, 60),
    "active_kilocalories": Measure("day", "energy of movement", "kcal", 0, 20_000),
    "vo2max": Measure("day", "VO2max, as the device estimates it", "ml/kg/min", 10, 100),
    "starts_at": Measure("night", "asleep at first, in seconds since 1970", "s", 1e8, 1e10),
    "ends_at": Measure("night", "awake at last, in seconds since 1970", "s", 1e8, 1e10),
    "asleep_seconds": Measure("night", "time asleep", "s", 60, 86_400),
    "deep_seconds": Measure("night", "deep sleep", "s", 0, 86_400),
    "light_seconds": Measure("night", "light sleep; at Apple: core", "s", 0, 86_400),
    "rem_seconds": Measure("night", "REM sleep", "s", 0, 86_400),
    "awake_seconds": Measure("night", "awake between falling asleep and getting up", "s", 0, 86_400),
    "sleep_score": Measure("night", "score of the service: 0 to 100", None, 1, 100),
    # 255: a byte in which nothing stands, as watches of Amazfit send it
    "hrv_rmssd": Measure("night", "heart-rate variability as rMSSD", "ms", 1, 400, blank=255),
    "hrv_sdnn": Measure(
        "night", "heart-rate variability as SDNN, which is another number than rMSSD", "ms", 1, 400, blank=255
    ),
    "sleeping_heartrate": Measure("night", "heart rate asleep, mean, or as the service has it", "bpm", 20, 150),
}


def kept_answer(part: str, first: date, last: date, body: bytes) -> bytes:
    """An answer about the days `first` to `last` with what it was asked, for bronze; `body`: JSON as received."""
    asked = json.dumps({"part": part, "first": first.isoformat(), "last": last.isoformat()})
    return b'%s,"answer":%s}' % (asked[:-1].encode(), body)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as kept: which kind it is of (`part`, as its source calls it), for which local days, and its content."""

    part: str
    first: date
    last: date
    content: Any


def read_kept(content: Any) -> KeptAnswer:
    """The reverse of `kept_answer`, of parsed JSON. Raises UnreadableRowError."""
    try:
        first, last = (date.fromisoformat(content[name]) for name in ("first", "last"))
        return KeptAnswer(str(content["part"]), first, last, content["answer"])
    except (KeyError, TypeError, ValueError):
        raise UnreadableRowError("it is no answer about days") from None


def days_of(kept: KeptAnswer, found: Iterable[Found]) -> Sequence[tuple[str, Json]]:
    """Each day that was asked for, as `2026-11-28 sleep`, with its believed numbers by the names of MEASURES.

    Another day than those asked for, such as one that is only projected, is passed over; one that comes twice is `merged`.
    """
    days: dict[str, dict[str, float]] = {f"{day} {kept.part}": {} for day in _days(kept.first, kept.last)}
    for day, numbers in found:
        if (known := days.get(f"{day} {kept.part}")) is not None:
            days[f"{day} {kept.part}"] = merged(known, believed(numbers))
    return [*days.items()]


def believed(numbers: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that were measured. A night without a minute asleep has no beginning and no end."""
    found = {name: float(value) for name, value in numbers.items() if _is_measured(name, value)}
    if "asleep_seconds" in found:
        return found
    return {name: value for name, value in found.items() if name not in ("starts_at", "ends_at")}


def merged(known: Mapping[str, float], later: Mapping[str, float]) -> dict[str, float]:
    """The numbers of a day that comes twice: the later ones; of two sleeps, as with a nap, the longer one alone."""
    if "asleep_seconds" in known and "asleep_seconds" in later:
        return dict(max(later, known, key=lambda each: each["asleep_seconds"]))
    return {**known, **later}


def _is_measured(name: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    measure = MEASURES[name]
    return is_number and measure.least <= value <= measure.most and value != measure.blank


def spans(first: date, last: date, longest: int) -> Iterator[tuple[date, date]]:
    """The days `first` to `last` in spans of at most so many days: the first and the last day of each."""
    while first <= last:
        until = min(last, first + DAY * (longest - 1))
        yield first, until
        first = until + DAY


def _days(first: date, last: date) -> Iterator[date]:
    return (first + DAY * number for number in range((last - first).days + 1))
