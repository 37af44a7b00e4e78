"""Runkeeper's export: the list says sport, name and notes, the recordings say when and where, and no row is lost."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.archive.exports.runkeeper import is_runkeeper, read_runkeeper
from strava_pipeline.ingest.archive.survey import survey
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline_tests.ingest.archive.exports import CAME, RUNKEEPER, activities_of, fields_of, gpx
from strava_pipeline_tests.ingest.archive.made import unpacked, zipped

BEGAN = datetime(2019, 5, 4, 6, 12, 33, tzinfo=UTC)
RIDE = 'a-1,2019-05-04 08:12:33,Mountain Biking,"Lake, twice",10.50,1:02:03,5:54,10.15,612.0,120,141,Jane Doe,"wet, cold",2019-05-04-081233.gpx\n'
GYM = "b-2,2019-12-31 23:50:00,Strength Training,,0.0,45:10,,,300,0,,,,\n"
GONE = "c-3,2020-01-02 07:00:00,Running,,5.0,30:00,6:00,10.0,400,12,,,,2020-01-02-070000.gpx\n"
EXPORT = {"cardioActivities.csv": (RUNKEEPER + RIDE + GYM + GONE).encode(), "2019-05-04-081233.gpx": gpx(BEGAN)}


def path_of(folder: Path, how: str) -> Path:
    if how == "folder":
        return unpacked(folder / "runkeeper", EXPORT)
    path = folder / "01-runkeeper-data-export.zip"
    path.write_bytes(zipped({f"runkeeper/{name}": body for name, body in EXPORT.items()}))
    return path


@pytest.mark.parametrize("how", ["folder", "zip"])
def test_every_row_is_one_activity_with_its_recording_where_that_is_there(tmp_path: Path, how: str) -> None:
    ride, gym, gone = map(fields_of, activities_of(path_of(tmp_path, how)))
    assert {name: ride[name] for name in ("name", "sport_type", "description", "start_date", "average_heartrate")} == {
        "name": "Lake, twice", "sport_type": "MountainBikeRide", "description": "wet, cold",
        "start_date": "2019-05-04T06:12:33Z", "average_heartrate": 141.0,
    }  # fmt: skip
    assert ride["start_date_local"] == "2019-05-04T08:12:33Z"
    assert ride["elapsed_time"] == 29, "the recording's, not the row's"
    assert (gym["sport_type"], gym["elapsed_time"]) == ("WeightTraining", 2710)
    assert gym["start_date_local"] == "2019-12-31T23:50:00Z"
    assert "start_date" not in gym
    assert (gone["distance"], gone["id"]) == (5000.0, hashed_id("file", "runkeeper:c-3"))
    assert "Jane" not in repr([ride, gym, gone])


def test_a_recording_has_the_same_id_with_and_without_the_list(tmp_path: Path) -> None:
    alone = activities_of(unpacked(tmp_path / "alone", {"any name.gpx": gpx(BEGAN)}))
    assert activities_of(path_of(tmp_path, "zip"))[0].activity_id == alone[0].activity_id


def test_a_list_that_comes_later_finds_the_recordings_that_came_before(tmp_path: Path) -> None:
    path = tmp_path / "cardioActivities.csv"
    path.write_bytes((RUNKEEPER + RIDE).encode())
    (ride,) = activities_of(path, {"2019-05-04-081233.gpx": gpx(BEGAN)})
    assert ride.recorded
    assert fields_of(ride)["sport_type"] == "MountainBikeRide"


def test_a_recording_that_can_not_be_read_leaves_its_row(tmp_path: Path) -> None:
    (ride,) = activities_of(unpacked(tmp_path, {"cardioActivities.csv": (RUNKEEPER + RIDE).encode(), "2019-05-04-081233.gpx": b"<gpx>"}))  # fmt: skip
    assert fields_of(ride)["distance"] == 10500.0


@pytest.mark.parametrize(
    ("titles", "cells", "expected"),
    [
        ("Distance (mi)", "10", {"distance": 16093.44}),
        ("Climb (ft)", "100", {"total_elevation_gain": 30.48}),
        ("Distance (km)", "1,5", {"distance": 1500.0}),
        ("Distance (km),Climb (m)", '1,5","3.500', {"distance": 1500.0, "total_elevation_gain": 3500.0}),
        ("Distance (km)", "far", {"columns": {"distance (km)": "far"}}),
        ("Duration", "59:59", {"elapsed_time": 3599}),
        ("Duration", "100:00:01", {"elapsed_time": 360001}),
        ("Duration", "1:2:3:4", {"columns": {"duration": "1:2:3:4"}}),
        ("Some New Column", "x", {"columns": {"some new column": "x"}}),
        ("Friends Tagged", "Jane Doe", {}),
    ],
)
def test_units_stand_in_the_titles(titles: str, cells: str, expected: dict[str, Any]) -> None:
    body = f'Activity Id,Date,Type,GPX File,{titles}\na,2019-05-04 08:12:33,Running,,"{cells}"\n'
    (row,) = read_runkeeper(body.encode()).rows
    assert row.fields == {"sport_type": "Run", "start_date_local": "2019-05-04T08:12:33Z", **expected}


@pytest.mark.parametrize(
    ("word", "sport"),
    [("Running", "Run"), ("Nordic Walking", "Walk"), ("Cross-Country Skiing", "NordicSki"), ("Zumba", "Dance"), ("Quidditch", "Quidditch")],
)  # fmt: skip
def test_sports_get_strava_s_names_where_it_has_them(word: str, sport: str) -> None:
    (row,) = read_runkeeper(f"Activity Id,Date,Type,GPX File\na,2019-05-04 08:12:33,{word},\n".encode()).rows
    assert row.sport == sport


@pytest.mark.parametrize(
    ("body", "rows", "faults"),
    [
        (b"", 0, 0),
        (RUNKEEPER.encode(), 0, 0),
        (b"\xff\xfe\x00", 0, 0),
        ((RUNKEEPER + RIDE).encode()[:-60], 1, 0),
        ((RUNKEEPER + "a,04.05.2019,Running\n").encode(), 1, 1),
        ((RUNKEEPER + ',2019-05-04 08:12:33,Running\n,,,\n"').encode(), 1, 0),
        (("\ufeff" + RUNKEEPER.replace(",", ";") + RIDE.replace(",", ";")).encode(), 1, 0),
        ((RUNKEEPER + f'a,2019-05-04 08:12:33,Running,"{"x" * 200_000}"\n').encode(), 1, 0),
    ],
)
def test_odd_bytes_lose_no_row_and_raise_nothing(body: bytes, rows: int, faults: int) -> None:
    found = read_runkeeper(body)
    assert (len(found.rows), len(found.faults)) == (rows, faults)


OLDER = (
    "Date,Type,Route Name,Distance (mi),Duration,Average Pace,Average Speed (mph),Calories Burned,Climb (ft),"
    "Average Heart Rate (bpm),Notes,GPX File\n"
)
OLDER_RUN = '2012-03-04 07:08:09,Running,,3.10,28:30,9:11,6.53,350.0,71.14,,"{}",2012-03-04-0708.gpx\n'
OLDER_WALK = "2012-03-05 18:00:00,Walking,,0.00,0:00,,,0.0,,,,\n"


def test_rows_of_the_layout_without_ids_are_activities(tmp_path: Path) -> None:
    path = tmp_path / "cardioActivities.csv"
    path.write_bytes((OLDER + OLDER_RUN.format("wet") + OLDER_WALK).encode())
    run, walk = map(fields_of, activities_of(path))
    assert (run["sport_type"], run["start_date_local"], run["elapsed_time"]) == ("Run", "2012-03-04T07:08:09Z", 1710)
    assert (run["distance"], run["description"]) == (pytest.approx(4988.97, abs=0.01), "wet")
    assert walk["start_date_local"] == "2012-03-05T18:00:00Z"


def test_of_two_rows_that_name_one_recording_each_is_an_activity(tmp_path: Path) -> None:
    later = OLDER_RUN.format("").replace("07:08:09", "07:08:45")
    path = tmp_path / "cardioActivities.csv"
    path.write_bytes((OLDER + OLDER_RUN.format("") + later).encode())
    recording = {"2012-03-04-0708.gpx": gpx(BEGAN)}
    for found in (activities_of(path, recording), activities_of(unpacked(tmp_path, recording))):
        assert len({each.activity_id for each in found}) == 2
        assert [bool(each.recorded) for each in found] == [True, False]


def test_a_row_without_an_id_has_the_same_one_in_every_export_and_none_twice_in_one() -> None:
    first = read_runkeeper((OLDER + OLDER_RUN.format("wet") + OLDER_WALK * 2).encode()).rows
    edited, *_ = read_runkeeper((OLDER + OLDER_WALK + OLDER_RUN.format("dry")).encode()).rows[::-1]
    assert first[0].source_id == edited.source_id
    assert len({row.source_id for row in first}) == 3
    assert "wet" not in first[0].source_id


def test_strava_s_own_list_is_not_runkeeper_s() -> None:
    assert not is_runkeeper(["Activity ID", "Activity Date", "Activity Name", "Activity Type", "Filename"])
    assert is_runkeeper(RUNKEEPER.strip().split(","))


def test_a_preview_counts_each_activity_once(tmp_path: Path) -> None:
    found = survey(path_of(tmp_path, "zip"), lambda name, body: read_file(body, name, CAME))
    assert found.activities == {(2019, "MountainBikeRide"): 1, (2019, "WeightTraining"): 1, (2020, "Run"): 1}
    assert (found.loose, found.others) == (0, 0)
    assert found.problems == ["1 file that rows name is not there; the rows are activities by themselves"]
