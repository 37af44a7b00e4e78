"""Addresses of trips by car: kept once, in gold by way of every merge and rebuild, and never in the way of either."""

from pathlib import Path

import pytest

from strava_pipeline.core.geodesy import Area, area_of
from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.keeping import (
    merge,
    merge_addresses,
    merge_replay,
    save_address,
    saved_addresses,
    unknown_areas,
)
from strava_pipeline.trips.car.log import move_to_bronze
from strava_pipeline_tests.trips.car.logs import MORNING, Log, Step, at, drive
from strava_pipeline_tests.trips.car.test_keeping import new_log

HOME, OFFICE = (area_of(*at(km).values()) for km in (0, 8))


@pytest.fixture
def log(lake: Lake) -> Log:
    return new_log(lake)


def run(log: Log, steps: list[Step]) -> None:
    log.steps(steps)
    move_to_bronze(log.lake, MORNING.replace(year=2027))
    merge_replay(log.lake)


def in_gold(lake: Lake) -> list[tuple[str | None, str | None]]:
    with reading(lake) as connection:
        return connection.execute("SELECT start_address, end_address FROM car_trips ORDER BY start_time").fetchall()


def test_what_is_kept_is_known_and_the_last_answer_of_an_area_counts(lake: Lake) -> None:
    assert saved_addresses(lake) == {}
    for area, address in ((HOME, "Old Street"), (OFFICE, None), (HOME, "New Street 5, \u00e9\u2028")):
        save_address(lake, area, address, MORNING)
    assert saved_addresses(lake) == {HOME: "New Street 5, \u00e9\u2028", OFFICE: None}


@pytest.mark.parametrize("torn", [b'{"lat":"51.0', b"\xff\xfe", b'{"lat":51.0,"lng":4.0}\n', b"\n\n[]\n"])
def test_a_torn_line_costs_itself_alone(lake: Lake, torn: bytes) -> None:
    save_address(lake, HOME, "A Street", MORNING)
    with lake.addresses.open("ab") as file:
        file.write(torn)
    save_address(lake, OFFICE, "B Street", MORNING)
    assert saved_addresses(lake) == {HOME: "A Street", OFFICE: "B Street"}


def test_areas_are_asked_for_once_the_newest_trips_first(log: Log) -> None:
    run(log, drive() + drive(MORNING.replace(day=6), 5, odometer=20_100.0))
    middle = area_of(*at(5).values())
    newest_start = unknown_areas(log.lake)[0]
    assert newest_start == OFFICE, "the second trip begins where the car was left"
    assert set(unknown_areas(log.lake)) == {HOME, OFFICE, middle}
    save_address(log.lake, OFFICE, None, MORNING)
    assert set(unknown_areas(log.lake)) == {HOME, middle}, "no address is an answer too"


def test_answers_come_to_gold_and_stay_there_through_merges_and_rebuilds(log: Log) -> None:
    run(log, drive())
    assert in_gold(log.lake) == [(None, None)]
    save_address(log.lake, HOME, "A Street", MORNING)
    assert (merge_addresses(log.lake), merge_addresses(log.lake)) == (1, 0)
    assert in_gold(log.lake) == [("A Street", None)]
    save_address(log.lake, OFFICE, "B Street", MORNING)
    run(log, drive(MORNING.replace(day=6), odometer=20_100.0))
    assert in_gold(log.lake) == [("A Street", "B Street"), ("B Street", "B Street")], "known ones come with the trip"
    with writing(log.lake) as connection:
        merge(connection, log.lake)
    assert in_gold(log.lake) == [("A Street", "B Street"), ("B Street", "B Street")]


def test_an_area_whose_line_was_deleted_is_asked_about_again(log: Log) -> None:
    run(log, drive())
    for area in (HOME, OFFICE):
        save_address(log.lake, area, "A Street", MORNING)
    merge_addresses(log.lake)
    lines = log.lake.addresses.read_bytes().splitlines(keepends=True)
    log.lake.addresses.write_bytes(lines[0])
    assert unknown_areas(log.lake) == [OFFICE]
    merge_addresses(log.lake)
    assert in_gold(log.lake) == [("A Street", None)]


def test_without_news_nothing_is_written(log: Log) -> None:
    run(log, drive())
    save_address(log.lake, HOME, "A Street", MORNING)
    merge_addresses(log.lake)
    with reading(log.lake) as connection:
        before = revision(connection)
    run(log, [])
    merge_addresses(log.lake)
    with reading(log.lake) as connection:
        assert revision(connection) == before


def test_a_lake_without_trips_has_no_areas(lake: Lake, tmp_path: Path) -> None:
    with writing(lake):
        pass
    assert unknown_areas(lake) == []
    save_address(lake, Area("0.000", "0.000"), "Null Island", MORNING)
    assert merge_addresses(lake) == 0
