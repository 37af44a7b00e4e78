"""lookups.activity_list: which activities are selected, in which order, on which page, with which sums, by which SQL."""

import math
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.corrections import CorrectionDecision
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.sessions import confine
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activity_list import (
    SORTS,
    TEXTS,
    After,
    Selection,
    Sort,
    activity_page,
    choices_of,
    selected_rows,
    selection_sql,
)
from strava_pipeline.lookups.rows import CursorError
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, many, put

AT = datetime(2026, 11, 28, tzinfo=UTC)
LONG = "Übung \u202e🚵 'x' \\ \x00\n" + "long " * 50


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    """120 odd activities, and five with texts, gear, places and sources."""
    made = new_lake(tmp_path_factory.mktemp("list") / "data")
    rows = many(120)
    for row in rows:
        row["name"] = f"Ride {row['id'] % 7}" if row["id"] % 5 else None
        row["average_speed"] = None if row["id"] % 3 else float(row["id"] % 11)
        row["distance"] = 0.0 if row["id"] % 13 == 5 else row["distance"]  # a gym's, which has no speed
    put(made, rows)
    here = {"start_latlng": [47.27, 11.4], "average_heartrate": 140.0, "average_watts": 200.0, "average_speed": 5.5}
    here["gear_id"] = "b9"
    put(made, [activity(201, "2025-05-01T23:59:59", name=LONG, commute=True, visibility="only_me", **here)])
    put(made, [activity(202, "2025-05-02T00:00", name=f"{LONG}!", visibility="everyone", **here)])
    put(made, [{**activity(203, "2025-05-02T10:00", name="éclair"), "start_date": None, "start_date_local": None}])
    put(made, [{**activity(-9, "2025-05-01T23:59:59"), "source": "garmin", "source_id": "9"}])
    members = [
        {"id": one, "activity_id": 201, "place": n, "source": name}
        for n, (one, name) in enumerate(((201, "strava"), (-9, "garmin")))
    ]
    put(made, members, "activity_members")
    put(made, [{"source": "strava", "gear_id": "b9", "name": "Domane"}], "gear")
    for one, words in ((201, {"tags": ["wet, 'cold'"]}), (203, {"counts": False}), (999, {"tags": ["of none"]})):
        record_decisions(made, CorrectionDecision(at=AT, by="a test", activity_id=one, words=words))
    publish(made)
    return made


@pytest.fixture
def published(lake: Lake) -> Iterator[Connection]:
    with snapshot(lake) as connection:
        confine(connection)
        yield connection


def ids(connection: Connection, selection: Selection) -> list[int]:
    return [*activity_page(connection, selection, limit=500).activities]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"first_on": date(2025, 5, 1)}, [202, 201]),
        ({"first_on": date(2025, 5, 1), "last_on": date(2025, 5, 1)}, [201]),
        ({"first_on": date(2025, 5, 2), "last_on": date(9999, 12, 31)}, [202]),
        ({"words": "ubung"}, [202, 201]),
        ({"words": "ECLAIR"}, [203]),
        ({"words": "' OR 1=1 --"}, []),
        ({"words": "%"}, []),
        ({"words": "\u202e🚵 'X' \\ \x00\nLONG"}, [202, 201]),
        ({"place": "innsbr"}, [202, 201]),
        ({"place": "innsbr", "commute": True}, [201]),
        ({"place": "innsbr", "commute": False}, [202]),
        ({"source": "garmin"}, [201]),
        ({"gear": "strava:b9"}, [202, 201]),
        ({"gear": "strava:b9", "visibility": "everyone"}, [202]),
        ({"gear": "strava:b"}, []),
        ({"tag": "wet, 'cold'"}, [201]),
        ({"tag": "wet"}, []),
        ({"corrected": True}, [201, 203]),
        ({"gear": "strava:b9", "corrected": False}, [202]),
        ({"counts": False}, [203]),
        ({"gear": "strava:b9", "counts": True}, [202, 201]),
        ({"place": "i", "min_distance": 20_000.0, "max_distance": 20_000.0}, [202, 201]),
        ({"place": "i", "min_distance": 20_000.1}, []),
        ({"place": "i", "max_distance": 19_999.9}, []),
        ({"place": "i", "min_time": 3600.0, "max_time": 3600.0, "min_climb": 150.0, "max_climb": 150.0}, [202, 201]),
        ({"place": "i", "min_time": 3600.5}, []),
        ({"place": "i", "max_climb": 149.0}, []),
        ({"sport": "Quidditch", "first_on": date(2025, 1, 1)}, []),
        ({"sport": "ride", "first_on": date(2025, 1, 1)}, [202, 201]),
        ({"sport": "Ride", "first_on": date(2025, 1, 1)}, [202, 201]),
    ],
)
def test_activities_are_selected_and_the_sql_that_is_shown_selects_the_same(
    published: Connection, wanted: dict[str, Any], found: list[int]
) -> None:
    selection = Selection(**wanted)
    assert ids(published, selection) == found
    statement = selection_sql(selection)
    assert [row[0] for row in published.execute(statement).fetchall()] == found
    assert all(letter.isprintable() for letter in statement if letter != "\n")


def folded(value: Any) -> Any:
    """A text as the order of rows takes it; whatever is no text as it is."""
    if not isinstance(value, str):
        return value
    plain = unicodedata.normalize("NFD", value[:80].lower())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).encode()


