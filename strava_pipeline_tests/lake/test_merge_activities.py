"""Merging shards into gold: the newest version of each activity, whatever the order, the zone or the number of times."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings

from strava_pipeline.core.json_values import json_text
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.made.shards import write_shards
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.core.test_rows import JSON
from strava_pipeline_tests.examples import examples
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
    queried,
    row,
    rows,
    started,
)
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.patience import PATIENCE


def seen(lake: Lake, *versions: dict[str, Any]) -> None:
    """Listings of one activity, a day apart."""
    for number, fields in enumerate(versions):
        listed(lake, [activity(1, **fields)], at=NOW + number * DAY)


def told(lake: Lake, *columns: str) -> tuple[Any, ...]:
    found = row(lake)
    return tuple(found[column] for column in columns)


def test_new_ones_are_inserted_changed_ones_updated_and_the_rest_left_alone(lake: Lake) -> None:
    listed(lake, [activity(1), activity(2)])
    first = merge(lake)
    assert (first.inserted, first.updated) == (2, 0)
    listed(lake, [activity(1), activity(2, name="Edited"), activity(3)], at=NOW + DAY)
    second = merge(lake)
    assert (second.inserted, second.updated) == (1, 1)
    assert [(found["id"], found["name"]) for found in rows(lake)] == [(1, "Run 1"), (2, "Edited"), (3, "Run 3")]


def test_merging_again_changes_nothing_and_asks_for_no_publish(lake: Lake) -> None:
    listed(lake, [activity(1)])
    merge(lake)
    with reading(lake) as connection:
        before = revision(connection)
    listed(lake, [activity(1)], at=NOW + DAY)
    assert not merge(lake).wrote
    with reading(lake) as connection:
        assert revision(connection) == before
    assert told(lake, "ingestion_ts") == (NOW,)


def test_a_year_without_shards_merges_nothing(lake: Lake) -> None:
    assert not merge(lake, [2020]).wrote
    assert rows(lake) == []


A: dict[str, Any] = {"name": "A"}
B: dict[str, Any] = {"name": "B"}
KUDOS: dict[str, Any] = {"name": "A", "kudos_count": 5}
MORE: dict[str, Any] = {"name": "A", "kudos_count": 6}


HISTORIES: dict[int, tuple[list[dict[str, Any]], str, int, int]] = {
    # by id: the versions, a day apart; the name at last, the day of the newest version, the day of the newest edit
    1: ([A], "A", 0, 0),
    2: ([A, A, A], "A", 0, 0),
    3: ([A, B], "B", 1, 1),
    4: ([A, B, B], "B", 1, 1),
    5: ([A, B, A], "A", 2, 2),
    6: ([A, B, A, A], "A", 2, 2),
    7: ([A, KUDOS], "A", 1, 0),
    8: ([A, KUDOS, MORE, MORE], "A", 2, 0),
    9: ([A, B, A, KUDOS], "A", 3, 2),
    10: ([B, A, KUDOS, A], "A", 3, 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("each_day", [True, False], ids=["merged each day", "merged at the end"])
def test_a_row_says_since_when_it_is_so_and_since_when_its_edit(lake: Lake, each_day: bool) -> None:
    for number in range(4):
        of_day = [activity(key, **found[0][number]) for key, found in HISTORIES.items() if number < len(found[0])]
        listed(lake, of_day, at=NOW + number * DAY)
        if each_day:
            merge(lake)
    merge(lake)
    found = {row["id"]: (row["name"], row["ingestion_ts"], row["edited_at"]) for row in rows(lake)}
    assert found == {
        key: (name, NOW + since * DAY, NOW + edited * DAY) for key, (_, name, since, edited) in HISTORIES.items()
    }
    assert not merge(lake).wrote


IN_2025: dict[str, Any] = {"name": "old", "start": "2025-12-31T10:00:00Z"}
IN_2026: dict[str, Any] = {"name": "new", "start": "2026-01-01T10:00:00Z"}
IN_2024: dict[str, Any] = {"name": "older", "start": "2024-01-01T10:00:00Z"}


# by id: the versions, a day apart; name and year at last
YEARS_EDITED: dict[int, tuple[list[dict[str, Any]], str, int]] = {
    1: ([IN_2025, IN_2026], "new", 2026),
    2: ([IN_2026, IN_2025], "old", 2025),
    3: ([IN_2025, IN_2026, IN_2025], "old", 2025),
    4: ([IN_2026, IN_2025, IN_2026], "new", 2026),
    5: ([IN_2025, IN_2026, IN_2025, IN_2026], "new", 2026),
    6: ([IN_2024, IN_2025, IN_2026, IN_2024], "older", 2024),
    7: ([IN_2025, IN_2025, IN_2026, IN_2026, IN_2025, IN_2025], "old", 2025),
}


@pytest.mark.slow
@pytest.mark.parametrize("order", [(2024, 2025, 2026), (2026, 2025, 2024), (2025, 2026, 2024)], ids=str)
def test_an_activity_whose_year_was_edited_stands_in_its_newest_year_whichever_is_merged_last(
    lake: Lake, order: tuple[int, ...]
) -> None:
    for day in range(max(len(versions) for versions, _, _ in YEARS_EDITED.values())):
        of_day = [
            activity(key, **versions[day]) for key, (versions, _, _) in YEARS_EDITED.items() if day < len(versions)
        ]
        listed(lake, of_day, at=NOW + day * DAY)
    expected = {key: (name, year) for key, (_, name, year) in YEARS_EDITED.items()}

    def in_gold() -> dict[int, tuple[str, int]]:
        with reading(lake) as connection:
            rows = connection.execute("SELECT id, name, year FROM activities_all").fetchall()
        assert len(rows) == len(expected)
        return {key: (name, year) for key, name, year in rows}

    merge(lake, order)
    assert in_gold() == expected
    merge(lake, order, force=True)
    assert not merge(lake, order).wrote
    assert in_gold() == expected


@pytest.mark.slow
def test_an_activity_that_came_back_to_its_year_is_edited_since_then(lake: Lake) -> None:
    for number, fields in enumerate([IN_2025, IN_2026, IN_2025]):
        listed(lake, [activity(1, **fields)], at=NOW + number * DAY)
        merge(lake)
    assert told(lake, "year", "ingestion_ts", "edited_at") == (2025, NOW + 2 * DAY, NOW + 2 * DAY)


@pytest.mark.slow
def test_a_year_that_came_back_is_found_in_merged_shards_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strava_pipeline.lake.made.shards.SHARDS_PER_YEAR", 1)
    for number, fields in enumerate([IN_2025, IN_2026, IN_2025, IN_2025]):
        listed(lake, [activity(1, **fields)], at=NOW + number * DAY)
        write_shards(lake, ALL, YEARS)
    merge(lake, [2025, 2026])
    assert told(lake, "name", "year") == ("old", 2025)


def test_an_older_version_that_arrives_late_does_not_win(lake: Lake) -> None:
    late = started(lake, at=NOW)
    land(late, [activity(1, name="older")], at=NOW)
    listed(lake, [activity(1, name="newer")], at=NOW + HOUR)
    manifest = late.folder / "manifest.json"
    hidden = manifest.rename(late.folder / "hidden")
    merge(lake)
    hidden.rename(manifest)
    assert merge(lake).wrote is False
    assert told(lake, "name") == ("newer",)


@pytest.mark.slow
def test_an_activity_twice_on_a_page_gives_one_row_the_same_each_time(new_lake: NewLake, tmp_path: Path) -> None:
    twins = [activity(number // 2, name=f"{number % 2}") for number in range(200)]
    found = []
    for number, page in enumerate([twins, twins[::-1]]):
        lake = new_lake(tmp_path / str(number))
        listed(lake, page)
        merge(lake)
        assert not merge(lake).wrote
        found.append([each["name"] for each in rows(lake)])
    assert len(found[0]) == 100
    assert found[0] == found[1]


def forget(lake: Lake) -> None:
    """Empty gold behind the notes' back, so that it shows whether a merge takes the shards in again."""
    with writing(lake) as connection:
        connection.execute("DELETE FROM activities_all")


