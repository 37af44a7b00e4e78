"""Days and nights of Garmin's export and of Apple Health's: what is kept of them, whose day a number is, what an undo leaves."""

import json
import logging
import zipfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.core.files.apple_days import HealthRecords, read_days
from strava_pipeline.core.files.garmin_days import days_reader
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.wellness import DayClock, believed
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.days import DaysMerged, sync_days
from strava_pipeline.lake.gold.notes import note
from strava_pipeline.lake.gold.publish import publish_and_compare
from strava_pipeline.lake.gold.warehouse import is_due, reading, writing
from strava_pipeline.lake.imports.files import FileStore, stored_bytes
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline.lake.rebuild import reason_to_rebuild
from strava_pipeline.operations.importing import land_paths
from strava_pipeline.operations.merging_steps import read_imports
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.rebuilding import bring_up_to_date
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.undoing import undo
from strava_pipeline.testing.merging import merge_years
from strava_pipeline_tests.lake.imports import a_file, landed

Days = dict[str, dict[str, float]]
Q, SLEEP = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifierSleepAnalysis"


def record(kind: str, value: object, began: str, ended: str = "", source: str = "Ann's watch", unit: str = "") -> str:
    kind = SLEEP if kind == "sleep" else f"{Q}{kind}"
    value = f"HKCategoryValueSleepAnalysis{value}" if kind == SLEEP else value
    return f'<Record type="{kind}" sourceName="{source}" unit="{unit}" value="{value}" startDate="{began}" endDate="{ended or began}"/>'


RECORDS = (
    # the zone of the export is +0100 all year: in summer the day in Berlin begins an hour before it
    record("StepCount", 500, "2025-07-01 23:30:00 +0100", unit="count"),
    record("StepCount", 3000, "2025-07-02 10:00:00 +0100", unit="count"),
    record("StepCount", 2900, "2025-07-02 10:00:00 +0100", source="Ann's telephone", unit="count"),
    record("BodyMass", 160, "2025-07-02 07:00:00 +0100", unit="lb"),
    record("BodyMass", 160, "2025-07-03 07:00:00 +0100", unit="lb"),
    record("BodyMass", 71.25, "2025-07-02 08:00:00 +0100", unit="kg"),
    record("BodyFatPercentage", 0.215, "2025-07-02 08:00:00 +0100", unit="%"),
    record("RestingHeartRate", 0, "2025-07-02 08:00:00 +0100", unit="count/min"),
    record("HeartRateVariabilitySDNN", 40, "2025-07-02 03:00:00 +0100", unit="ms"),
    record("HeartRateVariabilitySDNN", 50, "2025-07-02 04:00:00 +0100", unit="ms"),
    record("HeartRate", 150, "2025-07-02 04:00:00 +0100", unit="count/min"),
    # a night with an overlap, in bed for longer, from another source without stages; a nap in the afternoon
    record("sleep", "InBed", "2025-07-01 21:00:00 +0100", "2025-07-02 07:30:00 +0100"),
    record("sleep", "AsleepDeep", "2025-07-01 22:00:00 +0100", "2025-07-02 00:00:00 +0100"),
    record("sleep", "AsleepCore", "2025-07-01 23:00:00 +0100", "2025-07-02 04:00:00 +0100"),
    record("sleep", "Awake", "2025-07-02 04:00:00 +0100", "2025-07-02 04:10:00 +0100"),
    record("sleep", "AsleepREM", "2025-07-02 04:10:00 +0100", "2025-07-02 05:00:00 +0100"),
    record("sleep", "Asleep", "2025-07-01 21:00:00 +0100", "2025-07-02 07:30:00 +0100", source="an app"),
    record("sleep", "AsleepUnspecified", "2025-07-02 14:00:00 +0100", "2025-07-02 15:00:00 +0100"),
)
NIGHT = {
    "starts_at": datetime(2025, 7, 1, 21, tzinfo=UTC).timestamp(),
    "ends_at": datetime(2025, 7, 2, 4, tzinfo=UTC).timestamp(),
    "asleep_seconds": 6 * 3600 + 50 * 60,
    "deep_seconds": 2 * 3600,
    "light_seconds": 4 * 3600,  # an hour of it lies under deep sleep
    "rem_seconds": 50 * 60,
    "awake_seconds": 600,
}
OF_RECORDS: Days = {
    "2025-07-02": {"steps": 3500, "weight_kg": 71.25, "body_fat_percent": 21.5, "hrv_sdnn": 45, **NIGHT},
    "2025-07-03": {"weight_kg": 72.5748},
}


