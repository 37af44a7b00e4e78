"""Merging details into their seven tables: the newest of each activity, all of its rows or none."""

import gzip
import json
from collections import Counter
from typing import Any

import duckdb
import pytest

from strava_pipeline.core.activities import detail_frames
from strava_pipeline.core.tables import CHILDREN, DETAIL_TABLES
from strava_pipeline.core.tables.details import RECORDED
from strava_pipeline.lake.bronze.answers import detail_files, land_athlete, land_detail, land_gear
from strava_pipeline.lake.files import packed
from strava_pipeline.lake.gold import merge_details as merging
from strava_pipeline.lake.gold.making import MergeReport
from strava_pipeline.lake.gold.merge_details import merge_profile, sync_kudos
from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.imports import merge as of_files
from strava_pipeline.lake.imports.merge import detail_batches, merge_details
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    DAY,
    HOUR,
    NOW,
    activity,
    detailed,
    land_failed_detail,
    listed,
    merge,
    merge_detailed,
    row,
    rows,
    rows_of,
)

NESTED = tuple(name for name in DETAIL_TABLES[1:] if name not in RECORDED)
"""The tables of what Strava's details nest; files fill the others."""
LISTS = tuple(name for name, (table, _) in CHILDREN.items() if table.name in NESTED)


def detail(activity_id: int = 1, items: int = 2, **fields: Any) -> dict[str, Any]:
    """A detail with `items` rows in each child table."""
    lists: dict[str, Any] = {
        name: [{"split": place, "id": place, "distance": 100 * place} for place in range(items)] for name in LISTS
    }
    return activity(activity_id, description="words", **lists, **fields)


def children(lake: Lake) -> dict[str, int]:
    return {name: len(found) for name, found in rows_of(lake, dict.fromkeys(NESTED, "1, 2")).items()}


def test_a_detail_is_a_row_in_its_table_and_a_row_for_each_item_of_its_lists(lake: Lake) -> None:
    report = merge_detailed(lake, detail(1), detail(2, items=3))
    assert (report.inserted, report.updated) == (2, 0)
    found = rows(lake, "activity_details")
    assert [(each["activity_id"], each["fetched_at"]) for each in found] == [(1, NOW), (2, NOW)]
    assert children(lake) == dict.fromkeys(NESTED, 5)
    assert report.rows == Counter({"activity_details": 2} | children(lake))


def test_merging_the_same_details_again_changes_nothing(lake: Lake) -> None:
    merge_detailed(lake, detail(1))
    before = rows_of(lake, dict.fromkeys(DETAIL_TABLES, "1, 2"))
    with reading(lake) as connection:
        known = revision(connection)
    assert not merge_details(lake, [2025]).wrote
    assert rows_of(lake, dict.fromkeys(DETAIL_TABLES, "1, 2")) == before
    with reading(lake) as connection:
        assert revision(connection) == known


@pytest.mark.parametrize("items", [0, 1, 2, 4])
def test_a_newer_detail_replaces_all_rows_of_the_older_one(lake: Lake, items: int) -> None:
    merge_detailed(lake, detail(1), detail(2))
    report = merge_detailed(lake, detail(1, items=items, name="edited"), at=NOW + HOUR)
    assert (report.inserted, report.updated) == (0, 1)
    assert children(lake) == dict.fromkeys(NESTED, 2 + items)
    assert [found["name"] for found in rows(lake, "activity_details")] == ["edited", "Run 2"]


@pytest.mark.parametrize(
    "gone", [{}, dict.fromkeys(LISTS), {name: [] for name in LISTS}], ids=["absent", "null", "empty"]
)
def test_lists_that_are_gone_take_their_rows_with_them(lake: Lake, gone: dict[str, Any]) -> None:
    merge_detailed(lake, detail(1))
    merge_detailed(lake, activity(1, **gone), at=NOW + HOUR)
    assert children(lake) == dict.fromkeys(NESTED, 0)


def test_an_older_detail_of_another_year_s_folder_does_not_win(lake: Lake) -> None:
    merge_detailed(lake, detail(1, name="newer"), year=2026, at=NOW + HOUR)
    assert not merge_detailed(lake, detail(1, items=5, name="older"), year=2025, at=NOW).wrote
    assert row(lake, "activity_details")["name"] == "newer"
    assert children(lake) == dict.fromkeys(NESTED, 2)


@pytest.mark.parametrize("years", [[2025, 2026], [2026, 2025]])
def test_of_details_in_two_years_folders_the_newest_counts_once(lake: Lake, years: list[int]) -> None:
    detailed(lake, detail(1, items=5, name="older"), year=2025, at=NOW)
    detailed(lake, detail(1, name="newer"), year=2026, at=NOW + HOUR)
    assert merge_details(lake, years).inserted == 1
    assert row(lake, "activity_details")["name"] == "newer"
    assert children(lake) == dict.fromkeys(NESTED, 2)


