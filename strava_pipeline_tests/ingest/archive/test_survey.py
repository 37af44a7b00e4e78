"""What would come in is counted before anything does: by year, sport and format, with every problem."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.files.recording import DecodedFile, Format, Recording
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.archive.contents import contents
from strava_pipeline.ingest.archive.survey import survey
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.archive import Oddities, write_archive
from strava_pipeline_tests.ingest.archive.made import unpacked

CONFIG = EmulatorConfig(now=datetime(2026, 3, 1, tzinfo=UTC), activities=40, years=(2025, 2026))
SUMMARY = {"id": 1, "type": "Ride", "sport_type": "GravelRide", "start_date": "2024-12-31T23:30:00Z", "start_date_local": "2025-01-01T00:30:00Z"}  # fmt: skip


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "export.zip"
    write_archive(CONFIG, path, oddities=Oddities(missing=2, unlisted=1))
    return path


def read_file(name: str, body: bytes) -> DecodedFile:
    """Stands in for the reader of activity files."""
    if body == b"broken":
        return DecodedFile(Format.GPX, "activity", problem="no XML")
    return DecodedFile(Format.GPX, "activity", (Recording(Format.GPX, sport="cycling", started_at=datetime(2019, 5, 1, tzinfo=UTC)),))  # fmt: skip


def test_an_export_is_counted_by_year_and_sport_and_its_gaps_are_named(export: Path) -> None:
    found = survey(export)
    (only,) = found.exports
    assert found.activities.total() == len(only.activities.rows) == 40
    assert {year for year, _ in found.activities} == {2025, 2026}
    assert found.files.total() == len(only.files) + 1
    assert found.loose == 1
    assert found.problems == []
    assert (len(only.missing), len(only.unlisted)) == (2, 1)


def test_objects_are_counted_by_the_athlete_s_own_year(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, {"a.json": json.dumps([SUMMARY]).encode(), "b.json": b"{", "notes.txt": b""})
    found = survey(folder)
    assert found.activities == Counter({(2025, "GravelRide"): 1})
    assert found.objects == Counter({"summary_activity": 1})
    assert found.problems == ["b.json: no JSON, or broken off"]
    assert found.others == 1


def test_an_activity_is_counted_once_however_often_it_stands_there(tmp_path: Path) -> None:
    detail = {**SUMMARY, "resource_state": 3, "laps": []}
    found = survey(
        unpacked(tmp_path, {"a.json": json.dumps([SUMMARY]).encode(), "b.json": json.dumps(detail).encode()})
    )
    assert found.activities == Counter({(2025, "GravelRide"): 1})
    assert found.objects == Counter({"summary_activity": 1, "detailed_activity": 1})


def test_files_tell_years_only_where_they_are_read(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, {"a.gpx": b"good", "b.gpx": b"broken", "c.fit.gz": b"good"})
    assert survey(folder).activities == Counter()
    found = survey(folder, read_file)
    assert found.files == Counter({"gpx": 2, "fit.gz": 1})
    assert found.activities == Counter({(2019, "Ride"): 2})
    assert found.problems == ["b.gpx: no XML"]


def test_a_row_s_file_is_read_and_counted_once(export: Path) -> None:
    assert survey(export, read_file).activities.total() == 41  # the one without a row among them


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        survey(tmp_path / "nowhere")


def test_every_file_that_stays_where_it_is_is_counted_by_its_kind(tmp_path: Path) -> None:
    names = ["a.pdf", "b.PDF", "c.csv.gz", "d/e.pdf", "README", "1. May", "x.gpx", "y.json"]
    found = survey(unpacked(tmp_path, dict.fromkeys(names, b"")))
    assert found.left_out == {"pdf": ("a.pdf", "b.PDF", "d/e.pdf"), "": ("1. May", "README"), "csv.gz": ("c.csv.gz",)}
    assert found.others == 6


def test_lists_gear_and_pictures_of_an_export_do_not_stay(export: Path) -> None:
    left_out = {name for names in survey(export).left_out.values() for name in names}
    assert left_out.isdisjoint({"activities.csv", "bikes.csv", "shoes.csv", "profile.csv"})
    assert not any(name.startswith("media/") for name in left_out)


UNREAD = {
    "training-session-2020-01-01-7.json": ("Polar's JSON", '{"exportVersion": "1.3", "exercises": [{"sport": "RUNNING"}]}'),
    "a.json": ("Runtastic's JSON", '{"start_time": 1, "end_time": 2, "distance": 3, "sport_type_id": "1"}'),
    "2018-07-28 17_54_56.0.json": ("Endomondo's JSON", '[{"sport": "RUNNING"}, {"start_time": "2018"}, {"duration_s": 9}]'),
    "run.json": ("Nike Run Club's JSON", '{"type": "run", "start_epoch_ms": 1, "active_duration_ms": 2, "metrics": []}'),
    "exercise-0.json": ("Fitbit's JSON", '[{"logId": 1, "activityTypeId": 90009, "logType": "mobile_run"}]'),
    "All Sessions/b.json": ("Google Fit's sessions", '{"fitnessActivity": "walking", "startTime": "2020", "endTime": "2020"}'),
    "Daily.csv": ("Google Fit's daily numbers", "Start time,End time,Move Minutes count,Calories (kcal)\n"),
    "me_workouts.csv": ("Peloton's table", "Workout Timestamp,Live/On-Demand,Instructor Name,Length (minutes),Fitness Discipline\n"),
    "com.samsung.shealth.exercise.1.csv": (
        "Samsung Health's tables",
        "com.samsung.shealth.exercise,6,17\ncom.samsung.health.exercise.start_time\n",
    ),
    "SPORT_1.csv": ("Zepp's table", "type,startTime,sportTime(s),maxPace(/meter),distance(m)\n"),
    "Activities (1).csv": ("Garmin's table", "Activity Type,Date,Favorite,Title,Distance,Calories,Time,Avg HR\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
def test_a_form_that_is_not_read_is_named_once_with_what_to_export(tmp_path: Path, name: str) -> None:
    what, text = UNREAD[name]
    folder = unpacked(
        tmp_path, {name: text.encode(), name.replace(".", "2."): text.encode(), "other.csv": b"a,b", "x.json": b"{}"}
    )
    (problem,) = survey(folder).problems
    assert re.search(f": {what}.* and 1 more file of this kind: not read. .*(FIT|GPX|TCX)", problem)
    with open_container(folder) as container:
        found = contents(container)
    assert ([each.problem for each in found.faults], found.entries) == (["unread_format"], ())
