"""The error of each of three or more devices that met in pairs: the three-cornered hat. Pure.

Of two devices the variance of their difference is all that is known; of three, whose errors are independent, each one's
own variance follows: σ²(a) = (D(ab) + D(ac) − D(bc)) / 2 (Gray and Allan, *A method for estimating the frequency
stability of an individual oscillator*, 1974). Errors that two devices share are not seen: both look better than they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import sqrt
from statistics import fmean, variance

LEAST_EFFORTS = 6  # of each pair: fewer tell no interval
_SIGMAS = 2.0  # of the interval: some 95 %
FEW, DISAGREE, SHARED, HIDDEN = "few", "disagree", "shared", "hidden"
"""Why an error can't be told: too few efforts with two further devices; other companions tell another error; two of the
three measure alike, so that they may share errors; it is too small to be seen beside the others'.
"""

Pair = tuple[str, str]  # names of devices, in order


@dataclass(frozen=True, slots=True)
class DeviceError:
    """A device's error as a standard deviation, with its interval; `value` None: it can't be told, for the reason `why`.

    `efforts`: of the pair that met least often. With HIDDEN, `high` is the most that it may be.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    efforts: int = 0
    why: str | None = None


def device_errors(
    variances: Mapping[Pair, Sequence[float]], alike: frozenset[Pair] = frozenset()
) -> dict[str, DeviceError]:
    """The error of each device.

    Args:
        variances: by pair of devices, the variance of their difference in each effort that both recorded.
        alike: pairs that measure in the same way, such as two wrists.

    >>> met = {("a", "b"): [10.0] * 8, ("a", "c"): [37.0] * 8, ("b", "c"): [45.0] * 8}
    >>> {name: each.value for name, each in device_errors(met).items()}
    {'a': 1.0, 'b': 3.0, 'c': 6.0}
    """
    names = sorted({name for pair in variances for name in pair})
    return {name: _error(name, [one for one in names if one != name], variances, alike) for name in names}


@dataclass(frozen=True, slots=True)
class _Told:
    """The squared error that three devices tell, its standard error, and the efforts of the pair that met least often."""

    square: float
    sigma: float
    efforts: int


def _error(
    name: str, others: Sequence[str], variances: Mapping[Pair, Sequence[float]], alike: frozenset[Pair]
) -> DeviceError:
    told, may_share = list[_Told](), False
    for pair in combinations(others, 2):
        trio = [*map(_ordered, combinations((name, *pair), 2))]
        met = [variances.get(each, ()) for each in trio]
        if min(map(len, met)) < LEAST_EFFORTS:
            continue
        if not alike.isdisjoint(trio):
            may_share = True
            continue
        one, other, apart = ((fmean(each), variance(each) / len(each)) for each in met)
        square, squares = (one[0] + other[0] - apart[0]) / 2, (one[1] + other[1] + apart[1]) / 4
        told.append(_Told(square, sqrt(squares), min(map(len, met))))
    if not told:
        return DeviceError(why=SHARED if may_share else FEW)
    best = min(told, key=lambda each: (each.sigma, each.square))
    if any(
        one.square - other.square > _SIGMAS * sqrt(one.sigma**2 + other.sigma**2)
        for one, other in permutations(told, 2)
    ):
        return DeviceError(efforts=best.efforts, why=DISAGREE)
    low, high = (sqrt(max(0.0, best.square + sign * _SIGMAS * best.sigma)) for sign in (-1, 1))
    if best.square <= 0:
        return DeviceError(high=high, efforts=best.efforts, why=HIDDEN)
    return DeviceError(sqrt(best.square), low, high, best.efforts)


def _ordered(pair: Pair) -> Pair:
    return (pair[0], pair[1]) if pair[0] < pair[1] else (pair[1], pair[0])
