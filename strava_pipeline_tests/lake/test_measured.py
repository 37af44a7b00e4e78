"""lake.gold.measured: what is computed of tracks comes into the warehouse at each publish, and leaves with its track."""

import os
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.gold.measured import differing_measures
from strava_pipeline.lake.gold.publish import is_publish_due, publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.made.tracks import track_path
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.lake.test_track_measures import measured, tracked

pytestmark = pytest.mark.slow

LONG = 1500


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Three rides of two years with power, measured, and published."""
    lake = module_lake
    put(lake, [activity(number, f"{year}-05-01T08:00") for number, year in ((1, 2025), (2, 2025), (3, 2024))])
    for number, watts, year in ((1, 200.0, 2025), (2, 100.0, 2025), (3, 250.0, 2024)):
        tracked(lake, number, watts, year, seconds=LONG)
    measured(lake, 2024, 2025)
    assert publish(lake)
    return lake


def published(lake: Lake) -> dict[int, Any]:
    """By activity its normalised power and the year of its file."""
    with snapshot(lake) as connection:
        found = connection.execute("SELECT activity_id, normalized_power, year FROM computed_values").fetchall()
    assert len(found) == len({row[0] for row in found})
    return {key: (round(power), year) for key, power, year in found}


def is_due(lake: Lake) -> bool:
    with reading(lake) as connection:
        return is_publish_due(connection, lake)


@pytest.mark.dear
def test_a_publish_brings_what_was_computed_and_a_second_one_has_nothing_to_do(stocked: Lake) -> None:
    assert published(stocked) == {1: (200, 2025), 2: (100, 2025), 3: (250, 2024)}
    assert (is_due(stocked), publish(stocked)) == (False, False)
    tracked(stocked, 1, 300.0, seconds=LONG, origin="better")
    measured(stocked, 2025)
    assert is_due(stocked)
    with reading(stocked) as connection:
        assert {each.year for each in differing_measures(connection, stocked)} == {2025}
    assert publish(stocked)
    assert published(stocked) == {1: (300, 2025), 2: (100, 2025), 3: (250, 2024)}


def test_rows_leave_with_their_track_and_with_their_year(stocked: Lake) -> None:
    for number, year in ((2, 2025), (3, 2024)):
        track_path(stocked, year, number).unlink()
    measured(stocked)
    assert publish(stocked)
    assert published(stocked) == {1: (200, 2025)}
    assert not is_due(stocked)


@pytest.mark.dear
def test_a_track_that_moved_to_an_earlier_year_keeps_its_row_when_the_later_one_forgets_it(stocked: Lake) -> None:
    tracked(stocked, 1, 300.0, 2024, seconds=LONG)
    measured(stocked, 2024)
    os.utime(stocked.data_dir / "track_summaries" / "year=2025" / "track_summaries.parquet", (1, 1))
    assert publish(stocked)
    track_path(stocked, 2025, 1).unlink()
    measured(stocked, 2025)
    assert publish(stocked)
    assert published(stocked) == {1: (300, 2024), 2: (100, 2025), 3: (250, 2024)}
    assert not is_due(stocked)


@pytest.mark.dear
@pytest.mark.closed
def test_a_warehouse_that_was_made_again_or_got_other_views_gets_the_rows_again(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute("UPDATE lake_meta SET value = 'of an older version' WHERE key = 'made:views'")
        connection.execute("UPDATE lake_meta SET value = 'old:' || value WHERE starts_with(key, 'made:measured:')")
    assert publish(stocked)
    assert len(published(stocked)) == 3
    stocked.working.unlink()
    stocked.was_made.unlink(missing_ok=True)
    stocked.snapshot.unlink()
    assert publish(stocked)
    assert len(published(stocked)) == 3


@pytest.mark.dear
def test_an_unreadable_file_counts_as_none_until_measured_again(stocked: Lake, subtests: pytest.Subtests) -> None:
    path = stocked.data_dir / "track_summaries" / "year=2025" / "track_summaries.parquet"
    for damage in ("cut", "emptied", "holed", "other"):
        with subtests.test(damage=damage):
            spoil(path, damage)
            assert publish(stocked)
            assert published(stocked) == {3: (250, 2024)}
            assert not is_due(stocked)
            measured(stocked)
            assert publish(stocked)
            assert len(published(stocked)) == 3


def spoil(path: Path, damage: str) -> None:
    whole = path.read_bytes()
    other = path.parents[2] / "curves" / "year=2025" / "curves.parquet"
    holed = whole[:4] + bytes(200) + whole[204:]
    path.write_bytes({"cut": whole[:-20], "emptied": b"", "holed": holed, "other": other.read_bytes()}[damage])
    os.utime(path, (1, 1))
