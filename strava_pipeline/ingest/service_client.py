"""Calls to the API of a service with one login: attempts, pauses, and answers sorted by what to do about them.

What every provider's client stands on. Strava has its own (strava/client.py), because its calls are counted in a budget
that several processes share. A service says how fast it may be asked: a Retry-After is obeyed, `interval` is kept between
calls, and where the headers say that a tenth of the limit is left, no further call is made before it starts again. A short
pause is waited for, a long one stops the run, which then says when it goes on.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.json_values import json_bytes, json_if_any, parse_json
from strava_pipeline.core.providers import ProviderSpec, UnreadableRowError, spec_of
from strava_pipeline.ingest.calls import MOST_REFUSALS, LandingClient, retrying
from strava_pipeline.ingest.clock import ServerClock, parse_date_header
from strava_pipeline.ingest.http import BrokenOffError, Exchange, NotSentError, TooLargeError, Wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.ingest.rate_headers import Allowance, allowance
from strava_pipeline.ingest.refusals import refusal_of

REPORTED_EVERY = 60.0  # seconds of a pause: whoever looks on sees that the run is alive
SECOND_TRY = 30.0  # s after a first refusal at a login call
UNSAID = timedelta(minutes=1)  # the pause after a 429 that names none, doubled each time
KEPT_BACK = 0.1  # of a limit, for whoever else asks with the same login
# until a limit starts again that is worth waiting for: a run that waits keeps others from starting
BRIEF = timedelta(minutes=1)
LONGEST = timedelta(days=7)  # of a pause that is believed: one of years would keep all runs from asking, by one answer
UNSAID_RESET = timedelta(minutes=15)  # until a limit starts again whose headers do not say when: the usual window

log = logging.getLogger(__name__)
T = TypeVar("T")
Check = Callable[[Any], object]
"""Of an answer's content: gives a text that says what is wrong with it, or raises UnreadableRowError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 as received, or another 2xx to a write. `json`: its content, if that is JSON and was asked for; else None.

    `fetched_at`: the server's time (UTC).
    """

    body: bytes = field(repr=False)
    json: Any = field(repr=False)
    fetched_at: datetime
    headers: Mapping[str, str] = field(repr=False)
    status: int = 200


class ServiceClient(LandingClient):
    """The API at `base_url`.

    Args:
        spec: the service's record, which says how messages call it and what its refusals mean.
        login: what the user runs or sets when the login is refused, as the end of a sentence.
        interval: seconds between the beginnings of two calls, at the server.
        pausing: the statuses with which the service asks for a pause. After the last one of others than 429 it is down.
        unsaid, most_refusals: the pause after one that names none, doubled each time; how many of them in a row end the work.
        patience: the longest pause that is waited for.
        bearer, basic, headers: the login, as a token, as a user and a password, or in headers of the service's own. It
            goes with each call, and stands in no log and no error.
        tokens: the login where tokens end: its access token goes with each call, and after a 401 another one is got, once.
        on_wait: informed of a pause before each minute of it: why and until when, and the seconds still to go.
    """

    at_login = False  # whether all calls are login calls

    def __init__(
        self,
        spec: ProviderSpec,
        base_url: str,
        wire: Wire,
        clock: ServerClock,
        jitter: Callable[[], float],
        *,
        login: str,
        interval: float = 0.0,
        pausing: Collection[int] = (429,),
        unsaid: timedelta = UNSAID,
        most_refusals: int = MOST_REFUSALS,
        patience: timedelta = timedelta(minutes=15),
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        tokens: AccessTokens[Any] | None = None,
        on_wait: OnWait = lambda why, seconds: None,
    ) -> None:
        super().__init__()
        self.calls = 0
        self.clock = clock
        self._spec, self._title, self._base_url, self._wire, self._login = spec, spec.title, base_url, wire, login
        self._interval, self._patience, self._on_wait = interval, patience, on_wait
        self._credentials: dict[str, Any] = {"bearer": bearer, "basic": basic, "headers": headers}
        self._tokens = tokens
        self._unsaid, self._most_refusals = unsaid, most_refusals
        self._pausing = pausing
        self._last_call: float | None = None
        self._left: Allowance | None = None  # what the last answer said of the limit
        self.allowance: Allowance | None = None  # the same of the last answer that said something
        self._jitter = jitter
        self._attempts = retrying(jitter, self._pause, log)

    def get(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        check: Check | None = None,
        is_json: bool = True,
    ) -> Answer:
        """The answer to GET `path`. `check` says what is wrong with its content, or reads it; then the call is tried again.

        Raises GoneError (404), ForbiddenError (403), NeedsLoginError (401), LimitReachedError, RefusedError;
        TransientError when three attempts failed, with the last one's status and body.
        """
        query = {name: str(value) for name, value in (params or {}).items() if value is not None}
        answer: Answer | TransientError | None = None
        for attempt in self._attempts:
            with attempt:
                answer = self._attempt(path, query, check, is_json=is_json)
        assert answer is not None, "tenacity either returns or raises"
        if isinstance(answer, TransientError):
            raise answer
        return answer

    def login_answer(self, path: str, params: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """As `get`, of a call that tells whose login it is."""
        return self._of_login(lambda: self.get(path, params, **options))

    def _of_login(self, call: Callable[[], Answer]) -> Answer:
        """What a login call brings: a first refusal that perhaps is the login's is waited out, a second one is the login's."""
        for is_second in (False, True):
            try:
                return call()
            except ForbiddenError as error:
                if self._spec.refusals.at_login.get(error.status) != "perhaps_login":
                    raise
                if is_second:
                    why = f"{self._title} refused this login twice in a row ({error.status})"
                    raise NeedsLoginError(f"{why}. {self._login}") from error
            self._pause(SECOND_TRY)
        raise AssertionError("the second call either returns or raises")

    def write(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = None,
        content: tuple[bytes, str] | None = None,
    ) -> Answer:
        """Send a request that changes something at the service, and return its answer (any 2xx).

        Only what certainly was not done is sent again: no connection, or a pause that was asked for. After any other failure
        whoever asked has to read what the service has now. Raises as `get` does.

        Args:
            json: the body, as it is before it is written as JSON.
            content: another body, and its Content-Type.
        """
        query = {name: str(value) for name, value in (params or {}).items() if value is not None}
        body = json_bytes(json) if json is not None else None
        for attempt in retrying(self._jitter, self._pause, log, after=NotSentError):
            with attempt:
                return self._write_once(method, path, query, json=body, content=content)
        raise AssertionError("tenacity either returns or raises")

    def _write_once(self, method: str, path: str, query: Mapping[str, str], **body: Any) -> Answer:
        name, refusals = f"{method} {path}", 0
        while True:
            self._keep_back()
            exchange = self._send(path, query, method, **body)
            if exchange.status == 429:
                refusals += 1
                self._wait_for_limit(exchange, refusals)
            elif not 200 <= exchange.status < 300:
                return self._sorted(name, exchange, None, is_json=False)  # which raises
            elif exchange.body.lstrip()[:1] == b"<":
                what = f"{self._title} answered {exchange.status}, but with a web page"
                raise TransientError(f"{name}: {what}", status=200, body=exchange.body)
            else:
                return Answer(
                    exchange.body,
                    json_if_any(exchange.body),
                    self.clock.now(),
                    exchange.headers,
                    exchange.status,
                )

    def _attempt(
        self, path: str, query: Mapping[str, str], check: Check | None, *, is_json: bool
    ) -> Answer | TransientError:
        """The answer; or the error of a service that was not back after all pauses, which no further attempt follows."""
        refusals = 0
        while True:
            self._keep_back()
            exchange = self._send(path, query)
            if exchange.status not in self._pausing:
                return self._sorted(f"GET {path}", exchange, check, is_json=is_json)
            refusals += 1
            if exchange.status != 429 and refusals >= self._most_refusals:
                return _unavailable(f"GET {path}", self._title, exchange)
            self._wait_for_limit(exchange, refusals)

    def _send(self, path: str, query: Mapping[str, str], method: str = "GET", **body: Any) -> Exchange:
        if self._tokens is None:
            return self._send_once(path, query, method, **body)
        token = self._credentials["bearer"] = self._tokens.get()
        exchange = self._send_once(path, query, method, **body)
        if exchange.status != 401:
            return exchange
        self._credentials["bearer"] = self._tokens.renew(token)
        return self._send_once(path, query, method, **body)

    def _send_once(self, path: str, query: Mapping[str, str], method: str, **body: Any) -> Exchange:
        if self._last_call is not None:
            self._pause(self._interval - (self.clock.monotonic() - self._last_call) * self.clock.speed)
        self._last_call = self.clock.monotonic()
        self._hold_interrupts()
        self.calls += 1  # an attempt that failed may have been served
        try:
            name = f"{method} {path} at {self._title}"
            exchange = self._wire.send(
                method, self._address(path), params=query, name=name, **body, **self._credentials
            )
        except (BrokenOffError, TooLargeError) as error:
            self.clock.learn(error.exchange.headers, elapsed=error.exchange.seconds)
            raise
        self.clock.learn(exchange.headers, elapsed=exchange.seconds)
        said = allowance(exchange.headers, self.clock.now())
        self._left = said if exchange.status != 429 else None
        self.allowance = said or self.allowance
        return exchange

    def _address(self, path: str) -> str:
        """Where a call goes that logs and errors know by its path."""
        return f"{self._base_url}{path}"

    def _keep_back(self) -> None:
        """Wait, or end the work, where the last answer left less than a tenth of the limit."""
        left, self._left = self._left, None
        if left is not None and left.share < KEPT_BACK:
            now = self.clock.now()
            pause = min((left.resets_at or now + UNSAID_RESET) - now, LONGEST)
            if left.resets_at is None or pause > min(BRIEF, self._patience):
                raise LimitReachedError(self._title, now + pause)
            self._wait(pause)

    def _wait_for_limit(self, exchange: Exchange, refusals: int) -> None:
        unsaid = self._unsaid * (2 ** (refusals - 1) * (1 + self._jitter()))
        pause = retry_after(exchange.headers, self.clock.now()) or unsaid
        if refusals >= self._most_refusals:
            pause = max(pause, UNSAID)
        if pause > self._patience or refusals >= self._most_refusals:
            raise LimitReachedError(self._title, self.clock.now() + pause)
        self._wait(pause)

    def _wait(self, pause: timedelta) -> None:
        why = f"{self._title} asks for a pause until {self.clock.now() + pause:%Y-%m-%d %H:%M:%S} UTC."
        seconds = pause.total_seconds()
        while seconds > 0:
            self._on_wait(why, seconds)
            self._pause(min(seconds, REPORTED_EVERY))
            seconds -= REPORTED_EVERY

    def _pause(self, seconds: float) -> None:
        self._let_interrupts_through()
        self.clock.sleep(seconds)

    def _sorted(self, name: str, exchange: Exchange, check: Check | None, *, is_json: bool) -> Answer:
        status, body = exchange.status, exchange.body
        if status == 200:
            content = _json(name, self._title, body) if is_json else None
            if check is not None and (fault := _fault(check, content)) is not None:
                raise TransientError(f"{name}: {self._title} answered 200, but {fault}", status=200, body=body)
            return Answer(body, content, self.clock.now(), exchange.headers)
        if status >= 500 or status == 408:
            raise _unavailable(name, self._title, exchange)
        if (refused := refusal_of(self._spec, name, exchange, self._login, at_login=self.at_login)) is not None:
            raise refused
        if status == 404:
            raise GoneError(f"{name}: 404, {self._title} has it no more or never had", body=body)
        if 300 <= status < 400:
            raise RefusedError(
                f"{name}: a redirect ({status}), not followed. Either this network asks for a login of its own, in a "
                f"browser, or the address of {self._title} in the settings is wrong.",
                status=status,
                body=body,
            )
        raise RefusedError(
            f"{name}: {self._title} answered {status}, which trying again won't change.", status=status, body=body
        )


def _unavailable(name: str, title: str, exchange: Exchange) -> TransientError:
    return TransientError(f"{name}: {title} answered {exchange.status}", status=exchange.status, body=exchange.body)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The pause that a Retry-After header asks for, as seconds or as a date, `LONGEST` at most; None: none can be read."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value)), LONGEST) if len(value) < 8 else LONGEST
    until = parse_date_header(value or None)
    return min(max(until - now, timedelta(0)), LONGEST) if until is not None else None


def _fault(check: Check, content: Any) -> str | None:
    try:
        said = check(content)
    except UnreadableRowError as error:
        return str(error)
    return said if isinstance(said, str) else None


def _json(name: str, title: str, body: bytes) -> Any:
    try:
        return parse_json(body)
    except (ValueError, RecursionError):
        what = f"{title} answered 200, but with no valid JSON ({len(body)} bytes)"
        raise TransientError(f"{name}: {what}", status=200, body=body) from None


class ServiceProvider:
    """What of a provider's client follows from its record, its address and its `ServiceClient`: a base for clients."""

    def __init__(self, name: str, base_url: str, service: ServiceClient) -> None:
        self._name, self._base_url, self._service = name, base_url, service

    @property
    def spec(self) -> ProviderSpec:
        """What the provider offers."""
        return spec_of(self._name)

    @property
    def host(self) -> str | None:
        """The host of its API."""
        return urlsplit(self._base_url).hostname

    @property
    def service(self) -> ServiceClient:
        """The calls of this login: the provider's writer stands on them, too."""
        return self._service

    @property
    def calls(self) -> int:
        """The attempts that reached the server or may have."""
        return self._service.calls

    def landed(self, answers: Iterator[T], land: Callable[[T], object]) -> Iterator[T]:
        """Each of `answers`, which are asked for as they are taken, after `land` has put it on disk."""
        return self._service.landed(answers, land)

    def landing(self) -> AbstractContextManager[None]:
        """An interrupt within the body waits from the sending of a call until the body has landed its answer."""
        return self._service.landing()
