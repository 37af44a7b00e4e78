"""What was damaged, deleted or put in a file's place: the next command, as a person types it, mends it or says what to do."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.orchestrate.test_rebuild import everything
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import Type, TypeOn

LISTING = "/athlete/activities"
GARBAGE = b"\x00gar: [bage\xff" * 500


@pytest.fixture
def pulled(make_rig: Make, type_on: TypeOn) -> tuple[Rig, Type]:
    """Everything pulled by commands on an instance on disk."""
    rig = make_rig(activities=6, years=(2025, 2026), settings={"first_year": 2025})
    typed = type_on(rig)
    assert typed("flow-backfill").code == 0
    rig.calls()
    return rig, typed


def put(path: Path, content: bytes | None) -> None:
    """`content` in place of whatever is there; None: a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    if content is None:
        path.mkdir(parents=True)
    else:
        path.write_bytes(content)


MENDED = {  # below the rig's folder → what it is replaced by
    "a shard": ("data/activities/year=2025/*.parquet", GARBAGE),
    "a shard's folder": ("data/activities/year=2025", b"a file"),
    "a manifest": ("data/bronze/activities/*/manifest.json", GARBAGE),
    "a manifest, a folder in its place": ("data/bronze/activities/*/manifest.json", None),
    "a page that the shards hold": ("data/bronze/activities/*/page-0001.json.gz", GARBAGE),
    "a detail that gold holds": ("data/bronze/activity_details/*/*/*.json.gz", b""),
    "a gear": ("data/bronze/gear/*/*.json.gz", GARBAGE),
    "the working warehouse, half": ("data/warehouse/working/strava.duckdb", b"12345678DUCK" + bytes(5000)),
    "its log": ("data/warehouse/working/strava.duckdb.wal", GARBAGE),
    "the snapshot": ("data/warehouse/strava.duckdb", GARBAGE),
    "the state folder": ("data/state", None),
    "the ledger": ("ledger/strava-*.json", GARBAGE),
    "a lock": ("data/state/locks/flow.lock", GARBAGE),
    "who holds a lock": ("data/state/locks/flow.json", GARBAGE),
    "Dagster's configuration, empty": ("dagster_home/dagster.yaml", b""),
    "Dagster's runs, gone": ("dagster_home/history", None),
}

TOLD = {  # what the message names
    "the login": ("secrets/strava_token.json", GARBAGE, "strava-pipeline auth", 1),
    "the login, a folder": ("secrets/strava_token.json", None, "is a folder, and not a login", 1),
    "the ledger, a folder": ("ledger/strava-*.json", None, "can't be kept: Is a directory", 1),
    "a lock, a folder": ("data/state/locks/flow.lock", None, "flow.lock: Is a directory", 1),
    "who holds a lock, a folder": ("data/state/locks/flow.json", None, "flow.json: Is a directory", 1),
    "the warehouse, a folder": ("data/warehouse/working/strava.duckdb", None, "strava.duckdb: Is a directory", 1),
    "the data folder, a file": ("data", b"a file", "Not a directory", 1),
    "Dagster's runs": ("dagster_home/history/runs.db", GARBAGE, "history and schedules out of there", 1),
    "Dagster's events": ("dagster_home/history/runs/index.db", GARBAGE, "history and schedules out of there", 1),
    "Dagster's schedules": ("dagster_home/schedules/schedules.db", None, "history and schedules out of there", 1),
    "Dagster's configuration": ("dagster_home/dagster.yaml", GARBAGE, "Correct it, or move it away", 1),
    "Dagster's home, a file": ("dagster_home", b"a file", "dagster_home", 1),
}


def found(rig: Rig, pattern: str) -> Path:
    return next(iter(sorted(rig.folder.glob(pattern))), rig.folder / pattern)


def by_seconds(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Moments to the second: a page whose manifest was lost says no more of when it was fetched."""
    return {
        name: [
            tuple(each.replace(microsecond=0) if isinstance(each, datetime) else each for each in row) for row in rows
        ]
        for name, rows in tables.items()
    }


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("what", MENDED)
def test_the_next_flow_mends_it_and_repeats_no_call(pulled: tuple[Rig, Type], what: str) -> None:
    rig, typed = pulled
    held = by_seconds(everything(rig))
    pattern, content = MENDED[what]
    put(found(rig, pattern), content)
    said = typed("flow")
    assert said.code == 0, said.err
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert by_seconds(everything(rig)) == held
    assert typed("status").code == 0
    again = typed("flow")
    assert (again.code, rig.calls()["by_endpoint"]) == (0, {LISTING: 2}), again.err


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("what", TOLD)
def test_what_only_a_person_mends_is_told_in_a_sentence_without_a_call(pulled: tuple[Rig, Type], what: str) -> None:
    rig, typed = pulled
    pattern, content, says, code = TOLD[what]
    aside = rig.folder / "aside"
    shutil.copytree(rig.folder, aside)
    put(found(rig, pattern), content)
    said = typed("flow")
    assert (said.code, "Traceback" in said.err) == (code, False), said.err
    assert says in said.err
    assert rig.calls()["total"] == 0
    for folder in ("data", "secrets", "ledger", "dagster_home"):
        put(rig.folder / folder, None)
        shutil.copytree(aside / folder, rig.folder / folder, dirs_exist_ok=True)
    assert typed("flow").code == 0
    rig.assert_true_to_source()
