"""ingest.strava.client: whole listings, the right detail, and nothing asked before it is wanted."""

import json
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from strava_pipeline.core.activities import STREAM_KEYS
from strava_pipeline.core.errors import GoneError, RefusedError, RepeatingListingError, TransientError
from strava_pipeline.ingest.strava.client import MOST_REPEATS
from strava_pipeline_tests.ingest.fakes import START
from strava_pipeline_tests.ingest.world import World


def test_a_listing_goes_on_to_the_empty_page(world: World) -> None:
    pages = list(world.connect().list_pages(None, None, per_page=20))
    assert [len(page.read.activities) for page in pages] == [20, 10, 0]
    assert [page.number for page in pages] == [1, 2, 3]
    assert [page.per_page for page in pages] == [20, 20, 20]
    assert [page.calls for page in pages] == [1, 1, 1]
    assert pages[2].body == b"[]"
    assert all((page.fetched_at - START).total_seconds() < 60 for page in pages)


def test_a_short_page_ends_nothing(make_world: Callable[..., World]) -> None:
    world = make_world(activities=100, short_pages=True)
    world.log_in()
    pages = list(world.connect().list_pages(None, None, per_page=20))
    lengths = [len(page.read.activities) for page in pages]
    assert len({item["id"] for page in pages for item in page.read.activities}) == 100
    assert any(0 < length < 20 for length in lengths[:-2])
    assert lengths[-1] == 0


@pytest.mark.parametrize("behind", [1, 2])
def test_a_listing_that_repeats_itself_is_broken_off_behind_two_pages(world: World, behind: int) -> None:
    """After `behind` pages the first one comes for ever."""
    first = next(world.connect().list_pages(None, None, per_page=10))
    world.fault("/athlete/activities", "body", body=first.read.activities, after=behind, times=-1)
    before, handed_out = world.calls()["total"], []
    pages = world.connect().list_pages(None, None, per_page=10)
    with pytest.raises(RepeatingListingError, match="the last 2 pages held nothing but what pages before them did"):
        handed_out.extend(page.number for page in pages)
    assert world.calls()["total"] - before == behind + 2


@pytest.mark.soak(part="damage")
@pytest.mark.parametrize("seed", range(25))
def test_a_listing_that_repeats_itself_in_whatever_way_ends(make_world: Callable[..., World], seed: int) -> None:
    """Behind some good pages come, for ever, pages of what was listed before: in any order, of any size."""
    chance = random.Random(seed)
    world = make_world(activities=60)
    world.log_in()
    good = chance.randint(1, 8)
    known = [
        row for page in list(world.connect().list_pages(None, None, per_page=7))[:good] for row in page.read.activities
    ]
    for number in range(good + 1, good + 40):
        rows = chance.sample(known, chance.randint(1, 7))
        world.fault("/athlete/activities", "body", body=rows, query={"page": str(number)}, times=-1)
    before, client = world.calls()["total"], world.connect()
    with pytest.raises(RepeatingListingError):
        list(client.list_pages(None, None, per_page=7))
    assert world.calls()["total"] - before == good + MOST_REPEATS
    assert {state.used for state in client.budget.remaining().ceilings} == {world.calls()["total"]}


def test_one_page_again_ends_nothing(world: World) -> None:
    """Who uploads a page full while it is listed moves everything by a page."""
    second = list(world.connect().list_pages(None, None, per_page=10))[1]
    world.fault("/athlete/activities", "body", body=second.read.activities, query={"page": "3"})
    pages = list(world.connect().list_pages(None, None, per_page=10))
    assert pages[2].read.activities == second.read.activities
    assert pages[-1].read.activities == []


def test_a_window_is_asked_for_oldest_first(world: World) -> None:
    after, before = int(START.timestamp()) - 200 * 86400, int(START.timestamp()) - 100 * 86400
    pages = list(world.connect().list_pages(after, before, per_page=200))
    starts = [item["start_date"] for page in pages for item in page.read.activities]
    assert starts
    assert starts == sorted(starts)
    assert all(after < datetime.fromisoformat(start).timestamp() < before for start in starts)


