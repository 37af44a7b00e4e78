"""Strava's API: the calls for activities, their streams, gear and the athlete, each attempt within the budget.

An answer that is not what was asked for is a transient failure and is tried again; every other answer is sorted by what to do
about it. What changes something (writes.py) is sent once. Nothing is kept here. `connect` makes a client from the settings: only
there do randomness and the network come in.
"""

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from strava_pipeline.core.activities import STREAM_KEYS, is_nothing_recorded, is_streams, split_page
from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    GoneError,
    LoginRefusedError,
    MissingScopeError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    RepeatingListingError,
    TransientError,
)
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.providers import ProviderSpec, ReadPage
from strava_pipeline.ingest.budget import CallShare, Pacing
from strava_pipeline.ingest.calls import MOST_REFUSALS, LandingClient, retrying
from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.ingest.http import BrokenOffError, Exchange, NotSentError, TooLargeError, Wire, make_wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.provider import Login, OnWait, Page
from strava_pipeline.ingest.refusals import refusal_of
from strava_pipeline.ingest.service_client import Answer
from strava_pipeline.ingest.strava.access import no_access_reason
from strava_pipeline.ingest.strava.budget import make_budget
from strava_pipeline.ingest.strava.oauth import SEES_PRIVATE, access_tokens, make_oauth
from strava_pipeline.ingest.strava.record import SPEC
from strava_pipeline.ingest.strava.refusals import fault_codes
from strava_pipeline.ingest.strava.token_store import WRITES, StoredToken, keep_emulator_tokens_here, token_store
from strava_pipeline.settings import Settings

MOST_REPEATS = 2  # pages in a row without a new activity: then the listing has no end
log = logging.getLogger(__name__)
INVALID = object()
ADVICE = "If others fail, too: strava-pipeline auth, and leave every box ticked."


