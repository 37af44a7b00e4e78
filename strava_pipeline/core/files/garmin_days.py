"""Days and nights of Garmin's own export of an account (DI_CONNECT): arrays of objects a day. Pure.

Field names and units are those of parsers that were checked on real exports. Files are cut by date or number, and a day may stand
in two of them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.json_values import finite_number, without_none
from strava_pipeline.core.wellness import Found

Item = Mapping[str, Any]
_FAR_ABOVE = 20  # bpm: a fever raises it less; of a real export 105 beside 71
_TIME_ZONELESS = "%Y-%m-%dT%H:%M:%S"


def days_reader(name: str) -> Callable[[Any], Iterator[Found]] | None:
    """What reads a file of the export by the last part of its name, or None if it has no days."""
    return next((read for pattern, read in _READERS.items() if re.search(pattern, name.rpartition("/")[2])), None)


def _items(content: Any) -> Iterator[Item]:
    """The objects of an array; nothing of another value."""
    if isinstance(content, list):
        yield from (item for item in content if isinstance(item, dict))


def _summaries(content: Any) -> Iterator[Found]:
    for item in _items(content):
        if item.get("includesWellnessData") is False:
            continue  # nothing was worn: 0 steps would be no measurement
        stress = [
            each for each in _items(_of(item, "allDayStress").get("aggregatorList")) if each.get("type") == "TOTAL"
        ]
        battery = _items(_of(item, "bodyBattery").get("bodyBatteryStatList"))
        levels = {str(each.get("bodyBatteryStatType")): each.get("statsValue") for each in battery}
        yield (
            _day(item),
            {
                "resting_heartrate": _resting(item),
                "lowest_heartrate": item.get("minHeartRate"),
                "steps": item.get("totalSteps"),
                "stress": stress[0].get("averageStressLevel") if stress else None,
                "body_battery_highest": levels.get("HIGHEST"),
                "body_battery_lowest": levels.get("LOWEST"),
                "oxygen_percent": item.get("averageSpo2Value"),
                "respiration": _of(item, "respiration").get("avgWakingRespirationValue"),
                "active_kilocalories": item.get("activeKilocalories"),
            },
        )


def _resting(item: Item) -> float | None:
    """The day's own, which is an artefact where it is far above that of the days around it."""
    own, around = (finite_number(item.get(name)) for name in ("currentDayRestingHeartRate", "restingHeartRate"))
    return around if not own or (around and own - around > _FAR_ABOVE) else own


def is_night(item: Item) -> bool:
    """Whether a night of Garmin's was measured: on the wrist, and not a window by default, unconfirmed and without stages."""
    kind = str(item.get("sleepWindowConfirmationType")).upper()
    is_staged = any(finite_number(item.get(f"{own}SleepSeconds")) for own in ("deep", "light", "rem"))
    return kind != "OFF_WRIST" and (is_staged or kind != "UNCONFIRMED")


def _nights(content: Any) -> Iterator[Found]:
    for item in filter(is_night, _items(content)):
        stages = {name: finite_number(item.get(f"{own}SleepSeconds")) for name, own in _STAGES.items()}
        asleep = sum(value or 0 for name, value in stages.items() if name != "awake_seconds")
        yield (
            _day(item),
            {
                **(stages if asleep else {}),  # all 0: the watch did not tell them apart
                "asleep_seconds": asleep or None,
                "starts_at": _instant(item.get("sleepStartTimestampGMT")),
                "ends_at": _instant(item.get("sleepEndTimestampGMT")),
                "sleep_score": _of(item, "sleepScores").get("overallScore"),
            },
        )


_STAGES = {"deep_seconds": "deep", "light_seconds": "light", "rem_seconds": "rem", "awake_seconds": "awake"}


def _health(content: Any) -> Iterator[Found]:
    """The nightly variability. `HR` there is near the resting heart rate, and nobody says what it is."""
    for item in _items(content):
        values = [each.get("value") for each in _items(item.get("metrics")) if each.get("type") == "HRV"]
        yield _day(item), {"hrv_rmssd": values[0] if values else None}


def _biometrics(content: Any) -> Iterator[Found]:
    """Weighings, in the order of their versions, so that the last one of a day counts."""
    for item in sorted(_items(content), key=lambda each: finite_number(each.get("version")) or 0):
        about, grams = _of(item, "metaData"), finite_number(_of(item, "weight").get("weight"))
        found = {"weight_kg": None if grams is None else grams / 1000, "vo2max": item.get("vo2Max")}
        yield _day(about), without_none(found)


_READERS = {
    r"^UDSFile_.*\.json$": _summaries,
    r"_sleepData\.json$": _nights,
    r"_healthStatusData\.json$": _health,
    r"_userBioMetrics\.json$": _biometrics,
}


def _of(item: Item, name: str) -> Item:
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def _day(item: Item) -> str:
    return str(item.get("calendarDate"))[:10]


def _instant(value: Any) -> float | None:
    """Seconds since 1970 of a text without a zone, which is UTC, or of milliseconds."""
    if (stamp := finite_number(value)) is not None:
        return stamp / 1000
    try:
        return datetime.strptime(str(value)[:19], _TIME_ZONELESS).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
