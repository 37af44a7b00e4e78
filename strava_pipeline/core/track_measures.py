"""Measures of a track: best power over a time, best time over a distance, how long each value held, where it led. Pure.

A track is read as two lines over time that never fall: energy, and distance. The best window of a length begins or ends
at a point of such a line, so looking there is exact, whatever the recording's interval. Missing data never improves a
result: a gap adds no energy and no distance, and a jump of the positions no distance, while its time counts.
"""

from collections.abc import Iterator, Sequence
from math import inf

import polars as pl

from strava_pipeline.core.geodesy import HIGHEST_LATITUDE, column_tiles
from strava_pipeline.core.human_bests import STEEP, least_seconds
from strava_pipeline.core.tables.bests import DISTANCES_OF, DURATIONS
from strava_pipeline.core.tables.details import CURVES, TRACK_CELLS, VALUE_SECONDS
from strava_pipeline.core.track_lines import (
    HOLDS,
    along_line,
    begin_of,
    between,
    held_seconds,
    line_of_device,
    line_of_positions,
    timed_values,
)

FORM = 8  # raised whenever the same points would come to something else
DISTANCES = {group: tuple(map(float, lengths.values())) for group, lengths in DISTANCES_OF.items()}
BEAT_DURATIONS = (60, 1200)  # s: a maximum, and a threshold, are estimated from these (lake/sql/activity_load.sql)
LEAST_POINTS = 5  # within a window, that its time may be known (docs/adr/0114)
_MOMENT = 1e-6  # s or m: what sums of doubles may differ by
_AGREE = 0.1  # part of a window's length by which device and positions may differ (docs/adr/0083)
MOST_WATTS = (
    2500.0  # world-class track sprinters reach 1,600 W on average (Dorel et al. 2005), the best half as much again
)
POSITIONS, DEVICE, LENGTHS, METER = "positions", "device", "lengths", "meter"
"""How a best was measured: positions (the device agrees with them), the device alone, lengths of a pool, a meter
(watts, beats).
"""
_Row = tuple[str, float, float, float, str]
"""measure, width, value, seconds from the first point to the start of the window, measured_by"""
_TRIED_AT_ONCE = 200_000  # windows of each kind: 72 bytes each
CELL_ZOOM = 21  # 2^21 columns: 19.1 m at the equator, 12.9 m at 47.5° north
# of the larger tiles of a heat map: at each scale of a map one is 4 to 16 pixels wide
TILE_ZOOMS = (20, 18, 16, 14, 12, 10)
BEATS = (20.0, 250.0)  # bpm
_BELIEVABLE = {"watts": (0.0, MOST_WATTS), "heartrate": BEATS}
# m/s, a little more than the best ever: Bolt in Berlin in 2009 (12.4; Graubner and Nixdorf 2011), 50 m freestyle (2.4); on a
# bike 90 km/h: the few descents that are faster count less, so that jumps of the positions count not (docs/adr/0083)
FASTEST = {"run": 12.5, "walk": 12.5, "swim": 2.5, "ride": 25.0, "e_ride": 25.0}


def curves(points: pl.DataFrame, sport_group: str | None) -> pl.DataFrame:
    """The best power over each of DURATIONS, the highest heart rate over each of BEAT_DURATIONS and, for sports under
    one's own power, the best time over each of DISTANCES.

    Args:
        points: of one activity, with the columns of `tracks`.
        sport_group: of core/sports.py.
    Returns:
        The columns of `curves` that belong to an activity: measure, width, value, begins_at, measured_by.
    """
    found = [_mean_curve(points, "watts", DURATIONS), _mean_curve(points, "heartrate", BEAT_DURATIONS)]
    if sport_group in FASTEST:
        found.append(_pace_curve(points, sport_group))
    return pl.concat(found)


