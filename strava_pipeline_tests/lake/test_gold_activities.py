"""gold.activities: what notebooks and queries of strava-stats-msrvc find in the published snapshot."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from strava_pipeline.core.tables import GOLD_ACTIVITIES
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.user_views import view_files
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.imports.merge import merge_details
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, NOW, activity, copied, detailed, listed, merge

COLUMNS = [
    "id", "name", "sport_type", "type", "distance", "moving_time", "elapsed_time", "total_elevation_gain", "start_date",
    "start_date_local", "timezone", "utc_offset", "achievement_count", "kudos_count", "average_speed", "max_speed",
    "average_heartrate", "max_heartrate", "suffer_score", "commute", "manual", "visibility", "gear_id", "location_city",
    "location_state", "location_country", "map_id", "polyline", "summary_polyline", "ingestion_ts",
]  # fmt: skip


@pytest.fixture(scope="module")
def published(module_lake: Lake) -> Lake:
    """Three activities that are there, one without a sport_type, and one that Strava no longer lists; one detail."""
    rows = [
        activity(1, "2026-05-30T22:30:00Z", start_date_local="2026-05-31T00:30:00Z", kudos_count=3, commute=True),
        activity(2, "2026-05-29T06:00:00Z", sport_type=None, type="Ride", commute=None, manual=None),
        activity(3, "2026-04-01T06:00:00Z"),
        activity(4, "2026-05-28T06:00:00Z"),
    ]
    listed(module_lake, rows)
    merge(module_lake)
    detailed(module_lake, activity(1, kudos_count=2), year=2026, at=NOW + DAY, numbered=True)
    merge_details(module_lake, [2026])
    with writing(module_lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = now() WHERE id = 4")
        mark_changed(connection)
    publish(module_lake)
    return module_lake


def ask(lake: Lake, query: str, zone: str = "UTC", **parameters: object) -> list[tuple[object, ...]]:
    with duckdb.connect(str(lake.snapshot), read_only=True) as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        return connection.execute(query, parameters or None).fetchall()


def test_it_has_the_columns_of_that_project_in_their_order_and_the_catalogue_describes_them(published: Lake) -> None:
    described = [(name, kind) for name, kind, *_ in ask(published, "DESCRIBE gold.activities")]
    assert [name for name, _ in described] == COLUMNS
    assert described == [(column.name, column.kind.value) for column in GOLD_ACTIVITIES.columns]


def test_it_has_the_rows_of_activities(published: Lake) -> None:
    assert ask(published, "SELECT id FROM gold.activities ORDER BY id") == [(1,), (2,), (3,)]
    assert ask(published, "SELECT id FROM activities ORDER BY id") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_instants_are_utc_without_a_zone_whatever_the_readers_zone(published: Lake, zone: str) -> None:
    query = "SELECT start_date::VARCHAR, start_date_local::VARCHAR, ingestion_ts FROM gold.activities WHERE id = 1"
    assert ask(published, query, zone) == [("2026-05-30 22:30:00", "2026-05-31 00:30:00", NOW.replace(tzinfo=None))]


def test_a_missing_sport_is_the_deprecated_type_and_flags_are_never_null(published: Lake) -> None:
    query = "SELECT sport_type, type, commute, manual FROM gold.activities WHERE id = $id"
    assert ask(published, query, id=2) == [("Ride", "Ride", False, False)]
    assert ask(published, "SELECT commute FROM gold.activities WHERE id = 1") == [(True,)]


def test_its_readers_newest_activities_and_lacking_details_are_found(published: Lake) -> None:
    newest = "SELECT id, name, sport_type, distance, kudos_count FROM gold.activities ORDER BY start_date DESC LIMIT 2"
    assert [row[0] for row in ask(published, newest)] == [1, 2]
    since = (NOW - timedelta(days=21)).replace(tzinfo=None)
    lacking = """
        SELECT a.id FROM gold.activities a LEFT JOIN activity_details d ON d.activity_id = a.id
        WHERE a.start_date >= $since AND d.activity_id IS NULL ORDER BY a.start_date DESC
    """
    assert ask(published, lacking, since=since) == [(2,)]
    kudos = """
        SELECT a.id, a.kudos_count - d.kudos_count FROM gold.activities a JOIN activity_details d ON d.activity_id = a.id
        WHERE a.start_date >= $since
    """
    assert ask(published, kudos, since=since) == [(1, 1)]


def test_a_notebooks_months_and_weekdays_are_those_of_the_local_clock(published: Lake) -> None:
    by_month = """
        SELECT date_trunc('month', start_date_local)::DATE::VARCHAR AS month, sport_type, count(*), round(sum(distance) / 1000, 1)
        FROM gold.activities GROUP BY ALL ORDER BY ALL
    """
    assert [(month, count) for month, _, count, _ in ask(published, by_month)] == [
        ("2026-04-01", 1),
        ("2026-05-01", 1),
        ("2026-05-01", 1),
    ]
    weekday = "SELECT dayname(start_date_local) FROM gold.activities WHERE id = 1"
    assert ask(published, weekday) == [("Sunday",)]


def test_it_works_in_a_snapshot_that_is_attached_under_another_name(published: Lake, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "mine.duckdb")) as connection:
        connection.execute("CREATE TABLE activities (id INTEGER)")
        connection.execute(f"ATTACH '{published.snapshot}' AS warehouse (READ_ONLY)")
        assert connection.execute("SELECT count(*) FROM warehouse.gold.activities").fetchall() == [(3,)]


@pytest.mark.dear
def test_a_view_of_the_users_own_may_read_it_and_not_replace_it(published: Lake, untouched: Lake) -> None:
    lake = copied(published, untouched)
    lake.views.mkdir()
    (lake.views / "a.sql").write_text("CREATE VIEW runs AS SELECT * FROM gold.activities WHERE sport_type = 'Run'")
    (lake.views / "b.sql").write_text("CREATE OR REPLACE VIEW gold.activities AS SELECT 1 AS id")
    assert len(view_files(lake)) == 2
    assert publish(lake)
    assert ask(lake, "SELECT count(*) FROM runs") == [(2,)]
    assert ask(lake, "SELECT count(*) FROM gold.activities") == [(3,)]
