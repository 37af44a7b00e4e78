"""What bronze has lost, something else may still hold: it is kept, shown, and taken for lost only until it is back."""

import shutil
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.answers import detail_files, land_athlete, land_gear
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.bronze.resuming import resumable_listing
from strava_pipeline.lake.gold.fetch_selection import Scope, select_details
from strava_pipeline.lake.gold.merge import MERGED, merge_activities
from strava_pipeline.lake.gold.merge_details import merge_profile
from strava_pipeline.lake.gold.notes import notes
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import OtherCatalogueError, reading, writing
from strava_pipeline.lake.health import warehouse_health
from strava_pipeline.lake.made.shards import SHARDS_PER_YEAR, shard_files, write_shards
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import ensure_current, rebuild
from strava_pipeline_tests.lake.bronze import (
    ALL,
    DAY,
    HOUR,
    NOW,
    YEARS,
    Watched,
    activity,
    detailed,
    land,
    listed,
    merge,
    merge_detailed,
    rows,
    started,
)
from strava_pipeline_tests.lake.imports import Made, imported

pytestmark = pytest.mark.slow


def ids(lake: Lake, table: str = "activities_all") -> list[int]:
    return [row["activity_id" if "activity_id" in row else "id"] for row in rows(lake, table)]


def only(lake: Lake) -> Listing:
    (found,) = listings(lake)
    return found


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage")


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Three activities on two pages, a detail of each, published."""
    listed(module_lake, [activity(1), activity(2)], [activity(3)])
    merge(module_lake)
    merge_detailed(module_lake, activity(1), activity(2), activity(3), at=NOW + HOUR)
    publish(module_lake)
    return module_lake


# what is left: a snapshot, which is never taken for a fresh folder; the last one: bronze alone
@pytest.mark.dear
@pytest.mark.parametrize(
    "lost", ["warehouse/working state", "warehouse/working state activities", "warehouse state activities"]
)
def test_a_folder_with_a_snapshot_or_with_bronze_alone_is_made_whole_again(stocked: Lake, lost: str) -> None:
    for name in lost.split():
        shutil.rmtree(stocked.data_dir / name)
    assert ensure_current(stocked, YEARS, Watched())
    assert (ids(stocked), ids(stocked, "activity_details")) == ([1, 2, 3], [1, 2, 3])


def test_the_last_copies_outlive_a_warehouse_whose_notes_have_other_names(stocked: Lake) -> None:
    for path in (stocked.working, stocked.snapshot):
        path.chmod(0o600)
        with closing(duckdb.connect(str(path))) as connection:
            connection.execute("UPDATE lake_meta SET value = split_part(value, '.', 1) WHERE key = 'catalogue'")
            connection.execute("UPDATE lake_meta SET key = split_part(key, ':', 2) WHERE contains(key, ':')")
    garbage(only(stocked).folder / "page-0001.json.gz")
    garbage(next(stocked.details.rglob("*.json.gz")))
    assert "made by another version of the tables" in warehouse_health(stocked, NOW)[0].text
    with pytest.raises(OtherCatalogueError), reading(stocked):
        pass
    assert ensure_current(stocked, YEARS, Watched())
    assert (ids(stocked), ids(stocked, "activity_details")) == ([1, 2, 3], [1, 2, 3])
    assert {fact.state for fact in warehouse_health(stocked, NOW)} == {"ok"}


def test_a_shard_of_a_listing_that_lost_a_page_outlives_new_year(stocked: Lake) -> None:
    garbage(only(stocked).folder / "page-0001.json.gz")
    later = YearRange(YEARS.first + 5, YEARS.newest + 1)  # 2025 is the first partition now, with other rows than before
    write_shards(stocked, later.all, later)
    assert list(stocked.shards.rglob("*.outdated")) == []
    assert set(pl.read_parquet(shard_files(stocked, 2025))["id"]) == {1, 2, 3}, "it is read on"
    write_shards(stocked, YEARS.all, YEARS)
    assert set(pl.read_parquet(shard_files(stocked, 2025))["id"]) == {1, 2, 3}, "and once more"


def test_a_shard_that_was_made_again_leaves_nothing(stocked: Lake) -> None:
    later = YearRange(YEARS.first + 5, YEARS.newest + 1)
    write_shards(stocked, later.all, later)
    assert list(stocked.shards.rglob("*.outdated")) == []


@pytest.mark.dear
def test_a_merged_shard_that_is_the_last_to_hold_a_page_outlives_a_rebuild(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [activity(1)], [activity(2)])
    for number in range(SHARDS_PER_YEAR):
        listed(lake, [activity(100 + number)], at=NOW + (number + 1) * DAY)
    merge(lake)
    assert len(shard_files(lake, 2025)) == 1
    land(listing, [activity(3)], [activity(4)], [], at=NOW + HOUR)
    garbage(listing.folder / "page-0001.json.gz")
    rebuild(lake, YEARS, Watched())
    assert ids(lake)[:4] == [1, 2, 3, 4]


@pytest.mark.dear
def test_a_shard_whose_rows_are_damaged_is_set_aside_and_named(stocked: Lake) -> None:
    (shard,) = shard_files(stocked, 2025)
    content = shard.read_bytes()
    shard.write_bytes(content[:4] + b"\xaa" * 400 + content[404:])
    with pytest.raises(PipelineError, match=r"all\.parquet: damaged, and set aside.*rebuild"):
        merge(stocked, force=True)
    rebuild(stocked, YEARS, Watched())
    assert ids(stocked) == [1, 2, 3]
    assert shard.with_suffix(".damaged").exists()


def test_a_hole_in_a_listing_without_its_manifest_stays_a_hole(lake: Lake) -> None:
    listing = listed(lake, [activity(1)], [activity(2)], [activity(3)])
    garbage(listing.folder / "manifest.json")
    garbage(listing.folder / "page-0002.json.gz")
    third = (listing.folder / "page-0003.json.gz").read_bytes()
    mended = only(lake)
    assert [(page.file[5:9], page.lost) for page in mended.manifest.pages] == [
        ("0001", False), ("0002", True), ("0003", False), ("0004", False)
    ]  # fmt: skip
    assert not mended.manifest.complete
    assert resumable_listing(lake, Window(mode="all", after=None, before=None), at=NOW, years=YEARS) is None
    assert (listing.folder / "page-0003.json.gz").read_bytes() == third
    merge(lake)
    assert ids(lake) == [1, 3]


def test_a_listing_that_lost_its_first_page_is_one_all_the_same(lake: Lake) -> None:
    listing = listed(lake, [activity(1)], [activity(2)])
    for name in ("manifest.json", "page-0001.json.gz"):
        (listing.folder / name).unlink()
    merge(lake)
    assert ids(lake) == [2]


@pytest.mark.dear
def test_a_page_that_was_brought_back_counts_again(lake: Lake) -> None:
    page = listed(lake, [activity(1)], [activity(2)]).folder / "page-0001.json.gz"
    content = page.read_bytes()
    garbage(page)
    merge(lake)
    assert (ids(lake), only(lake).manifest.complete) == ([2], False)
    page.write_bytes(content)
    assert only(lake).manifest.complete
    rebuild(lake, YEARS, Watched())
    assert ids(lake) == [1, 2]


def test_who_finds_a_page_damaged_forgets_none_that_another_run_has_landed_meanwhile(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [activity(1)], [activity(2)])
    garbage(listing.folder / "page-0001.json.gz")
    reader = only(lake)
    land(listing, [activity(3)], [], at=NOW + HOUR)
    assert [page.file[5:9] for page, _ in reader.pages()] == ["0002"]
    assert [(page.file[5:9], page.lost) for page in only(lake).manifest.pages][::3] == [("0001", True), ("0004", False)]


def test_a_run_that_ends_does_not_take_back_the_loss_that_it_met(lake: Lake) -> None:
    listing = listed(lake, [activity(1)], [activity(2)])
    garbage(listing.folder / "page-0001.json.gz")
    merge(lake)
    listing.mark_used()
    assert (only(lake).manifest.settled, only(lake).manifest.has_lost) == (True, True)


@pytest.mark.dear
def test_a_damaged_detail_stays_as_it_is_published_and_is_fetched_again(stocked: Lake) -> None:
    damaged = detail_files(stocked, 2025)[2].good
    assert damaged is not None
    garbage(damaged)
    shutil.rmtree(stocked.working.parent)
    assert ensure_current(stocked, YEARS, Watched())
    assert ids(stocked, "activity_details") == [1, 2, 3]
    wanted = select_details(stocked, ALL, Scope(since=NOW), NOW + DAY)
    assert [candidate.activity_id for candidate in wanted.due] == [2]
    detailed(stocked, activity(2, description="again"), at=NOW + DAY)
    assert select_details(stocked, ALL, Scope(), NOW + DAY).due == []


@pytest.mark.dear
def test_details_landed_before_the_first_year_was_raised_are_made_anew_too(lake: Lake) -> None:
    listed(lake, [activity(1, "2021-05-05T06:00:00Z"), activity(2)])
    merge(lake)
    merge_detailed(lake, activity(1, "2021-05-05T06:00:00Z"), year=2021)
    merge_detailed(lake, activity(2))
    publish(lake)
    rebuild(lake, YearRange(2023, YEARS.newest), Watched())
    assert ids(lake, "activity_details") == [1, 2]


def test_years_that_share_an_activity_are_not_merged_again_for_ever(lake: Lake) -> None:
    listed(lake, [activity(1, "2025-12-31T10:00:00Z"), activity(2, "2026-02-01T10:00:00Z")])
    merge(lake)
    listed(lake, [activity(1, "2025-12-31T10:00:00Z", start_date_local="2026-01-01T01:00:00Z")], at=NOW + DAY)
    merge(lake)
    listed(lake, [activity(2, "2026-02-01T10:00:00Z", name="B")], at=NOW + 2 * DAY)
    for _ in range(3):
        merge(lake)
    with reading(lake) as connection:
        taken_in = notes(connection, MERGED)
    assert {"2025", "2026"} <= taken_in.keys()


OLD, NEW = "2025-12-31T10:00:00Z", "2024-01-01T10:00:00Z"


@pytest.mark.parametrize("of_archive", [False, True])
def test_a_row_whose_page_and_shards_are_lost_stays_where_another_year_says_less(lake: Lake, of_archive: bool) -> None:
    if of_archive:
        imported(lake, Made("strava_archive", 1, activity(1, OLD, name="before")), at=NOW)
    else:
        listed(lake, [activity(1, OLD, name="before")])
    merge(lake, [2025])
    later = listed(lake, [activity(1, NEW, name="now"), activity(3, NEW)], at=NOW + DAY)
    merge(lake, [2024, 2025])
    histories = rows(lake, "activity_history")
    for path in (later.folder / "page-0001.json.gz", *shard_files(lake, 2024)):
        garbage(path)
    merge(lake, [2024, 2025])
    (found,) = (row for row in rows(lake) if row["id"] == 1)
    assert (found["name"], found["source"], found["year"]) == ("now", "strava", 2024)
    assert rows(lake, "activity_history") == histories


def test_a_damaged_shard_of_another_year_is_set_aside_and_named(lake: Lake) -> None:
    listed(lake, [activity(1, OLD), activity(3, "2021-05-05T06:00:00Z")])
    merge(lake)
    listed(lake, [activity(1, NEW), activity(3, "2021-05-05T06:00:00Z")], at=NOW + DAY)
    write_shards(lake, [2021, 2024], YEARS)
    shard = shard_files(lake, 2021)[0]
    damaged = bytearray(shard.read_bytes())
    footer = int.from_bytes(damaged[-8:-4], "little") + 8
    damaged[4:-footer] = b"x" * (len(damaged) - footer - 4)
    shard.write_bytes(damaged)
    with pytest.raises(PipelineError, match="damaged, and set aside"):
        merge(lake, [2024])
    assert merge(lake, [2024]).updated == 1
    garbage(lake.shards_of(2020))
    merge(lake, [2020])
    assert lake.shards_of(2020).with_name("year=2020.damaged").exists()
    assert not merge(lake, [2024], force=True).wrote


def test_an_empty_year_that_is_looked_at_again_brings_no_other_year_s_rows(lake: Lake) -> None:
    listed(lake, [activity(1)])
    write_shards(lake, [2025], YEARS)
    with writing(lake) as connection:
        assert not merge_activities(connection, lake, [2021], force=True).wrote


def test_gear_keeps_its_athlete_though_the_athlete_s_answer_is_damaged(lake: Lake) -> None:
    land_athlete(lake, b'{"id": 7}', NOW)
    land_gear(lake, "b1", b'{"id": "b1", "name": "Bike"}', NOW)
    for is_damaged in (False, True):
        if is_damaged:
            garbage(*lake.athlete.glob("*"))
        with writing(lake) as connection:
            merge_profile(connection, lake)
        assert [row["athlete_id"] for row in rows(lake, "gear")] == [7]
