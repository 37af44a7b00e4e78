"""Garmin Connect by its official API for persons, with a key: activities and their files, days and nights, read only.

Paths and rows are those of the app's API (client.py), on another host, with other rules: small pages, pauses of
seconds, no gear and no changes. Gear comes by the unofficial login if there is one, whose refusals never stop the key's
work.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from strava_pipeline.core.errors import (
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import Kind, KindReader, ProviderSpec
from strava_pipeline.core.wellness import kept_answer
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.calls import landed_each
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.activity_list import LISTING, OVERLAP, ActivityLister
from strava_pipeline.ingest.garmin.downloads import UnusableDownloadError, only_file
from strava_pipeline.ingest.garmin.key_tokens import UNSAID, KeyToken, key_tokens
from strava_pipeline.ingest.garmin.keys import NEW_KEY, Key, key_file
from strava_pipeline.ingest.garmin.record import SPEC, rows
from strava_pipeline.ingest.garmin.refusals import BY_KEY
from strava_pipeline.ingest.garmin.service import INTERVAL, TITLE, Pace, PacedService
from strava_pipeline.ingest.garmin.wellness import DAILY_SUMMARIES, PARTS, read_wellness, rows_of
from strava_pipeline.ingest.http import Exchange, make_wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.provider import Login, OnWait, Provider, Received
from strava_pipeline.ingest.service_client import Answer, Call, Check

FILES = "/download-service/files/activity"
LARGEST_PAGE, SMALLEST_PAGE = 40, 10  # pages of more than 45 rows are answered with 500, as several clients measured
OF_KEY = replace(SPEC, rows_a_call=LARGEST_PAGE - OVERLAP, refusals=BY_KEY)
JSON = "application/json"
ZIP = "application/zip, application/x-zip-compressed, application/octet-stream"  # as Garmin's own client sends it
T = TypeVar("T")

log = logging.getLogger(__name__)


class PersonalService(PacedService):
    """Calls to the official API. Args: as of `PacedService`."""

    def _send(self, call: Call) -> Exchange:
        self._credentials["headers"] = {"Accept": ZIP if call.path.startswith(FILES) else JSON}
        return super()._send(call)

    def _sorted(self, call: Call, exchange: Exchange, check: Check | None, *, is_json: bool) -> Answer:
        is_empty = exchange.status == 200 and not exchange.body and is_json
        if exchange.status == 204 or (is_empty and call.path != LISTING):  # an empty list would say that all is deleted
            if not is_json:
                raise GoneError(f"{call.name}: 204, {TITLE} has nothing there", body=exchange.body)
            exchange = replace(exchange, status=200, body=b"[]")
        return super()._sorted(call, exchange, check, is_json=is_json)


class Unofficial(Provider, Protocol):
    """A client of the app's API."""

    @property
    def pause(self) -> LimitReachedError | None:
        """The pause after Garmin's last refusal of that login, while it lasts."""


