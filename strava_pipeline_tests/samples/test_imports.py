"""Every sample through the whole pipeline into one warehouse: file by file what it became, against independent readings.

They lie in ../shared/samples beside the checkout and are no part of this repository; nothing of them is copied here.
"""

import csv
import gzip
import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.files.export_columns import sport_names
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.sports import sport_type
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline_tests.imports import import_by_dagster
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.samples.test_files import JUMPS
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.walk import faults_of_page

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
MEASURED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "MEASURED.json").read_bytes()) if SAMPLES.exists() else {}
EXPORTS = ("geo-activity-playground", "sportiva")
FOLDERS = ("fit", "gpx", "tcx", "derived", "running_page", "strava/detailed", "strava/summary")
UNTIMED = {"gpx/cerknicko-without-times.gpx": 21, "gpx/korita-zbevnica.gpx": 513}
"""Points of the tracks with times; the others are routes beside them."""
RECOVERED = "fit/strava-android-app-201.10-b1218918.fit"  # of which the independent reading has a tenth
FLAWED = {
    "fit/invalid/activity-activity-filecrc.fit": "The file's checksum doesn't match; what it says is kept.",
    "fit/invalid/activity-filecrc.fit": "The file's checksum doesn't match; what it says is kept.",
    "fit/invalid/activity-settings-corruptheader.fit": "A part of the file could not be read; the rest is kept.",
    "fit/invalid/activity-settings-nodata.fit": "The file ends in the middle; what stands before is kept.",
    "fit/invalid/activity-unexpected-eof.fit": "The file ends in the middle; what stands before is kept.",
    "fit/strava-android-app-201.10-b1218918.fit": "A part of the file could not be read; the rest is kept.",
    "gpx/MetadataOnly.gpx": "It holds no points.",
}

Rows = list[dict[str, Any]]


class Warehouse:
    """What became of the samples, by what one asks for."""

    def __init__(self, rig: Rig, told: dict[str, dict[str, Any]]) -> None:
        self.told, self.settings = told, rig.settings
        connection = duckdb.connect(str(rig.lake.snapshot), read_only=True)
        connection.execute("SET TimeZone = 'UTC'")

        def rows(query: str) -> Rows:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        self.files = {row["sha256"]: row for row in rows("FROM files")}
        self.activities = {row["id"]: row for row in rows("FROM activities_all")}
        self.details = {row["activity_id"]: row for row in rows("FROM activity_details")}
        self.children = {
            table: _by_activity(rows(f"FROM {table} ORDER BY ALL"))
            for table in ("activity_laps", "activity_lengths", "activity_sessions", "activity_splits_metric")
        }
        points = f"SELECT activity_id, count(*) AS points, count(heartrate) AS heartrates, source FROM '{rig.lake.tracks}/*/*.parquet' GROUP BY ALL"
        self.tracks = {row["activity_id"]: row for row in rows(points)}
        connection.close()

    def file(self, name: str) -> dict[str, Any]:
        """The row of a sample by its place in the samples."""
        return self.files[hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest()]

    def of_file(self, name: str) -> Rows:
        """The activities that a file by itself became, in the order of its sessions."""
        body = (SAMPLES / name).read_bytes()
        content = hashlib.sha256(gzip.decompress(body) if name.endswith(".gz") else body).hexdigest()
        ids = [hashed_id("file", f"{content}:{place}") for place in range(self.file(name)["recordings"] or 0)]
        return [self.activities[each] for each in ids]

    def count(self, table: str, activities: Rows) -> int:
        return sum(len(self.children[table].get(each["id"], [])) for each in activities)

    def points(self, activities: Rows) -> int:
        return sum(self.tracks[each["id"]]["points"] for each in activities if each["id"] in self.tracks)


