"""Real archives, and what other tools left, file by file: what is found in each, and what is said about the rest.

They lie in ../shared/samples beside the checkout and are no part of this repository; nothing of them is copied here.
"""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from strava_pipeline.core.files.archive_csv import ActivitiesCsv, ArchiveRow, read_activities_csv
from strava_pipeline.core.files.export_columns import Recognition
from strava_pipeline.core.files.objects import running_page_summary
from strava_pipeline.ingest.archive.api_json import ApiObject, ObjectKind, read_objects
from strava_pipeline.ingest.archive.bulk_export import BulkExport, bulk_exports
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.archive.exports.intervals_icu import read_intervals

pytestmark = pytest.mark.samples

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
EXPORTS = SAMPLES / "bulk_export"
HEADERS = EXPORTS / "headers"

HEADER_FILES = {  # columns, and which of the two distances are there
    "de_2024-11_92cols": (92, "both"),
    "en_2018-06_10cols": (10, "raw"),
    "en_2019-07_10cols": (10, "shown"),
    "en_2023-11_translation_missing": (87, "both"),
    "en_2023_86cols": (86, "both"),
    "en_2024_94cols": (94, "both"),
    "en_2025-10_99cols": (99, "both"),
    "en_2026-05_103cols": (103, "both"),
    "en_pandas_suffixed": (94, "both"),
    "es_partial_12cols": (12, "both"),
    "es_partial_5cols": (5, "neither"),
    "fr_partial_21cols": (21, "both"),
    "nl_2020-08_72cols": (72, "both"),
    "nl_2026_99cols": (99, "both"),
    "odd_rows_en94": (94, "both"),
    "odd_rows_en99_swim": (99, "both"),
    "rows_nl_99cols": (99, "both"),
}


def listed(path: Path) -> ActivitiesCsv:
    return read_activities_csv(path.read_bytes())


def export(path: Path) -> BulkExport:
    with open_container(path) as container:
        assert [str(fault) for fault in container.faults] == []
        (found,) = bulk_exports(container)
    return found


def by_id(found: ActivitiesCsv) -> dict[int | None, ArchiveRow]:
    return {row.activity_id: row for row in found.rows}


def test_no_header_is_left_out() -> None:
    assert {path.stem for path in HEADERS.glob("*.csv")} == set(HEADER_FILES)


@pytest.mark.parametrize("name", HEADER_FILES)
def test_every_column_of_every_header_is_known_by_its_name(name: str) -> None:
    count, distances = HEADER_FILES[name]
    header = listed(HEADERS / f"{name}.csv").header
    assert {cell.how for cell in header.cells} == {Recognition.NAME}
    assert len(header.cells) == count
    fields = [cell.column.field for cell in header.cells if cell.column]
    assert len(fields) == len(set(fields)) == count
    expected = {"raw": ["distance"], "shown": ["distance_shown"], "both": ["distance_shown", "distance"], "neither": []}
    assert [field for field in fields if field in ("distance_shown", "distance")] == expected[distances]
    assert fields[0] == "id"
    assert header.has("filename")


@pytest.mark.parametrize("name", [name for name, (count, _) in HEADER_FILES.items() if count > 85])
def test_a_header_of_today_says_the_same_in_every_language(name: str) -> None:
    english = [cell.column for cell in listed(HEADERS / "en_2026-05_103cols.csv").header.cells]
    cells = [cell.column for cell in listed(HEADERS / f"{name}.csv").header.cells]
    if name == "en_2023-11_translation_missing":  # has "Sport Type" where others have "Activity Count"
        place = next(at for at, column in enumerate(cells) if column and column.field == "sport_type_code")
        assert cells[:place] == english[:place]
    else:
        assert cells[:-1] == english[: len(cells) - 1]
    assert cells[-1] == english[-1]


def test_dutch_rows_of_eight_years() -> None:
    found = listed(HEADERS / "rows_nl_99cols.csv")
    assert [str(fault) for fault in found.faults] == []
    assert dict(found.unknown_sports) == {}
    assert Counter(row.sport_type for row in found.rows).keys() == {
        "Run", "Ride", "Walk", "Swim", "Workout", "Kayaking", "Kitesurf"
    }  # fmt: skip
    first = found.rows[0]
    assert first.started_at == datetime.fromisoformat("2017-07-08T15:25:34Z")
    assert (first.activity_id, first.distance_m, first.elapsed_s, first.sport_shown) == (1081219533, 9721.5, 3107, "Hardloopsessie")  # fmt: skip
    assert sum(row.filename is None for row in found.rows) == 2
    assert all(row.started_at and row.distance_m is not None for row in found.rows)


