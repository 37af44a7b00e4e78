"""Which values of a track are believed: values within their range, heights and positions that neighbours confirm. Pure.

The bytes of a file stay as received; a device's code for "no value" becomes null here, in files and in streams of
services alike, so that rows, tracks, bests and pages agree. Rejected values are counted by column. Why: docs/adr/0112.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from strava_pipeline.core.geodesy import column_distance_m, distance_m

BELIEVABLE: Mapping[str, tuple[float, float]] = {
    "altitude": (-499.9, 9000.0),  # m: from below the Dead Sea to above the Everest; FIT's 0 is -500
    "distance": (0.0, 42_949_000.0),  # m: FIT's largest number stands for none, 42,949,672.95
    "speed": (0.0, 1000.0),  # m/s: airliners fly at 250
    "heartrate": (1.0, 254.0),  # bpm: 255 is FIT's "invalid", 0 a strap that was not found
    "cadence": (0.0, 254.0),  # 255 is FIT's "invalid"
    "watts": (0.0, 65_534.0),  # W: 65,535 is FIT's "invalid"
    "temperature": (-90.0, 126.0),  # °C: 127 is FIT's "invalid"
}
"""The lowest and the highest possible value of each column."""
_INVALID_SPEED = 65.535  # m/s: FIT's "invalid" in its older field
_CONSTANT = (0.0, 4095.0)  # W: what a meter that measures nothing writes into every record
_OFF = 30.0  # m by which a height of exactly 0 may differ from its neighbours: at the sea 0 is a height
_NEIGHBOURS = 10  # heights
ANY_SPORT = 40.0  # m/s, 144 km/h: more than bikes and skis do outside of attempts at records
_SAME_SECOND = 1.0  # s: stamps are rounded, so that two of one moment may be nearly this far apart
_ONWARD = 0.9  # the ends of a stretch that leads on are this part of its length apart; a stray jumps back
STRAYS = 10  # points in a row that may be elsewhere: GPS receivers find their place within as many seconds
_STRETCH = STRAYS + 1  # steps in a row


def cleaned(points: pl.DataFrame, at: str, fastest: float) -> tuple[pl.DataFrame, dict[str, int]]:
    """The points with null for rejected values, and the number of these by column (both coordinates: `position`).

    Args:
        points: with any of the columns of `tracks`. A NaN among coordinates is one that could not be read.
        at: the column with the time, a Datetime.
        fastest: m/s that the sport reaches; a few points that are further away than that are strays.
    """
    numbers = [name for name in BELIEVABLE if name in points.columns]
    found = points.with_columns(_within(name) for name in numbers)
    if "altitude" in numbers:
        found = found.with_columns(_without_false_zeros(found["altitude"]))
    if {"latitude", "longitude"} <= set(points.columns):
        found = _placed(found)
        elsewhere = pl.Series(list(_strays(found, at, fastest)), dtype=pl.UInt32)
        stays = ~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(elsewhere.implode())
        found = found.with_columns(pl.when(stays).then(pl.col("latitude", "longitude")))
    counts = {"position" if name == "latitude" else name: _lost(points, found, name) for name in (*numbers, "latitude")}
    return found, {name: count for name, count in counts.items() if count}


def _lost(before: pl.DataFrame, after: pl.DataFrame, name: str) -> int:
    return after[name].null_count() - before[name].null_count() if name in before.columns else 0


def _within(name: str) -> pl.Expr:
    value, (low, high) = pl.col(name), BELIEVABLE[name]
    is_value = value.is_finite() & value.is_between(low, high)
    if name == "speed":
        is_value &= (value - _INVALID_SPEED).abs() > 1e-6
    if name == "distance":  # a 0 between distances that go on; where one begins again, less follows
        covered = pl.when(value > 0).then(value)
        is_value &= ~((value == 0) & (covered.backward_fill() >= covered.forward_fill()).fill_null(False))
    if name == "watts":
        is_value &= ~((value.min() == value.max()) & value.is_in(_CONSTANT))
    return pl.when(is_value).then(value).alias(name)


def _without_false_zeros(altitude: pl.Series) -> pl.Series:
    """Heights without zeros further than _OFF from the median of the nearest other heights, half of them on each side."""
    others = altitude.filter(altitude != 0)
    if others.len() in (0, altitude.count()):
        return altitude
    medians = others.rolling_median(_NEIGHBOURS, min_samples=1)
    before = (altitude.is_not_null() & (altitude != 0)).cum_sum()  # how many of them lie before each zero
    around = medians.gather(
        (before.cast(pl.Int64) + _NEIGHBOURS // 2 - 1).clip(min(_NEIGHBOURS, others.len()) - 1, others.len() - 1)
    )
    return altitude.set((altitude == 0) & (around.abs() > _OFF), None)


def _placed(points: pl.DataFrame) -> pl.DataFrame:
    """Points with both coordinates or neither, and longitudes beyond 180° wrapped; 0, 0 is devices' code for no position."""
    latitude, longitude = pl.col("latitude"), pl.col("longitude")
    wrapped = pl.when(longitude.abs() > 180).then((longitude + 180) % 360 - 180).otherwise(longitude)
    is_place = latitude.is_between(-90, 90) & longitude.is_between(-540, 540) & ((latitude != 0) | (longitude != 0))
    return points.with_columns(
        pl.when(is_place).then(latitude).alias("latitude"), pl.when(is_place).then(wrapped).alias("longitude")
    )


