"""What two devices heard of one athlete, hours indoors, and rows of one's own beside a file that may be a friend's."""

import random
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.pairs.one_effort import compare_points
from strava_pipeline_tests.core.matching.builders import NOON, Activity, file, groups, match, provided, ride, track

NOWHERE = dict.fromkeys(("start_lat", "start_lng", "end_lat", "end_lng"))
HOUR = 3600
JOINED, PROPOSED = ("probable", True), ("doubtful", False)


def walk(seed: str, mean: float, step: float, seconds: int = HOUR) -> list[float]:
    """A value for each second that wanders around its mean: of another seed, another athlete's."""
    chance, values = random.Random(seed), [mean]
    for _ in range(seconds - 1):
        values.append(values[-1] + chance.gauss(0, step) + (mean - values[-1]) / 200)
    return [float(round(value)) for value in values]


HEART, HERS = walk("mine", 140, 1.0), walk("hers", 140, 1.0)
POWER, ANOTHERS = walk("mine", 200, 12.0), walk("hers", 200, 12.0)
NOTHING: list[Any] = [None] * HOUR


def recorded(beats: list[Any] = NOTHING, watts: list[Any] = NOTHING, *, late: int = 0) -> pl.DataFrame:
    return track(range(late, late + HOUR), pace=0.0, beats=beats, watts=watts)


def rounded(values: list[float], seed: str, spread: float) -> list[float]:
    chance = random.Random(seed)
    return [value + round(chance.uniform(-spread, spread)) for value in values]


def verdict(one: Activity, other: Activity, *points: pl.DataFrame) -> tuple[str, bool] | None:
    found = match(one, other, points=dict(zip((one["id"], other["id"]), points, strict=False)))
    rows = found.matches.select("verdict", "joined").rows()
    assert bool(groups(found)) == any(joined for _, joined in rows)
    return rows[0] if rows else None


ZWIFT = file("zwift", sport_type="VirtualRide", distance=32_400.0, start_lat=-11.6, end_lat=-11.6)
EDGE = file("edge", distance=None, start=NOON + 14, elapsed=3_580.0, **NOWHERE)


@pytest.mark.parametrize(
    ("here", "there", "wanted"),
    [
        pytest.param(recorded(HEART), recorded(HEART, late=14), JOINED, id="one strap, another clock"),
        pytest.param(recorded(HEART), recorded(HEART, late=45), JOINED, id="clocks 45 s apart"),
        pytest.param(recorded(HEART), recorded(rounded(HEART, "a", 1.4)), JOINED, id="one strap, rounded"),
        pytest.param(recorded(HEART, POWER), recorded(HERS, POWER), JOINED, id="one meter"),
        pytest.param(recorded(HEART), recorded(HERS), PROPOSED, id="a friend beside"),
        pytest.param(recorded(HEART), recorded([each + 6 for each in HEART]), PROPOSED, id="one course"),
        pytest.param(recorded(HEART), recorded(), PROPOSED, id="no strap there"),
        pytest.param(recorded([120.0] * HOUR), recorded([120.0] * HOUR), PROPOSED, id="a flat line"),
        pytest.param(recorded(HEART[:500] + NOTHING[500:]), recorded(HEART), PROPOSED, id="eight minutes"),
        pytest.param(recorded(NOTHING, [200.0] * HOUR), recorded(NOTHING, [200.0] * HOUR), PROPOSED, id="a set power"),
        pytest.param(recorded(NOTHING, [0.0] * HOUR), recorded(NOTHING, [0.0] * HOUR), PROPOSED, id="a descent"),
        pytest.param(recorded(HEART, POWER), recorded(HERS, ANOTHERS), PROPOSED, id="a friend with a meter"),
    ],
)
def test_who_has_the_same_beats_or_watts_is_one(
    here: pl.DataFrame, there: pl.DataFrame, wanted: tuple[str, bool]
) -> None:
    assert verdict(ZWIFT, EDGE, here, there) == verdict(EDGE, ZWIFT, there, here) == wanted


def test_fifteen_friends_who_ride_along_have_no_beat_in_common() -> None:
    shares = [
        compare_points(recorded(walk(f"{one}", 140, 1.0)), recorded(walk(f"{one} beside", 140, 1.0)))["same_beats"]
        for one in range(15)
    ]
    assert max(share or 0.0 for share in shares) < 0.6


def test_the_reasons_name_what_was_the_same() -> None:
    found = match(
        ZWIFT, EDGE, points={ZWIFT["id"]: recorded(HEART, POWER), EDGE["id"]: recorded(HEART, POWER, late=14)}
    )
    (reasons,) = found.matches["reasons"].to_list()
    assert {"100.0 % of the beats the same", "100.0 % of the watts the same"} <= {*reasons}


@pytest.mark.parametrize(("beats", "wanted"), [(HERS, PROPOSED), (HEART, JOINED), (NOTHING, JOINED)])
@pytest.mark.parametrize("of", [ride, lambda one, **fields: provided(str(one), **fields)], ids=["strava", "another"])
def test_a_partners_watch_at_ones_own_service_is_asked_about(
    of: Any, beats: list[Any], wanted: tuple[str, bool]
) -> None:
    mine, hers = of(1, athlete_id=7, heartrate=140.0, max_heartrate=170.0), of(2, heartrate=128.0, max_heartrate=160.0)
    assert verdict(mine, hers, recorded(HEART), recorded(beats)) == wanted