def export_xml(*records: str) -> bytes:
    workout = (
        '<Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="30" durationUnit="min" '
        'startDate="2025-06-30 08:00:00 +0100" endDate="2025-06-30 08:30:00 +0100">'
        '<MetadataEntry key="HKTimeZone" value="Europe/Berlin"/></Workout>'
    )
    return f'<?xml version="1.0"?><!DOCTYPE HealthData [<!ELEMENT HealthData ANY>]><HealthData>{workout}{"".join(records)}</HealthData>'.encode()


GARMIN = {
    "UDSFile_2025-06-01_2025-09-09.json": [
        {"hydration": {"calendarDate": "2025-06-30"}},
        {"calendarDate": "2025-06-29", "includesWellnessData": False, "totalSteps": 0},
        {"calendarDate": "2025-07-01", "totalSteps": 0, "restingHeartRate": 51, "currentDayRestingHeartRate": 49, "minHeartRate": 999},
        {
            "calendarDate": "2025-07-02",
            "totalSteps": None,
            "allDayStress": {"aggregatorList": [{"type": "TOTAL", "averageStressLevel": -1}, {"type": "AWAKE", "averageStressLevel": 30}]},
            "bodyBattery": {"bodyBatteryStatList": [{"bodyBatteryStatType": "HIGHEST", "statsValue": 88}]},
        },
    ],
    "2025-06-01_2025-09-09_1_sleepData.json": [
        {"calendarDate": "2025-07-02", "deepSleepSeconds": 0, "lightSleepSeconds": 20_000, "sleepStartTimestampGMT": "2025-07-01T21:00:00.0"},
        {"calendarDate": "2025-07-03", "sleepScores": {"overallScore": 80}, "sleepWindowConfirmationType": "OFF_WRIST"},
        {"calendarDate": "2025-07-01", "deepSleepSeconds": 0, "lightSleepSeconds": 0, "remSleepSeconds": 0},
        {"retro": False},
    ],
    "2025-06-01_1_healthStatusData.json": [
        {"calendarDate": "2025-07-02", "metrics": [{"type": "HR", "value": 50}, {"type": "HRV", "value": 61, "status": "BALANCED"}]},
        {"calendarDate": "2025-07-03", "metrics": [{"type": "HRV", "value": 0, "status": "UNKNOWN"}]},
    ],
    "1_userBioMetrics.json": [
        {"metaData": {"calendarDate": "2025-07-02T00:00:00.0"}, "version": 3, "weight": {"weight": 71_500}},
        {"metaData": {"calendarDate": "2025-07-02T00:00:00.0"}, "version": 2, "weight": {"weight": 71_900}},
        {"metaData": {"calendarDate": "2025-07-02T00:00:00.0"}, "version": 4, "height": 180},
    ],
}  # fmt: skip
OF_GARMIN: Days = {
    "2025-07-01": {"resting_heartrate": 49, "steps": 0},
    "2025-07-02": {
        "asleep_seconds": 20_000, "body_battery_highest": 88, "deep_seconds": 0, "hrv_rmssd": 61,
        "light_seconds": 20_000, "starts_at": NIGHT["starts_at"], "weight_kg": 71.5,
    },
}  # fmt: skip


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def garmin_zip(path: Path, **more: Any) -> Path:
    return zipped(
        path,
        {f"0a1b/DI_CONNECT/x/{name}": json.dumps(content).encode() for name, content in {**GARMIN, **more}.items()},
    )


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    (tmp_path / "providers.toml").write_text("[archives]\nwellness = true\n")
    return context(tmp_path)


