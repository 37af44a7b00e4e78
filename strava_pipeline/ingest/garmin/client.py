"""Garmin Connect's client in the unofficial way: the API of Garmin's own app, with a bearer token. With a key, personal.py's.

Its limits are unpublished, and it blocks clients that look like robots. So there is at most a call a second; refusals
are service.py's. The list goes by positions counted from its newest entry, gear has two lists, and a file comes in a
zip.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from strava_pipeline.core.errors import (
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
)
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import Kind, ProviderSpec
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.activity_list import ActivityLister
from strava_pipeline.ingest.garmin.downloads import UnusableDownloadError, only_file
from strava_pipeline.ingest.garmin.gear import read_gear
from strava_pipeline.ingest.garmin.key_login import login_by_key as login_by_key
from strava_pipeline.ingest.garmin.key_tokens import end_of_key, token_file
from strava_pipeline.ingest.garmin.keys import NEW_KEY, find_key, key_file
from strava_pipeline.ingest.garmin.login import login as login
from strava_pipeline.ingest.garmin.personal import PersonalClient, connect_by_key
from strava_pipeline.ingest.garmin.record import NAME, SPEC
from strava_pipeline.ingest.garmin.service import INTERVAL, TITLE, GarminService, Pace, Refusals, refusals_file
from strava_pipeline.ingest.garmin.tokens import HEADERS, LOGIN, Tokens, access_tokens, tokens_file
from strava_pipeline.ingest.http import Exchange, make_wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.provider import KeptLogin, Login, OnWait, Received
from strava_pipeline.ingest.service_client import Answer

PROFILE = "/userprofile-service/socialProfile"
GEAR, NEW_GEAR = "/gear-service/gear/filterGear", "/gear-service/gear/v2/list"
FILES, EXPORTS = "/download-service/files/activity", "/download-service/export"
LARGEST_PAGE = 100  # what the app asks for; up to 1000 are said to work
GEAR_PAGE = 20  # as the app asks
DERIVED = ("tcx", "gpx")  # Garmin makes these of an activity; they replace a file that can't be used
MOST_GEAR_PAGES = 50


class GarminClient(ActivityLister):
    """The account whose login is in `tokens`."""

    largest_page = smallest_page = LARGEST_PAGE

    def __init__(
        self,
        base_url: str,
        tokens: AccessTokens[Tokens],
        service: GarminService,
        limits: ImportLimits,
    ) -> None:
        super().__init__(base_url, service)
        self._garmin = service
        self._tokens, self._limits = tokens, limits

    @property
    def spec(self) -> ProviderSpec:
        """The offers to this login: no days and nights, which come by key."""
        return replace(SPEC, kinds={"gear": read_gear})

    def login(self) -> Login:
        """The account's number. It is asked for once after a login, and then stored with the tokens."""
        account = self._tokens.current.account
        if account is None:
            account = str(self._service.get(PROFILE, check=wrong_profile).json["profileId"])
            self._tokens.note_account(account)
        return Login(account)

    def get_file(self, source_id: str) -> Received:
        """As the protocol says: the file from the zip, or Garmin's own conversion of the activity if that can't be used."""
        key = quote(source_id, safe="")
        answer = self._service.get(f"{FILES}/{key}", is_json=False)
        try:
            name, content = only_file(answer.body, source_id, self._limits)
        except UnusableDownloadError as fault:
            return self._derived_file(source_id, str(fault), answer.body)
        return Received(content, answer.fetched_at, name)

    def _derived_file(self, source_id: str, fault: str, body: bytes) -> Received:
        for ending in DERIVED:
            path = f"{EXPORTS}/{ending}/activity/{quote(source_id, safe='')}"
            with suppress(GoneError, RefusedError, UnusableDownloadError):
                answer = self._service.get(path, is_json=False)
                only_file(answer.body, source_id, self._limits)
                return Received(answer.body, answer.fetched_at, f"{source_id}_derived.{ending}")
        raise RefusedError(
            f"The file of activity {source_id} can't be used: {fault}. Garmin makes no other one of it.",
            status=200,
            body=body,
        )

    @property
    def pause(self) -> LimitReachedError | None:
        """The pause after Garmin's last refusal of this login, while it lasts."""
        return self._garmin.pause

    def get_gear_of_activity(self, source_id: str) -> Received:
        """As the protocol says: a list, which is empty if no gear is linked."""
        answer = self._list_of_gear(GEAR, {"activityId": source_id})
        return Received(answer.body, answer.fetched_at)

    def list_kind(self, kind: Kind, first: date | None, last: date | None) -> Iterator[Received]:
        """All gear, including retired pieces, in one answer: the contents of both of Garmin's lists, as received.

        An account may have only one of the lists.
        """
        older = self._list_of_gear_if_any(GEAR, {"userProfilePk": self.login().account})
        pages: list[Answer] = []
        while len(pages) < MOST_GEAR_PAGES:
            query = {"start": len(pages) * GEAR_PAGE, "limit": GEAR_PAGE}
            page = self._list_of_gear_if_any(NEW_GEAR, query)
            if page is not None:
                pages.append(page)
            if page is None or len(page.json) < GEAR_PAGE:
                break
        newest = pages[-1] if pages else older
        if newest is None:
            raise GoneError("Garmin Connect shows neither of its lists of gear.")
        legacy, newer = older.body if older is not None else b"[]", b",".join(page.body for page in pages)
        yield Received(b'{"legacy":%s,"v2":[%s]}' % (legacy, newer), newest.fetched_at)

    def _list_of_gear_if_any(self, path: str, query: Mapping[str, object]) -> Answer | None:
        try:
            return self._list_of_gear(path, query)
        except GoneError:
            return None

    def _list_of_gear(self, path: str, query: Mapping[str, object]) -> Answer:
        return self._service.get(path, query, check=wrong_gear)


