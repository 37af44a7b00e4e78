"""Many activities: which come together, and that no order of arrival changes it."""

import random
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.matching.match import Matching
from strava_pipeline_tests.core.matching.builders import NOON, Activity, commutes, file, groups, match, provided, ride
from strava_pipeline_tests.examples import examples

API = ride(10**10, athlete_id=7)


def shown(found: Matching) -> dict[int, list[int]]:
    """The members of each activity of several, in their order."""
    rows = found.members.sort("activity_id", "place").select("activity_id", "id").rows()
    return {head: [one for each, one in rows if each == head] for head, _ in rows}


def test_watch_phone_and_api_are_one_and_the_api_stands_for_them() -> None:
    watch = file("watch", start=NOON + 2, elapsed=3_598.0)
    phone = file("phone", start=NOON + 45, elapsed=3_500.0, distance=24_600.0, format="gpx")
    assert shown(match(API, watch, phone)) == {API["id"]: [API["id"], watch["id"], phone["id"]]}
    assert groups(match(phone, watch)) == set(), "two files alone may be of two who rode together"
    assert match(phone, watch).matches["verdict"].to_list() == ["doubtful"]
    copy = file("copy", start=NOON + 2, elapsed=3_598.0, format="gpx")
    assert shown(match(copy, watch)) == {watch["id"]: [watch["id"], copy["id"]]}, "a FIT holds more than a GPX"


@pytest.mark.parametrize("number", range(4))  # ids are hashes of names: either may come first
def test_of_two_files_that_measured_more_stands_first(number: int) -> None:
    watch = file(f"watch {number}", start=NOON + 2, quantities=3)
    computer = file(f"computer {number}", start=NOON + 2, elapsed=3_598.0, quantities=2)
    assert shown(match(API, computer, watch)) == {API["id"]: [API["id"], watch["id"], computer["id"]]}


def test_two_that_one_source_numbers_stay_two_and_the_file_goes_to_the_likelier() -> None:
    again = API | {"id": 10**10 + 1, "start": NOON + 400, "distance": 24_700.0}
    watch = file(start=NOON + 1)
    assert groups(match(API, again)) == set()
    found = match(again, watch, API)
    assert groups(found) == {frozenset({API["id"], watch["id"]})}
    assert found.matches.select("id", "joined").rows() == [(watch["id"], True), (API["id"], False)], (
        "one proposal of two"
    )


def test_what_two_services_have_twice_is_one_or_asked_about_once() -> None:
    def twice(apart: float, *link: str, distance: float = 25_000.0) -> list[Activity]:
        later = {"start": NOON + apart, "heartrate": 150.0}
        watch = [API | {"heartrate": 140.0}, provided("w", heartrate=140.0)]
        return [*watch, API | {"id": 10**10 + 1, **later}, provided("c", *link, distance=distance, **later)]

    assert [len(each) for each in groups(match(*twice(60)))] == [4], "each device has a heart of its own"
    at_strava = twice(60, f"strava:{10**10 + 1}", distance=23_500.0)
    assert [len(each) for each in groups(match(*at_strava))] == [4], "one service's word is enough"
    found = match(*twice(400))
    assert sorted(len(each) for each in groups(found)) == [2, 2]
    asked = found.matches.filter(~pl.col("joined"))
    assert asked.select("verdict", "waiting_id", "counted_id").rows() == [("doubtful", 10**10 + 1, 10**10)], "once"
    third = API | {"id": 10**10 + 2, "start": NOON + 600}
    assert [len(each) for each in groups(match(API, API | {"id": 10**10 + 1, "start": NOON + 300}, third))] == [2]


def test_a_chain_of_likenesses_joins_no_two_that_differ() -> None:
    heart = {"heartrate": 140.0, "max_heartrate": 170.0}
    first, last = file("first", start=NOON - 500, **heart), file("last", start=NOON + 500, **heart)
    middle = file("middle", **heart)
    assert len(groups(match(first, middle))) == 1
    assert groups(match(first, last)) == set()
    (group,) = groups(match(first, middle, last))
    assert len(group) == 2


def test_two_athletes_of_two_archives_stay_two_whatever_file_is_like_both() -> None:
    partner = ride(-5, source="strava_archive", athlete_id=8, start=NOON + 4)
    watch = file(start=NOON + 4)
    found = match(API, partner, watch)
    assert groups(found) == {frozenset({-5, watch["id"]})}