def context(tmp_path: Path) -> RunContext:
    settings = Settings.load(
        _env_file=None, data_dir=tmp_path / "data", providers_config=tmp_path / "providers.toml", first_year=2025
    )
    return run_context(settings, LogProgress(logging.getLogger("run")))


def values(run: RunContext) -> dict[str, Days]:
    found: dict[str, Days] = {}
    with writing(run.lake) as connection:
        sync_days(connection, run.lake)
        rows = connection.execute("SELECT source, day::VARCHAR, measure, value FROM day_values ORDER BY ALL").fetchall()
    for source, day, measure, value in rows:
        found.setdefault(source, {}).setdefault(day, {})[measure] = value
    return found


def test_records_become_days_of_the_athlete_s_own_clock_and_are_not_kept_themselves(
    run: RunContext, tmp_path: Path
) -> None:
    archive = zipped(tmp_path / "export.zip", {"apple_health_export/export.xml": export_xml(*RECORDS)})
    report = land_paths(run, [archive], ImportLimits())
    assert report.problems == []
    read_imports(run, ImportLimits())
    merge_years(run, [2025])
    assert values(run) == {"apple_health": OF_RECORDS}
    kept = b"".join(stored_bytes(run.lake, file.sha256) for one in imports(run.lake) for file in one.manifest.files)
    assert (b"Ann" in kept, b"appleHealthDays" in kept) == (False, True)


def test_garmin_s_export_is_read_as_its_parsers_do_and_the_one_that_reaches_further_counts(
    run: RunContext, tmp_path: Path
) -> None:
    older = {
        "UDSFile_2025-06-01_2025-09-09.json": [
            {"calendarDate": "2025-07-01", "totalSteps": 7},
            {"calendarDate": "2025-06-01", "totalSteps": 9},
        ]
    }
    land_paths(run, [garmin_zip(tmp_path / "newer.zip")], ImportLimits())
    assert values(run) == {"garmin_export": OF_GARMIN}
    alone = {name: older.get(name, []) for name in GARMIN}
    land_paths(run, [garmin_zip(tmp_path / "older.zip", **alone)], ImportLimits())
    assert values(run) == {"garmin_export": {**OF_GARMIN, "2025-06-01": {"steps": 9}}}


def test_a_day_follows_from_the_zone_when_it_is_known_and_none_is_after_the_import(
    run: RunContext, tmp_path: Path
) -> None:
    midnight = record(
        "RestingHeartRate", 50, "2025-07-02 23:40:00 +0100", unit="count/min"
    )  # of the next day in Berlin
    later = record("BodyMass", 70, "2099-01-01 08:00:00 +0100", unit="kg")
    land_paths(run, [zipped(tmp_path / "export.zip", {"export.xml": export_xml(midnight, later)})], ImportLimits())
    assert [*values(run)["apple_health"]] == ["2025-07-02"], "by the export's offset, as long as no activity has one"
    read_imports(run, ImportLimits())
    merge_years(run, [2025])
    assert values(run)["apple_health"] == {"2025-07-03": {"resting_heartrate": 50}}


def test_a_nap_with_stages_is_no_night_and_half_hours_are_days_of_their_own() -> None:
    records = HealthRecords()
    for kind, value, began, ended in (
        (SLEEP, "HKCategoryValueSleepAnalysisAsleepUnspecified", "2025-07-01T16:30:00Z", "2025-07-02T00:30:00Z"),
        (SLEEP, "HKCategoryValueSleepAnalysisAsleepDeep", "2025-07-02T08:00:00Z", "2025-07-02T08:20:00Z"),
        (f"{Q}RestingHeartRate", "51", "2025-07-01T18:30:00Z", ""),  # midnight in India
    ):
        records.add({"type": kind, "value": value, "unit": "count/min", "startDate": began, "endDate": ended})
    ((day, numbers),) = read_days(
        json.loads(json_bytes(records.kept)), DayClock(lambda _: ZoneInfo("Asia/Kolkata"), UTC)
    )
    assert (day, numbers["resting_heartrate"], numbers["asleep_seconds"]) == ("2025-07-02", 51, 8 * 3600)


