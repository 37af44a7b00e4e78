"""What an import would bring, told to a person and to a program."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.archive import Oddities, write_archive
from strava_pipeline.verbs.import_ import import_
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.ingest.archive.exports import RUNKEEPER, gpx
from strava_pipeline_tests.ingest.archive.made import zipped
from strava_pipeline_tests.ingest.files.made import file_id, fit
from strava_pipeline_tests.operations.test_days_of_imports import record
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.verbs.conftest import TypeOn

CONFIG = EmulatorConfig(now=datetime(2026, 3, 1, tzinfo=UTC), activities=40, years=(2025, 2026))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with two files too few and one too many."""
    path = tmp_path_factory.mktemp("export") / "export.zip"
    write_archive(CONFIG, path, oddities=Oddities(missing=2, unlisted=1))
    return path


@pytest.mark.dear
def test_a_person_and_a_program_are_told_the_same(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_([export], dry_run=True, as_json=True)
    program = json.loads(capsys.readouterr().out)["paths"][0]
    assert program["files"].keys() == {"fit", "fit.gz", "gpx.gz", "tcx.gz"} | program["files"].keys() & {"gpx", "tcx"}
    assert sum(year["activities"] for year in program["activities"]) == 41, "40 rows, and a file without one"
    assert program["problems"] == []
    (found,) = program["exports"]
    counts = [found[f"rows_{which}"] for which in ("with_file", "without_file", "not_exported")]
    assert sum(counts) + len(found["rows_file_missing"]) == found["rows"] == 40
    import_([export], dry_run=True)
    person = capsys.readouterr().out
    assert all(name in person for name in found["rows_file_missing"])


def test_a_wrong_name_is_told_before_anything_is_done(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    said = type_on(rig)("import", str(tmp_path / "nowhere.zip"))
    assert (said.code, said.out) == (2, "")
    assert "name a file or a folder that exists" in said.err
    assert not rig.settings.data_dir.exists()


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_the_list_of_another_program_is_refused_and_nothing_lands(
    make_rig: Make, type_on: TypeOn, export: Path, tmp_path: Path, dry: list[str]
) -> None:
    foreign = tmp_path / "activities.csv"
    foreign.write_text("When,Name,Type,Dist km,Activity Id\n2026-01-05 10:00:00,Lunch,Ride,24.3,1\n")
    rig = make_rig(logged_in=False)
    said = type_on(rig)("import", str(export), str(foreign), *dry)
    assert (said.code, said.out) == (2, "")
    assert f"{foreign} is not one of Strava's lists of activities: it lacks Activity Date" in said.err
    assert not rig.settings.data_dir.exists()


@pytest.mark.dear
def test_files_of_an_activity_that_was_deleted_here_are_told(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, settings={"first_year": 2025})
    typed, given = type_on(rig), tmp_path / "given"
    given.mkdir()
    for day, name in enumerate(("one", "two"), start=1):
        (given / f"{name}.gpx").write_bytes(gpx(datetime(2026, 2, day, 8, tzinfo=UTC)))
    typed("import", str(given))
    ((first, *_), _) = rig.gold("SELECT id FROM activities ORDER BY start_date")
    assert typed("corrections", "set", str(first), "--deleted").code == 0
    again = typed("import", str(given / "one.gpx"), str(given / "two.gpx"))
    assert (again.code, "1 of activities that you deleted here, which stay so" in again.out) == (0, True), again.out


@pytest.mark.dear
def test_what_came_in_is_told_and_then_that_it_is_known(make_rig: Make, type_on: TypeOn, export: Path) -> None:
    rig = make_rig(logged_in=False, settings={"first_year": 2025})
    typed = type_on(rig)
    first = typed("import", str(export))
    assert first.code == 0, first.err
    assert "Merged: 41 new, 0 changed" in first.out
    assert "Published" in first.out
    program = json.loads(typed("import", str(export), "--json").out)
    assert (program["activities_new"], program["tracks_written"], program["new_files"]) == (0, 0, 0)
    assert program["files"] > 20
    assert len(program["run_ids"]) == 1, "nothing had to be merged"
    assert "Nothing else is new" in typed("import", str(export)).out
    assert rig.one("SELECT count(*) FROM activities") == 40, "the file without a row is another one's copy"


@pytest.mark.dear
def test_what_was_merged_alone_is_published_by_the_same_import(make_rig: Make, type_on: TypeOn, export: Path) -> None:
    rig = make_rig(logged_in=False)
    typed = type_on(rig)
    assert typed("import", str(export)).code == 0
    rows = rig.one("SELECT count(*) FROM activities")
    rig.lake.snapshot.unlink()  # as where the run died in its last step
    said = typed("import", str(export))
    assert said.code == 0
    assert "Published" in said.out
    assert rig.one("SELECT count(*) FROM activities") == rows
    assert "Nothing else is new" in typed("import", str(export)).out


POINT = '<trkpt lat="0.5" lon="1">{}</trkpt>'
TIMED = "".join(POINT.format(f"<time>2025-06-01T10:00:{at}Z</time>") for at in range(10, 40))
WITHOUT = {  # name: bytes, and what is said
    "route.gpx": (f"<gpx><trk><trkseg>{POINT * 2}</trkseg></trk></gpx>".encode(), "It is a route: its points have no times."),
    "line.kml": (b"<kml><Placemark><LineString/></Placemark></kml>", "It is a route: its lines have no times"),
    "blank.gpx": (b"<gpx><trk><trkseg><trkpt/><trkpt/></trkseg></trk></gpx>", "It holds 2 points, none of them with a position or a time"),
    "settings.fit": (fit(file_id(2)), "It is a device's file of the kind settings, and no recording."),
    "broken.fit": (b"no fit at all", "It is neither FIT, GPX, TCX nor KML, whatever .fit says."),
    "login.gpx": (b"<!DOCTYPE html><html>", "It is a web page, and no activity file."),
    "sheet.xlsx": (zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "It is a workbook, which `import` does not read."),
    "notes.txt": (b"cold", "JSON of Strava's API. Export the activities in one of these forms, and import those."),
    "cardioActivities.csv": (RUNKEEPER.encode(), "Its list holds no activity that can be read."),
}  # fmt: skip


@pytest.mark.dear
def test_files_without_an_activity_are_named_each_time_and_never_said_to_be_known(
    make_rig: Make, type_on: TypeOn, tmp_path: Path
) -> None:
    for name, (body, _) in WITHOUT.items():
        (tmp_path / name).write_bytes(body)
    typed = type_on(make_rig(logged_in=False, settings={"first_year": 2025}))
    paths = [str(tmp_path / name) for name in WITHOUT]
    for _ in range(2):
        told = typed("import", *paths)
        assert told.code == 1
        text = " ".join(told.err.split())
        assert [name for name, (_, said) in WITHOUT.items() if name not in text or said not in text] == []
        assert ("Nothing else" in told.out, "Read 0 files" in told.out) == (False, False)
    program = typed("import", *paths, "--json")
    found = {each["path"]: each["files"][0]["why"] for each in json.loads(program.out)["without_activities"]}
    assert (program.code, found.keys()) == (1, WITHOUT.keys())
    assert all(said in found[name] for name, (_, said) in WITHOUT.items())
    assert typed("import", paths[0]).code == 1
    plan = tmp_path / "plan.gpx"
    plan.write_text(f"<gpx><rte>{POINT.replace('trkpt', 'rtept')}</rte></gpx>")
    said = typed("import", str(plan))
    assert (said.code, "It is a planned route, and no recording." in said.err) == (0, True)


@pytest.mark.dear
def test_one_file_without_an_activity_beside_others_is_named_and_the_import_is_none_the_worse(
    make_rig: Make, type_on: TypeOn, tmp_path: Path
) -> None:
    (tmp_path / "run.gpx").write_text(f"<gpx><rte/><trk><trkseg>{TIMED}</trkseg></trk></gpx>")
    (tmp_path / "route.gpx").write_bytes(WITHOUT["route.gpx"][0])
    (tmp_path / "providers.toml").write_text("[archives]\nwellness = true\n")
    rig = make_rig(logged_in=False, settings={"first_year": 2025, "providers_config": tmp_path / "providers.toml"})
    typed = type_on(rig)
    for line in ("Merged: 1 new", "Nothing else is new"):
        told = typed("import", str(tmp_path / "run.gpx"), str(tmp_path / "route.gpx"))
        assert told.code == 0
        assert line in told.out
        assert "route.gpx" in told.err
        assert ("run.gpx: Left out: 1 planned route." in told.err) == (line == "Merged: 1 new")
    day = record("StepCount", 70, "2025-07-02 17:00:00 +0200", unit="count")
    xml = f"<!DOCTYPE HealthData [<!ELEMENT HealthData ANY>]><HealthData>{day}</HealthData>".encode()
    (tmp_path / "days.zip").write_bytes(zipped({"apple_health_export/export.xml": xml}))
    told = typed("import", str(tmp_path / "days.zip"))
    assert (told.code, "; 1 day and night new or changed" in told.out) == (0, True), told
    assert "without activities" not in told.err
    assert typed("import", str(tmp_path)).err.count("without activities") == 0, "one of its files is an activity"


@pytest.mark.dear
def test_status_and_doctor_tell_of_imports_without_a_login(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, settings={"first_year": 2025, "client_id": None, "client_secret": None})
    typed = type_on(rig)
    points = "".join(f'<trkpt lat="0.5" lon="1"><time>2025-06-01T10:00:{at}Z</time></trkpt>' for at in range(10, 40))
    (tmp_path / "run.gpx").write_text(f'<gpx version="1.1" creator="x"><trk><trkseg>{points}</trkseg></trk></gpx>')
    (tmp_path / "broken.fit").write_bytes(b"no fit at all")
    assert typed("import", str(tmp_path / "run.gpx"), str(tmp_path / "broken.fit")).code == 0
    found, said = shown(typed("status", "--json").out), typed("status").out
    assert "strava login" not in found, "nobody has Strava here"
    assert found["imported"]["values"] == {"at": found["imported"]["values"]["at"], "imports": 2, "files": 2}
    assert found["files"]["values"] == {"with_problems": 1}
    assert "limit" not in said
    assert "flow" not in said
    found = {one["name"] for one in json.loads(typed("doctor", "--json").out)["facts"]}
    assert {"application", "server"}.isdisjoint(found)
    (rig.settings.secrets_dir).mkdir(exist_ok=True)
    (rig.settings.secrets_dir / "strava_token.json").write_text("garbage")
    assert shown(typed("status", "--json").out)["strava login"]["state"] == "problem"


@pytest.mark.dear
def test_what_is_left_out_or_unknown_is_named(make_rig: Make, type_on: TypeOn, export: Path, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False, settings={"first_year": 2025})
    with zipfile.ZipFile(export) as archive:
        head, *rows = csv.reader(io.StringIO(archive.read("activities.csv").decode(), newline=""))
    (tmp_path / "export").mkdir()
    with (tmp_path / "export" / "activities.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*head, "Phase of Mars"], *([*row, "waxing"] for row in rows)])
    (tmp_path / "export" / "more.zip").write_bytes(b"PK\x03\x04")
    said = type_on(rig)("import", str(tmp_path / "export"))
    assert said.code == 0
    assert "kept as written: Phase of Mars" in said.err
    assert "more.zip: an archive of its own" in said.err
    kept = "SELECT DISTINCT json_extract_string(extra, '$.archive.columns.\"Phase of Mars\"') FROM activities"
    assert rig.gold(kept) == [("waxing",)]
