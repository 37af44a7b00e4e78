"""Archives and files into the warehouse, alone and beside the API: nothing is lost, nothing twice, the better source counts."""

import gzip
import re
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.emulator.strava.application import EmulatorConfig
from strava_pipeline.emulator.strava.archive import Oddities, write_archive
from strava_pipeline.lake.imports import imports
from strava_pipeline.lake.imports_behind import years_behind_imports
from strava_pipeline.operations.years import year_range
from strava_pipeline.verbs.run_job import RunOutcome
from strava_pipeline_tests.rig import NOW, Rig

Make = Callable[..., Rig]
ROWS = "SELECT * EXCLUDE (ingestion_ts, edited_at) FROM activities_all ORDER BY id"


def an_archive(rig: Rig, name: str = "export_1.zip", **oddities: int) -> Path:
    """What Strava would mail this rig's athlete."""
    path = rig.folder / name
    write_archive(rig.emulator.state.config, path, oddities=Oddities(**oddities))
    return path


def behind(rig: Rig) -> set[int]:
    return years_behind_imports(rig.lake, year_range(rig.settings.first_year))


def take_in(rig: Rig, *paths: Path) -> dict[str, dict[str, Any]]:
    """As the verb does; what each asset reported."""
    outcomes: list[RunOutcome] = [
        rig.run_unpartitioned("import_files", bronze_files={"paths": [str(path) for path in paths]})
    ]
    if years := behind(rig):
        outcomes.append(rig.run("merge_files", list(range(min(years), max(years) + 1))))
    return {asset: told for outcome in outcomes for asset, told in outcome.metadata.items()}


def tracks(rig: Rig) -> list[tuple[Any, ...]]:
    """Activity, points, first and last distance of each track."""
    if not any(rig.lake.tracks.rglob("*.parquet")):
        return []
    return duckdb.sql(
        f"SELECT activity_id, count(*), min(distance), max(distance) FROM '{rig.lake.tracks}/*/*.parquet' GROUP BY 1 ORDER BY 1"
    ).fetchall()


def a_gpx(seconds: int = 30, minute: int = 0, latitude: float = 48.0) -> bytes:
    point = '<trkpt lat="{}" lon="11.5"><ele>500</ele><time>2025-06-01T10:{:02}:{:02}Z</time></trkpt>'
    track = "".join(point.format(latitude + place / 10_000, minute, place) for place in range(seconds))
    return f'<gpx version="1.1" creator="x"><trk><type>running</type><trkseg>{track}</trkseg></trk></gpx>'.encode()


