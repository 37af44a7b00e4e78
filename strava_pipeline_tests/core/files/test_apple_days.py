"""Days and nights of Apple Health's records: which stage a second is."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.core.files.apple_days import HealthRecords, read_days

Q, SLEEP = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifierSleepAnalysis"
Night = list[tuple[str, str, str]]


def at(clock: str, offset: str = "+0000", day: str = "2025-07-01") -> str:
    """A clock time as an export has it; before noon it is of the day after."""
    return f"{day if clock >= '12' else '2025-07-02'} {clock}:00 {offset}"


def sleep(stage: str, began: str, ended: str, source: str = "watch", **more: str) -> dict[str, str]:
    value = f"HKCategoryValueSleepAnalysis{stage}"
    return {"type": SLEEP, "value": value, "sourceName": source, "startDate": at(began), "endDate": at(ended), **more}


def days(*records: dict[str, str]) -> dict[str, dict[str, Any]]:
    held = HealthRecords()
    for each in records:
        held.add(each)
    return {day: dict(numbers) for day, numbers in read_days(json.loads(json.dumps(held.kept)), lambda _: UTC)}


def hours(clock: str) -> float:
    return datetime.fromisoformat(at(clock)).timestamp()


DEEP_WITHIN: Night = [("AsleepDeep", "00:00", "01:00"), ("AsleepREM", "04:00", "05:00")]
STAGED: Night = [
    ("AsleepCore", "23:00", "01:00"),
    ("AsleepDeep", "01:00", "02:00"),
    ("Awake", "02:00", "02:25"),
    ("AsleepREM", "02:25", "04:00"),
]
NIGHTS: dict[str, tuple[Night, tuple[str, str], dict[str, int]]] = {
    # the night, from when to when, and the minutes of each number
    "core over all of it": ([("AsleepCore", "23:00", "07:00"), *DEEP_WITHIN], ("23:00", "07:00"), {"asleep": 480, "light": 360, "deep": 60, "rem": 60}),
    "a word without a stage over all of it": ([("AsleepUnspecified", "23:00", "07:00"), *DEEP_WITHIN], ("23:00", "07:00"), {"asleep": 480, "deep": 60, "rem": 60}),
    "the older word over stages and waking": ([("Asleep", "23:00", "04:00"), *STAGED], ("23:00", "04:00"), {"asleep": 275, "light": 120, "deep": 60, "rem": 95, "awake": 25}),
    "awake over core at both ends": ([("AsleepCore", "23:00", "07:00"), ("Awake", "22:30", "23:20"), ("Awake", "06:30", "07:10")], ("23:20", "06:30"), {"asleep": 430, "light": 430, "awake": 90}),
    "deep over REM over core": ([("AsleepCore", "23:00", "03:00"), ("AsleepREM", "00:00", "02:00"), ("AsleepDeep", "01:00", "02:30")], ("23:00", "03:00"), {"asleep": 240, "light": 90, "rem": 60, "deep": 90}),
    "core under deep alone": ([("AsleepCore", "23:00", "01:00"), ("AsleepDeep", "23:00", "02:00")], ("23:00", "02:00"), {"asleep": 180, "light": 0, "deep": 180}),
    "one stage in pieces that overlap": ([("AsleepREM", "23:00", "01:00"), ("AsleepREM", "00:30", "02:00"), ("AsleepREM", "03:00", "04:00")], ("23:00", "04:00"), {"asleep": 240, "rem": 240}),
    "in bed is neither": ([("InBed", "21:00", "08:00"), ("AsleepCore", "23:00", "07:00")], ("23:00", "07:00"), {"asleep": 480, "light": 480}),
}  # fmt: skip


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned"])
@pytest.mark.parametrize(("night", "window", "minutes"), NIGHTS.values(), ids=NIGHTS)
def test_each_second_of_a_night_is_one_stage(
    night: Night, window: tuple[str, str], minutes: dict[str, int], turned: bool
) -> None:
    ((_, found),) = days(*(sleep(*each) for each in (night[::-1] if turned else night))).items()
    assert found == {
        "starts_at": hours(window[0]),
        "ends_at": hours(window[1]),
        **{f"{name}_seconds": 60 * count for name, count in minutes.items()},
    }


def test_who_was_awake_all_the_time_has_no_night() -> None:
    assert days(sleep("AsleepCore", "23:00", "01:00"), sleep("Awake", "22:00", "02:00")) == {}


def test_of_sources_the_one_that_tells_stages_counts_and_none_is_mixed_with_another() -> None:
    staged = [sleep("AsleepCore", "23:00", "05:00"), sleep("AsleepREM", "02:00", "03:00")]
    longer = [sleep("Asleep", "22:00", "07:00", "an app"), sleep("Awake", "02:00", "02:30", "an app")]
    ((_, found),) = days(*longer, *staged).items()
    assert (found["asleep_seconds"], found["rem_seconds"], "awake_seconds" in found) == (6 * 3600, 3600, False)
