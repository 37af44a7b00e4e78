"""The second copy at the end of a run: it comes back on another machine, and a store that fails stops nothing."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from strava_pipeline.core.copies.sealing import key_text
from strava_pipeline.lake.notifications import notifications
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.small_disk import SmallDisk
from strava_pipeline_tests.verbs.conftest import Type


@pytest.fixture
def copied(make_rig: Callable[..., Rig], tmp_path: Path) -> Rig:
    """Four activities, whose copy is in a folder."""
    (tmp_path / "key").write_text(key_text(hashlib.sha256(b"key").digest()))
    settings = {"first_year": 2026, "mirror_url": str(tmp_path / "copy"), "mirror_key_file": tmp_path / "key"}
    return make_rig(activities=4, years=(2026, 2026), settings=settings)


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every table, without the time at which a row was written."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
        return {
            name: sorted(
                connection.execute(f"SELECT COLUMNS(c -> c <> 'ingestion_ts') FROM \"{name}\"").fetchall(), key=repr
            )
            for (name,) in names
            if name != "lake_meta"  # notes of which runs made it
        }


def test_a_restored_folder_rebuilds_equal_tables(copied: Rig, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    done = copied.run("flow_backfill")
    assert done.metadata["second_copy"]["files_copied"] > 4
    back = copied.folder / "back"
    url, key = str(copied.settings.mirror_url), str(copied.settings.mirror_key_file)
    shutil.rmtree(copied.settings.secrets_dir)  # as on a machine without them
    (copied.folder / "elsewhere").mkdir()
    monkeypatch.chdir(copied.folder / "elsewhere")
    monkeypatch.setenv("STRAVA_FIRST_YEAR", "2026")
    monkeypatch.setenv("DAGSTER_HOME", str(copied.folder / "other_home"))
    typed = type_in("restore", str(back), "--from", url, "--key", key)
    assert (typed.code, (back / "data" / "warehouse" / "strava.duckdb").read_bytes()) == (
        0,
        copied.lake.snapshot.read_bytes(),
    )
    monkeypatch.chdir(back)
    assert type_in("rebuild").code == 0
    assert tables(back / "data" / "warehouse" / "strava.duckdb") == tables(copied.lake.snapshot)


def test_a_store_that_fails_stops_nothing_and_is_told_of(copied: Rig) -> None:
    broken = replace(copied, settings=copied.settings.model_copy(update={"mirror_url": "/nowhere/at/all"}))
    done = broken.run("flow_backfill")
    assert (done.failures, broken.one("SELECT count(*) FROM activities")) == ({}, 4)
    assert done.metadata["second_copy"]["files_copied"] == 0
    told = [each for each in notifications(broken.lake) if "second copy" in each.message]
    assert [each.category for each in told] == ["warning"]
    assert "Is the disk of the copy mounted?" in told[0].message


def test_the_commands_say_what_they_did(copied: Rig, type_on: Callable[[Rig], Type], tmp_path: Path) -> None:
    copied.begin_with("flow")
    typed = type_on(copied)
    first, second = typed("mirror", "--json"), typed("mirror")
    assert (first.code, json.loads(first.out)["where"]) == (0, f"{tmp_path}/copy")
    assert (second.code, second.out) == (0, f"The copy in {tmp_path}/copy is up to date; 2 calls of the store.\n")
    found = json.loads(typed("mirror", "check", "--all", "--json").out)
    assert (found["agrees"], found["blocks"]) == (True, found["blocks_read"])
    block = next((tmp_path / "copy" / "api" / "blocks").iterdir())
    block.write_bytes(bytes(block.stat().st_size))
    checked = typed("mirror", "check", "--all")
    assert (checked.code, "Damaged or missing in the copy: api/blocks/" in checked.out) == (4, True)
    assert typed("restore", str(tmp_path / "half")).code == 1
    (tmp_path / "copy" / "copy.json").unlink()
    assert "could not be restored" in typed("restore", str(tmp_path / "without_head")).out
    assert "mirror --adopt" in typed("mirror").err
    assert typed("mirror", "--adopt").code == 0
    assert typed("mirror").code == 0
    assert typed("mirror", "check", "--all").code == 0
    assert "Second copy: brought up to date" in typed("status").out
    assert {one["name"]: one["state"] for one in json.loads(typed("doctor", "--json").out)["findings"]}[
        "second copy"
    ] == "ok"


def test_a_key_is_made_once_for_its_owner_s_eyes(
    type_in: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = type_in("mirror", "key")
    path = tmp_path / "secrets" / "mirror_key"
    assert (made.code, path.stat().st_mode & 0o777) == (0, 0o600)
    assert path.read_text().strip() not in made.out
    assert f"MIRROR_KEY_FILE={path}" in made.out
    assert type_in("mirror", "key").code == 2
    assert type_in("mirror").code == 2


def test_a_purge_takes_the_copy_or_deletes_nothing(copied: Rig, type_on: Callable[[Rig], Type], tmp_path: Path) -> None:
    copied.begin_with("flow")
    typed, copy = type_on(copied), tmp_path / "copy"
    assert typed("mirror").code == 0
    assert f"The second copy in {copy}: is deleted too" in typed("purge", "--dry-run").out
    copy.rename(tmp_path / "unmounted")
    copy.write_text("in the way")
    refused = typed("purge", "--yes")
    assert (refused.code, "so nothing here was deleted" in refused.err, copied.lake.snapshot.exists()) == (
        1,
        True,
        True,
    )
    copy.unlink()
    (tmp_path / "unmounted").rename(copy)
    copied.lake.copied.rename(tmp_path / "noted")
    assert f"the second copy in {copy}, if there is one" in typed("purge", "--dry-run").out
    (tmp_path / "noted").rename(copied.lake.copied)
    done = typed("purge", "--yes")
    assert (done.code, f"Deleted too: the second copy in {copy}." in done.out) == (0, True)
    assert [path for path in copy.rglob("*") if path.is_file()] == []
    assert not copied.lake.snapshot.exists()


def test_a_disk_that_is_too_small_or_full_loses_nothing(
    copied: Rig, type_on: Callable[[Rig], Type], tmp_path: Path, on_disk: Callable[[Path], SmallDisk]
) -> None:
    copied.begin_with("flow")
    assert type_on(copied)("mirror").code == 0
    disk = on_disk(tmp_path / "disk")
    disk.leave(100_000)
    words = ("restore", str(tmp_path / "disk" / "back"))
    refused = disk.typed(copied.settings.environ(), *words)
    assert (refused.returncode, "Name a folder on another disk" in refused.stderr) == (1, True)
    full = {**copied.settings.environ(), "MIRROR_URL": str(tmp_path / "disk" / "copy")}
    failed = disk.typed(full, "mirror", "--adopt")
    assert (failed.returncode, "No space left on device" in failed.stderr) == (1, True)
    disk.empty()
    assert disk.typed(full, "mirror", "--adopt").returncode == 0