def test_an_older_detail_that_was_chosen_before_another_run_merged_a_newer_one_does_not_win(lake: Lake) -> None:
    detailed(lake, detail(1, items=5, name="older"), detail(2))
    with reading(lake) as connection:
        (chosen,) = detail_batches(connection, lake, [2025])
    merge_detailed(lake, detail(1, name="newer"), at=NOW + HOUR)
    report = MergeReport()
    with writing(lake) as connection:
        connection.execute("DELETE FROM activity_details_by_source WHERE activity_id = 2")
        chosen.merge(connection, report)
    assert (report.inserted, report.updated) == (1, 0)
    assert [found["name"] for found in rows(lake, "activity_details")] == ["newer", "Run 2"]
    assert children(lake) == dict.fromkeys(NESTED, 4)


def test_of_several_answers_on_disk_the_newest_counts(lake: Lake) -> None:
    detailed(lake, detail(1, name="older"), at=NOW)
    detailed(lake, detail(1, name="newer"), at=NOW + HOUR)
    land_failed_detail(lake, 2025, 1, b"oops", 500, NOW + DAY)
    merge_details(lake, [2025])
    assert row(lake, "activity_details")["name"] == "newer"


@pytest.mark.slow
def test_readings_of_files_are_looked_for_when_stravas_details_are_merged(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge_detailed(lake, detail(1))
    order = list[str]()
    monkeypatch.setattr(of_files, "has_provider_files", lambda lake: order.append("files"))
    land_detail(lake, 2025, 1, json.dumps(detail(1)).encode(), NOW + DAY)
    merge_details(lake, [2025], tick=lambda size: order.append("details"))
    assert order == ["details", "files"], "memory holds one or the other"


def test_a_batch_that_fails_leaves_nothing_those_before_it_stay(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    detailed(lake, *(detail(number) for number in range(1, 6)))
    first = detail_files(lake, 2025)[1].good
    assert first is not None
    monkeypatch.setattr(merging, "BATCH", int(2.5 * first.stat().st_size))
    real = detail_frames
    calls = []

    def spoilt(*args: Any, **named: Any) -> Any:
        frames, unknown = real(*args, **named)
        calls.append(args)
        if len(calls) == 2:  # the last table's rows break a rule, when all others are written
            last = NESTED[-1]
            frames[last] = frames[last].with_columns(effort_index=None)
        return frames, unknown

    monkeypatch.setattr(merging, "detail_frames", spoilt)
    with pytest.raises(duckdb.ConstraintException):
        merge_details(lake, [2025])
    assert [found["activity_id"] for found in rows(lake, "activity_details")] == [1, 2]
    assert children(lake) == dict.fromkeys(NESTED, 4)
    monkeypatch.undo()
    assert merge_details(lake, [2025]).inserted == 3
    assert children(lake) == dict.fromkeys(NESTED, 10)


DAMAGED = {
    1: b"",
    2: b"garbage",
    3: gzip.compress(b"<html>"),
    4: gzip.compress(b"{}"),
    5: gzip.compress(b"[]"),
    6: gzip.compress(b'{"id": 9}'),  # another's
    7: gzip.compress(b'{"id": "7"}'),
    8: gzip.compress(b'{"id": 8}')[:-9],
}


def test_a_damaged_detail_stops_no_other_and_is_missing_again(lake: Lake) -> None:
    detailed(lake, *(detail(number) for number in (*DAMAGED, 9)))
    for number, content in DAMAGED.items():
        damaged = detail_files(lake, 2025)[number].good
        assert damaged is not None
        damaged.write_bytes(content)
    assert merge_details(lake, [2025]).inserted == 1
    assert [found["activity_id"] for found in rows(lake, "activity_details")] == [9]
    held = detail_files(lake, 2025)
    assert [number for number in DAMAGED if held[number].good is not None] == []
    kept = [
        path.name.endswith(".damaged")
        for number in DAMAGED
        for path in (lake.details / "year=2025" / str(number)).iterdir()
    ]
    assert kept == [True] * len(DAMAGED)
    detailed(lake, *(detail(number) for number in DAMAGED), at=NOW + HOUR)
    assert merge_details(lake, [2025]).inserted == len(DAMAGED)


ODD: list[dict[str, Any]] = [
    {"photos": {"count": float("nan")}},
    {"gear": "half \ud83d"},
    {"description": "a\0b \ud83d"},
    {"calories": 10**400},
    {"laps": "none"},
    {"laps": [None, {"distance": float("inf"), "name": "\ud800"}]},
    {"segment_efforts": [{"id": 2**63 - 1, "segment": {"id": 2**63, "name": "\udfff"}}, {"segment": 5}]},
    {"splits_metric": [{"split": 2**40, "distance": -0.0, "new": float("-inf")}]},
    {"best_efforts": [[]]},
    {"similar_activities": 10**400},
]


def test_nothing_that_json_can_carry_stops_a_merge(lake: Lake) -> None:
    odd = [activity(number, **fields) for number, fields in enumerate(ODD, start=1)]
    assert merge_detailed(lake, *odd, detail(100)).inserted == len(odd) + 1
    for name in DETAIL_TABLES:
        for found in rows(lake, name):
            json.loads(found["extra"] or "{}")


def test_kudos_are_raised_to_the_listing_s_and_never_lowered(lake: Lake) -> None:
    listed(lake, [activity(1, kudos_count=5), activity(2, kudos_count=1), activity(3, kudos_count=4), activity(4)])
    merge(lake)
    merge_detailed(lake, *(activity(each, kudos_count=kudos) for each, kudos in [(1, 2), (2, 3), (3, None), (4, 0)]))
    for raised in (2, 0):
        with writing(lake) as connection:
            before = revision(connection)
            assert sync_kudos(connection, lake, [2025]) == raised
            assert (revision(connection) != before) is bool(raised)
    assert [found["kudos_count"] for found in rows(lake, "activity_details")] == [5, 3, 4, 0]


@pytest.mark.slow
def test_kudos_that_were_withdrawn_stay_until_the_detail_is_fetched_again(lake: Lake) -> None:
    listed(lake, [activity(1, kudos_count=9)])
    merge_detailed(lake, activity(1, kudos_count=5), at=NOW + HOUR)
    listed(lake, [activity(1, kudos_count=7)], at=NOW + DAY)
    merge(lake)
    with writing(lake) as connection:
        sync_kudos(connection, lake, [2025])
    assert row(lake, "activity_details")["kudos_count"] == 9
    merge_detailed(lake, activity(1, kudos_count=6), at=NOW + 2 * DAY)
    with writing(lake) as connection:
        sync_kudos(connection, lake, [2025])
    assert row(lake, "activity_details")["kudos_count"] == 7


def test_kudos_of_other_years_are_left_alone(lake: Lake) -> None:
    listed(lake, [activity(1, kudos_count=5)])
    merge(lake)
    merge_detailed(lake, activity(1, kudos_count=2))
    with writing(lake) as connection:
        assert sync_kudos(connection, lake, [2024, 2026]) == 0


def test_the_profile_and_gear_are_merged_and_gone_gear_is_told(lake: Lake) -> None:
    def profile() -> tuple[int, int]:
        with writing(lake) as connection:
            report = merge_profile(connection, lake)
        return report.inserted, report.updated

    assert profile() == (0, 0)
    land_athlete(lake, b'{"id": 9007199254740993, "firstname": "Ada", "new": 1}', NOW)
    land_gear(lake, "b1", b'{"id": "b1", "name": "Bike", "distance": 5, "primary": false}', NOW)
    land_gear(lake, "g2", b'{"message": "Resource Not Found"}', NOW, gone=True)
    (lake.gear / ".DS_Store").write_bytes(b"x")
    assert profile() == (3, 0)
    assert profile() == (0, 0)
    athlete = row(lake, "athlete")
    assert (athlete["athlete_id"], athlete["firstname"], athlete["extra"]) == (2**53 + 1, "Ada", '{"new":1}')
    assert [
        (found["gear_id"], found["name"], found["primary"], found["found"], found["athlete_id"], found["extra"])
        for found in rows(lake, "gear")
    ] == [("b1", "Bike", False, True, 2**53 + 1, None), ("g2", None, None, False, 2**53 + 1, None)]
    land_gear(lake, "b1", b"{}", NOW + DAY, gone=True)
    land_gear(lake, "g2", b'{"id": "g2", "name": "Shoe"}', NOW + DAY)
    assert profile() == (0, 2)
    assert [found["found"] for found in rows(lake, "gear")] == [False, True]


@pytest.mark.parametrize("content", [b"", b"garbage", packed(b"{", NOW), packed(b"[]", NOW), packed(b"{}", NOW)[:-9]])
def test_a_damaged_answer_gives_way_to_the_one_before_it(lake: Lake, content: bytes) -> None:
    for hours, name in enumerate(["older", "newer"]):
        land_athlete(lake, b'{"id": 7, "firstname": "%s"}' % name.encode(), NOW + hours * HOUR)
        land_gear(lake, "b1", b'{"id": "b1", "name": "%s"}' % name.encode(), NOW + hours * HOUR)
    for folder in (lake.athlete, lake.gear / "b1"):
        (folder / ".half.tmp").write_bytes(b"x")
        (folder / "notes.json.gz").write_bytes(packed(b"{}", NOW))
        max(folder.glob("2*")).write_bytes(content)
    with writing(lake) as connection:
        merge_profile(connection, lake)
    assert row(lake, "athlete")["firstname"] == "older"
    assert (row(lake, "gear")["name"], row(lake, "gear")["fetched_at"]) == ("older", NOW)


@pytest.mark.parametrize("gear_id", ["", "../b1", "b/1", "b 1", "."])
def test_a_gear_id_that_is_no_name_makes_no_folder(untouched: Lake, gear_id: str) -> None:
    with pytest.raises(ValueError, match="gear id"):
        land_gear(untouched, gear_id, b"{}", NOW)
    assert not untouched.data_dir.exists()


def test_what_a_dead_process_had_staged_is_swept_away_by_the_next_merge(lake: Lake) -> None:
    left = lake.staging / "of_the_dead" / "activity_laps.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"positions")
    merge_detailed(lake, detail(1))
    assert not lake.staging.exists()