def test_shards_that_were_merged_are_not_read_again(lake: Lake) -> None:
    listed(lake, [activity(1), activity(2, "2024-05-05T06:00:00Z")])
    merge(lake)
    forget(lake)
    assert not merge(lake).wrote
    listed(lake, [activity(3)], at=NOW + DAY)
    assert merge(lake).inserted == 2  # the two of 2025, not the one of 2024


def write_anew(lake: Lake) -> None:
    (shard,) = lake.shards_of(2025).glob("*.parquet")
    shard.unlink()


def damage(lake: Lake) -> None:
    (shard,) = lake.shards_of(2025).glob("*.parquet")
    shard.write_bytes(b"PAR1")


@pytest.mark.parametrize("happen", [write_anew, damage])
def test_a_shard_that_was_made_again_is_merged_again(lake: Lake, happen: Callable[[Lake], None]) -> None:
    listed(lake, [activity(1)])
    merge(lake)
    forget(lake)
    happen(lake)
    assert merge(lake).inserted == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "year"),
    [(YearRange(2018, 2026), YearRange(2020, 2026), 2020), (YearRange(2020, 2026), YearRange(2018, 2026), 2019)],
)
def test_other_partitions_move_rows_though_the_listings_are_the_same(
    lake: Lake, before: YearRange, after: YearRange, year: int
) -> None:
    listed(lake, [activity(1, "2019-05-05T06:00:00Z"), activity(2, "2020-05-05T06:00:00Z")], years=before)
    merge(lake, before.all, within=before)
    merge(lake, after.all, within=after)
    assert [found["year"] for found in rows(lake)] == [year, 2020]
    assert not merge(lake, after.all, within=after).wrote


