"""The second copy as a person meets it: after each run, by commands, on another machine, and when the data is deleted."""

import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from strava_pipeline.ingest import restic
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.restic import CopyIncompleteError, restic_of
from strava_pipeline.lake.gold.comparing import differing_tables
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.notifications import notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.retention import let_expire
from strava_pipeline.operations.run_context import run_context
from strava_pipeline_tests.contents import unpacked
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.restic import PASSWORD
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import Type, TypeOn


@pytest.fixture
def copied(make_rig: Make, tmp_path: Path, new_repository: Path) -> Rig:
    """Four activities, whose copy is in a folder."""
    shutil.copytree(new_repository, tmp_path / "copy")
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    settings = {"first_year": 2026, "restic_repository": str(tmp_path / "copy"), "restic_password_file": password}
    return make_rig(activities=4, years=(2026, 2026), settings=settings)


def kinds(rig: Rig) -> list[str]:
    return sorted(str(each.kind) for each in restic_of(rig.settings).snapshots())


@pytest.mark.dear
def test_every_run_that_lands_or_publishes_brings_the_copy_up_to_date(copied: Rig) -> None:
    done = copied.run("run")
    assert (done.metadata["second_copy"]["snapshots"], kinds(copied)) == (2, ["api", "own"])
    done = copied.run("compact")
    assert (done.metadata["second_copy"]["snapshots"], kinds(copied)) == (1, ["api", "own", "published"])
    assert copied.run_unpartitioned("profile").metadata["second_copy"]["files_copied"] > 0
    ride = {"paths": [str(copied.archive("archive.zip"))]}
    assert copied.run_unpartitioned("import_files", bronze_files=ride).metadata["second_copy"]["files_copied"] > 0


