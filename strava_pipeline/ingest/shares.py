"""How the data folders of one API application share its calls: the daily runs of all first, then whole years in turn.

Pure rules on the ledger's lines, one for each folder that made calls lately, in a registry or not (docs/adr/0103).
Nothing is held by a process: a line records a folder's last calls and wishes, and expires unless renewed. A single
folder has everything, and this module is not imported.
"""

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import DAY, QUARTER
from strava_pipeline.ingest.ledger import Ledger, Sharer, Sharing

DAY_SECONDS, QUARTER_SECONDS = int(DAY.total_seconds()), int(QUARTER.total_seconds())
AT_WORK = 2 * QUARTER_SECONDS  # a waiting run asks again in the next quarter; one silent for longer was killed
EXPECTED = 2 * DAY_SECONDS  # a folder that made no calls for so long has no daily run to wait for
CLAIM = DAY_SECONDS // 2  # of the next day: until then a folder that the day's limit stopped has its turn kept
DAILY_PART = 2  # the daily runs of all may take half of a day's limit before others; the rest is for whole years
LEAST = 5  # calls kept for a daily run that is not done, however many it made: a listing, and some details


def left_of(sharing: Sharing, ledger: Ledger, ceiling: Ceiling, free: int, now: float) -> int:
    """How many of the `free` calls of a ceiling this folder may make; `now` in epoch seconds at the server."""
    others = sharing.others(ledger)
    mine, quota = ledger.sharers.get(sharing.who, Sharer()), _quota(sharing, ledger, ceiling, others, now)
    if not sharing.bulk and mine.daily < quota:
        return free
    waiting = [each for each in others if _is_expected(each, now) and not each.is_done]
    if ceiling.window == "15min":
        return free - sum(max(quota - each.daily, 0) for each in waiting if now - each.daily_at <= AT_WORK)
    free -= sum(max(quota - each.daily, min(quota, LEAST)) for each in waiting)
    return min(free, _turn(mine, others, free, now)) if sharing.bulk else free


def left_later(sharing: Sharing, ledger: Ledger, ceiling: Ceiling, limit: int, now: float) -> int:
    """How many of the `limit` calls of a later window this folder may make, while the others go on as they do."""
    others = sharing.others(ledger)
    if not sharing.bulk or ceiling.window == "15min":
        return limit
    expected = sum(_is_expected(each, now) for each in others)
    competing = 1 + sum(_competes(each, now) for each in others)
    return min(limit, max((limit - expected * _quota(sharing, ledger, ceiling, others, now)) // competing, 1))


def _quota(sharing: Sharing, ledger: Ledger, ceiling: Ceiling, others: list[Sharer], now: float) -> int:
    """The daily number of calls that each folder's daily run may make before others."""
    expected = 1 + sum(_is_expected(each, now) for each in others)
    return min(sharing.quiet_day, ledger.counters[Ceiling(ceiling.pair, "day")].limit // (DAILY_PART * expected))


def _turn(mine: Sharer, others: list[Sharer], free: int, now: float) -> int:
    """The number of calls that brings this folder level with all that fetch whole years today, if they share `free`
    until all are level.
    """
    competing = [each for each in others if _competes(each, now)]
    everyones = free + mine.bulk + sum(each.bulk for each in competing)
    return -(-everyones // (len(competing) + 1)) - mine.bulk


def _competes(other: Sharer, now: float) -> bool:
    """Whether a folder fetches whole years, or will continue early today."""
    if other.wants == "later":
        return now < other.bulk_at // DAY_SECONDS * DAY_SECONDS + DAY_SECONDS + CLAIM
    return other.wants == "soon" and now - other.bulk_at <= AT_WORK


def _is_expected(other: Sharer, now: float) -> bool:
    """Whether a folder is in use, so that its daily run today is expected, running or done, even if none was seen yet."""
    return now - other.seen_at <= EXPECTED