def is_believable(step: pl.Expr, gap: pl.Expr, fastest: float) -> pl.Expr:
    """Whether a step (m) is possible in `gap` (s)."""
    return step <= fastest * gap.abs().clip(lower_bound=_SAME_SECOND)


def steps(points: pl.DataFrame, at: str) -> pl.DataFrame:
    """The rows with position and time: row, seconds since 1970, latitude, longitude; step (m), gap (s) since the one before."""
    placed = points.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        "latitude",
        "longitude",
        seconds=pl.col(at).dt.epoch("us") / 1e6,
    )
    return with_steps(placed.drop_nulls())


def with_steps(placed: pl.DataFrame) -> pl.DataFrame:
    """Positions with the step (m) and the gap (s) since the one before."""
    gap = pl.col("seconds").diff()
    gap = pl.when(gap.median() != 0).then(gap)  # where most have one stamp, it says nothing of speeds
    return placed.with_columns(step=step_between(1, 0), gap=gap)


def is_way(placed: pl.DataFrame, gap: pl.Expr) -> pl.Expr:
    """Whether each step of `with_steps` is possible in `gap` (s) in any sport, or belongs to a steady stretch."""
    is_made = is_believable(pl.col("step"), gap, ANY_SPORT).fill_null(True)
    return is_made if placed.select(is_made.all()).item() else is_made | _is_steady()


def _is_steady() -> pl.Expr:
    """Whether a step belongs to a long run of similar steps, none twice as fast as another: on a motorway, by train, in a glider.

    It costs as much as the rest of the cleaning, so it is computed only if some step is too long.
    """
    step, speed = pl.col("step"), pl.col("step") / pl.col("gap")
    even = speed.rolling_max(_STRETCH) < 2 * speed.rolling_min(_STRETCH)
    ends = even & (step_between(_STRETCH, 0) > _ONWARD * step.rolling_sum(_STRETCH))
    return pl.any_horizontal(ends.shift(-further).fill_null(False) for further in range(_STRETCH))


def step_between(before: int, after: int) -> pl.Expr:
    """The distance (m) from the position `before` rows back to the one `after` rows ahead."""
    latitude, longitude = pl.col("latitude"), pl.col("longitude")
    return column_distance_m(
        latitude.shift(before), longitude.shift(before), latitude.shift(-after), longitude.shift(-after)
    )


