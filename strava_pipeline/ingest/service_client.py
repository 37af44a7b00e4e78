"""Calls to the API of a service with one login: attempts, pauses, and answers sorted by what to do about them.

The base of every provider's client; Strava's adds the budget that several processes share (strava/client.py). A service
sets its pace: a Retry-After is obeyed, `interval` is kept between calls, and once the headers say that only a tenth of
the limit is left, no call is made until it starts again. A short pause is waited for, a long one stops the run, which
then says when it continues.
"""

import logging
import random
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
from strava_pipeline.ingest.calls import MOST_REFUSALS, LandingClient, StillDownError, retrying
from strava_pipeline.ingest.clock import ServerClock, parse_date_header
from strava_pipeline.ingest.http import BrokenOffError, Exchange, NotSentError, TooLargeError, Wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.ingest.rate_headers import Allowance, allowance
from strava_pipeline.ingest.refusals import refusal_of

REPORTED_EVERY = 60.0  # seconds of a pause: a watcher sees that the run is alive
SECOND_TRY = 30.0  # s after a first refusal at a login call
UNSAID = timedelta(minutes=1)  # the pause after a 429 that names none, doubled each time
KEPT_BACK = 0.1  # part of a limit that is left to others with the same login
# until a limit starts again that is worth waiting for: a run that waits keeps others from starting
BRIEF = timedelta(minutes=1)
LONGEST = timedelta(days=7)  # longest pause that is believed: else one answer that says years would stop all runs
UNSAID_RESET = timedelta(minutes=15)  # until a limit starts again if the headers don't say when: the usual window

log = logging.getLogger(__name__)
T = TypeVar("T")
Check = Callable[[Any], object]
"""Checks an answer's content: returns a text that says what is wrong with it, or raises UnreadableRowError."""


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


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `content`: a body and its Content-Type, for a request that changes something."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: tuple[bytes, str] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Its name in errors."""
        return f"{self.method} {self.path}"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"


