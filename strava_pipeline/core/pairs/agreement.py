"""How two recordings of one effort agree, quantity by quantity, over the seconds that both have. Pure.

Limits of agreement: mean difference ± 1.96 standard deviations (Bland and Altman, *Statistical methods for assessing
agreement between two methods of clinical measurement*, Lancet 1986). A difference says nothing about who is right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from strava_pipeline.core.matching.rules import LEAST_WAY
from strava_pipeline.core.pairs.places import at_one_place, way
from strava_pipeline.core.track_lines import line_of_device, line_of_positions
from strava_pipeline.core.track_summaries import fastest

FORM = 3  # raised whenever the same points would come to something else
LIMITS = 1.96  # standard deviations: 95 % of a normal distribution
LEAST_SECONDS = 120  # that both have: fewer are not compared
_ONE_RECORDING = 0.5  # of the common seconds at one place: copies share all, two devices 0.005
_ONE_SENSOR = 0.9  # of the common seconds with equal values, when one device wrote each a second later at most
# of sensors that two devices may share; without places they show what is one recording
_OF_SENSORS = ("heartrate", "watts", "cadence")
_EQUAL = 0.51  # in their units: services round to whole numbers
_BLOCK = 30  # s: means over so long lose the noise of single seconds
_LEAST_BLOCKS = 10
_SURE = 0.015  # the slope's standard error, as a share of it
_STRAIGHT = 0.985  # correlation of the blocks' means: below it the slope by one and by the other differ by over 3 %
_FROZEN = 30  # s with one value, while the other recording's moved by the quantity's `moves`
_LOCKED, _LOCK_LASTS, _LOCK_APART = 3.0, 30, 10.0  # bpm from the cadence; s at least; bpm from the other recording


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is compared. `moves`: by how much it changes where one that stands still is frozen; `changed`: by how much a
    difference of two devices is another one; `has_zeros`: 0 is a value.

    `of_places`: follows from positions or the ground, so that a trainer's and a virtual world's say nothing of it.
    """

    title: str
    unit: str
    digits: int
    moves: float = 0.0
    changed: float = 0.0
    has_zeros: bool = False
    of_places: bool = False


QUANTITIES: Mapping[str, Quantity] = {
    "heartrate": Quantity("Heart rate", "bpm", 1, 5.0, 3.0),
    "watts": Quantity("Power", "W", 1, 20.0, 5.0, has_zeros=True),
    "cadence": Quantity("Cadence", "/min", 1, 5.0, 2.0, has_zeros=True),
    "speed": Quantity("Speed", "m/s", 2, 1.0, 0.15, has_zeros=True, of_places=True),
    "altitude": Quantity("Height", "m", 1, 5.0, 10.0, of_places=True),
    "temperature": Quantity("Temperature", "°C", 1, 3.0, 2.0),
}
"""The columns of a track that are compared second by second."""
DISTANCES: Mapping[str, Quantity] = {
    "distance": Quantity("Distance by the device", "m", 0, of_places=True),
    "way": Quantity("Distance along the positions", "m", 0, of_places=True),
}
"""Sums over the time in which both have them: by the device, and along the positions."""


@dataclass(frozen=True, slots=True)
class Both:
    """Two recordings by second, `other` by the clock of `one`, as far as both lasted; `joined`: the common seconds."""

    one: pl.DataFrame
    other: pl.DataFrame
    joined: pl.DataFrame

    @property
    def seconds(self) -> int:
        """How long both lasted."""
        first, last = self.one["second"].min(), self.one["second"].max()
        return 0 if first is None or last is None or self.other.is_empty() else int(last) - int(first) + 1  # type: ignore[arg-type]


def overlap(one: pl.DataFrame, other: pl.DataFrame, shift: int) -> Both:
    """Two recordings from `by_second`, the second one's clock set back by `shift`."""
    moved = other.with_columns(pl.col("second") - shift)
    first, last = (
        max(each["second"].min() for each in (one, moved)),  # type: ignore[type-var]
        min(each["second"].max() for each in (one, moved)),  # type: ignore[type-var]
    )
    here, there = (each.filter(pl.col("second").is_between(first, last)) for each in (one, moved))
    return Both(here, there, here.join(there, on="second", suffix="_b"))