def value_seconds(points: pl.DataFrame, sport_group: str | None = None) -> pl.DataFrame:
    """The seconds for which each whole watt and each heart rate held: measure, value, seconds.

    A point counts until the next one; for one second if that is more than HOLDS seconds away. A track whose points are
    usually further apart has none.
    """
    del sport_group  # counts for every sport
    found = []
    for measure in _BELIEVABLE:
        timed = _dense_values(points, measure)
        found.append(
            timed.select(
                pl.lit(measure).alias("measure"),
                pl.col(measure).round().cast(pl.Int32).alias("value"),
                held_seconds().alias("seconds"),
            )
            .group_by("measure", "value", maintain_order=True)
            .agg(pl.col("seconds").sum())
            .sort("value")
        )
    return pl.concat(found).select(_columns(VALUE_SECONDS.polars_schema, "measure", "value", "seconds"))


def _columns(schema: dict[str, pl.DataType], *names: str) -> list[pl.Expr]:
    return [pl.col(name).cast(schema[name]) for name in names]


def _mean_curve(points: pl.DataFrame, measure: str, durations: Sequence[float]) -> pl.DataFrame:
    """The greatest mean of a column over each duration that fits into the recording; a pause is time without power or beats."""
    timed = _dense_values(points, measure)
    rows: list[_Row] = []
    if timed.height and float(timed[measure].max() or 0) > 0:  # type: ignore[arg-type]
        held = timed.with_columns(held=held_seconds()).with_columns(energy=pl.col(measure) * pl.col("held"))
        starts = held.select("t", energy=pl.col("energy").cum_sum() - pl.col("energy"))
        ends = held.select(t=pl.col("t") + pl.col("held"), energy=pl.col("energy").cum_sum())
        line = pl.concat([starts, ends]).unique("t").sort("t")
        rises = _best_rises(line["t"], line["energy"], durations)
        rows = [(measure, width, rise / width, begins, METER) for width, rise, begins in rises]
    return _rows(points, rows)


def _dense_values(points: pl.DataFrame, measure: str) -> pl.DataFrame:
    """`timed_values` of a measure; none if they are usually more than HOLDS apart, as most of the time is then unknown."""
    timed = timed_values(points, measure, *_BELIEVABLE[measure])
    usual = float(timed["t"].diff().median() or 0)  # type: ignore[arg-type]
    return timed.clear() if usual > HOLDS else timed


def _best_rises(t: pl.Series, energy: pl.Series, durations: Sequence[float]) -> list[tuple[float, float, float]]:
    """For each duration that fits: the greatest rise of `energy` over it, and when that begins. `t` rises strictly."""
    found: list[tuple[float, float, float]] = []
    for widths in _batches(durations, len(t)):
        tried = _every_window(pl.DataFrame({"x": t, "t": t, "y": energy}), widths)
        after = t.search_sorted(tried["reached"], side="right").clip(1, len(t) - 1)
        there = between(t, energy, after, tried["reached"])
        values = tried.with_columns(value=(there - tried["y"]) * tried["way"], begins=tried["t"] - tried["back"])
        found += _best(values.select("width", "value", "begins"), pl.col("value").arg_max()).iter_rows()
    return found


