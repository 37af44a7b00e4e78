"""The proof that one can leave: a warehouse of the API, and archives of the same athlete before and after things happened."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn, type_in, type_on
from strava_pipeline_tests.webhooks import by_start

__all__ = ["type_in", "type_on"]  # fixtures

pytestmark = pytest.mark.dear

Verify = Callable[[Path], tuple[int, dict[str, Any]]]


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    made = make_rig(activities=60)
    made.begin_with("flow_backfill")
    return made


@pytest.fixture
def verify(rig: Rig, type_on: TypeOn) -> Verify:
    def verified(path: Path) -> tuple[int, dict[str, Any]]:
        said = type_on(rig)("archive", "verify", str(path), "--json")
        assert said.err == ""
        return said.code, json.loads(said.out)

    return verified


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def changed(rig: Rig) -> tuple[int, int, int]:
    """One edited, one deleted, one uploaded late."""
    edited, deleted = by_start(rig)[10:12]
    rig.control("edit", id=edited, set={"name": "Renamed", "distance": 4321.5})
    rig.control("delete", id=deleted)
    return edited, deleted, rig.add(rig.emulator.state.clock.now() - timedelta(days=400))


@pytest.mark.parametrize("order", [{}, {"language": "de", "columns": 86}])
def test_what_happened_at_strava_since_is_all_that_is_told(rig: Rig, verify: Verify, order: dict[str, Any]) -> None:
    old = rig.archive("old.zip", **order)
    code, found = verify(old)
    assert (code, found["agrees"], found["in_both"]) == (0, True, 60)

    edited, deleted, added = changed(rig)
    new = rig.archive("new.zip", **order)
    code, found = verify(new)
    assert (code, found["in_both"], found["deleted_in_gold"]) == (4, 59, [])
    assert (ids(found["only_in_archive"]), ids(found["only_in_gold"])) == ([added], [deleted])
    assert ids(found["differing"]) == [edited]
    assert found["fields"] == {"name": 1, "distance": 1}
    assert found["differing"][0]["fields"]["distance"]["archive"] == 4321.5

    rig.do("reconcile", bronze_activities={"mode": "all"})
    code, found = verify(new)
    assert (code, found["agrees"], found["in_both"]) == (0, True, 60)
    code, found = verify(old)
    assert (code, ids(found["deleted_in_gold"])) == (4, [deleted])
    assert [each["archive_is_newer"] for each in found["deleted_in_gold"]] == [False], "it is the archive that is old"
    assert (found["only_in_archive"], ids(found["only_in_gold"])) == ([], [added])
    assert ids(found["differing"]) == [edited]


def test_an_archive_beside_the_api_adds_what_is_new_and_is_proven(rig: Rig, verify: Verify) -> None:
    edited, deleted, added = changed(rig)
    new = rig.archive("new.zip")
    before = dict(rig.gold("SELECT id, source FROM activities"))
    rig.calls()
    rig.import_files(new)
    after = dict(rig.gold("SELECT id, source FROM activities"))
    assert after == before | {added: "strava_archive"}, "a known one stays one row, and the API's"
    code, found = verify(new)
    assert (code, found["only_in_archive"], ids(found["only_in_gold"])) == (4, [], [deleted])
    assert (ids(found["differing"]), found["in_both"]) == ([edited], 60), "the API's row counts until it is asked again"
    assert found["tracks"]["rows_with_file"] == found["tracks"]["with_track"] > 40
    assert rig.calls()["by_endpoint"] == {}

    rig.do("reconcile", bronze_activities={"mode": "all"})
    code, found = verify(new)
    assert (code, found["agrees"], found["in_both"]) == (0, True, 60)


def test_an_archive_alone_holds_what_it_told(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(logged_in=False)
    path = rig.archive("export.zip", language="nl")
    rig.import_files(path)
    said = type_on(rig)("archive", "verify", str(path), "--json")
    assert (said.code, json.loads(said.out)["in_both"]) == (0, 30)
