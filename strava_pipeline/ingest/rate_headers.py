"""The headers of an answer about a service's limit of calls: how much is left, and when it starts again. Pure.

Services write the same headers in several ways: X-RateLimit-…, X-Rate-Limit-… or RateLimit-…, one number, or one for
each of several windows with commas between. No service and no number of calls is named here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_PREFIXES = ("X-RateLimit", "X-Rate-Limit", "RateLimit")
_FIRST_INSTANT = 1_000_000_000  # 2001: a larger number is a time since 1970, a smaller one a pause in seconds
_MILLISECONDS = 100_000_000_000  # a larger number counts milliseconds
_LATEST = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rest of a limit.

    Args:
        share: the calls left, as a share of the limit; with several windows the smallest share.
        resets_at: when that window starts again (UTC), or None if unknown.
        left, limit: in calls, of that window, or None if unknown.
    """

    share: float
    resets_at: datetime | None
    left: int | None = None
    limit: int | None = None


def allowance(headers: Mapping[str, str], now: datetime) -> Allowance | None:
    """The allowance in the headers, or None if they do not say how many calls are left.

    Without the limit itself, any calls left count as a full limit; only 0 is little.

        # 5 of 100 calls for a minute: share 0.05, resets_at a minute after `now`
        allowance({"X-RateLimit-Limit": "100, 1000", "X-RateLimit-Remaining": "5, 900", "X-RateLimit-Reset": "60"}, now)
    """
    for prefix in _PREFIXES:
        limits, left = (_numbers(headers.get(f"{prefix}-{name}")) for name in ("Limit", "Remaining"))
        if not left:
            continue
        resets = [_instant(value, now) for value in _numbers(headers.get(f"{prefix}-Reset"))]
        latest = max((at for at in resets if at is not None), default=None)
        ends = resets if len(resets) == len(left) else [latest] * len(left)  # one for all windows, or one for each
        windows = [
            (rest / limit, rest, limit, end)
            for limit, rest, end in zip(limits or left, left, ends, strict=False)
            if limit > 0
        ]
        share, rest, limit, end = min(windows, key=lambda window: window[0], default=(0.0, 0.0, 0.0, latest))
        calls = (int(rest), int(limit)) if limits and limit > 0 else (None, None)
        return Allowance(share, end, *calls)
    return None


def _numbers(text: str | None) -> list[float]:
    """The numbers of a header, without parameters, as in `100;w=900`."""
    found = []
    for part in (text or "").split(","):
        try:
            value = float(part.partition(";")[0])
        except ValueError:
            return []
        if not 0 <= value <= _LATEST * 1000:
            return []
        found.append(value)
    return found


def _instant(value: float, now: datetime) -> datetime | None:
    """The instant of a header's number: seconds or milliseconds since 1970, or a pause from now."""
    seconds = value / 1000 if value >= _MILLISECONDS else value
    if seconds < _FIRST_INSTANT:
        return now + timedelta(seconds=seconds)
    return datetime.fromtimestamp(seconds, UTC) if seconds <= _LATEST else None
