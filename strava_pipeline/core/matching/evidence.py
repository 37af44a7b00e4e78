"""The evidence that two activities are one: measured, weighed and judged. Weights and limits stand in rules.py. Pure.

A pair is certain (linked by a source, or the same name or content), probable (time, distance, place and sport agree),
doubtful (a person may know), or unrelated, and left out. If that isn't enough, the points of two recordings are
compared second by second: one recording in two files has the same place in every second that both have; two devices
don't, not even on one wrist. But two that heard one sensor have its values, which nobody else has.
"""

from collections.abc import Callable

import polars as pl

from strava_pipeline.core.geodesy import column_distance_m
from strava_pipeline.core.matching import rules
from strava_pipeline.core.matching.candidates import is_shifted, numbering_source
from strava_pipeline.core.matching.reasons import reasons
from strava_pipeline.core.matching.sports import sport_alike
from strava_pipeline.core.sources import FILE, IMPORTED
from strava_pipeline.core.sports import VIRTUAL

COMPARISON_COLUMNS: dict[str, pl.DataType] = {
    "id_a": pl.Int64(),
    "id_b": pl.Int64(),
    "common_seconds": pl.Int64(),  # with a place in both
    "same_seconds": pl.Float64(),  # share of them at one place; null if they are too few
    # by the series, where both have ten minutes of one that moves; else null
    "shift": pl.Float64(),  # s by which the second one's clock is ahead
    "same_beats": pl.Float64(),  # share of the seconds with one heart rate
    "near_beats": pl.Float64(),  # share of the seconds in which the heart rates may be one athlete's
    "same_watts": pl.Float64(),  # share of the seconds with one power
    "same_course": pl.Float64(),  # 1: a series tells the shift
}
"""A pair of recordings with points, and the result of comparing them."""
NO_COMPARISONS = pl.DataFrame(schema=COMPARISON_COLUMNS)

ComparePoints = Callable[[pl.DataFrame], pl.DataFrame]
"""A function from pairs (`id_a`, `id_b`, `start_a`, `start_b`) to `COMPARISON_COLUMNS`, for pairs of recordings with points."""

CERTAIN, PROBABLE, DOUBTFUL, NOTHING = "certain", "probable", "doubtful", "nothing"
_KEYS = ["id_a", "id_b"]
WEIGHTS = {"time": rules.TIME, "distance": rules.DISTANCE, "place": rules.PLACE, "sport": rules.SPORT}


def judge_pairs(pairs: pl.DataFrame, activities: pl.DataFrame, compare: ComparePoints) -> pl.DataFrame:
    """The pairs with measurements (`*_apart`, `together`, `within`), `*_points`, `score`, `verdict` and `reasons`.

    Points are compared only for pairs that overlap in time and place, and that other evidence doesn't join, or by two hearts.
    """
    judged = _judged_by(pairs, activities, NO_COMPARISONS)
    undecided = pl.col("verdict").is_in([DOUBTFUL, NOTHING]) & pl.col("one_athlete")
    undecided |= (pl.col("verdict") == PROBABLE) & (~pl.col("one_heart") | pl.col("one_service"))
    near = judged.filter(undecided & pl.col("here") & _overlapping()).select(*_KEYS, "start_a", "start_b")
    comparisons = NO_COMPARISONS if near.is_empty() else compare(near)
    if comparisons.is_empty():
        return judged
    again = pairs.join(comparisons, on=_KEYS, how="semi")
    return pl.concat([judged.join(comparisons, on=_KEYS, how="anti"), _judged_by(again, activities, comparisons)])


def _judged_by(pairs: pl.DataFrame, activities: pl.DataFrame, comparisons: pl.DataFrame) -> pl.DataFrame:
    activities = activities.with_columns(by=numbering_source())
    left = activities.select(pl.all().name.suffix("_a"))
    right = activities.select(pl.all().name.suffix("_b"))
    both = pairs.join(left, on="id_a", how="left").join(right, on="id_b", how="left")
    both = both.join(comparisons.select(*COMPARISON_COLUMNS), on=_KEYS, how="left")
    return _judged(_scored(_measured(both))).with_columns(reasons=reasons())


