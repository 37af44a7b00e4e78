"""Two activities: certain, probable, doubtful, or two; by what is known of both, and by the points of two recordings."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.matching.match import MATCHES
from strava_pipeline.core.pairs.one_effort import compare_points
from strava_pipeline_tests.core.matching.builders import (
    NOON,
    STREET,
    Activity,
    file,
    groups,
    match,
    provided,
    ride,
    track,
)

API = ride(10**10, athlete_id=7)


def verdict(one: Activity, other: Activity) -> tuple[str, bool] | None:
    """What is said of the pair, and whether it is joined; None: nothing is."""
    found = match(one, other)
    assert found.matches.schema == MATCHES
    rows = found.matches.select("verdict", "joined").rows()
    assert bool(groups(found)) == any(joined for _, joined in rows)
    return rows[0] if rows else None


JOINED = ("probable", True)
PROPOSED = ("doubtful", False)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, JOINED),
        ({"start": NOON + 3, "elapsed": 3_595.0, "distance": 25_110.0}, JOINED),
        ({"start": NOON + 60, "elapsed": 3_480.0, "distance": 24_500.0, "start_lat": 48.0 + 25 * STREET}, JOINED),
        ({"sport_type": "GravelRide"}, JOINED),
        ({"sport_type": "Run"}, JOINED),  # a type that was edited: everything else is the same
        ({"start": NOON + 60, "elapsed": 3_480.0, "distance": 24_200.0, "sport_type": "Swim"}, PROPOSED),
        ({"start": NOON + 15, "sport_type": "Swim"}, JOINED),  # at the limit, in whole seconds
        ({"start": NOON + 16, "sport_type": "Swim"}, PROPOSED),
        ({"start": NOON + 200, "elapsed": 3_600.0, "distance": 26_500.0, "sport_type": "Run"}, PROPOSED),
        ({"distance": None}, JOINED),
        ({"distance": 0.0}, JOINED),
        ({"distance": 22_500.0}, JOINED),  # 75 points: the fewest that are enough
        ({"start_lat": None, "start_lng": None, "end_lat": None, "end_lng": None}, JOINED),
        ({"sport_type": None}, JOINED),
        ({"elapsed": None}, None),
        ({"start": None}, None),
        ({"start": NOON + 3_600, "distance": 25_300.0}, None),  # the next one, at once
        ({"start": NOON + 9 * 3_600 + 77}, None),  # the same again on one day
        ({"start": NOON + 86_400}, None),
        ({"elapsed": 1_700.0, "distance": 12_000.0}, PROPOSED),  # cropped, and nothing else known
        ({"start": NOON + 1_900, "elapsed": 1_700.0, "distance": 12_000.0, "start_lat": 48.05}, PROPOSED),
        ({"start_lat": 50.0, "end_lat": 50.1}, None),  # at that time elsewhere: somebody else
        ({"athlete_id": 8}, None),
        ({"athlete_id": 7}, JOINED),
        ({"start": NOON + 7_200}, PROPOSED),  # a clock two hours off, all else the same
        ({"start": NOON - 900}, PROPOSED),
        ({"start": NOON + 400, "distance": 24_000.0}, JOINED),
        ({"start": NOON + 7_200, "distance": 25_300.0}, None),
        ({"start": NOON + 7_200, "start_lat": 48.0 + 20 * STREET, "end_lat": 48.2}, None),
        ({"start": NOON + 7_210}, None),
        ({"start": NOON + 30 * 3_600}, None),
    ],
    ids=str,
)
def test_the_verdict_on_an_activity_and_a_file(fields: dict[str, Any], wanted: tuple[str, bool] | None) -> None:
    assert verdict(API, file(**fields)) == wanted


EMPTY = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"), None) | {
    "elapsed": 0.0, "distance": 0.0, "title": "Lunch", "sport_type": "WeightTraining",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, JOINED),
        ({"distance": None}, JOINED),
        ({"start": NOON + 0.9}, JOINED),
        ({"start": NOON + 1}, None),
        ({"title": "Dinner"}, None),
        ({"title": None}, None),
        ({"sport_type": "Yoga"}, None),
        ({"elapsed": 60.0}, None),
        ({"distance": 10.0}, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("first", [API, file("b")], ids=["api", "file"])
def test_two_that_hold_nothing_are_one_by_name_sport_and_second(
    first: Activity, fields: dict[str, Any], wanted: tuple[str, bool] | None
) -> None:
    assert verdict(first | EMPTY, file(**(EMPTY | fields))) == wanted


SWIM = EMPTY | {"elapsed": 4_567.0, "moving": 4_371.6, "distance": 2_606.0, "sport_type": "Swim", "title": None}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"elapsed": 4_371.0, "moving": 4_371.0, "sport_type": "Workout"}, JOINED),  # the TCX of a swim in a pool
        ({"elapsed": None, "sport_type": "Workout"}, JOINED),
        ({"elapsed": None, "sport_type": None}, JOINED),
        ({"elapsed": None, "sport_type": "Ride"}, None),
        ({"elapsed": None, "moving": 4_380.0}, None),
        ({"elapsed": None, "moving": None}, None),
        ({"elapsed": None, "distance": 2_650.0}, None),
        ({"elapsed": None, "distance": None}, None),
        # the first point ends the first length
        ({"elapsed": None, "start": NOON + 40, "sport_type": "Workout"}, JOINED),
        ({"elapsed": None, "start": NOON + 70}, None),
        ({"elapsed": None, "moving": 4_566.0}, JOINED),  # its time is not the timer's
        ({"elapsed": None, "heartrate": 150.0}, None),
    ],
    ids=str,
)
def test_two_files_of_one_timer_and_distance_are_one(fields: dict[str, Any], wanted: tuple[str, bool] | None) -> None:
    assert verdict(file("b", **(SWIM | {"heartrate": 140.0})), file(**(SWIM | fields))) == wanted


def test_only_a_swim_begins_at_the_end_of_a_length() -> None:
    row = SWIM | {"sport_type": "Ride"}
    assert verdict(file("b", **row), file(**(row | {"elapsed": None}))) == JOINED
    assert verdict(file("b", **row), file(**(row | {"elapsed": None, "start": NOON + 40}))) is None


def test_two_that_nothing_places_are_one_only_to_the_second() -> None:
    nowhere = dict.fromkeys(("distance", "start_lat", "start_lng", "end_lat", "end_lng"))
    assert verdict(API | nowhere, file(**nowhere)) == JOINED
    assert verdict(API | nowhere, file(**nowhere, start=NOON + 40)) == PROPOSED


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (("Ride", True), ("VirtualRide", None), True),
        (("Ride", True), ("VirtualRide", True), True),
        (("Run", True), ("VirtualRun", True), True),
        (("Rowing", True), ("VirtualRow", None), True),
        (("Ride", True), ("Ride", None), True),
        (("Ride", None), ("VirtualRide", True), False),
        (("GravelRide", True), ("VirtualRide", True), False),
        (("Run", True), ("VirtualRide", True), False),
    ],
)
def test_a_sport_indoors_has_two(one: tuple[str, bool | None], other: tuple[str, bool | None], agree: bool) -> None:
    here, there = ({"sport_type": sport, "trainer": trainer} for sport, trainer in (one, other))
    ((score, reasons),) = match(API | here, provided("k1", **there)).matches.select("score", "reasons").rows()
    assert (score == 100.0, not any(" and " in reason for reason in reasons)) == (agree, agree)


def test_logins_of_one_athlete_need_no_place_and_files_do() -> None:
    nowhere = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"))
    later = {**nowhere, "start": NOON + 40, "distance": 25_300.0}
    assert verdict(API, provided("k1", **later)) == JOINED
    assert verdict(API, file(**later)) == PROPOSED
    assert verdict(API, provided("k1", **later | {"distance": None})) == PROPOSED
    assert verdict(API, provided("k1", **later | {"start": NOON + 700})) == PROPOSED, "too little of the time"
    assert verdict(API, provided("k1", **later | {"distance": 30_000.0})) == PROPOSED
    assert verdict(API, provided("k1", **later | {"start_lat": 50.0, "start_lng": 11.5})) is None


def test_another_heart_is_another_athlete_until_a_person_says_otherwise() -> None:
    mine = API | {"heartrate": 141.0, "max_heartrate": 176.0}
    assert verdict(mine, file(heartrate=142.5, max_heartrate=176.0)) == JOINED
    beside = {"start": NOON + 9, "distance": 25_090.0}
    assert verdict(mine, file(heartrate=155.0, max_heartrate=176.0, **beside)) == PROPOSED
    assert verdict(mine, file(heartrate=142.0, max_heartrate=195.0, **beside)) == PROPOSED
    assert verdict(mine, file(**beside)) == PROPOSED, "a friend's, perhaps, who wears no strap"
    assert verdict(mine, file()) == JOINED
    assert verdict(API, file(**beside)) == JOINED
    assert verdict(mine, file(heartrate=155.0, start=NOON + 1)) == JOINED, "one recording, summed up otherwise"
    of_login = provided("k1", heartrate=155.0, max_heartrate=195.0, **beside)
    assert verdict(mine, of_login) == JOINED, "the athlete's own, so that one of two sensors lies"


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"upload_id": 13_666_555_444}, {"external_id": "13666555444.fit.gz"}),
        ({}, {"external_id": "10000000000.gpx"}),  # named by Strava's own id, as some tools do
        ({"external_id": "2025-06-15-Morning.fit"}, {"external_id": "rides/2025-06-15-MORNING.fit.gz"}),
        ({"external_id": "garmin_push_3383000111"}, {"external_id": "3383000111_ACTIVITY.fit"}),
        ({"contents": ["abc"]}, {"contents": ["abc"], "start": None, "elapsed": None}),
    ],
    ids=str,
)
def test_what_both_name_is_certain_though_it_was_cropped(here: dict[str, Any], there: dict[str, Any]) -> None:
    cropped = {"start": NOON + 1_900, "elapsed": 1_000.0, "distance": 8_000.0, "sport_type": "EBikeRide"}
    assert verdict(API | cropped | here, file(**there)) == ("certain", True)


@pytest.mark.parametrize("hours", [-14, -9.5, 1, 5.75, 12])
def test_a_name_and_a_clock_of_another_zone_are_certain(hours: float) -> None:
    here = API | {"external_id": "ride-of-june.fit"}
    shifted = file(external_id="ride-of-june.fit", start=NOON + hours * 3_600 + 2)
    assert verdict(here, shifted) == ("certain", True)


def test_a_number_is_enough_for_one_that_was_cropped_at_both_ends() -> None:
    here = API | {"upload_id": 13_666_555_444, "start": NOON + 900, "elapsed": 1_800.0}
    here |= {"start_lat": 48.06, "end_lat": 48.04}
    assert verdict(here, file(external_id="13666555444.fit", start_lat=48.0, end_lat=48.1)) == ("certain", True)


@pytest.mark.parametrize("name", ["workout.tcx", "20250615.fit", "Morning Ride.gpx"])
def test_a_name_does_not_make_one_of_two_classes_on_one_day(name: str) -> None:
    indoors = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"))
    morning = API | indoors | {"external_id": name, "elapsed": 1_800.0, "distance": 10_000.0}
    evening = file(**indoors, external_id=name, elapsed=1_800.0, distance=16_000.0, start=NOON + 12 * 3_600 + 3)
    assert verdict(morning, evening) == PROPOSED


def test_a_name_that_many_files_have_names_none_of_them() -> None:
    other_day = {"external_id": "activity.gpx", "start": NOON + 86_400 * 3}
    assert verdict(API | {"external_id": "activity.gpx"}, file(**other_day)) is None
    assert verdict(API | {"external_id": "activity.gpx"}, file(external_id="activity.gpx")) == ("certain", True)


def test_a_hidden_start_is_made_up_for_by_the_number_of_the_upload_and_the_distance() -> None:
    hidden, named = API | {"start": None, "upload_id": 1234567890}, {"external_id": "1234567890.fit"}
    assert verdict(hidden, file(**named)) == ("certain", True)
    assert verdict(hidden, file(**named, distance=24_000.0)) == PROPOSED


def test_one_whose_name_agrees_and_whose_time_is_not_known_is_for_a_person() -> None:
    assert verdict(API | {"external_id": "commute.gpx"}, file(external_id="commute.gpx", start=None)) == PROPOSED


def test_reasons_say_what_was_found_and_no_position() -> None:
    found = match(API, file(start=NOON + 3, distance=24_900.0, start_lat=48.0 + STREET, sport_type="Run"))
    (reasons,) = found.matches["reasons"].to_list()
    assert reasons == [
        "99.9 % of the time together",
        "starts 3 s apart",
        "distances 0.4 % apart",
        "places 0 m apart",
        "Run and Ride",
    ]


HOUR = range(3600)
WHOLE = track(HOUR)
NOWHERE = track(HOUR).with_columns(latitude=pl.lit(None, pl.Float64))


@pytest.mark.parametrize(
    ("other", "common", "same"),
    [
        pytest.param(WHOLE, 3600, 1.0, id="the_same"),
        pytest.param(track(HOUR, aside=1.2), 3600, 1.0, id="rounded"),
        pytest.param(track(HOUR, aside=2.0), 3600, 0.0, id="beside"),  # two watches on one wrist, or two people
        pytest.param(track(range(0, 3600, 7)), 515, 1.0, id="thinned"),  # thinned by a program
        pytest.param(track(range(600, 1200)), 600, 1.0, id="cropped"),  # cropped
        pytest.param(
            pl.concat([track(range(180)), track(range(180, 3600), aside=9.0)]), 3600, 0.05, id="together_for_a_while"
        ),
        pytest.param(track(range(10)), 10, None, id="a_moment"),  # too few to tell
        pytest.param(track(range(3590, 7200)), 10, None, id="one_after_the_other"),
        pytest.param(
            pl.concat([track(range(0, 3600, 31)), track(range(1798, 1799))]), 117, 1.0, id="a_second_told_twice"
        ),
        pytest.param(NOWHERE, 0, None, id="without_places"),
        pytest.param(WHOLE.clear(), 0, None, id="without_points"),
    ],
)
def test_the_share_of_seconds_at_one_place(other: pl.DataFrame, common: int, same: float | None) -> None:
    for found in (compare_points(WHOLE, other), compare_points(other, WHOLE)):
        assert (found["common_seconds"], found["same_seconds"]) == (common, pytest.approx(same))


def test_points_at_other_seconds_tell_nothing() -> None:
    odd, even = track(range(1, 3600, 2)), track([*range(0, 3600, 2), *range(1, 100, 2)])
    found = compare_points(odd, even)
    assert (found["common_seconds"], found["same_seconds"]) == (50, None)


def test_who_stays_in_one_room_is_at_one_place_with_everybody() -> None:
    found = compare_points(track(HOUR, pace=0.01), track(HOUR, pace=0.01))
    assert (found["common_seconds"], found["same_seconds"]) == (3600, None)


def verdicts(one: Activity, other: Activity, *points: pl.DataFrame) -> list[tuple[Any, ...]]:
    tracks = dict(zip((one["id"], other["id"]), points, strict=False))
    found = match(one, other, points=tracks)
    assert bool(groups(found)) == found.matches["joined"].any()
    return found.matches.select("verdict", "joined").rows()


WATCH = file("watch")
EXPORT = file("export", format="gpx", start=NOON + 14, elapsed=3_586.0, distance=22_000.0, end_lat=48.2)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((), ("doubtful", False)),
        ((WHOLE,), ("doubtful", False)),
        ((WHOLE, track(range(14, 3600))), ("probable", True)),
        ((WHOLE, track(range(14, 3600), aside=10.0)), ("doubtful", False)),
        ((WHOLE, track(range(14, 3600), aside=2.0)), ("doubtful", False)),
    ],
    ids=["no_points", "points_of_one", "the_same", "side_by_side", "on_one_wrist"],
)
def test_loose_files_with_equal_points_are_one(points: tuple[pl.DataFrame, ...], expected: tuple[str, bool]) -> None:
    assert verdicts(WATCH, EXPORT, *points) == [expected]


@pytest.mark.parametrize("of_whole", ["fit", "gpx"])
@pytest.mark.parametrize("of_part", ["fit", "gpx"])
@pytest.mark.parametrize("number", range(4))  # ids are hashes of names: either may come first
def test_the_whole_stands_for_a_part_of_it(of_whole: str, of_part: str, number: int) -> None:
    whole = file(f"whole {number}", format=of_whole)
    fields = {"start": NOON + 600, "elapsed": 600.0, "distance": 4_200.0, "start_lat": 48.04, "end_lat": 48.08}
    part = file(f"part {number}", format=of_part, **fields)
    found = match(whole, part, points={whole["id"]: WHOLE, part["id"]: track(range(600, 1200))})
    assert {*found.members["activity_id"]} == {whole["id"]}


def test_two_parts_that_overlap_stay_two_and_are_proposed() -> None:
    early = file("early", elapsed=2_400.0, distance=4_800.0, end_lat=48.043)
    late = file("late", start=NOON + 1_200, elapsed=2_400.0, distance=4_800.0, start_lat=48.0216)
    points = track(range(2400), pace=2.0), track(range(1200, 3600), pace=2.0)
    assert verdicts(early, late, *points) == [("doubtful", False)]


def test_one_stray_position_is_no_way() -> None:
    latitude = pl.when(pl.int_range(pl.len()) == 1800).then(48.5).otherwise("latitude").alias("latitude")
    still = track(HOUR, pace=0.0)
    stray = still.with_columns(latitude)
    assert [compare_points(*pair)["same_seconds"] for pair in ((still, stray), (stray, still), (stray, stray))] == [
        None
    ] * 3


def test_a_part_of_a_recording_is_one_with_the_whole() -> None:
    part = file("part", start=NOON + 600, elapsed=600.0, distance=4_200.0, start_lat=48.04, end_lat=48.08)
    assert verdicts(WATCH, part, WHOLE, track(range(600, 1200))) == [("probable", True)]
    assert verdicts(WATCH, part, WHOLE, track(range(600, 1200), aside=5.0)) == []


def test_the_same_points_are_one_recording_whatever_each_file_sums_up() -> None:
    mine = WATCH | {"heartrate": 131.0, "max_heartrate": 170.0, "sport_type": "Run"}
    other = EXPORT | {"heartrate": 139.0, "max_heartrate": 181.0, "sport_type": "Ride"}
    assert verdicts(mine, other) == [("doubtful", False)]
    assert verdicts(mine, other, WHOLE, track(range(14, 3600))) == [("probable", True)]


def test_two_athletes_are_two_whatever_their_points() -> None:
    mine, hers = WATCH | {"athlete_id": 7}, EXPORT | {"athlete_id": 8}
    assert verdicts(mine, hers, WHOLE, WHOLE) == []


def test_the_beats_of_the_same_seconds_count_rather_than_the_means_that_were_told() -> None:
    row = ride(10**10, source="strava_archive", athlete_id=7, heartrate=140.0, max_heartrate=170.0)
    watch = file(start=NOON + 9, distance=25_090.0, heartrate=146.0, max_heartrate=170.0)
    beside = track(range(9, 3600), aside=4.0, heartrate=130.0), track(HOUR, heartrate=131.0)
    assert verdicts(row, watch) == [("doubtful", False)], "the watch leaves out the pauses"
    assert verdicts(row, watch, *beside) == [("probable", True)]
    another = track(HOUR, heartrate=140.0)
    assert verdicts(row, watch, beside[0], another) == [("doubtful", False)]


def test_points_are_read_only_where_all_else_leaves_a_doubt() -> None:
    asked: list[tuple[int, int]] = []

    class Recorder(dict[int, pl.DataFrame]):
        def __contains__(self, key: object) -> bool:
            asked.append(key)  # type: ignore[arg-type]
            return super().__contains__(key)

    tomorrow = file("tomorrow", start=NOON + 86_400)
    copy, shifted = file("copy"), file("shifted", start=NOON + 7_200)
    match(WATCH, copy, tomorrow, shifted, points=Recorder({0: WHOLE}))
    assert asked == []
    match(WATCH, EXPORT, tomorrow, points=Recorder({0: WHOLE}))
    assert set(asked) <= {WATCH["id"], EXPORT["id"]}
    assert asked


def test_a_reason_says_how_many_seconds_agree() -> None:
    found = match(WATCH, EXPORT, points={WATCH["id"]: WHOLE, EXPORT["id"]: track(range(14, 3600))})
    (reasons,) = found.matches["reasons"].to_list()
    assert "100.0 % of 3586 common seconds at one place" in reasons


ELSEWHERE = {"start": NOON + 86_400, "start_lat": 10.0, "end_lat": 10.1, "distance": 500.0, "sport_type": "Swim"}


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (API, provided("k1", f"strava:{API['id']}", **ELSEWHERE), ("certain", True)),
        (API, provided("k1", "strava:1", **ELSEWHERE), None),
        (API, provided("k1", f"strava:{API['id']}", athlete_id=8), None),
        (provided("k1", "other:7"), provided("7", source="other", **ELSEWHERE), ("certain", True)),
        (provided("k1", "strava:5"), provided("7", "strava:5", source="other", **ELSEWHERE), ("certain", True)),
        (provided("k1", "strava:5"), provided("k2", "strava:5", **ELSEWHERE), None),  # two that one source numbers
        (provided("k1", "toy:k2"), provided("k2", **ELSEWHERE), None),
        (file(source_id="a:0"), provided("k1", "file:a:0", **ELSEWHERE), ("certain", True)),
        (API | {"external_id": "toy_push_77"}, provided("77", **ELSEWHERE), ("certain", True)),
        (
            API | {"external_id": "toy_push_77"},
            provided("78", "toy:77", source="other", **ELSEWHERE),
            ("certain", True),
        ),
        (API | {"external_id": "toy_push_77"}, provided("78", **ELSEWHERE), None),
        (API | {"external_id": "toy_push_77.fit"}, provided("77", **ELSEWHERE), None),
        (API | {"external_id": "toy_ping_77"}, provided("77", **ELSEWHERE), None),  # a ping's number is another one
    ],
)
def test_what_a_source_links_is_always_one(one: Activity, other: Activity, wanted: tuple[str, bool] | None) -> None:
    assert verdict(one, other) == verdict(other, one) == wanted


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"start": NOON + 200, "elapsed": 3_390.0, "distance": 24_000.0, "heartrate": 120.0}, JOINED),
        ({"start": NOON + 360}, JOINED),  # 90 % of the time
        ({"start": NOON + 364}, PROPOSED),
        ({"distance": 23_750.0}, JOINED),  # 5 % less
        ({"distance": 23_700.0}, JOINED),  # begun at one second
        ({"distance": 23_700.0, "start_lat": 48.007, "end_lat": 48.107}, PROPOSED),  # 780 m away
        ({"distance": 23_700.0, "start": NOON + 3}, PROPOSED),
        ({"start_lat": None, "end_lat": None}, JOINED),
        ({"start_lat": 48.02, "end_lat": 48.12}, PROPOSED),  # 2 km away
        ({"start_lat": -11.6, "end_lat": -11.6, "sport_type": "VirtualRide"}, JOINED),  # where Zwift draws it
        ({"sport_type": "Run"}, JOINED),
        ({"sport_type": "Run", "start_lat": None, "end_lat": None}, PROPOSED),
        ({"distance": None}, JOINED),
        ({"distance": None, "start": NOON + 3}, PROPOSED),
        ({"distance": None, "contents": ["a"]}, JOINED),  # a file that was sent twice
        ({"elapsed": 2_000.0, "distance": 12_000.0}, JOINED),  # uploaded again with its end cropped
        ({"elapsed": 2_000.0, "distance": 12_000.0, "start": NOON + 60}, PROPOSED),
        ({"elapsed": 2_000.0, "distance": 12_000.0, "sport_type": "Run"}, None),
        ({"elapsed": 2_000.0, "distance": 12_000.0, "start_lat": 48.02, "end_lat": 48.12}, None),
        ({"start": NOON + 3_600}, None),
        ({"start": NOON + 7_200, "external_id": "ride.fit"}, None),  # no clock is shifted at one service
        ({"athlete_id": 8}, None),
        ({"not_counted": True}, None),
        ({"by_hand": True}, PROPOSED),
    ],
    ids=str,
)
@pytest.mark.parametrize("of", [ride, lambda one, **fields: provided(str(one), **fields)], ids=["strava", "another"])
def test_one_service_has_an_effort_twice(
    of: Callable[..., Activity], fields: dict[str, Any], wanted: tuple[str, bool] | None
) -> None:
    one = of(1, athlete_id=7, heartrate=140.0, contents=["a"], external_id="ride.fit")
    assert verdict(one, of(2, **fields)) == wanted


def test_the_reason_names_the_link() -> None:
    (reasons,) = match(API, provided("k1", f"strava:{API['id']}")).matches["reasons"].to_list()
    assert reasons[0] == f"a source links them: strava:{API['id']}"
