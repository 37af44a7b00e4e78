"""Calls to Garmin with a login that is renewed, and its refusals: pauses of hours, which grow while they repeat.

The number of consecutive refusals is stored in a small file next to the login, since otherwise each run would begin at
one hour again. Not calling before a pause ends is the business of the steps (operations/provider_access.py).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from strava_pipeline.core.errors import LimitReachedError, NeedsLoginError, PipelineError, TransientError
from strava_pipeline.core.providers import ProviderSpec
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.downloads import is_page
from strava_pipeline.ingest.garmin.record import SPEC
from strava_pipeline.ingest.garmin.tokens import LOGIN, tokens_file
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.ingest.service_client import Answer, Call, Check, ServiceClient, retry_after

TITLE = SPEC.title
INTERVAL = 1.0  # seconds between two calls
FIRST_PAUSE, LONGEST_PAUSE = timedelta(hours=1), timedelta(days=1)


class _Refusals(BaseModel, frozen=True):
    limits: int = Field(0, ge=0)
    blocks: int = Field(0, ge=0)
    until: AwareDatetime | None = None


class Refusals:
    """The number of consecutive limits (429) and blocks (403, 427).

    A missing or damaged file counts as none; a file that can't be saved is ignored.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: _Refusals | None = None

    def of_limit(self, name: str, exchange: Exchange, clock: ServerClock) -> PipelineError:
        """The error of a 429: no call for an hour, after the next one in a row for two, up to a day."""
        before = self._load()
        pause = min(FIRST_PAUSE * 2 ** min(before.limits, 10), LONGEST_PAUSE)
        until = clock.now() + max(pause, retry_after(exchange.headers, clock.now()) or timedelta(0))
        self._save(before.model_copy(update={"limits": before.limits + 1, "until": until}))
        return LimitReachedError(TITLE, until)

    def of_block(self, name: str, exchange: Exchange, clock: ServerClock) -> PipelineError:
        """The error of a 403 or 427: at first an hour's pause, at the second one in a row a refused login."""
        before, until = self._load(), clock.now() + FIRST_PAUSE
        self._save(before.model_copy(update={"blocks": before.blocks + 1, "until": until}))
        if before.blocks == 0:
            return LimitReachedError(TITLE, until)
        return NeedsLoginError(
            f"{name}: {TITLE} refused this account or this network twice in a row ({exchange.status}). Look whether you can "
            f"log in at connect.garmin.com from here; then {LOGIN}."
        )

    def in_force(self, now: datetime) -> LimitReachedError | None:
        """The pause after the last refusal, while it lasts. Steps record it by themselves; others ask here."""
        until = self._load().until
        return LimitReachedError(TITLE, until) if until is not None and now < until else None

    def forget(self) -> None:
        """Reset the count after a successful call."""
        if self._load() != _Refusals():
            self._known = _Refusals()
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _load(self) -> _Refusals:
        if self._known is None:
            try:
                self._known = _Refusals.model_validate_json(self.path.read_bytes())
            except (OSError, ValidationError):
                self._known = _Refusals()
        return self._known

    def _save(self, refusals: _Refusals) -> None:
        self._known = refusals
        with suppress(OSError):
            save_secret(self.path, refusals.model_dump(mode="json"))


class Pace:
    """One call at a time, `interval` seconds from start to start, for all processes that use one login.

    The file holds when the last call began, by this machine's clock, and is locked during a call. If it can't be
    written, only this process keeps the interval.
    """

    def __init__(self, path: Path, interval: float, clock: ServerClock) -> None:
        self.path, self._interval, self._clock = path, interval, clock
        self._last = 0.0

    @contextmanager
    def turn(self, pause: Callable[[float], None]) -> Iterator[None]:
        """The body is a call. `pause` waits for seconds, at the server."""
        with ExitStack() as held:
            with suppress(OSError, ValueError):
                held.enter_context(exclusive(self.path, mode=0o600))
                self._last = max(self._last, float(self.path.read_text() or 0))
            passed = self._clock.local().timestamp() - self._last
            if passed >= 0:  # else this machine's clock was set back
                pause(self._interval - passed * self._clock.speed)
            self._last = self._clock.local().timestamp()
            with suppress(OSError):
                self.path.write_text(repr(self._last))
            yield


class PacedService(ServiceClient):
    """Calls that keep a pace. Args: `pace`: when the next call may begin; `more`: as of `ServiceClient`."""

    def __init__(
        self, spec: ProviderSpec, base_url: str, pace: Pace, wire: Wire, clock: ServerClock, *more: Any, **named: Any
    ) -> None:
        super().__init__(spec, base_url, wire, clock, *more, **named)
        self._pace = pace

    def _send_once(self, call: Call) -> Exchange:
        with self._pace.turn(self._pause):
            return super()._send_once(call)

    def _sorted(self, call: Call, exchange: Exchange, check: Check | None, *, is_json: bool) -> Answer:
        if exchange.status == 200 and not is_json and is_page(exchange.body):
            raise TransientError(f"{call.name}: 200, but a web page and no file", status=200, body=exchange.body)
        return super()._sorted(call, exchange, check, is_json=is_json)


class GarminService(PacedService):
    """Calls to the API of Garmin's own app. Args: as of `PacedService`."""

    def __init__(self, refusals: Refusals, *more: Any, **named: Any) -> None:
        super().__init__(*more, **named)
        self._refusals = refusals

    @property
    def pause(self) -> LimitReachedError | None:
        """The pause in force, for callers outside of the steps that record it."""
        return self._refusals.in_force(self.clock.now())

    def _wait_for_limit(self, exchange: Exchange, refusals: int) -> None:
        raise self._refusals.of_limit("GET", exchange, self.clock)

    def _sorted(self, call: Call, exchange: Exchange, check: Check | None, *, is_json: bool) -> Answer:
        if self._spec.refusals.meaning(exchange.status, exchange.body) == "pause":
            raise self._refusals.of_block(call.name, exchange, self.clock)
        answer = super()._sorted(call, exchange, check, is_json=is_json)
        self._refusals.forget()
        return answer


def refusals_file(settings: Settings) -> Path:
    """The file with the number of consecutive refusals."""
    path = tokens_file(settings)
    return path.with_name(f"{path.stem}_refusals.json")
