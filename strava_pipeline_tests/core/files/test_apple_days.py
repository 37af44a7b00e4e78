"""Days and nights of Apple Health's records: which stage a second is."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.core.files.apple_days import HealthRecords, Seen, read_days
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.start_times import zone_of
from strava_pipeline.core.wellness import DayClock

Q, SLEEP = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifierSleepAnalysis"
Night = list[tuple[str, str, str]]


def at(clock: str, offset: str = "+0000", day: str = "2025-07-01") -> str:
    """A clock time as an export has it; before noon it is of the day after."""
    return f"{day if clock >= '12' else '2025-07-02'} {clock}:00 {offset}"


def sleep(stage: str, began: str, ended: str, source: str = "watch", **more: str) -> dict[str, str]:
    value = f"HKCategoryValueSleepAnalysis{stage}"
    return {"type": SLEEP, "value": value, "sourceName": source, "startDate": at(began), "endDate": at(ended), **more}


def clock(of_activities: tzinfo | None = UTC, home: str = "Europe/London") -> DayClock:
    return DayClock(lambda _: of_activities, ZoneInfo(home))


def days(*records: dict[str, str], zone: str | None = None, by: DayClock | None = None) -> dict[str, dict[str, Any]]:
    held = HealthRecords()
    for each in records:
        held.add(each, zone)
    return {day: dict(numbers) for day, numbers in read_days(parse_json(json_bytes(held.kept)), by or clock())}


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


def quantity(kind: str, value: object, began: str, ended: str = "", unit: str = "count", **more: str) -> dict[str, str]:
    times = {"startDate": at(began, "+0200"), "endDate": at(ended or began, "+0200")}
    return {"type": f"{Q}{kind}", "value": str(value), "unit": unit, "sourceName": "phone", **times, **more}


STEPS = quantity("StepCount", 900, "12:00", "12:20")
OTHERS = [quantity("StepCount", 10, f"{hour}:00") for hour in range(13, 23)]
SDNN = [
    quantity("HeartRateVariabilitySDNN", value, clock, unit="ms") for value, clock in ((40, "13:00"), (60, "18:00"))
]
EQUALS: dict[str, tuple[list[dict[str, str]], dict[str, float]]] = {
    # the records, and the day's numbers
    "one behind the other": ([STEPS, STEPS, STEPS], {"steps": 900}),
    "with hours between": ([STEPS, *OTHERS, STEPS], {"steps": 1000}),
    "written at another offset": ([STEPS, STEPS | {"startDate": at("11:00", "+0100", "2025-07-01").replace("07-02", "07-01"), "endDate": "2025-07-01 11:20:00 +0100"}], {"steps": 900}),
    "made and read by another version": ([STEPS, STEPS | {"creationDate": at("23:00"), "sourceVersion": "18", "device": "x"}], {"steps": 900}),
    "of another source": ([STEPS, STEPS, STEPS | {"sourceName": "watch"}], {"steps": 900}),
    "of another value": ([STEPS, STEPS | {"value": "901"}], {"steps": 1801}),
    "of another end": ([STEPS, STEPS | {"endDate": at("12:21", "+0200")}], {"steps": 1800}),
    "of another beginning": ([STEPS, STEPS | {"startDate": at("12:01", "+0200")}], {"steps": 1800}),
    "of a mean": ([SDNN[0], *SDNN, SDNN[0]], {"hrv_sdnn": 50}),
    "of two units": ([quantity("VO2Max", 50, "13:00", unit=unit) for unit in ("mL/min·kg", "mL/kg·min")], {"vo2max": 50}),
    "of a scale that repeats beside one that weighed twice": (
        [*[quantity("BodyMass", 160, "13:00", unit="lb")] * 3, *(quantity("BodyMass", kg, clock, unit="kg", sourceName="scale") for kg, clock in ((71, "14:00"), (70, "15:00")))],
        {"weight_kg": 70},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("records", "numbers"), EQUALS.values(), ids=EQUALS)
def test_records_equal_in_type_source_interval_and_value_count_once(
    records: list[dict[str, str]], numbers: dict[str, float]
) -> None:
    assert days(*records) == {"2025-07-01": pytest.approx(numbers)}


def test_equal_intervals_of_sleep_are_kept_once() -> None:
    held = HealthRecords()
    for each in [sleep("AsleepCore", "23:00", "01:00"), sleep("AsleepREM", "23:00", "01:00")] * 2:
        held.add(each)
    assert len(held.sleep) == 2


@pytest.mark.slow
def test_hashes_are_known_again_however_many_there_are() -> None:
    seen, hashes = Seen(), [7 * 2**32 * each for each in range(-3_000, 3_000)]  # whose last digits are all the same
    assert [[seen.adds(each) for each in hashes].count(True) for _ in range(2)] == [6_000, 0]


QUARTER = int(datetime(2025, 7, 1, 10, tzinfo=UTC).timestamp()) // 900


def test_what_earlier_versions_kept_is_read() -> None:
    """By quarter of an hour, with a source for an origin, and the same interval as often as it stood in the file."""
    cells = {str(QUARTER): [900.0, 2, 400.0], str(QUARTER + 4): [100.0, 1, 100.0]}
    night = [[0, "AsleepCore", 900 * QUARTER - 36_000, 900 * QUARTER - 7_200]] * 2
    kept = {"quarters": {"StepCount": {"0": cells, "1": {}}, "HeartRateVariabilitySDNN": {"0": cells}}, "sleep": night}
    ((day, found),) = read_days({"appleHealthDays": kept}, clock())
    assert (day, found["steps"], found["asleep_seconds"]) == ("2025-07-01", 1000, 28_800)
    assert found["hrv_sdnn"] == pytest.approx(1000 / 3)


MIDNIGHT = {  # the record's own zone, activities' zone, clock time and offset as written, home: the day, and by what
    "its own zone": ("Asia/Tokyo", "Europe/Berlin", "2026-03-07 22:30:00 +0100", "Europe/Berlin", "2026-03-08", "the zone that records name"),
    "its own zone, in a fixed form": ("GMT+0900", "Europe/Berlin", "2026-03-07 22:30:00 +0100", "Europe/Berlin", "2026-03-08", "the zone that records name"),
    "no zone that anybody knows": ("Mars/Base", "Europe/Berlin", "2026-03-07 22:30:00 +0100", "Asia/Tokyo", "2026-03-07", "the clock of activities"),
    "activities, by name, in summer": (None, "(GMT+01:00) Europe/Berlin", "2025-07-01 23:30:00 +0100", "UTC", "2025-07-02", "the clock of activities"),
    "activities, by offset": (None, "-25200.0", "2026-01-01 05:00:00 +0100", "Europe/Berlin", "2025-12-31", "the clock of activities"),
    "activities, by half an hour": (None, "19800.0", "2025-12-31 19:30:00 +0100", "Europe/Berlin", "2026-01-01", "the clock of activities"),
    "the export's offset, east": (None, None, "2026-01-01 00:10:00 +0900", "America/Denver", "2026-01-01", "the offset in the export"),
    "the export's offset, west": (None, None, "2025-12-31 23:50:00 -0330", "Asia/Tokyo", "2025-12-31", "the offset in the export"),
}  # fmt: skip


@pytest.mark.parametrize(("own", "activities", "time", "home", "day", "by"), MIDNIGHT.values(), ids=MIDNIGHT)
def test_a_day_is_cut_by_the_first_zone_that_is_known(
    own: str | None, activities: str | None, time: str, home: str, day: str, by: str
) -> None:
    which = clock(zone_of(activities), home)
    night = sleep("AsleepCore", "12:00", "13:00", startDate="2025-06-01 00:00:00 +0000", endDate=time)
    night["startDate"] = (datetime.fromisoformat(time) - timedelta(hours=6)).isoformat()
    found = days(quantity("StepCount", 5, "12:00", startDate=time, endDate=time), night, zone=own, by=which)
    assert [(each, numbers["steps"], numbers["asleep_seconds"]) for each, numbers in found.items()] == [
        (day, 5, 21_600)
    ]
    assert dict(which.cut_by) == {by: {day}}


def test_without_any_zone_the_person_s_own_one_cuts_what_earlier_versions_kept() -> None:
    which = clock(None, "Asia/Tokyo")
    kept = {"quarters": {"StepCount": {"0": {str(QUARTER + 24): [7.0, 1, 7.0]}}}, "sleep": []}  # 16:00 UTC
    assert [*read_days({"appleHealthDays": kept}, which)] == [("2025-07-02", {"steps": 7})]
    assert [*which.cut_by] == ["STRAVA_TIMEZONE"]


def test_a_source_s_steps_in_two_zones_of_one_day_are_one_sum() -> None:
    held = HealthRecords()
    for zone, value, began in (("Asia/Tokyo", 400, "12:00"), (None, 300, "14:00"), ("Europe/Berlin", 200, "13:00")):
        held.add(quantity("StepCount", value, began), zone)
        held.add(quantity("BodyMass", value / 10, began, unit="kg"), zone)
    ((_, found),) = read_days(parse_json(json_bytes(held.kept)), clock(ZoneInfo("Europe/Berlin")))
    assert found == {"steps": 900, "weight_kg": 30}


def test_of_more_origins_than_a_person_has_neither_zone_nor_offset_is_kept() -> None:
    held = HealthRecords()
    for number in range(12_000):
        offset = f"{number // 600:02}:{number // 10 % 60:02}:0{number % 10}"
        held.add(quantity("StepCount", 1, "12:00", sourceName="a", startDate=f"2025-07-01 12:00:00+{offset}"))
    assert len(held.kept["appleHealthDays"]["origins"]) == 10_001
    assert sum(numbers["steps"] for numbers in days(quantity("StepCount", 1, "12:00")).values()) == 1