Check = Callable[[Answer], str | None]
"""Says what is wrong with an answer's content (the call is then tried again); None: nothing is."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent: `content` is a body and its Content-Type, of a request that changes something."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: tuple[bytes, str] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"{self.method} {self.path}"

    @property
    def reads(self) -> bool:
        """Whether it counts in the limits of reading calls, beside those of all calls."""
        return self.method == "GET"


class StravaClient(LandingClient):
    """The API at `api_url`. `calls` counts the attempts that reached the server or may have."""

    title = "Strava"

    def __init__(
        self,
        api_url: str,
        tokens: AccessTokens[StoredToken],
        pacing: Pacing,
        clock: ServerClock,
        wire: Wire,
        jitter: Callable[[], float],
    ) -> None:
        super().__init__()
        self.api_url = api_url
        self.calls = 0
        self.budget = pacing.budget
        self.pacing = pacing
        self.clock = clock
        self._tokens, self._wire, self._jitter = tokens, wire, jitter
        self._attempts = retrying(jitter, self._pause, log)

    @property
    def spec(self) -> ProviderSpec:
        """What Strava offers."""
        return SPEC

    @property
    def host(self) -> str | None:
        """The host of the API."""
        return urlsplit(self.api_url).hostname

    def login(self) -> Login:
        """Listings name the athlete, so no account is asked for; whether the login sees what only the athlete may see."""
        scope = self._tokens.current.scope
        return Login(None, scope is None or SEES_PRIVATE in scope.replace(",", " ").split())

    @property
    def waited(self) -> timedelta:
        """How long the client waited for limits, in the server's time."""
        return self.pacing.waited

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """The pages of the listing from `after` to `before` (exclusive epoch seconds), the empty last one too.

        Newest first; oldest first as soon as `after` is given. Only an empty page ends a listing, not a short one. Each
        page is handed out before the next call is made; what `get` raises ends the iteration. Raises
        RepeatingListingError behind MOST_REPEATS pages in a row without anything new: uploads meanwhile repeat less.
        """
        number, repeats = 1, 0
        seen: set[int | str] = set()
        while True:
            window = {"after": after, "before": before}
            request = {name: value for name, value in window.items() if value is not None}
            request |= {"per_page": per_page, "page": number}
            calls = self.calls
            answer = self.get("/athlete/activities", request, check=not_a_list)
            activities, unreadable = split_page(answer.json)
            read = ReadPage(activities, unreadable)
            yield Page(number, per_page, read, answer.body, answer.fetched_at, self.calls - calls)
            if not answer.json:
                return
            rows: set[int | str] = {activity["id"] for activity in activities} | {row.digest for row in unreadable}
            repeats = repeats + 1 if rows <= seen else 0
            if repeats == MOST_REPEATS:
                raise RepeatingListingError(repeats)
            seen |= rows
            number += 1

    def get_detail(self, activity_id: int, *, patient: bool = True) -> Answer:
        """The detailed activity with all its efforts. Raises as `get` does."""
        return self.get(
            f"/activities/{activity_id}",
            {"include_all_efforts": "true"},
            check=lambda answer: _object_fault(answer, activity_id),
            patient=patient,
        )

    def get_streams(self, activity_id: int, *, patient: bool = True) -> Answer:
        """All streams of an activity. Raises GoneError where Strava says that there are none, RefusedError for any other 404."""
        try:
            return self.get(
                f"/activities/{activity_id}/streams",
                {"keys": ",".join(STREAM_KEYS), "key_by_type": "true"},
                check=lambda answer: None if is_streams(answer.json) else "the body is no set of streams",
                patient=patient,
            )
        except GoneError as error:
            if is_nothing_recorded(error.status, error.body):
                raise
            raise RefusedError(
                f"GET /activities/{activity_id}/streams: 404, but not from Strava. Is STRAVA_API_URL right?",
                status=error.status,
                body=error.body,
            ) from error

    def get_athlete(self) -> Answer:
        """The athlete whose login it is."""
        return self.get("/athlete", check=lambda answer: _object_fault(answer, None))

    def get_gear(self, gear_id: str) -> Answer:
        """A bike or a pair of shoes."""
        return self.get(f"/gear/{quote(gear_id, safe='')}", check=lambda answer: _object_fault(answer, gear_id))

    def probe(self) -> Answer:
        """The athlete, which an API that works answers with, whatever is wrong with single activities."""
        return self.get_athlete()

    def get(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        check: Check | None = None,
        patient: bool = True,
    ) -> Answer:
        """The answer to GET `path`.

        Raises GoneError (404), ForbiddenError, NeedsLoginError (LoginRefusedError for a 401 to a fresh token),
        BudgetExhaustedError, CallCapReachedError; TransientError when three attempts failed (one, unless `patient`), with
        the last one's status and body; else PipelineError.
        """
        query = {name: str(value) for name, value in (params or {}).items() if value is not None}
        request = _Request("GET", path, query)
        if not patient:
            return self._attempt(request, check)
        for attempt in self._attempts:
            with attempt:
                return self._attempt(request, check)
        raise AssertionError("tenacity either returns or raises")

    def write(self, method: str, path: str, *, json: object = None, content: tuple[bytes, str] | None = None) -> Answer:
        """Send a request that changes something, with `json` or another body and its Content-Type; returns its answer.

        Only what certainly was not done is sent again: where no connection came about, the token had expired, or a limit was
        full. After any other failure whoever asked has to read what Strava has now. Raises as `get` does.
        """
        request = _Request(method, path, content=content or (json_bytes(json), "application/json"))
        for attempt in retrying(self._jitter, self._pause, log, after=NotSentError):
            with attempt:
                return self._attempt(request, None)
        raise AssertionError("tenacity either returns or raises")

    def _attempt(self, request: _Request, check: Check | None) -> Answer:
        """One attempt as the retries count them; within it a refused token is renewed and a 429 waited for."""
        rejected: str | None = None
        refusals = 0
        while True:
            self._let_interrupts_through()
            reserved_at = self.pacing.reserve(reads=request.reads)
            token, exchange = self._call(request, reserved_at)
            if exchange.status == 401:
                self._judge_401(request.name, exchange, again=rejected is not None)
                rejected = token
                self._tokens.renew(token)
            elif exchange.status == 429:
                refusals += 1
                self._judge_429(refusals)
            else:
                return self._classify(request, exchange, check)

    def _call(self, request: _Request, reserved_at: datetime) -> tuple[str, Exchange]:
        """Send one request whose call is reserved; release the reservation where the call certainly did not count."""
        try:
            token = self._tokens.get()
            keep_emulator_tokens_here(token, self.api_url)
        except PipelineError:
            self.budget.release(reserved_at, reads=request.reads)
            raise
        self._hold_interrupts()
        try:
            exchange = self._wire.send(
                request.method,
                f"{self.api_url}{request.path}",
                params=request.query,
                content=request.content,
                bearer=token,
            )
        except (BrokenOffError, TooLargeError) as error:
            self._account(request, error.exchange, reserved_at)
            raise
        except NotSentError:
            self.budget.release(reserved_at, reads=request.reads)
            raise
        except TransientError:
            self.calls += 1  # sent, perhaps served: it stays counted
            raise
        except PipelineError:
            self.budget.release(reserved_at, reads=request.reads)
            raise
        self._account(request, exchange, reserved_at)
        return token, exchange

    def _pause(self, seconds: float) -> None:
        self._let_interrupts_through()
        self.clock.sleep(seconds)

    def _account(self, request: _Request, exchange: Exchange, reserved_at: datetime) -> None:
        """Record an answer in the clock, the count and the budget."""
        headers, seconds = exchange.headers, exchange.seconds
        self.calls += 1
        self.clock.learn(headers, elapsed=seconds)
        if exchange.status == 401:
            self.budget.release(reserved_at, reads=request.reads)  # a 401 does not count at Strava
        elif exchange.status == 429:
            self.budget.record_refusal(headers, elapsed=seconds)
        else:
            self.budget.record_answer(headers, elapsed=seconds)

    def _judge_401(self, name: str, exchange: Exchange, *, again: bool) -> None:
        unscoped = sorted(field for _, field, code in fault_codes(_json(exchange.body)) if code == "missing")
        if unscoped:
            command = "auth --write" if any(field.startswith(WRITES) for field in unscoped) else "auth"
            raise MissingScopeError(
                f"{name}: the login lacks a permission ({', '.join(unscoped)}). "
                f"Run strava-pipeline {command} and leave every box ticked.",
            )
        if again:
            raise LoginRefusedError(
                f"{name}: Strava refuses its own token today, although it was just renewed. If it stays so, run "
                "strava-pipeline auth",
                body=exchange.body,
            )

    def _judge_429(self, refusals: int) -> None:
        if refusals < MOST_REFUSALS:
            return
        governing = self.budget.remaining().governing
        raise BudgetExhaustedError(governing.ceiling, governing.limit, governing.resets_at)

    def _classify(self, request: _Request, exchange: Exchange, check: Check | None) -> Answer:
        status, body, name = exchange.status, exchange.body, request.name
        if status == 200 or (status == 201 and not request.reads):
            value = _json(body)
            if value is INVALID:
                raise TransientError(f"{name}: {status}, but no valid JSON ({len(body)} bytes)", status=200, body=body)
            answer = Answer(body, value, self.clock.now(), exchange.headers, status)
            fault = check(answer) if check is not None else None
            if fault is not None:
                raise TransientError(f"{name}: 200, but {fault}", status=200, body=body)
            return answer
        if status >= 500 or status == 408:
            raise TransientError(f"{name}: Strava answered {status}", status=status, body=body)
        if status == 404:
            raise GoneError(f"{name}: 404, deleted at Strava or not visible to this login", body=body)
        if (refused := refusal_of(SPEC, name, exchange, ADVICE)) is not None:
            raise refused
        if 300 <= status < 400:
            raise RefusedError(
                f"{name}: a redirect ({status}), not followed. Either this network asks for a login of its own, in a "
                f"browser, or STRAVA_API_URL ({self.api_url}) is wrong.",
                status=status,
                body=body,
            )
        raise RefusedError(
            f"{name}: Strava answered {status}, which trying again won't change.", status=status, body=body
        )


