"""Rows of a listing that nothing identifies: the others come in, they are named, and nothing is lost around them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.strava.client import connect
from strava_pipeline.lake.gold.quarantine import unreadable_rows
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import TypeOn

BAD: list[Any] = [None, {"id": None}, {"id": "7"}, {"id": 1.5}, {"id": 2**64, "name": "too large"}]
YEARS = [2025, 2026]


def page_with(rig: Rig, bad: list[Any]) -> None:
    """Have the first page of the next listing hold these among its rows."""
    whole = next(connect(rig.settings).list_pages(None, None, per_page=200)).read.activities
    rig.fault("/athlete/activities", "body", body=[*whole[:2], *bad, *whole[2:]], times=1)
    rig.calls()


def present(rig: Rig) -> set[int]:
    return {key for (key,) in rig.gold("SELECT id FROM activities")}


def checks(rig: Rig) -> list[str]:
    (newest,) = rig.remembered.get_runs(limit=1)
    return rig.failed_checks(newest.run_id)


@pytest.mark.dear
def test_the_others_come_in_and_nothing_around_it_is_taken_for_deleted(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=6, years=(2025, 2026), settings={"first_year": 2025})
    page_with(rig, BAD)
    rig.run("flow_backfill", YEARS)
    rig.assert_true_to_source()
    assert sorted(checks(rig)) == ["listing_complete", "shape"], "an id is a text in one of them"
    assert [row.row for row in unreadable_rows(rig.lake)] == [3, 4, 5, 6, 7]
    typed = type_on(rig)
    listed = json.loads(typed("quarantine", "list", "--json").out)["unreadable_rows"]
    kept = json.loads(gzip.decompress(Path(listed[4]["page"]).read_bytes()))
    assert kept[listed[4]["row"] - 1] == BAD[4], "its bytes are there"

    doomed = max(present(rig))
    rig.control("delete", id=doomed)
    page_with(rig, BAD[1:3])
    rig.do("run_all", YEARS)
    rig.do("compact", YEARS)
    assert doomed in present(rig), "it may be one of the rows that can't be read"
    assert [row.row for row in unreadable_rows(rig.lake)] == [3, 4], "of the others a whole listing knows nothing"

    rig.do("rebuild")
    assert len(present(rig)) == 6
    rig.control("clock", advance=7200)
    rig.do("run_all", YEARS)
    rig.run("compact", YEARS)
    rig.assert_true_to_source()
    assert doomed not in present(rig)
    assert unreadable_rows(rig.lake) == []
    assert checks(rig) == []