class ServiceClient(LandingClient):
    """The API at `base_url`.

    Args:
        spec: the service's record, which says how messages call it and what its refusals mean.
        login: the user's action when the login is refused, as the end of a sentence.
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
        jitter: Callable[[], float] = random.random,
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
        self._spec, self.title, self._base_url, self._wire, self._login = spec, spec.title, base_url, wire, login
        self._interval, self._patience, self._on_wait = interval, patience, on_wait
        self._credentials: dict[str, Any] = {"bearer": bearer, "basic": basic, "headers": headers}
        self._tokens = tokens
        self._unsaid, self._most_refusals = unsaid, most_refusals
        self._pausing = pausing
        self._last_call: float | None = None
        self._left: Allowance | None = None  # what the last answer said about the limit
        self.allowance: Allowance | None = None  # the same of the last answer that said something
        self._jitter = jitter

    def get(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        check: Check | None = None,
        is_json: bool = True,
        patient: bool = True,
    ) -> Answer:
        """The answer to GET `path`. `check` says what is wrong with its content, or reads it; then the call is tried again.

        Raises GoneError (404), ForbiddenError (403), NeedsLoginError (401), LimitReachedError, RefusedError;
        TransientError when three attempts failed (one, unless `patient`), with the last one's status and body.
        """
        call = Call("GET", path, _query(params))
        if not patient:
            return self._attempt(call, check, is_json=is_json)
        return self._tried(call, TransientError, check, is_json=is_json)

    def login_answer(self, path: str, params: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """As `get`, for a call that shows the login's owner."""
        return self._of_login(lambda: self.get(path, params, **options))

    def _of_login(self, call: Callable[[], Answer]) -> Answer:
        """The result of a login call: a first refusal that may be the login's is waited out, a second one is the login's."""
        for is_second in (False, True):
            try:
                return call()
            except ForbiddenError as error:
                if self._spec.refusals.at_login.get(error.status) != "perhaps_login":
                    raise
                if is_second:
                    why = f"{self.title} refused this login twice in a row ({error.status})"
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

        Only a request that certainly had no effect is sent again: without a connection, or after a requested pause.
        After any other failure the caller has to read the service's present state. Raises as `get` does.

        Args:
            json: the body, before it is written as JSON.
            content: another body, and its Content-Type.
        """
        body = content if json is None else (json_bytes(json), "application/json")
        return self._tried(Call(method, path, _query(params), body), NotSentError, None, is_json=False)

    def _tried(self, call: Call, after: type[Exception], check: Check | None, *, is_json: bool) -> Answer:
        """The answer of one of the attempts, each of which, except the first, follows an error of the type `after`."""
        for attempt in retrying(self._jitter, self._pause, log, after=after):
            with attempt:
                return self._attempt(call, check, is_json=is_json)
        raise AssertionError("tenacity either returns or raises")

    def _attempt(self, call: Call, check: Check | None, *, is_json: bool) -> Answer:
        """One attempt as the retries count them; within it the pauses that the service asks for are waited for."""
        refusals = 0
        while True:
            self._keep_back()
            exchange = self._send(call)
            if exchange.status not in (self._pausing if call.reads else (429,)):
                return self._sorted(call, exchange, check, is_json=is_json)
            refusals += 1
            if exchange.status != 429 and refusals >= self._most_refusals:
                raise StillDownError(
                    f"{call.name}: {self.title} answered {exchange.status}", status=exchange.status, body=exchange.body
                )
            self._wait_for_limit(exchange, refusals)

    def _send(self, call: Call) -> Exchange:
        if self._tokens is None:
            return self._send_once(call)
        token = self._credentials["bearer"] = self._tokens.get()
        exchange = self._send_once(call)
        if exchange.status != 401:
            return exchange
        self._credentials["bearer"] = self._tokens.renew(token)
        return self._send_once(call)

    def _send_once(self, call: Call) -> Exchange:
        if self._last_call is not None:
            self._pause(self._interval - (self.clock.monotonic() - self._last_call) * self.clock.speed)
        self._last_call = self.clock.monotonic()
        self._hold_interrupts()
        self.calls += 1  # an attempt that failed may have been served
        try:
            exchange = self._wire.send(
                call.method,
                self._address(call.path),
                params=call.query,
                content=call.content,
                name=f"{call.name} at {self.title}",
                **self._credentials,
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
        """The address of a call that logs and errors know by its path."""
        return f"{self._base_url}{path}"

    def _keep_back(self) -> None:
        """Wait, or end the work, if the last answer left less than a tenth of the limit."""
        left, self._left = self._left, None
        if left is not None and left.share < KEPT_BACK:
            now = self.clock.now()
            pause = min((left.resets_at or now + UNSAID_RESET) - now, LONGEST)
            if left.resets_at is None or pause > min(BRIEF, self._patience):
                raise LimitReachedError(self.title, now + pause)
            self._wait(pause)

    def _wait_for_limit(self, exchange: Exchange, refusals: int) -> None:
        unsaid = self._unsaid * (2 ** (refusals - 1) * (1 + self._jitter()))
        pause = retry_after(exchange.headers, self.clock.now()) or unsaid
        if refusals >= self._most_refusals:
            pause = max(pause, UNSAID)
        if pause > self._patience or refusals >= self._most_refusals:
            raise LimitReachedError(self.title, self.clock.now() + pause)
        self._wait(pause)

    def _wait(self, pause: timedelta) -> None:
        why = f"{self.title} asks for a pause until {self.clock.now() + pause:%Y-%m-%d %H:%M:%S} UTC."
        seconds = pause.total_seconds()
        while seconds > 0:
            self._on_wait(why, seconds)
            self._pause(min(seconds, REPORTED_EVERY))
            seconds -= REPORTED_EVERY

    def _pause(self, seconds: float) -> None:
        self._let_interrupts_through()
        self.clock.sleep(seconds)

    def _sorted(self, call: Call, exchange: Exchange, check: Check | None, *, is_json: bool) -> Answer:
        status, body, name = exchange.status, exchange.body, call.name
        if status == 200 if call.reads else 200 <= status < 300:
            return Answer(
                body, self._content(call, exchange, check, is_json), self.clock.now(), exchange.headers, status
            )
        if status >= 500 or status == 408:
            raise TransientError(f"{name}: {self.title} answered {status}", status=status, body=body)
        if (refused := refusal_of(self._spec, name, exchange, self._login, at_login=self.at_login)) is not None:
            raise refused
        if status == 404:
            raise GoneError(f"{name}: 404, {self.title} has it no more or never had", body=body)
        if 300 <= status < 400:
            raise RefusedError(
                f"{name}: a redirect ({status}), not followed. Either this network asks for a login of its own, in a "
                f"browser, or the address of {self.title} in the settings is wrong.",
                status=status,
                body=body,
            )
        raise RefusedError(
            f"{name}: {self.title} answered {status}, which trying again won't change.", status=status, body=body
        )

    def _content(self, call: Call, exchange: Exchange, check: Check | None, is_json: bool) -> Any:
        """The parsed content of an answer. Raises TransientError if it isn't the requested kind."""
        body, content, fault = exchange.body, None, None
        if not call.reads:
            content, fault = json_if_any(body), "with a web page" if body.lstrip()[:1] == b"<" else None
        elif is_json:
            try:
                content = parse_json(body)
            except (ValueError, RecursionError):
                fault = f"with no valid JSON ({len(body)} bytes)"
        if fault is None and check is not None:
            fault = _fault(check, content)
        if fault is None:
            return content
        what = f"{self.title} answered {exchange.status}, but {fault}"
        raise TransientError(f"{call.name}: {what}", status=200, body=body)


def _query(params: Mapping[str, object] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (params or {}).items() if value is not None}


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The pause of a Retry-After header, in seconds or as a date, at most `LONGEST`; None if unreadable."""
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


class ServiceProvider:
    """The parts of a provider's client that follow from its record, its address and its `ServiceClient`: a base for clients."""

    def __init__(self, name: str, base_url: str, service: ServiceClient) -> None:
        self._name, self._base_url, self._service = name, base_url, service

    @property
    def spec(self) -> ProviderSpec:
        """The provider's offers."""
        return spec_of(self._name)

    @property
    def host(self) -> str | None:
        """The host of its API."""
        return urlsplit(self._base_url).hostname

    @property
    def service(self) -> ServiceClient:
        """The calls of this login, which the provider's writer uses, too."""
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