def test_english_rows_with_errors_thousands_and_a_bare_return() -> None:
    found = listed(HEADERS / "odd_rows_en94.csv")
    assert len(found.rows) == 32
    assert sum(row.unexported for row in found.rows) == sum(
        b",#error#," in line for line in (HEADERS / "odd_rows_en94.csv").read_bytes().splitlines()
    )
    row = by_id(found)[12852986492]
    assert (row.sport_type, row.distance_m, row.from_display) == ("Rowing", 10029.0, frozenset())
    assert row.media == ("media/93801123.jpg", "media/0D0AAF14-ED1B-4774-ADEB-FA498DA18810.jpg")
    assert {fault.what for fault in found.faults} <= {"the same activity stands in another row too; both are kept"}
    assert all(row.started_at and row.activity_id for row in found.rows)
    assert any((row.filename or "").endswith(".bin.gz") for row in found.rows)


def test_english_rows_of_every_sport_and_swims_in_metres() -> None:
    found = listed(HEADERS / "odd_rows_en99_swim.csv")
    assert [str(fault) for fault in found.faults] == []
    assert dict(found.unknown_sports) == {}
    assert {(row.sport_shown, row.sport_type) for row in found.rows} >= {
        ("Football (Soccer)", "Soccer"),
        ("Stand Up Paddling", "StandUpPaddling"),
        ("Rock Climb", "RockClimbing"),
        ("Ice Skate", "IceSkate"),
        ("Virtual Ride", "VirtualRide"),
        ("Weight Training", "WeightTraining"),
    }
    assert by_id(found)[11110178459].distance_m == 1250.0
    assert by_id(found)[11110178568].gear_id == "b14104308"
    assert by_id(found)[11110178567].gear_id == "g17243084"


@pytest.mark.parametrize("name", ["odd_rows_en94", "odd_rows_en99_swim", "rows_nl_99cols"])
def test_what_is_shown_agrees_with_what_is_raw(name: str) -> None:
    """The display block converted, as for an archive that has no other: within a hundredth of a kilometre."""
    found = listed(HEADERS / f"{name}.csv")
    raw = (HEADERS / f"{name}.csv").read_bytes().split(b"\n", 1)
    cells = raw[0].split(b",")
    distance = [at for at, cell in enumerate(cells) if cell in (b"Distance", b"Afstand")][1]
    cells[distance] = b"Something else"
    shown = read_activities_csv(b",".join(cells) + b"\n" + raw[1])
    for one, other in zip(found.rows, shown.rows, strict=True):
        assert "distance" in other.from_display
        assert other.distance_m == pytest.approx(one.distance_m, abs=10)


def test_the_french_athlete_s_export_with_files_missing() -> None:
    found = export(EXPORTS / "sportiva")
    assert len(found.activities.rows) == 23
    assert (len(found.files), len(found.missing), list(found.unlisted)) == (13, 10, ["activities/20250510.gpx"])
    assert {row.sport_type for row in found.activities.rows} == {"Hike", "Run", "AlpineSki", "Ride", "Walk"}
    assert found.activities.header.unnamed == ()
    _agrees_with_its_oracle(found, EXPORTS / "sportiva" / "_ORACLE.json", 13)


def test_the_export_of_one_activity() -> None:
    found = export(EXPORTS / "geo-activity-playground")
    assert list(found.files) == ["activities/12866632127.fit.gz"]
    assert (list(found.missing), list(found.unlisted), found.gear, found.athlete_id) == ([], [], (), None)
    _agrees_with_its_oracle(found, EXPORTS / "geo-activity-playground" / "_ORACLE.json", 1)


def _agrees_with_its_oracle(found: BulkExport, path: Path, count: int) -> None:
    rows = {row.filename: row for row in found.activities.rows}
    oracle = [item for item in json.loads(path.read_bytes()) if item["file"] in rows]
    assert len(oracle) >= count
    for item in oracle:
        row = rows[item["file"]]
        assert row.started_at == datetime.fromisoformat(item["csv_start"])
        told = item["csv_dist"], item["csv_elapsed"], item["csv_moving"]
        assert (row.distance_m, row.elapsed_s, row.moving_s) == told
        assert row.ascent_m == item["csv_gain"]