def _measured(both: pl.DataFrame) -> pl.DataFrame:
    a_end, b_end = pl.col("start_a") + pl.col("elapsed_a"), pl.col("start_b") + pl.col("elapsed_b")
    longer, shorter = pl.max_horizontal("elapsed_a", "elapsed_b"), pl.min_horizontal("elapsed_a", "elapsed_b")
    times = ("start_a", "start_b", "elapsed_a", "elapsed_b")
    timed = pl.all_horizontal(pl.col(name).is_not_null() for name in times) & (shorter > 0)
    overlap = (pl.min_horizontal(a_end, b_end) - pl.max_horizontal("start_a", "start_b")).clip(0)
    far, near = pl.max_horizontal("distance_a", "distance_b"), pl.min_horizontal("distance_a", "distance_b")
    comparable = pl.col("distance_a").is_not_null() & pl.col("distance_b").is_not_null() & (near > 0)
    ends = _metres("end_lat", "end_lng")
    return both.with_columns(
        start_apart=(pl.col("start_a") - pl.col("start_b")).abs(),
        end_apart=(a_end - b_end).abs(),
        timer_apart=pl.min_horizontal(
            (pl.col(f"{one}_a") - pl.col(f"{other}_b")).abs()
            for one, other in (("moving", "moving"), ("moving", "elapsed"), ("elapsed", "moving"))
        ),
        longer=longer,
        together=pl.when(timed).then(overlap / longer),
        within=pl.when(timed).then(overlap / shorter),
        covered=pl.when(timed).then(overlap / pl.when(pl.col("id_b") > 0).then(pl.col("elapsed_b")).otherwise(shorter)),
        distance_apart=pl.when(comparable).then((far - near) / far),
        # what was ridden on a screen is at no place
        place_apart=pl.when(_is_drawn("a") == _is_drawn("b")).then(
            pl.min_horizontal(_metres("start_lat", "start_lng"), ends)
        ),
        heart_apart=(pl.col("heartrate_a") - pl.col("heartrate_b")).abs(),
        maximum_apart=(pl.col("max_heartrate_a") - pl.col("max_heartrate_b")).abs(),
    ).with_columns(sport_alike=sport_alike(), shifted=is_shifted())


def _metres(lat: str, lng: str) -> pl.Expr:
    return column_distance_m(*(pl.col(f"{name}_{side}") for side in "ab" for name in (lat, lng)))


def _scored(measured: pl.DataFrame) -> pl.DataFrame:
    least = rules.LEAST_TOGETHER.value
    shares = {
        "time": (pl.col("together") - least) / (1 - least),
        "distance": 1 - pl.col("distance_apart") / rules.MOST_DISTANCE.value,
        "place": 1 - pl.col("place_apart") / rules.MOST_PLACE.value,
        "sport": pl.col("sport_alike"),
    }
    pointed = measured.with_columns(
        (share.clip(0, 1) * WEIGHTS[name].value).alias(f"{name}_points") for name, share in shares.items()
    )
    weights = [
        pl.when(pl.col(f"{name}_points").is_not_null()).then(rule.value).otherwise(0.0)
        for name, rule in WEIGHTS.items()
    ]
    points = pl.sum_horizontal(*[f"{name}_points" for name in WEIGHTS])
    return pointed.with_columns(score=(100 * points / pl.sum_horizontal(weights)).fill_nan(0).round(1))


