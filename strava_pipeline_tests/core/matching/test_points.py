"""Two recordings by their points: one recording in two files, or two devices at one place."""

from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.matching.points import compared
from strava_pipeline_tests.core.matching.made import NOON, Known, file, groups, match, ride, track

HOUR = range(3600)
WHOLE = track(HOUR)
NOWHERE = track(HOUR).with_columns(latitude=pl.lit(None, pl.Float64))


@pytest.mark.parametrize(
    ("other", "common", "same"),
    [
        (WHOLE, 3600, 1.0),
        (track(HOUR, aside=1.2), 3600, 1.0),
        (track(HOUR, aside=2.0), 3600, 0.0),  # two watches on one wrist, or two people
        (track(range(0, 3600, 7)), 515, 1.0),  # thinned by a program
        (track(range(600, 1200)), 600, 1.0),  # cropped
        (pl.concat([track(range(180)), track(range(180, 3600), aside=9.0)]), 3600, 0.05),
        (track(range(10)), 10, None),  # too few to tell
        (track(range(3590, 7200)), 10, None),
        (pl.concat([track(range(0, 3600, 31)), track(range(1798, 1799))]), 117, 1.0),
        (NOWHERE, 0, None),
        (WHOLE.clear(), 0, None),
    ],
    ids=[
        "the_same",
        "rounded",
        "beside",
        "thinned",
        "cropped",
        "together_for_a_while",
        "a_moment",
        "one_after_the_other",
        "a_second_told_twice",
        "without_places",
        "without_points",
    ],
)
def test_the_share_of_seconds_at_one_place(other: pl.DataFrame, common: int, same: float | None) -> None:
    for found in (compared(WHOLE, other), compared(other, WHOLE)):
        assert (found["common_seconds"], found["same_seconds"]) == (common, pytest.approx(same))


def test_points_at_other_seconds_tell_nothing() -> None:
    odd, even = track(range(1, 3600, 2)), track([*range(0, 3600, 2), *range(1, 100, 2)])
    found = compared(odd, even)
    assert (found["common_seconds"], found["same_seconds"]) == (50, None)


def test_who_stays_in_one_room_is_at_one_place_with_everybody() -> None:
    found = compared(track(HOUR, pace=0.01), track(HOUR, pace=0.01))
    assert (found["common_seconds"], found["same_seconds"]) == (3600, None)


def test_heart_rates_are_averaged_over_the_same_seconds() -> None:
    strap, watch = track(range(3600), heartrate=120.0), track(range(1800), heartrate=121.0)
    found = compared(strap, pl.concat([watch, track(range(3600, 7200), heartrate=180.0)]))
    assert (found["points_heart_apart"], found["points_maximum_apart"]) == (1.0, 1.0)
    assert compared(strap, WHOLE)["points_heart_apart"] is None


def verdicts(one: Known, other: Known, *points: pl.DataFrame) -> list[tuple[Any, ...]]:
    known = dict(zip((one["id"], other["id"]), points, strict=False))
    found = match(one, other, points=known)
    assert bool(groups(found)) == found.matches["joined"].any()
    return found.matches.select("verdict", "joined").rows()


WATCH = file("watch")
EXPORT = file("export", format="gpx", start=NOON + 14, elapsed=3_586.0, distance=22_000.0, end_lat=48.2)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ((), ("doubtful", False)),
        ((WHOLE,), ("doubtful", False)),
        ((WHOLE, track(range(14, 3600))), ("probable", True)),
        ((WHOLE, track(range(14, 3600), aside=10.0)), ("doubtful", False)),
        ((WHOLE, track(range(14, 3600), aside=2.0)), ("doubtful", False)),
    ],
    ids=["no_points", "points_of_one", "the_same", "side_by_side", "on_one_wrist"],
)
def test_two_loose_files_with_the_same_points_are_one(points: tuple[pl.DataFrame, ...], told: tuple[str, bool]) -> None:
    assert verdicts(WATCH, EXPORT, *points) == [told]


@pytest.mark.parametrize("of_whole", ["fit", "gpx"])
@pytest.mark.parametrize("of_part", ["fit", "gpx"])
@pytest.mark.parametrize("number", range(4))  # ids are hashes of names: either may come first
def test_the_whole_stands_for_a_part_of_it(of_whole: str, of_part: str, number: int) -> None:
    whole = file(f"whole {number}", format=of_whole)
    told = {"start": NOON + 600, "elapsed": 600.0, "distance": 4_200.0, "start_lat": 48.04, "end_lat": 48.08}
    part = file(f"part {number}", format=of_part, **told)
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
    assert [compared(*pair)["same_seconds"] for pair in ((still, stray), (stray, still), (stray, stray))] == [None] * 3


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


def test_averages_of_the_same_seconds_count_rather_than_those_that_were_told() -> None:
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