def test_two_who_ride_together_are_two_whatever_their_files_are_called() -> None:
    mine = {"heartrate": 131.0, "max_heartrate": 160.0, "external_id": "2025-06-15.fit"}
    hers = {"heartrate": 158.0, "max_heartrate": 187.0, "external_id": "2025-06-15.fit"}
    apart = {"start": NOON + 40, "distance": 24_800.0}
    assert groups(match(file("mine", **mine), file("hers", **hers, **apart))) == set()
    assert groups(match(API | mine, file("hers", **hers, **apart))) == set()
    two = file("a", external_id="20250615_a.fit"), file("b", external_id="20250615_b.fit", **apart)
    assert groups(match(*two)) == set()
    nowhere = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"))
    treadmill = nowhere | {"start": NOON + 60, "distance": 24_000.0}
    assert groups(match(API | nowhere, file(**treadmill))) == set(), "two treadmills in one room"
    assert groups(match(API, file(**nowhere, sport_type="Run", distance=None, start=NOON + 8))) == set()


def test_the_files_of_laps_are_not_the_activity() -> None:
    laps = [
        file(lap, start=NOON + 600 * lap, elapsed=600.0, external_id=f"10000000000_lap{lap}.gpx") for lap in range(6)
    ]
    assert groups(match(API, *laps)) == set()


def test_a_deleted_duplicate_gives_its_file_to_the_one_that_stayed() -> None:
    gone = API | {"deleted": True}
    again = API | {"id": 10**10 + 5}
    watch = file(start=NOON + 1)
    assert shown(match(gone, again, watch)) == {again["id"]: [again["id"], watch["id"], gone["id"]]}
    at_toy = [provided(name, deleted=name == "k1") for name in ("k1", "k2")]
    assert shown(match(*at_toy)) == {at_toy[1]["id"]: [each["id"] for each in at_toy[::-1]]}
    assert shown(match(gone, watch)) == {gone["id"]: [gone["id"], watch["id"]]}, "and stays deleted with it"
    pair = (gone["id"], again["id"])
    assert shown(match(gone, again, joined=[pair])) == {again["id"]: [again["id"], gone["id"]]}


def test_a_person_s_join_brings_in_none_that_is_like_neither() -> None:
    later = file("later", start=NOON + 7_200)
    like = file("like", start=NOON + 3)
    like_that = file("like that", start=NOON + 4, distance=22_000.0)
    other = file("other", start=NOON + 300, distance=20_500.0)
    pair = tuple(sorted((API["id"], later["id"])))
    (group,) = (one for one in groups(match(API, later, like, like_that, other, joined=[pair])) if API["id"] in one)
    assert other["id"] not in group
    assert {later["id"], like["id"]} <= group


def test_a_person_s_join_keeps_what_was_one() -> None:
    watch = file("watch", start=NOON + 2)
    computer, of_computer = (provided(name, source=name, start=NOON + 900) for name in ("toy", "other"))
    pairs = [(watch["id"], computer["id"]), (computer["id"], API["id"])]
    assert len(groups(match(API, watch, computer, of_computer))) == 2
    for joined in pairs:
        (group,) = groups(match(API, watch, computer, of_computer, joined=[tuple(sorted(joined))]))
        assert len(group) == 4
    split = tuple(sorted((API["id"], computer["id"])))
    found = groups(match(API, watch, computer, of_computer, joined=[tuple(sorted(pairs[0]))], split=[split]))
    assert found == {frozenset({watch["id"], computer["id"], of_computer["id"]})}


WHOLE = API | {"sport_type": "Triathlon", "elapsed": 9_000.0, "distance": 51_500.0, "end_lat": 48.3}
SWIM = {"start": NOON + 5, "elapsed": 1_800.0, "distance": 1_500.0, "sport_type": "Swim"}
BIKE = {"start": NOON + 2_000, "elapsed": 4_000.0, "distance": 40_000.0, "start_lat": 48.2, "end_lat": 48.2}
RUN = {"start": NOON + 6_200, "elapsed": 2_795.0, "distance": 10_000.0, "sport_type": "Run", "end_lat": 48.3}