def _judged(pointed: pl.DataFrame) -> pl.DataFrame:
    """The pairs with a verdict. `alike`: they are of one recording, or probably of two devices of one athlete."""
    judged = pointed.with_columns(
        here=_at_most("place_apart", rules.ELSEWHERE, unknown=True),
        one_heart=(pl.col("near_beats") >= rules.ONE_HEART.value).fill_null(
            _at_most("heart_apart", rules.ANOTHER_HEART, unknown=True)
            & _at_most("maximum_apart", rules.ANOTHER_MAXIMUM, unknown=True)
        ),
        one_athlete=(pl.col("athlete_id_a") == pl.col("athlete_id_b")).fill_null(True),
        to_the_second=_at_most("start_apart", rules.EXACT, unknown=False)
        & _at_most("end_apart", rules.EXACT, unknown=False),
        both_empty=_both_empty(),
    )
    judged = judged.with_columns(
        one_timer=_one_timer(), one_service=(pl.col("by_a") == pl.col("by_b")).fill_null(False)
    )
    judged = judged.with_columns(alike=_alike())
    called_one = pl.col("same_link").is_not_null() | pl.col("same_content") | _numbered() | _named()
    verdict = (
        pl.when(~pl.col("one_athlete"))
        .then(pl.lit(NOTHING))
        .when(called_one & ~pl.col("one_service"))
        .then(pl.lit(CERTAIN))
        .when(
            pl.col("alike")
            & (~_of_somebody() | pl.col("to_the_second") | pl.col("one_timer") | _same_heart() | _surely_one())
        )
        .then(pl.lit(PROBABLE))
        .when(_doubtful())
        .then(pl.lit(DOUBTFUL))
        .otherwise(pl.lit(NOTHING))
    )
    return judged.with_columns(verdict=verdict)


def _alike() -> pl.Expr:
    """Whether they are of one recording, or probably of two devices of one athlete, whose hearts don't differ all the time."""
    one_heart = (pl.col("near_beats") >= rules.ONE_HEART.value).fill_null(True)
    of_service = (_twice_there() | _begun_at_once() | _indoors_once()) & one_heart
    of_two = (
        (_alike_enough() & pl.col("here") & one_heart)
        | _of_one_day()
        | pl.col("one_timer")
        | pl.col("both_empty")
        | pl.col("fits_alone").fill_null(False)
    )
    likely = pl.when("one_service").then(of_service).otherwise(of_two)
    return (likely | _surely_one()).fill_null(False) & pl.col("one_athlete")


def _surely_one() -> pl.Expr:
    """Whether both are at one place all the time, or heard one sensor."""
    return _one_recording() | _one_sensor()


def _of_somebody() -> pl.Expr:
    """Whether a file, in no list of a service, may be somebody else's: two people who ride together leave two files a minute
    apart. Beside a row of the athlete's own with a heart rate, one without may be.
    """
    loose = [(pl.col(f"source_{side}") == FILE) & pl.col(f"by_{side}").is_null() for side in "ab"]
    heartless = [pl.col(f"heartrate_{side}").is_null() for side in "ab"]
    both_files = pl.all_horizontal(pl.col(f"source_{side}") == FILE for side in "ab") & pl.any_horizontal(loose)
    return both_files | pl.any_horizontal(
        loose[one] & heartless[one] & ~loose[other] & ~heartless[other] for one, other in ((0, 1), (1, 0))
    )


def _of_logins() -> pl.Expr:
    """Whether logins of the athlete showed both: an athlete with two activities at one time has two devices."""
    return pl.all_horizontal(~pl.col(f"source_{side}").is_in(list(IMPORTED)) for side in "ab")


def _twice_there() -> pl.Expr:
    """Whether one service has an effort twice: recorded by two devices, or as a file that was sent twice.

    Handwritten rows are exempt, since two of them may both say noon.
    """
    drawn = pl.any_horizontal(map(_is_drawn, "ab"))
    return (
        (pl.col("together") >= rules.TWICE_TOGETHER.value).fill_null(False)
        & _at_most("distance_apart", rules.TWICE_DISTANCE, unknown=False)
        & _is_recorded()
        & (_at_most("place_apart", rules.MOST_PLACE, unknown=True) | drawn)
        & ((pl.col("sport_alike") > 0).fill_null(True) | pl.col("place_apart").is_not_null())
    ) | (pl.col("same_content") & pl.col("to_the_second"))


def _is_recorded() -> pl.Expr:
    return ~pl.any_horizontal(pl.col("by_hand_a", "by_hand_b").fill_null(False))


def _begun_at_once() -> pl.Expr:
    """Whether both begin at one second and place, and one contains the other: a recording and the same without its end, or two
    devices of which one was stopped before. Where neither has a place, the distances agree all the same.
    """
    return (
        _at_most("start_apart", rules.EXACT, unknown=False)
        & _at_most("place_apart", rules.EXACT_PLACE, unknown=True)
        & _as_far_without_places()
        & (pl.col("within") >= rules.CONTAINED.value).fill_null(False)
        & (pl.col("together") >= rules.DOUBTFUL_TOGETHER.value)
        & (pl.col("sport_alike") >= rules.COMPATIBLE.value).fill_null(False)
        & _is_recorded()
    )