ZIPS = {
    "gpx_multiple_extensions": ["example.kml", "example.kmz", "test_1.gpx"],
    "gpx_test": ["fichier.doc", "test_1.gpx", "test_2.gpx", "test_3.gpx"],
    "gpx_test_all_incorrect": ["test_4.gpx", "test_5.gpx"],
    "gpx_test_folder": ["folder/fichier.doc", "folder/test_1.gpx", "folder/test_2.gpx", "folder/test_3.gpx"],
    "gpx_test_incorrect": ["test_1.gpx", "test_4.gpx"],
    "gpx_test_no_gpx": ["folder/fichier.doc"],
}


@pytest.mark.parametrize("name", ZIPS)
def test_zips_that_are_no_exports_hold_their_files(name: str) -> None:
    with open_container(SAMPLES / "archives" / f"{name}.zip") as container:
        assert [entry.name for entry in container.entries] == ZIPS[name]
        assert [len(entry.read()) for entry in container.entries] == [entry.size for entry in container.entries]
        assert list(container.faults) == []
        assert list(bulk_exports(container)) == []


JSON = {
    "summary/summary_2021_30.json": {ObjectKind.SUMMARY: 30},
    "summary/summary_2025_98.json": {ObjectKind.SUMMARY: 98},
    "bzimmer/activities.json": {ObjectKind.SUMMARY: 2},
    "bzimmer/activity.json": {ObjectKind.SUMMARY: 1},
    "bzimmer/activity_with_polyline.json": {ObjectKind.DETAIL: 1},
    "models/summary_activity.json": {ObjectKind.SUMMARY: 1},
    "models/detailed_activities/ride.json": {ObjectKind.DETAIL: 1},
    "models/detailed_activities/run.json": {ObjectKind.DETAIL: 1},
    "models/detailed_activities/swim.json": {ObjectKind.SUMMARY: 1},  # a summary, whatever its folder says
    "detailed/desirelines_activity_1.json": {ObjectKind.DETAIL: 1},
    "detailed/desirelines_activity_2.json": {ObjectKind.DETAIL: 1},
    "detailed/runpandas_4437021783_detailed.json": {ObjectKind.DETAIL: 1},
    "detailed/stravalib_activity-manual.3.json": {ObjectKind.DETAIL: 1},
    "detailed/stravalib_activity.3.json": {ObjectKind.DETAIL: 1},
}


def test_among_all_stored_answers_exactly_the_activities_are_taken_for_activities() -> None:
    found: dict[str, Counter[ObjectKind]] = {}
    with open_container(SAMPLES / "strava") as container:
        for each in read_objects(container.entries):
            assert isinstance(each, ApiObject), str(each)
            if each.kind in (ObjectKind.SUMMARY, ObjectKind.DETAIL, ObjectKind.RUNNING_PAGE):
                found.setdefault(each.source, Counter())[each.kind] += 1
    assert found == JSON


def test_running_page_s_activities_are_strava_s() -> None:
    with open_container(SAMPLES / "running_page" / "activities_61.json") as container:
        objects = [each for each in read_objects(container.entries) if isinstance(each, ApiObject)]
    assert Counter(each.kind for each in objects) == {ObjectKind.RUNNING_PAGE: 61}
    for each in objects:
        summary = running_page_summary(each.body)
        assert summary["id"] == each.body["run_id"]
        assert isinstance(summary["moving_time"], int)
        assert summary["moving_time"] * summary["average_speed"] == pytest.approx(summary["distance"], rel=0.02, abs=3)
        assert datetime.fromisoformat(summary["start_date"]) == datetime.fromisoformat(each.body["start_date"])


def test_a_real_list_of_intervals_icu_is_read_whole() -> None:
    found = read_intervals((SAMPLES / "providers" / "intervals" / "activities_head.csv").read_bytes())
    assert found.faults == []
    assert [(row.source_id, row.sport, row.fields["distance"]) for row in found.rows] == [
        ("intervals_icu:i178509368", "VirtualRun", 15000.0),
        ("intervals_icu:i178144532", "VirtualRun", 7000.0),
        ("intervals_icu:i177471015", "VirtualRun", 2000.0),
    ]
    assert found.rows[0].fields["start_date_local"] == "2026-08-22T17:13:34Z"
    assert found.rows[0].fields["utc_offset"] == 36000