def _json(body: bytes) -> Any:
    try:
        return parse_json(body)
    except (ValueError, RecursionError):
        return INVALID


def not_a_list(answer: Answer) -> str | None:
    """What is wrong with an answer that has to be a list; None: nothing."""
    return None if isinstance(answer.json, list) else "the body is not a list"


def _object_fault(answer: Answer, wanted: int | str | None) -> str | None:
    """Why the answer is not the object with the id `wanted`; None: any object with an id will do."""
    if not isinstance(answer.json, dict):
        return "the body is not an object"
    found = answer.json.get("id")
    if wanted is None:
        return None if type(found) is int else "the body has no id"
    if type(found) is not type(wanted) or found != wanted:
        return f"the body's id is not {wanted}"
    return None


def connect(
    settings: Settings,
    clock: ServerClock | None = None,
    on_wait: OnWait | None = None,
    *,
    share: CallShare | None = None,
    wait: bool = True,
) -> StravaClient:
    """A client on the settings' login, budget and server; nothing is sent yet.

    `share`: what of the budget it may use; `wait`, `on_wait`: see Pacing. Raises MissingSettingsError when the application or the
    login is missing, NeedsLoginError when the athlete took the access away or a purge is under way.
    """
    if reason := no_access_reason(settings):
        raise NeedsLoginError(reason)
    clock = clock or system_clock(settings)
    wire = make_wire(settings, clock, SPEC.name)
    oauth = make_oauth(settings, wire, clock)
    tokens = access_tokens(token_store(settings), oauth, clock)
    pacing = Pacing(
        make_budget(settings, clock, share),
        clock,
        wait=wait,
        on_wait=None if on_wait is None else lambda error, seconds: on_wait(str(error), seconds),
        ask_time=lambda: _ask_time(wire, settings.base_url, clock),
    )
    return StravaClient(settings.api_url, tokens, pacing, clock, wire, random.random)


def _ask_time(wire: Wire, base_url: str, clock: ServerClock) -> None:
    """Read the server's time from its front page, which is no API call and counts in no limit."""
    try:
        exchange = wire.send("HEAD", base_url)
    except PipelineError as error:
        log.info("The server's time could not be asked for: %s", error)
        return
    clock.learn(exchange.headers, elapsed=exchange.seconds)