def test_each_page_is_handed_out_before_the_next_call(world: World) -> None:
    pages = world.connect().list_pages(None, None, per_page=10)
    assert world.calls()["total"] == 0
    for made in (1, 2, 3, 4):
        next(pages)
        assert world.calls()["total"] == made
    assert next(pages, None) is None


def test_a_page_that_fails_leaves_those_before_it_handed_out(world: World) -> None:
    world.fault("/athlete/activities", "status", status=500, times=-1, query={"page": "3"})
    pages = world.connect().list_pages(None, None, per_page=10)
    assert [next(pages).number, next(pages).number] == [1, 2]
    with pytest.raises(TransientError):
        next(pages)


def test_a_page_that_took_three_calls_says_so(world: World) -> None:
    world.fault("/athlete/activities", "status", status=503, times=2)
    assert next(world.connect().list_pages(None, None, per_page=10)).calls == 3


@pytest.mark.parametrize("body", [{}, {"message": "ok"}, "null", "7", '"x"'])
def test_a_page_that_is_no_list_of_activities_is_tried_again(world: World, body: Any) -> None:
    world.fault("/athlete/activities", "body", body=body, times=1)
    page = next(world.connect().list_pages(None, None, per_page=10))
    assert (len(page.read.activities), page.calls) == (10, 2)


@pytest.mark.parametrize(
    "bad", [None, "x", {}, {"id": None}, {"id": "7"}, {"id": 1.5}, {"id": True}, {"id": 2**64}], ids=str
)
def test_pages_of_nothing_but_such_rows_end_nothing_and_are_not_asked_for_again(world: World, bad: Any) -> None:
    for number in (1, 2, 3):
        world.fault("/athlete/activities", "body", body=[bad, [bad, number]], query={"page": str(number)})
    pages = list(world.connect().list_pages(None, None, per_page=5))
    assert [(len(page.read.unreadable), page.calls) for page in pages[:3]] == [(2, 1)] * 3
    assert len(pages[3].read.activities) == 5, "what is behind them is listed"


@pytest.mark.parametrize(
    "bad", [None, "x", {}, {"id": None}, {"id": "7"}, {"id": 1.5}, {"id": True}, {"id": 2**64}], ids=str
)
def test_a_row_that_nothing_identifies_costs_the_page_nothing_and_no_call(world: World, bad: Any) -> None:
    whole = next(world.connect().list_pages(None, None, per_page=10))
    body = [*whole.read.activities[:4], bad, *whole.read.activities[4:]]
    world.fault("/athlete/activities", "body", body=body, times=1)
    page = next(world.connect().list_pages(None, None, per_page=10))
    assert (page.read.activities, page.calls) == (whole.read.activities, 1)
    assert [row.row for row in page.read.unreadable] == [5]
    assert json.loads(page.body) == body


def test_a_detail_comes_with_all_efforts_and_its_bytes_as_received(world: World) -> None:
    wanted = world.ids()[3]
    answer = world.connect().get_detail(wanted)
    assert answer.json["id"] == wanted
    assert answer.body == world.foreign_call(f"/activities/{wanted}?include_all_efforts=true").content
    assert world.calls()["log"][-2][2].endswith(f"/activities/{wanted}?include_all_efforts=true")
    assert (answer.fetched_at - START).total_seconds() < 60
    assert answer.fetched_at.utcoffset() is not None


@pytest.mark.parametrize("body", [{}, {"id": 5}, {"id": None}, [], "null", "7", {"message": "ok"}, [{"id": 1}]])
def test_another_thing_than_the_detail_asked_for_is_evidence(world: World, body: Any) -> None:
    wanted = world.ids()[0]
    world.fault(f"/activities/{wanted}", "body", body=body, times=3)
    client = world.connect()
    with pytest.raises(TransientError) as caught:
        client.get_detail(wanted)
    assert caught.value.status == 200
    assert caught.value.body
    assert client.calls == 3
    assert client.get_detail(wanted).json["id"] == wanted