@pytest.mark.dear
def test_a_restored_folder_rebuilds_equal_tables(copied: Rig, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    assert copied.run("flow_backfill").metadata["second_copy"]["files_copied"] > 4
    back = copied.folder / "back"
    shutil.rmtree(copied.settings.secrets_dir)  # as on a machine without them
    (copied.folder / "elsewhere").mkdir()
    monkeypatch.chdir(copied.folder / "elsewhere")
    environment = {"STRAVA_FIRST_YEAR": "2026", "DAGSTER_HOME": str(copied.folder / "other_home")}
    environment |= {"RESTIC_REPOSITORY": f"{copied.folder}/copy", "RESTIC_PASSWORD_FILE": f"{copied.folder}/password"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    typed = type_in("copy", "restore", str(back))
    snapshot = back / "data" / "warehouse" / "strava.duckdb"
    assert (typed.code, snapshot.read_bytes()) == (0, copied.lake.snapshot.read_bytes())
    snapshot.unlink()
    monkeypatch.delenv("RESTIC_REPOSITORY")
    monkeypatch.chdir(back)
    assert type_in("rebuild").code == 0
    assert differing_tables(Lake(back / "data"), copied.lake) == []


def test_a_copy_that_fails_stops_no_run_and_is_told_of(copied: Rig, tmp_path: Path) -> None:
    nowhere = SecretStr(str(tmp_path / "unmounted" / "copy"))
    broken = replace(copied, settings=copied.settings.model_copy(update={"restic_repository": nowhere}))
    done = broken.run("flow_backfill")
    assert (done.failures, broken.one("SELECT count(*) FROM activities")) == ({}, 4)
    assert done.metadata["second_copy"]["files_copied"] == 0
    told = [each for each in notifications(broken.lake) if "second copy" in each.message]
    assert [each.category for each in told] == ["warning"]
    assert "Is its disk mounted?" in told[0].message


@pytest.mark.dear
def test_the_commands_say_what_they_did_and_what_is_wrong(copied: Rig, type_on: TypeOn) -> None:
    copied.begin_with("flow")
    typed, place = type_on(copied), f"{copied.folder}/copy"
    (copied.lake.decisions / "matches.jsonl").write_text("{}\n")
    copied.lake.goals.write_text('units = "km"\n')
    first, second = typed("copy", "--json"), typed("copy")
    assert (first.code, json.loads(first.out)["kinds"]) == (0, ["own"])
    assert (second.code, second.out.splitlines()[-1]) == (0, "The copy is up to date.")
    checked = typed("copy", "check")
    assert (checked.code, checked.out.splitlines()[-1]) == (0, "agrees: yes")
    assert not (copied.lake.copied / "scratch").exists()
    listed = json.loads(typed("copy", "list", "--json").out)
    assert sorted(each["kind"] for each in listed["snapshots"]) == ["api", "own", "published"]
    assert "last brought up to date" in typed("status").out
    said = {
        each["text"]: each["state"]
        for each in json.loads(typed("doctor", "--json").out)["facts"]
        if place in each["text"]
    }
    assert [state for what, state in said.items() if place in what or "brought up to date" in what] == ["ok", "ok"]
    (copied.lake.decisions / "note.jsonl").write_text("{}\n")
    lacking = typed("copy", "check")
    assert (lacking.code, "lacking: decisions/note.jsonl" in lacking.out) == (4, True)
    (copied.lake.decisions / "note.jsonl").unlink()
    with writing(copied.lake) as connection:
        connection.execute("UPDATE activities_all SET name = 'another'")
        mark_changed(connection)
    publish(copied.lake)
    assert typed("copy").code == 0
    differing = json.loads(typed("copy", "check", "--json").out)
    assert (differing["agrees"], differing["differing"]) == (False, ["activities_all", "activity_list"])


@pytest.mark.dear
def test_a_purge_leaves_nothing_of_what_goes_or_deletes_nothing(copied: Rig, type_on: TypeOn, tmp_path: Path) -> None:
    copied.begin_with("flow")
    typed, copy = type_on(copied), tmp_path / "copy"
    assert typed("copy").code == 0
    assert f"second copy: {copy}" in typed("purge", "--dry-run").out
    copy.rename(tmp_path / "unmounted")
    refused = typed("purge", "--yes", "--api")
    assert (refused.code, "so nothing here was deleted" in refused.err) == (1, True)
    assert copied.lake.snapshot.exists()
    (tmp_path / "unmounted").rename(copy)
    came = {hashlib.sha256(path.read_bytes()).hexdigest() for place in copied.lake.of_api for path in files(place)}
    assert came & {*blobs(copied)}
    done = typed("purge", "--yes", "--api", "--keep-access")
    assert (done.code, f"second copy: {copy}" in done.out) == (0, True)
    assert (came & {*blobs(copied)}, kinds(copied)) == (set(), ["own", "own", "published"])
    found = restic_of(copied.settings)
    for number, each in enumerate(found.snapshots()):  # nothing of any snapshot, unpacked
        found.restore(each.id, tmp_path / f"unpacked{number}", lambda: None)
    ids = [str(row["id"]).encode() for row in copied.truth()]
    left = [each for path in files(tmp_path) if "unpacked" in str(path) for each in unpacked(path)]
    assert left
    assert not [key for key in ids for content in left if key in content]
    done = typed("purge", "--yes", "--keep-access")
    assert (done.code, kinds(copied), blobs(copied)) == (0, [], [])
    assert not copied.lake.snapshot.exists()


def test_a_purged_activity_is_in_no_snapshot(copied: Rig, type_on: TypeOn) -> None:
    copied.begin_with("flow")
    typed, key = type_on(copied), copied.truth()[0]["id"]
    typed("copy")
    typed("corrections", "set", str(key), "--name", "Told here")
    typed("copy")
    assert kinds(copied) == ["api", "own", "own", "published"]
    gone = {*copied.lake.listings.rglob("page-0001*"), *copied.lake.details.glob(f"*/{key}/*")}
    told = {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in gone | {copied.lake.decisions / "corrections.jsonl"}
    }
    assert told <= {*blobs(copied)}
    assert typed("purge", str(key), "--yes").code == 0
    assert (told & {*blobs(copied)}, kinds(copied)) == (set(), ["api", "own", "published"])
    typed("corrections", "set", str(copied.truth()[1]["id"]), "--name", "Later")
    typed("copy")
    history = kinds(copied)
    shutil.rmtree(copied.lake.copied)  # as after a restore
    typed("copy")
    assert (history.count("own"), [kind for kind in history if kind not in kinds(copied)]) == (2, [])
    assert kinds(copied).count("own") >= 2, "what came after the purge stays"


def files(place: Path) -> list[Path]:
    return [path for path in (place, *place.rglob("*")) if path.is_file()]


def blobs(rig: Rig) -> list[str]:
    """The hashes of all that is in the repository."""
    environment = dict(restic_of(rig.settings).environment)
    listed = subprocess.run(["restic", "list", "blobs"], env=environment, capture_output=True, text=True, check=True)
    return [line.split()[-1] for line in listed.stdout.splitlines()]


def test_settings_of_before_are_named_with_what_took_their_place(
    rig: Rig, type_on: TypeOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.lake.copied.mkdir(parents=True)
    (rig.lake.copied / "copy.json").write_text('{"where": "s3://mine/copy", "earlier": ["/media/disk"], "at": null}')
    monkeypatch.setenv("MIRROR_URL", "s3://mine/copy")
    typed, sentence = type_on(rig), "MIRROR_URL is set, and RESTIC_REPOSITORY took its place (docs/copies.md)"
    assert sentence in typed("status").out
    assert sentence in typed("doctor").out
    refused = typed("copy")
    assert (refused.code, "RESTIC_REPOSITORY is not set" in refused.err) == (2, True)
    stays = typed("purge", "--dry-run").out
    assert "an earlier second copy in s3://mine/copy" in stays
    assert "an earlier second copy in /media/disk" in stays


def test_a_copy_that_was_killed_and_two_at_once_end_in_one_that_is_whole(
    copied: Rig, type_on: TypeOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied.begin_with("flow")
    (copied.lake.files / "ab").mkdir(parents=True)
    (copied.lake.files / "ab" / "large").write_bytes(os.urandom(2_000_000))
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "restic"
    program.write_text(f'#!/bin/sh\n[ "$2" != backup ] || kill -9 $PPID\n{shutil.which("restic")} "$@"\nexit $?\n')
    program.chmod(0o755)
    command, environment = [sys.executable, "-m", "strava_pipeline", "copy"], os.environ | copied.settings.environ()
    by_program = environment | {"PATH": f"{programs}:{os.environ['PATH']}"}
    killed = subprocess.run(command, cwd=copied.folder, env=by_program, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    both = [subprocess.Popen(command, cwd=copied.folder, env=environment) for _ in range(2)]
    assert [each.wait(PATIENCE) for each in both] == [0, 0]
    monkeypatch.setattr(restic, "STALE", timedelta(0))  # restic died without its reader, and left a lock
    assert type_on(copied)("copy", "check").code == 0


@pytest.mark.closed
def test_in_a_folder_that_was_set_back_nothing_is_deleted_before_its_decisions_are_there(
    copied: Rig, type_on: TypeOn
) -> None:
    copied.begin_with("flow")
    typed, data = type_on(copied), copied.lake.data_dir
    assert typed("copy").code == 0
    shutil.copytree(data, before := copied.folder / "before", symlinks=True)
    one, other = (each["id"] for each in copied.truth()[:2])
    assert typed("purge", str(one), "--yes").code == 0
    shutil.rmtree(data)
    shutil.copytree(before, data, symlinks=True)
    for words in (("copy",), ("purge", str(other), "--yes")):
        refused = typed(*words)
        assert (refused.code, "copy restore --decisions" in refused.err) == (4, True)
    expiring = copied.settings.model_copy(update={"api_keep_days": 1})
    copied.lake.expiry_announced.write_text("2020-01-01T00:00:00+00:00")
    later = machine_clock(now=lambda: datetime(2100, 1, 1, tzinfo=UTC))
    run = run_context(expiring, LogProgress(logging.getLogger(__name__)), "a test", clock=later)
    with pytest.raises(CopyIncompleteError, match="was made elsewhere"):
        let_expire(run, expiring)
    assert not (copied.lake.decisions / "expired.jsonl").exists(), "nothing was written"
    back = typed("copy", "restore", "--decisions")
    assert (back.code, f"It goes by `strava-pipeline purge {one}`" in back.out) == (0, True)
    assert typed("copy").code == 4
    assert typed("purge", str(other), "--yes").code == 0
    assert copied.one("SELECT count(*) FROM activities") == 2
    assert typed("copy").out.splitlines()[-1] == "The copy is up to date."
