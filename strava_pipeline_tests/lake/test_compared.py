"""lake.compared: what an archive is laid beside, read from the published warehouse."""

from datetime import UTC, datetime

import duckdb
import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.files.agreement import COMPARED
from strava_pipeline.lake.gold.publish import current_snapshot, publish, snapshot
from strava_pipeline.lake.gold.quality import gold_activities, gold_files, stand_ins
from strava_pipeline.lake.gold.warehouse import mark_changed, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import NOW, activity, copied, listed, merge, merge_detailed


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    listed(module_lake, [activity(1, gear_id="b7"), activity(2)])
    merge(module_lake)
    merge_detailed(module_lake, activity(1, resource_state=3, description="windy", perceived_exertion=4.0))
    publish(module_lake)
    return module_lake


@pytest.fixture
def merged(stock: Lake, untouched: Lake) -> Lake:
    """A copy of it."""
    return copied(stock, untouched)


def test_every_compared_field_is_read_of_every_activity(merged: Lake) -> None:
    with writing(merged) as connection:
        connection.execute(f"UPDATE activities_all SET deleted_at = '{NOW.isoformat()}' WHERE id = 2")
        mark_changed(connection)
    assert publish(merged)
    with snapshot(merged) as connection:
        found = gold_activities(connection)
    assert found.keys() == {1, 2}
    assert set(found[1].values) == set(COMPARED)
    one = found[1]
    assert (one.activity_id, one.athlete_id, one.deleted_at) == (1, 7, None)
    assert one.values["start_date"] == datetime(2025, 5, 5, 6, tzinfo=UTC)
    assert {name: value for name, value in one.values.items() if value is not None} == {
        "start_date": one.values["start_date"],
        "name": "Run 1",
        "sport_type": "Run",
        "gear_id": "b7",
        "distance": 1000.5,
        "description": "windy",
        "perceived_exertion": 4.0,
    }
    assert found[2].deleted_at == NOW
    assert found[2].values["description"] is None, "no detail was fetched"


def test_an_activity_for_which_another_one_stands_is_known(merged: Lake) -> None:
    with snapshot(merged) as connection:
        assert stand_ins(connection) == {}
    with writing(merged) as connection:
        connection.execute("INSERT INTO activity_members (id, activity_id, place) VALUES (5, 1, 1), (1, 1, 0)")
        mark_changed(connection)
    assert publish(merged)
    with snapshot(merged) as connection:
        assert stand_ins(connection) == {5: 1}


def test_a_warehouse_of_another_version_says_what_to_do(merged: Lake) -> None:
    merged.snapshot.chmod(0o644)
    with duckdb.connect(str(merged.snapshot)) as connection:
        connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
    with pytest.raises(PipelineError, match="strava-pipeline compact"), current_snapshot(merged) as published:
        gold_activities(published)


def test_files_and_names_of_gear_are_read(merged: Lake) -> None:
    with writing(merged) as connection:
        connection.execute(
            "INSERT INTO gear BY NAME SELECT 'b7' AS gear_id, 'Tarmac' AS name, 'strava' AS source, 'SL6' AS model_name"
        )
        connection.execute(
            "INSERT INTO files BY NAME SELECT 'aa' AS sha256, 'AA' AS content, ['activities/1.fit', 'x/2.fit'] AS names, "
            "'strava_archive' AS source, 'activity' AS role"
        )
        connection.execute(
            "INSERT INTO imported_activities BY NAME SELECT 1 AS id, 'strava_archive' AS source, "
            """'{"file": {"sha256": "aa"}}' AS extra, 2025 AS year"""
        )
        mark_changed(connection)
    assert publish(merged)
    with snapshot(merged) as connection:
        found, gear = gold_files(connection), gold_activities(connection)[1].gear_names
    assert gear == ("Tarmac",)
    assert (found.contents, found.names, found.of_activity, found.of_archives) == (
        {"aa": "AA"}, frozenset({"1.fit", "2.fit"}), {1: "aa"}, True,
    )  # fmt: skip
    assert found.gear == [(("Tarmac",), None, "SL6")]
