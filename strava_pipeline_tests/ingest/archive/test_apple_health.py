"""Apple Health's export: workouts with and without routes, out of a document that is never held as a whole."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive.apple_health import health_lists
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.archive.contents import contents
from strava_pipeline.ingest.archive.exports.apple_health import read_apple_health
from strava_pipeline.ingest.archive.survey import survey
from strava_pipeline.ingest.files.reading import read_file
from strava_pipeline_tests.ingest.archive.exports import CAME, activities_of, fields_of, gpx
from strava_pipeline_tests.ingest.archive.made import forged, unpacked, zipped

BEGAN = datetime(2021, 5, 1, 7, 0, 1, tzinfo=UTC)
TOP = "apple_health_export"
ROUTE = f"{TOP}/workout-routes/route_2021-05-01_9.00am.gpx"
DOCTYPE = '<!DOCTYPE HealthData [\n<!ELEMENT HealthData (Record*,Workout*)>\n<!ATTLIST broken\n<!ENTITY a "boom">\n]>\n'
RECORD = '<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Jane\'s Watch" value="61" startDate="2021-05-01 09:00:00 +0200"/>\n'


def workout(word: str, began: str, ended: str, inner: str = "", more: str = "") -> str:
    return (
        f'<Workout workoutActivityType="HKWorkoutActivityType{word}" duration="29.5" durationUnit="min" {more} '
        f'sourceName="Jane\'s Watch" device="&lt;HKDevice&gt;" startDate="{began}" endDate="{ended}">{inner}</Workout>\n'
    )


RUN = workout(
    "Running", "2021-05-01 09:00:00 +0200", "2021-05-01 09:30:00 +0200",
    '<MetadataEntry key="HKTimeZone" value="Europe/Vienna"/><MetadataEntry key="HKIndoorWorkout" value="0"/>'
    '<MetadataEntry key="HKElevationAscended" value="1234 cm"/>'
    '<WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" average="150.5" maximum="178" unit="count/min"/>'
    '<WorkoutStatistics type="HKQuantityTypeIdentifierDistanceWalkingRunning" sum="5.25" unit="km"/>'
    '<WorkoutStatistics type="HKQuantityTypeIdentifierActiveEnergyBurned" sum="300" unit="Cal"/>'
    '<WorkoutRoute sourceName="Jane\'s Watch"><FileReference path="/workout-routes/route_2021-05-01_9.00am.gpx"/></WorkoutRoute>',
)  # fmt: skip
GYM = workout(
    "FunctionalStrengthTraining", "2021-05-02 18:00:00 +0200", "2021-05-02 18:45:00 +0200",
    '<MetadataEntry key="HKIndoorWorkout" value="1"/>', 'totalDistance="0" totalDistanceUnit="km" totalEnergyBurned="836.8" totalEnergyBurnedUnit="kJ"',
)  # fmt: skip


def document(*parts: str, doctype: str = DOCTYPE) -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}<HealthData locale="de_AT">\n <ExportDate value="2026-11-01"/>\n'
    return f"{head}{''.join(parts)}</HealthData>\n".encode()


WHOLE = document(RECORD, RUN, RECORD * 3, GYM, RECORD)
EXPORT = {
    f"{TOP}/export.xml": WHOLE,
    f"{TOP}/export_cda.xml": b"<?xml version='1.0'?><ClinicalDocument/>",
    f"{TOP}/electrocardiograms/ecg.csv": b"Name,Jane",
    ROUTE: gpx(BEGAN),
}


def path_of(folder: Path, files: dict[str, bytes] = EXPORT, *, as_folder: bool = False) -> Path:
    if as_folder:
        return unpacked(folder / "health", files)
    path = folder / "export.zip"
    path.write_bytes(zipped(files))
    return path


@pytest.mark.parametrize("as_folder", [False, True])
@pytest.mark.parametrize(
    "limits", [ImportLimits(), ImportLimits(file_bytes=1700)], ids=["small", "larger than a file may be"]
)
def test_workouts_with_or_without_a_route_are_activities(tmp_path: Path, as_folder: bool, limits: ImportLimits) -> None:
    files = {**EXPORT, ROUTE: gpx(BEGAN, seconds=10)}
    assert len(files[ROUTE]) < 1700 < len(WHOLE)
    run, gym = map(fields_of, activities_of(path_of(tmp_path, files, as_folder=as_folder), limits=limits))
    assert {name: run[name] for name in ("sport_type", "start_date", "moving_time", "average_heartrate", "calories")} == {
        "sport_type": "Run", "start_date": "2021-05-01T07:00:00Z", "moving_time": 1770, "average_heartrate": 150.5, "calories": 300.0,
    }  # fmt: skip
    assert (run["name"], run["total_elevation_gain"]) == ("by the app", 12.34)
    assert {name: gym[name] for name in ("sport_type", "start_date", "elapsed_time", "trainer", "calories")} == {
        "sport_type": "WeightTraining", "start_date": "2021-05-02T16:00:00Z", "elapsed_time": 2700, "trainer": True,
        "calories": 200.0,
    }  # fmt: skip
    assert not {"start_date_local", "distance"} & gym.keys(), "the offset is the telephone's, and 0 km is no distance"


def far(**kinds: str) -> str:
    """Statistics: kilometres by kind of distance."""
    return "".join(
        f'<WorkoutStatistics type="HKQuantityTypeIdentifierDistance{kind}" sum="{km}" unit="km"/>'
        for kind, km in kinds.items()
    )


HEART = '<WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" average="150" maximum="170" unit="count/min"/>'
WALKED = far(WalkingRunning="0.31")
INNER = f'<WorkoutActivity uuid="1">{HEART}{far(WalkingRunning="8")}</WorkoutActivity>'
DISTANCES = [  # the workout, what it says, and its distance
    ("Cycling", far(WalkingRunning="0.31", Cycling="24.2"), 24_200),
    ("Cycling", far(Cycling="24.2", WalkingRunning="0.31"), 24_200),
    ("Cycling", far(Cycling="0", WalkingRunning="0.31"), None),
    ("Cycling", WALKED, None),
    ("HandCycling", WALKED + far(Cycling="12"), 12_000),
    ("Swimming", WALKED + far(Swimming="1.5"), 1_500),
    ("Swimming", WALKED, None),
    ("Running", far(Cycling="3", WalkingRunning="10"), 10_000),
    ("Running", far(Cycling="3"), None),
    ("Hiking", far(WalkingRunning="12"), 12_000),
    ("WheelchairRunPace", WALKED + far(Wheelchair="5"), 5_000),
    ("DownhillSkiing", WALKED + far(DownhillSnowSports="20"), 20_000),
    ("Snowboarding", WALKED + far(DownhillSnowSports="20"), 20_000),
    ("CrossCountrySkiing", WALKED + far(CrossCountrySkiing="15"), 15_000),
    ("CrossCountrySkiing", far(WalkingRunning="15"), 15_000),  # before iOS 18 there was no other kind
    ("Rowing", WALKED + far(Rowing="6"), 6_000),
    ("PaddleSports", WALKED + far(PaddleSports="4"), 4_000),
    ("SkatingSports", WALKED + far(SkatingSports="9"), 9_000),
    ("Soccer", far(Cycling="2", WalkingRunning="7"), 7_000),
    ("Other", far(Swimming="2"), 2_000),
    ("Fencing", far(WalkingRunning="1"), 1_000),
    ("Running", INNER, 8_000),
    ("Running", far(WalkingRunning="9") + INNER, 9_000),
    ("Running", INNER * 2, None),
]


@pytest.mark.parametrize(("word", "inner", "metres"), DISTANCES)
def test_the_sport_names_its_kind_of_distance(tmp_path: Path, word: str, inner: str, metres: float | None) -> None:
    body = document(workout(word, "2021-05-01 09:00:00 +0200", "2021-05-01 09:30:00 +0200", inner))
    (only,) = map(fields_of, activities_of(unpacked(tmp_path, {"export.xml": body})))
    assert only.get("distance") == metres
    assert only.get("average_heartrate") == (150 if inner.count("HeartRate") == 1 else None)


TIMES = ("start_date", "start_date_local", "elapsed_time", "moving_time", "distance", "average_speed")


def test_the_list_says_start_end_and_distance_and_the_route_where(tmp_path: Path) -> None:
    run, _ = activities_of(path_of(tmp_path, {**EXPORT, ROUTE: gpx(BEGAN, seconds=10)}))
    assert {name: fields_of(run)[name] for name in TIMES} == {
        "start_date": "2021-05-01T07:00:00Z", "start_date_local": "2021-05-01T09:00:00Z", "elapsed_time": 1800,
        "moving_time": 1770, "distance": 5250.0, "average_speed": 2.966,
    }  # fmt: skip
    assert len(run.recorded) == 1
    assert fields_of(run)["start_latlng"] == [48.0, 11.5]


def test_where_a_workout_names_no_zone_its_clock_is_that_of_the_route_s_place(tmp_path: Path) -> None:
    zoneless = RUN.replace('<MetadataEntry key="HKTimeZone" value="Europe/Vienna"/>', "")
    (run,) = map(fields_of, activities_of(path_of(tmp_path, {**EXPORT, f"{TOP}/export.xml": document(zoneless)})))
    assert (run["start_date"], run["start_date_local"]) == ("2021-05-01T07:00:00Z", "2021-05-01T09:00:00Z")


def test_nobody_moves_for_longer_than_the_workout_takes(tmp_path: Path) -> None:
    rounded = RUN.replace('duration="29.5"', 'duration="30.02"')
    (run,) = map(fields_of, activities_of(path_of(tmp_path, {f"{TOP}/export.xml": document(rounded)})))
    assert (run["moving_time"], run["elapsed_time"]) == (1800, 1800)
    endless = rounded.replace('endDate="2021-05-01 09:30:00 +0200"', "")
    (run,) = map(fields_of, activities_of(path_of(tmp_path, {**EXPORT, f"{TOP}/export.xml": document(endless)})))
    assert (run["moving_time"], run["elapsed_time"]) == (29, 29), "the points' own span"


SECOND = ROUTE.replace("9.00am", "9.20am")
TWO_ROUTES = RUN.replace(
    "</WorkoutRoute>", '</WorkoutRoute><WorkoutRoute><FileReference path="/workout-routes/route_2021-05-01_9.20am.gpx"/></WorkoutRoute>'
)  # fmt: skip
ROUTES = {ROUTE: gpx(BEGAN), SECOND: gpx(BEGAN.replace(minute=20), seconds=40)}
IN_PARTS = {f"{TOP}/export.xml": document(TWO_ROUTES), **ROUTES}


def test_several_routes_of_a_workout_are_one_track_of_one_activity(tmp_path: Path) -> None:
    (run,) = activities_of(path_of(tmp_path, IN_PARTS))
    (alone,) = activities_of(unpacked(tmp_path / "alone", {"a.gpx": gpx(BEGAN)}))
    assert [digest.split()[0] for digest, _ in run.recorded] == [ROUTE, SECOND]
    assert run.activity_id == alone.activity_id
    assert fields_of(run)["elapsed_time"] == 1800
    assert len(fields_of(run)["sessions"]) == 2  # type: ignore[arg-type]


def test_of_several_routes_those_that_can_be_read_are_the_track(tmp_path: Path) -> None:
    (run,) = activities_of(path_of(tmp_path, {**IN_PARTS, ROUTE: b"<gpx></gpx>"}))
    assert [digest.split()[0] for digest, _ in run.recorded] == [SECOND]
    (bare,) = activities_of(path_of(tmp_path, {**IN_PARTS, ROUTE: b"<gpx></gpx>", SECOND: b""}))
    assert (bare.recorded, fields_of(bare)["distance"]) == ((), 5250.0)


def test_routes_that_came_before_their_list_are_one_track_too(tmp_path: Path) -> None:
    earlier = {ROUTE.rpartition("/")[2]: IN_PARTS[ROUTE], SECOND.rpartition("/")[2]: IN_PARTS[SECOND]}
    (run,) = activities_of(path_of(tmp_path, {f"{TOP}/export.xml": IN_PARTS[f"{TOP}/export.xml"]}), earlier)
    assert [digest for digest, _ in run.recorded] == list(earlier)


def test_a_preview_counts_a_workout_with_several_routes_once(tmp_path: Path) -> None:
    found = survey(path_of(tmp_path, IN_PARTS), lambda name, body: read_file(body, name, CAME))
    assert found.activities == {(2021, "Run"): 1}


def test_only_the_workouts_are_kept_and_nobody_is_named(tmp_path: Path) -> None:
    with open_container(path_of(tmp_path)) as container:
        found = contents(container)
        kept = {entry.name: entry.read() for _, entry in found.entries}
        assert not container.faults
    assert kept.keys() == {ROUTE, f"{TOP}/export.xml.workouts.json"}
    assert b"Jane" not in kept[f"{TOP}/export.xml.workouts.json"]
    assert b"Record" not in kept[f"{TOP}/export.xml.workouts.json"]
    assert {kind: len(names) for kind, names in found.left_out.items()} == {"csv": 1, "xml": 1}


def test_the_same_workout_of_a_later_export_in_another_zone_is_the_same_activity(tmp_path: Path) -> None:
    def id_of(text: str) -> int:
        (only,) = activities_of(unpacked(tmp_path / text[-80:-70].strip(), {"export.xml": document(text)}))
        return only.activity_id

    later = workout("Rowing", "2021-05-01 04:00:00 -0500", "2021-05-01 04:30:00 -0500")
    assert id_of(workout("Rowing", "2021-05-01 11:00:00 +0200", "2021-05-01 11:30:00 +0200")) == id_of(later)


def test_the_zone_of_a_workout_is_its_clock() -> None:
    item = {
        "attributes": {"workoutActivityType": "HKWorkoutActivityTypeYoga", "startDate": "2021-12-31 23:30:00 +0000"}
    }
    (row,) = read_apple_health({"appleHealthWorkouts": [{**item, "metadata": {"HKTimeZone": "Europe/Vienna"}}]}).rows
    assert row.fields["start_date_local"] == "2022-01-01T00:30:00Z"
    assert row.fields["timezone"] == "(GMT+01:00) Europe/Vienna"
    (row,) = read_apple_health({"appleHealthWorkouts": [{**item, "metadata": {"HKTimeZone": "Atlantis"}}]}).rows
    assert row.fields == {"sport_type": "Yoga", "start_date": "2021-12-31T23:30:00Z"}


@pytest.mark.parametrize(
    ("items", "rows", "faults"),
    [
        ([], 0, 0),
        ([3, {}, {"attributes": {"startDate": "soon"}}], 0, 1),
        ([{"attributes": {"startDate": "2021-05-01 09:00:00 +0200", "duration": "x", "totalDistance": "5", "totalDistanceUnit": "furlong"}}], 1, 0),
        ([{"attributes": {"startDate": "0001-01-01 00:00:00 +1400"}}], 0, 1),
    ],
)  # fmt: skip
def test_odd_values_raise_nothing(items: list[Any], rows: int, faults: int) -> None:
    found = read_apple_health({"appleHealthWorkouts": items})
    assert (len(found.rows), len(found.faults)) == (rows, faults)


def test_a_sport_that_strava_lacks_keeps_its_word(tmp_path: Path) -> None:
    (only,) = activities_of(
        unpacked(tmp_path, {"export.xml": document(workout("Fencing", "2021-05-01 09:00:00 +0200", ""))})
    )
    assert fields_of(only)["sport"] == "Fencing"


@pytest.mark.parametrize(
    ("body", "activities"),
    [
        (document(RUN, GYM)[:-80], 1),
        (document(RUN, "<Record <<&bad; ", GYM), 1),
        (document(doctype='<!DOCTYPE HealthData [<!ENTITY a "' + "x" * 100 + '"><!ENTITY b "&a;&a;">]>'), 0),
    ],
)
def test_of_a_document_broken_off_the_workouts_before_come_in(tmp_path: Path, body: bytes, activities: int) -> None:
    path = unpacked(tmp_path, {"export.xml": body})
    assert len(activities_of(path)) >= activities
    with open_container(path) as container:
        (only,) = contents(container).service_lists
    assert bool(only.faults) is (activities > 0)


def test_other_documents_are_left_alone(tmp_path: Path) -> None:
    with open_container(unpacked(tmp_path, {"a.xml": b"<gpx/>", "b.xml": b"", "c.xml": b"\xff\xfe"})) as container:
        assert health_lists(container) == []


def test_a_document_that_cannot_be_read_is_no_list(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(forged(zipped({"export.xml": document(RUN)}), "export.xml", crc=1))
    with open_container(path) as container:
        assert health_lists(container) == []


def test_a_preview_counts_each_workout_once(tmp_path: Path) -> None:
    found = survey(path_of(tmp_path), lambda name, body: read_file(body, name, CAME))
    assert found.activities == {(2021, "Run"): 1, (2021, "WeightTraining"): 1}
    assert found.problems == []


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    entity = '<!DOCTYPE HealthData [<!ENTITY a "HKWorkoutActivityTypeRunning">]>'
    body = document(RUN.replace("HKWorkoutActivityTypeRunning", "&a;"), doctype=entity)
    with open_container(unpacked(tmp_path, {"export.xml": body})) as container:
        (only,) = health_lists(container)
    assert b"ActivityTypeRunning" not in only.entry.read()


def test_no_more_workouts_are_kept_than_a_file_may_have(tmp_path: Path) -> None:
    path = unpacked(tmp_path, {"export.xml": document(GYM * 50)})
    with open_container(path, ImportLimits(file_bytes=5000)) as container:
        (only,) = contents(container, ImportLimits(file_bytes=5000)).service_lists
        assert not container.faults, "the document's own size is no fault"
    assert 5 < len(only.found.rows) < 50
    assert "those before are read" in str(only.faults[0])


_PEAK = r"""
import resource
from pathlib import Path
from strava_pipeline.ingest.archive.apple_health import health_lists
from strava_pipeline.ingest.archive.container import Container, Kind
from strava_pipeline.ingest.archive.entry import Oversized
from strava_pipeline_tests.ingest.archive.test_apple_health import RECORD, RUN, document
records = (RECORD * 2000).encode()
def pieces():
    yield document(RUN).removesuffix(b"</HealthData>\n")
    for _ in range(100):
        yield records
    yield RUN.encode() + b"</HealthData>"
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(only,) = health_lists(Container(Path("export.zip"), Kind.ZIP, [], oversized=[Oversized("export.xml", 1, pieces)]))
assert only.entry.read().count(b"workoutActivityType") == 2
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.dear
def test_memory_does_not_grow_with_the_records() -> None:
    done = subprocess.run([sys.executable, "-c", _PEAK], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) < 20_000, "kB, for 25 MB of records; as a tree they would take ten times as much"
