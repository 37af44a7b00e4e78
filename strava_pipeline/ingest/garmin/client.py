"""Garmin Connect's client: the API of Garmin's own app, with a bearer token. Logging in is login.py's.

Its limits are unpublished, and it blocks whoever looks like a robot. So there is a call a second at most; what a refusal means is
service.py's. The list goes by places counted from its newest entry, gear has two lists, and a file comes in a zip.
"""

import random
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from strava_pipeline.core.errors import GoneError, PipelineError, RefusedError, TransientError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import Kind, ReadPage, UnreadableRowError
from strava_pipeline.core.providers.garmin import NAME, rows
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.downloads import UnusableDownloadError, only_file
from strava_pipeline.ingest.garmin.login import login as login
from strava_pipeline.ingest.garmin.service import GarminService, Pace, Refusals, refusals_file
from strava_pipeline.ingest.garmin.tokens import AccessTokens, TokenFile, tokens_file
from strava_pipeline.ingest.http import Exchange, make_wire
from strava_pipeline.ingest.provider import Login, OnWait, Page, Received
from strava_pipeline.ingest.service_client import Answer, ServiceProvider
from strava_pipeline.settings import Settings

LISTING = "/activitylist-service/activities/search/activities"
PROFILE = "/userprofile-service/socialProfile"
GEAR, NEW_GEAR = "/gear-service/gear/filterGear", "/gear-service/gear/v2/list"
FILES, EXPORTS = "/download-service/files/activity", "/download-service/export"
LARGEST_PAGE = 100  # what the app asks for; up to 1000 are said to work
OVERLAP = 5  # rows that a page repeats of the one before: so many may vanish in between without a row being missed
SLACK = 20  # a page is the last one if more than a twentieth of what was asked for is not there
CAPS = (20, 25, 50)  # rows that a service gives at most, whatever is asked for; the web site asks for 20
REPEATS = 3  # pages in a row that are the same: the service does not heed `start`
GEAR_PAGE = 20  # as the app asks
DERIVED = ("tcx", "gpx")  # what Garmin makes of an activity, in place of a file that can't be used
FIRST_DAY = date(1970, 1, 1)
MOST_GEAR_PAGES = 50


class GarminClient(ServiceProvider):
    """The account whose login is in `tokens`."""

    def __init__(
        self,
        base_url: str,
        tokens: AccessTokens,
        service: GarminService,
        limits: ImportLimits,
    ) -> None:
        super().__init__(NAME, base_url, service)
        self._tokens, self._limits = tokens, limits

    def login(self) -> Login:
        """The account's number. It is asked for once after a login, and then stands beside the tokens."""
        if self._tokens.current.account is None:
            profile = self._service.get(PROFILE, check=wrong_profile).json
            account = str(profile["profileId"])
            self._tokens.note_account(account)
            return Login(account)
        return Login(self._tokens.current.account)

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """As the protocol says; the days around the window, newest first, each activity in one page only.

        The list goes by places counted from its newest entry, which move when an activity is added or deleted. So each page
        begins with the last rows of the one before; where none of these is there, it goes back until it meets a row it knows.
        """
        seen: set[str] = set()
        days = days_around(after, before)
        number = place = repeated = 0
        last: list[str] = []
        while True:
            start = max(0, place - OVERLAP)
            limit = min(per_page + place - start, LARGEST_PAGE)
            calls = self.calls
            answer = self._service.get(LISTING, {"start": start, "limit": limit, **days}, check=wrong_page)
            read = self.spec.read_page(answer.json)
            keys = [activity["source_id"] for activity in read.activities] + [item.digest for item in read.unreadable]
            is_adjoining = start == 0 or not seen.isdisjoint(keys)
            if not seen.issuperset(keys):
                number += 1
                beyond = limit - (place - start)  # what was asked for beside what the page repeats
                yield Page(number, beyond, _unseen(read, seen), answer.body, answer.fetched_at, self.calls - calls)
            repeated = repeated + 1 if keys and keys == last else 0
            if repeated >= REPEATS:
                raise TransientError(f"GET {LISTING}: the list repeats itself page after page")
            last = keys
            seen.update(keys)
            if not is_adjoining:
                place = max(0, start - limit + OVERLAP)
            elif len(answer.json) >= limit - limit // SLACK:
                place = start + limit
            elif len(answer.json) in CAPS:
                place = start + len(answer.json)
            else:
                return

    def get_file(self, source_id: str) -> Received:
        """As the protocol says: the file out of the zip, or what Garmin makes of the activity where that can't be used."""
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

    def get_gear_of_activity(self, source_id: str) -> Received:
        """As the protocol says: a list, which is empty where no gear is linked."""
        answer = self._list_of_gear(GEAR, {"activityId": source_id})
        return Received(answer.body, answer.fetched_at)

    def list_kind(self, kind: Kind, after: int | None, before: int | None) -> Iterator[Received]:
        """All gear, retired pieces included, in one answer: what both of Garmin's lists say, as received.

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


def days_around(after: int | None, before: int | None) -> dict[str, str]:
    """The days to ask for, both included. The list goes by the athlete's local day, which may be the one before or after."""
    day = timedelta(days=1)
    asked = {}
    if after is not None or before is not None:
        first = FIRST_DAY if after is None else max((_utc(after) - day).date(), FIRST_DAY)
        asked["startDate"] = first.isoformat()
    if before is not None:
        asked["endDate"] = (_utc(before) + day).date().isoformat()
    return asked


def _utc(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _unseen(read: ReadPage, seen: Container[str]) -> ReadPage:
    """What a page holds beside what pages before it held."""
    activities = [activity for activity in read.activities if activity["source_id"] not in seen]
    return replace(
        read, activities=activities, unreadable=[item for item in read.unreadable if item.digest not in seen]
    )


def wrong_page(content: Any) -> str | None:
    try:
        rows(content)
    except UnreadableRowError as error:
        return str(error)
    return None


def wrong_profile(content: Any) -> str | None:
    found = content.get("profileId") if isinstance(content, dict) else None
    return None if isinstance(found, int | str) and not isinstance(found, bool) and found else "it names no profile"


def wrong_gear(content: Any) -> str | None:
    is_list = isinstance(content, list) and all(isinstance(piece, dict) and piece.get("uuid") for piece in content)
    return None if is_list else "it is no list of gear"


def login_files(settings: Settings) -> Sequence[Path]:
    """The login, and the count of refusals beside it, as long as there is one."""
    refusals = refusals_file(settings)
    return [tokens_file(settings), *([refusals] if refusals.exists() else [])]


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> GarminClient:
    path = tokens_file(settings)
    wire, refusals = make_wire(settings, clock), Refusals(refusals_file(settings))

    def refused(name: str, exchange: Exchange) -> PipelineError:
        of = refusals.of_limit if exchange.status == 429 else refusals.of_block
        return of(name, exchange, clock)

    tokens = AccessTokens(TokenFile(path), settings.garmin_auth_url, wire, clock, random.random, refused)
    service = GarminService(
        settings.garmin_api_url,
        tokens,
        refusals,
        Pace(path.with_name(f"{path.stem}_pace.lock"), settings.garmin_interval, clock),
        wire,
        clock,
        random.random,
        on_wait,
    )
    return GarminClient(settings.garmin_api_url, tokens, service, settings.import_limits)
