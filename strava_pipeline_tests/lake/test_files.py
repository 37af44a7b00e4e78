"""lake.files: what a dead process left half written is swept away, what a live one is writing is not; copies and clones."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from strava_pipeline.lake.files import copy_file, has_no_holder, held, sweep_unfinished, write_whole
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.small_disk import files_of_at_most

HALF = """
import os, sys
from pathlib import Path
from strava_pipeline.lake.files import held
with held(Path(sys.argv[1])) as file:
    file.write(b"ha")
    file.flush()
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_only_the_unfinished_files_of_processes_that_are_no_more_are_swept_away(lake: Lake) -> None:
    folder = lake.details_of(2026) / "17"
    write_whole(folder / "20260310T120000000000Z.json.gz", b"whole")
    unfinished = folder / ".20260311T120000000000Z.json.gz.01234567.tmp"
    subprocess.run([sys.executable, "-c", HALF, unfinished], check=False)
    assert unfinished.read_bytes() == b"ha"
    others = [folder / ".notes.tmp", folder / ".tmp"]
    for path in others:
        path.write_bytes(b"ha")
    with held(folder / ".20260311T120000000001Z.json.gz.89abcdef.tmp") as file:
        sweep_unfinished(lake.data_dir)
        assert not unfinished.exists()
        expected = [folder / "20260310T120000000000Z.json.gz", *others, folder / file.name]
        assert sorted(folder.iterdir()) == sorted(expected)


def test_a_file_cleared_away_while_it_is_being_taken_is_made_anew(lake: Lake) -> None:
    path = lake.state / "runs" / "r1.lock"
    taken: list[bool] = []

    def take() -> None:
        with held(path):
            taken.append(path.exists() and not has_no_holder(path))

    with held(path):  # as has_no_holder does between its two steps
        waiting = Thread(target=take)
        waiting.start()
        waiting.join(0.2)
        assert not taken
        path.unlink()
    waiting.join()
    assert taken == [True]


MAKERS = {"btrfs": ["mkfs.btrfs", "-q"], "xfs": ["mkfs.xfs", "-q"]}  # of the file systems that clone files on Linux


@pytest.fixture(params=MAKERS)
def cloning(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that clones files, which lies in a file of its own."""
    maker, *options = MAKERS[request.param]
    program = shutil.which(maker, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip(f"{maker} is not installed")
    image, folder = tmp_path / "disk", tmp_path / "mounted"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(512 << 20)  # the least is 109 MB for btrfs, 300 MB for XFS; what is not written takes no space
    subprocess.run([program, *options, str(image)], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False, capture_output=True).returncode:
        pytest.skip("nobody but root mounts file systems, and a container may not allow it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_copy_takes_no_space_where_files_are_cloned(cloning: Path, new_lake: NewLake) -> None:
    content = Random(1).randbytes(64 << 20)
    source, target = cloning / "source", cloning / "target"
    source.write_bytes(content)
    free = free_space(cloning)
    copy_file(source, target)
    assert free - free_space(cloning) < 8 << 20
    with source.open("r+b") as file:
        file.write(b"changed")
    assert target.read_bytes() == content

    lake = new_lake(cloning / "data")
    assert publish(lake)
    with snapshot(lake) as connection:
        assert connection.execute("FROM activities").fetchall() == []


def free_space(folder: Path) -> int:
    subprocess.run(["sync", "--file-system", str(folder)], check=True)  # what is not written yet has no place yet
    return shutil.disk_usage(folder).free


@pytest.mark.parametrize("target", ["here", "in memory"])
def test_a_copy_is_a_file_of_its_own_where_files_are_not_cloned(target: str, tmp_path: Path) -> None:
    """Most file systems refuse to clone, and none clones to another one."""
    memory = Path("/dev/shm")
    if target == "in memory" and not memory.is_dir():
        pytest.skip("no file system in memory")
    source, copy = tmp_path / "source", (tmp_path if target == "here" else memory) / f"{tmp_path.name}.copy"
    source.write_bytes(b"content" * 1000)
    try:
        copy_file(source, copy)
        source.write_bytes(b"changed")
        assert copy.read_bytes() == b"content" * 1000
    finally:
        copy.unlink(missing_ok=True)


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(2 << 20))
    with files_of_at_most(1 << 20), pytest.raises(OSError, match="large"):
        copy_file(source, tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
