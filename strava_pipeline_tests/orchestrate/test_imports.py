"""The jobs of an import in Dagster: metadata, the check of what was left out, limits, and no position anywhere.

What they do to the data is tested without Dagster, in operations/.
"""

import gzip
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.imports.files import reading_of, stored_bytes
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline_tests.imports import a_gpx, an_archive, import_by_dagster, tracks, years_behind
from strava_pipeline_tests.operations.test_odd_imports import with_limits
from strava_pipeline_tests.rig import Make, Rig

ROWS = "SELECT * EXCLUDE (ingestion_ts, edited_at) FROM activities_all ORDER BY id"


@pytest.mark.dear
def test_importing_twice_changes_nothing(make_rig: Make) -> None:
    rig = make_rig(logged_in=False)
    path = an_archive(rig, unlisted=2)
    rig.import_files(path)
    before = rig.gold(ROWS), tracks(rig), rig.gold("FROM files ORDER BY sha256")
    told = import_by_dagster(rig, path)
    assert told["bronze_files"]["new_files"] == 0
    assert "activities" not in told, "nothing had to be merged"
    assert len(list(imports(rig.lake))) == 1
    assert (rig.gold(ROWS), tracks(rig), rig.gold("FROM files ORDER BY sha256")) == before


@pytest.mark.dear
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
    told = import_by_dagster(rig, folder)
    assert told["bronze_files"]["dagster/row_count"] == 4
    assert told["bronze_files"]["problems"] == 1
    assert told["file_readings"]["files_with_problems"] == 3
    assert dict(rig.gold("SELECT name, problem FROM files WHERE problem IS NOT NULL")) == {
        "empty.fit": "It is empty.",
        "garbage.fit": "It is neither FIT, GPX, TCX nor KML, whatever .fit says.",
        "cut.gpx.gz": "The file ends in the middle; what stands before is kept.",
    }
    assert len(rig.gold("FROM activities")) == 2
    with snapshot(rig.lake) as connection:
        computed = connection.execute("SELECT moving_time_seconds, computed FROM counted_activities").fetchall()
    assert [(seconds > 0, names[0]) for seconds, names in computed] == [(True, "moving_time_seconds")] * 2, (
        "the publish comes after the tracks of its run"
    )
    flagged = rig.gold(
        "SELECT json_extract_string(extra, '$.file.name'), json_extract_string(extra, '$.file.flags[0]') FROM activities"
    )
    assert ("cut.gpx.gz", "truncated") in flagged


@pytest.mark.dear
def test_files_of_which_none_can_be_read_are_told_all_the_same(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    for name in ("one.fit", "two.fit"):
        (tmp_path / name).write_bytes(f"no fit, {name}".encode())
        told = import_by_dagster(rig, tmp_path / name)
        assert told["files"]["rows_merged"] == 1
        assert years_behind(rig) == set()
    assert rig.gold("SELECT name, problem FROM files ORDER BY name") == [
        (name, "It is neither FIT, GPX, TCX nor KML, whatever .fit says.") for name in ("one.fit", "two.fit")
    ]
    assert rig.one("SELECT count(*) FROM activities") == 0


@pytest.mark.dear
def test_positions_are_in_no_log_and_no_metadata(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "run.gpx").write_bytes(a_gpx(latitude=61.137154))  # no second of a clock
    told = import_by_dagster(rig, tmp_path / "run.gpx")
    assert "61.137" in str(rig.gold("SELECT start_latlng FROM activities"))
    assert "61.137" not in str(told)
    events = [str(entry) for run in rig.remembered.get_runs() for entry in rig.remembered.all_logs(run.run_id)]
    logs = [path.read_text() for path in rig.settings.logs_dir.rglob("*") if path.is_file()]
    assert events
    assert logs
    assert not [text for text in events + logs if re.search(r"(?<!\d)61\.137", text)]


OK, ALSO = a_gpx(), a_gpx(minute=20)


def reported_problems(rig: Rig) -> list[str]:
    """What the check of the last import reported of each thing left out."""
    (run,) = rig.remembered.get_runs(dg.RunsFilter(job_name="import_files"), limit=1)
    entries = rig.remembered.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    (data,) = [entry.dagster_event.event_specific_data for entry in entries if entry.dagster_event]
    evaluation: Any = data
    told = evaluation.metadata.get("first_problems")  # not there where there is none
    first = list(told.value) if told is not None else []
    assert evaluation.passed is not bool(first)
    return first


def padded(body: bytes) -> bytes:
    """The same file with a megabyte and a half more in it."""
    return body.replace(b"</gpx>", b" " * 1_500_000 + b"</gpx>")


LARGE = padded(ALSO)
TOO_LARGE = "2 MB unpacked; files of more than 1 MB are not read"


def activities(rig: Rig) -> int:
    return int(rig.one("SELECT count(*) FROM activities"))


@pytest.mark.dear
def test_a_file_above_the_limit_is_kept_and_read_when_the_limit_is_higher(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    with_limits(rig, file_bytes=1_000_000)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "ok.gpx").write_bytes(OK)
    (folder / "large.gpx").write_bytes(LARGE)
    (folder / "packed.gpx.gz").write_bytes(gzip.compress(padded(a_gpx(minute=40))))
    import_by_dagster(rig, folder)
    assert reported_problems(rig) == [f"large.gpx: {TOO_LARGE}"]
    rows = rig.gold("SELECT name, kind, problem FROM files ORDER BY name")
    assert rows == [
        ("large.gpx", None, TOO_LARGE),
        ("ok.gpx", "activity", None),
        ("packed.gpx.gz", "unknown", ImportLimits(file_bytes=1_000_000).file_exceeded),
    ]
    assert activities(rig) == 1
    digest = rig.one("SELECT sha256 FROM files WHERE name = 'large.gpx'")
    assert reading_of(rig.lake, digest) is None
    assert stored_bytes(rig.lake, digest) == LARGE
    assert rig.import_files(folder)["bronze_files"].new_files == 0
    assert len(list(imports(rig.lake))) == 1
    with_limits(rig, file_bytes=2_000_000)
    rig.do("rebuild")
    assert activities(rig) == 3
    assert rig.gold("SELECT name FROM files WHERE problem IS NOT NULL") == []
    with_limits(rig, file_bytes=1_000_000, points=1)
    rig.do("rebuild")
    assert activities(rig) == 3, "who lowers a limit loses nothing that was read"


@pytest.mark.dear
def test_an_import_without_a_problem_reports_none(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "ok.gpx").write_bytes(OK)
    import_by_dagster(rig, tmp_path / "ok.gpx")
    assert reported_problems(rig) == []


def test_a_list_of_another_program_is_refused_and_the_files_beside_it_come_in(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    foreign = tmp_path / "activities.csv"
    foreign.write_text("When,Name,Type,Dist km,Activity Id\n2026-01-05 10:00:00,Lunch,Ride,24.3,1\n")
    with pytest.raises(SourceError, match="is not one of Strava's lists of activities"):
        rig.run_unpartitioned("import_files", bronze_files={"paths": [str(foreign)]})
    (tmp_path / "run.gpx").write_bytes(a_gpx())
    (tmp_path / "letter.txt").write_bytes(b"dear")
    paths = [str(foreign), str(tmp_path / "run.gpx"), str(tmp_path / "letter.txt")]
    told = rig.run_unpartitioned("import_files", bronze_files={"paths": paths}).metadata["bronze_files"]
    assert (told["new_imports"], told["problems"], told["left_out_by_kind"]) == (1, 1, {"txt": 1})
    assert [one.manifest.came_as for one in imports(rig.lake)] == ["run.gpx"]
