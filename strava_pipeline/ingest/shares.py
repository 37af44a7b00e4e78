"""How the data folders of one API application share its calls: the daily runs of all first, then whole years in turn.

Pure rules on the ledger's lines, one for each folder that made calls lately, in a registry or not (docs/adr/0103). Nothing
is held by a process: a line says what was done and wanted last, and what nobody says again lapses. Where a folder is alone,
every rule gives it all.
"""

from dataclasses import dataclass

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import DAY, QUARTER
from strava_pipeline.ingest.ledger import Ledger, Sharer

DAY_SECONDS, QUARTER_SECONDS = int(DAY.total_seconds()), int(QUARTER.total_seconds())
AT_WORK = (
    2 * QUARTER_SECONDS
)  # whoever waits for a quarter asks again in the next one; who is silent for longer was killed
EXPECTED = 2 * DAY_SECONDS  # a folder that made no calls for so long has no daily run to wait for
CLAIM = DAY_SECONDS // 2  # of the next day: until then a folder that the day's limit stopped has its turn kept
DAILY_PART = 2  # the daily runs of all may take half of a day's limit before others; the rest is for whole years
LEAST = 5  # calls kept for a daily run that is not done, however many it made: a listing, and some details


@dataclass(frozen=True, slots=True)
class Sharing:
    """Which folder asks for calls, and for what.

    Args:
        who: the folder's name in the ledger.
        bulk: whether it fetches whole years.
        quiet_day: the calls that a daily run needs where nothing is new; 0: the asker takes no part in sharing.
    """

    who: str = ""
    bulk: bool = False
    quiet_day: int = 0

    def others(self, ledger: Ledger) -> list[Sharer]:
        """The lines of the other folders."""
        return [each for who, each in ledger.sharers.items() if who != self.who]

    def left(self, ledger: Ledger, ceiling: Ceiling, free: int, now: float) -> int:
        """How many of the `free` calls of a ceiling this folder may make; `now` in epoch seconds at the server."""
        others = self.others(ledger)
        if not others or not self.quiet_day:
            return free
        mine, quota = ledger.sharers.get(self.who, Sharer()), self._quota(ledger, ceiling, others, now)
        if not self.bulk and mine.daily < quota:
            return free
        waiting = [each for each in others if _is_expected(each, now) and not each.is_done]
        if ceiling.window == "15min":
            return free - sum(max(quota - each.daily, 0) for each in waiting if now - each.daily_at <= AT_WORK)
        free -= sum(max(quota - each.daily, min(quota, LEAST)) for each in waiting)
        return min(free, _turn(mine, others, free, now)) if self.bulk else free

    def left_later(self, ledger: Ledger, ceiling: Ceiling, limit: int, now: float) -> int:
        """How many of the `limit` calls of a later window this folder may make, while the others go on as they do."""
        others = self.others(ledger)
        if not self.bulk or not self.quiet_day or not others or ceiling.window == "15min":
            return limit
        expected = sum(_is_expected(each, now) for each in others)
        competing = 1 + sum(_competes(each, now) for each in others)
        return max((limit - expected * self._quota(ledger, ceiling, others, now)) // competing, 1)

    def note(self, ledger: Ledger, now: float, *, calls: int = 0, until_tomorrow: bool = False) -> None:
        """Note in the ledger that the folder wants calls, and made so many; `until_tomorrow`: the day's limit stopped it."""
        if not self.who or not self.quiet_day:
            return
        mine = ledger.sharers.setdefault(self.who, Sharer())
        if self.bulk:
            mine.bulk, mine.bulk_at = max(mine.bulk + calls, 0), int(now)
            mine.wants = "later" if until_tomorrow else "soon"
        else:
            mine.daily, mine.daily_at, mine.is_done = max(mine.daily + calls, 0), int(now), False

    def note_done(self, ledger: Ledger) -> None:
        """Note in the ledger that the run has all that it wanted."""
        if (mine := ledger.sharers.get(self.who)) is None:
            return
        if self.bulk:
            mine.wants = "no"
        else:
            mine.is_done = True

    def _quota(self, ledger: Ledger, ceiling: Ceiling, others: list[Sharer], now: float) -> int:
        """The calls of each day that each folder's daily run may make before others."""
        expected = 1 + sum(_is_expected(each, now) for each in others)
        return min(self.quiet_day, ledger.counters[Ceiling(ceiling.pair, "day")].limit // (DAILY_PART * expected))


def roll(ledger: Ledger, day: int) -> None:
    """Begin to count again in each line that was last written before `day`, the beginning of today in epoch seconds."""
    for each in ledger.sharers.values():
        if each.seen_at < day:
            each.daily, each.bulk, each.is_done = 0, 0, False


def _turn(mine: Sharer, others: list[Sharer], free: int, now: float) -> int:
    """What brings this folder level with all that fetch whole years today, if they share what is `free` so that all are level."""
    competing = [each for each in others if _competes(each, now)]
    everyones = free + mine.bulk + sum(each.bulk for each in competing)
    return -(-everyones // (len(competing) + 1)) - mine.bulk


def _competes(other: Sharer, now: float) -> bool:
    """Whether a folder fetches whole years, or will go on with it early today."""
    if other.wants == "later":
        return now < other.bulk_at // DAY_SECONDS * DAY_SECONDS + DAY_SECONDS + CLAIM
    return other.wants == "soon" and now - other.bulk_at <= AT_WORK


def _is_expected(other: Sharer, now: float) -> bool:
    """Whether a folder is in use, so that today's daily run is to come, at work or done, even if none was seen yet."""
    return now - other.seen_at <= EXPECTED