def _doubles(placed: pl.DataFrame, fastest: float) -> pl.Series:
    """The row that makes the greater detour, of each two positions at one moment."""
    step = pl.col("step")
    with_first = step.shift(1).fill_null(0.0) + step_between(1, 1).fill_null(0.0)
    with_second = step_between(2, 0).fill_null(0.0) + step.shift(-1).fill_null(0.0)
    double = (pl.col("gap") == 0) & ~is_believable(step, pl.col("gap"), fastest)
    strays = placed.select("row", first=pl.col("row").shift(), double=double, detour=with_second >= with_first)
    return strays.filter("double").select(pl.when("detour").then("row").otherwise("first"))["row"]


def is_mostly_faster(placed: pl.DataFrame, fastest: float) -> bool:
    """Whether most of the way was faster than `fastest`, in stretches and not in jumps: by train or aeroplane, whatever sport.

    `placed`: from `steps`.
    """
    fast = placed.select("step", fast=~is_believable(pl.col("step"), pl.col("gap"), fastest)).drop_nulls()
    stretches = fast.group_by(stretch=pl.col("fast").rle_id(), maintain_order=True).agg(
        pl.len(), pl.col("step").sum(), pl.col("fast").first()
    )
    least = min(STRAYS, fast.height // 2)
    way = float(stretches.filter(pl.col("fast") & (pl.col("len") > least))["step"].sum())
    return way > 0.5 * float(fast["step"].sum())


def _strays(points: pl.DataFrame, at: str, fastest: float) -> Iterator[int]:
    """The rows of positions that neither the positions before nor those after confirm. Loops over the few pieces between jumps.

    A short piece is dropped if the ones around it connect; at an end, if nothing moves as fast as its jump.
    """
    placed = steps(points, at)
    if is_mostly_faster(placed, fastest):
        return
    if (doubles := _doubles(placed, fastest)).len():
        yield from doubles
        placed = with_steps(placed.filter(~pl.col("row").is_in(doubles.implode())))
    is_far = ~is_believable(pl.col("step"), pl.col("gap"), fastest)
    if not placed.select(is_far.any()).item():
        return
    jumps = placed.select(jump=(is_far & ~_is_steady()).fill_null(False).cum_sum())["jump"]
    if not jumps.item(-1):
        return
    rows, places = placed["row"], list(placed.select("seconds", "latitude", "longitude").iter_rows())
    starts = [*_starts(jumps), len(places)]
    kept: list[range] = []
    waiting: list[range] = []
    strays: list[range] = []
    for piece in map(range, starts, starts[1:]):
        if not kept or _leads(places[kept[-1][-1]], places[piece[0]], fastest):
            strays += waiting
            waiting = []
            kept.append(piece)
            continue
        waiting.append(piece)
        if _count(waiting) > STRAYS:
            if _count(kept[: STRAYS + 1]) <= STRAYS and not _leads(
                places[kept[-1][-1]], places[waiting[0][0]], ANY_SPORT
            ):
                strays += kept  # the first positions were of another place
                kept = []
            kept += waiting
            waiting = []
    if waiting and not _leads(places[kept[-1][-1]], places[waiting[0][0]], ANY_SPORT):
        strays += waiting if _count(waiting) <= _count(kept) else kept
    for piece in strays:
        yield from rows.gather(list(piece))


def _starts(jumps: pl.Series) -> list[int]:
    return jumps.to_frame("jump").select(pl.arg_where(pl.col("jump").diff().fill_null(1) > 0)).to_series().to_list()


def _count(pieces: list[range]) -> int:
    return sum(map(len, pieces))


def _leads(there: tuple[float, float, float], here: tuple[float, float, float], fastest: float) -> bool:
    gap = max(abs(here[0] - there[0]), _SAME_SECOND)
    return distance_m(*there[1:], *here[1:]) <= fastest * gap
