"""Archives and files into the warehouse, alone and beside the API: nothing is lost, nothing twice, the better source counts."""

import gzip
import shutil
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.archive import write_archive
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline_tests.imports import a_gpx, an_archive, tracks
from strava_pipeline_tests.rig import NOW, Make, Rig

FEW: dict[str, Any] = {"activities": 5, "years": (2025, 2026), "settings": {"first_year": 2025}}
NESTED = ("activity_details", "activity_laps", "activity_sessions", "activity_history", "gear")
ROWS = "SELECT * EXCLUDE (ingestion_ts, edited_at) FROM activities_all ORDER BY id"


@pytest.mark.dear
def test_an_archive_alone_is_a_whole_warehouse(make_rig: Make) -> None:
    rig = make_rig(logged_in=False, activities=10)
    made = rig.import_files(an_archive(rig))["tracks"]
    truth = {item["id"]: item for item in rig.truth()}
    rows = rig.gold("SELECT id, name, sport_type, start_date, gear_id, manual, source, athlete_id FROM activities")
    assert {row[0]: (row[1], row[2], f"{row[3]:%Y-%m-%dT%H:%M:%S}Z", row[4], row[5]) for row in rows} == {
        key: (item["name"], item["sport_type"], item["start_date"], item["gear_id"], item["manual"])
        for key, item in truth.items()
    }
    assert {row[6] for row in rows} == {"strava_archive"}
    assert {row[7] for row in rows} == {rig.emulator.state.athlete["id"]}
    distances = dict(rig.gold("SELECT id, distance FROM activities"))
    assert all(distances[key] == pytest.approx(item["distance"], abs=0.1) for key, item in truth.items())
    descriptions = dict(rig.gold("SELECT activity_id, description FROM activity_details WHERE description IS NOT NULL"))
    assert descriptions == {key: item["description"] for key, item in truth.items() if item.get("description")}
    recorded = {key for key, item in truth.items() if not item["manual"]}
    with_track = {row[0] for row in tracks(rig)}
    assert with_track
    assert with_track <= recorded
    assert made.tracks_from_files == len(with_track)
    assert rig.calls()["by_endpoint"] == {}
    local = dict(rig.gold("SELECT id, start_date_local FROM activities WHERE start_date_local IS NOT NULL"))
    assert len(local) > 5, "follow from the place"
    assert {key: f"{at:%Y-%m-%dT%H:%M:%S}Z" for key, at in local.items()} == {
        key: truth[key]["start_date_local"] for key in local
    }


def everything(rig: Rig) -> Any:
    """All that an archive tells, but for the moments at which it came."""
    rows = {table: f"FROM {table} ORDER BY ALL" for table in NESTED}
    return rig.golds({"activities_all": ROWS, **rows}), tracks(rig)


