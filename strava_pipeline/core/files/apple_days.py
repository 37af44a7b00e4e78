"""Days and nights out of Apple Health's records. Pure.

`HealthRecords` sums up records while export.xml streams by: by type, source and quarter of an hour; it keeps the intervals of
sleep. Its JSON is kept instead of the records. `read_days` makes days of it, by the zone where the athlete was, as the file
has the telephone's offset at the export and not that of the day. Names of sources, which include their owner's, become numbers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from strava_pipeline.core.files.export_values import raw_number
from strava_pipeline.core.wellness import KILOGRAMS_PER_POUND, Found

KEY = "appleHealthDays"
ZoneAt = Callable[[datetime], tzinfo]
_QUANTITY, _SLEEP = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifierSleepAnalysis"
# by a record's type: the number that it is, how one of a day is made of several, and what a unit is multiplied with
_TYPES: dict[str, tuple[str, str, Mapping[str, float]]] = {
    "BodyMass": ("weight_kg", "last", {"kg": 1.0, "lb": KILOGRAMS_PER_POUND, "g": 0.001, "st": 6.35029318}),
    "BodyFatPercentage": ("body_fat_percent", "last", {"%": 100.0}),
    "RestingHeartRate": ("resting_heartrate", "last", {"count/min": 1.0}),
    "HeartRateVariabilitySDNN": ("hrv_sdnn", "mean", {"ms": 1.0}),
    "StepCount": ("steps", "sum", {"count": 1.0}),
    "OxygenSaturation": ("oxygen_percent", "mean", {"%": 100.0}),
    "RespiratoryRate": ("respiration", "mean", {"count/min": 1.0}),
    "VO2Max": ("vo2max", "last", {"mL/min·kg": 1.0, "mL/kg·min": 1.0}),
}
# of several stages over one second the first one counts: the night that an app writes in one piece lies under what a watch saw
_STAGES = {
    "Awake": "awake_seconds",
    "AsleepDeep": "deep_seconds",
    "AsleepREM": "rem_seconds",
    "AsleepCore": "light_seconds",
    "AsleepUnspecified": None,
    "Asleep": None,
}
_RANKS = {stage: rank for rank, stage in enumerate(_STAGES)}
_TOLD_APART = ("deep_seconds", "rem_seconds", "light_seconds")
_QUARTER = 900  # seconds: no zone's day begins within one
_MOST_SOURCES = 1_000  # telephones, watches and apps that a person had; further ones count as one
_APART = 3 * 3600  # seconds without a record after which another sleep begins
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class HealthRecords:
    """The records of a document so far."""

    # by type, source, quarter of an hour since 1970: sum, count, last
    quarters: dict[str, dict[int, dict[int, list[float]]]] = field(default_factory=dict)
    sleep: list[tuple[int, str, int, int]] = field(default_factory=list)  # source, stage, begin and end in s since 1970
    _sources: dict[str, int] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        """A record by its attributes; passed over unless it is of a known type and unit, with a value and times."""
        kind, began = str(record.get("type")), _seconds(record.get("startDate"))
        if began is None:
            return
        told, known = str(record.get("sourceName")), len(self._sources)
        source = self._sources.get(told, known)
        if source == known < _MOST_SOURCES:
            self._sources[told] = source
        if kind == _SLEEP:
            stage, ended = (
                str(record.get("value")).removeprefix("HKCategoryValueSleepAnalysis"),
                _seconds(record.get("endDate")),
            )
            if ended is not None and ended > began and stage in _STAGES:
                self.sleep.append((source, stage, began, ended))
            return
        name = kind.removeprefix(_QUANTITY)
        units: Mapping[str, float] = _TYPES[name][2] if name in _TYPES else {}
        number, unit = raw_number(str(record.get("value"))), str(record.get("unit"))
        if unit in units and number is not None:
            by_quarter = self.quarters.setdefault(name, {}).setdefault(source, {})
            kept = by_quarter.setdefault(began // _QUARTER, [0.0, 0, 0.0])
            value = round(number * units[unit], 4)
            kept[:] = [kept[0] + value, kept[1] + 1, value]

    @property
    def kept(self) -> Mapping[str, Any]:
        """What is kept, for JSON."""
        return {KEY: {"quarters": self.quarters, "sleep": self.sleep}}

    @property
    def is_empty(self) -> bool:
        """Whether no record was of a day."""
        return not (self.quarters or self.sleep)


def is_apple_days(content: Any) -> bool:
    """Whether a JSON value is what is kept of records."""
    return isinstance(content, dict) and isinstance(content.get(KEY), dict)


def read_days(content: Any, zone_at: ZoneAt) -> Iterator[Found]:
    """The numbers of each day and night, of several sources of a number the one with most records, of steps the largest sum."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, of_sources in content[KEY]["quarters"].items():
        name, how, _ = _TYPES[kind]
        for day, of_day in _by_day(of_sources, zone_at).items():
            found[day][name] = _of_sources([*of_day.values()], how)
    nights: dict[str, list[dict[str, float]]] = defaultdict(list)
    by_source: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for source, *interval in content[KEY]["sleep"]:
        by_source[source].append(tuple(interval))
    for intervals in by_source.values():
        for sleep in _sleeps(intervals):
            nights[_day(sleep["ends_at"], zone_at)].append(sleep)
    for (
        day,
        sleeps,
    ) in nights.items():  # one with stages, unless it is a nap, then the longest: the others are of another source
        longest = max(sleep["asleep_seconds"] for sleep in sleeps)
        long = [sleep for sleep in sleeps if 2 * sleep["asleep_seconds"] >= longest]
        best = max(long, key=lambda sleep: (any(name in sleep for name in _TOLD_APART), sleep["asleep_seconds"]))
        found[day].update(best)
    yield from found.items()


