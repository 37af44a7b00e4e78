"""Time under a test's control, and the headers of an answer. No fake of anything of ours."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from strava_pipeline.ingest.clock import ServerClock

START = datetime(2026, 5, 1, 12, 3, tzinfo=UTC)


class Time:
    """Local time and steady counter that pass only when told to, or by sleeping."""

    def __init__(self, start: datetime = START) -> None:
        self.local = start
        self.steady = 1000.0
        self.slept: list[float] = []

    def pass_(self, seconds: float) -> None:
        self.local += timedelta(seconds=seconds)
        self.steady += seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_(seconds)

    def clock(self, speed: float = 1.0) -> ServerClock:
        return ServerClock(lambda: self.local, lambda: self.steady, self.sleep, speed=speed)


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def answer_headers(
    at: datetime, *, overall: tuple[str, str] | None = None, read: tuple[str, str] | None = None
) -> dict[str, str]:
    """Headers as Strava writes them; a pair is (limit, usage)."""
    headers = {"Date": http_date(at)}
    if overall is not None:
        headers |= {"X-Ratelimit-Limit": overall[0], "X-Ratelimit-Usage": overall[1]}
    if read is not None:
        headers |= {"X-Readratelimit-Limit": read[0], "X-Readratelimit-Usage": read[1]}
    return headers