def _by_activity(rows: Rows) -> dict[int, Rows]:
    found: dict[int, Rows] = {}
    for row in rows:
        found.setdefault(row["activity_id"], []).append(row)
    return found


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One data folder with every sample in it."""
    paths = [
        *(SAMPLES / folder for folder in FOLDERS),
        *(SAMPLES / "bulk_export" / name for name in EXPORTS),
        *sorted((SAMPLES / "archives").glob("*.zip")),
    ]
    folder = tmp_path_factory.mktemp("samples")
    with started(folder, logged_in=False, activities=1, settings={"first_year": 2010}) as rig:
        told = import_by_dagster(rig, *paths)
        split_all(rig)
        yield Warehouse(rig, told)


def split_all(rig: Rig) -> None:
    """Twins among the samples apart again: here each file is looked at by itself."""
    members = "SELECT list(id ORDER BY id) FROM activity_members GROUP BY activity_id"
    while together := rig.gold(members):  # one that is free may be like a third
        taken = (
            MatchDecision(at=datetime.now(UTC), by="a test", id=a, other_id=b, joined=False)
            for (ids,) in together
            for a, b in combinations(ids, 2)
        )
        record_decisions(rig.lake, *taken)
        rig.do("match")


def names(kind: str) -> list[str]:
    found = (name for name, told in MEASURED.items() if told.get("kind") == kind)
    return sorted(name for name in found if not name.startswith("bulk_export"))


def instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).replace(microsecond=0)


def test_every_number_of_a_page_is_what_its_explanation_comes_to(warehouse: Warehouse) -> None:
    years = Counter(row["year"] for row in warehouse.activities.values() if row["start_date_local"])
    of_years = [f"/{page}/{year}" for year, _ in years.most_common(3) for page in ("year", "calendar", "fitness")]
    with served(warehouse.settings, time=datetime(2026, 11, 30, tzinfo=UTC)) as made:
        site = made.browser()
        faults = {
            path: faults_of_page(site, path)
            for path in ("/", "/activities", "/gear", "/records", "/fitness", *of_years)
        }
    assert {path: each for path, each in faults.items() if each} == {}


def test_nothing_had_to_be_left_out(warehouse: Warehouse) -> None:
    (problem,) = warehouse.told["bronze_files"]["first_problems"]  # the sample is a part of an archive
    assert problem.startswith("activities.csv: 10 recordings that it names did not come with it, such as activities/")
    assert Counter(row["source"] for row in warehouse.activities.values()) == {
        "strava_json": 133, "running_page": 61, "strava_archive": 24, "file": 78
    }  # fmt: skip


@pytest.mark.parametrize("name", [*names("fit"), *names("gpx"), *names("tcx")])
def test_a_file_is_in_the_list_with_its_problem_or_none(warehouse: Warehouse, name: str) -> None:
    row = warehouse.file(name)
    assert (row["role"], row["source"], row["problem"]) == ("activity", "file", FLAWED.get(name))
    assert row["format"] == MEASURED[name]["kind"]
    assert row["size"] == (SAMPLES / name).stat().st_size


@pytest.mark.parametrize("name", [name for name in names("fit") if name != RECOVERED])
def test_a_fit_file_became_what_an_independent_reading_said(warehouse: Warehouse, name: str) -> None:
    told, row, found = MEASURED[name], warehouse.file(name), warehouse.of_file(name)
    if told["type"] != "activity" and not told["sessions"]:
        assert (row["kind"], row["recordings"]) == (told["type"], 0)
        return
    assert row["kind"] == "activity"
    assert warehouse.points(found) == told["records"]
    assert warehouse.count("activity_laps", found) == told["laps"]
    assert warehouse.count("activity_lengths", found) == told["lengths"]
    assert warehouse.count("activity_sessions", found) == len(found) == row["recordings"]
    for one, session in zip(found, told["sessions"], strict=bool(told["sessions"])):
        assert one["sport_type"] == sport_type(session["sport"], session.get("sub_sport"))
        if session.get("total_distance"):  # a rowing computer's is a developer's field beside the watch's 0
            assert one["distance"] == session["total_distance"]
        assert one["total_elevation_gain"] == session.get("total_ascent")
        assert one["elapsed_time"] == round(session["total_elapsed_time"])
        start = session["start_time"]
        assert one["start_date"] == (instant(start) if isinstance(start, str) else None)


@pytest.mark.parametrize("name", names("gpx"))
def test_a_gpx_file_became_what_an_independent_reading_said(warehouse: Warehouse, name: str) -> None:
    told, row, found = MEASURED[name], warehouse.file(name), warehouse.of_file(name)
    if not told["with_time"]:
        kind = "route" if told["points"] or told["routes"] else "waypoints" if told["waypoints"] else "empty"
        assert (row["kind"], found) == (kind, [])
        return
    (one,) = found
    assert (row["kind"], one["start_date"]) == ("activity", instant(told["first"]))
    if name in UNTIMED:
        assert warehouse.points(found) == UNTIMED[name]
        return
    assert (warehouse.points(found), warehouse.tracks[one["id"]]["heartrates"]) == (told["points"], told["hr"])
    length = told["length_2d"] - JUMPS.get(name, 0.0)
    assert one["distance"] == pytest.approx(length, rel=0.003, abs=0.1)  # another model of the earth


@pytest.mark.parametrize("name", names("tcx"))
def test_a_tcx_file_became_what_an_independent_reading_said(warehouse: Warehouse, name: str) -> None:
    told, found = MEASURED[name], warehouse.of_file(name)
    (one,) = found
    assert (one["sport_type"], one["start_date"]) == (sport_type(told["activities"][0][0]), instant(told["first"]))
    assert (warehouse.points(found), warehouse.tracks[one["id"]]["heartrates"]) == (told["trackpoints"], told["hr"])
    assert warehouse.count("activity_laps", found) == told["laps"]
    assert one["moving_time"] == round(told["lap_time"])
    assert one["elapsed_time"] == round(
        (datetime.fromisoformat(told["last"]) - datetime.fromisoformat(told["first"])).total_seconds()
    )


def test_a_file_that_lost_bytes_is_an_activity_to_its_end(warehouse: Warehouse) -> None:
    (one,) = warehouse.of_file(RECOVERED)
    assert (one["distance"], one["sport_type"]) == (11274.04, "Run")
    assert warehouse.points([one]) > 5200
    assert sorted(warehouse.file(RECOVERED)["flags"]) == ["damaged", "truncated"]


def test_a_pool_swim_is_told_length_by_length(warehouse: Warehouse) -> None:
    (one,) = warehouse.of_file("fit/event_timestamp.fit")
    lengths, (session,) = (warehouse.children[table][one["id"]] for table in ("activity_lengths", "activity_sessions"))
    assert len(lengths) == 166
    assert [each["length_index"] for each in sorted(lengths, key=lambda each: each["length_index"])] == list(
        range(1, 167)
    )
    assert {each["kind"] for each in lengths} <= {"active", "idle"}
    active = sum(each["kind"] == "active" for each in lengths)
    assert active * session["pool_length_m"] == pytest.approx(one["distance"], rel=0.05)
    assert (one["sport_type"], warehouse.tracks[one["id"]]["heartrates"]) == ("Swim", 4375)


def test_a_triathlon_is_an_activity_for_each_of_its_legs(warehouse: Warehouse) -> None:
    found = warehouse.of_file("fit/sample_mulitple_header.fit")
    assert [one["sport_type"] for one in found] == ["Swim", None, "Ride", None, "Run"]
    assert [warehouse.points([one]) for one in found] == [349, 38, 854, 14, 518]


def test_a_sport_is_strava_s_or_null_with_the_file_s_word_in_extra(warehouse: Warehouse) -> None:
    assert {one["sport_type"] for one in warehouse.activities.values()} <= {None, *sport_names()}
    words = [json.loads(one["extra"] or "{}") for one in warehouse.activities.values() if one["sport_type"] is None]
    assert {each["sport"] for each in words if "sport" in each} == {"transition", "t"}


# --- archives of other tools


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (
            "gpx_multiple_extensions.zip",
            {"test_1.gpx": "activity", "example.kml": "activity", "example.kmz": "activity"},
        ),
        ("gpx_test.zip", {"test_1.gpx": "activity", "test_2.gpx": "activity", "test_3.gpx": "activity"}),
        ("gpx_test_all_incorrect.zip", {"test_4.gpx": "empty", "test_5.gpx": "empty"}),
        ("gpx_test_folder.zip", {f"folder/test_{number}.gpx": "activity" for number in (1, 2, 3)}),
        ("gpx_test_incorrect.zip", {"test_1.gpx": "activity", "test_4.gpx": "empty"}),
        ("gpx_test_no_gpx.zip", {}),
    ],
)
def test_a_zip_of_another_tool_became_its_files(warehouse: Warehouse, name: str, found: dict[str, str]) -> None:
    kinds = {}
    with zipfile.ZipFile(SAMPLES / "archives" / name) as archive:
        for member in archive.namelist():
            row = warehouse.files.get(hashlib.sha256(archive.read(member)).hexdigest())
            if row is not None and not member.endswith("/"):
                kinds[member] = row["kind"]
    assert kinds == found


# --- Strava's archives


def listed(export: str) -> dict[str, dict[str, str]]:
    """The rows of an export by their id, read by Python's own csv: of columns with one name the last one counts."""
    with (SAMPLES / "bulk_export" / export / "activities.csv").open(newline="") as file:
        return {row["Activity ID"]: row for row in csv.DictReader(file)}


