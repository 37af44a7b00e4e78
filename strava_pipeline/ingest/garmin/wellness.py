"""Days and nights of Garmin's official API: what is asked for, and how the answers read. Pure.

There are four kinds of answers, the parts, each about a span of local days that Garmin limits. A night belongs to the
day of its morning. Garmin leaves fields out or null as it likes; masses are grams, instants milliseconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from strava_pipeline.core.files.garmin_days import is_night
from strava_pipeline.core.json_values import Json, finite_number, parse_instant
from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.wellness import days_of, read_kept, spans

DAILY_SUMMARIES = "/usersummary-service/v2/dailysummaries"
_STAGES = {
    "deep_seconds": "deepSleepSeconds",
    "light_seconds": "lightSleepSeconds",
    "rem_seconds": "remSleepSeconds",
    "awake_seconds": "awakeSleepSeconds",
}
Numbers = dict[str, Any]
Found = Iterator[tuple[Any, Numbers]]


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of answers.

    Args:
        path, query: its address, with `{first}` and `{last}` for the days.
        longest: how many days an answer has at most; for more, Garmin answers 400 or 500.
        rows: the field of the answer that has its rows, or empty if it is the list itself.
    """

    path: str
    query: Mapping[str, str]
    longest: int
    rows: str

    def calls(self, first: date, last: date) -> Iterator[tuple[date, date, str, dict[str, str]]]:
        """First day, last day, path and query of each call for the days `first` to `last`."""
        for since, until in spans(first, last, self.longest):
            days = {"first": since.isoformat(), "last": until.isoformat()}
            query = {name: value.format(**days) for name, value in self.query.items()}
            yield since, until, self.path.format(**days), query


_DAYS = {"startDate": "{first}", "endDate": "{last}"}
_WEIGHTS = {"includeAll": "true"}  # every weighing of a day
PARTS = {
    "daily": Part(DAILY_SUMMARIES, _DAYS, 31, "data"),
    "sleep": Part("/sleep-service/sleep/dailySleepSummariesByDate", _DAYS, 31, ""),
    "hrv": Part("/hrv-service/hrv/daily/{first}/{last}", {}, 365, "hrvSummaries"),
    "weight": Part("/weight-service/weight/range/{first}/{last}", _WEIGHTS, 365, "dailyWeightSummaries"),
}


def read_wellness(content: Any) -> Sequence[tuple[str, Json]]:
    """The days of a kept answer. Raises UnreadableRowError."""
    kept = read_kept(content)
    if kept.part not in PARTS:
        raise UnreadableRowError("it is no answer about days")
    return days_of(kept, _READERS[kept.part](rows_of(kept.part, kept.content)))


def rows_of(part: str, content: Any) -> Sequence[Mapping[str, Any]]:
    """The rows of an answer of that part; an empty list stands for no content. Raises UnreadableRowError."""
    name = PARTS[part].rows
    if name and isinstance(content, dict) and (name in content or content.keys() <= {"userProfilePk"}):
        content = content.get(name) or []
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise UnreadableRowError("it is no list of days")
    return content


def _daily(rows: Sequence[Mapping[str, Any]]) -> Found:
    for row in rows:
        if row.get("includesWellnessData") is False:
            continue  # nothing was worn: 0 steps would be no measurement
        resting, lowest = (_number(row, "heartRate", name) for name in ("restingValue", "minValue"))
        is_lowest = resting is not None and lowest is not None and resting <= lowest  # put in place of one not measured
        yield (
            _day(row, "calendarDate"),
            {
                "resting_heartrate": None if is_lowest else resting,
                "lowest_heartrate": lowest,
                "steps": _number(row, "movement", "steps", "value"),
                "stress": _number(row, "stress", "avgLevel"),
                "body_battery_highest": _number(row, "bodyBattery", "maxValue"),
                "body_battery_lowest": _number(row, "bodyBattery", "minValue"),
                "oxygen_percent": _number(row, "pulseOx", "avgValue"),
                "respiration": _number(row, "respiration", "avgValue"),
                "active_kilocalories": _number(row, "calories", "burnedActive"),
            },
        )


def _nights(rows: Sequence[Mapping[str, Any]]) -> Found:
    for row in filter(is_night, rows):
        stages = {name: _number(row, own) for name, own in _STAGES.items()}
        if row.get("deviceRemCapable") is False:
            del stages["rem_seconds"]
        asleep = sum(seconds or 0 for name, seconds in stages.items() if name != "awake_seconds")
        if not asleep:
            stages = {}  # the watch did not tell them apart
        yield (
            _day(row, "calendarDate"),
            {
                "starts_at": parse_instant(row.get("sleepStartTimestampGMT")),
                "ends_at": parse_instant(row.get("sleepEndTimestampGMT")),
                "asleep_seconds": _number(row, "sleepTimeSeconds") or asleep,
                "sleep_score": _number(row, "sleepScores", "overall", "value"),
                "sleeping_heartrate": _number(row, "avgHeartRate"),
                **stages,
            },
        )


def _variability(rows: Sequence[Mapping[str, Any]]) -> Found:
    for row in rows:
        if row.get("status") != "UNKNOWN":
            yield _day(row, "calendarDate"), {"hrv_rmssd": _number(row, "lastNightAvg")}


def _weights(rows: Sequence[Mapping[str, Any]]) -> Found:
    for row in rows:
        every = row.get("allWeightMetrics") or [row.get("latestWeight")]
        weighings = [each for each in every if isinstance(each, dict)]
        for weighing in sorted(weighings, key=lambda each: parse_instant(each.get("timestampGMT")) or 0.0):
            grams = _number(weighing, "weight")
            yield (
                _day(row, "summaryDate"),
                {
                    "weight_kg": None if grams is None else grams / 1000,
                    "body_fat_percent": _number(weighing, "bodyFat"),
                },
            )


_READERS = {"daily": _daily, "sleep": _nights, "hrv": _variability, "weight": _weights}


def _day(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name))[:10]


def _number(value: Any, *path: str) -> float | None:
    """The number at a path of fields, or None."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return finite_number(value)