def test_a_detail_with_the_id_as_text_is_not_it(world: World) -> None:
    wanted = world.ids()[0]
    world.fault(f"/activities/{wanted}", "body", body={"id": str(wanted)}, times=3)
    with pytest.raises(TransientError, match="id is not"):
        world.connect().get_detail(wanted)


def test_a_deleted_activity_is_gone_after_one_call(world: World) -> None:
    wanted = world.ids()[0]
    world.order("delete", id=wanted)
    client = world.connect()
    with pytest.raises(GoneError) as caught:
        client.get_detail(wanted)
    assert client.calls == 1
    assert caught.value.body


def test_the_athlete_and_their_gear_are_fetched(world: World) -> None:
    client = world.connect()
    athlete = client.get_athlete().json
    gear = (athlete["bikes"] + athlete["shoes"])[0]["id"]
    assert client.get_gear(gear).json["id"] == gear


@pytest.mark.parametrize("gear_id", ["../athlete", "b1?x=1", "b 1", "%2e%2e"])
def test_an_odd_gear_id_stays_a_gear_id(world: World, gear_id: str) -> None:
    with pytest.raises(GoneError):
        world.connect().get_gear(gear_id)
    assert "/api/v3/gear/" in world.calls()["log"][-1][2]


def recorded(world: World, *, manual: bool = False) -> int:
    """The newest activity that was recorded, or typed in."""
    found = world.foreign_call("/athlete/activities?per_page=200").json()
    return int(next(item["id"] for item in found if item["manual"] is manual))


def test_streams_are_asked_for_with_every_key_by_type_in_one_call(world: World) -> None:
    activity_id = recorded(world)
    before = world.calls()["total"]
    answer = world.connect().get_streams(activity_id)
    assert {"time", "distance", "velocity_smooth", "moving"} <= answer.json.keys() <= set(STREAM_KEYS)
    assert world.calls()["total"] == before + 1
    assert "keys=time%2Clatlng%2C" in world.calls()["log"][-1][2]
    assert "key_by_type=true" in world.calls()["log"][-1][2]


def test_streams_of_what_was_typed_in_are_gone_in_one_call(make_world: Callable[..., World]) -> None:
    world = make_world(activities=200)
    world.log_in()
    activity_id = recorded(world, manual=True)
    before = world.calls()["total"]
    with pytest.raises(GoneError) as caught:
        world.connect().get_streams(activity_id)
    assert (caught.value.status, world.calls()["total"]) == (404, before + 1)
    assert caught.value.body == b'{"message":"Resource Not Found","errors":[]}'


@pytest.mark.parametrize("body", ["<html>nothing here</html>", "", "[]", '{"error": "no route"}'])
def test_a_404_that_is_not_stravas_does_not_say_that_nothing_was_recorded(world: World, body: str) -> None:
    activity_id = recorded(world)
    world.fault("/activities/", "body", body=body, status=404)
    with pytest.raises(RefusedError, match="not from Strava") as caught:
        world.connect().get_streams(activity_id)
    assert (caught.value.status, caught.value.body) == (404, body.encode())


@pytest.mark.parametrize("body", ["[1]", '{"message": "hello"}', "null", '{"time": 5}'])
def test_a_body_that_is_no_set_of_streams_is_tried_again(world: World, body: str) -> None:
    activity_id = recorded(world)
    world.fault("/activities/", "body", body=body, times=2)
    assert "time" in world.connect().get_streams(activity_id).json
    world.fault("/activities/", "body", body=body, times=1)
    with pytest.raises(TransientError, match="no set of streams"):
        world.connect().get_streams(activity_id, patient=False)