@pytest.mark.dear
def test_an_archive_that_comes_again_or_is_read_again_is_the_same(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    path = an_archive(rig, missing=1, unlisted=1)
    problems = rig.import_files(path)["bronze_files"].problems
    assert len(problems) == 1
    assert problems[0].startswith("activities.csv: 1 recording that it names did not come with it, such as activities/")
    looks = {table: f"FROM {table} ORDER BY ALL" for table in ("activities_all", *NESTED, "files")}
    before = everything(rig)
    assert all(before[0].values())

    for each in sorted(rig.lake.readings.rglob("*"), reverse=True):
        each.unlink() if each.is_file() else each.rmdir()
    rig.import_files(path)
    assert everything(rig) == before, "a lost reading is made again"

    (listed,) = rig.gold("SELECT sha256 FROM files WHERE role = 'list'")
    (stored,) = rig.lake.files.rglob(f"{listed[0]}*")
    stored.write_bytes(b"rubbish")
    with pytest.raises(PipelineError, match="missing or damaged"):
        rig.do("rebuild")
    assert rig.import_files(path)["bronze_files"].recovered_files == 1
    whole = rig.golds(looks), tracks(rig)
    shutil.rmtree(rig.lake.tracks)
    rig.do("rebuild")
    assert (rig.golds(looks), tracks(rig)) == whole, "from bronze"
    assert everything(rig) == before

    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    rig.import_files(tmp_path / "unpacked")
    assert rig.gold(ROWS) == before[0]["activities_all"]

    text = (tmp_path / "unpacked" / "activities.csv").read_text()
    assert "Morning" in text
    (tmp_path / "activities.csv").write_text(text.replace("Morning", "Early morning"))
    sessions = "SELECT activity_id, count(*) FROM activity_sessions GROUP BY 1 ORDER BY 1"
    held = rig.gold(sessions), tracks(rig)
    rig.import_files(tmp_path / "activities.csv")
    assert (rig.gold(sessions), tracks(rig)) == held, "a list without its files finds those that came before"


@pytest.mark.dear
@pytest.mark.parametrize("archive_first", [True, False])
def test_what_the_api_says_stands_before_what_an_archive_says(make_rig: Make, *, archive_first: bool) -> None:
    rig = make_rig(**FEW)
    path = an_archive(rig)
    if archive_first:
        rig.import_files(path)
    rig.do("flow_backfill")
    calls = rig.calls()
    if not archive_first:
        gone = rig.one("SELECT max(id) FROM activities")
        rig.control("delete", id=gone)
        rig.do("reconcile", [rig.one(f"SELECT year FROM activities WHERE id = {gone}")])
        deleted = rig.gold("SELECT id FROM deleted_activities")
        assert deleted == [(gone,)]
        before = rig.gold(ROWS), rig.gold("FROM activity_details ORDER BY activity_id")
        rig.import_files(path)
        assert (rig.gold(ROWS), rig.gold("FROM activity_details ORDER BY activity_id")) == before
        assert rig.gold("SELECT id FROM deleted_activities") == deleted, "though an archive has it"
    rig.assert_true_to_source()
    assert set(calls["details"].values()) == {1}
    assert rig.gold("SELECT DISTINCT source FROM activities_all") == [("strava",)]
    assert rig.gold("SELECT DISTINCT source FROM activity_details") == [("strava",)]
    assert tracks(rig), "the archive's files are tracks of the API's activities"
    sessions = rig.gold("SELECT activity_id, source, points FROM activity_sessions ORDER BY 1")
    assert [(key, points) for key, _, points in sessions] == [(key, points) for key, points, *_ in tracks(rig)]
    assert {source for _, source, _ in sessions} == {"strava_archive"}
    versions = "SELECT DISTINCT source, version FROM activity_history"
    assert rig.gold(versions) == [("strava", 1)]
    rig.run_unpartitioned("profile")
    assert dict(rig.gold("SELECT source, count(*) FROM gear GROUP BY 1")).get("strava", 0) > 0


@pytest.mark.dear
def test_what_only_the_archive_has_is_kept(make_rig: Make) -> None:
    rig = make_rig(**FEW)
    path = an_archive(rig)
    gone = rig.truth()[-1]["id"]
    rig.control("delete", id=gone)
    rig.do("flow_backfill")
    rig.import_files(path)
    rig.do("reconcile", [rig.one(f"SELECT year FROM activities WHERE id = {gone}")])
    assert rig.gold("SELECT id, source FROM activities WHERE source <> 'strava'") == [(gone, "strava_archive")]


@pytest.mark.dear
def test_a_folder_that_grows_is_asked_for_what_is_new(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one.gpx").write_bytes(a_gpx())
    rig.import_files(folder)
    (folder / "two.gpx").write_bytes(a_gpx(minute=20))
    (folder / "one again.gpx.gz").write_bytes(gzip.compress(a_gpx()))
    assert rig.import_files(folder)["bronze_files"].new_files == 2
    assert [[file.name for file in one.manifest.files] for one in imports(rig.lake)] == [
        ["one.gpx"],
        ["one again.gpx.gz", "two.gpx"],
    ]
    assert len(rig.gold("FROM activities")) == 2, "the same recording, packed, is the same activity"
    assert {key for key, *_ in tracks(rig)} == {key for (key,) in rig.gold("SELECT id FROM activities")}


@pytest.mark.dear
def test_a_file_that_was_damaged_is_read_when_its_bytes_came_again(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    (tmp_path / "run.gpx").write_bytes(a_gpx())
    rig.import_files(tmp_path / "run.gpx")
    before = rig.gold(ROWS), tracks(rig)
    (stored,) = (path for path in rig.lake.files.rglob("*") if path.is_file())
    stored.write_bytes(b"rubbish")
    shutil.rmtree(rig.lake.readings)
    rig.import_files(tmp_path / "run.gpx")
    assert stored.with_name(f"{stored.name}.damaged").exists(), "noticed when it was read"
    rig.import_files(tmp_path / "run.gpx")
    rig.do("rebuild")
    assert (rig.gold(ROWS), tracks(rig)) == before
    assert rig.gold("SELECT problem FROM files") == [(None,)]


@pytest.mark.dear
def test_bytes_stay_as_they_were_received(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    plain, packed = a_gpx(), gzip.compress(a_gpx(minute=10))
    (tmp_path / "a.gpx").write_bytes(plain)
    (tmp_path / "b.gpx.gz").write_bytes(packed)
    rig.import_files(tmp_path / "a.gpx", tmp_path / "b.gpx.gz")
    kept = [path.read_bytes() for path in rig.lake.files.rglob("*") if path.is_file()]
    assert packed in kept
    assert plain in [gzip.decompress(body) for body in kept]


@pytest.mark.dear
def test_an_edit_between_two_archives_is_a_version(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    rig.import_files(an_archive(rig))
    edited = rig.truth()[3]["id"]
    path = an_archive(rig, "export_2.zip")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "later.zip", "w") as later:
        for info in archive.infolist():
            body = archive.read(info)
            if info.filename == "activities.csv":
                lines = body.decode().splitlines(keepends=True)
                body = "".join(
                    line.replace(rig.truth()[3]["name"], "Renamed") if line.startswith(str(edited)) else line
                    for line in lines
                ).encode()
            later.writestr(info, body)
    rig.import_files(tmp_path / "later.zip")
    assert rig.one(f"SELECT name FROM activities WHERE id = {edited}") == "Renamed"
    changes = f"SELECT version, changed_fields FROM activity_history WHERE activity_id = {edited} ORDER BY 1"
    assert rig.gold(changes) == [(1, []), (2, ["name"])]
    assert rig.one("SELECT count(*) FROM activity_history WHERE version = 2") == 1


def test_where_there_is_nothing_the_run_says_so(make_rig: Make) -> None:
    rig = make_rig(logged_in=False, **FEW)
    with pytest.raises(SourceError, match="There is no"):
        rig.import_files(rig.folder / "nowhere.zip")


@pytest.mark.dear
def test_time_is_the_pipelines_not_the_files(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    (tmp_path / "future.gpx").write_bytes(a_gpx().replace(b"2025-06-01", b"2099-06-01"))
    rig.import_files(tmp_path / "future.gpx")
    ((year, start, flags),) = rig.gold("SELECT year, start_date, json_extract(extra, '$.file.flags') FROM activities")
    assert (year, start.year) == (rig.years[-1], 2099), "kept, in the newest partition"
    assert "wrong_clock" in flags
    assert start - start.replace(microsecond=0) == timedelta()


@pytest.mark.dear
def test_two_athletes_in_one_folder_keep_their_own(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    for number in (1, 2):
        config = EmulatorConfig(now=NOW, activities=4, years=(2024, 2026), seed=number, athlete_id=1000 + number)
        write_archive(config, tmp_path / "export.zip")
        with zipfile.ZipFile(tmp_path / "export.zip") as archive:
            archive.extractall(tmp_path / "family" / f"of_{number}")
    rig.import_files(tmp_path / "family")
    counts = "SELECT athlete_id, count(*) FROM activities GROUP BY 1 ORDER BY 1"
    assert rig.gold(counts) == [(1001, 4), (1002, 4)]


@pytest.mark.dear
def test_a_list_of_another_service_is_joined_by_its_ids(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(**FEW)
    rig.do("flow_backfill")
    linked = rig.truth()[0]["id"]
    path = tmp_path / "activities.csv"
    titles = "id,start_date_local,name,type,moving_time,distance,elapsed_time,icu_training_load,start_date\n"
    rows = f"{linked},2001-01-01T10:00:00,Elsewhere,Run,600,2000.0,600,9,2001-01-01T09:00:00Z\ni2,2002-01-01T10:00:00,Alone,Run\n"
    path.write_text(titles + rows)
    before = rig.one("SELECT count(*) FROM activities")
    rig.import_files(path)
    assert rig.one("SELECT count(*) FROM activities") == before + 1
    assert rig.gold("SELECT activity_id FROM activity_sources WHERE name = 'Elsewhere'") == [(linked,)]
    assert rig.gold("SELECT name, sport_type, start_date_local::VARCHAR FROM activities WHERE source = 'file'") == [
        ("Alone", "Run", "2002-01-01 10:00:00")
    ]
    assert rig.gold("SELECT role, source FROM files WHERE name = 'activities.csv'") == [("service_list", "file")]
    rig.import_files(path)
    assert rig.one("SELECT count(*) FROM activities") == before + 1


@pytest.mark.dear
def test_an_export_of_another_service_is_the_same_after_a_rebuild(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **FEW)
    (tmp_path / "runkeeper").mkdir()
    (tmp_path / "runkeeper" / "a.gpx").write_bytes(a_gpx())
    rig.import_files(tmp_path / "runkeeper" / "a.gpx")
    (alone,) = rig.gold("SELECT id FROM activities")
    titles = "Activity Id,Date,Type,Route Name,Distance (km),Duration,GPX File\n"
    rows = (
        "r1,2025-06-01 12:00:00,Mountain Biking,Round the lake,1.0,0:30,a.gpx\nr2,2025-06-02 12:00:00,Yoga,,,45:00,\n"
    )
    (tmp_path / "runkeeper" / "cardioActivities.csv").write_text(titles + rows)
    rig.import_files(tmp_path / "runkeeper")
    query = "SELECT id, name, sport_type, start_date_local::VARCHAR, source FROM activities_all ORDER BY 4"
    found = rig.gold(query)
    assert [row[1:] for row in found] == [
        ("Round the lake", "MountainBikeRide", "2025-06-01 12:00:00", "file"),
        (None, "Yoga", "2025-06-02 12:00:00", "file"),
    ]
    assert found[0][0] == alone[0], "the recording's id, with and without its list"
    assert [key for key, *_ in tracks(rig)] == [alone[0]]
    rig.do("rebuild")
    assert rig.gold(query) == found
