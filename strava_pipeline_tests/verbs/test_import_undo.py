"""`import undo`: one import leaves the warehouse, all else stays, and it comes back only where a person imports it again."""

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.imports.manifests import imports, undone_imports
from strava_pipeline.lake.imports.undo import find_import
from strava_pipeline.operations.undoing import undo as note
from strava_pipeline_tests.imports import a_gpx, an_archive, tracks
from strava_pipeline_tests.rig import NOW, Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.slow  # whole imports and rebuilds
SMALL: dict[str, Any] = {"activities": 5, "years": (2025, 2026), "settings": {"first_year": 2025}}
LOOKS = {
    "rows": "SELECT * EXCLUDE (ingestion_ts, edited_at) FROM activities_all ORDER BY id",
    "details": "SELECT * EXCLUDE (fetched_at) FROM activity_details ORDER BY ALL",
    "history": "SELECT activity_id, version, changed_fields FROM activity_history ORDER BY 1, 2",
    "files": "SELECT sha256, name FROM files ORDER BY 1",
    "gear": "SELECT gear_id, name FROM gear ORDER BY 1",
    "sources": "SELECT id, source, name FROM imported_activities ORDER BY 1, 2",
}


def state(rig: Rig) -> tuple[Any, ...]:
    return rig.golds(LOOKS), tracks(rig)


def edited(archive: Path, folder: Path) -> Path:
    """The list of an archive with other names, and with an activity that nobody else knows."""
    with zipfile.ZipFile(archive) as whole:
        head, *lines = csv.reader(io.StringIO(whole.read("activities.csv").decode(), newline=""))
    name = head.index("Activity Name")
    lines = [[f"{cell}, edited" if place == name else cell for place, cell in enumerate(line)] for line in lines]
    path = folder / "activities.csv"
    with path.open("w", newline="") as file:
        half_a_day = [cell.replace(" AM", " pm").replace(" PM", " AM").replace(" pm", " PM") for cell in lines[0][1:]]
        csv.writer(file).writerows([head, *lines, ["77", *half_a_day]])
    return path


def undo_by_rig(rig: Rig, name: str) -> None:
    """The note alone, as a process leaves it that was killed right behind it."""
    note(rig.lake, find_import(rig.lake, name), NOW)


@pytest.mark.dear
def test_what_an_import_changed_is_as_it_was_before(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **SMALL)
    archive = an_archive(rig)
    rig.import_files(archive)
    before, bronze = state(rig), {path.name for path in rig.lake.files.rglob("*")}
    rig.import_files(edited(archive, tmp_path))
    assert rig.one("SELECT count(*) FROM activities WHERE name LIKE '%, edited'") == 6
    typed = type_on(rig)
    name = list(imports(rig.lake))[1].name
    seen = json.loads(typed("import", "undo", name, "--dry-run", "--json").out)
    assert (seen["undone"], seen["activities"], seen["files"]) == (False, 1, 1)
    refused = typed("import", "undo", name)
    assert (refused.code, "Nothing was undone: a person has to agree" in refused.err) == (2, True)
    assert list(undone_imports(rig.lake)) == []
    said = typed("import", "undo", name, "--yes")
    assert said.code == 0, said.err
    assert ("undone: no" in said.err, "undone: yes" in said.out) == (True, True), "told before and after"
    assert state(rig) == before
    assert bronze < {path.name for path in rig.lake.files.rglob("*")}, "the bytes stay"
    assert (rig.lake.imports / name / "manifest.json").exists()
    rig.import_files(archive)
    rig.do("rebuild")
    assert state(rig) == before
    again = typed("import", "undo", name, "--yes")
    assert (again.code, again.out) == (2, "")
    assert "activities.csv" in again.err
    assert "was undone at " in again.err
    assert f"\n  {next(imports(rig.lake)).name}  export_1.zip, " in again.err
    listed = json.loads(typed("import", "undo", "--json").out)["imports"]
    assert [(one["came_as"], one["undone_at"] is None) for one in listed] == [
        ("export_1.zip", True),
        ("activities.csv", False),
    ]
    rig.import_files(tmp_path / "activities.csv")
    assert rig.one("SELECT name LIKE '%, edited' FROM activities WHERE id = 77"), "a person imported it again"


