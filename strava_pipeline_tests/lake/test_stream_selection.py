"""lake.wanted_streams and lake.stream_files: which streams are asked for, and what is never asked for again."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from strava_pipeline.lake.bronze.answers import EARLY, stream_files
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.fetch_selection import StreamCandidate, select_streams, unfetched_streams
from strava_pipeline.lake.gold.quarantine import QuarantineDecision
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    ALL,
    DAY,
    HOUR,
    NOW,
    SECOND,
    activity,
    land_no_streams,
    land_streams,
    listed,
    merge,
)

NOTHING = b'{"message": "Resource Not Found", "errors": []}'


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Gold with five recorded activities of 2025 and 2026, and one that was typed in."""
    listed(
        module_lake,
        [
            activity(1, "2025-12-31T23:30:00Z", start_date_local="2026-01-01T00:30:00Z", manual=None),
            activity(2, "2025-05-05T06:00:00Z", manual=False),
            activity(3, "2026-05-30T06:00:00Z"),
            activity(4, "2026-05-31T06:00:00Z"),
            activity(6, "2026-05-31T09:00:00Z", manual=True),
            {**activity(5), "start_date": None, "start_date_local": "2025-02-01T00:00:01Z"},
        ],
    )
    merge(module_lake)
    return module_lake


def due(lake: Lake, now: datetime = NOW, years: Any = ALL) -> list[int]:
    return [each.activity_id for each in select_streams(lake, years, now).due]


def test_all_that_were_recorded_are_due_newest_first_and_those_typed_in_are_not(stocked: Lake) -> None:
    assert due(stocked) == [4, 3, 1, 2, 5]
    assert due(stocked, years=[2025]) == [2, 5]


def test_only_the_sports_asked_for_are_due(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute("UPDATE activities_all SET sport_type = 'Hike' WHERE id IN (2, 3)")
        connection.execute("UPDATE activities_all SET sport_type = NULL, type = 'Hike' WHERE id = 4")
    assert [each.activity_id for each in select_streams(stocked, ALL, NOW, ["Hike", "Swim"]).due] == [4, 3, 2]


def test_what_is_on_disk_is_not_due_in_whatever_year_s_folder_it_lies(stocked: Lake) -> None:
    land_streams(stocked, 2026, 4, b"{}", NOW)
    land_streams(stocked, 2023, 2, b"{}", NOW)
    assert due(stocked) == [3, 1, 5]


def test_deleted_ones_and_dropped_ones_are_not_asked_for(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = $now WHERE id = 4", {"now": NOW})
    record_decisions(stocked, QuarantineDecision(at=NOW, by="a test", activity_id=3, dropped=True))
    assert due(stocked) == [1, 2, 5]


@pytest.mark.parametrize(("origin", "asked"), [("file:abc 0", False), ("streams:x", True), ("", True)])
def test_where_a_file_made_the_track_no_call_is_spent(stocked: Lake, origin: str, asked: bool) -> None:
    write_track(stocked, 2026, 4, 7, "strava", [pl.DataFrame({"watts": [1.0]})], origin)
    assert (4 in due(stocked)) is asked


@pytest.mark.parametrize("days", [0, 1, 400])
def test_a_404_of_stravas_is_remembered_for_ever(stocked: Lake, days: int) -> None:
    land_no_streams(stocked, 2026, 4, NOTHING, 404, NOW)
    found = select_streams(stocked, ALL, NOW + days * DAY)
    assert ([each.activity_id for each in found.due], found.resting) == ([3, 1, 2, 5], [])


@pytest.mark.parametrize(("body", "status"), [(b"", 500), (b"<html>", 404), (b"{}", 403), (b"", None)])
def test_other_failures_rest_and_are_asked_again_ever_later(stocked: Lake, body: bytes, status: int | None) -> None:
    land_no_streams(stocked, 2026, 4, body, status, NOW)
    resting = select_streams(stocked, ALL, NOW + DAY - EARLY - SECOND)
    assert [each.activity_id for each in resting.resting] == [4]
    assert 4 not in [each.activity_id for each in resting.due]
    assert due(stocked, NOW + DAY - EARLY)[0] == 4
    land_no_streams(stocked, 2026, 4, body, status, NOW + DAY)
    assert 4 not in due(stocked, NOW + 3 * DAY - EARLY - SECOND)
    assert 4 in due(stocked, NOW + 3 * DAY - EARLY)


def test_a_404_after_other_failures_ends_the_asking(stocked: Lake) -> None:
    land_no_streams(stocked, 2026, 4, b"", 500, NOW)
    land_no_streams(stocked, 2026, 4, NOTHING, 404, NOW + DAY)
    assert 4 not in due(stocked, NOW + 400 * DAY)


def test_a_poisoned_one_is_told_so_that_it_costs_one_attempt(stocked: Lake) -> None:
    for number in range(3):
        land_no_streams(stocked, 2026, 4, b"", 500, NOW + number * HOUR)
    first, *others = select_streams(stocked, ALL, NOW + 400 * DAY).due
    assert (first.activity_id, first.is_poisoned, [each.is_poisoned for each in others]) == (4, True, [False] * 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "again"),
    [
        ({"name": "Edited"}, False), ({"sport_type": "Ride"}, False), ({"kudos_count": 9}, False),
        ({"distance": 900.0}, True), ({"elapsed_time": 50}, True), ({"moving_time": 40}, True),
    ],
)  # fmt: skip
def test_one_cut_since_is_due_again_once_an_edited_one_not(stocked: Lake, edit: dict[str, Any], again: bool) -> None:
    land_streams(stocked, 2026, 4, b"{}", NOW + HOUR)
    land_no_streams(stocked, 2026, 3, NOTHING, 404, NOW + HOUR)
    listed(
        stocked, [activity(key, f"2026-05-{27 + key}T06:00:00Z", **edit) for key in (3, 4)], at=NOW + DAY, mode="lite"
    )
    merge(stocked)
    assert (4 in due(stocked), 3 in due(stocked)) == (again, False)
    land_streams(stocked, 2026, 4, b"{}", NOW + DAY + HOUR)
    assert 4 not in due(stocked)


def test_what_another_run_brought_meanwhile_is_not_asked_for(stocked: Lake) -> None:
    chosen = select_streams(stocked, ALL, NOW).due
    land_streams(stocked, 2026, 4, b"{}", NOW)
    land_no_streams(stocked, 2026, 3, b"", 500, NOW)
    assert [each.activity_id for each in unfetched_streams(stocked, chosen)] == [1, 2, 5]


def test_a_damaged_answer_that_was_set_aside_is_due_again_until_it_came(stocked: Lake) -> None:
    land_streams(stocked, 2026, 4, b"{}", NOW - DAY)
    path = land_streams(stocked, 2026, 4, b"{}", NOW)
    path.rename(Path(f"{path}.damaged"))
    assert due(stocked)[0] == 4
    land_no_streams(stocked, 2026, 4, NOTHING, 404, NOW + HOUR)
    assert 4 not in due(stocked, NOW + 400 * DAY)


def test_what_is_no_answer_is_passed_over(lake: Lake) -> None:
    assert stream_files(lake) == {}
    path = land_streams(lake, 2026, 5, b"{}", NOW)
    (lake.streams / "year=2026" / ".DS_Store").write_text("x")
    (path.parent / "notes.txt").write_text("mine")
    assert {key: files.good for key, files in stream_files(lake).items()} == {5: path}
    assert stream_files(lake, {6}) == {}
    assert not StreamCandidate(5, 2026, files=stream_files(lake)[5]).is_due
