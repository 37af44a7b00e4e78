"""What a track says: the best power over a time, the best time over a distance, how long each value held, where it led. Pure.

A track is read as two lines over time that rise from point to point: energy, and distance. The best window of a length begins or
ends at a point of such a line, so looking there is exact, whatever the recording's interval. What was not recorded never makes a
result better: a gap adds no energy, and a jump of the positions no distance, while its time counts.
"""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from strava_pipeline.core.geodesy import HIGHEST_LATITUDE, column_distance_m, column_tiles
from strava_pipeline.core.tables.details import CURVES, TRACK_CELLS, VALUE_SECONDS

FORM = 3  # raised whenever the same points would come to something else
DURATIONS = (5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 5400, 7200)  # s
DISTANCES = (400.0, 800.0, 1000.0, 1609.344, 3000.0, 5000.0, 10_000.0, 15_000.0, 21_097.5, 30_000.0, 42_195.0)  # m
HOLDS = 10.0  # s: a longer gap is a pause. Smart recording of Garmin's devices leaves less
MOST_WATTS = (
    2500.0  # world-class track sprinters reach 1,600 W on average (Dorel et al. 2005), the best half as much again
)
_TRIED_AT_ONCE = 200_000  # windows of each kind: 72 bytes each
CELL_ZOOM = 21  # 2^21 columns: 19.1 m at the equator, 12.9 m at 47.5° north
# of the larger tiles of a heat map: at each scale of a map one is 4 to 16 pixels wide
TILE_ZOOMS = (20, 18, 16, 14, 12, 10)
_BEATS = (20.0, 250.0)  # bpm
# m/s, a little more than the best ever: Bolt in Berlin in 2009 (12.4; Graubner and Nixdorf 2011), 50 m freestyle (2.4)
FASTEST = {"run": 12.5, "walk": 12.5, "swim": 2.5}