def wrong_profile(content: Any) -> str | None:
    found = content.get("profileId") if isinstance(content, dict) else None
    return None if isinstance(found, int | str) and not isinstance(found, bool) and found else "it names no profile"


def wrong_gear(content: Any) -> str | None:
    is_list = isinstance(content, list) and all(isinstance(piece, dict) and piece.get("uuid") for piece in content)
    return None if is_list else "it is no list of gear"


def login_files(settings: Settings) -> Sequence[Path]:
    """The files of logins of either kind, with the count of refusals; the file of Garmin's own client is not ours."""
    every = (key_file(settings), token_file(settings), tokens_file(settings), refusals_file(settings))
    return [path for path in every if path.exists()]


def kept_login(settings: Settings) -> KeptLogin | None:
    """The kind of login in use, or None if there is no usable one."""
    is_beside = tokens_file(settings).exists()
    try:
        key = find_key(settings)
        ends = [] if key is None else [key.ends_on, end_of_key(settings, key)]
    except NeedsLoginError:
        return None
    if key is None:
        return KeptLogin("by the unofficial API of Garmin's app") if is_beside else None
    return KeptLogin(
        "by key; gear and changes by the unofficial login" if is_beside else "by key, read-only",
        min((day for day in ends if day is not None), default=None),
        f"{NEW_KEY}.",
        by_key=True,
    )


def write_problem(settings: Settings) -> str | None:
    """Why nothing can be changed, for a person; None if possible or unknown."""
    with suppress(NeedsLoginError):  # of a damaged key, which a call reports
        if not tokens_file(settings).exists() and find_key(settings) is not None:
            return f"{TITLE} is read-only with a key; log in the other way to change things: {LOGIN}."
    return None


def assumptions(settings: Settings) -> Sequence[str]:
    """The kind of login, and when it ends."""
    kept = kept_login(settings)
    return () if kept is None else (kept.described,)


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> GarminClient | PersonalClient:
    """The client with the key, if there is one; else with the unofficial login, which next to a key only serves gear."""
    key = find_key(settings)
    if key is None:
        return connect_unofficially(settings, clock, on_wait)
    unofficial: GarminClient | None = None
    if tokens_file(settings).exists():
        with suppress(NeedsLoginError):  # a damaged one: a change reports it
            unofficial = connect_unofficially(settings, clock, on_wait)
    return connect_by_key(settings, key, clock, on_wait, unofficial)


def connect_unofficially(settings: Settings, clock: ServerClock, on_wait: OnWait) -> GarminClient:
    """The client with the login of Garmin's own app. Raises MissingSettingsError without one."""
    path = tokens_file(settings)
    wire, refusals = make_wire(settings, clock, NAME), Refusals(refusals_file(settings))

    def refused(name: str, exchange: Exchange) -> PipelineError:
        of = refusals.of_limit if exchange.status == 429 else refusals.of_block
        return of(name, exchange, clock)

    tokens, url = access_tokens(settings, wire, clock, refused), settings.garmin_api_url
    pace = Pace(path.with_name(f"{path.stem}_pace.lock"), settings.pause(INTERVAL, url), clock)
    more = {"login": f"Please {LOGIN}.", "headers": HEADERS, "tokens": tokens, "on_wait": on_wait}
    service = GarminService(refusals, SPEC, url, pace, wire, clock, **more)
    return GarminClient(url, tokens, service, settings.import_limits)
