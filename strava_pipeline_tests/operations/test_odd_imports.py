"""Imports of what can't be read, is too large or finds the disk full: it hinders no other file. And imports at once."""

import errno
import gzip
import random
import threading
from pathlib import Path

import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.lake.imports.files import FileStore, reading_of
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline.operations.importing import LandReport, land_paths
from strava_pipeline.operations.merging_steps import read_imports
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.ingest.archive.made import forged, unpacked, zipped
from strava_pipeline_tests.rig import Make, Rig

OK, ALSO = a_gpx(), a_gpx(minute=20)


@pytest.mark.dear
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
    landed = rig.import_files(path)["bronze_files"]
    assert landed.files == 2
    (only,) = landed.problems
    assert only.startswith(f"{name}: ")
    assert only.endswith(problem)
    assert len(rig.gold("FROM activities")) == 2
    (one,) = imports(rig.lake)
    assert [file.name for file in one.manifest.files] == ["ok.gpx", "zz.gpx.gz"]
    assert [fault.name for fault in one.manifest.faults] == [name]


def with_limits(rig: Rig, **limits: int) -> None:
    """From now on the rig's runs have these."""
    rig.settings = rig.settings.model_copy(update={"import_limits": ImportLimits(**limits)})


@pytest.mark.dear
def test_points_that_a_limit_kept_back_come_when_it_is_higher(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(logged_in=False)
    with_limits(rig, points=10)
    (tmp_path / "ok.gpx").write_bytes(OK)
    rig.import_files(tmp_path / "ok.gpx")
    digest = rig.one("SELECT sha256 FROM files WHERE 'over_limit' IN flags")
    cut = reading_of(rig.lake, digest)
    assert cut is not None
    assert (cut.recordings[0].points, cut.limited) == (10, {"points": 10})
    with_limits(rig, points=20)
    rig.do("rebuild")
    more = reading_of(rig.lake, digest)
    assert more is not None
    assert (more.recordings[0].points, more.limited) == (20, {"points": 20})


def land(rig: Rig, *paths: Path) -> LandReport:
    return land_paths(context_without_run(rig.settings), paths, rig.settings.import_limits)


def on_disk(folder: Path) -> set[str]:
    """Every file and folder below."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.name.endswith(".lock")}


@pytest.mark.parametrize("how", ["zip", "folder"])
def test_an_import_beyond_the_limit_leaves_the_disk_as_it_was(make_rig: Make, tmp_path: Path, how: str) -> None:
    rig = make_rig(logged_in=False)
    (tmp_path / "ok.gpx").write_bytes(OK)
    land(rig, tmp_path / "ok.gpx")
    before = on_disk(rig.settings.data_dir)
    files = {"00.gpx": OK, **{f"{number:02}.gpx": random.Random(number).randbytes(400_000) for number in range(1, 6)}}
    path = tmp_path / "large"
    if how == "zip":
        path.write_bytes(zipped(files))
    else:
        unpacked(path, files)
    with_limits(rig, total_bytes=1_000_000)
    with pytest.raises(SourceError, match="more than 1 MB"):
        land(rig, path)
    assert on_disk(rig.settings.data_dir) == before
    (tmp_path / "also.gpx").write_bytes(ALSO)
    report = land(rig, path, tmp_path / "also.gpx")
    assert (report.files, report.new_files, len(report.imports)) == (1, 1, 1), "what is refused keeps nothing else out"
    assert ["more than 1 MB" in problem for problem in report.problems] == [True]
    with_limits(rig, total_bytes=3_000_000)
    assert land(rig, path).new_files == 5


def test_the_end_names_a_table_that_is_not_stravas_and_sports_that_nothing_is_known_of(
    make_rig: Make, tmp_path: Path
) -> None:
    rig = make_rig(logged_in=False)
    typed = OK.replace(b"running", b"Quidditch")
    unpacked(tmp_path / "folder", {"ok.gpx": typed, "Activities.csv": b"Activity Type,Favorite,Distance,Calories\n"})
    report = land(rig, tmp_path / "folder")
    assert (report.files, [problem[:37] for problem in report.problems]) == (
        1,
        ["Activities.csv: Garmin's table of act"],
    )
    read = read_imports(context_without_run(rig.settings), rig.settings.import_limits)
    assert read.metadata["unknown_columns_and_sports"] == ["Quidditch"]


def test_an_import_that_fills_the_disk_leaves_it_as_it_was(
    make_rig: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(logged_in=False)
    unpacked(tmp_path / "folder", {"a.gpx": OK, "b.gpx": ALSO})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileStore, "sync", full)
    with pytest.raises(OSError, match="No space left"):
        land(rig, tmp_path / "folder")
    assert on_disk(rig.lake.files) == set()


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

    def land_at_once(folder: str) -> None:
        start.wait()
        reports.append(land(rig, tmp_path / folder))

    threads = [threading.Thread(target=land_at_once, args=(folder,)) for folder in ("one", "other", "one", "other")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(report.new_files for report in reports) == 30
    assert sum(report.paths_already_imported for report in reports) == 2
    landed = [file.sha256 for one in imports(rig.lake) for file in one.manifest.files]
    assert (len(landed), len(set(landed))) == (30, 30)
    stored = [path for path in rig.lake.files.rglob("*") if path.is_file()]
    assert len(stored) == 30
    assert not [path for path in stored if path.name.startswith(".")]
