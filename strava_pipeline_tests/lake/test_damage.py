"""Damaged and unwritable files of a lake: what can be made anew is, the rest is told, and nothing half made stays behind."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import polars as pl
import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.files import write_rows, write_whole
from strava_pipeline.lake.gold.coverage import years_behind
from strava_pipeline.lake.gold.publish import current_snapshot, publish
from strava_pipeline.lake.gold.warehouse import DamagedWarehouseError, reading, writing
from strava_pipeline.lake.made.shards import write_shards
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import ensure_current
from strava_pipeline_tests.lake.bronze import (
    ALL,
    HOUR,
    NOW,
    YEARS,
    Watched,
    activity,
    detailed,
    listed,
    merge,
    merge_detailed,
    rows,
)
from strava_pipeline_tests.small_disk import files_of_at_most

pytestmark = pytest.mark.closed  # a file that is damaged is not open


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """A module_lake with 40 activities, a detail and a snapshot."""
    listed(module_lake, [activity(number) for number in range(1, 41)])
    merge(module_lake)
    merge_detailed(module_lake, activity(1), at=NOW + HOUR)
    publish(module_lake)
    return module_lake


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwritten(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xaa" * 8192 + content[16384:])


def a_few_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def in_a_page_of(path: Path, table: str) -> None:
    """The file opens; the first query of the table fails."""
    with duckdb.connect(str(path), read_only=True) as connection:
        query = "SELECT max(block_id) FROM pragma_storage_info($table)"
        ((block,),) = connection.execute(query, {"table": table}).fetchall()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(3 * 4096 + block * 262_144 + 100)  # three headers, then blocks
        file.write(b"\xff" * 64)


def in_the_page_of_its_notes(path: Path) -> None:
    in_a_page_of(path, "lake_meta")


def beside_the_log_of_another(path: Path) -> None:
    other = path.with_name("other.duckdb")
    connection = duckdb.connect(str(other))
    connection.execute("CREATE TABLE lake_meta AS SELECT 5 AS key")
    connection.execute("CHECKPOINT")
    connection.execute("INSERT INTO lake_meta VALUES (6)")
    log = other.with_name("other.duckdb.wal").read_bytes()
    connection.close()
    a_few_bytes(path)
    path.with_name(f"{path.name}.wal").write_bytes(log)


@pytest.mark.dear
@pytest.mark.parametrize(
    "damage", [half, overwritten, a_few_bytes, empty, in_the_page_of_its_notes, beside_the_log_of_another]
)
def test_a_damaged_warehouse_is_made_anew_whole(stocked: Lake, damage: Callable[[Path], None]) -> None:
    held = {table: rows(stocked, table) for table in ("activities_all", "activity_details")}
    damage(stocked.working)
    years_behind(stocked, YEARS)  # looked at before each run: a damaged one holds nothing and stops nothing
    watched = Watched()
    assert ensure_current(stocked, YEARS, watched)
    assert "damaged" in watched.said[0]
    assert {table: rows(stocked, table) for table in held} == held
    assert stocked.working.with_suffix(".damaged").exists()
    assert not ensure_current(stocked, YEARS, watched)


def test_a_damaged_warehouse_is_told_apart_from_one_that_another_program_has_open(stocked: Lake) -> None:
    half(stocked.working)
    with pytest.raises(DamagedWarehouseError, match="rebuilds it"), reading(stocked):
        pass


@pytest.mark.parametrize(("file", "opened"), [("working", reading), ("snapshot", current_snapshot)])
def test_a_damaged_page_is_named_with_its_file_and_what_to_do(
    stocked: Lake, file: str, opened: Callable[[Lake], AbstractContextManager[duckdb.DuckDBPyConnection]]
) -> None:
    path: Path = getattr(stocked, file)
    in_a_page_of(path, "activities_all")
    with pytest.raises(PipelineError, match=f"{path} can't be read.*Corrupt.*delete"), opened(stocked) as connection:
        connection.execute("SELECT count(DISTINCT COLUMNS(*)) FROM activities_all").fetchall()


@pytest.mark.slow
def test_lost_rows_of_a_page_come_back_with_the_next_listing_and_no_other_is_lost_meanwhile(stocked: Lake) -> None:
    listing = listed(stocked, [activity(50)], [activity(51)], at=NOW + HOUR)
    (listing.folder / "page-0001.json.gz").write_bytes(b"garbage")
    write_shards(stocked, ALL, YEARS)
    merge(stocked)
    assert {row["id"] for row in rows(stocked)} == {*range(1, 41), 51}
    merge_detailed(stocked, activity(51), at=NOW + 2 * HOUR)
    assert years_behind(stocked, YEARS) == set(), "the same years are not looked at again each day"
    listed(stocked, [activity(50)], [activity(51)], at=NOW + 2 * HOUR)
    merge(stocked)
    assert {row["id"] for row in rows(stocked)} == {*range(1, 41), 50, 51}


def test_a_listing_that_lost_all_its_pages_makes_no_shard(lake: Lake) -> None:
    listing = listed(lake, [activity(1)])
    (listing.folder / "page-0001.json.gz").unlink()
    assert write_shards(lake, ALL, YEARS).files == 0


def test_a_write_that_fails_names_its_file_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    old, table = tmp_path / "page.json.gz", tmp_path / "rows.parquet"
    old.write_bytes(b"old")
    table.write_bytes(b"old")
    frame = pl.DataFrame({"id": range(10_000)})
    with files_of_at_most(1000):
        for path, write in (
            (old, lambda: write_whole(old, b"x" * 5000)),
            (table, lambda: write_rows(table, frame, "lz4", {})),
        ):
            with pytest.raises(OSError, match="too large") as failed:
                write()
            assert failed.value.filename == str(path)
            assert path.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.json.gz", "rows.parquet"]


def test_a_warehouse_that_cannot_be_written_is_told_and_keeps_what_it_held(stocked: Lake) -> None:
    held = rows(stocked)
    with (
        pytest.raises(PipelineError, match="free some space"),
        files_of_at_most(stocked.working.stat().st_size),
        writing(stocked) as connection,
    ):
        connection.execute("CREATE TABLE big AS SELECT random() AS x FROM range(1000000)")
    assert rows(stocked) == held


def test_a_damaged_detail_is_set_aside_and_hides_no_other(stocked: Lake) -> None:
    detailed(stocked, activity(2), activity(3), at=NOW + HOUR)
    bad = next(stocked.details_of(2025).glob("2/*.json.gz"))
    bad.write_bytes(json.dumps(activity(2)).encode())
    merge_detailed(stocked, at=NOW)
    assert [row["activity_id"] for row in rows(stocked, "activity_details")] == [1, 3]
    assert bad.with_name(f"{bad.name}.damaged").exists()