@pytest.mark.slow
def test_years_merged_in_one_statement_or_in_several_give_the_same_rows(
    new_lake: NewLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, histories = [], []
    for limit in (1, 1_000_000):
        monkeypatch.setattr("strava_pipeline.lake.gold.merge.VERSIONS_AT_ONCE", limit)
        monkeypatch.setattr("strava_pipeline.lake.gold.warehouse._HELD", limit)  # bytes: the first round spills
        lake = new_lake(tmp_path / str(limit))
        versions = [IN_2025, IN_2026, IN_2024, IN_2025]
        for number, fields in enumerate(versions):
            listed(
                lake,
                [activity(1, **fields), activity(number + 2, f"{2023 + number}-05-05T06:00:00Z")],
                at=NOW + number * DAY,
            )
        write_shards(lake, ALL, YEARS)
        with writing(lake) as connection:
            assert merge_activities(connection, lake, list(ALL)).inserted == 5
        found.append(rows(lake))
        histories.append(rows(lake, "activity_history", "activity_id, version"))
    assert found[0] == found[1]
    assert histories[0] == histories[1]
    assert len(histories[0]) == 8
    assert (found[0][0]["name"], found[0][0]["year"], found[0][0]["ingestion_ts"]) == ("old", 2025, NOW + 3 * DAY)


def test_force_mends_a_row_whose_shards_are_as_they_were(lake: Lake) -> None:
    listed(lake, [activity(1), activity(2)])
    merge(lake)
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET name = 'spoilt' WHERE id = 1")
    assert not merge(lake).wrote
    assert merge(lake, force=True).updated == 1
    assert rows(lake)[0]["name"] == "Run 1"


ODD: list[dict[str, Any]] = [
    {"name": "half \ud83d"},
    {"name": "a\0b"},
    {"name": "\ufeff👩‍👩‍👧"},
    {"name": None},
    {"distance": float("nan")},
    {"new": float("inf")},
    {"new": {"half\ud83d": "\udc00"}},
    {"new": 10**400},
    {"new": "\0"},
    {"": 1},
    {"map": {"id": "m", "deep": [[[[{"a": None}]]]]}},
    {"start_date": "0001-01-01T00:00:00+14:00"},
    {"start_date": "0001-01-01T00:00:00Z", "start_date_local": "9999-12-31T23:59:59Z"},
    {"start_latlng": [], "end_latlng": None},
    {"upload_id": 2**63 - 1, "athlete": {"id": 2**53 + 1}},
]


def test_nothing_that_json_can_carry_stops_a_merge(lake: Lake) -> None:
    listed(lake, [activity(1), *(activity(number, **fields) for number, fields in enumerate(ODD, start=2))])
    assert merge(lake).inserted == len(ODD) + 1
    found = rows(lake)
    for merged in found:
        json.loads(merged["extra"] or "{}")
    assert [merged["upload_id"] for merged in found] == [None, *(fields.get("upload_id") for fields in ODD)]


def test_ids_beyond_2_to_the_53_stay_what_they_are_and_apart(lake: Lake) -> None:
    ids = [2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1]
    listed(lake, [activity(each, upload_id=each) for each in ids])
    merge(lake)
    assert [(found["id"], found["upload_id"]) for found in rows(lake)] == [(each, each) for each in ids]


PROGRAM = """
import sys
from pathlib import Path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline_tests.lake.bronze import ALL, activity, listed, merge
lake = Lake(Path(sys.argv[1]))
listed(lake, [activity(1, "2025-12-31T23:30:00Z", start_date_local="2026-01-01T00:30:00Z")])
merge(lake)
publish(lake)
"""


@pytest.mark.dear
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns"])
def test_the_host_s_time_zone_does_not_matter(lake: Lake, zone: str) -> None:
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(lake.data_dir)],
        env={**os.environ, "TZ": zone},
        check=True,
        timeout=PATIENCE,
    )
    with snapshot(lake) as connection:
        for session in ("UTC", zone):
            connection.execute(f"SET TimeZone = '{session}'")
            (found,) = queried(
                connection,
                "SELECT epoch(start_date) AS epoch, start_date_local, year, epoch(ingestion_ts) AS seen FROM activities",
            )
            assert found == {
                "epoch": datetime(2025, 12, 31, 23, 30, tzinfo=UTC).timestamp(),
                "start_date_local": datetime(2026, 1, 1, 0, 30),  # noqa: DTZ001
                "year": 2026,
                "seen": NOW.timestamp(),
            }