ROWS = [(export, key) for export in EXPORTS if SAMPLES.exists() for key in listed(export)]
ORACLES = [
    (export, told)
    for export in EXPORTS
    if SAMPLES.exists()
    for told in json.loads((SAMPLES / "bulk_export" / export / "_ORACLE.json").read_bytes())
]


@pytest.mark.parametrize(("export", "key"), ROWS)
def test_a_row_of_an_archive_is_an_activity(warehouse: Warehouse, export: str, key: str) -> None:
    cells, row = listed(export)[key], warehouse.activities[int(key)]
    assert (row["source"], row["name"]) == ("strava_archive", cells["Activity Name"])
    assert row["start_date"] == datetime.strptime(cells["Activity Date"], "%b %d, %Y, %I:%M:%S %p").replace(tzinfo=UTC)
    assert row["sport_type"] == cells["Activity Type"].replace(" ", "")
    assert row["distance"] == pytest.approx(float(cells["Distance"]), abs=0.001)
    assert row["elapsed_time"] == round(float(cells["Elapsed Time"]))
    has_file = bool(cells["Filename"]) and (SAMPLES / "bulk_export" / export / cells["Filename"]).exists()
    assert (int(key) in warehouse.tracks) == has_file


@pytest.mark.parametrize(("export", "told"), ORACLES, ids=lambda each: each["file"] if isinstance(each, dict) else each)
def test_a_row_and_its_file_are_one_activity(warehouse: Warehouse, export: str, told: dict[str, Any]) -> None:
    (key,) = [int(key) for key, cells in listed(export).items() if cells["Filename"] == told["file"]]
    row = warehouse.activities[key]
    assert row["start_date"] == instant(told["csv_start"])
    assert row["distance"] == pytest.approx(told["csv_dist"], abs=0.001), "Strava's number is never corrected"
    assert (row["elapsed_time"], row["moving_time"]) == (round(told["csv_elapsed"]), round(told["csv_moving"]))
    assert row["total_elevation_gain"] == pytest.approx(told["csv_gain"], abs=0.001)
    path = SAMPLES / "bulk_export" / export / told["file"]
    if not path.exists():
        assert key not in warehouse.tracks
        return
    assert (warehouse.tracks[key]["points"], warehouse.tracks[key]["source"]) == (told["points"], "file")
    (session,) = warehouse.children["activity_sessions"][key]
    jump = JUMPS.get(f"bulk_export/{export}/{told['file']}", 0.0)
    assert session["distance_m"] == pytest.approx(told["file_dist"] - jump, rel=0.003)
    assert session["elapsed_time_seconds"] == pytest.approx(told["file_elapsed"], abs=1)
    assert session["started_at"] == instant(told["file_start"])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert warehouse.files[digest]["source"] == "strava_archive"
    assert json.loads(row["extra"])["file"]["sha256"] == digest


