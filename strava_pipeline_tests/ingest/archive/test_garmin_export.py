"""Garmin's export of an account: recordings in zips within its zip, names and ids from its list, and no activity twice."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.archive.contents import contents
from strava_pipeline.ingest.archive.exports.garmin import is_garmin, read_garmin
from strava_pipeline.ingest.archive.survey import survey
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline_tests.ingest.archive.exports import CAME, SUMMARIES, UPLOADS, activities_of, fields_of, garmin_item
from strava_pipeline_tests.ingest.archive.made import unpacked, zipped
from strava_pipeline_tests.ingest.files.made import BEGAN, file_id, fit, records, session

RUN = fit(file_id(), records(60), session(0, 60))
TWO = fit(file_id(), records(120), session(0, 60, sport=5), session(60, 60, sport=2))
MONITORING = fit(file_id(32))
INNER = {"jane@example.org_11.fit": RUN, "jane@example.org_12.fit": MONITORING, "jane@example.org_13.fit": b"no fit"}


def garmin_list(*items: object) -> bytes:
    return json.dumps([{"summarizedActivitiesExport": list(items)}]).encode()


def export(
    folder: Path, items: list[object], inner: bytes | dict[str, bytes] = INNER, *, as_folder: bool = False
) -> Path:
    files = {
        SUMMARIES: garmin_list(*items),
        UPLOADS: inner if isinstance(inner, bytes) else zipped(inner),
        "DI_CONNECT/DI-Connect-Wellness/sleep.json": b"[{]",
    }
    if as_folder:
        return unpacked(folder / "garmin", files)
    path = folder / "garmin.zip"
    path.write_bytes(zipped(files))
    return path


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_recording_gets_name_sport_and_link_of_the_row_of_its_second(tmp_path: Path, as_folder: bool) -> None:
    other = garmin_item(8, BEGAN + timedelta(days=1), activityType="indoor_cycling")
    run, ride = map(fields_of, activities_of(export(tmp_path, [garmin_item(7, BEGAN), other], as_folder=as_folder)))
    assert {name: run[name] for name in ("name", "sport_type", "links", "elapsed_time", "start_date")} == {
        "name": "Lap 7", "sport_type": "TrailRun", "links": {"garmin": "7"}, "elapsed_time": 60,
        "start_date": "2024-05-01T08:00:00Z",
    }  # fmt: skip
    assert {name: ride[name] for name in ("name", "sport_type", "links", "distance", "moving_time", "elapsed_time")} == {
        "name": "Lap 8", "sport_type": "Ride", "links": {"garmin": "8"}, "distance": 5000.0, "moving_time": 1800,
        "elapsed_time": 1860,
    }  # fmt: skip
    assert (ride["start_date_local"], ride["total_elevation_gain"]) == ("2024-05-02T09:00:00Z", 123.0)


def test_energy_is_whole_kilocalories_in_kilojoules_or_of_an_unknown_unit() -> None:
    energies = [171.79082, 3142.515, 419, 410.0, 0.0, None, "many"]
    rows = read_garmin([{"summarizedActivitiesExport": [garmin_item(at, BEGAN, calories=each) for at, each in enumerate(energies, 1)]}]).rows  # fmt: skip
    assert [row.fields.get("calories") for row in rows] == [41, 750, None, None, None, None, None]


def test_what_is_no_activity_is_counted_and_not_kept(tmp_path: Path) -> None:
    path = export(tmp_path, [garmin_item(7, BEGAN)])
    with open_container(path) as container:
        found = contents(container)
        assert not container.faults
    kept = {entry.name.rpartition("/")[2] for _, entry in found.entries}
    assert kept == {"11.fit", "13.fit", SUMMARIES.rpartition("/")[2]}, "what can't be read is kept, and says so"
    assert {kind: len(names) for kind, names in found.left_out.items()} == {"fit": 1, "json": 1}
    assert not any("@" in entry.name.rpartition("/")[2] for role, entry in found.entries if role == "activity")


def test_a_clock_that_is_off_by_seconds_makes_no_second_activity(tmp_path: Path) -> None:
    near = garmin_item(7, BEGAN - timedelta(seconds=3), elapsedDuration=60_000.0, duration=60_000.0)
    (run,) = activities_of(export(tmp_path, [near]))
    assert "links" not in fields_of(run)


def test_of_a_multisport_activity_the_parts_count_and_the_whole_does_not(tmp_path: Path) -> None:
    whole = garmin_item(1, BEGAN, activityType="multi_sport", elapsedDuration=120_000.0)
    swim = garmin_item(2, BEGAN, activityType="lap_swimming", parentId=1)
    ride = garmin_item(3, BEGAN + timedelta(seconds=60), activityType="cycling", parentId=1)
    found = [fields_of(one) for one in activities_of(export(tmp_path, [whole, swim, ride], {"21.fit": TWO}))]
    assert [(one["name"], one["sport_type"], "not_counted" in one) for one in found] == [
        ("Lap 2", "Swim", False), ("Lap 3", "Ride", False)
    ]  # fmt: skip
    alone = [fields_of(one) for one in activities_of(export(tmp_path, [whole, swim, ride], {}))]
    assert ["not_counted" in one for one in alone] == [False, True, True], "without a recording the whole counts"


def test_driving_is_in_no_total(tmp_path: Path) -> None:
    (drive,) = activities_of(export(tmp_path, [garmin_item(7, BEGAN, activityType="driving_general")], {}))
    assert fields_of(drive)["not_counted"]


@pytest.mark.parametrize(
    ("value", "rows", "faults"),
    [
        ([], 0, 0),
        ([{"summarizedActivitiesExport": [None, 3, {}, {"activityId": 0}]}], 0, 1),
        ({"summarizedActivitiesExport": [garmin_item(7, BEGAN)]}, 1, 0),
        ([{"summarizedActivitiesExport": [garmin_item(7, BEGAN, startTimeLocal="soon", duration="x", distance=None)]}], 1, 0),
        ([{"summarizedActivitiesExport": [garmin_item(7, BEGAN, startTimeGmt=1e300, beginTimestamp=1e300)]}], 1, 0),
        ([{"summarizedActivitiesExport": [garmin_item(7, BEGAN, startTimeGmt=None)]}, {"x": 1}], 1, 0),
    ],
)  # fmt: skip
def test_odd_values_raise_nothing(value: Any, rows: int, faults: int) -> None:
    found = read_garmin(value)
    assert (len(found.rows), len(found.faults)) == (rows, faults)


def test_a_list_of_another_shape_is_none() -> None:
    assert not is_garmin([{"id": 1}, 3])
    assert not is_garmin("text")


def test_a_list_that_breaks_off_is_a_fault_and_the_recordings_come_in(tmp_path: Path) -> None:
    path = tmp_path / "garmin.zip"
    path.write_bytes(zipped({SUMMARIES: garmin_list(garmin_item(7, BEGAN))[:-9], UPLOADS: zipped(INNER)}))
    with open_container(path) as container:
        (only,) = contents(container).service_lists
    assert "broken off" in str(only.faults[0])
    assert len(activities_of(path)) == 1


@pytest.mark.parametrize("inner", [b"", b"no zip", zipped(INNER)[:40]], ids=["empty", "no zip", "cut"])
def test_a_damaged_zip_within_is_a_fault(tmp_path: Path, inner: bytes) -> None:
    with open_container(export(tmp_path, [], inner)) as container:
        assert [fault.name for fault in container.faults]
        assert not [entry for entry in container.entries if entry.name.endswith(".fit")]


def test_zips_within_the_zip_within_stay_closed_and_limits_hold(tmp_path: Path) -> None:
    deep = zipped({"DI-Connect-Uploaded-Files/b.zip": zipped(INNER), "11.fit": RUN})
    with open_container(export(tmp_path, [], deep)) as container:
        assert [fault.problem for fault in container.faults] == ["nested"]
    large = export(tmp_path, [], zipped({"1.fit": RUN, "2.fit": bytes(range(256)) * 400}))
    with open_container(large, ImportLimits(file_bytes=50_000)) as container:
        assert [file.name.rpartition("/")[2] for file in container.oversized] == ["2.fit"]
    with pytest.raises(SourceError, match="more than"):
        activities_of(large, limits=ImportLimits(total_bytes=50_000))


def test_other_archives_in_archives_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"more/UploadedFiles.zip": zipped(INNER)}))
    with open_container(tmp_path / "a.zip") as container:
        assert [fault.problem for fault in container.faults] == ["nested"]
        assert container.entries == []


def test_a_preview_counts_each_activity_once(tmp_path: Path) -> None:
    path = export(tmp_path, [garmin_item(7, BEGAN), garmin_item(8, BEGAN + timedelta(days=400))])
    found = survey(path, lambda name, body: read_file(body, name, CAME))
    assert found.activities == {(2024, "TrailRun"): 1, (2025, "TrailRun"): 1}
    assert found.files == {"fit": 2}
    assert not [problem for problem in found.problems if "sleep" in problem]
