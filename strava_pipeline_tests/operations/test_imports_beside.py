"""Imports beside everything else that runs: what comes late, is not merged yet or is cut otherwise does no harm."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.bronze.answers import land_gear
from strava_pipeline.lake.gold.fetch_selection import select_streams
from strava_pipeline.lake.gold.merge_details import merge_imported_gear, merge_profile
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.made import shards
from strava_pipeline.lake.made.tracks import track_origins
from strava_pipeline_tests.imports import an_archive, years_behind
from strava_pipeline_tests.rig import NOW, Make

FEW: dict[str, Any] = {"activities": 5, "years": (2025, 2026), "settings": {"first_year": 2025}}


@pytest.mark.dear
def test_what_another_tool_kept_hides_no_sighting_when_shards_are_merged(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(activities=4, years=(2025, 2026), settings={"first_year": 2025})
    rig.begin_with("flow_backfill")
    for year in (2025, 2026):
        rig.do("reconcile", [year])
    (rig.folder / "activities.json").write_text(json.dumps(rig.truth()))
    rig.import_files(rig.folder / "activities.json")
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 2)
    for year in (2025, 2026):
        assert rig.do("flow", [year]).absent.held == []
    assert rig.gold("FROM deleted_activities") == []
    rig.assert_true_to_source()


@pytest.mark.dear
def test_an_import_that_is_not_merged_stops_no_run_of_another_year(make_rig: Make) -> None:
    rig = make_rig(activities=10)
    path = an_archive(rig)
    gone = next(item["id"] for item in rig.truth() if item["start_date"].startswith("2023"))
    rig.control("delete", id=gone)
    rig.do("import_files", bronze_files={"paths": [str(path)]})
    rig.do("backfill", [2025])
    assert {year for (year,) in rig.gold("SELECT DISTINCT year FROM activities")} == {2025}
    assert years_behind(rig) >= {2023}
    rig.do("merge_files", sorted(years_behind(rig)))
    assert years_behind(rig) == set()
    assert rig.gold(f"SELECT source FROM activity_details WHERE activity_id = {gone}") == [("strava_archive",)]


@pytest.mark.dear
@pytest.mark.parametrize(
    ("first", "then"), [(2024, 2022), pytest.param(2022, 2024, marks=pytest.mark.soak(part="damage"))]
)
def test_another_first_year_doubles_no_track_and_costs_no_call(make_rig: Make, first: int, then: int) -> None:
    rig = make_rig(activities=6, settings={"first_year": first})
    rig.begin_with("flow_backfill")
    rig.import_files(an_archive(rig))
    rig.settings = rig.settings.model_copy(update={"first_year": then})
    rig.do("flow")
    recorded = {key for year in range(2008, 2030) for key in track_origins(rig.lake, year)}
    wanted = select_streams(rig.lake, rig.years, NOW)
    assert not recorded & {each.activity_id for each in wanted.due}
    rig.do("merge_files")
    files = [path.stem for path in rig.lake.tracks.rglob("*.parquet")]
    assert len(files) == len(set(files)) == len(recorded)
    years = dict(rig.gold("SELECT id, year FROM activities_all"))
    assert {path.parent.name for path in rig.lake.tracks.rglob("*.parquet")} == {
        f"year={years[key]}" for key in recorded
    }


@pytest.mark.dear
def test_an_older_archive_that_comes_later_stays_the_older_one(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    path = an_archive(rig)
    renamed = min(rig.truth(), key=lambda item: item["start_date"])
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "older.zip", "w") as older:
        for info in archive.infolist():
            body = archive.read(info)
            if info.filename == "activities.csv":
                head, *lines = body.decode().split("\n")
                mine = next(line for line in lines if line.startswith(str(renamed["id"])))
                body = "\n".join([head, mine.replace(renamed["name"], "Before it was renamed"), ""]).encode()
            older.writestr(info, body)
    rig.import_files(path)
    rig.import_files(tmp_path / "older.zip")
    assert rig.one(f"SELECT name FROM activities WHERE id = {renamed['id']}") == renamed["name"]
    versions = f"SELECT version, changed_fields FROM activity_history WHERE activity_id = {renamed['id']} ORDER BY 1"
    assert rig.gold(versions) == [(1, []), (2, ["name"])]
    table = rig.gold("SELECT * FROM activities_all ORDER BY id")
    rig.do("rebuild")
    assert rig.gold("SELECT * FROM activities_all ORDER BY id") == table


@pytest.mark.dear
def test_a_later_archive_with_empty_cells_takes_nothing_back(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    path = an_archive(rig)
    rig.import_files(path)
    looks = {
        "rows": "SELECT * EXCLUDE (ingestion_ts, edited_at) FROM activities_all ORDER BY id",
        "details": "SELECT * EXCLUDE (fetched_at) FROM activity_details ORDER BY ALL",
        "versions": "SELECT count(*) FROM activity_history",
        "laps": "SELECT count(*) FROM activity_laps",
    }
    before = rig.golds(looks)
    with zipfile.ZipFile(path) as archive:
        head, *lines = csv.reader(io.StringIO(archive.read("activities.csv").decode(), newline=""))
    kept = [place for place, name in enumerate(head) if name in ("Activity ID", "Activity Date")]
    with (tmp_path / "activities.csv").open("w", newline="") as file:
        emptied = ([cell if place in kept else "" for place, cell in enumerate(line)] for line in lines)
        csv.writer(file).writerows([head, *emptied])
    assert len(rig.import_files(tmp_path / "activities.csv")["bronze_files"].imports) == 1
    assert rig.golds(looks) == before
    rig.do("rebuild")
    assert rig.golds(looks) == before


@pytest.mark.dear
def test_gear_that_strava_no_longer_shows_keeps_the_name_of_the_archive(make_rig: Make) -> None:
    rig = make_rig(logged_in=False, **FEW)
    rig.import_files(an_archive(rig))
    gear_id, name = rig.gold("SELECT gear_id, name FROM gear ORDER BY 1")[0]
    land_gear(rig.lake, gear_id, json.dumps({"message": "Record Not Found"}).encode(), NOW, gone=True)
    with writing(rig.lake) as connection:
        merge_profile(connection, rig.lake)
        merge_imported_gear(connection, rig.lake)
    with reading(rig.lake) as connection:
        query = "SELECT name, found, source FROM gear WHERE gear_id = $gear"
        assert connection.execute(query, {"gear": gear_id}).fetchall() == [(name, False, "strava")]
