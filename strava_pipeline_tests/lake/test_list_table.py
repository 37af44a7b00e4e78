"""lake.gold.activity_list: a publish fills the table of lists, and names places by the nearest town."""

import gzip
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold import activity_list
from strava_pipeline.lake.gold.efforts import efforts
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.personal import BestsDecision
from strava_pipeline.lake.gold.publish import is_publish_due, publish, snapshot
from strava_pipeline.lake.gold.warehouse import one_number, reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import bests_statement
from strava_pipeline_tests.lake.insight_rows import activity, put, splits

pytestmark = pytest.mark.slow

AT = datetime(2026, 1, 1, tzinfo=UTC)


def listed(lake: Lake, columns: str) -> list[tuple[Any, ...]]:
    with snapshot(lake) as connection:
        return connection.execute(f"SELECT {columns} FROM activity_list ORDER BY id").fetchall()


# of an activity, the place that it is shown with, and whether that was computed
SAID: list[tuple[dict[str, Any], str | None, bool]] = [
    ({"start_latlng": [47.27, 11.40]}, "Innsbruck", True),
    ({"start_latlng": [47.99, 16.999]}, "Nickelsdorf", True),  # in another cell than the town
    ({"start_latlng": [47.27, 11.40], "location_city": " Igls "}, "Igls", False),
    ({"start_latlng": [47.27, 11.40], "location_city": " "}, "Innsbruck", True),
    ({"start_latlng": [47.27, 11.40], "extra": '{"locationName": "Igls"}'}, "Igls", False),
    ({"start_latlng": [-16.43, 179.999]}, None, False),  # 68 km from the next town
    ({"start_latlng": [78.2, 15.6]}, "Longyearbyen", True),
    ({"start_latlng": [78.2, 15.6], "sport_type": "VirtualRun"}, None, False),
    ({"start_latlng": [30.0, -40.0]}, None, False),
    ({"start_latlng": [0.0, 0.0]}, None, False),
    ({"start_latlng": [0.001, 0.001]}, None, False),
    ({"start_latlng": [147.0, 411.0]}, None, False),
    ({"start_latlng": [float("nan"), float("inf")]}, None, False),
    ({"start_latlng": [47.0, 1e300]}, None, False),
    ({"start_latlng": []}, None, False),
    ({}, None, False),
]


def test_a_place_is_what_a_source_says_or_else_the_nearest_town(lake: Lake) -> None:
    for day, (said, _, _) in enumerate(SAID, start=1):
        put(lake, [activity(day, f"2025-05-{day:02d}T08:00", **said)])
    publish(lake)
    shown = listed(lake, "place, list_contains(computed, 'place')")
    assert shown == [(place, is_computed) for _, place, is_computed in SAID]


def test_an_effort_has_the_nearest_town_and_the_city_of_its_zone(lake: Lake) -> None:
    put(lake, [activity(1, "2025-05-01T08:00", start_latlng=[47.27, 11.40], timezone="(GMT+01:00) America/New_York")])
    put(lake, [activity(2, "2025-05-02T08:00", timezone=None)])
    publish(lake)
    with snapshot(lake) as connection:
        found = efforts(connection, ["2025-05"], {"strava": None})
        assert {one.key: one.towns for one in found} == {"1": ["Innsbruck", "New York"], "2": []}


@pytest.mark.parametrize(
    ("leading", "other", "city", "place"),
    [
        ({}, {"location_city": "Igls"}, "Igls", "Igls"),
        ({}, {"extra": '{"locationName": "Igls"}'}, None, "Igls"),
        ({"location_city": "Hall"}, {"location_city": "Igls"}, "Hall", "Hall"),
        ({}, {"location_city": "Igls", "deleted_at": AT}, None, "Innsbruck"),
    ],
)
def test_a_place_that_another_source_names_is_taken(
    lake: Lake, leading: dict[str, Any], other: dict[str, Any], city: str | None, place: str
) -> None:
    put(lake, [activity(1, "2025-05-01T08:00", start_latlng=[47.27, 11.40], **leading)])
    put(lake, [{**activity(-9, "2025-05-01T08:00", **other), "source": "garmin"}])
    members = [
        {"id": one, "activity_id": 1, "place": n, "source": of}
        for n, (one, of) in enumerate(((1, "strava"), (-9, "garmin")))
    ]
    put(lake, members, "activity_members")
    publish(lake)
    assert listed(lake, "place, sources") == [(place, ["garmin", "strava"])]
    with snapshot(lake) as connection:
        assert connection.execute("SELECT location_city FROM activities").fetchall() == [(city,)]


