"""Days and nights out of Apple Health's records. Pure.

`HealthRecords` sums up records while export.xml streams by: by type, origin and quarter of an hour; it keeps the intervals of
sleep. Its JSON is kept instead of the records. `read_days` makes days of it, by a `DayClock`. An origin is a source with the zone
that its records name, and the offset that they are written with. Names of sources, which include their owner's, become numbers.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from strava_pipeline.core.files.export_values import raw_number
from strava_pipeline.core.json_values import as_json
from strava_pipeline.core.start_times import zone_of
from strava_pipeline.core.wellness import KILOGRAMS_PER_POUND, DayClock, Found, Written

KEY = "appleHealthDays"
Origin = tuple[int, Written]
"""The number of a source, and what its records say of their clock."""
Interval = tuple[str, int, int, Origin]
"""A stage with its begin and end, in seconds since 1970."""
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
_OTHERS: Origin = (-1, (None, None))
_QUARTER = 900  # seconds: no zone's day begins within one
_MOST_ORIGINS = 10_000  # telephones, watches and apps of a person, by zone and offset; further ones count as one
_NEAR = 8  # rows in which the quarter of a record is looked for: records stand in order, or nearly so
_APART = 3 * 3600  # seconds without a record after which another sleep begins


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

    # by type and origin
    quarters: dict[str, dict[int, Quarters]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Quarters)))
    sleep: list[tuple[int, str, int, int]] = field(default_factory=list)  # origin, stage, begin and end in s since 1970
    _sources: dict[str, int] = field(default_factory=dict)
    _origins: dict[Origin, int] = field(default_factory=dict)
    _seen: Seen = field(default_factory=Seen)

    def add(self, record: Mapping[str, Any], zone: str | None = None) -> None:
        """A record by its attributes; passed over unless it is of a known type and unit, with a value and times.

        `zone`: the one that it names.
        """
        kind = str(record.get("type")).removeprefix(_QUANTITY)
        value, began, ended = _value(kind, record), _time(record.get("startDate")), _time(record.get("endDate"))
        if began is None or value is None:
            return
        source, begin = str(record.get("sourceName")), int(began.timestamp())
        end = None if ended is None else int(ended.timestamp())
        if not self._seen.adds(hash((kind, source, begin, end, value))):
            return
        offset = began.utcoffset() or timedelta(0)
        origin = self._origin(source, (zone if zone_of(zone) else None, round(offset.total_seconds())))
        if isinstance(value, float):
            self.quarters[kind][origin].add(begin // _QUARTER, value)
        elif end is not None and end > begin:
            self.sleep.append((origin, value, begin, end))

    def _origin(self, name: str, written: Written) -> int:
        origin: Origin = (self._sources.get(name, len(self._sources)), written)
        if origin not in self._origins and len(self._origins) >= _MOST_ORIGINS:
            origin = _OTHERS
        else:
            self._sources.setdefault(name, origin[0])
        return self._origins.setdefault(origin, len(self._origins))

    @property
    def kept(self) -> Mapping[str, Any]:
        """What is kept, for `json_bytes`."""
        quarters = {
            kind: {str(origin): [as_json(each.tolist()) for each in sums.columns] for origin, sums in of_kind.items()}
            for kind, of_kind in self.quarters.items()
        }
        return {KEY: {"origins": [*self._origins], "quarters": quarters, "sleep": self.sleep}}

    @property
    def is_empty(self) -> bool:
        """Whether no record was of a day."""
        return not (self.quarters or self.sleep)


def _value(kind: str, record: Mapping[str, Any]) -> str | float | None:
    """A stage of sleep, or the number of another record in our unit."""
    text = str(record.get("value")).removeprefix("HKCategoryValueSleepAnalysis")
    if kind == _SLEEP:
        return text if text in _STAGES else None
    factor = _TYPES[kind][2].get(str(record.get("unit"))) if kind in _TYPES else None
    number = None if factor is None else raw_number(text)
    return None if factor is None or number is None else round(number * factor, 4)


def is_apple_days(content: Any) -> bool:
    """Whether a JSON value is what is kept of records."""
    return isinstance(content, dict) and isinstance(content.get(KEY), dict)


def read_days(content: Any, clock: DayClock) -> Iterator[Found]:
    """The numbers of each day and night, of several sources of a number the one with most records, of steps the largest sum."""
    kept = content[KEY]
    origins: Sequence[Origin] | None = kept.get("origins")  # None: numbers of sources alone

    def origin_of(number: str | int) -> Origin:
        return (int(number), (None, None)) if origins is None else origins[int(number)]

    found: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, of_origins in kept["quarters"].items():
        name, how, _ = _TYPES[kind]
        rows = [(origin_of(number), _rows(each)) for number, each in of_origins.items()]
        for day, of_day in _by_day(rows, clock).items():
            found[day][name] = _of_sources([*of_day.values()], how)
    nights: dict[str, list[dict[str, float]]] = defaultdict(list)
    by_source: dict[int, list[Interval]] = defaultdict(list)
    for number, stage, begin, end in kept["sleep"]:
        origin = origin_of(number)
        by_source[origin[0]].append((stage, begin, end, origin))
    for intervals in by_source.values():
        for sleep, (_, written) in _sleeps(intervals):
            nights[clock.day(sleep["ends_at"], written)].append(sleep)
    for day, sleeps in nights.items():
        # one with stages, unless it is a nap, then the longest: the others are of another source
        longest = max(sleep["asleep_seconds"] for sleep in sleeps)
        long = [sleep for sleep in sleeps if 2 * sleep["asleep_seconds"] >= longest]
        best = max(long, key=lambda sleep: (any(name in sleep for name in _TOLD_APART), sleep["asleep_seconds"]))
        found[day].update(best)
    yield from found.items()


Row = tuple[int, float, int, float]
"""A quarter of an hour since 1970: sum, count and last of its values."""


def _by_day(rows: Sequence[tuple[Origin, Iterable[Row]]], clock: DayClock) -> dict[str, dict[int, list[float]]]:
    """By day and source: sum, count, the last quarter of an hour, and the last value in it."""
    days: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0, 0, 0.0]))
    for (source, written), of_origin in rows:
        for quarter, total, count, last in of_origin:
            day = days[clock.day(quarter * _QUARTER, written)][source]
            day[:2] = day[0] + total, day[1] + count
            if quarter >= day[2]:
                day[2:] = quarter, last
    return days


def _rows(kept: Any) -> Iterable[Row]:
    """What is kept of an origin: columns; by quarter where an earlier version kept it."""
    if isinstance(kept, dict):
        return ((int(quarter), *values) for quarter, values in kept.items())
    return zip(*kept, strict=True)


def _of_sources(sources: Sequence[Sequence[float]], how: str) -> float:
    if how == "sum":  # telephone and watch both count
        return max(total for total, *_ in sources)
    total, count, _, last = max(sources, key=lambda each: each[1])
    return last if how == "last" else total / count


def _sleeps(intervals: list[Interval]) -> Iterator[tuple[dict[str, float], Origin]]:
    """Each sleep of one source, and whose record it ends with: intervals that are less than three hours apart."""
    together, until = list[Interval](), 0
    for each in [*sorted(intervals, key=lambda one: one[1:3]), None]:
        if each is None or (together and each[1] - until > _APART):
            if (numbers := _sleep(together)) is not None:
                yield numbers, max(together, key=lambda one: (one[0] != "Awake", one[2]))[3]
            together = []
        if each is not None:
            until = max(until, each[2]) if together else each[2]
            together.append(each)


def _sleep(intervals: Sequence[Interval]) -> dict[str, float] | None:
    """The numbers of a sleep, if there was one: each second is of the first stage over it, by the order of `_STAGES`."""
    edges = [(at, step, _RANKS[stage]) for stage, begin, end, _ in intervals for at, step in ((begin, 1), (end, -1))]
    over, seconds, before, asleep = [0] * len(_STAGES), [0] * len(_STAGES), 0, list[int]()
    for at, step, rank in sorted(edges):
        first = next((each for each, count in enumerate(over) if count), None)
        if first is not None and at > before:
            seconds[first] += at - before
            asleep += (before, at) if first != _RANKS["Awake"] else ()
        over[rank] += step
        before = at
    if not asleep:
        return None
    told = {stage for stage, *_ in intervals}
    return {
        "starts_at": asleep[0],
        "ends_at": asleep[-1],
        "asleep_seconds": sum(seconds) - seconds[_RANKS["Awake"]],
        **{name: seconds[_RANKS[stage]] for stage, name in _STAGES.items() if name and stage in told},
    }


def _time(text: Any) -> datetime | None:
    """A time as 2018-09-23 08:56:43 -0500."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None and date(1990, 1, 1) < at.date() < date(2200, 1, 1) else None
