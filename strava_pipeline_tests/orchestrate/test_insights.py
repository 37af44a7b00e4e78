"""A year's run ends with its insights: files, numbers and a picture in Dagster; true after edits, deletions and a rebuild."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from lxml import etree

from strava_pipeline.core.sports import FILE_SPORTS, SPORTS
from strava_pipeline.lake.insights import insights_of
from strava_pipeline.lake.locks import locked_or_none
from strava_pipeline.lake.publish import snapshot
from strava_pipeline.lake.warehouse import changed, writing
from strava_pipeline.operations import insights
from strava_pipeline.orchestrate.jobs import INSIGHTS, JOBS
from strava_pipeline.verbs.looking import looking
from strava_pipeline_tests.rig import NOW, Rig, broken_rules

Make = Callable[..., Rig]


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


def rides(rig: Rig, year: int) -> dict[str, list[int]]:
    """Day → ids, of the source's activities that the files count."""
    found: dict[str, list[int]] = {}
    for item in sorted(rig.truth(), key=lambda item: (item["start_date_local"], item["id"])):
        if item["start_date_local"].startswith(str(year)) and item["sport_type"] in FILE_SPORTS.split(","):
            found.setdefault(item["start_date_local"][:10], []).append(item["id"])
    return found


def in_files(rig: Rig, year: int) -> dict[str, list[int]]:
    told = insights_of(rig.lake, year)["summary_activities.json"]
    return {day: each["activity_ids"] for day, each in told.items()}


def test_whatever_publishes_ends_with_insights() -> None:
    for job in JOBS.values():
        assert ("published_warehouse" in job.assets) == (INSIGHTS in job.assets), job.name


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


def test_edits_deletions_and_late_uploads_of_old_years_reach_their_files(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    for year in (2023, 2024):
        assert in_files(rig, year) == rides(rig, year)
    old = [ids[0] for ids in rides(rig, 2023).values()]
    rig.control("delete", id=old[0])
    rig.control("edit", id=old[1], set={"distance": 123456.0})
    start = (NOW - timedelta(days=700)).isoformat()
    rig.control("add", generate={"start_date": start, "sport_type": "Ride", "timezone": "Europe/London"})
    rig.run("reconcile", [2023])
    rig.run("reconcile", [2024])
    for year in (2023, 2024):
        assert in_files(rig, year) == rides(rig, year)
    miles = insights_of(rig.lake, 2023)["distances.json"]["distance_traveled"][-1]["y"]
    truth = sum(
        item["distance"]
        for item in rig.truth()
        if item["id"] in {one for ids in rides(rig, 2023).values() for one in ids}
    )
    assert miles == pytest.approx(truth / 1000 * 0.62137)


def test_a_daily_run_leaves_other_years_alone_and_a_second_one_writes_nothing(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    before = {path: path.stat().st_mtime_ns for path in rig.lake.insights.rglob("*.json")}
    assert rig.run("flow", [2025, 2026]).metadata[INSIGHTS]["years_written"] == 0
    rig.control(
        "add",
        generate={
            "start_date": (NOW - timedelta(hours=5)).isoformat(),
            "sport_type": "Ride",
            "timezone": "Europe/London",
        },
    )
    assert rig.run("flow", [2026]).metadata[INSIGHTS]["years_written"] == 1
    touched = {path.parent.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert touched == {"2026"}


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


def test_goals_that_can_not_be_followed_are_told_and_stop_nothing(rig: Rig) -> None:
    (rig.folder / "goals.toml").write_text("[2026.rides]\ncount = 5\n")
    rig.run("flow")
    assert "no group of sports is called 'rides'" in str(broken(rig)["goals_usable"])
    assert in_files(rig, 2026) == rides(rig, 2026)
    assert rig.one("SELECT count(*) FROM activities") == len(rig.truth())


def test_a_new_sport_counts_as_other_and_is_reported(rig: Rig) -> None:
    newest = max(rig.truth(), key=lambda item: item["start_date"])
    rig.control("edit", id=newest["id"], set={"sport_type": "Quidditch"})
    rig.run("flow")
    assert "Quidditch" in str(broken(rig)["sports_known"])
    groups = insights_of(rig.lake, 2026)["pacing.json"]["groups"]
    assert groups["other"]["activities"]["total"] == 1
    assert rig.one(f"SELECT sport_type FROM activities WHERE id = {newest['id']}") == "Quidditch"


@pytest.mark.parametrize("content", ["{}", "[]", "null"])
def test_files_that_somebody_changed_are_made_anew(rig: Rig, content: str) -> None:
    rig.begin_with("flow_backfill")
    path = rig.lake.insights_of(2025) / "summary_activities.json"
    before = path.read_bytes()
    path.write_text(content)
    rig.run("compact")
    assert broken(rig) == {}
    assert path.read_bytes() == before


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


def test_when_the_last_activity_is_gone_its_files_are(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    assert any(rig.lake.insights.rglob("*.json"))
    with writing(rig.lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = now()")
        changed(connection)
    rig.run("match")
    assert list(rig.lake.insights.rglob("*.json")) == []


def test_the_snapshot_is_the_one_that_is_there_when_nobody_else_is_at_it(rig: Rig) -> None:
    """Another run publishes and writes while this one waits for it: what this one writes must not be older."""
    rig.begin_with("flow_backfill")
    run = looking(rig.settings)
    opened_at: list[bool] = []

    def is_free() -> bool:
        with locked_or_none(rig.lake, insights.LOCK) as free:
            return free

    @contextmanager
    def opened() -> Iterator[Any]:
        with ThreadPoolExecutor(1) as another:
            opened_at.append(not another.submit(is_free).result())
        with snapshot(rig.lake) as connection:
            yield connection

    insights.make_insights(run, opened, [2025], rig.settings.timezone, rig.settings.insight_sports)
    assert opened_at == [True], "opened while the lock was held"


def test_a_run_on_an_empty_folder_has_no_insights_and_no_fault(make_rig: Make) -> None:
    rig = make_rig(activities=0)
    rig.run("flow")
    assert not rig.lake.insights.exists()
    assert broken(rig) == {}