def curves(points: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """The best power over each of DURATIONS and, on foot and in water, the best time over each of DISTANCES.

    Args:
        points: of one activity, with the columns of `tracks`.
        sport_group: of core/sports.py.

    Returns:
        The columns of `curves` that belong to an activity: measure, width, value, begins_at.
    """
    found = [_power_curve(points)]
    if sport_group in FASTEST:
        found.append(_pace_curve(points, FASTEST[sport_group]))
    return pl.concat(found)


def value_seconds(points: pl.DataFrame, sport_group: str | None = None) -> pl.DataFrame:
    """For how many seconds each whole watt and each heart rate held: measure, value, seconds.

    A point counts until the next one; for one second, where that is more than HOLDS seconds away.
    """
    del sport_group  # counts for every sport
    found = []
    for measure, (low, high) in {"watts": (0.0, MOST_WATTS), "heartrate": _BEATS}.items():
        timed = timed_values(points, measure, low, high)
        found.append(
            timed.select(
                pl.lit(measure).alias("measure"),
                pl.col(measure).round().cast(pl.Int32).alias("value"),
                held_seconds().alias("seconds"),
            )
            .group_by("measure", "value")
            .agg(pl.col("seconds").sum())
            .sort("value")
        )
    return pl.concat(found).select(_columns(VALUE_SECONDS.polars_schema, "measure", "value", "seconds"))


def _columns(schema: dict[str, pl.DataType], *names: str) -> list[pl.Expr]:
    return [pl.col(name).cast(schema[name]) for name in names]


def timed_values(points: pl.DataFrame, column: str, low: float, high: float) -> pl.DataFrame:
    """The believable values, the mean of each second, in order: `t`, seconds since the first point, and `column`."""
    return (
        points.lazy()
        .select(_seconds(points), column)
        .filter(pl.col("t").is_not_null() & pl.col(column).is_between(low, high))  # neither null nor NaN
        .group_by("t")
        .agg(pl.col(column).mean())
        .sort("t")
        .collect()
    )


def held_seconds() -> pl.Expr:
    """Seconds that each point counts for: until the next one, or one before a pause and at the end."""
    gap = pl.col("t").shift(-1) - pl.col("t")
    return pl.when(gap <= HOLDS).then(gap).otherwise(1.0)


def _seconds(points: pl.DataFrame) -> pl.Expr:
    """`t`, whole seconds since the first point."""
    return (pl.col("recorded_at") - _begin(points)).dt.total_seconds().cast(pl.Float64).alias("t")


def _begin(points: pl.DataFrame) -> pl.Expr:
    return pl.lit(points["recorded_at"].min(), pl.Datetime("us", "UTC"))


def _power_curve(points: pl.DataFrame) -> pl.DataFrame:
    """The greatest mean power over each duration that fits into the recording; a pause is time without power."""
    timed = timed_values(points, "watts", 0.0, MOST_WATTS)
    rows: list[tuple[str, float, float, float]] = []
    if timed.height and float(timed["watts"].max() or 0) > 0:  # type: ignore[arg-type]
        held = timed.with_columns(held=held_seconds()).with_columns(joules=pl.col("watts") * pl.col("held"))
        starts = held.select("t", energy=pl.col("joules").cum_sum() - pl.col("joules"))
        ends = held.select(t=pl.col("t") + pl.col("held"), energy=pl.col("joules").cum_sum())
        line = pl.concat([starts, ends]).unique("t").sort("t")
        rows = [
            ("watts", width, rise / width, begins) for width, rise, begins in _best_rises(line["t"], line["energy"])
        ]
    return _rows(points, rows)


def _best_rises(t: pl.Series, energy: pl.Series) -> list[tuple[float, float, float]]:
    """Of each duration that fits: the greatest rise of `energy` over it, and when that begins. `t` rises strictly."""
    found = []
    for widths in _batches(DURATIONS, len(t)):
        tried = _every_window(pl.DataFrame({"x": t, "t": t, "y": energy}), widths)
        after = t.search_sorted(tried["reached"], side="right").clip(1, len(t) - 1)
        there = _between(t, energy, after, tried["reached"])
        values = tried.with_columns(value=(there - tried["y"]) * tried["way"], begins=tried["t"] - tried["back"])
        found += _best(values, "max")
    return found


def _batches(widths: Sequence[float], points: int) -> list[Sequence[float]]:
    """The widths in groups: many at once, as each start of Polars costs a third of a millisecond, but within some 30 MB."""
    size = max(1, _TRIED_AT_ONCE // max(points, 1))
    return [widths[first : first + size] for first in range(0, len(widths), size)]


def _every_window(points: pl.DataFrame, widths: Sequence[float]) -> pl.DataFrame:
    """For each point and width the window that begins, and the one that ends there, where it is within the line along `x`.

    Returns:
        The columns of `points`, `width`, `reached` (the other end, along `x`), `way` (1: the window begins at the point; -1) and
        `back` (what lies between its begin and the point, along `x`).
    """
    x, width = pl.col("x"), pl.col("width")
    tried = points.join(pl.DataFrame({"width": widths}, {"width": pl.Float64}), how="cross")
    first, last = points["x"].item(0), points["x"].item(-1)
    return pl.concat(
        [
            tried.filter(x <= last - width).with_columns(reached=x + width, way=pl.lit(1), back=pl.lit(0.0)),
            tried.filter(x >= first + width).with_columns(reached=x - width, way=pl.lit(-1), back=width),
        ]
    )


def _between(x: pl.Series, y: pl.Series, after: pl.Series, reached: pl.Series) -> pl.Series:
    """The height of the line (x, y) at each of `reached`, which lie before the points number `after`."""
    before = after - 1
    x_before, y_before = x.gather(before), y.gather(before)
    share = ((reached - x_before) / (x.gather(after) - x_before)).fill_nan(1.0).clip(0.0, 1.0)
    return y_before + share * (y.gather(after) - y_before)


def _best(tried: pl.DataFrame, which: Literal["max", "min"]) -> list[tuple[float, float, float]]:
    """Of each width, in order: the greatest or the least value, and when that window begins."""
    value = pl.col("value")
    place = value.arg_max() if which == "max" else value.arg_min()
    found = tried.group_by("width").agg(value.get(place), pl.col("begins").get(place)).sort("width")
    return list(found.select("width", "value", "begins").iter_rows())


def _pace_curve(points: pl.DataFrame, fastest: float) -> pl.DataFrame:
    """The least time over each distance that was covered. A step faster than `fastest` (m/s) adds no distance."""
    line = covered_line(points, fastest)
    if line.is_empty():
        return _rows(points, [])
    return _rows(points, [("pace", *found) for found in _least_times(line["t"], line["covered"])])


def covered_line(points: pl.DataFrame, fastest: float) -> pl.DataFrame:
    """`t`, seconds since the first point, and `covered`, metres until then: by the device, or else along the positions."""
    timed = points.filter(pl.col("recorded_at").is_not_null()).sort("recorded_at", maintain_order=True)
    if timed["distance"].is_finite().sum() > 1:
        timed = timed.filter(pl.col("distance").is_finite())
        step = pl.col("distance").diff()  # below 0 where a device or a session begins again
    else:
        timed = timed.filter(pl.col("latitude").is_finite() & pl.col("longitude").is_finite())
        here = pl.col("latitude"), pl.col("longitude")
        step = column_distance_m(here[0].shift(), here[1].shift(), *here)
    return (
        timed.lazy()
        .select(
            _seconds(points),
            step.clip(lower_bound=0.0).fill_null(0.0).alias("step"),
        )
        .group_by("t")
        .agg(pl.col("step").sum())
        .sort("t")
        .with_columns(pl.when(pl.col("step") <= fastest * pl.col("t").diff()).then("step").otherwise(0.0))
        .select("t", covered=pl.col("step").cum_sum())
        .collect()
    )


def _least_times(t: pl.Series, covered: pl.Series) -> list[tuple[float, float, float]]:
    """Of each distance that was covered: the least time for it, and when that begins.

    Where one stood, a window ends at the first moment of the stop, and begins at the last one.
    """
    found = []
    for widths in _batches(DISTANCES, len(t)):
        tried = _every_window(pl.DataFrame({"x": covered, "t": t}), widths)
        forward, backward = tried.filter(pl.col("way") == 1), tried.filter(pl.col("way") == -1)
        after = covered.search_sorted(forward["reached"], side="left").clip(1, len(covered) - 1)
        ends = _between(covered, t, after, forward["reached"])
        after = covered.search_sorted(backward["reached"], side="right").clip(1, len(covered) - 1)
        starts = _between(covered, t, after, backward["reached"])
        values = [
            forward.select("width", value=ends - forward["t"], begins="t"),
            backward.select("width", value=backward["t"] - starts, begins=starts),
        ]
        found += _best(pl.concat(values), "min")
    return found


def _rows(points: pl.DataFrame, rows: Sequence[tuple[str, float, float, float]]) -> pl.DataFrame:
    """As columns of `curves`; the last number of each row: seconds from the first point to the begin of the window."""
    frame = pl.DataFrame(
        rows, {"measure": pl.String, "width": pl.Float64, "value": pl.Float64, "begins": pl.Float64}, orient="row"
    )
    begins = _begin(points) + pl.duration(microseconds=(pl.col("begins") * 1e6).round())
    return frame.with_columns(begins_at=begins).select(
        _columns(CURVES.polars_schema, "measure", "width", "value", "begins_at")
    )


def cells(points: pl.DataFrame, sport_group: str | None = None) -> pl.DataFrame:
    """The cells that an activity's points lie in, each once: x, y of the tiles at CELL_ZOOM.

    Tiles are those of web maps: EPSG:3857, x to the east, y to the south, from the corner at 180° W and 85.05° N.
    """
    del sport_group  # counts for every sport
    latitude, longitude = pl.col("latitude"), pl.col("longitude")
    x, y = column_tiles(latitude, longitude, CELL_ZOOM)
    on_map = latitude.is_between(-HIGHEST_LATITUDE, HIGHEST_LATITUDE) & longitude.is_between(-180, 180)
    somewhere = (latitude != 0) | (longitude != 0)  # 0, 0 is what devices write without a position
    return (
        points.lazy()
        .filter(on_map & somewhere)
        .select(x=x, y=y)
        .select(_columns(TRACK_CELLS.polars_schema, "x", "y"))
        .unique()
        .sort("y", "x")
        .collect()
    )
