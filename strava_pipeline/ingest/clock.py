"""The server's time, so that a wrong local clock wastes no calls.

Before the first answer there is only the local clock; from then on time runs from the last answer's Date header along a steady
counter. A single header that contradicts the present time is not believed: a proxy or a server may be wrong once. Windows and
limits are not known here.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from strava_pipeline.environment.settings import Settings

HEADER_RESOLUTION = timedelta(seconds=1)  # a Date header is cut to whole seconds (RFC 9110, 5.6.7)
CONTRADICTION = timedelta(minutes=1)  # beyond any network delay: the earlier time was wrong, not just late
# Beyond the drift of clocks: believed when more than one answer, or this machine's clock, agrees.
JUMP = timedelta(hours=1)
# Believed if a process's first answer says so: this machine may have been off, or its clock set back.
AHEAD = timedelta(days=31)
# No service sends a Date outside of these; a landing could not even be dated by it.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
ENOUGH = 2  # answers that agreed with the present time; a contradiction needs more


class ServerClock:
    """A clock that follows the server's.

    Args:
        local: gives the local time (aware).
        monotonic: gives seconds on a steady counter.
        sleep: pauses for seconds.
        speed: how many seconds pass at the server in one of ours: 1, except for an accelerated emulator.
    """

    def __init__(
        self,
        local: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        speed: float = 1.0,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed is above 0, not {speed}")
        self._local, self._monotonic, self._sleep, self.speed = local, monotonic, sleep, speed
        self._anchor: tuple[datetime, float] | None = None
        self._agreed = 0  # answers that agreed with the anchor, up to ENOUGH
        # Answers in a row that contradict the anchor, and agree with each other.
        self._claims: list[tuple[datetime, float]] = []
        self._latest: datetime | None = None
        self.synced = False
        """True once this process has observed an answer of the server."""

    def now(self) -> datetime:
        """The server's time (UTC): never earlier than before, unless an answer proved the earlier time wrong."""
        estimate = self._estimate()
        if self._latest is not None and self._latest - CONTRADICTION <= estimate < self._latest:
            return self._latest
        self._latest = estimate
        return estimate

    def learn(self, headers: Mapping[str, str], *, elapsed: float = 0.0) -> None:
        """Observe an answer's Date header; an answer from a cache is as old as its Age header says (RFC 9111, 5.1)."""
        age = headers.get("Age", "")
        seconds = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0
        self.observe(headers.get("Date"), elapsed=elapsed, age=timedelta(seconds=seconds))

    def observe(self, date_header: str | None, *, elapsed: float = 0.0, age: timedelta = timedelta(0)) -> None:
        """Learn from the Date header of an answer that took `elapsed` real seconds. Garbage is ignored.

        The server's time is in [date, date + 1 s + elapsed]: an estimate within is kept, any other becomes `date`; by more than
        JUMP only when several answers of different moments, or one and this machine's clock, agree. The first answer of a
        process may be ahead of the time that another process noted, by no more than AHEAD.
        """
        date = parse_date_header(date_header)
        if date is None or not EARLIEST <= date < LATEST:
            return
        date += age
        estimate, moment = self._estimate(), self._monotonic()
        may_be_ahead = not self.synced and timedelta(0) < date - estimate <= AHEAD
        if abs(date - estimate) > JUMP and not may_be_ahead and not self._is_believed(date, moment):
            return
        if abs(date - estimate) <= JUMP and self._anchor is not None:
            self._agreed = min(self._agreed + 1, ENOUGH)
        else:
            self._agreed = max(len(self._claims), 1)
        self._claims.clear()
        if not date <= estimate <= date + HEADER_RESOLUTION + timedelta(seconds=elapsed * self.speed):
            estimate = date
        if not self.synced:
            self._latest = None
        self._anchor = (estimate, moment)
        self.synced = True

    def _is_believed(self, date: datetime, moment: float) -> bool:
        """Whether more answers agree with a time that contradicts the present one than with that."""
        passed = ((date - at) - timedelta(seconds=(moment - then) * self.speed) for at, then in self._claims[-1:])
        if any(abs(difference) > CONTRADICTION for difference in passed):
            self._claims.clear()
        if not self._claims or moment > self._claims[-1][1]:
            self._claims.append((date, moment))
        votes = len(self._claims) + (abs(date - self.local()) <= JUMP)
        return votes > self._agreed

    def suppose(self, server: datetime, local: datetime) -> None:
        """Before the first answer: believe that it was `server` there when it was `local` here, as another process noted.

        Ignored when an answer was observed already, or when the local clock was set back since.
        """
        passed = self._local() - local
        if self.synced or passed < timedelta(0):
            return
        self._anchor = (server + passed * self.speed, self._monotonic())
        self._agreed = 1
        self._latest = None

    def local(self) -> datetime:
        """The local clock's own time (UTC)."""
        return self._local().astimezone(UTC)

    def monotonic(self) -> float:
        """Real seconds on the steady counter."""
        return self._monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause until `seconds` have passed at the server."""
        if seconds > 0:
            self._sleep(seconds / self.speed)

    def _estimate(self) -> datetime:
        if self._anchor is None:
            return self.local()
        moment, counter = self._anchor
        return moment + timedelta(seconds=(self._monotonic() - counter) * self.speed)


def utc_now() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)


def system_clock(settings: Settings, now: Callable[[], datetime] | None = None) -> ServerClock:
    """This machine's clock (or `now`, aware) at the settings' speed, which the real Strava ignores."""
    host = urlsplit(settings.api_url).hostname or ""
    speed = 1.0 if host == "strava.com" or host.endswith(".strava.com") else settings.clock_speed
    return machine_clock(speed, now)


def machine_clock(speed: float = 1.0, now: Callable[[], datetime] | None = None) -> ServerClock:
    """A clock that begins with this machine's time, or with `now` (aware); `speed`: see ServerClock."""
    return ServerClock(now or utc_now, _steady, time.sleep, speed=speed)


def _steady() -> float:
    """Seconds on a counter that runs on while the machine sleeps, where the system has one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def parse_date_header(value: str | None) -> datetime | None:
    """The instant (UTC) of a Date header; None where it is absent or garbage."""
    if value is None:
        return None
    try:
        parsed = parsedate_to_datetime(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