def test_what_strava_took_out_of_a_file_is_not_there(warehouse: Warehouse) -> None:
    """The watch's own file has heart rates and 109 m of climbing; Strava's copy and its row have neither."""
    watch = warehouse.of_file("fit/2022-05-29-15-53-35_Laufen_Landal_Park.fit")[0]
    row = warehouse.activities[12070555079]
    assert (row["start_date"], row["distance"], row["elapsed_time"]) == (
        watch["start_date"],
        pytest.approx(watch["distance"], abs=0.001),
        watch["elapsed_time"],
    )
    assert [warehouse.tracks[each["id"]]["points"] for each in (watch, row)] == [326, 326]
    assert [warehouse.tracks[each["id"]]["heartrates"] for each in (watch, row)] == [326, 0]
    assert (watch["total_elevation_gain"], round(row["total_elevation_gain"], 1)) == (109, 61.9)


def test_a_file_that_no_row_names_stands_for_itself(warehouse: Warehouse) -> None:
    (one,) = warehouse.of_file("bulk_export/sportiva/activities/20250510.gpx")
    assert (one["source"], warehouse.points([one])) == ("file", 962)


# --- objects of the API


OBJECTS = [
    (path.name, item)
    for folder in ("strava/detailed", "strava/summary")
    for path in sorted((SAMPLES / folder).glob("*.json"))
    if "ORACLE" not in path.name
    for found in [json.loads(path.read_bytes())]
    for item in (found if isinstance(found, list) else [found])
]


@pytest.mark.parametrize(
    ("name", "item"), OBJECTS, ids=lambda each: str(each["id"]) if isinstance(each, dict) else each
)
def test_an_object_of_the_api_is_an_activity(warehouse: Warehouse, name: str, item: dict[str, Any]) -> None:
    row = warehouse.activities[item["id"]]
    assert row["source"] == "strava_json"
    for field in ("name", "distance", "elapsed_time", "moving_time", "total_elevation_gain", "sport_type", "gear_id"):
        assert row[field] == item.get(field), field
    assert row["start_date"] == instant(item["start_date"])
    if "detailed" in name or "activity" in name:
        assert warehouse.details[item["id"]]["description"] == item.get("description")
        assert len(warehouse.children["activity_laps"].get(item["id"], [])) == len(item.get("laps") or [])
        splits = warehouse.children["activity_splits_metric"].get(item["id"], [])
        assert len(splits) == len(item.get("splits_metric") or [])


RUNS = json.loads((SAMPLES / "running_page/activities_61.json").read_bytes()) if SAMPLES.exists() else []


@pytest.mark.parametrize("item", RUNS, ids=lambda item: str(item["run_id"]))
def test_a_run_of_running_page_is_an_activity(warehouse: Warehouse, item: dict[str, Any]) -> None:
    row = warehouse.activities[item["run_id"]]
    assert (row["source"], row["name"], row["sport_type"]) == ("running_page", item["name"], item["type"])
    assert row["distance"] == pytest.approx(item["distance"])
    assert row["start_date"] == instant(item["start_date"])
