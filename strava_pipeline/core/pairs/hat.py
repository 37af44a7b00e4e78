"""The error of each of three or more devices that met in pairs: the three-cornered hat. Pure.

Of two devices the variance of their difference is all that is known; of three, whose errors are independent, each one's
own variance follows: σ²(a) = (D(ab) + D(ac) − D(bc)) / 2 (Gray and Allan, *A method for estimating the frequency
stability of an individual oscillator*, 1974). It is taken of efforts that all three recorded; only where they are too few, of
those of each pair. Errors that two devices share are not seen: both look better than they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import sqrt
from statistics import fmean, variance

LEAST_EFFORTS = 6  # of each pair: fewer tell no interval
_SIGMAS = 2.0  # by which two errors of one device contradict each other
FEW, DISAGREE, SHARED, HIDDEN = "few", "disagree", "shared", "hidden"
"""Why an error can't be told: too few efforts with two further devices; the numbers contradict each other; two of the three
measure alike, so that they may share errors; it is too small to be seen beside the others'.
"""

Pair = tuple[str, str]  # names of devices, in order
Met = Mapping[Pair, Mapping[int, float]]
"""By pair of devices and effort that both recorded, the variance of their difference."""


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


def device_errors(met: Met, alike: frozenset[Pair] = frozenset()) -> dict[str, DeviceError]:
    """The error of each device.

    Args:
        met: the variances.
        alike: pairs that measure in the same way, such as two wrists.

    >>> apart = {("a", "b"): 10.0, ("a", "c"): 37.0, ("b", "c"): 45.0}
    >>> met = {pair: dict.fromkeys(range(8), value) for pair, value in apart.items()}
    >>> {name: each.value for name, each in device_errors(met).items()}
    {'a': 1.0, 'b': 3.0, 'c': 6.0}
    """
    names = sorted({name for pair in met for name in pair})
    return {name: _error(name, [one for one in names if one != name], met, alike) for name in names}


@dataclass(frozen=True, slots=True)
class _Told:
    """The squared error that three devices tell, its standard error, and the number of efforts."""

    square: float
    sigma: float
    efforts: int


def _error(name: str, others: Sequence[str], met: Met, alike: frozenset[Pair]) -> DeviceError:
    told, may_share = list[_Told](), False
    for pair in combinations(others, 2):
        trio = [_ordered(each) for each in combinations((name, *pair), 2)]
        if (found := _told([met.get(each, {}) for each in trio])) is not None:
            if alike.isdisjoint(trio):
                told.append(found)
            else:
                may_share = True
    if not told:
        return DeviceError(why=SHARED if may_share else FEW)
    best = min(told, key=lambda each: (each.sigma, each.square))
    wide = best.sigma * _sigmas(best.efforts)
    highest = best.square + wide
    if highest < 0 or _contradict(told):
        return DeviceError(efforts=best.efforts, why=DISAGREE)
    low, high = sqrt(max(0.0, best.square - wide)), sqrt(highest)
    if best.square <= 0:
        return DeviceError(high=high, efforts=best.efforts, why=HIDDEN)
    return DeviceError(sqrt(best.square), low, high, best.efforts)


def _told(met: Sequence[Mapping[int, float]]) -> _Told | None:
    """What three pairs tell of the device that the first two have in common; None if they met too seldom."""
    one, other, apart = met
    common = one.keys() & other.keys() & apart.keys()
    if len(common) >= LEAST_EFFORTS:
        squares = [(one[each] + other[each] - apart[each]) / 2 for each in sorted(common)]
        return _Told(fmean(squares), sqrt(variance(squares) / len(squares)), len(squares))
    if min(map(len, met)) < LEAST_EFFORTS:
        return None
    means = [fmean(each.values()) for each in met]
    squared = sum(variance(each.values()) / len(each) for each in met) / 4
    return _Told((means[0] + means[1] - means[2]) / 2, sqrt(squared), min(map(len, met)))


def _sigmas(efforts: int) -> float:
    """Standard errors of an interval of 95 % by Student's t (Fisher's expansion); variances lean, so it holds some 90 %."""
    free = efforts - 1
    return 1.96 + 2.37 / free + 2.82 / free**2


def _contradict(told: Iterable[_Told]) -> bool:
    """Whether the same device has another error beside other ones."""
    return any(
        one.square - other.square > _SIGMAS * sqrt(one.sigma**2 + other.sigma**2)
        for one, other in permutations(told, 2)
    )


def _ordered(pair: Pair) -> Pair:
    return (pair[0], pair[1]) if pair[0] < pair[1] else (pair[1], pair[0])
