"""Totals of a track: moving time, climb, top speed, normalised power, and the heart rate's part in it. Pure.

One method for every source, so that years compare. Unknown values are None, never 0. The thresholds were held against
devices' and Strava's values of the same recordings: strava_pipeline_tests/samples/test_track_summaries.py has the
differences.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl

from strava_pipeline.core.tables import TRACK_SUMMARIES
from strava_pipeline.core.track_cleaning import ANY_SPORT, BELIEVABLE
from strava_pipeline.core.track_lines import HOLDS, covered_line, held_seconds, timed_values
from strava_pipeline.core.track_measures import BEATS, FASTEST, MOST_WATTS

_AVERAGED = 30  # s: Allen, Coggan, Training and Racing with a Power Meter, 2nd ed. 2010, ch. 7
_LEAST_POWER = 1200  # s: normalised power is made for efforts of 20 minutes and more (the same)
_STANDS = {"run": 0.894, "ride": 0.894}  # m/s: a mile in 30 minutes, as Strava's glossary for running has it
_STANDS_ELSE = 0.28  # m/s: 1 km/h, at which gpxpy takes a track as stopped. Hikers and swimmers are slow
_LONGEST_GAP = 60.0  # s: a longer one is a pause. Of 10 to 300 s it agrees best with Strava's moving times
_SHORTEST_STOP = 15  # s: a shorter one counts as motion, as at Strava (its engineering blog, 16 December 2014)
_SPEED_OVER = 10  # s around a moment
_TOP_OVER = 5  # s: so Strava's top speeds of tracks without a device's speed come out to 0.01 m/s
_SMOOTHED = 15  # s around a moment
_SPIKE = 30.0  # m off what lies around: more than anybody climbs or falls in half that time
_STEADY, _ROUGH = 2.0, 10.0  # m: smallest rise or fall that counts, by a barometer or a map, and by bare GPS
_ON_FOOT = ("run", "walk")  # whose speed follows the effort; on wheels it follows slopes and wind
_MOST_REST = 0.25  # of the time: the heart recovers, so that halves around such rests compare nothing
_ROUGHNESS = 0.1  # m turned back a second: steady altitudes of the samples have up to 0.03, a phone's GPS 0.16

_COLUMNS = [name for name in TRACK_SUMMARIES.polars_schema if name not in ("activity_id", "athlete_id")]


def summary(points: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """One row with the columns of `track_summaries` that belong to an activity; no row if the points give nothing.

    Args:
        points: of one activity, with the columns of `tracks`.
        sport_group: of core/sports.py.
    """
    line = _line(covered_line(points, fastest(sport_group)))
    found: dict[str, Any] = {
        "moving_time": _moving_time(_line(covered_line(points)), points, sport_group),
        **_climb(points),
        "max_speed": _top_speed(line, points, sport_group),
        "normalized_power": normalized_power(points),
    }
    has_any = any(value is not None for value in found.values())
    rows = [found | _aerobic(line, points, sport_group, found["moving_time"])] if has_any else []
    return pl.DataFrame(rows, {name: TRACK_SUMMARIES.polars_schema[name] for name in _COLUMNS})


def _line(covered: pl.DataFrame) -> pl.DataFrame:
    """The intervals between points: `t`, whole seconds from the first point to its end, `lasts` and `step`, its metres."""
    return (
        covered.lazy()
        .select(pl.col("t").cast(pl.Int64), pl.col("t").diff().alias("lasts"), pl.col("covered").diff().alias("step"))
        .filter(pl.col("lasts") > 0)
        .collect()
    )


def fastest(sport_group: str | None) -> float:
    """The fastest believable speed (m/s). For a bike it is higher than in bests, because a descent has a top speed."""
    return ANY_SPORT if sport_group in ("ride", "e_ride") else FASTEST.get(sport_group or "", ANY_SPORT)


def _moving_time(line: pl.DataFrame, points: pl.DataFrame, sport_group: str | None) -> int | None:
    """Seconds in intervals at which the median speed over 10 s is above a threshold; without any distance, those with power.

    A stop of less than 15 s counts as motion. A gap of up to a minute (or three times the recording's usual interval)
    counts if the next point is far enough away; a longer one is a pause.
    """
    if not line["step"].sum():
        powered = timed_values(points, "watts", 0.0, MOST_WATTS).with_columns(held=held_seconds())
        return round(powered.filter(pl.col("watts") > 0)["held"].sum()) or None
    return round(_moving(line, sport_group)["lasts"].sum())


def _moving(line: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """The intervals in motion: `t`, `lasts`, `step`."""
    usual = pl.col("lasts").median()
    speed = pl.col("step") / pl.col("lasts")
    around = pl.when(pl.col("lasts") > HOLDS).then(speed).otherwise(_over(speed.median(), _SPEED_OVER))
    moves = around >= _STANDS.get(sport_group or "", _STANDS_ELSE)
    return (
        line.lazy()
        .filter(pl.col("lasts") <= pl.max_horizontal(pl.lit(_LONGEST_GAP), 3.0 * usual))
        .with_columns(moves=moves)
        .with_columns(stretch=pl.col("moves").rle_id())
        .filter(pl.col("moves") | (pl.col("lasts").sum().over("stretch") < _SHORTEST_STOP))
        .select("t", "lasts", "step")
        .collect()
    )


def _over(value: pl.Expr, seconds: int) -> pl.Expr:
    """An aggregate over a window of `seconds` around each row, by `t`, whole seconds."""
    return value.rolling("t", period=f"{seconds}i", offset=f"-{(seconds + 1) // 2}i")


def _top_speed(line: pl.DataFrame, points: pl.DataFrame, sport_group: str | None) -> float | None:
    """The greatest mean speed over 5 s (m/s): by the device, or else along the distance; implausible speeds are ignored."""
    told = timed_values(points, "speed", 0.0, fastest(sport_group)).with_columns(pl.col("t").cast(pl.Int64))
    if told["speed"].sum():
        means = told.select(top=_over(pl.col("speed").mean(), _TOP_OVER))
    else:
        means = line.filter(pl.col("lasts") <= HOLDS).select(
            top=_over(pl.col("step").sum() / pl.col("lasts").sum(), _TOP_OVER)
        )
    return means["top"].max() or None  # type: ignore[return-value]


def _climb(points: pl.DataFrame) -> dict[str, float | None]:
    """The sum of the rises (m) of the altitude's mean over 15 s; a rise goes from a low to a high, each confirmed by a threshold.

    The sum of the falls is computed in the same way. None without altitude, or if it never changes, as of a device that
    measures none.
    """
    told = timed_values(points, "altitude", *BELIEVABLE["altitude"]).with_columns(pl.col("t").cast(pl.Int64))
    altitude = pl.col("altitude")
    heights = told.filter((altitude - _over(altitude.median(), _SMOOTHED)).abs() <= _SPIKE)
    if heights["altitude"].n_unique() < 2:
        return {"elevation_gain": None, "elevation_loss": None}
    smooth = heights.select(_over(altitude.mean(), _SMOOTHED))["altitude"]
    threshold = _ROUGH if _is_rough(heights) else _STEADY
    return {"elevation_gain": _climbed(smooth, threshold), "elevation_loss": _climbed(-smooth, threshold)}


def _is_rough(heights: pl.DataFrame) -> bool:
    """Whether the altitude jitters like that of plain GPS: files don't say how it was measured."""
    lasts, here = pl.col("t").diff(), pl.col("altitude").diff()
    before = here.shift()
    back = pl.when(before * here < 0).then(pl.min_horizontal(before.abs(), here.abs())).otherwise(0.0)
    close = heights.select(lasts=lasts, back=back).filter(pl.col("lasts") <= HOLDS)
    return bool(close.select((pl.col("back").sum() / pl.col("lasts").sum()).fill_nan(0.0) > _ROUGHNESS).item())


def _climbed(heights: Iterable[float], threshold: float) -> float:
    """The sum of the rises. A loop, because where a rise ends depends on where it began: 20 ms for ten hours by the second."""
    climbed, is_rising = 0.0, False
    low = high = next(iter(heights))
    for height in heights:
        if is_rising:
            high = max(high, height)
            if high - height >= threshold:
                climbed, low, is_rising = climbed + high - low, height, False
        else:
            low = min(low, height)
            if height - low >= threshold:
                high, is_rising = height, True
    return climbed + (high - low if is_rising else 0.0)


def normalized_power(points: pl.DataFrame) -> float | None:
    """The fourth root of the mean of the fourth power of the mean power over 30 s (W); pauses are left out.

    Allen, Coggan: Training and Racing with a Power Meter, 2nd ed. 2010, ch. 7. None: less than 20 minutes of power.
    """
    seconds = timed_values(points, "watts", 0.0, MOST_WATTS).select(
        "watts", held_seconds().cast(pl.Int64).alias("held")
    )
    if seconds["held"].sum() < _LEAST_POWER or not seconds["watts"].max():
        return None
    each = seconds.select(pl.col("watts").repeat_by("held").explode())["watts"]
    return float(pl.select(pl.lit(each).rolling_mean(_AVERAGED).pow(4).mean().pow(0.25)).item())


def _aerobic(
    line: pl.DataFrame, points: pl.DataFrame, sport_group: str | None, moving_time: int | None
) -> dict[str, float | str | None]:
    """Efficiency factor, aerobic decoupling, and why there is none: the columns of `track_summaries`.

    Efficiency: normalised power, or on foot the mean speed in motion (m/min), divided by the mean heart rate.
    Decoupling: by how many per cent the second half's efficiency is below the first half's. Halves are of the time with
    both values, each long enough for normalised power. After Friel, Aerobic Endurance and Decoupling, TrainingPeaks; on
    foot he takes the speed that would be as hard on the level, here it is the speed as it was.
    """
    on_foot = sport_group in _ON_FOOT
    beats = timed_values(points, "heartrate", *BEATS).with_columns(pl.col("t").cast(pl.Int64))
    output = _speeds(line, sport_group) if on_foot else _powers(points)
    paired = output.join(beats, on="t").sort("t")
    found: dict[str, float | str | None] = {"efficiency": None, "efficiency_by": None, "decoupling": None}
    seconds = int(paired["lasts"].sum())
    gaps = line["lasts"] if on_foot else output["t"].diff(), beats["t"].diff()
    if beats.height and (on_foot or output.height) and any((each.median() or 0) > HOLDS for each in gaps):  # type: ignore[operator]
        return {**found, "decoupling_absent": "sparse"}
    if not output["output"].max():
        return {**found, "decoupling_absent": "no_motion" if on_foot else "no_power"}
    if seconds < _LEAST_POWER:
        return {**found, "decoupling_absent": "no_heartrate" if beats.is_empty() else "short"}
    efficiency, first, second = _efficiencies(paired, on_foot=on_foot)
    span = int(paired["t"].item(-1)) - int(paired["t"].item(0)) + int(paired["lasts"].item(0))
    rest = 1 - min(seconds, moving_time or seconds) / span
    absent = "short" if seconds < 2 * _LEAST_POWER else "stops" if rest > _MOST_REST else None
    return {
        "efficiency": efficiency,
        "efficiency_by": "speed" if on_foot else "watts",
        "decoupling": 100 * (1 - second / first) if absent is None else None,
        "decoupling_absent": absent,
    }


def _speeds(line: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """The intervals in motion without a pause: `t`, `lasts` and `output`, metres a minute."""
    moving = _moving(line, sport_group).filter(pl.col("lasts") <= HOLDS)
    return moving.select("t", "lasts", output=60 * pl.col("step") / pl.col("lasts"))


def _powers(points: pl.DataFrame) -> pl.DataFrame:
    """How long each power held: `t`, `lasts` and `output`, watts."""
    powered = timed_values(points, "watts", 0.0, MOST_WATTS)
    return powered.select(pl.col("t").cast(pl.Int64), held_seconds().cast(pl.Int64).alias("lasts"), output="watts")


def _efficiencies(paired: pl.DataFrame, *, on_foot: bool) -> tuple[float, ...]:
    """The output divided by the mean heart rate: for the whole, the first half and the second half."""
    output, power = (pl.col("output"), 1) if on_foot else (pl.col("output").rolling_mean(_AVERAGED), 4)
    seconds = paired.select(pl.col("output", "heartrate").repeat_by("lasts").explode())
    each = seconds.select("heartrate", output=output.pow(power))
    ratio = pl.col("output").mean().pow(1 / power) / pl.col("heartrate").mean()
    half = each.height // 2
    return tuple(float(part.select(ratio).item()) for part in (each, each.head(half), each.tail(half)))
