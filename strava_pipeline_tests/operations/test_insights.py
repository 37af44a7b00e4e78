"""The files of insights follow their source: edits, deletions, late uploads; and an unchanged year is not written again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from strava_pipeline.core.sports import FILE_SPORTS
from strava_pipeline.lake.gold.insights import read_insights
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.locks import try_locked
from strava_pipeline.operations import insights
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.rig import NOW, Rig


def rides(rig: Rig, year: int) -> dict[str, list[int]]:
    """The ids of each day, of the source's activities that the files count."""
    found: dict[str, list[int]] = {}
    for item in sorted(rig.truth(), key=lambda item: (item["start_date_local"], item["id"])):
        if item["start_date_local"].startswith(str(year)) and item["sport_type"] in FILE_SPORTS.split(","):
            found.setdefault(item["start_date_local"][:10], []).append(item["id"])
    return found


def in_files(rig: Rig, year: int) -> dict[str, list[int]]:
    """The ids of each day in the files."""
    days = read_insights(rig.lake, year)["summary_activities.json"]
    return {day: summary["activity_ids"] for day, summary in days.items()}


@pytest.mark.dear
def test_edits_deletions_and_late_uploads_of_old_years_reach_their_files(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    for year in (2023, 2024):
        assert in_files(rig, year) == rides(rig, year)
    old = [ids[0] for ids in rides(rig, 2023).values()]
    rig.control("delete", id=old[0])
    rig.control("edit", id=old[1], set={"distance": 123456.0})
    rig.add(NOW - timedelta(days=700), "Ride")
    rig.do("reconcile", [2023])
    rig.do("reconcile", [2024])
    for year in (2023, 2024):
        assert in_files(rig, year) == rides(rig, year)
    miles = read_insights(rig.lake, 2023)["distances.json"]["distance_traveled"][-1]["y"]
    truth = sum(
        item["distance"]
        for item in rig.truth()
        if item["id"] in {one for ids in rides(rig, 2023).values() for one in ids}
    )
    assert miles == pytest.approx(truth / 1000 * 0.62137)


@pytest.mark.dear
def test_a_daily_run_leaves_other_years_alone_and_a_second_one_writes_nothing(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    before = {path: path.stat().st_mtime_ns for path in rig.lake.insights.rglob("*.json")}
    assert rig.do("flow", [2025, 2026])["insights"].written == []
    rig.control(
        "add",
        generate={
            "start_date": (NOW - timedelta(hours=5)).isoformat(),
            "sport_type": "Ride",
            "timezone": "Europe/London",
        },
    )
    assert rig.do("flow", [2026])["insights"].written == [2026]
    touched = {path.parent.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert touched == {"2026"}


@pytest.mark.dear
def test_when_the_last_activity_is_gone_its_files_are(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    assert any(rig.lake.insights.rglob("*.json"))
    with writing(rig.lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = now()")
        mark_changed(connection)
    rig.do("match")
    assert list(rig.lake.insights.rglob("*.json")) == []


def test_the_snapshot_is_the_one_that_is_there_when_nobody_else_is_at_it(rig: Rig) -> None:
    """Another run publishes and writes while this one waits for it: what this one writes must not be older."""
    rig.begin_with("flow_backfill")
    run = context_without_run(rig.settings)
    opened_at: list[bool] = []

    def is_free() -> bool:
        with try_locked(rig.lake, insights.LOCK) as free:
            return free

    @contextmanager
    def opened() -> Iterator[Any]:
        with ThreadPoolExecutor(1) as another:
            opened_at.append(not another.submit(is_free).result())
        with snapshot(rig.lake) as connection:
            yield connection

    insights.make_insights(run, opened, [2025], rig.settings.timezone, rig.settings.insight_sports)
    assert opened_at == [True], "opened while the lock was held"