def is_one_recording(both: Both) -> bool:
    """Whether they are copies of one recording: at one place in most seconds.

    Of who stays where they are, or is indoors, the device's distance tells it, or all that sensors gave.
    """
    placed = both.joined.drop_nulls(["latitude", "longitude", "latitude_b", "longitude_b"])
    if placed.height >= LEAST_SECONDS // 2 and placed.select(way()).item() >= LEAST_WAY.value:
        return bool(placed.select(at_one_place().mean()).item() >= _ONE_RECORDING)
    is_one = {name: _is_one_sensor(both, name) for name in _OF_SENSORS}
    if False in is_one.values():
        return False
    has_moved = (both.joined["distance"].max() or 0) >= LEAST_WAY.value  # type: ignore[operator]
    has = [name for name in is_one if max(both.joined[each].count() for each in (name, f"{name}_b")) >= LEAST_SECONDS]
    if has_moved and _is_one_sensor(both, "distance"):
        return True
    return bool(has) and all(is_one[name] for name in has)


def _is_one_sensor(both: Both, name: str) -> bool | None:
    """Whether the common points have equal values, where one device may be a second later; None if they are too few."""
    here, there = pl.col(name), pl.col(f"{name}_b")
    joined = both.joined.filter("is_read", "is_read_b")
    if joined.drop_nulls([name, f"{name}_b"]).height < LEAST_SECONDS // 2:
        return None
    shares = joined.select(((here - there.shift(lag)).abs() < _EQUAL).mean().alias(str(lag)) for lag in (-1, 0, 1))
    return max(share or 0.0 for share in shares.row(0)) >= _ONE_SENSOR


def agreements(both: Both, sport_group: str | None, *, has_places: bool) -> Iterator[dict[str, Any]]:
    """The columns of `recording_pairs` that each compared quantity has.

    Args:
        both: two different recordings.
        sport_group: of core/sports.py.
        has_places: False on a trainer, or in a virtual world: what follows from the ground is not compared.
    """
    legs = 2.0 if sport_group in ("run", "walk") else None  # steps of both legs by the cadence of one
    for name, quantity in QUANTITIES.items():
        common = both.joined.drop_nulls([name, f"{name}_b"]).height
        if common < LEAST_SECONDS:
            if name == "heartrate" and max(each[name].count() for each in (both.one, both.other)) >= LEAST_SECONDS:
                yield {"quantity": name, "seconds": 0, **_dropouts(both, name)}  # a rule may prefer the one that has it
        elif (has_places or not quantity.of_places) and (
            name not in _OF_SENSORS or _is_one_sensor(both, name) is False
        ):
            yield {"quantity": name, **_agreement(both, name, quantity, legs if name == "heartrate" else None)}
    if has_places:
        yield from _distances(both, sport_group)


def _agreement(both: Both, name: str, quantity: Quantity, legs: float | None) -> dict[str, Any]:
    here, there = pl.col(name), pl.col(f"{name}_b")
    values = both.joined.filter(here.is_not_null() & there.is_not_null()).with_columns(apart=there - here)
    apart = pl.col("apart")
    found: dict[str, Any] = values.select(
        seconds=pl.len(),
        difference=apart.median(),
        mean_difference=apart.mean(),
        spread=apart.std(),
        first_mean=here.mean(),
        second_mean=there.mean(),
    ).row(0, named=True)
    found |= {"scale": _scale(values, name), **_dropouts(both, name)}
    for side, own, others in (("first", name, f"{name}_b"), ("second", f"{name}_b", name)):
        found[f"{side}_frozen"] = _frozen(values, own, others, quantity.moves)
        zeros = (pl.col(own) == 0) & (pl.col(others) > 0)
        found[f"{side}_zeros"] = values.select(zeros.mean()).item() if quantity.has_zeros else None
        if legs is not None:
            cadence = "cadence_b" if side == "second" else "cadence"
            found[f"{side}_locked"] = _locked(values, own, others, pl.coalesce(cadence, "cadence_b", "cadence") * legs)
    return found


