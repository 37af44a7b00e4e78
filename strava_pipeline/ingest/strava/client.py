"""Strava's API: the calls for activities, their streams, gear and the athlete, each attempt within the budget.

An answer of an unexpected kind is a transient failure and is retried; every other answer is sorted by what to do about
it. Changes (writes.py) are sent once. Nothing is stored here. `connect` makes a client from the settings: only there do
randomness and the network come in.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from strava_pipeline.core.activities import STREAM_KEYS, is_nothing_recorded, is_streams, split_page, stats_fault
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
from strava_pipeline.core.json_values import json_if_any
from strava_pipeline.core.providers import ProviderSpec, ReadPage
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.budget import CallShare, Pacing
from strava_pipeline.ingest.calls import MOST_REFUSALS
from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.ingest.http import BrokenOffError, Exchange, NotSentError, TooLargeError, Wire, make_wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.provider import Login, OnWait, Page
from strava_pipeline.ingest.service_client import Answer, Call, ServiceClient
from strava_pipeline.ingest.strava.access import make_budget, no_access_reason
from strava_pipeline.ingest.strava.oauth import (
    SEES_PRIVATE,
    WRITES,
    StoredToken,
    access_tokens,
    keep_emulator_tokens_here,
    make_oauth,
    token_store,
)
from strava_pipeline.ingest.strava.record import SPEC
from strava_pipeline.ingest.strava.refusals import fault_codes

MOST_REPEATS = 2  # pages in a row without a new activity: then the listing has no end
log = logging.getLogger(__name__)
ADVICE = "If others fail, too: strava-pipeline auth, and leave every box ticked."


class StravaClient(ServiceClient):
    """The API at `api_url`. `calls` counts the attempts that reached the server or may have."""

    def __init__(
        self, api_url: str, tokens: AccessTokens[StoredToken], pacing: Pacing, clock: ServerClock, wire: Wire
    ) -> None:
        super().__init__(SPEC, api_url, wire, clock, login=ADVICE)
        self.api_url, self.pacing, self.budget = api_url, pacing, pacing.budget
        self._login_tokens = tokens

    @property
    def spec(self) -> ProviderSpec:
        """Strava's offers."""
        return SPEC

    @property
    def host(self) -> str | None:
        """The host of the API."""
        return urlsplit(self.api_url).hostname

    def login(self) -> Login:
        """Whether the login sees data visible only to the athlete. Listings name the athlete, so no account is needed."""
        scope = self._login_tokens.current.scope
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
            check=lambda content: _object_fault(content, activity_id),
            patient=patient,
        )

    def get_streams(self, activity_id: int, *, patient: bool = True) -> Answer:
        """All streams of an activity. Raises GoneError if Strava says that there are none, RefusedError for any other 404."""
        try:
            return self.get(
                f"/activities/{activity_id}/streams",
                {"keys": ",".join(STREAM_KEYS), "key_by_type": "true"},
                check=lambda content: None if is_streams(content) else "the body is no set of streams",
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
        return self.get("/athlete", check=lambda content: _object_fault(content, None))

    def get_stats(self, athlete_id: int) -> Answer:
        """The athlete's own totals as Strava shows them: of activities that everyone may see."""
        return self.get(f"/athletes/{athlete_id}/stats", check=stats_fault, patient=False)

    def get_gear(self, gear_id: str) -> Answer:
        """A bike or a pair of shoes."""
        return self.get(f"/gear/{quote(gear_id, safe='')}", check=lambda content: _object_fault(content, gear_id))

    def probe(self) -> Answer:
        """The athlete, which a working API returns even if single activities fail."""
        return self.get_athlete()

    def _send(self, call: Call) -> Exchange:
        """Send a call, once more with another token after a 401. Raises LoginRefusedError for a 401 to a fresh token."""
        token, exchange = self._send_reserved(call)
        if exchange.status == 401:
            _refuse_without_scope(call, exchange)
            self._login_tokens.renew(token)
            _, exchange = self._send_reserved(call)
        if exchange.status == 401:
            raise LoginRefusedError(
                f"{call.name}: Strava refuses its own token today, although it was just renewed. If it stays so, run "
                "strava-pipeline auth",
                body=exchange.body,
            )
        return exchange

    def _send_reserved(self, call: Call) -> tuple[str, Exchange]:
        """The token and the answer of a call that is counted before it is sent; not counted if it certainly did not
        reach the server's count.
        """
        self._let_interrupts_through()
        reserved_at = self.pacing.reserve(reads=call.reads)
        is_sent = False
        try:
            token = self._login_tokens.get()
            keep_emulator_tokens_here(token, self.api_url)
            self._hold_interrupts()
            is_sent = True
            exchange = self._wire.send(
                call.method, f"{self.api_url}{call.path}", params=call.query, content=call.content, bearer=token
            )
        except (BrokenOffError, TooLargeError) as error:
            self._account(call, error.exchange, reserved_at)
            raise
        except PipelineError as error:
            if is_sent and isinstance(error, TransientError) and not isinstance(error, NotSentError):
                self.calls += 1  # perhaps served: it stays counted
            else:
                self.budget.release(reserved_at, reads=call.reads)
            raise
        self._account(call, exchange, reserved_at)
        return token, exchange

    def _account(self, call: Call, exchange: Exchange, reserved_at: datetime) -> None:
        """Record an answer in the clock, the count and the budget."""
        headers, seconds = exchange.headers, exchange.seconds
        self.calls += 1
        self.clock.learn(headers, elapsed=seconds)
        if exchange.status == 401:
            self.budget.release(reserved_at, reads=call.reads)  # a 401 does not count at Strava
        elif exchange.status == 429:
            self.budget.record_refusal(headers, elapsed=seconds)
        else:
            self.budget.record_answer(headers, elapsed=seconds)

    def _wait_for_limit(self, exchange: Exchange, refusals: int) -> None:
        """Raise BudgetExhaustedError after MOST_REFUSALS; before, the budget makes the next call wait."""
        if refusals >= MOST_REFUSALS:
            governing = self.budget.remaining().governing
            raise BudgetExhaustedError(governing.ceiling, governing.limit, governing.resets_at)


def _refuse_without_scope(call: Call, exchange: Exchange) -> None:
    """Raise MissingScopeError if a 401 says that the login lacks a permission, which another token would lack, too."""
    unscoped = sorted(field for _, field, code in fault_codes(json_if_any(exchange.body)) if code == "missing")
    if unscoped:
        command = "auth --write" if any(field.startswith(WRITES) for field in unscoped) else "auth"
        raise MissingScopeError(
            f"{call.name}: the login lacks a permission ({', '.join(unscoped)}). "
            f"Run strava-pipeline {command} and leave every box ticked.",
        )


def not_a_list(content: Any) -> str | None:
    """The fault of an answer that has to be a list, or None."""
    return None if isinstance(content, list) else "the body is not a list"


def _object_fault(content: Any, wanted: int | str | None) -> str | None:
    """Why the answer is not the object with the id `wanted`; None for any object with an id."""
    if not isinstance(content, dict):
        return "the body is not an object"
    found = content.get("id")
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
    """A client with the settings' login, budget and server; nothing is sent yet.

    `share`: its share of the budget; `wait`, `on_wait`: see Pacing. Raises MissingSettingsError if the application or
    the login is missing, NeedsLoginError if the athlete withdrew the access or a purge is under way.
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
    return StravaClient(settings.api_url, tokens, pacing, clock, wire)


def _ask_time(wire: Wire, base_url: str, clock: ServerClock) -> None:
    """Read the server's time from its front page, which isn't an API call and counts in no limit."""
    try:
        exchange = wire.send("HEAD", base_url)
    except PipelineError as error:
        log.info("The server's time could not be asked for: %s", error)
        return
    clock.learn(exchange.headers, elapsed=exchange.seconds)