class PersonalClient(ActivityLister):
    """The account whose key is in `tokens`. `unofficial`: a client of the app's API, for gear, or None."""

    largest_page, smallest_page = LARGEST_PAGE, SMALLEST_PAGE

    def __init__(
        self,
        base_url: str,
        tokens: AccessTokens[KeyToken],
        service: PersonalService,
        limits: ImportLimits,
        unofficial: Unofficial | None,
    ) -> None:
        super().__init__(base_url, service)
        self._tokens, self._limits, self._unofficial = tokens, limits, unofficial
        self.refused_parts: dict[str, int] = {}

    @property
    def spec(self) -> ProviderSpec:
        """The offers to this login: with a key alone, no gear and no change."""
        if self._unofficial is not None:
            return OF_KEY
        kinds: dict[Kind, KindReader] = {"wellness": read_wellness}
        reading = OF_KEY.capabilities - {"uploads"}
        return replace(OF_KEY, capabilities=reading, edits=frozenset(), kinds=kinds, gear_of_activity=None)

    @property
    def calls(self) -> int:
        """The attempts that reached the server or may have, by either login, without those for tokens."""
        return self._service.calls + (0 if self._unofficial is None else self._unofficial.calls)

    def login(self) -> Login:
        """The account's number, from the first row, or from a day of an account without activities. Asked for once per key.

        An account that has neither stays unknown until something was recorded.
        """
        account = self._tokens.current.account
        if account is None:
            answer = self._service.login_answer(LISTING, {"start": 0, "limit": 1}, check=rows)
            account = _number(answer.json, "ownerId") or self._account_of_days()
            if account is not None:
                self._tokens.note_account(account)
        return Login(account)

    def _account_of_days(self) -> str | None:
        today = self._service.clock.now().date()
        with suppress(RefusedError, GoneError):
            days = {"startDate": (today - timedelta(days=1)).isoformat(), "endDate": today.isoformat()}
            content = self._service.get(DAILY_SUMMARIES, days).json
            return _number(content.get("data") if isinstance(content, dict) else None, "userProfilePk")
        return None

    def get_file(self, source_id: str) -> Received:
        """As the protocol says: the file from the zip. This API has no conversion by Garmin."""
        answer = self._service.get(f"{FILES}/{quote(source_id, safe='')}", is_json=False)
        try:
            name, content = only_file(answer.body, source_id, self._limits)
        except UnusableDownloadError as fault:
            raise RefusedError(
                f"The file of activity {source_id} can't be used: {fault}.", status=200, body=answer.body
            ) from None
        return Received(content, answer.fetched_at, name)

    def get_gear_of_activity(self, source_id: str) -> Received:
        """As the protocol says, by the unofficial login."""
        assert self._unofficial is not None, "the spec names gear only with that login"
        with _refused_alone(self._unofficial):
            return self._unofficial.get_gear_of_activity(source_id)

    def list_kind(self, kind: Kind, first: date | None, last: date | None) -> Iterator[Received]:
        """As the protocol says: days and nights by the key; gear by the unofficial login, and nothing without one."""
        if kind == "wellness":
            assert first is not None
            assert last is not None
            yield from self._days(first, last)
        elif self._unofficial is not None:
            with _refused_alone(self._unofficial):
                yield from self._unofficial.list_kind(kind, first, last)

    def _days(self, first: date, last: date) -> Iterator[Received]:
        """The answers of all parts, the newest first, without spans that are refused. Raises if every span was."""
        refused, has_any = list[RefusedError | GoneError](), False
        for name, part in PARTS.items():
            for since, until, path, query in reversed([*part.calls(first, last)]):
                try:
                    answer = self._service.get(path, query, check=partial(rows_of, name))
                except (RefusedError, GoneError) as error:
                    if name not in self.refused_parts:  # once in a run, not for each year
                        log.warning("%s: days and nights come without %s: %s", TITLE, name, error)
                    self.refused_parts[name] = error.status
                    refused.append(error)
                    break  # an older span, or a part that this account has not, would be refused as well
                yield Received(kept_answer(name, since, until, answer.body), answer.fetched_at)
                has_any = True
        if refused and not has_any:
            raise refused[0]

    @contextmanager
    def landing(self) -> Iterator[None]:
        """As the protocol says, for calls by either login."""
        with ExitStack() as held:
            held.enter_context(self._service.landing())
            if self._unofficial is not None:
                held.enter_context(self._unofficial.landing())
            yield

    def landed(self, answers: Iterator[T], land: Callable[[T], object]) -> Iterator[T]:
        """As the protocol says, for calls by either login."""
        return landed_each(self.landing, answers, land)


@contextmanager
def _refused_alone(unofficial: Unofficial) -> Iterator[None]:
    """Handle a refusal of the unofficial login, which is neither a limit nor a fault of the key: only gear is skipped.

    The step records no pause for that, so it is recorded here.
    """
    try:
        if (pause := unofficial.pause) is not None:
            raise pause
        yield
    except (LimitReachedError, NeedsLoginError) as error:
        raise TransientError(f"Gear stays as it is, for the unofficial login was refused. {error}") from error


def _number(found: Any, name: str) -> str | None:
    """The number in the first of several objects, or None."""
    first = found[0] if isinstance(found, list) and found else None
    value = first.get(name) if isinstance(first, dict) else None
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) and value else None


def connect_by_key(
    settings: Settings, key: Key, clock: ServerClock, on_wait: OnWait, unofficial: Unofficial | None
) -> PersonalClient:
    """A client with a key; nothing is sent. `unofficial`: as of `PersonalClient`."""
    wire, url = make_wire(settings, clock, SPEC.name), settings.garmin_personal_api_base_url
    tokens = key_tokens(settings, key, wire, clock, on_wait)
    pace = Pace(key_file(settings).with_name("garmin_personal_pace.lock"), settings.pause(INTERVAL, url), clock)
    service = PersonalService(
        OF_KEY,
        url,
        pace,
        wire,
        clock,
        login=f"{NEW_KEY}.",
        unsaid=UNSAID,
        tokens=tokens,
        on_wait=on_wait,
    )
    return PersonalClient(url, tokens, service, settings.import_limits, unofficial)
