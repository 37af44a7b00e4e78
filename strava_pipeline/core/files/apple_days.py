"""Days and nights out of Apple Health's records. Pure.

`HealthRecords` sums up records while export.xml streams by: by type, source and quarter of an hour; it keeps the intervals of
sleep. Its JSON is kept instead of the records. `read_days` makes days of it, by the zone where the athlete was, as the file
has the telephone's offset at the export and not that of the day. Names of sources, which include their owner's, become numbers.
"""

from array import array
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
_NEAR = 8  # rows in which the quarter of a record is looked for: records stand in order, or nearly so
_APART = 3 * 3600  # seconds without a record after which another sleep begins
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Seen:
    """64-bit hashes, at 12 to 24 bytes each: as a set of numbers, those of five million records would take 400 MB."""

    def __init__(self) -> None:
        self._slots, self._count = array("Q", bytes(8 << 10)), 0

    def adds(self, number: int) -> bool:
        """Whether a hash is new; from now on it isn't."""
        slots, last, number = self._slots, len(self._slots) - 1, number % 2**64 or 1  # 0: nothing stands there
        at = number & last
        while slots[at]:
            if slots[at] == number:
                return False
            at = (at + 1) & last
        slots[at] = number
        self._count += 1
        if 3 * self._count > 2 * len(slots):
            self._slots, self._count = array("Q", bytes(16 * len(slots))), 0
            for each in filter(None, slots):
                self.adds(each)
        return True


class Quarters:
    """Sums by quarter of an hour, in columns, as a person has a million of them. A quarter may have several rows."""

    def __init__(self) -> None:
        # quarter since 1970, sum, count, last
        self.columns: Sequence[array[Any]] = [array("i"), array("d"), array("i"), array("d")]

    def add(self, quarter: int, value: float) -> None:
        """A value, into one of the last rows if there is one of its quarter."""
        quarters, sums, counts, lasts = self.columns
        for at in range(len(quarters) - 1, max(len(quarters) - _NEAR, 0) - 1, -1):
            if quarters[at] == quarter:
                sums[at], counts[at], lasts[at] = sums[at] + value, counts[at] + 1, value
                return
        for column, number in zip(self.columns, (quarter, value, 1, value), strict=True):
            column.append(number)


@dataclass(slots=True)
class HealthRecords:
    """The records of a document so far: of several that are equal in type, source, interval and value, one."""

    quarters: dict[str, dict[int, Quarters]] = field(default_factory=dict)  # by type and source
    sleep: list[tuple[int, str, int, int]] = field(default_factory=list)  # source, stage, begin and end in s since 1970
    _sources: dict[str, int] = field(default_factory=dict)
    _seen: Seen = field(default_factory=Seen)

    def add(self, record: Mapping[str, Any]) -> None:
        """A record by its attributes; passed over unless it is of a known type and unit, with a value and times."""
        kind, began, ended = (
            str(record.get("type")),
            *(_seconds(record.get(name)) for name in ("startDate", "endDate")),
        )
        value = _stage(record) if kind == _SLEEP else _number(kind.removeprefix(_QUANTITY), record)
        if began is None or value is None:
            return
        told, known = str(record.get("sourceName")), len(self._sources)
        if not self._seen.adds(hash((kind, told, began, ended, value))):
            return
        source = self._sources.get(told, known)
        if source == known < _MOST_SOURCES:
            self._sources[told] = source
        if isinstance(value, float):
            of_kind = self.quarters.setdefault(kind.removeprefix(_QUANTITY), {})
            of_kind.setdefault(source, Quarters()).add(began // _QUARTER, value)
        elif ended is not None and ended > began:
            self.sleep.append((source, value, began, ended))

    @property
    def kept(self) -> Mapping[str, Any]:
        """What is kept, for JSON."""
        quarters = {
            kind: {source: [column.tolist() for column in each.columns] for source, each in of_sources.items()}
            for kind, of_sources in self.quarters.items()
        }
        return {KEY: {"quarters": quarters, "sleep": self.sleep}}

    @property
    def is_empty(self) -> bool:
        """Whether no record was of a day."""
        return not (self.quarters or self.sleep)


def _stage(record: Mapping[str, Any]) -> str | None:
    stage = str(record.get("value")).removeprefix("HKCategoryValueSleepAnalysis")
    return stage if stage in _STAGES else None


def _number(name: str, record: Mapping[str, Any]) -> float | None:
    """The value of a record in our unit."""
    if name not in _TYPES or (factor := _TYPES[name][2].get(str(record.get("unit")))) is None:
        return None
    number = raw_number(str(record.get("value")))
    return None if number is None else round(number * factor, 4)


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


def _by_day(of_sources: Mapping[Any, Any], zone_at: ZoneAt) -> dict[str, dict[Any, list[float]]]:
    """By day and source: sum, count, the last quarter of an hour, and the last value in it."""
    days: dict[str, dict[Any, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0, 0, 0.0]))
    for source, kept in of_sources.items():
        for quarter, total, count, last in _rows(kept):
            day = days[_day(quarter * _QUARTER, zone_at)][source]
            day[:2] = day[0] + total, day[1] + count
            if quarter >= day[2]:
                day[2:] = quarter, last
    return days


def _rows(kept: Any) -> Iterator[tuple[int, float, int, float]]:
    """Quarter, sum, count and last of what is kept of a source: in columns; by quarter in what earlier versions kept."""
    if isinstance(kept, dict):
        return ((int(quarter), *values) for quarter, values in kept.items())
    return zip(*kept, strict=True)


def _of_sources(sources: Sequence[Sequence[float]], how: str) -> float:
    if how == "sum":  # telephone and watch both count
        return max(total for total, *_ in sources)
    total, count, _, last = max(sources, key=lambda each: each[1])
    return last if how == "last" else total / count


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