@pytest.mark.dear
def test_rows_are_written_again_when_something_changed_and_only_then(lake: Lake) -> None:
    put(lake, [activity(1, "2025-05-01T08:00", gear_id="b1", start_latlng=[47.27, 11.4])])
    assert publish(lake)
    with reading(lake) as connection:
        assert not activity_list.sync_list(connection)
        assert not is_publish_due(connection, lake)
    put(lake, [{"source": "strava", "gear_id": "b1", "name": "Domane"}], "gear")
    put(lake, [{**activity(-9, "2025-05-01T08:00"), "source": "garmin", "visibility": None, "private": True}])
    members = [
        {"id": one, "activity_id": 1, "place": n, "source": name}
        for n, (one, name) in enumerate(((1, "strava"), (-9, "garmin")))
    ]
    put(lake, members, "activity_members")
    assert publish(lake)
    assert listed(lake, "id, gear_name, sources") == [(1, "Domane", ["garmin", "strava"])]
    odd = {"distance": float("nan"), "moving_time": -5, "sport_type": None, "extra": '{"sport": "RIDING"}'}
    put(lake, [activity(2, "2025-05-01T08:00", private=True, visibility=None, **odd)])
    assert publish(lake)
    assert listed(lake, "id, visibility, distance, moving_time, sources, sport_type, sport_group") == [
        (1, None, 20_000.0, 3600, ["garmin", "strava"], "Ride", "ride"),
        (2, "only_me", None, 4000, ["strava"], "RIDING", "other"),
    ]


def test_places_where_nothing_begins_any_more_are_forgotten(lake: Lake) -> None:
    put(lake, [activity(1, "2025-05-01T08:00", start_latlng=[47.27, 11.4])])
    publish(lake)
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET start_latlng = [48.21, 16.37]")
        mark_changed(connection)
    publish(lake)
    with snapshot(lake) as connection:
        assert connection.execute("FROM near_towns").fetchall() == [(4821, 1637, "Vienna")]


@pytest.mark.dear
def test_another_file_of_towns_names_all_anew(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(
        lake, [activity(1, "2025-05-01T08:00", start_latlng=[47.28, 11.78])]
    )  # 21 km to the east, where a degree has 75
    publish(lake)
    other = tmp_path / "towns.csv.gz"
    other.write_bytes(gzip.compress(b'name,latitude_100,longitude_100,thousands\n"Hall, in Tirol",4728,1150,10\n'))
    monkeypatch.setattr(activity_list, "TOWNS_FILE", other)
    activity_list._towns_digest.cache_clear()
    try:
        with reading(lake) as connection:
            assert is_publish_due(connection, lake)
        assert publish(lake)
        assert listed(lake, "place") == [("Hall, in Tirol",)]
    finally:
        activity_list._towns_digest.cache_clear()


@pytest.mark.dear
def test_the_bests_are_those_of_the_present_state_after_each_publish(lake: Lake) -> None:
    put(lake, [activity(number, f"2025-05-0{number}T08:00", sport_type="Run") for number in (1, 2, 3)])
    put(lake, splits(1, [300] * 6), "activity_splits_metric")
    publish(lake)
    assert held_and_missing(lake) == (3 * 3 + 7, 0, 0)
    put(lake, splits(2, [290] * 3), "activity_splits_metric")
    with writing(lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = now() WHERE id = 1")
        mark_changed(connection)
    publish(lake)
    assert held_and_missing(lake) == (2 * 3 + 5, 0, 0)
    record_decisions(lake, BestsDecision(at=AT, by="a test", activity_id=2, dismissed=True))
    publish(lake)
    assert held_and_missing(lake) == (2 * 3 + 5, 0, 0)
    with snapshot(lake) as connection:
        assert connection.execute("SELECT DISTINCT activity_id FROM activity_bests WHERE counts").fetchall() == [(3,)]


def held_and_missing(lake: Lake) -> tuple[int, ...]:
    """Rows of the published table, and those that it and its query have beyond each other."""
    query = bests_statement().partition("BY NAME\n")[2].rstrip()
    with snapshot(lake) as connection:
        connection.execute(f"CREATE TEMPORARY TABLE now AS {query}")
        table, now = "SELECT * FROM activity_bests", "SELECT * FROM now"
        pairs = (table, f"{table} EXCEPT ALL {now}", f"{now} EXCEPT ALL {table}")
        return tuple(one_number(connection, f"SELECT count(*) FROM ({pair})") for pair in pairs)


@pytest.mark.dear
@pytest.mark.closed
def test_a_view_of_an_earlier_version_becomes_the_table(lake: Lake) -> None:
    put(lake, [activity(1, "2025-05-01T08:00")])
    with closing(duckdb.connect(str(lake.working))) as connection:
        connection.execute("DROP TABLE activity_bests")
        connection.execute("CREATE VIEW activity_bests AS SELECT 1 AS activity_id")
        connection.execute("UPDATE lake_meta SET value = 'an earlier one' WHERE key = 'made:views'")
    assert publish(lake)
    assert held_and_missing(lake) == (3, 0, 0)