INDOORS = {"trainer": True, "distance": 24_000.0, **NOWHERE}


@pytest.mark.parametrize(
    ("here", "there", "wanted"),
    [
        (
            {"sport_type": "VirtualRide", "distance": 32_400.0},
            INDOORS | {"start": NOON + 20},
            JOINED,
        ),  # Zwift and a watch
        (
            {**NOWHERE, "distance": None},
            {**NOWHERE, "distance": None, "start": NOON + 50},
            JOINED,
        ),  # a spin class twice
        ({"sport_type": "Run", "trainer": True}, INDOORS | {"sport_type": "Run", "distance": 23_000.0}, JOINED),
        ({"sport_type": "Run", "trainer": True}, INDOORS | {"sport_type": "Run", "start": NOON + 61}, JOINED),
        (INDOORS, INDOORS | {"distance": 22_000.0}, PROPOSED),  # neither has a place, and 8 % apart
        (INDOORS, INDOORS | {"distance": 32_000.0, "start": NOON + 20, "start_lat": 48.0, "start_lng": 11.5}, JOINED),
        (INDOORS, INDOORS | {"distance": 32_000.0, "start": NOON + 70, "start_lat": 48.0, "start_lng": 11.5}, PROPOSED),
        (
            INDOORS,
            INDOORS | {"distance": 32_000.0, "elapsed": 3_500.0, "start": NOON + 20, "start_lat": 48.0},
            PROPOSED,
        ),
        (INDOORS, INDOORS | {"sport_type": "Run", "distance": 32_000.0, "start": NOON + 20}, PROPOSED),
        (INDOORS, INDOORS | {"by_hand": True}, PROPOSED),
    ],
    ids=str,
)
def test_an_hour_indoors_is_one_at_one_service(
    here: dict[str, Any], there: dict[str, Any], wanted: tuple[str, bool]
) -> None:
    assert verdict(ride(1, **here), ride(2, **there)) == wanted


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, JOINED),
        ({"listed_by": "runkeeper"}, JOINED),
        ({"start": NOON + 300, "distance": 20_000.0}, PROPOSED),
        ({"source": "file", "listed_by": None}, PROPOSED),  # in no list: perhaps a friend's
    ],
    ids=str,
)
def test_the_rows_of_one_export_are_one_athletes(fields: dict[str, Any], wanted: tuple[str, bool]) -> None:
    later = {"start": NOON + 3, "elapsed": 3_610.0, "distance": 25_100.0, **NOWHERE}
    listed = {"listed_by": "apple_health"}
    assert verdict(file("watch", **listed), file("app", **(later | listed | fields))) == wanted


def test_a_leg_that_begins_with_its_whole_is_a_part_and_not_the_whole() -> None:
    whole = ride(1, sport_type="Run", distance=20_000.0)
    legs = [
        ride(2, sport_type="Run", elapsed=2_400.0, distance=12_000.0, end_lat=48.05),
        ride(3, sport_type="Run", start=NOON + 2_400, elapsed=1_200.0, distance=8_000.0, start_lat=48.05),
    ]
    found = match(whole, *legs)
    assert not groups(found)
    assert {*found.matches["part_id"]} == {2, 3}


@pytest.mark.parametrize(
    ("other", "waiting"),
    [
        (file(start=NOON + 600, distance=20_000.0), file()["id"]),
        (provided("k1", start=NOON + 600, distance=20_000.0), provided("k1")["id"]),
        (file(start=NOON + 36_000), None),  # the same way home, or a clock ten hours off: both count
        (file(start=NOON + 600, distance=20_000.0, deleted=True), None),
    ],
)
def test_of_two_at_one_time_one_counts_until_a_person_says(other: Activity, waiting: int | None) -> None:
    mine = ride(1, external_id="ride.fit")
    found = match(mine, other).matches
    assert found.select("joined", "waiting_id", "counted_id").rows() == [(False, waiting, 1 if waiting else None)]
    answered = match(mine, other, split=[tuple(sorted((1, other["id"])))]).matches  # type: ignore[list-item]
    assert answered.select("joined", "waiting_id", "decided").rows() == [(False, None, "split")]


def test_nothing_waits_for_what_waits() -> None:
    """The second overlaps the first and the third, which don't overlap."""
    first = ride(1)
    second = provided("g", start=NOON + 1_500, elapsed=4_200.0, distance=26_000.0)
    third = provided("w", source="wahoo", start=NOON + 3_660, elapsed=2_400.0, distance=26_500.0)
    told = [match(*order).matches for order in ((first, second, third), (third, second, first))]
    assert told[0].equals(told[1])
    waiting, counted = ({*told[0][name].drop_nulls()} for name in ("waiting_id", "counted_id"))
    assert (len(waiting), waiting & counted) == (1, set())


def test_a_leg_with_the_beats_of_its_whole_stays_a_leg() -> None:
    whole = file("whole", elapsed=7_200.0, distance=50_000.0)
    leg = ride(1, elapsed=1_500.0, distance=10_000.0, end_lat=48.05)
    long = track(range(7_200), pace=0.0, beats=walk("mine", 140, 1.0, 7_200))
    points = {whole["id"]: long, 1: long.head(1_500)}
    found = match(whole, leg, points=points)
    assert not groups(found)
    assert found.matches.select("waiting_id", "counted_id").rows() == [(1, whole["id"])], (
        "the longer one counts meanwhile"
    )