@pytest.mark.slow
def test_an_exception_after_a_merge_leaves_gold_as_it_was(lake: Lake) -> None:
    listed(lake, [activity(1)])
    write_shards(lake, ALL, YEARS)

    def fail() -> None:
        with writing(lake) as connection:
            merge_activities(connection, lake, [2025])
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        fail()
    assert rows(lake) == []
    publish(lake)
    assert merge(lake).inserted == 1
    assert publish(lake)


def test_pages_of_one_listing_are_versions_of_their_own(lake: Lake) -> None:
    listed(lake, [activity(1, name="first page")], [activity(1, name="second page")])
    merge(lake)
    assert told(lake, "name", "ingestion_ts") == ("second page", NOW + SECOND)


@pytest.mark.parametrize("odd", [2**63, -(2**63) - 1, 10**400])
def test_an_id_that_no_column_holds_stops_no_other_activity(lake: Lake, odd: int) -> None:
    listed(lake, [activity(odd), activity(2)])
    assert write_shards(lake, ALL, YEARS).unknown_fields == {"id": 1}
    assert merge(lake).inserted == 1
    assert [found["id"] for found in rows(lake)] == [2]


def test_whatever_json_says_duckdb_takes_it_as_json() -> None:
    with duckdb.connect() as connection:

        @settings(max_examples=examples(200))
        @given(JSON)
        def holds(value: Any) -> None:
            text = json_text(value)
            assert connection.execute("SELECT $text::JSON::VARCHAR", {"text": text}).fetchone() == (text,)

        holds()
