"""Time as the server tells it, so that a wrong local clock burns no calls.

Before the first answer the local clock is all there is; from then on time runs from the last answer's Date
header along a steady counter. Windows and limits are not known here.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

HEADER_RESOLUTION = timedelta(seconds=1)  # a Date header is cut to whole seconds (RFC 9110, 5.6.7)
CONTRADICTION = timedelta(minutes=1)  # beyond any network delay: the earlier belief was false, not just late


class ServerClock:
    """A clock that follows the server's.

    `local` gives the local time (aware), `monotonic` seconds on a steady counter, `sleep` pauses for seconds.
    `speed` is how many seconds pass at the server in one of ours: 1, save for an accelerated emulator.
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
        self._latest: datetime | None = None
        self.synced = False
        """True once an answer of the server was observed in this process."""

    def now(self) -> datetime:
        """The server's time (UTC): never earlier than before, unless an answer proved that belief false."""
        estimate = self._estimate()
        if self._latest is not None and self._latest - CONTRADICTION <= estimate < self._latest:
            return self._latest
        self._latest = estimate
        return estimate

    def observe(self, date_header: str | None, *, elapsed: float = 0.0) -> None:
        """Learn from the Date header of an answer that took `elapsed` real seconds. Garbage is ignored.

        The server's time is in [date, date + 1 s + elapsed]: an estimate within is kept, others jump to date.
        """
        date = parse_date_header(date_header)
        if date is None:
            return
        estimate = self._estimate()
        if not date <= estimate <= date + HEADER_RESOLUTION + timedelta(seconds=elapsed * self.speed):
            estimate = date
        if not self.synced:
            self._latest = None
        self._anchor = (estimate, self._monotonic())
        self.synced = True

    def suppose(self, server: datetime, local: datetime) -> None:
        """Before the first answer: take over that it was `server` there when it was `local` here.

        Another process saw it so on this machine. Ignored when an answer was observed already, or when the
        local clock was set back since.
        """
        passed = self._local() - local
        if self.synced or passed < timedelta(0):
            return
        self._anchor = (server + passed * self.speed, self._monotonic())
        self._latest = None

    def local(self) -> datetime:
        """The local clock's own time (UTC)."""
        return self._local().astimezone(UTC)

    def monotonic(self) -> float:
        """Real seconds on the steady counter."""
        return self._monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause while `seconds` pass at the server."""
        if seconds > 0:
            self._sleep(seconds / self.speed)

    def _estimate(self) -> datetime:
        if self._anchor is None:
            return self.local()
        moment, counter = self._anchor
        return moment + timedelta(seconds=(self._monotonic() - counter) * self.speed)


def parse_date_header(value: str | None) -> datetime | None:
    """A Date header's instant (UTC); None if it is absent or garbage."""
    if value is None:
        return None
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