def test_without_the_word_no_day_is_kept_and_a_second_import_of_the_same_archive_brings_them(
    run: RunContext, tmp_path: Path
) -> None:
    archive = garmin_zip(tmp_path / "garmin.zip")
    choice = (tmp_path / "providers.toml").read_text()
    (tmp_path / "providers.toml").unlink()
    land_paths(context(tmp_path), [archive], ImportLimits())
    assert values(run) == {}
    (tmp_path / "providers.toml").write_text(choice)
    land_paths(run, [archive], ImportLimits())
    assert values(run) == {"garmin_export": OF_GARMIN}
    read_imports(run, ImportLimits())
    for one in imports(run.lake):
        undo(run.lake, one, run.now())
    assert values(run) == {}


@pytest.mark.parametrize(
    "content",
    [
        None,
        5,
        "x",
        {},
        [None, 3, []],
        [
            {
                "calendarDate": "2025-07-02",
                "bodyBattery": {"bodyBatteryStatList": [{"bodyBatteryStatType": []}]},
                "deepSleepSeconds": 10**400,
            }
        ],
        [{"calendarDate": 5, "metrics": 3, "sleepScores": [], "weight": 1, "allDayStress": 2}],
    ],
)
def test_rubbish_is_no_day(content: Any) -> None:
    for name in GARMIN:
        read = days_reader(name)
        assert read is not None
        assert [believed(numbers) for _, numbers in read(content)] in ([], [{}])
    assert days_reader("summarizedActivities.json") is None
    records = HealthRecords()
    for attributes in (
        {},
        {"type": f"{Q}BodyMass", "value": "1e400", "unit": "kg", "startDate": "2025-01-01 00:00:00"},
        {"type": SLEEP, "startDate": "x"},
    ):
        records.add(attributes)
    assert records.is_empty
    assert [*read_days({"appleHealthDays": {"quarters": {}, "sleep": []}}, DayClock(lambda _: None, UTC))] == []


def ran(run: RunContext, tmp_path: Path, number: int, began: datetime, offset: timedelta) -> bool:
    """Import a run from Garmin, which has offsets alone; whether days have to be read again then."""
    local = began.replace(tzinfo=UTC) + offset
    at = {"startTimeGmt": began.timestamp() * 1000, "startTimeLocal": local.timestamp() * 1000, "duration": 3_600_000.0}
    item = {"activityId": 9_000 + number, "activityType": "running", "name": "Run", "distance": 1_000_000.0, **at}
    body = json.dumps([{"summarizedActivitiesExport": [item]}]).encode()
    name = f"{number}/DI_CONNECT/DI-Connect-Fitness/x_summarizedActivities.json"
    land_paths(run, [zipped(tmp_path / f"{number}.zip", {name: body})], ImportLimits())
    read_imports(run, ImportLimits())
    merge_years(run, [2025])
    with reading(run.lake) as connection:
        return is_due(connection, partial(sync_days, connection, run.lake))


def test_days_follow_offsets_and_are_read_again_only_where_one_of_theirs_may_change(
    run: RunContext, tmp_path: Path
) -> None:
    steps = [record("StepCount", 10, f"2025-07-0{day} 19:00:00 +0000", unit="count") for day in (2, 4)]
    body = export_xml(*steps).replace(b"<Workout", b"<Left").replace(b"</Workout", b"</Left")
    land_paths(run, [zipped(tmp_path / "export.zip", {"export.xml": body})], ImportLimits())
    assert [*values(run)["apple_health"]] == ["2025-07-02", "2025-07-04"]
    india, nepal = timedelta(hours=5, minutes=30), timedelta(hours=5, minutes=45)
    assert ran(run, tmp_path, 1, datetime(2025, 7, 3, tzinfo=UTC), india)
    assert [*values(run)["apple_health"]] == ["2025-07-03", "2025-07-05"], "half past midnight"
    assert not ran(run, tmp_path, 2, datetime(2025, 7, 5, tzinfo=UTC), nepal), "after the last record"
    assert not ran(run, tmp_path, 3, datetime(2025, 7, 3, 6, tzinfo=UTC), india), "where the athlete was already"
    assert ran(run, tmp_path, 4, datetime(2025, 7, 4, tzinfo=UTC), timedelta(hours=-7))
    assert [*values(run)["apple_health"]] == ["2025-07-03", "2025-07-04"]


