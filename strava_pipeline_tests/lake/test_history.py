"""lake.gold.merge: every version of an activity, since when and until when, and what changed."""

import json
from typing import Any

import pytest

from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made import shards
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline_tests.lake.bronze import ALL, DAY, NOW, YEARS, Watched, activity, listed, merge, rows

pytestmark = pytest.mark.slow


def story(lake: Lake) -> list[tuple[Any, ...]]:
    """(id, days until valid_from and valid_to, what changed, what that was)."""
    merge(lake)
    return told(lake)


def told(lake: Lake) -> list[tuple[Any, ...]]:
    return [
        (
            row["activity_id"],
            (row["valid_from"] - NOW).days,
            row["valid_to"] and (row["valid_to"] - NOW).days,
            row["changed_fields"],
            json.loads(row["previous"]),
        )
        for row in rows(lake, "activity_history", "activity_id, valid_from")
    ]


def test_each_version_says_what_changed_and_what_it_was_before(lake: Lake) -> None:
    listed(lake, [activity(1), activity(2)])
    assert story(lake) == [(1, 0, None, [], {}), (2, 0, None, [], {})]
    listed(lake, [activity(1, kudos_count=3), activity(2)], at=NOW + DAY)
    listed(lake, [activity(1, kudos_count=3), activity(2)], at=NOW + 2 * DAY)
    listed(lake, [activity(1, kudos_count=3, name=None, odd=[1]), activity(2)], at=NOW + 3 * DAY)
    assert story(lake) == [
        (1, 0, 1, [], {}),
        (1, 1, 3, ["kudos_count"], {"kudos_count": 0}),
        (1, 3, None, ["name", "extra"], {"name": "Run 1", "extra": None}),
        (2, 0, None, [], {}),
    ]


def test_a_deletion_ends_the_present_version_and_a_return_goes_on_with_it(lake: Lake) -> None:
    listed(lake, [activity(1), activity(2)])
    story(lake)
    listed(lake, [activity(2)], at=NOW + DAY)
    assert story(lake)[0] == (1, 0, 1, [], {})
    listed(lake, [activity(1), activity(2)], at=NOW + 2 * DAY)
    assert story(lake)[0] == (1, 0, None, [], {})


def test_a_change_of_year_is_one_history(lake: Lake) -> None:
    listed(lake, [activity(1, "2024-12-31T10:00:00Z")])
    story(lake)
    listed(lake, [activity(1, "2025-01-01T10:00:00Z")], at=NOW + DAY)
    (first, second) = story(lake)
    assert (first[1:3], second[1:3]) == ((0, 1), (1, None))
    assert second[3] == ["start_date", "start_date_local"]


def test_two_versions_in_one_answer_are_one(lake: Lake) -> None:
    listed(lake, [activity(1), activity(1, name="twice")])
    assert len(story(lake)) == 1
    assert rows(lake, "activity_history")[0]["valid_from"] == rows(lake)[0]["ingestion_ts"]


def test_nothing_new_changes_nothing(lake: Lake) -> None:
    listed(lake, [activity(1)])
    story(lake)
    listed(lake, [activity(1)], at=NOW + DAY)
    merge(lake)
    with writing(lake) as connection:
        before = revision(connection)
        merge_activities(connection, lake, list(ALL), force=True)
        assert revision(connection) == before


@pytest.mark.dear
def test_merged_shards_and_a_rebuild_tell_the_same(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(6):
        listed(lake, [activity(1, name=f"Day {day // 2}"), *([activity(2)] if day < 3 else [])], at=NOW + day * DAY)
    before = story(lake)
    assert [version[1:3] for version in before] == [(0, 2), (2, 4), (4, None), (0, 3)]
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 2)
    listed(lake, [activity(1, name="Day 2")], at=NOW + 6 * DAY)
    assert story(lake) == before
    rebuild(lake, YEARS, Watched())
    assert told(lake) == before


@pytest.mark.dear
def test_what_changed_its_year_and_came_back_keeps_every_version_when_shards_are_merged(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 2)
    days = ("2025-12-31", "2026-01-01", "2025-12-31", "2026-01-01", "2025-12-31")
    for number, day in enumerate(days):
        page = [activity(1, f"{day}T10:00:00Z"), activity(2), activity(3, "2026-02-02T10:00:00Z")]
        listed(lake, page, at=NOW + number * DAY)
        story(lake)
    for number in range(5, 9):
        listed(
            lake,
            [activity(1, "2025-12-31T10:00:00Z"), activity(2), activity(3, "2026-02-02T10:00:00Z")],
            at=NOW + number * DAY,
        )
        told = [version[1:3] for version in story(lake) if version[0] == 1]
        assert told == [(0, 1), (1, 2), (2, 3), (3, 4), (4, None)]
    assert next(row for row in rows(lake) if row["id"] == 1)["ingestion_ts"] == NOW + 4 * DAY
    rebuild(lake, YEARS, Watched())
    assert [version[1:3] for version in story(lake) if version[0] == 1] == told