@pytest.mark.dear
def test_the_only_import_leaves_an_empty_warehouse(
    make_rig: Make, type_on: TypeOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(logged_in=False, **SMALL)
    (tmp_path / "ride.gpx").write_bytes(a_gpx())
    rig.import_files(tmp_path / "ride.gpx")
    assert tracks(rig)
    typed = type_on(rig)
    seen = json.loads(typed("import", "undo", "ride.gpx", "--dry-run", "--json").out)
    assert (seen["undone"], seen["activities"], seen["files"], seen["run_id"]) == (False, 1, 1, None)
    monkeypatch.setattr("sys.stdin", at_a_terminal("no\n"))
    assert typed("import", "undo", "ride.gpx").code == 1
    assert list(undone_imports(rig.lake)) == []
    monkeypatch.setattr("sys.stdin", at_a_terminal("undo\n"))
    told = json.loads(typed("import", "undo", "ride.gpx", "--json").out)
    assert (told["came_as"], told["undone"], told["activities"], told["files"]) == ("ride.gpx", True, 1, 1)
    assert state(rig) == ({name: [] for name in LOOKS}, [])


def at_a_terminal(typed: str) -> io.StringIO:
    stdin = io.StringIO(typed)
    stdin.isatty = lambda: True  # type: ignore[method-assign]
    return stdin


@pytest.mark.dear
def test_what_the_api_says_of_the_same_activities_stays(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(**SMALL)
    rig.do("flow_backfill")
    before = rig.golds({name: LOOKS[name] for name in ("rows", "details", "history", "files")})
    rig.import_files(an_archive(rig))
    assert tracks(rig)
    rig.calls()
    seen = json.loads(type_on(rig)("import", "undo", "export_1.zip", "--dry-run", "--json").out)
    assert seen["activities"] == 0, "Strava tells of all of them"
    assert type_on(rig)("import", "undo", "export_1.zip", "--yes").code == 0
    assert rig.golds({name: LOOKS[name] for name in ("rows", "details", "history", "files")}) == before
    assert tracks(rig) == []
    assert rig.one("SELECT count(*) FROM imported_activities") == 0
    assert rig.calls()["total"] == 0


def test_an_undo_that_died_is_ended_by_any_run_or_itself(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **SMALL)
    for minute, name in ((0, "one.gpx"), (20, "two.gpx"), (40, "three.gpx")):
        (tmp_path / name).write_bytes(a_gpx(minute=minute))
        rig.import_files(tmp_path / name)
    undo_by_rig(rig, "one.gpx")
    rig.import_files(tmp_path / "two.gpx")
    assert sorted(rig.gold("SELECT name FROM files")) == [("three.gpx",), ("two.gpx",)]
    assert len(tracks(rig)) == rig.one("SELECT count(*) FROM activities") == 2
    undo_by_rig(rig, "two.gpx")
    said = type_on(rig)("import", "undo", "two.gpx")
    assert said.code == 0, said.err
    assert "activities: 1\nfiles: 1\n" in said.out
    assert rig.gold("SELECT name FROM files") == [("three.gpx",)]
    assert len(tracks(rig)) == rig.one("SELECT count(*) FROM activities") == 1


@pytest.mark.dear
def test_lost_readings_hinder_no_undo(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **SMALL)
    (tmp_path / "ride.gpx").write_bytes(a_gpx())
    rig.import_files(tmp_path / "ride.gpx")
    shutil.rmtree(rig.lake.readings)
    assert type_on(rig)("import", "undo", "ride.gpx", "--yes").code == 0
    assert rig.one("SELECT count(*) FROM activities_all") == 0


@pytest.mark.dear
def test_a_loss_that_is_no_undos_stops_it_before_a_note(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, **SMALL)
    for minute, name in ((0, "one.gpx"), (20, "two.gpx")):
        (tmp_path / name).write_bytes(a_gpx(minute=minute))
        rig.import_files(tmp_path / name)
    (digest,) = (one.manifest.files[0].sha256 for one in imports(rig.lake) if one.manifest.came_as == "two.gpx")
    (rig.lake.files / digest[:2] / f"{digest}.gz").unlink()
    shutil.rmtree(rig.lake.readings)
    said = type_on(rig)("import", "undo", "one.gpx", "--yes")
    assert (said.code, "Traceback" in said.err) == (1, False)
    assert "are not in bronze" in said.err
    assert list(undone_imports(rig.lake)) == []
    assert rig.one("SELECT count(*) FROM activities_all") == 2
