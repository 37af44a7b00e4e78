"""Days and nights of Garmin's export: which numbers of a day and windows of a night are none."""

from typing import Any

import pytest

from strava_pipeline.core.files.garmin_days import days_reader
from strava_pipeline.core.wellness import believed

DAY = "2026-02-08"
WINDOW = {"sleepStartTimestampGMT": "2026-02-07T21:00:00.0", "sleepEndTimestampGMT": "2026-02-08T07:00:00.0"}
BEGAN_AND_ENDED = {"starts_at": 1_770_498_000, "ends_at": 1_770_534_000}
STAGED = {"deepSleepSeconds": 3_600, "lightSleepSeconds": 14_400, "remSleepSeconds": 5_400}
SLEPT = {"deep_seconds": 3_600, "light_seconds": 14_400, "rem_seconds": 5_400, "asleep_seconds": 23_400}
ZEROS = dict.fromkeys(STAGED, 0)


def read(name: str, **fields: Any) -> dict[str, float]:
    reader = days_reader(name)
    assert reader is not None
    found: dict[str, float] = {}
    for day, numbers in reader([{"calendarDate": DAY, **fields}]):
        assert day == DAY
        found |= believed(numbers)
    return found


@pytest.mark.parametrize(
    ("of_day", "of_days", "right"),
    [
        (105, 71, 71),  # of a real export
        (92, 71, 71),
        (91, 71, 91),  # a fever
        (47, 52, 47),
        (58, 47, 58),
        (52, 105, 52),
        (None, 52, 52),
        (0, 52, 52),
        (52, None, 52),
        (52, 0, 52),
        (None, None, None),
        ("x", 52, 52),
    ],
)
def test_a_resting_heart_rate_far_above_that_of_the_days_around_is_none(of_day: Any, of_days: Any, right: Any) -> None:
    found = read("UDSFile_1.json", currentDayRestingHeartRate=of_day, restingHeartRate=of_days)
    assert found == ({} if right is None else {"resting_heartrate": right})


@pytest.mark.parametrize(
    ("kind", "fields", "right"),
    [
        ("ENHANCED_CONFIRMED_FINAL", STAGED, BEGAN_AND_ENDED | SLEPT),
        ("UNCONFIRMED", STAGED, BEGAN_AND_ENDED | SLEPT),
        (None, STAGED, BEGAN_AND_ENDED | SLEPT),
        ("UNCONFIRMED", {}, {}),
        ("UNCONFIRMED", {**ZEROS, "awakeSleepSeconds": 36_000}, {}),
        ("UNCONFIRMED", {"sleepScores": {"overallScore": 50}}, {}),
        ("OFF_WRIST", ZEROS, {}),
        ("OFF_WRIST", STAGED, {}),
        ("MANUALLY_CONFIRMED", ZEROS, {}),
        ("AUTO_CONFIRMED", {"sleepScores": {"overallScore": 50}}, {"sleep_score": 50}),
    ],
)
def test_a_window_in_which_nobody_slept_is_no_night(kind: Any, fields: Any, right: dict[str, float]) -> None:
    assert read("1_sleepData.json", sleepWindowConfirmationType=kind, **WINDOW, **fields) == right


@pytest.mark.parametrize(("value", "right"), [(61, {"hrv_rmssd": 61}), (254, {"hrv_rmssd": 254}), (255, {}), (511, {})])
def test_the_largest_number_of_a_byte_is_no_variability(value: float, right: dict[str, float]) -> None:
    assert read("1_healthStatusData.json", metrics=[{"type": "HRV", "value": value}]) == right
    assert [*believed({"hrv_sdnn": value}).values()] == [*right.values()]
