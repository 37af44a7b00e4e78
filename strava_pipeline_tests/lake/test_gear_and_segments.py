"""Views of what gear has done since its last service, and of efforts on segments, on rows with known answers."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.bests import gear_use
from strava_pipeline_tests.lake.insight_rows import ME, activity, put

pytestmark = pytest.mark.slow

SERVICES = """
[service.Domane.chain]
every_km = 50
done = [2025-05-01, 2025-05-02]
[service.Domane.fork]
every_hours = 8
every_km = 1000
[service.g1.soles]
every_km = 100
done = 2025-05-04
[service.Domaine.chain]
every_km = 50
"""


@pytest.mark.dear
def test_gear_is_due_by_what_it_did_since_its_last_service(lake: Lake, tmp_path: Path) -> None:
    used = ["b1", "b1", "b1", "b2", "g1"]  # 20 km and an hour each, on days in a row; b2 is the same bike elsewhere
    put(lake, [activity(day, f"2025-05-0{day}T08:00", gear_id=gear) for day, gear in enumerate(used, start=1)])
    put(
        lake,
        [
            {"source": "strava", "gear_id": gear, "name": name}
            for gear, name in (("b1", "Domane"), ("b2", "Domane"), ("g1", None))
        ],
        "gear",
    )
    (tmp_path / "goals.toml").write_text(SERVICES)
    publish(lake)
    with snapshot(lake) as connection:
        columns = "gear, service, done_on, pieces, activities, distance_m, moving_time_seconds, share_used, is_due"
        found = connection.execute(f"SELECT {columns} FROM gear_service_state ORDER BY ALL").fetchall()
    assert found == [
        ("Domaine", "chain", None, 0, 0, 0, 0, 0, False),
        ("Domane", "chain", date(2025, 5, 2), 2, 2, 40_000, 7200, pytest.approx(0.8), False),
        ("Domane", "fork", None, 2, 4, 80_000, 14_400, pytest.approx(0.5), False),
        ("g1", "soles", date(2025, 5, 4), 1, 1, 20_000, 3600, pytest.approx(0.2), False),
    ]
    (tmp_path / "goals.toml").write_text(SERVICES.replace("every_km = 50", "every_km = 40"))
    publish(lake)
    with snapshot(lake) as connection:
        due = connection.execute("SELECT gear, service FROM gear_service_state WHERE is_due").fetchall()
    assert due == [("Domane", "chain")]


@pytest.mark.dear
def test_a_linked_bike_is_one_and_each_activity_counts_once(lake: Lake, tmp_path: Path) -> None:
    """Three rides: of the first, two sources name the bike; of the second, only the other; of the third, each another one."""
    strava = [activity(day, f"2025-05-0{day}T08:00", gear_id=gear) for day, gear in ((1, "b1"), (2, None), (3, "b1"))]
    other = [
        activity(-day, f"2025-05-0{day}T08:00", source="ridewithgps", gear_id=gear) | {"gear_source": "ridewithgps"}
        for day, gear in ((1, "7"), (2, "7"), (3, "9"))
    ]
    put(lake, [*strava, *other])
    put(
        lake, [{"activity_id": day, "id": day, "place": 0, "source": "strava"} for day in (1, 2, 3)], "activity_members"
    )
    put(lake, [{"activity_id": day, "id": -day, "place": 2} for day in (1, 2, 3)], "activity_members")
    names = (("strava", "b1", "Tarmac"), ("ridewithgps", "7", "Blue bike"), ("ridewithgps", "9", "Old bike"))
    put(lake, [{"source": source, "gear_id": gear, "name": name} for source, gear, name in names], "gear")
    (tmp_path / "goals.toml").write_text(
        "[service.'Blue bike'.chain]\nevery_km = 50\n[service.Bike.fork]\nevery_km = 100\n"
    )

    def things() -> dict[str, tuple[int, float]]:
        with snapshot(lake) as connection:
            return {name: (row["activities"], row["distance_m"]) for name, row in gear_use(connection).things.items()}

    publish(replace(lake, gear_links={}))
    assert things() == {"strava:b1": (2, 40_000), "ridewithgps:7": (1, 20_000), "ridewithgps:9": (0, None)}
    links = {
        "Bike": {"strava": "Tarmac", "ridewithgps": "7"},
        "Old": {"ridewithgps": "Old bike"},
        "X": {"strava": "gone"},
    }
    publish(replace(lake, gear_links=links))
    assert things() == {"Bike": (3, 60_000), "Old": (0, None)}, "of the third, that of the leading source"
    with snapshot(lake) as connection:
        due = connection.execute(
            "SELECT gear, distance_m, pieces, items FROM gear_service_state ORDER BY gear"
        ).fetchall()
    assert due == [("Bike", 60_000, 2, ["Bike"]), ("Blue bike", 60_000, 2, ["Bike"])]
    publish(lake)
    assert things().keys() == {"Bike", "Old"}, "who doesn't know the links leaves them"
    written = {"source": "spreadsheet", "extra": '{"equipment": "Straßenrad"}'}
    put(lake, [activity(-4, "2025-05-04T08:00") | written])
    publish(replace(lake, gear_links={"Bike": {"strava": "b1"}}))
    with snapshot(lake) as connection:
        named = [
            connection.execute(query).fetchall()
            for query in (
                "SELECT name, item_name FROM gear_items WHERE source = 'spreadsheet'",
                "SELECT gear_name, gear_name FROM activity_list WHERE id = -4",
                "SELECT name, name FROM gear_mileage WHERE item = 'spreadsheet:straßenrad'",
            )
        ]
    assert named == [[("Straßenrad", "Straßenrad")]] * 3, "a text has one name"
    publish(replace(lake, gear_links={"Bike": {"strava": "b1", "spreadsheet": "straßenrad"}}))
    assert things()["Bike"] == (3, 60_000), "a text that has no lower case alone"


def test_efforts_have_their_place_and_segments_their_best(lake: Lake) -> None:
    times = [300, 320, 280, 280, 290]  # of a segment, on days in a row; the last two in one activity
    mine = [activity(day, f"2025-05-0{day}T08:00") for day in range(1, 5)]
    put(lake, [*mine, activity(9, "2025-05-09T08:00", athlete_id=8)])
    put(
        lake,
        [
            {
                "activity_id": min(place, 4),
                "effort_index": place,
                "source": "strava",
                "segment_id": 7,
                "segment_name": "Hill",
                "elapsed_time": seconds,
                "start_date": datetime(2025, 5, min(place, 4), 8, place, tzinfo=UTC),
            }
            for place, seconds in enumerate(times, start=1)
        ]
        + [
            {"activity_id": 9, "effort_index": 1, "source": "strava", "segment_id": 7, "segment_name": "Hill", "elapsed_time": 100, "start_date": datetime(2025, 5, 9, 8, tzinfo=UTC)},
            {"activity_id": 1, "effort_index": 9, "source": "strava", "segment_id": None, "segment_name": None, "elapsed_time": 90, "start_date": datetime(2025, 5, 1, 8, tzinfo=UTC)},
        ],
        "activity_segment_efforts",
    )  # fmt: skip
    with reading(lake) as connection:
        history = connection.execute(
            "SELECT effort_index, elapsed_time_seconds, place, behind_best_seconds, was_best FROM segment_history "
            "WHERE athlete_id = 77 ORDER BY effort_index"
        ).fetchall()
        bests = connection.execute(
            "SELECT * EXCLUDE (segment_name, segment_distance_m, segment_average_grade) FROM segment_bests ORDER BY athlete_id"
        ).fetchall()
    assert history == [
        (1, 300, 4, 20, True),
        (2, 320, 5, 40, False),
        (3, 280, 1, 0, True),
        (4, 280, 1, 0, False),
        (5, 290, 3, 10, False),
    ]
    first, third, fourth, ninth = (date(2025, 5, day) for day in (1, 3, 4, 9))
    assert bests[0] == (8, 7, 1, 100, 9, ninth, ninth, ninth, 100)
    assert bests[1:] == [(77, 7, 5, 280, 3, third, first, fourth, bests[1][-1])]


def test_what_another_athlete_rides_is_none_of_the_owners_gear(lake: Lake, tmp_path: Path) -> None:
    own, shared, theirs = (
        activity(day, f"2025-05-0{day}T08:00", gear_id=gear) for day, gear in enumerate(("b1", "b1", "b2"), 1)
    )
    put(lake, [own, *({**row, "athlete_id": ME + 1} for row in (shared, theirs)), activity(4, "2025-05-04T08:00")])
    (tmp_path / "goals.toml").write_text("[service.b1.chain]\nevery_km = 100\n")
    publish(lake)
    with snapshot(lake) as connection:
        found = gear_use(connection)
    assert {name: row["distance_m"] for name, row in found.things.items()} == {"strava:b1": 20_000}
    assert found.maintenance["b1", "chain"]["distance_m"] == 20_000