def test_an_archive_alone_is_a_whole_warehouse(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    told = take_in(rig, an_archive(rig))
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
    assert told["tracks"]["tracks_from_files"] == len(with_track)
    assert rig.calls()["by_endpoint"] == {}


def test_local_starts_follow_from_the_place(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    take_in(rig, an_archive(rig))
    truth = {item["id"]: item["start_date_local"] for item in rig.truth()}
    local = rig.gold("SELECT id, start_date_local FROM activities WHERE start_date_local IS NOT NULL")
    assert len(local) > 15
    assert {key: f"{at:%Y-%m-%dT%H:%M:%S}Z" for key, at in local} == {key: truth[key] for key, _ in local}


def test_importing_twice_changes_nothing(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    path = an_archive(rig, unlisted=2)
    take_in(rig, path)
    before = rig.gold(ROWS), tracks(rig), rig.gold("FROM files ORDER BY sha256")
    told = take_in(rig, path)
    assert told["bronze_files"]["new_files"] == 0
    assert "activities" not in told, "nothing had to be merged"
    assert len(list(imports(rig.lake))) == 1
    assert (rig.gold(ROWS), tracks(rig), rig.gold("FROM files ORDER BY sha256")) == before


@pytest.mark.slow
def test_unpacked_and_packed_archives_are_the_same_activities(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    path = an_archive(rig)
    take_in(rig, path)
    before = rig.gold(ROWS)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    take_in(rig, tmp_path / "unpacked")
    assert rig.gold(ROWS) == before


@pytest.mark.slow
@pytest.mark.parametrize("archive_first", [True, False])
def test_what_the_api_says_stands_before_what_an_archive_says(make_rig: Make, *, archive_first: bool) -> None:
    rig = make_rig()
    path = an_archive(rig)
    if archive_first:
        take_in(rig, path)
    rig.do("flow_backfill")
    calls = rig.calls()
    if not archive_first:
        before = rig.gold(ROWS), rig.gold("FROM activity_details ORDER BY activity_id")
        take_in(rig, path)
        assert (rig.gold(ROWS), rig.gold("FROM activity_details ORDER BY activity_id")) == before
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


@pytest.mark.slow
def test_what_is_deleted_at_strava_stays_deleted_though_an_archive_has_it(make_rig: Make) -> None:
    rig = make_rig()
    path = an_archive(rig)
    rig.do("flow_backfill")
    gone = rig.one("SELECT max(id) FROM activities")
    rig.control("delete", id=gone)
    rig.do("reconcile", [rig.one(f"SELECT year FROM activities WHERE id = {gone}")])
    assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
    take_in(rig, path)
    assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]


@pytest.mark.slow
def test_what_only_the_archive_has_is_kept(make_rig: Make) -> None:
    rig = make_rig()
    path = an_archive(rig)
    gone = rig.truth()[-1]["id"]
    rig.control("delete", id=gone)
    rig.do("flow_backfill")
    take_in(rig, path)
    rig.do("reconcile", [rig.one(f"SELECT year FROM activities WHERE id = {gone}")])
    assert rig.gold("SELECT id, source FROM activities WHERE source <> 'strava'") == [(gone, "strava_archive")]


@pytest.mark.slow
def test_a_rebuild_from_bronze_gives_the_same(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    take_in(rig, an_archive(rig, missing=1, unlisted=1))
    tables = (
        "activities_all",
        "activity_details",
        "activity_laps",
        "activity_sessions",
        "activity_history",
        "files",
        "gear",
    )
    everything = {table: f"FROM {table} ORDER BY ALL" for table in tables}
    before = rig.golds(everything), tracks(rig)
    assert all(before[0].values())
    shutil.rmtree(rig.lake.tracks)
    rig.run_unpartitioned("rebuild")
    assert (rig.golds(everything), tracks(rig)) == before


def test_one_bad_file_never_stops_the_others(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.gpx").write_bytes(a_gpx())
    (folder / "empty.fit").write_bytes(b"")
    (folder / "garbage.fit").write_bytes(b"no fit at all")
    (folder / "cut.gpx.gz").write_bytes(gzip.compress(a_gpx(59, minute=30))[:-20])
    (folder / "link.gpx").symlink_to(folder / "good.gpx")
    (folder / "notes.txt").write_text("not mine to keep")
    told = take_in(rig, folder)
    assert told["bronze_files"]["dagster/row_count"] == 4
    assert told["bronze_files"]["problems"] == 1
    assert told["file_readings"]["files_with_problems"] == 3
    assert dict(rig.gold("SELECT name, problem FROM files WHERE problem IS NOT NULL")) == {
        "empty.fit": "It is empty.",
        "garbage.fit": "It is neither FIT, GPX nor TCX, whatever .fit says.",
        "cut.gpx.gz": "The file ends in the middle; what stands before is kept.",
    }
    assert len(rig.gold("FROM activities")) == 2
    flagged = rig.gold(
        "SELECT json_extract_string(extra, '$.file.name'), json_extract_string(extra, '$.file.flags[0]') FROM activities"
    )
    assert ("cut.gpx.gz", "truncated") in flagged


@pytest.mark.slow
def test_a_folder_that_grows_is_asked_for_what_is_new(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one.gpx").write_bytes(a_gpx())
    take_in(rig, folder)
    (folder / "two.gpx").write_bytes(a_gpx(minute=20))
    (folder / "one again.gpx.gz").write_bytes(gzip.compress(a_gpx()))
    told = take_in(rig, folder)
    assert told["bronze_files"]["new_files"] == 2
    assert [[file.name for file in one.manifest.files] for one in imports(rig.lake)] == [
        ["one.gpx"],
        ["one again.gpx.gz", "two.gpx"],
    ]
    assert len(rig.gold("FROM activities")) == 2, "the same recording, packed, is the same activity"
    assert {activity for activity, *_ in tracks(rig)} == {
        activity for (activity,) in rig.gold("SELECT id FROM activities")
    }


def test_files_of_which_none_can_be_read_are_told_all_the_same(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    for name in ("one.fit", "two.fit"):
        (tmp_path / name).write_bytes(f"no fit, {name}".encode())
        told = take_in(rig, tmp_path / name)
        assert told["files"]["rows_changed"] == 1
        assert behind(rig) == set()
    assert rig.gold("SELECT name, problem FROM files ORDER BY name") == [
        (name, "It is neither FIT, GPX nor TCX, whatever .fit says.") for name in ("one.fit", "two.fit")
    ]
    assert rig.one("SELECT count(*) FROM activities") == 0


@pytest.mark.slow
def test_a_file_that_was_damaged_is_read_when_its_bytes_came_again(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "run.gpx").write_bytes(a_gpx())
    take_in(rig, tmp_path / "run.gpx")
    before = rig.gold(ROWS), tracks(rig)
    (stored,) = (path for path in rig.lake.files.rglob("*") if path.is_file())
    stored.write_bytes(b"rubbish")
    shutil.rmtree(rig.lake.readings)
    take_in(rig, tmp_path / "run.gpx")
    assert stored.with_name(f"{stored.name}.damaged").exists(), "noticed when it was read"
    take_in(rig, tmp_path / "run.gpx")
    rig.run_unpartitioned("rebuild")
    assert (rig.gold(ROWS), tracks(rig)) == before
    assert rig.gold("SELECT problem FROM files") == [(None,)]


def test_bytes_stay_as_they_were_received(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    plain, packed = a_gpx(), gzip.compress(a_gpx(minute=10))
    (tmp_path / "a.gpx").write_bytes(plain)
    (tmp_path / "b.gpx.gz").write_bytes(packed)
    take_in(rig, tmp_path / "a.gpx", tmp_path / "b.gpx.gz")
    kept = [path.read_bytes() for path in rig.lake.files.rglob("*") if path.is_file()]
    assert packed in kept
    assert plain in [gzip.decompress(body) for body in kept]


@pytest.mark.slow
def test_a_list_that_comes_later_without_its_files_finds_those_that_came_before(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    path = an_archive(rig)
    take_in(rig, path)
    before = rig.gold("SELECT activity_id, count(*) FROM activity_sessions GROUP BY 1 ORDER BY 1"), tracks(rig)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("activities.csv").decode()
    (tmp_path / "activities.csv").write_text(text.replace("Morning", "Early morning"))
    take_in(rig, tmp_path / "activities.csv")
    assert (
        rig.gold("SELECT activity_id, count(*) FROM activity_sessions GROUP BY 1 ORDER BY 1"),
        tracks(rig),
    ) == before


@pytest.mark.slow
def test_an_edit_between_two_archives_is_a_version(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    take_in(rig, an_archive(rig))
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
    take_in(rig, tmp_path / "later.zip")
    assert rig.one(f"SELECT name FROM activities WHERE id = {edited}") == "Renamed"
    changes = f"SELECT version, changed_fields FROM activity_history WHERE activity_id = {edited} ORDER BY 1"
    assert rig.gold(changes) == [(1, []), (2, ["name"])]
    assert rig.one("SELECT count(*) FROM activity_history WHERE version = 2") == 1


@pytest.mark.slow
def test_a_lost_reading_is_made_again(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    path = an_archive(rig)
    take_in(rig, path)
    before = rig.gold(ROWS), tracks(rig)
    for each in sorted(rig.lake.readings.rglob("*"), reverse=True):
        each.unlink() if each.is_file() else each.rmdir()
    take_in(rig, path)
    assert (rig.gold(ROWS), tracks(rig)) == before


@pytest.mark.slow
def test_damaged_bytes_are_told_and_healed_by_the_next_import(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    path = an_archive(rig)
    take_in(rig, path)
    (listed,) = rig.gold("SELECT sha256 FROM files WHERE role = 'list'")
    (stored,) = rig.lake.files.rglob(f"{listed[0]}*")
    stored.write_bytes(b"rubbish")
    with pytest.raises(PipelineError, match="missing or damaged"):
        rig.run_unpartitioned("rebuild")
    assert take_in(rig, path)["bronze_files"]["recovered_files"] == 1
    rig.run_unpartitioned("rebuild")
    assert len(rig.gold("FROM activities")) == len(rig.truth())


def test_where_there_is_nothing_the_run_says_so(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    with pytest.raises(SourceError, match="There is no"):
        take_in(rig, rig.folder / "nowhere.zip")


def test_positions_are_in_no_log_and_no_metadata(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "run.gpx").write_bytes(a_gpx(latitude=61.137154))  # no second of a clock
    told = take_in(rig, tmp_path / "run.gpx")
    assert "61.137" in str(rig.gold("SELECT start_latlng FROM activities"))
    assert "61.137" not in str(told)
    events = [str(entry) for run in rig.remembered.get_runs() for entry in rig.remembered.all_logs(run.run_id)]
    logs = [path.read_text() for path in rig.settings.logs_dir.rglob("*") if path.is_file()]
    assert events
    assert logs
    assert not [text for text in events + logs if re.search(r"(?<!\d)61\.137", text)]


@pytest.mark.slow
def test_time_is_the_pipelines_not_the_files(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "future.gpx").write_bytes(a_gpx().replace(b"2025-06-01", b"2099-06-01"))
    take_in(rig, tmp_path / "future.gpx")
    ((year, start, flags),) = rig.gold("SELECT year, start_date, json_extract(extra, '$.file.flags') FROM activities")
    assert (year, start.year) == (rig.years[-1], 2099), "kept, in the newest partition"
    assert "wrong_clock" in flags
    assert start - start.replace(microsecond=0) == timedelta()


def test_two_athletes_in_one_folder_keep_their_own(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    for number in (1, 2):
        config = EmulatorConfig(now=NOW, activities=12, years=(2024, 2026), seed=number, athlete_id=1000 + number)
        write_archive(config, tmp_path / "export.zip")
        with zipfile.ZipFile(tmp_path / "export.zip") as archive:
            archive.extractall(tmp_path / "family" / f"of_{number}")
    take_in(rig, tmp_path / "family")
    counts = "SELECT athlete_id, count(*) FROM activities GROUP BY 1 ORDER BY 1"
    assert rig.gold(counts) == [(1001, 12), (1002, 12)]
