"""Reading imported files, by one process or by several: the same on disk, and one bad file never stops the others."""

import gzip
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.lake.imports.files import FileStore, read_points, reading_of
from strava_pipeline.lake.imports.manifests import ImportedFile, ImportManifest, land_import
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.reading_files import FEW, read_files, unread_files
from strava_pipeline_tests.ingest.files.made import (
    RECEIVED,
    fit,
    gpx,
    lap,
    records,
    session,
    tcx,
    tcx_lap,
    trackpoint,
    trkpt,
)
from strava_pipeline_tests.ingest.files.made import activity as tcx_activity
from strava_pipeline_tests.ingest.files.made import file_id as fit_file_id


def some_gpx(points: int, latitude: float = 52.0) -> bytes:
    return gpx("".join(trkpt(at, latitude + at / 1e5) for at in range(points))).encode()


def bodies(count: int) -> dict[str, bytes]:
    """Files of all kinds, good and bad, no two alike."""
    found = {
        "good.fit": fit(fit_file_id(), records(5), lap(0, 5), session(0, 5)),
        "cut.fit": fit(fit_file_id(), records(9), session(0, 9))[:-20],
        "garbage.fit": b"no fit at all",
        "empty.gpx": b"",
        "good.tcx": tcx(tcx_activity(tcx_lap(0, 9.5, 30, *(trackpoint(at, at * 3.0) for at in range(9))))).encode(),
        "packed.gpx.gz": gzip.compress(some_gpx(7, 10.0)),
    }
    return found | {f"{number}.gpx": some_gpx(number + 2) for number in range(count - len(found))}


def landed(lake: Lake, files: dict[str, bytes], day: int = 0) -> dict[str, str]:
    """An import of the files; their hashes by name."""
    store = FileStore(lake)
    hashes = {name: store.put(body)[0] for name, body in files.items()}
    store.sync()
    told = [
        ImportedFile(name=name, sha256=hashes[name], size=len(body), role="activity") for name, body in files.items()
    ]
    land_import(
        lake,
        ImportManifest(came_as="folder", kind="folder", received_at=RECEIVED + timedelta(days=day), files=told),
    )
    return hashes


def on_disk(lake: Lake) -> dict[str, bytes]:
    return {
        str(path.relative_to(lake.readings)): path.read_bytes() for path in lake.readings.rglob("*") if path.is_file()
    }


def damage(lake: Lake, digest: str, body: bytes | None) -> None:
    (path,) = lake.files.rglob(f"{digest}*")
    path.unlink() if body is None else path.write_bytes(body)


@pytest.mark.dear
def test_two_processes_put_the_same_bytes_on_disk_as_one(tmp_path: Path) -> None:
    found = []
    files = bodies(FEW + 5)
    for processes in (1, 2):
        lake = Lake(tmp_path / str(processes))
        landed(lake, files)
        ticks: list[int] = []
        problems = read_files(lake, unread_files(lake), ticks.append, processes=processes)
        assert (problems, ticks) == (3, [1] * len(files))
        assert unread_files(lake) == []
        found.append(on_disk(lake))
    assert found[0] == found[1]
    assert sum(name.endswith(".json.gz") for name in found[0]) == len(files)
    assert sum(name.endswith(".parquet") for name in found[0]) == len(files) - 2, "the cut one is read in part"


def test_the_largest_is_read_first_and_each_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    landed(lake, {"a.gpx": some_gpx(2), "b.gpx": some_gpx(9)})
    landed(lake, {"c.gpx": some_gpx(5), "again.gpx": some_gpx(9)}, day=1)
    assert [each.name for each in unread_files(lake)] == ["b.gpx", "c.gpx", "a.gpx"]


def test_what_was_read_is_not_read_again_and_what_is_new_is(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    landed(lake, {"a.gpx": some_gpx(2)})
    read_files(lake, unread_files(lake), lambda steps: None)
    before = {path: path.stat().st_mtime_ns for path in lake.readings.rglob("*") if path.is_file()}
    landed(lake, {"a.gpx": some_gpx(2), "b.gpx": some_gpx(9)}, day=1)
    assert [each.name for each in unread_files(lake)] == ["b.gpx"]
    read_files(lake, unread_files(lake), lambda steps: None)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.dear
@pytest.mark.parametrize(
    "count", [pytest.param(2, id="alone"), pytest.param(FEW + 1, id="together", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("body", [None, b"rubbish", gzip.compress(b"another")], ids=["missing", "rubbish", "another's"])
def test_one_whose_bytes_are_lost_is_told_and_read_when_they_are_back(
    tmp_path: Path, body: bytes | None, count: int
) -> None:
    lake = Lake(tmp_path)
    files = {f"{number}.gpx": some_gpx(number + 2) for number in range(count)}
    hashes = landed(lake, files)
    damage(lake, hashes["1.gpx"], body)
    assert read_files(lake, unread_files(lake), lambda steps: None, processes=2) == 1
    assert {name for name, digest in hashes.items() if reading_of(lake, digest) is None} == {"1.gpx"}
    landed(lake, files, day=1)
    assert [each.name for each in unread_files(lake)] == ["1.gpx"]
    assert read_files(lake, unread_files(lake), lambda steps: None) == 0
    reading = reading_of(lake, hashes["1.gpx"])
    assert reading is not None
    assert (reading.problem, reading.recordings[0].points) == (None, 3)
    assert reading.content == hashlib.sha256(files["1.gpx"]).hexdigest()


def test_a_files_points_are_beside_its_reading(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    hashes = landed(lake, {"good.fit": bodies(6)["good.fit"]})
    read_files(lake, unread_files(lake), lambda steps: None)
    reading, track = reading_of(lake, hashes["good.fit"]), read_points(lake, hashes["good.fit"], 0)
    assert reading is not None
    assert track is not None
    assert (reading.recordings[0].points, track.height, len(reading.recordings[0].laps)) == (5, 5, 1)
