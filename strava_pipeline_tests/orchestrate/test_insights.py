"""A year's run ends with its insights: numbers and a picture in Dagster, and a check of the files.

Whether the files are right is tested without Dagster, in operations/test_insights.py.
"""

import base64
import json
import re
from typing import Any

import dagster as dg
import pytest
from lxml import etree

from strava_pipeline.core.sports import SPORTS
from strava_pipeline.lake.gold.insights import read_insights
from strava_pipeline.operations import insights
from strava_pipeline.orchestrate.jobs import INSIGHTS, JOBS
from strava_pipeline_tests.operations.test_insights import in_files, rides
from strava_pipeline_tests.rig import Make, Rig, broken_rules


def materialized(rig: Rig, year: int) -> dict[str, Any]:
    """What Dagster last heard of a year's insights."""
    records = rig.remembered.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(INSIGHTS), asset_partitions=[str(year)]), limit=1
    ).records
    told = records[0].asset_materialization
    assert told is not None
    return {name: value.value for name, value in told.metadata.items()}


def broken(rig: Rig) -> dict[str, str | None]:
    """The rules that the check of the newest insights found broken, with what it says."""
    found: dict[str, str | None] = {}
    for entry in rig.remembered.all_logs(
        rig.remembered.get_runs(limit=1)[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ):
        told = entry.dagster_event.asset_check_evaluation_data if entry.dagster_event else None
        if told is not None and told.asset_key == dg.AssetKey(INSIGHTS):
            found |= dict.fromkeys(broken_rules(told), told.description)
    return found


def test_whatever_publishes_ends_with_insights() -> None:
    for job in JOBS.values():
        assert ("published_warehouse" in job.assets) == (INSIGHTS in job.assets), job.name


@pytest.mark.dear
def test_a_backfilled_year_ends_with_its_files_its_numbers_and_its_picture(rig: Rig) -> None:
    (rig.folder / "goals.toml").write_text("[2025.ride]\ndistance_km = 300\n[every_year.all]\ncount = 10\n")
    rig.run("backfill", [2025])
    assert in_files(rig, 2025) == rides(rig, 2025) != {}
    of_year = [item for item in rig.truth() if item["start_date_local"].startswith("2025")]
    told = materialized(rig, 2025)
    assert told["activities"] == len(of_year)
    assert told["distance_km"] == pytest.approx(sum(item["distance"] for item in of_year) / 1000, abs=0.005)
    ridden = sum(item["distance"] for item in of_year if item["sport_type"] in SPORTS["ride"].split()) / 1000
    assert told["ride/distance_km"] == pytest.approx(ridden, abs=0.005)
    assert told["ride/distance_km/ahead_of_300"] == pytest.approx(ridden - 300, abs=0.01)
    assert told["activities/ahead_of_10"] == len(of_year) - 10
    assert broken(rig) == {}
    pictures = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", told["chart"])
    assert len(pictures) == 2
    texts = [" ".join(etree.fromstring(base64.b64decode(picture)).itertext()) for picture in pictures]
    assert f"{len(of_year)} in 2025" in texts[0]
    assert "300 km" in texts[1]


@pytest.mark.dear
def test_a_rebuild_makes_what_was_there(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    before = {path.relative_to(rig.lake.insights): path.read_bytes() for path in rig.lake.insights.rglob("*.json")}
    for path in rig.lake.insights.rglob("*.json"):
        path.unlink()
    rig.run_unpartitioned("rebuild")
    after = {path.relative_to(rig.lake.insights): path.read_bytes() for path in rig.lake.insights.rglob("*.json")}
    assert after.keys() == before.keys()
    for path in before:
        old, new = json.loads(before[path]), json.loads(after[path])
        assert new == old, path
    assert materialized(rig, 2025)["activities"] == sum(
        item["start_date_local"].startswith("2025") for item in rig.truth()
    )


@pytest.mark.dear
def test_goals_that_can_not_be_followed_are_told_and_stop_nothing(rig: Rig) -> None:
    (rig.folder / "goals.toml").write_text("[2026.rides]\ncount = 5\n")
    rig.run("flow")
    assert "no group of sports is called 'rides'" in str(broken(rig)["goals_usable"])
    assert in_files(rig, 2026) == rides(rig, 2026)
    assert rig.one("SELECT count(*) FROM activities") == len(rig.truth())


@pytest.mark.dear
def test_a_new_sport_counts_as_other_and_is_reported(rig: Rig) -> None:
    newest = max(rig.truth(), key=lambda item: item["start_date"])
    rig.control("edit", id=newest["id"], set={"sport_type": "Quidditch"})
    rig.run("flow")
    assert "Quidditch" in str(broken(rig)["sports_known"])
    groups = read_insights(rig.lake, 2026)["pacing.json"]["groups"]
    assert groups["other"]["activities"]["total"] == 1
    assert rig.one(f"SELECT sport_type FROM activities WHERE id = {newest['id']}") == "Quidditch"


@pytest.mark.dear
@pytest.mark.parametrize("content", ["{}", "[]", "null"])
def test_files_that_somebody_changed_are_made_anew(rig: Rig, content: str) -> None:
    rig.begin_with("flow_backfill")
    path = rig.lake.insights_of(2025) / "summary_activities.json"
    before = path.read_bytes()
    path.write_text(content)
    rig.run("compact")
    assert broken(rig) == {}
    assert path.read_bytes() == before


@pytest.mark.dear
def test_files_that_stay_unlike_gold_make_the_check_red(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.begin_with("flow_backfill")
    real = insights.write_insights

    def spoil(connection: Any, lake: Any, *rest: Any) -> Any:
        report = real(connection, lake, *rest)
        (lake.insights_of(2025) / "summary_activities.json").write_bytes(b"{}")
        return report

    monkeypatch.setattr(insights, "write_insights", spoil)
    rig.run("compact")
    assert [*broken(rig)] == ["equals_gold"]


@pytest.mark.dear
def test_a_run_on_an_empty_folder_has_no_insights_and_no_fault(make_rig: Make) -> None:
    rig = make_rig(activities=0)
    rig.run("flow")
    assert not rig.lake.insights.exists()
    assert broken(rig) == {}
