"""A disk that is full, or may only be read: a sentence, exit code 1, and with space again nothing lost or asked twice."""

import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.small_disk import SmallDisk

SOAK = pytest.mark.soak(part="damage")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a disk of a few megabytes needs Linux' mount namespaces"),
    pytest.mark.skipif(shutil.which("unshare") is None or shutil.which("nsenter") is None, reason="needs util-linux"),
]
LISTING, DETAIL = "/athlete/activities", "/activities/{id}"
KB = 1 << 10


def small_rig(make_rig: Make, **settings: Any) -> Rig:
    return make_rig(activities=12, years=(2025, 2026), settings={"first_year": 2025, **settings})


def assert_told(said: Any, *words: str) -> None:
    assert (said.returncode, "Traceback" in said.stderr) == (1, False), said.stderr
    assert any(word in said.stderr for word in words), said.stderr


def snapshot_of(rig: Rig, disk: SmallDisk, folder: Path) -> Path:
    """The snapshot, carried out of the namespace to where the rig looks for it."""
    rig.lake.snapshot.parent.mkdir(parents=True, exist_ok=True)
    inside = disk.seen / rig.lake.snapshot.relative_to(folder)
    shutil.copyfile(inside, rig.lake.snapshot)
    return inside


@pytest.mark.parametrize(
    "free",
    [64 * KB, *(pytest.param(size * KB, marks=SOAK) for size in (0, 20, 300, 3000, 6000))],
    ids=lambda free: f"{free // KB}K",
)
def test_a_full_data_folder_loses_nothing_and_asks_nothing_twice(
    make_rig: Make, on_disk: Callable[[Path], SmallDisk], free: int
) -> None:
    rig = small_rig(make_rig)
    disk = on_disk(rig.lake.data_dir)
    disk.leave(free)
    assert_told(
        disk.typed(rig.settings.environ(), "flow-backfill"), "No space left", "free some space", "Free some space"
    )
    first = rig.calls()
    landed = {path.parent.name for path in disk.seen.glob("bronze/activity_details/*/*/*.json.gz")}
    assert not list(disk.seen.rglob("*.tmp")), "half a file would keep the disk full"
    disk.empty()
    said = disk.typed(rig.settings.environ(), "flow-backfill")
    assert said.returncode == 0, said.stderr
    second = rig.calls()
    assert not landed & set(second["details"])
    asked = Counter(first["details"]) + Counter(second["details"])
    assert sum(asked.values()) <= 13, "the one whose answer found no room is asked for again"
    assert second["by_endpoint"][LISTING] == 2, "so short a list is made anew"
    snapshot_of(rig, disk, rig.lake.data_dir)
    rig.assert_true_to_source()


@pytest.mark.parametrize(
    "free", [pytest.param(size * KB, marks=SOAK) for size in (0, 300, 1200)], ids=lambda free: f"{free // KB}K"
)
def test_a_full_dagster_home_ends_a_run_with_a_sentence_and_the_next_goes_on(
    make_rig: Make, on_disk: Callable[[Path], SmallDisk], free: int, tmp_path: Path
) -> None:
    rig = small_rig(make_rig)
    disk = on_disk(rig.settings.dagster_home)
    if free:  # an instance that worked until now
        assert disk.typed(rig.settings.environ(), "compact").returncode in (0, 1)
    disk.leave(free)
    told = disk.typed(rig.settings.environ(), "flow-backfill")
    if told.returncode:
        assert_told(told, "Dagster's records", "No space left")
    first = rig.calls()
    disk.empty()
    said = disk.typed(rig.settings.environ(), "flow-backfill")
    assert said.returncode == 0, said.stderr
    second = rig.calls()
    assert max((Counter(first["details"]) + Counter(second["details"])).values()) == 1
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_publish_without_room_leaves_the_old_one_whole(make_rig: Make, on_disk: Callable[[Path], SmallDisk]) -> None:
    rig = small_rig(make_rig)
    disk = on_disk(rig.lake.data_dir)
    assert disk.typed(rig.settings.environ(), "flow-backfill").returncode == 0
    rig.control("add", activity={"start_date": "2026-03-09T08:00:00Z", "name": "New"})
    disk.leave(1800 * KB)
    assert_told(disk.typed(rig.settings.environ(), "flow"), "No space left")
    inside = snapshot_of(rig, disk, rig.lake.data_dir)
    assert rig.one("SELECT count(*) FROM activities") == 12
    assert sorted(path.name for path in inside.parent.iterdir()) == ["strava.duckdb", "working"]
    rig.calls()
    disk.empty()
    assert disk.typed(rig.settings.environ(), "compact").returncode == 0
    assert rig.calls()["total"] == 0
    rig.lake.snapshot.unlink()
    snapshot_of(rig, disk, rig.lake.data_dir)
    rig.assert_true_to_source()


@pytest.mark.dear
@pytest.mark.parametrize("how", ["full", pytest.param("read-only", marks=SOAK)])
def test_a_refresh_token_is_not_spent_where_its_successor_finds_no_place(
    make_rig: Make, on_disk: Callable[[Path], SmallDisk], how: str
) -> None:
    rig = small_rig(make_rig)
    disk = on_disk(rig.settings.secrets_dir)
    kept = (disk.seen / "strava_token.json").read_bytes()
    rig.control("expire-tokens")
    if how == "full":
        disk.leave(0)
    else:
        disk.read_only(True)
    assert_told(disk.typed(rig.settings.environ(), "flow"), "can't be saved")
    assert (disk.seen / "strava_token.json").read_bytes() == kept
    if how == "full":
        disk.empty()
    else:
        disk.read_only(False)
    said = disk.typed(rig.settings.environ(), "flow")
    assert said.returncode == 0, said.stderr


@SOAK
@pytest.mark.parametrize("which", ["data_dir", "dagster_home"])
def test_a_folder_that_may_only_be_read_is_named_and_costs_no_call(
    make_rig: Make, on_disk: Callable[[Path], SmallDisk], which: str
) -> None:
    rig = small_rig(make_rig)
    folder = getattr(rig.settings, which)
    disk = on_disk(folder)
    assert disk.typed(rig.settings.environ(), "flow").returncode == 0
    rig.calls()
    disk.read_only(True)
    said = disk.typed(rig.settings.environ(), "flow")
    assert_told(said, "Read-only file system", "readonly database", "Dagster's records")
    assert str(folder) in said.stderr
    assert rig.calls()["total"] == 0
    if which == "data_dir":
        assert disk.typed(rig.settings.environ(), "sql", "SELECT count(*) FROM activities").returncode == 0
        assert disk.typed(rig.settings.environ(), "status").returncode == 0
    disk.read_only(False)
    assert disk.typed(rig.settings.environ(), "flow").returncode == 0