@pytest.mark.parametrize(
    ("legs", "whole", "number"),
    [
        ((SWIM, BIKE, RUN), {}, 3),
        ((BIKE | {"start_lat": 48.0}, RUN), {}, 0),  # too little of the time
        ((SWIM, BIKE, RUN | {"elapsed": 2_000.0, "end_lat": None}), {}, 3),
        ((SWIM, BIKE, RUN), {"distance": None}, 3),
        ((SWIM, BIKE, RUN), {"distance": 60_000.0}, 0),
        ((SWIM | {"distance": None}, BIKE, RUN), {"distance": 60_000.0}, 3),
        ((SWIM | {"start_lat": 48.1}, BIKE, RUN), {}, 0),
        ((SWIM, BIKE, RUN), {"end_lat": 48.4}, 0),
        ((SWIM, BIKE | {"start": NOON + 1_700}, RUN), {}, 0),  # at one time
        ((SWIM, BIKE, RUN), {"deleted": True}, 0),
        ((SWIM, BIKE, RUN), {"not_counted": True}, 0),
        ((SWIM, BIKE, RUN), {"athlete_id": 8}, 0),
        ((SWIM | {"elapsed": 8_700.0, "distance": 51_500.0, "sport_type": "Walk", "end_lat": None},), {}, 0),
    ],
)
@pytest.mark.parametrize("source", ["toy", "strava"])
def test_legs_are_parts_of_their_whole(
    legs: tuple[dict[str, Any], ...], whole: dict[str, Any], number: int, source: str
) -> None:
    of_athlete = [provided(f"k{place}", athlete_id=7, source=source, **leg) for place, leg in enumerate(legs)]
    for order in (of_athlete, of_athlete[::-1]):
        found = match(WHOLE | whole, *order).matches
        parts = found.filter(pl.col("part_id").is_not_null())
        assert (parts.height, set(parts["verdict"]), any(parts["joined"])) == (
            number,
            {"part"} if number else set(),
            False,
        )
        assert number == 0 or set(parts["part_id"]) == {leg["id"] for leg in of_athlete}


def test_a_part_is_one_by_all_sources_and_a_person_may_say_that_it_is_none() -> None:
    here, there = (
        [provided(f"{place}", source=name, **leg) for place, leg in enumerate((SWIM, BIKE, RUN))]
        for name in ("toy", "other")
    )
    found = match(WHOLE, WHOLE | {"id": -5, "source": "toy", "source_id": "tri"}, *here, *there)
    assert len(groups(found)) == 4
    heads = set(found.members.filter(pl.col("place") == 0)["id"])
    parts = found.matches.filter(pl.col("part_id").is_not_null())
    assert set(parts["part_id"]) == heads - {WHOLE["id"]}
    assert set(parts["id"]) | set(parts["other_id"]) == heads
    files = [file(f"{place}", **leg) for place, leg in enumerate((SWIM, BIKE, RUN))]
    of_whom = file("whole", **{name: WHOLE[name] for name in ("sport_type", "elapsed", "distance", "end_lat")})
    assert match(WHOLE, *files).matches["part_id"].count() == 3
    assert match(of_whom, *files).matches["part_id"].count() == 0, "of two people, perhaps"
    said = match(WHOLE, *here, split=[(here[0]["id"], WHOLE["id"])]).matches
    assert said.select("id", "part_id").sort("id").rows() == sorted(
        (leg["id"], leg["id"] if place else None) for place, leg in enumerate(here)
    )


def test_what_is_no_number_is_nothing() -> None:
    odd = file(elapsed=float("nan"), start_lat=float("nan"), distance=float("inf"))
    assert groups(match(API, odd, file("b"))) == {frozenset({API["id"], file("b")["id"]})}


def test_the_sessions_of_one_file_are_as_many_unless_one_row_tells_of_all() -> None:
    shared = {"contents": ["abc"], "external_id": "triathlon.fit", "distance": 2_000.0}
    sessions = [file(place, start=NOON + 1_200 * place, elapsed=1_199.0, **shared) for place in range(3)]
    assert groups(match(*sessions)) == set()
    whole = ride(-5, source="strava_archive", contents=["abc"])
    assert groups(match(*sessions, whole)) == {frozenset({-5, *(each["id"] for each in sessions)})}
    swim = API | {"elapsed": 1_200.0, "distance": 2_010.0}
    assert groups(match(*sessions, swim)) == {frozenset({API["id"], sessions[0]["id"]})}


def test_a_file_of_an_old_archive_without_ids_is_the_activity_of_the_api() -> None:
    old = ride(-5, source="strava_archive", athlete_id=7, upload_id=99_999_999)
    assert shown(match(API, old)) == {API["id"]: [API["id"], -5]}


