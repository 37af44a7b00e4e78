"""A track as lines over time that never fall: the metres covered, by the device or along the positions. Pure.

A gap adds no distance, nor does a jump of the positions, while its time counts.
"""

from math import inf

import polars as pl

from strava_pipeline.core.track_cleaning import ANY_SPORT, step_between

HOLDS = 10.0  # s: a longer gap is a pause. Smart recording of Garmin's devices leaves less
LONG = 5  # and longer than so many usual gaps, where a track is recorded sparsely throughout
_NEARLY = 0.8  # of the fastest: who moves by themselves hardly does before and after a jump
_SPIKE_FROM, _DETOUR, _SPIKE_SPEED = 12.0, 2.0, 1.5  # m; times the direct way; times the usual speed (the same)


def timed_values(points: pl.DataFrame, column: str, low: float, high: float) -> pl.DataFrame:
    """The believable values, the mean of each second, in order: `t`, seconds since the first point, and `column`."""
    return (
        points.lazy()
        .select(seconds_since(points), column)
        .filter(pl.col("t").is_not_null() & pl.col(column).is_between(low, high))  # neither null nor NaN
        .group_by("t", maintain_order=True)
        .agg(pl.col(column).mean())
        .sort("t")
        .collect()
    )


def held_mean(points: pl.DataFrame, column: str) -> float | None:
    """The mean of a column over the time that each value held; without times, over the points. None if there is no value."""
    if not points[column].count():
        return None
    timed = timed_values(points, column, -inf, inf).select(column, held=held_seconds())
    if timed.is_empty():
        return float(points.select(pl.col(column).mean()).item())
    return float(timed.select((pl.col(column) * pl.col("held")).sum() / pl.col("held").sum()).item())


def held_seconds() -> pl.Expr:
    """Seconds for which each point counts: until the next one; 1 before a pause and at the end."""
    gap = pl.col("t").shift(-1) - pl.col("t")
    return pl.when(gap <= HOLDS).then(gap).otherwise(1.0)


def seconds_since(points: pl.DataFrame) -> pl.Expr:
    """`t`, whole seconds since the first point."""
    return (pl.col("recorded_at") - begin_of(points)).dt.total_seconds().cast(pl.Float64).alias("t")


def begin_of(points: pl.DataFrame) -> pl.Expr:
    return pl.lit(points["recorded_at"].min(), pl.Datetime("us", "UTC"))


def covered_line(points: pl.DataFrame, fastest: float | None = None) -> pl.DataFrame:
    """`t`, seconds since the first point, and `covered`, metres until then: by the device, or else along the positions.

    A step faster than `fastest` (m/s) adds no distance; the distance between the ends of a pause counts. Without it a
    drive belongs to the way, as to a file's distance, whatever the sport.
    """
    most, vehicles = fastest or ANY_SPORT, fastest is None
    line = line_of_device(points, most, over_pauses=True, vehicles=vehicles)
    return line_of_positions(points, most, over_pauses=True, vehicles=vehicles) if line.height < 2 else line


def line_of_device(
    points: pl.DataFrame, fastest: float, *, over_pauses: bool = False, vehicles: bool = False
) -> pl.DataFrame:
    timed = _each_second(points, "distance")
    timed = timed if over_pauses else _moved(timed)
    return _line(timed, pl.col("distance").diff(), fastest, over_pauses, vehicles)


def line_of_positions(
    points: pl.DataFrame, fastest: float, *, over_pauses: bool = False, vehicles: bool = False
) -> pl.DataFrame:
    timed = _each_second(points, "latitude", "longitude")
    timed = timed if over_pauses else _without_spikes(_moved(timed))
    return _line(timed, step_between(1, 0), fastest, over_pauses, vehicles)


def _each_second(points: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """`t`, the mean of what was recorded in that second, where all columns have a number, and `since`, s from the one before."""
    return (
        points.lazy()
        .select(seconds_since(points), *columns)
        .filter(pl.col("t").is_not_null() & pl.all_horizontal(pl.col(columns).is_finite()))
        .group_by("t", maintain_order=True)
        .agg(pl.col(columns).mean())
        .sort("t")
        .with_columns(since=pl.col("t").diff())
        .collect()
    )


def _moved(timed: pl.DataFrame) -> pl.DataFrame:
    """The rows without exact repetitions: a receiver that froze goes on with a leap. Over more than HOLDS s, both ends stay."""
    of = pl.struct(pl.exclude("t", "since")).rle_id()
    t, first, last = pl.col("t"), pl.col("t").first().over(of), pl.col("t").last().over(of)
    return timed.filter((t == first) | ((t == last) & (last - first > HOLDS)))


def _without_spikes(placed: pl.DataFrame) -> pl.DataFrame:
    """The rows without single positions out and back: both legs long, twice the direct way in all, and faster than around."""
    way, gap = step_between(1, 0), pl.col("t").diff()
    tried = placed.with_columns(way=way, back=way.shift(-1), direct=step_between(1, 1), speed=way / gap)
    tried = tried.with_columns(slower=pl.min_horizontal("speed", pl.col("speed").shift(-1)))
    is_far = pl.min_horizontal("way", "back") >= _SPIKE_FROM
    out = tried.filter(is_far & (pl.col("way") + pl.col("back") > _DETOUR * pl.col("direct")))
    usual = pl.col("speed").median()  # of the minute around; a loop: over the few that turn back at once
    spikes = [
        t
        for t, slower in out.select("t", "slower").iter_rows()
        if slower > _SPIKE_SPEED * tried.filter(pl.col("t").is_between(t - 30, t + 30)).select(usual).item()
    ]
    return placed.filter(~pl.col("t").is_in(spikes))


def _line(timed: pl.DataFrame, step: pl.Expr, fastest: float, over_pauses: bool, vehicles: bool) -> pl.DataFrame:
    """`t` and `covered`; `step`: metres from the row before. `vehicles`: of three fast steps in a row none is a jump,
    and all count.
    """
    pause = pl.max_horizontal(HOLDS, pl.col("since").median() * LONG)
    speed = pl.col("step") / pl.col("t").diff()
    slowest = pl.min_horizontal(speed.shift(to).fill_null(0.0) for to in (-1, 0, 1)) if vehicles else pl.lit(0.0)
    driven = [(slowest > _NEARLY * fastest).shift(to, fill_value=False) for to in (-1, 0, 1)]
    is_step = pl.any_horizontal(speed <= fastest, *driven) & (over_pauses | (pl.col("since") <= pause))
    return (
        timed.lazy()
        # below 0 where a device or a session begins again
        .with_columns(step=step.clip(lower_bound=0.0).fill_null(0.0))
        .with_columns(pl.when(is_step).then("step").otherwise(0.0))
        .select("t", covered=pl.col("step").cum_sum())
        .collect()
    )


def between(x: pl.Series, y: pl.Series, after: pl.Series, reached: pl.Series) -> pl.Series:
    """The height of the line (x, y) at each of `reached`; these lie before the points with the numbers `after`."""
    before = after - 1
    x_before, y_before = x.gather(before), y.gather(before)
    share = ((reached - x_before) / (x.gather(after) - x_before)).fill_nan(1.0).clip(0.0, 1.0)
    return y_before + share * (y.gather(after) - y_before)


def along_line(line: pl.DataFrame, at: pl.Series) -> pl.Series:
    """The distance (m) along the positions until each moment; 0 if there are fewer than two positions."""
    if line.height < 2:
        return pl.zeros(len(at), pl.Float64, eager=True)
    after = line["t"].search_sorted(at, side="left").clip(1, line.height - 1)
    return between(line["t"], line["covered"], after, at)
