"""Shards and gold where a server's clock was wrong: nothing is stuck at a time that is no longer believed."""

from dataclasses import replace
from datetime import timedelta

from strava_pipeline.lake.gold.fetch_selection import Candidate, detail_candidates
from strava_pipeline.lake.health import times_health
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    DAY,
    NOW,
    SECOND,
    activity,
    detailed,
    land,
    merge,
    merge_detailed,
    rows,
    started,
)

YEAR = 400 * DAY
NEVER_RIGHT = timedelta(days=-3000)  # this machine's clock confirms nothing


def listed_on(lake: Lake, day: int, *page: dict[str, object], ahead: timedelta = timedelta(0)) -> None:
    lake = replace(lake, clock=lambda: NOW + day * DAY + NEVER_RIGHT)
    at = NOW + day * DAY + ahead
    land(started(lake, at=at), list(page), [], at=at)


def names(lake: Lake) -> list[tuple[str, bool]]:
    return [(row["name"], row["deleted_at"] is not None) for row in rows(lake)]


def test_what_was_merged_under_a_time_that_nobody_believes_any_more_is_merged_again(lake: Lake) -> None:
    listed_on(lake, 0, activity(1), activity(2))
    merge(lake)
    for day in (1, 2, 3):
        listed_on(lake, day, activity(1), activity(2), ahead=YEAR)
        merge(lake)
    listed_on(lake, 4, activity(1, name="four"), activity(3, name="new"))
    merge(lake)
    assert names(lake) == [("four", False), ("Run 2", True), ("new", False)], "as yet it is taken to be of next year"
    assert rows(lake)[0]["ingestion_ts"] > NOW + YEAR
    for day in (5, 6, 7):
        listed_on(lake, day, activity(1, name=f"on {day}"), activity(3, name=f"on {day}"))
        merge(lake)
        assert names(lake) == [(f"on {day}", False), ("Run 2", True), (f"on {day}", False)]
    assert {row["ingestion_ts"] for row in rows(lake) if row["deleted_at"] is None} == {NOW + 7 * DAY}
    assert merge(lake).wrote is False


def test_what_is_seen_after_it_was_gone_is_there_again_whatever_the_clock_said(lake: Lake) -> None:
    listed_on(lake, 0, activity(1), activity(2))
    listed_on(lake, 1, activity(1), ahead=YEAR)
    merge(lake)
    assert names(lake) == [("Run 1", False), ("Run 2", True)]
    listed_on(lake, 2, activity(1), activity(2))
    merge(lake)
    assert names(lake) == [("Run 1", False), ("Run 2", False)]


def test_a_detail_that_came_under_a_wrong_time_gives_way_to_the_next_one(lake: Lake) -> None:
    listed_on(lake, 0, activity(1))
    merge(lake)
    merge_detailed(lake, activity(1, name="of next year"), at=NOW + YEAR)
    assert [row["name"] for row in rows(lake, "activity_details")] == ["of next year"]
    listed_on(lake, 1, activity(1, name="later"))
    merge(lake)
    merge_detailed(lake, activity(1, name="later"), at=NOW + DAY)
    assert [(row["name"], row["fetched_at"]) for row in rows(lake, "activity_details")] == [("later", NOW + DAY)]
    assert merge_detailed(lake).wrote is False


def test_doctor_names_what_claims_to_be_of_the_future(lake: Lake) -> None:
    assert times_health(lake, NOW).state == "skipped"
    listed_on(lake, 0, activity(1))
    assert times_health(lake, NOW).state == "ok"
    listed_on(lake, 1, activity(1), ahead=YEAR)
    detailed(lake, activity(1), at=NOW + YEAR + DAY)
    listed_on(lake, 2, activity(1))
    found = times_health(lake, NOW + 2 * DAY)
    assert found.state == "warning"
    assert "listing 20270707T120000000000Z-all (2027-07-07 instead of 2026-06-01)" in found.what
    assert "detail of 1 (2027-07-07)" in found.what


def test_a_detail_is_older_than_the_page_that_landed_behind_it_by_however_little(lake: Lake) -> None:
    def at(seconds: int) -> Lake:
        return replace(lake, clock=lambda: NOW + seconds * SECOND)

    land(started(at(0)), [activity(1)], [])
    detailed(at(9), activity(1), at=NOW + 9 * SECOND)
    land(started(at(20)), [activity(1, name="edited")], [])  # a proxy tells the same time again
    assert [candidate.is_edited for candidate in candidates_of(lake)] == [True]


def candidates_of(lake: Lake) -> list[Candidate]:
    merge(lake)
    merge_detailed(lake)
    return detail_candidates(lake, [2025])