@pytest.mark.slow
@pytest.mark.parametrize("sort", get_args(Sort))
def test_pages_hold_each_activity_once_in_every_order_and_lacking_ones_last(published: Connection, sort: Sort) -> None:
    column = {"date": "start_date_local", "sport": "sport_type", "name": "name", "place": "place"}
    column |= {"time": "moving_time", "speed": "average_speed", "climb": "total_elevation_gain", "gear": "gear_name"}
    column |= {"heartrate": "average_heartrate", "power": "average_watts", "distance": "distance"}
    rows = activity_page(published, Selection(), limit=500).activities
    for descending in (True, False):
        selection = Selection(sort=sort, descending=descending)
        has = [(folded(row[column[sort]]), key) for key, row in rows.items() if row[column[sort]] is not None]
        lacks = [key for key, row in rows.items() if row[column[sort]] is None]
        wanted = [key for _, key in sorted(has, reverse=descending)] + sorted(lacks, reverse=descending)
        seen: list[int] = []
        after: After | None = None
        for _ in range(20):
            page = activity_page(published, selection, limit=19, after=after)
            assert page.totals["activities"] + page.totals["not_counted"] == len(rows)
            seen += page.activities
            if page.next is None:
                break
            after = After.parse(page.next.text, selection)
        assert seen == wanted
        assert [row[0] for row in published.execute(selection_sql(selection)).fetchall()] == wanted
        assert [row[0] for part in [*selected_rows(published, selection)][1:] for row in part] == wanted


@pytest.mark.slow
def test_what_counts_in_no_total_is_listed_and_not_summed(tmp_path: Path, new_lake: NewLake) -> None:
    made = new_lake(tmp_path / "data")
    leg = {"source": "garmin", "source_id": "3", "account": "1", "extra": '{"not_counted": "a leg of 2"}'}
    put(made, [activity(2, "2025-05-01T08:00"), {**activity(-3, "2025-05-01T08:00"), **leg}])
    publish(made)
    with snapshot(made) as connection:
        page = activity_page(connection, Selection())
        alone = activity_page(connection, Selection(source="garmin"))
    assert ([*page.activities], page.totals["activities"], page.totals["not_counted"]) == ([2, -3], 1, 1)
    assert (page.totals["average_distance"], page.totals["moving_time"]) == (20_000, 3600)
    assert ([*alone.activities], alone.totals["activities"], alone.totals["distance"]) == ([-3], 0, None)


def test_totals_are_of_all_that_is_selected_also_beside_a_page_without_rows(published: Connection) -> None:
    selection = Selection(sport="ride", first_on=date(2020, 1, 1), last_on=date(2022, 12, 31))
    page = activity_page(published, selection, limit=500)
    rows, totals = [*page.activities.values()], page.totals

    def known(*names: str) -> list[tuple[float, ...]]:
        return [tuple(row[name] for name in names) for row in rows if all(row[name] is not None for name in names)]

    assert len(rows) > 10
    assert any(row["distance"] is None for row in rows), "one that has no distance counts as an activity all the same"
    for name, mean in (
        ("distance", "average_distance"),
        ("moving_time", "average_moving_time"),
        ("total_elevation_gain", "average_elevation_gain"),
    ):
        values = [value for (value,) in known(name) if value > 0 or name == "moving_time"]
        assert totals[name] == pytest.approx(math.fsum(values))
        assert totals[mean] == pytest.approx(math.fsum(values) / len(values)), "of those that have any"
    moved = [(metres, seconds) for metres, seconds in known("distance", "moving_time") if metres > 0 < seconds]
    assert totals["average_speed"] == pytest.approx(sum(m for m, _ in moved) / sum(s for _, s in moved))
    assert (totals["activities"], totals["sport_group"]) == (len(rows), "ride")
    last = activity_page(published, selection, after=After("date", True, None, -(2**63) + 1))
    assert (last.activities, last.next, last.totals) == ({}, None, totals)
    empty = activity_page(published, Selection(words="nowhere")).totals
    assert {name for name, value in empty.items() if value is not None} == {"activities", "not_counted"}
    two = activity_page(published, Selection(gear="strava:b9")).totals
    assert (two["average_heartrate"], two["average_speed"]) == (140.0, pytest.approx(20_000 / 3600))


def test_choices_are_what_activities_have(published: Connection) -> None:
    choices = choices_of(published)
    assert {"Ride", "Quidditch"} < set(choices["sports"])
    assert choices["sources"] == ["garmin", "strava"]
    assert choices["gear"]["strava:b9"] == "Domane"
    assert choices["gear"]["strava:g1"] == "g1", "without a name its id"
    there = {"tags": ["wet, 'cold'"], "commute": True, "corrected": True, "not_counted": True}
    assert choices.items() >= there.items()
    assert choices_of(
        published.execute("CREATE TEMP TABLE activity_list AS FROM strava.main.activity_list LIMIT 0")
    ) == {
        "sports": [],
        "sources": [],
        "gear": {},
        "tags": [],
        **dict.fromkeys(("commute", "corrected", "not_counted"), False),
    }


def test_a_cursor_of_a_list_in_another_order_is_refused() -> None:
    with pytest.raises(CursorError):
        After.parse(After("date", False, "2025-05-01T08:00:00", 1).text, Selection())


def test_every_sort_is_known_to_sql() -> None:
    assert [*SORTS] == [*get_args(Sort)]
    assert {*SORTS} > TEXTS
