"""lake.made.shards: Parquet by local year, made from bronze, any time again."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from strava_pipeline.core import tables
from strava_pipeline.core.tables import ACTIVITIES_ALL, Column, Kind
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.made import shards
from strava_pipeline.lake.made.shards import SHARDS_PER_YEAR, holdings, shard_files, write_shards
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    ALL,
    DAY,
    HOUR,
    NOW,
    SECOND,
    YEARS,
    activity,
    land,
    listed,
    merge,
    row,
    rows,
    started,
)


def shard_rows(lake: Lake, year: int) -> pl.DataFrame:
    files = shard_files(lake, year)
    schema = ACTIVITIES_ALL.polars_schema
    return pl.concat([pl.DataFrame(schema=schema), *map(pl.read_parquet, files)]).sort("id", "ingestion_ts")


def ids(lake: Lake, year: int) -> list[int]:
    return shard_rows(lake, year)["id"].to_list()


def test_a_listing_becomes_a_shard_in_each_of_its_local_years(lake: Lake) -> None:
    turn = activity(3, "2026-01-01T04:00:00Z", start_date_local="2025-12-31T23:00:00Z")
    listed(lake, [activity(1, "2026-02-01T06:00:00Z"), turn], [activity(2, "2025-05-05T06:00:00Z")])
    report = write_shards(lake, ALL, YEARS)
    assert (report.rows, report.files) == (Counter({2025: 2, 2026: 1}), 2)
    assert report.bytes == sum(path.stat().st_size for path in lake.shards.rglob("*.parquet"))
    assert (ids(lake, 2025), ids(lake, 2026)) == ([2, 3], [1])
    assert shard_rows(lake, 2025)["year"].to_list() == [2025, 2025]
    # a page's rows say when that page came
    assert shard_rows(lake, 2025)["ingestion_ts"].to_list() == [NOW + SECOND, NOW]


def test_how_many_rows_are_typed_at_once_changes_none_of_them(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = activity(1, start_latlng=[48.2, 16.4], end_latlng=[], new=1)
    listed(lake, [placed, activity(2)], [activity(3, distance=1)], [activity(4, "2024-05-05T06:00:00Z")], [activity(5)])
    found = []
    for rows_at_once in (1, 2, 3, 500):
        monkeypatch.setattr(shards, "TYPED_AT_ONCE", rows_at_once)
        report = write_shards(lake, ALL, YEARS, rewrite=True)
        found.append((report.rows, report.unknown_fields, [pl.read_parquet(path) for path in shard_files(lake, 2025)]))
    for rows_by_year, unknown, frames in found:
        assert (rows_by_year, unknown) == ({2025: 4, 2024: 1}, {"new": 1})
        assert_frame_equal(pl.concat(frames), pl.concat(found[0][2]))
    assert found[0][2][0]["start_latlng"].to_list() == [[48.2, 16.4], None, None, None]


def test_what_has_been_written_is_not_written_again(lake: Lake) -> None:
    listed(lake, [activity(1)])
    assert write_shards(lake, ALL, YEARS).files == 1
    before = {path: path.stat().st_mtime_ns for path in lake.shards.rglob("*")}
    assert write_shards(lake, ALL, YEARS).files == 0
    assert {path: path.stat().st_mtime_ns for path in lake.shards.rglob("*")} == before


def test_only_the_wanted_years_are_written_and_the_others_when_they_are_wanted(lake: Lake) -> None:
    listed(lake, [activity(1, "2026-02-01T06:00:00Z"), activity(2), activity(3, "2024-05-05T06:00:00Z")])
    assert write_shards(lake, [2025], YEARS).rows == Counter({2025: 1})
    assert [path.name for path in lake.shards.iterdir()] == ["year=2025"]
    assert write_shards(lake, [2024, 2025], YEARS).rows == Counter({2024: 1})
    assert write_shards(lake, ALL, YEARS).rows == Counter({2026: 1})


def test_no_listing_and_an_empty_listing_make_no_shard(lake: Lake) -> None:
    assert write_shards(lake, ALL, YEARS).files == 0
    listed(lake)
    assert write_shards(lake, ALL, YEARS).files == 0
    assert not lake.shards.exists()


def test_a_listing_that_went_on_writes_its_shard_anew_whole(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [activity(1)])
    write_shards(lake, ALL, YEARS)
    land(listing, [activity(2)], [activity(3), activity(1, name="seen again")], [], at=NOW + HOUR)
    write_shards(lake, ALL, YEARS)
    assert ids(lake, 2025) == [1, 1, 2, 3]
    assert holdings(lake, 2025) == {listing.name: 4}


def _passed_over(pages: list[dict[str, Any]]) -> None:
    pages[2]["local_years"] = [2024]


def _named_twice(pages: list[dict[str, Any]]) -> None:
    pages.append(pages[2])


@pytest.mark.parametrize("change", [_passed_over, _named_twice])
def test_rows_that_come_after_the_last_page_of_their_year_join_those_before(
    lake: Lake, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    listing = listed(
        lake, [activity(1), activity(2)], [activity(3)], [activity(4, "2024-05-05T06:00:00Z"), activity(5)]
    )
    path = listing.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest["pages"])
    path.write_text(json.dumps(manifest))
    report = write_shards(lake, ALL, YEARS)
    assert (ids(lake, 2024), ids(lake, 2025)) == ([4], [1, 2, 3, 5])
    assert (report.rows, report.files) == (Counter({2025: 4, 2024: 1}), 2)


def test_fields_without_a_column_are_counted(lake: Lake) -> None:
    listed(lake, [activity(1, new=1, distance="far"), activity(2, new=2)])
    assert write_shards(lake, ALL, YEARS).unknown_fields == Counter({"new": 2, "distance": 1})


def test_ticks_tell_the_rows_of_each_listing(lake: Lake) -> None:
    listed(lake, [activity(1), activity(2)])
    listed(lake, [activity(3)], at=NOW + HOUR)
    told: list[int] = []
    write_shards(lake, ALL, YEARS, tick=told.append)
    assert told == [2, 1]


def test_dates_that_no_partition_holds_belong_to_the_first_or_the_newest(lake: Lake) -> None:
    odd = [activity(1, "1999-01-01T00:00:00Z"), activity(2, "2031-01-01T00:00:00Z")]
    listed(lake, [*odd, {"id": 3}, {"id": 4, "start_date": "soon", "start_date_local": None}])
    write_shards(lake, ALL, YEARS)
    assert (ids(lake, 2020), ids(lake, 2026)) == ([1, 3, 4], [2])


@pytest.mark.slow
def test_an_activity_of_the_future_moves_into_its_year_when_that_begins(lake: Lake) -> None:
    listed(lake, [activity(1, "2027-03-01T00:00:00Z"), activity(2, "2026-05-01T00:00:00Z")])
    merge(lake)
    later = YearRange(2020, 2027)
    merge(lake, [2026, 2027], within=later)
    assert (ids(lake, 2026), ids(lake, 2027)) == ([2], [1])
    with_year = {found["id"]: found["year"] for found in rows(lake)}
    assert with_year == {1: 2027, 2: 2026}
    assert not merge(lake, [2027, 2026], within=later).wrote


@pytest.mark.slow
def test_an_older_activity_moves_when_the_first_partition_does(lake: Lake) -> None:
    listed(lake, [activity(1, "2021-03-01T00:00:00Z")])
    merge(lake)
    for first in (2024, 2020):
        within = YearRange(first, 2026)
        merge(lake, range(first, 2027), within=within)
        assert row(lake)["year"] == within.clamp(2021)


def _many(lake: Lake, listings: int) -> None:
    """Listings of three activities: one never changes, one changes each time, one A, B, A, B …"""
    for number in range(listings):
        page = [activity(1), activity(2, kudos_count=number), activity(3, name="AB"[number % 2])]
        listed(lake, page, at=NOW + number * DAY)


def versions(lake: Lake, year: int) -> list[tuple[int, str]]:
    """Each run of equal content of each activity."""
    found: list[tuple[int, str]] = []
    for activity_id, content in shard_rows(lake, year).select("id", "content_hash").rows():
        if not found or found[-1] != (activity_id, content):
            found.append((activity_id, content))
    return found


@pytest.mark.slow
def test_many_shards_become_one_that_keeps_every_version(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 1000)
    _many(lake, SHARDS_PER_YEAR + 1)
    write_shards(lake, ALL, YEARS)
    assert len(shard_files(lake, 2025)) == SHARDS_PER_YEAR + 1
    before, held = versions(lake, 2025), holdings(lake, 2025)
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", SHARDS_PER_YEAR)
    assert write_shards(lake, ALL, YEARS).files == 0
    assert len(shard_files(lake, 2025)) == 1
    assert versions(lake, 2025) == before
    assert len(before) == 1 + 2 * (SHARDS_PER_YEAR + 1)
    assert holdings(lake, 2025) == held
    # of the one that never changes: when it was first and last seen
    first = shard_rows(lake, 2025).filter(pl.col("id") == 1)
    assert first["ingestion_ts"].to_list() == [NOW, NOW + SHARDS_PER_YEAR * DAY]
    assert write_shards(lake, ALL, YEARS).files == 0


@pytest.mark.slow
def test_merging_changes_nothing_in_gold(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 3)
    _many(lake, 3)
    merge(lake)
    before = rows(lake)
    land(started(lake, at=NOW + 3 * DAY), [activity(1)], at=NOW + 3 * DAY)
    report = merge(lake)
    assert len(shard_files(lake, 2025)) == 1
    assert not report.wrote
    assert rows(lake) == before


@pytest.mark.slow
def test_a_crash_before_merged_ones_go_loses_and_doubles_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 5)
    _many(lake, 6)
    monkeypatch.setattr(Path, "unlink", _killed)
    with pytest.raises(KeyboardInterrupt):
        write_shards(lake, ALL, YEARS)
    monkeypatch.undo()
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 5)
    assert len(shard_files(lake, 2025)) == 7
    expected = {1: NOW, 2: NOW + 5 * DAY, 3: NOW + 5 * DAY}
    for _ in range(2):
        merge(lake)
        assert {found["id"]: found["ingestion_ts"] for found in rows(lake)} == expected
        assert len(shard_files(lake, 2025)) == 1
    assert len(versions(lake, 2025)) == 1 + 6 + 6


def _killed(path: Path, missing_ok: bool = False) -> None:
    raise KeyboardInterrupt


def test_a_listing_that_goes_on_after_a_merge_is_whole_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 3)
    _many(lake, 3)
    broken = started(lake, at=NOW + 4 * DAY)
    land(broken, [activity(4)], at=NOW + 4 * DAY)
    write_shards(lake, ALL, YEARS)
    assert len(shard_files(lake, 2025)) == 1
    land(broken, [activity(5)], [], at=NOW + 4 * DAY + HOUR)
    write_shards(lake, ALL, YEARS)
    assert sorted(set(ids(lake, 2025))) == [1, 2, 3, 4, 5]
    assert holdings(lake, 2025)[broken.name] == 3


@pytest.mark.parametrize("damage", ["empty", "garbage", "zeros", "truncated", "headless"])
def test_a_damaged_shard_is_set_aside_and_made_again(lake: Lake, damage: str) -> None:
    listed(lake, [activity(1)])
    listed(lake, [activity(2)], at=NOW + HOUR)
    write_shards(lake, ALL, YEARS)
    before = shard_rows(lake, 2025)
    path = shard_files(lake, 2025)[0]
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "garbage": b"not Parquet at all",
            "zeros": bytes(len(whole)),
            "truncated": whole[: len(whole) // 2],
            "headless": whole[100:-8],
        }[damage]
    )
    assert shard_files(lake, 2025) != []
    assert write_shards(lake, ALL, YEARS).files == 1
    assert_frame_equal(shard_rows(lake, 2025), before)
    assert [found.suffix for found in path.parent.iterdir() if found.suffix != ".parquet"] == [".damaged"]
    assert not merge(lake).updated


def test_a_damaged_merged_shard_is_made_of_all_its_listings(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 3)
    _many(lake, 4)
    write_shards(lake, ALL, YEARS)
    before = versions(lake, 2025)
    (merged,) = shard_files(lake, 2025)
    merged.write_bytes(b"")
    write_shards(lake, ALL, YEARS)
    assert versions(lake, 2025) == before


def test_shards_of_another_catalogue_are_made_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 3)
    _many(lake, 4)
    listed(lake, [activity(9, new="x")], at=NOW + 9 * DAY)
    write_shards(lake, ALL, YEARS)
    assert shard_rows(lake, 2025).filter(pl.col("id") == 9)["extra"][0] is not None
    # a later version of the program gives the field a column
    columns = (*ACTIVITIES_ALL.columns, Column("new", Kind.TEXT, "new", source=("new",)))
    more = replace(ACTIVITIES_ALL, columns=columns)
    monkeypatch.setitem(tables.TABLES, "activities_all", more)
    assert shard_files(lake, 2025) == []
    write_shards(lake, ALL, YEARS)
    assert sorted(set(ids(lake, 2025))) == [1, 2, 3, 9]
    assert set(shard_files(lake, 2025)) == set(lake.shards.rglob("*.parquet"))


def test_what_a_dead_process_left_unfinished_is_no_shard(lake: Lake) -> None:
    listing = listed(lake, [activity(1)])
    folder = lake.shards_of(2025)
    folder.mkdir(parents=True)
    (folder / f".{listing.name}.parquet.tmp").write_bytes(b"half")
    assert shard_files(lake, 2025) == []
    assert write_shards(lake, ALL, YEARS).files == 1
    assert ids(lake, 2025) == [1]


def test_a_shard_says_what_it_holds_in_its_own_metadata(lake: Lake) -> None:
    listing = listed(lake, [activity(1)], [activity(2)])
    write_shards(lake, ALL, YEARS)
    (path,) = shard_files(lake, 2025)
    metadata = pl.read_parquet_metadata(path)
    assert json.loads(metadata["strava_pipeline.listings"]) == {listing.name: 3}
    assert metadata["strava_pipeline.catalogue"] == tables.catalogue_version()


def test_odd_text_stays_as_it_is_on_its_way_through_parquet(lake: Lake) -> None:
    name = "a\0b \ufeff 👩‍👩‍👧 \u202e e\u0301" + "x" * 255
    listed(lake, [activity(2**63 - 1, name=name)])
    merge(lake)
    assert (row(lake)["id"], row(lake)["name"]) == (2**63 - 1, name)


WRITE = """
import sys
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import merge
merge(Lake(Path(sys.argv[1])))
"""


@pytest.mark.dear
def test_two_processes_that_write_the_same_shards_do_not_hinder_each_other(lake: Lake) -> None:
    _many(lake, SHARDS_PER_YEAR + 8)
    command = [sys.executable, "-c", WRITE, str(lake.data_dir)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for writer in writers:
        _, err = writer.communicate(timeout=100)
        assert writer.returncode == 0, err
    assert len(shard_files(lake, 2025)) == 1
    assert {path.suffix for path in lake.shards.rglob("*") if path.is_file()} == {".parquet"}
    assert len(versions(lake, 2025)) == 1 + 2 * (SHARDS_PER_YEAR + 8)
    assert len(rows(lake)) == 3