def _dropouts(both: Both, name: str) -> dict[str, float]:
    sides = {"first": both.one, "second": both.other}
    return {f"{side}_dropouts": each[name].null_count() / each.height for side, each in sides.items()}


def _scale(values: pl.DataFrame, name: str) -> float | None:
    """The reduced major axis of the second by the first, over means of 30 s; None where they hardly spread.

    It lies between the slopes of the two regressions, which noise of either side draws apart (Ricker, *Linear
    Regressions in Fishery Research*, 1973).
    """
    blocks = (
        values.group_by(pl.col("second") // _BLOCK, maintain_order=True)
        .agg(pl.col(name, f"{name}_b").mean(), count=pl.len())
        .filter(pl.col("count") >= _BLOCK // 2)
    )
    if blocks.height < _LEAST_BLOCKS:
        return None
    straight, one, other = blocks.select(
        pl.corr(name, f"{name}_b").fill_nan(0.0),
        pl.col(name).std().alias("one"),
        pl.col(f"{name}_b").std().alias("other"),
    ).row(0)
    is_sure = straight is not None and straight >= _STRAIGHT and 1 - straight**2 <= _SURE**2 * (blocks.height - 2)
    return float(other / one) if is_sure else None


def _frozen(values: pl.DataFrame, own: str, others: str, moves: float) -> float:
    """The share of seconds within a run of one value, not 0, that lasted while the other recording moved."""
    other = pl.col(others).rolling_mean(10, min_samples=1, center=True).over("run")  # not of the values before a step
    smooth = values.with_columns(run=pl.col(own).rle_id()).with_columns(other=other)
    runs = smooth.group_by("run").agg(
        seconds=pl.col("second").last() - pl.col("second").first() + 1,
        held=pl.len(),
        moved=pl.col("other").max() - pl.col("other").min(),
        value=pl.col(own).first(),
    )
    still = runs.filter((pl.col("seconds") >= _FROZEN) & (pl.col("moved") >= moves) & (pl.col("value") != 0))
    return float(still["held"].sum()) / values.height


def _locked(values: pl.DataFrame, own: str, others: str, steps: pl.Expr) -> int:
    """Seconds in which a heart rate is the steps' number for half a minute and more, and the other recording's isn't."""
    lock = ((pl.col(own) - steps).abs() <= _LOCKED) & ((pl.col(own) - pl.col(others)).abs() >= _LOCK_APART)
    marked = values.with_columns(lock=lock.fill_null(value=False))
    runs = marked.group_by(pl.col("lock").rle_id().alias("run")).agg(pl.len().alias("held"), pl.col("lock").first())
    return int(runs.filter("lock", pl.col("held") >= _LOCK_LASTS)["held"].sum())


def _distances(both: Both, sport_group: str | None) -> Iterator[dict[str, Any]]:
    """The metres of both, by the device and along the positions, from the second on in which both have them."""
    lines = {"distance": (["distance"], line_of_device), "way": (["latitude", "longitude"], line_of_positions)}
    for quantity, (columns, line) in lines.items():
        one, other = (each.filter("is_read").drop_nulls(columns) for each in (both.one, both.other))
        if one.is_empty() or other.is_empty():
            continue
        shared = overlap(one, other, 0)
        first, second = (
            _covered(line(_timed(each), fastest(sport_group), over_pauses=True)) for each in (shared.one, shared.other)
        )
        if min(first, second) > 0:
            apart = second - first
            yield {
                "quantity": quantity,
                "seconds": shared.seconds,
                "difference": apart,
                "mean_difference": apart,
                "first_mean": first,
                "second_mean": second,
                "scale": second / first,
            }


def _timed(recording: pl.DataFrame) -> pl.DataFrame:
    return recording.with_columns(recorded_at=pl.from_epoch("second", time_unit="s").cast(pl.Datetime("us", "UTC")))


def _covered(line: pl.DataFrame) -> float:
    return float(line["covered"].item(-1)) if line.height > 1 else 0.0