def _by_day(
    of_sources: Mapping[Any, Mapping[Any, Sequence[float]]], zone_at: ZoneAt
) -> dict[str, dict[Any, list[Any]]]:
    days: dict[str, dict[Any, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for source, quarters in of_sources.items():
        for quarter, kept in sorted(quarters.items(), key=lambda each: int(each[0])):
            days[_day(int(quarter) * _QUARTER, zone_at)][source].append(kept)
    return days


def _of_sources(sources: Sequence[Sequence[Sequence[float]]], how: str) -> float:
    if how == "sum":  # telephone and watch both count
        return max(sum(kept[0] for kept in quarters) for quarters in sources)
    quarters = max(sources, key=lambda each: sum(kept[1] for kept in each))
    if how == "last":
        return quarters[-1][2]
    return sum(kept[0] for kept in quarters) / sum(kept[1] for kept in quarters)


def _sleeps(intervals: list[tuple[str, int, int]]) -> Iterator[dict[str, float]]:
    """Each sleep of one source: intervals that are less than three hours apart."""
    together, until = list[tuple[str, int, int]](), 0
    for each in [*sorted(intervals, key=lambda one: one[1:]), None]:
        if each is None or (together and each[1] - until > _APART):
            yield from _sleep(together)
            together = []
        if each is not None:
            until = max(until, each[2]) if together else each[2]
            together.append(each)


def _sleep(intervals: Sequence[tuple[str, int, int]]) -> Iterator[dict[str, float]]:
    """The numbers of a sleep, unless there was none: each second is of the first stage over it, by the order of `_STAGES`."""
    edges = [(at, step, _RANKS[stage]) for stage, *ends in intervals for at, step in zip(ends, (1, -1), strict=True)]
    over, seconds, before, asleep = [0] * len(_STAGES), [0] * len(_STAGES), 0, list[int]()
    for at, step, rank in sorted(edges):
        first = next((each for each, count in enumerate(over) if count), None)
        if first is not None and at > before:
            seconds[first] += at - before
            asleep += (before, at) if first != _RANKS["Awake"] else ()
        over[rank] += step
        before = at
    if asleep:
        told = {stage for stage, _, _ in intervals}
        yield {
            "starts_at": asleep[0],
            "ends_at": asleep[-1],
            "asleep_seconds": sum(seconds) - seconds[_RANKS["Awake"]],
            **{name: seconds[_RANKS[stage]] for stage, name in _STAGES.items() if name and stage in told},
        }


def _day(seconds: float, zone_at: ZoneAt) -> str:
    at = _EPOCH + timedelta(seconds=seconds)
    return at.astimezone(zone_at(at)).date().isoformat()


def _seconds(text: Any) -> int | None:
    """A time as 2018-09-23 08:56:43 -0500, in seconds since 1970."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return int(at.timestamp()) if at.tzinfo is not None and date(1990, 1, 1) < at.date() < date(2200, 1, 1) else None