def _batches(widths: Sequence[float], points: int) -> list[Sequence[float]]:
    """The widths in groups: many at once, as each start of Polars costs a third of a millisecond, but within some 30 MB."""
    size = max(1, _TRIED_AT_ONCE // max(points, 1))
    return [widths[first : first + size] for first in range(0, len(widths), size)]


def _every_window(points: pl.DataFrame, widths: Sequence[float]) -> pl.DataFrame:
    """For each point and width, the windows that begin and end there, if they lie within the line along `x`.

    Returns:
        The columns of `points`, `width`, `reached` (the other end, along `x`), `way` (1: the window begins at the
        point; -1: it ends there) and `back` (the distance from its beginning to the point, along `x`).
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


def _best(tried: pl.DataFrame, place: pl.Expr) -> pl.DataFrame:
    """The window of each width at `place`, in order."""
    return tried.group_by("width").agg(pl.exclude("width").get(place)).sort("width")


def _pace_curve(points: pl.DataFrame, group: str) -> pl.DataFrame:
    """The shortest time over each distance of the group that was covered. A step faster than FASTEST adds no distance.

    Nor does a stretch faster than anybody ever was: all such stretches make one row, `too_fast`. If the positions give
    another distance than the device, or none, the time is `measured_by` the device alone; a slower time on which both
    agree is listed too. A time with fewer than LEAST_POINTS points within is dropped, because it would be guessed
    between them.
    """
    along = line_of_positions(points, FASTEST[group])
    line = line_of_device(points, FASTEST[group])
    is_by_device = line.height >= 2
    line = line if is_by_device else along
    if line.is_empty():
        return _rows(points, [])
    whole = ridden = (line_of_device if is_by_device else line_of_positions)(points, FASTEST[group], vehicles=True)
    alone = DEVICE if group != "swim" or along.height else LENGTHS
    rows: list[_Row] | None = None
    while rows is None:
        rows = []
        for windows in _timed_windows(ridden, group):
            carried = _carried(windows, group, points)
            if carried.height:
                line, along, ridden = (_without(each, carried, group) for each in (line, along, ridden))
                rows = None
                break
            rows += _best_times(windows, ridden, along, alone)
    if not line.equals(ridden):  # a few steps were too fast, but it wasn't a vehicle
        rows = [row for windows in _timed_windows(line, group) for row in _best_times(windows, line, along, alone)]
    return _rows(points, [*rows, *_too_fast(whole, ridden)])


def _best_times(windows: pl.DataFrame, line: pl.DataFrame, along: pl.DataFrame, alone: str) -> Iterator[_Row]:
    """The rows of the quickest windows: those that the positions confirm, and quicker ones that only `alone` gives."""
    quickest = pl.col("value").arg_min()
    best = _agreeing(_best(windows, quickest), along)
    doubtful = best.filter(~pl.col("agree"))["width"]
    slower = _agreeing(windows.filter(pl.col("width").is_in(doubtful.implode())), along).filter("agree")
    told = pl.concat([best.filter("agree"), _best(slower, quickest)]).with_columns(measured_by=pl.lit(POSITIONS))
    found = pl.concat([told, best.filter(~pl.col("agree")).with_columns(measured_by=pl.lit(alone))]).drop("agree")
    if alone != LENGTHS:
        begins, ends = found["begins"] - _MOMENT, found["begins"] + found["value"] + _MOMENT
        within = line["t"].search_sorted(ends, side="right") - line["t"].search_sorted(begins, side="left")
        found = found.filter(within >= LEAST_POINTS)
    yield from (("pace", *row) for row in found.iter_rows())


def _carried(windows: pl.DataFrame, group: str, points: pl.DataFrame) -> pl.DataFrame:
    """The windows faster than anybody ever was, of the smallest width that has any. Their heights excuse a ride downhill."""
    least = {width: least_seconds(group, width) for width in DISTANCES[group]}
    found = windows.filter(pl.col("value") < pl.col("width").replace_strict(least, return_dtype=pl.Float64))
    if group == "ride" and found.height:
        heights = timed_values(points, "altitude", -inf, inf).rename({"altitude": "covered"})
        falls = along_line(heights, found["begins"]) - along_line(heights, found["begins"] + found["value"])
        found = found.filter(falls <= STEEP * found["width"])
    return found.filter(pl.col("width") == pl.col("width").min())


def _without(line: pl.DataFrame, windows: pl.DataFrame, group: str) -> pl.DataFrame:
    """The line without the metres of the steps in the windows and of fast ones beside them; their time stays.

    Steps at the end of a window that are slower than half of what is believed are the athlete's own.
    """
    width = windows["width"].item(0)
    believed = width / least_seconds(group, width)
    since, until = line["t"].shift(fill_value=0.0) + _MOMENT, line["t"] - _MOMENT
    begun = windows["begins"].sort().search_sorted(until, side="left")
    ended = (windows["begins"] + windows["value"]).sort().search_sorted(since, side="right")
    step, within, gone = pl.col("covered").diff().fill_null(0.0), pl.col("within"), pl.col("gone")
    fast = (pl.col("speed") > believed / 2).cast(pl.UInt32)
    ends = [fast.cum_sum(reverse=way).over(within.rle_id()) > 0 for way in (False, True)]
    return (
        line.with_columns(within=begun > ended, speed=(step / pl.col("t").diff()).fill_null(0.0))
        .with_columns(gone=pl.all_horizontal(within, *ends))
        .with_columns(gone=gone.any().over((gone | (pl.col("speed") > believed)).rle_id()))
        .select("t", covered=pl.when(gone).then(0.0).otherwise(step).cum_sum())
    )


def _too_fast(whole: pl.DataFrame, line: pl.DataFrame) -> list[_Row]:
    """The part of the `whole` line that `line` lacks: metres, seconds, and when it begins."""
    lost = whole["covered"].diff().fill_null(0.0) - line["covered"].diff().fill_null(0.0)
    steps = whole.select(begins=pl.col("t").shift(), lasts=pl.col("t").diff()).filter(lost > _MOMENT)
    summed = float(lost.sum()), float(steps["lasts"].sum())
    return [("too_fast", *summed, steps["begins"].item(0), POSITIONS)] if steps.height else []


def _agreeing(windows: pl.DataFrame, along: pl.DataFrame) -> pl.DataFrame:
    """With `agree`: whether the distance along the positions is about each window's width."""
    begins, width = windows["begins"], windows["width"]
    led = along_line(along, begins + windows["value"]) - along_line(along, begins)
    return windows.with_columns(agree=(led - width).abs() <= _AGREE * width)


def _timed_windows(line: pl.DataFrame, group: str) -> Iterator[pl.DataFrame]:
    """The windows that can be the fastest over each distance, some distances at a time: width, value (s) and begins.

    At a stop, a window ends at its first moment, or begins at its last one.
    """
    t, covered = line["t"], line["covered"]
    for widths in _batches(DISTANCES[group], len(t)):
        tried = _every_window(pl.DataFrame({"x": covered, "t": t}), widths)
        forward, backward = tried.filter(pl.col("way") == 1), tried.filter(pl.col("way") == -1)
        after = covered.search_sorted(forward["reached"], side="left").clip(1, len(covered) - 1)
        ends = between(covered, t, after, forward["reached"])
        after = covered.search_sorted(backward["reached"], side="right").clip(1, len(covered) - 1)
        starts = between(covered, t, after, backward["reached"])
        values = [
            forward.select("width", value=ends - forward["t"], begins="t"),
            backward.select("width", value=backward["t"] - starts, begins=starts),
        ]
        yield pl.concat(values)


def _rows(points: pl.DataFrame, rows: Sequence[_Row]) -> pl.DataFrame:
    """The rows as columns of `curves`."""
    names = ("measure", "width", "value", "begins", "measured_by")
    frame = pl.DataFrame(rows, {name: CURVES.polars_schema.get(name, pl.Float64()) for name in names}, orient="row")
    begins = begin_of(points) + pl.duration(microseconds=(pl.col("begins") * 1e6).round())
    return frame.with_columns(begins_at=begins).select(
        _columns(CURVES.polars_schema, "measure", "width", "value", "begins_at", "measured_by")
    )


def cells(points: pl.DataFrame, sport_group: str | None = None) -> pl.DataFrame:
    """The cells that contain an activity's points, each once: x, y of the tiles at CELL_ZOOM.

    Tiles are those of web maps: EPSG:3857, x to the east, y to the south, from the corner at 180° W and 85.05° N.
    """
    del sport_group  # counts for every sport
    latitude, longitude = pl.col("latitude"), pl.col("longitude")
    x, y = column_tiles(latitude, longitude, CELL_ZOOM)
    on_map = latitude.is_between(-HIGHEST_LATITUDE, HIGHEST_LATITUDE) & longitude.is_between(-180, 180)
    return (
        points.lazy()
        .filter(on_map)
        .select(x=x, y=y)
        .select(_columns(TRACK_CELLS.polars_schema, "x", "y"))
        .unique()
        .sort("y", "x")
        .collect()
    )