def _indoors_once() -> pl.Expr:
    """Whether both are of one hour indoors: one of them has no place, and devices there agree about no distance."""
    inside = pl.any_horizontal(_placeless("a"), _placeless("b"), *map(_is_drawn, "ab"))
    return (
        (pl.col("together") >= rules.INDOORS_TOGETHER.value).fill_null(False)
        & _at_most("start_apart", rules.INDOORS_START, unknown=False)
        & inside
        & _as_far_without_places()
        & (pl.col("sport_alike") > 0).fill_null(True)
        & _is_recorded()
    )


def _as_far_without_places() -> pl.Expr:
    """Whether one has a place, or the distances agree: no other evidence is left."""
    is_nowhere = pl.all_horizontal(map(_placeless, "ab"))
    return ~is_nowhere | _at_most("distance_apart", rules.TWICE_DISTANCE, unknown=True)


def _placeless(side: str) -> pl.Expr:
    return pl.col(f"start_lat_{side}").is_null()


def _one_sensor() -> pl.Expr:
    """Whether both have the same beats or watts for most of the longer one's time, at the shift of their clocks."""
    same = pl.max_horizontal("same_beats", "same_watts") >= rules.SAME_SERIES.value
    together = pl.col("together") + pl.col("shift").abs() / pl.col("longer")
    return (same & (together >= rules.PROBABLE_TOGETHER.value)).fill_null(False)


def _one_recording() -> pl.Expr:
    """Whether both are at one place all the time, as two devices never are, and the longer one contains the other."""
    return _same_points() & (pl.col("within") >= rules.CONTAINED.value).fill_null(False)


def _one_timer() -> pl.Expr:
    """Whether start and distance are equal, and one's time equals the other's moving or elapsed time: a TCX may give either."""
    is_swim = (pl.col("sport_type_a") == "Swim") | (pl.col("sport_type_b") == "Swim")
    at_once = _at_most("start_apart", rules.EXACT, unknown=False)
    return (
        (at_once | (is_swim.fill_null(False) & _at_most("start_apart", rules.FIRST_LENGTH, unknown=False)))
        & _at_most("timer_apart", rules.EXACT, unknown=False)
        & _at_most("distance_apart", rules.EXACT_DISTANCE, unknown=False)
        & (pl.col("sport_alike") > 0).fill_null(True)
        & pl.col("here")
        & pl.col("one_heart")
    )


def _both_empty() -> pl.Expr:
    """Whether both have one name, sport and second, and both are empty: 0 s and 0 m."""
    nothing = [(pl.col(f"elapsed_{side}") == 0) & (pl.col(f"distance_{side}").fill_null(0) == 0) for side in "ab"]
    same = [pl.col(f"{name}_a") == pl.col(f"{name}_b") for name in ("title", "sport_type")]
    return pl.all_horizontal(*nothing, *same, pl.col("start_apart") < 1).fill_null(False)


def _of_one_day() -> pl.Expr:
    """Whether one start is only a day without a time, and sport and distance agree. What was ridden on a screen has no place
    outdoors.
    """
    apart = pl.any_horizontal(
        _is_drawn(one) & ~_is_drawn(other) & pl.col(f"start_lat_{other}").is_not_null() for one, other in ("ab", "ba")
    )
    alike = (pl.col("sport_alike") > 0).fill_null(False)
    return pl.col("same_day") & alike & pl.col("here") & pl.col("one_heart") & ~apart


def _is_drawn(side: str) -> pl.Expr:
    """Whether it was ridden on a screen, whose places are no places."""
    return pl.col(f"sport_type_{side}").str.starts_with(VIRTUAL).fill_null(False)


def _same_points() -> pl.Expr:
    return (pl.col("same_seconds") >= rules.SAME_SECONDS.value).fill_null(False)