def test_the_publish_of_an_import_says_by_which_clock_days_were_cut_and_an_update_reads_them_again(
    run: RunContext, tmp_path: Path
) -> None:
    tokyo = record("StepCount", 10, "2025-07-02 17:00:00 +0200", unit="count").replace(
        "/>", '><MetadataEntry key="HKTimeZone" value="Asia/Tokyo"/></Record>'
    )
    at_home = [record("StepCount", 10, f"2025-07-0{day} 17:00:00 +0200", unit="count") for day in (4, 5)]
    land_paths(run, [zipped(tmp_path / "a.zip", {"export.xml": export_xml(tokyo, *at_home)})], ImportLimits())
    read_imports(run, ImportLimits())
    merge_years(run, [2025])
    found = publish_and_compare(run.lake, refuse=lambda _: None)
    assert isinstance(found.days, DaysMerged)
    assert found.days.days_cut_by == {"the zone that records name": 1, "the clock of activities": 2}
    assert (
        "3 days and nights new or changed; days of Apple Health were cut: 1 by the zone that records name, 2 by the clock of activities"
        in str(found)
    )
    assert [*values(run)["apple_health"]] == ["2025-07-03", "2025-07-04", "2025-07-05"]
    assert publish_and_compare(run.lake, refuse=lambda _: None).days is None
    with writing(run.lake) as connection:
        connection.execute("UPDATE day_values SET value = 1")
        note(connection, "made:days:imports", json.dumps([one.name for one in imports(run.lake)] + ["f00"]))
    assert values(run)["apple_health"]["2025-07-03"] == {"steps": 10}


def test_what_an_earlier_version_kept_counts_until_the_export_comes_again(run: RunContext, tmp_path: Path) -> None:
    """Two nights that ended in Tokyo, 7 and 8 July, and a weight of an earlier telephone."""
    ends = [int(datetime(2025, 7, day, 22, tzinfo=UTC).timestamp()) for day in (6, 7)]
    weight = {"BodyMass": {"0": {str(int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) // 900): [70.0, 1, 70.0]}}}
    kept = {"quarters": weight, "sleep": [[0, "AsleepCore", end - 25_200, end] for end in ends]}
    digest, _ = FileStore(run.lake).put(json.dumps({"appleHealthDays": kept}).encode())
    landed(run.lake, a_file("export.xml.days.json", digest, "wellness"), at=datetime(2025, 8, 1, tzinfo=UTC))
    assert [*values(run)["apple_health"]] == ["2025-01-01", "2025-07-06", "2025-07-07"]
    again = [
        record("sleep", "AsleepCore", f"2025-07-0{day} 15:00:00 +0000", f"2025-07-0{day} 22:00:00 +0000").replace(
            "/>", '><MetadataEntry key="HKTimeZone" value="Asia/Tokyo"/></Record>'
        )
        for day in (6, 7)
    ]
    first = record("StepCount", 10, "2024-12-01 12:00:00 +0000", unit="count")
    land_paths(run, [zipped(tmp_path / "export.zip", {"export.xml": export_xml(first, *again)})], ImportLimits())
    assert [*values(run)["apple_health"]] == ["2024-12-01", "2025-01-01", "2025-07-07", "2025-07-08"]


def test_an_update_reads_lists_again_also_where_no_recording_was_read(run: RunContext, tmp_path: Path) -> None:
    land_paths(run, [zipped(tmp_path / "export.zip", {"export.xml": export_xml()})], ImportLimits())
    read_imports(run, ImportLimits())
    merge_years(run, [2025])
    assert reason_to_rebuild(run.lake) is None
    (read_by,) = run.lake.readings.glob("imports/*/version")
    read_by.write_bytes(b"2")
    assert "another version" in str(reason_to_rebuild(run.lake))
    bring_up_to_date(run, Settings.load(_env_file=None, data_dir=tmp_path / "data", first_year=2025))
    assert (reason_to_rebuild(run.lake), read_by.read_bytes() == b"2") == (None, False)