def test_what_a_person_joined_is_one_and_what_they_split_is_two() -> None:
    watch, later = file("watch"), file("later", start=NOON + 7_200)
    other = API | {"id": 10**10 + 1, "start": NOON + 86_400}
    pair = tuple(sorted((API["id"], later["id"])))
    apart = tuple(sorted((API["id"], watch["id"])))
    assert groups(match(API, watch, later, joined=[pair])) == {frozenset({API["id"], watch["id"], later["id"]})}
    assert groups(match(API, watch, split=[apart])) == set()
    assert groups(match(API, watch, later, joined=[pair], split=[apart])) == {frozenset({API["id"], later["id"]})}
    assert groups(match(API, other, joined=[(API["id"], other["id"])])) == {frozenset({API["id"], other["id"]})}
    assert groups(match(API, joined=[(-77, API["id"])], split=[(-78, API["id"])])) == set(), "of what is not there yet"
    told = match(API, watch, split=[apart]).matches.row(0, named=True)
    assert (told["verdict"], told["joined"], told["decided"]) == ("probable", False, "split")


@pytest.mark.dear
def test_of_twenty_thousand_equal_commutes_none_is_joined_with_another() -> None:
    activities = list(commutes(random.Random(7), days=5_000))
    there = {each["id"] for each in activities}
    both = [(10**10 + number, file(number)["id"]) for number in range(20_000)]
    assert groups(match(*activities)) == {frozenset(pair) for pair in both if there.issuperset(pair)}
    assert len(activities) > 35_000


def test_files_of_a_dead_clock_are_not_compared_by_time() -> None:
    dead = [file(number, start=631_065_600.0, distance=25_000.0 + number) for number in range(300)]
    assert groups(match(API, *dead)) == set()


_ALIKE = st.fixed_dictionaries(
    {
        "start": st.integers(-3, 3).map(lambda step: NOON + step * 300.0),
        "elapsed": st.sampled_from([None, 0.0, 3_000.0, 3_600.0]),
        "distance": st.sampled_from([None, 0.0, 24_000.0, 25_000.0]),
        "sport_type": st.sampled_from([None, "Ride", "Run", "Workout"]),
        "athlete_id": st.sampled_from([None, 7, 8]),
        "external_id": st.sampled_from([None, "ride.fit", "other.gpx"]),
        "heartrate": st.sampled_from([None, 140.0, 160.0]),
        "source": st.sampled_from(["strava", "strava_archive", "file", "file"]),
    }
)


@pytest.mark.dear
@settings(max_examples=examples(60))
@given(st.lists(_ALIKE, min_size=2, max_size=9), st.randoms(use_true_random=False), st.data())
def test_in_any_order_the_same_are_one(drawn: list[dict[str, Any]], chance: random.Random, data: st.DataObject) -> None:
    activities: list[Activity] = [
        ride(10**10 + place if each["source"] == "strava" else -10 - place, **each) for place, each in enumerate(drawn)
    ]
    ids = [each["id"] for each in activities]
    pair = (
        st.tuples(st.sampled_from(ids), st.sampled_from(ids))
        .map(sorted)
        .map(tuple)
        .filter(lambda two: two[0] != two[1])
    )
    joined, split = data.draw(st.lists(pair, max_size=2)), data.draw(st.lists(pair, max_size=2))
    first = match(*activities, joined=joined, split=split)
    chance.shuffle(activities)
    second = match(*activities, joined=joined, split=split[::-1])
    assert first.members.equals(second.members)
    assert first.matches.equals(second.matches)
    by_id = {each["id"]: each for each in activities}
    for group in groups(first):
        told_apart = [each for each in split if set(each) <= group]
        assert told_apart == [], "a person's word stands"
        if not any(set(each) & group for each in joined):
            assert len({by_id[one]["athlete_id"] for one in group} - {None}) <= 1
            assert sum(by_id[one]["source"] == "strava" for one in group) <= 1


@pytest.mark.parametrize("activities", [(), (API,)])
def test_none_or_one_is_no_group(activities: tuple[Activity, ...]) -> None:
    found = match(*activities)
    assert (found.members.height, found.matches.height) == (0, 0)


def test_a_link_counts_more_than_likeness_and_less_than_a_person() -> None:
    later = API | {"id": 10**10 + 1, "start": NOON + 7_200}
    like_later = provided("k1", f"strava:{API['id']}", start=NOON + 7_200)
    watch = file("watch", start=NOON + 2)
    pair = (like_later["id"], API["id"])
    assert groups(match(API, later, like_later)) == {frozenset(pair)}
    assert groups(match(API, like_later, watch)) == {frozenset({*pair, watch["id"]})}, "the file is like one of the two"
    named = file("watch", file_names=[f"{API['id']}.fit"])
    assert groups(match(API, like_later, named)) == {frozenset({*pair, named["id"]})}
    assert groups(match(API, later, like_later, split=[pair])) == {frozenset({like_later["id"], later["id"]})}