def _overlapping() -> pl.Expr:
    return (pl.col("within") >= rules.DOUBTFUL_TOGETHER.value).fill_null(False)


def _same_heart() -> pl.Expr:
    most = 2 * rules.SAME_HEART.value
    by_means = _at_most("heart_apart", rules.SAME_HEART, unknown=False) & (pl.col("maximum_apart") <= most)
    return (pl.col("same_beats") >= rules.SAME_SERIES.value).fill_null(by_means.fill_null(False))


def _covered() -> pl.Expr:
    close = _at_most("start_apart", rules.SAME_START, unknown=False)
    return (pl.col("covered") >= rules.NAMED_TOGETHER.value).fill_null(close)


def _numbered() -> pl.Expr:
    """Whether a file is named by an activity's number, and the times agree except for a crop or a zone; without a start, the
    distances.
    """
    as_far = pl.col("start_apart").is_null() & _at_most("distance_apart", rules.SHIFTED_DISTANCE, unknown=False)
    return pl.col("same_number").is_not_null() & (_covered() | pl.col("shifted") | as_far)


def _named() -> pl.Expr:
    """Whether both have the same name without contradiction, since some programs give every file the same name."""
    all_else = _at_most("place_apart", rules.SHIFTED_PLACE, unknown=True) & _at_most(
        "distance_apart", rules.SHIFTED_DISTANCE, unknown=True
    )
    agree = (_covered() & pl.col("here")) | (pl.col("shifted") & all_else)
    return pl.col("same_name").is_not_null() & agree & pl.col("one_heart")


def _alike_enough() -> pl.Expr:
    same_end = pl.max_horizontal(pl.lit(rules.SAME_START.value), pl.col("longer") * rules.SAME_END.value)
    tight = _at_most("start_apart", rules.SAME_START, unknown=False) & (pl.col("end_apart") <= same_end).fill_null(
        False
    )
    at_one_place = pl.col("to_the_second") & _at_most("place_apart", rules.EXACT_PLACE, unknown=False)
    as_far = _at_most("distance_apart", rules.MOST_DISTANCE, unknown=True) | (
        at_one_place & _at_most("distance_apart", rules.UNLIKE_DISTANCE, unknown=True)
    )
    placed, ridden = pl.col("place_points").is_not_null(), pl.col("distance_points").is_not_null()
    one_recording = pl.col("to_the_second") & _at_most("distance_apart", rules.EXACT_DISTANCE, unknown=False)
    return (
        (pl.col("score") >= rules.PROBABLE.value)
        & (pl.col("together") >= rules.PROBABLE_TOGETHER.value).fill_null(False)
        & as_far
        & _at_most("place_apart", rules.MOST_PLACE, unknown=True)
        & (placed | ((tight | _of_logins()) & ridden) | (tight & _of_logins()) | pl.col("to_the_second"))
        & ((pl.col("sport_alike") > 0).fill_null(True) | (tight & placed))
        & (pl.col("one_heart") | one_recording | _of_logins())  # of two sensors one may lie
    )


def _doubtful() -> pl.Expr:
    clock = (
        pl.col("shifted")
        & ~pl.col("one_service")
        & _at_most("place_apart", rules.SHIFTED_PLACE, unknown=False)
        & _at_most("distance_apart", rules.SHIFTED_DISTANCE, unknown=False)
    )
    called = pl.col("same_number").is_not_null() | pl.col("same_name").is_not_null()
    named = called & ((pl.col("within") > 0).fill_null(True) | pl.col("shifted"))
    as_far = _at_most("distance_apart", rules.UNLIKE_DISTANCE, unknown=False)
    of_sport = (pl.col("sport_alike") > 0).fill_null(True) | as_far
    at_one_time = _overlapping() & pl.col("here") & of_sport & (pl.col("score") >= rules.DOUBTFUL.value)
    told = _same_points() | (pl.col("same_course") > 0).fill_null(False) | pl.col("same_day")
    return at_one_time | clock | named | told | pl.col("fits_alone").is_not_null()


def _at_most(name: str, rule: rules.Rule, *, unknown: bool) -> pl.Expr:
    return (pl.col(name) <= rule.value).fill_null(unknown)
