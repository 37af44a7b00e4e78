"""What an import can't read: kept where it can be, told in the run, and in nobody's way. And two imports at once."""

import gzip
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.ingest.archive.entry import MAX_UNPACKED
from strava_pipeline.lake.imports import imports
from strava_pipeline.lake.readings import reading_of
from strava_pipeline.orchestrate.importing import LandReport, land_paths
from strava_pipeline.orchestrate.progress import LogProgress
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline_tests.ingest.archive.made import forged, zipped
from strava_pipeline_tests.orchestrate.test_imports import a_gpx, take_in
from strava_pipeline_tests.rig import Rig

Make = Callable[..., Rig]
OK, ALSO = a_gpx(), a_gpx(minute=20)


def told_problems(rig: Rig) -> list[str]:
    """What the last import's run said of each thing that it left out."""
    (run,) = rig.remembered.get_runs(dg.RunsFilter(job_name="import_files"), limit=1)
    entries = rig.remembered.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    (data,) = [entry.dagster_event.event_specific_data for entry in entries if entry.dagster_event]
    evaluation: Any = data
    told = evaluation.metadata.get("first_problems")  # not there where there is none
    first = list(told.value) if told is not None else []
    assert evaluation.passed is not bool(first)
    return first


@pytest.mark.parametrize(
    ("name", "body", "change", "problem"),
    [
        ("secret.gpx", ALSO, {"flags": 1}, "encrypted; unpack it with its password and name the folder"),
        ("inner.zip", zipped({"a.gpx": ALSO}), {}, "an archive of its own; unpack it and name it to read it"),
        ("bomb.gpx", bytes(3 * 2**20), {}, "bytes that unpack to 3,145,728; not read"),
        ("damaged.gpx", ALSO, {"crc": 5}, "damaged in the archive (BadZipFile)"),
        ("odd.gpx", ALSO, {"method": 97}, "compression method 97; unpack it and name the folder"),
        ("link.gpx", b"ok.gpx", {"mode": 0o120777}, "a link; links are not followed"),
    ],
)
def test_a_member_that_cant_be_read_is_told_and_the_others_come_in(
    make_rig: Make, tmp_path: Path, name: str, body: bytes, change: dict[str, int], problem: str
) -> None:
    rig = make_rig(logged_in=False)
    path = tmp_path / "odd.zip"
    raw = zipped({"ok.gpx": OK, name: body, "zz.gpx.gz": gzip.compress(a_gpx(minute=40))})
    path.write_bytes(forged(raw, name, **change) if change else raw)
    told = take_in(rig, path)
    assert (told["bronze_files"]["problems"], told["bronze_files"]["dagster/row_count"]) == (1, 2)
    (only,) = told_problems(rig)
    assert only.startswith(f"{name}: ")
    assert only.endswith(problem)
    assert len(rig.gold("FROM activities")) == 2
    (one,) = imports(rig.lake)
    assert [file.name for file in one.manifest.files] == ["ok.gpx", "zz.gpx.gz"]
    assert [fault.name for fault in one.manifest.faults] == [name]


def test_a_file_above_the_limit_is_kept_and_not_read(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "ok.gpx").write_bytes(OK)
    with (folder / "large.fit").open("wb") as large:
        large.truncate(MAX_UNPACKED + 2**20)
    take_in(rig, folder)
    assert told_problems(rig) == ["large.fit: 101 MB unpacked; more than 100 MB are not read"]
    rows = rig.gold("SELECT name, size, kind, problem FROM files ORDER BY name")
    assert rows == [
        ("large.fit", MAX_UNPACKED + 2**20, None, "101 MB unpacked; more than 100 MB are not read"),
        ("ok.gpx", len(OK), "activity", None),
    ]
    assert len(rig.gold("FROM activities")) == 1
    digest = rig.one("SELECT sha256 FROM files WHERE name = 'large.fit'")
    assert reading_of(rig.lake, digest) is None
    (stored,) = rig.lake.files.rglob(f"{digest}*")
    with gzip.open(stored) as kept:
        assert sum(len(piece) for piece in iter(lambda: kept.read(2**20), b"")) == MAX_UNPACKED + 2**20
    told = take_in(rig, folder)
    assert told["bronze_files"]["new_files"] == 0
    assert len(list(imports(rig.lake))) == 1


def test_nothing_to_tell_is_told_as_such(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "ok.gpx").write_bytes(OK)
    take_in(rig, tmp_path / "ok.gpx")
    assert told_problems(rig) == []


def test_imports_at_the_same_time_lose_nothing_and_double_nothing(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    names = [f"{number:02}.gpx" for number in range(30)]
    files = {name: a_gpx(minute=number) for number, name in enumerate(names)}
    for folder, held in (("one", names[:20]), ("other", names[10:])):
        (tmp_path / folder).mkdir()
        for name in held:
            (tmp_path / folder / name).write_bytes(files[name])
    reports: list[LandReport] = []
    start = threading.Barrier(4)

    def land(folder: str) -> None:
        pipeline = Pipeline(rig.settings, LogProgress(logging.getLogger(__name__)))
        start.wait()
        reports.append(land_paths(pipeline, [tmp_path / folder]))

    threads = [threading.Thread(target=land, args=(folder,)) for folder in ("one", "other", "one", "other")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(report.new for report in reports) == 30
    assert sum(report.known for report in reports) == 2
    landed = [file.sha256 for one in imports(rig.lake) for file in one.manifest.files]
    assert (len(landed), len(set(landed))) == (30, 30)
    stored = [path for path in rig.lake.files.rglob("*") if path.is_file()]
    assert len(stored) == 30
    assert not [path for path in stored if path.name.startswith(".")]


@pytest.mark.slow
def test_a_list_of_another_program_comes_not_in_and_what_lies_beside_it_does(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    foreign = tmp_path / "activities.csv"
    foreign.write_text("When,Name,Type,Dist km,Activity Id\n2026-01-05 10:00:00,Lunch,Ride,24.3,1\n")
    with pytest.raises(SourceError, match="is no list of activities of Strava's"):
        rig.run_unpartitioned("import_files", bronze_files={"paths": [str(foreign)]})
    (tmp_path / "run.gpx").write_bytes(a_gpx())
    (tmp_path / "letter.txt").write_bytes(b"dear")
    paths = [str(foreign), str(tmp_path / "run.gpx"), str(tmp_path / "letter.txt")]
    told = rig.run_unpartitioned("import_files", bronze_files={"paths": paths}).metadata["bronze_files"]
    assert (told["new_imports"], told["problems"], told["left_out_by_kind"]) == (1, 1, {"txt": 1})
    assert [one.manifest.came_as for one in imports(rig.lake)] == ["run.gpx"]