NOWHERE = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"))
INDOORS = {**NOWHERE, "sport_type": "VirtualRide", "trainer": True, "elapsed": 3_610.0, "distance": 32_100.0}
ZWIFT = provided("zwift", **INDOORS)
WATCH = provided("watch", **INDOORS | {"start": NOON + 35, "elapsed": 3_600.0, "distance": 31_950.0})


def test_one_effort_by_two_devices_is_one() -> None:
    assert groups(match(ZWIFT, WATCH)) == {frozenset({ZWIFT["id"], WATCH["id"]})}
    whole = frozenset({ZWIFT["id"], WATCH["id"], API["id"]})
    island = {"start_lat": -11.6, "start_lng": 166.9, "end_lat": -11.6, "end_lng": 166.9}
    at_strava = API | INDOORS | island
    assert groups(match(at_strava, ZWIFT, WATCH)) == {whole}, "where Zwift draws it says nothing"
    again = provided("again", **INDOORS | {"start": NOON + 4_000})
    assert groups(match(ZWIFT, WATCH, again)) == {frozenset({ZWIFT["id"], WATCH["id"]})}


def test_two_links_to_two_of_stravas_keep_a_repeated_effort_apart() -> None:
    first, second = provided("k1", f"strava:{API['id']}"), provided("k2", f"strava:{API['id'] + 1}")
    other, second = ({**each, "start": NOON + 500} for each in (API | {"id": API["id"] + 1}, second))
    found = groups(match(API, other, first, second))
    assert found == {frozenset({API["id"], first["id"]}), frozenset({other["id"], second["id"]})}


def test_short_efforts_in_a_row_stay_as_many_as_they_are() -> None:
    """Four runs of 2,000 m on a treadmill within an hour, as one service and another tell them."""
    one = {**NOWHERE, "sport_type": "VirtualRun", "trainer": True, "distance": 2_000.0}
    starts = [(NOON + place * 600, 463.0 + 7 * place) for place in range(4)]
    there = [provided(f"k{start}", **one | {"start": start, "elapsed": elapsed}) for start, elapsed in starts]
    here = [
        provided(f"o{start}", source="other", **one | {"sport_type": "Run", "start": start + 9, "elapsed": elapsed})
        for start, elapsed in starts
    ]
    found = groups(match(*there, *here))
    assert found == {frozenset({a["id"], b["id"]}) for a, b in zip(there, here, strict=True)}


DAY = date(2025, 6, 15)


def on(one: int, **fields: Any) -> Activity:
    """A ride at Strava on that day."""
    return ride(one, **({"day": DAY} | fields))


def written(name: str = "w", **fields: Any) -> Activity:
    """The same as a person writes it: the day alone, no place, a rounded distance."""
    nothing = dict.fromkeys(("start", "start_lat", "start_lng", "end_lat", "end_lng", "elapsed"))
    return provided(name, **{**nothing, "day": DAY, "distance": 25_100.0, **fields})


@pytest.mark.parametrize(
    ("known", "verdicts", "number_of_groups"),
    [
        ([on(1), written()], ["probable"], 1),
        ([on(1), written(sport_type="GravelRide")], ["probable"], 1),
        ([on(1, distance=5000.0), written(distance=5085.0)], ["probable"], 1),
        ([on(1), written(sport_type=None)], ["doubtful"], 0),
        ([on(1), written(sport_type="Run")], ["doubtful"], 0),
        ([on(1), written(distance=26_000.0)], [], 0),
        ([on(1), written(distance=None)], [], 0),
        ([on(1, distance=0.0), written(distance=0.0)], [], 0),
        ([on(1), written(day=date(2025, 6, 16))], [], 0),
        ([on(1), written(day=None)], [], 0),
        ([on(1), on(2, start=NOON + 9000), written()], [], 0),  # the way there or back
        ([on(1), written("w"), written("x")], [], 0),
        (
            [on(1), on(2, start=NOON + 9000, distance=40_000.0), written(), written("x", distance=40_000.0)],
            ["probable"] * 2,
            2,
        ),
        ([on(1), provided("k", source="other", day=DAY), written()], ["probable"] * 3, 1),
        ([on(1, athlete_id=7), written(athlete_id=8)], [], 0),
    ],
)
def test_a_day_without_a_time_is_the_only_activity_of_that_day_and_distance(
    known: list[Activity], verdicts: list[str], number_of_groups: int
) -> None:
    for order in (known, known[::-1]):
        found = match(*order)
        assert found.matches["verdict"].to_list() == verdicts
        assert len(groups(found)) == number_of_groups
