"""The client of Ride with GPS: the documented interface for trips and their tracks, the web site's own one for lists of gear.

Features of the web site's interface are in one function each (`_gear_list`, `_trips_page`): without it only the gear of
a listing is missing. A run that follows the feed uses neither. Addresses in answers sometimes name other hosts; none is
followed.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.json_values import json_bytes, json_if_any, parse_json
from strava_pipeline.core.providers import Kind, ReadPage, spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Wire, make_wire
from strava_pipeline.ingest.provider import Changes, Login, OnWait, Page, Received
from strava_pipeline.ingest.ridewithgps.changes import read_changes
from strava_pipeline.ingest.ridewithgps.list_passes import ListPasses
from strava_pipeline.ingest.ridewithgps.record import gear_alone, gear_of_details, gear_of_trips, versions_of_trips
from strava_pipeline.ingest.ridewithgps.track import track_file
from strava_pipeline.ingest.ridewithgps.webhooks import id_text
from strava_pipeline.ingest.service_client import Answer, Check, ServiceClient, ServiceProvider
from strava_pipeline.ingest.service_oauth import ServiceApplication, ServiceToken, token_file

NAME, TITLE = "ridewithgps", "Ride with GPS"
LOGIN_SETTINGS = ("RIDEWITHGPS_API_KEY", "RIDEWITHGPS_AUTH_TOKEN")
LEAST_ROWS, MOST_ROWS = 20, 200  # trips on a page of trips.json, by the service's documentation
INTERVAL = 0.5  # seconds between two calls
LEGACY_ROWS = 100  # trips on a page of the web site's list; it may give more on request
UNSAID, MOST_REFUSALS = timedelta(seconds=30), 6  # a pause that is not named, doubled each time; five of them
NONE_HAS = ""  # in place of a trip's id: the account has no gear
GEAR_LIST = "/users/current.json"  # of the web site's interface
MOST_DETAILS = 20  # trips whose answers are kept until their files are asked for: one may have some megabytes

APPLICATION = ServiceApplication(
    name=NAME,
    prefix="RIDEWITHGPS",
    pair=lambda settings: (settings.ridewithgps_client_id, settings.ridewithgps_client_secret),
    url=lambda settings: settings.ridewithgps_base_url,
    token_path="/oauth/token.json",
    sends_json=True,
    account_of=lambda answer: id_text(answer.get("user_id")),
)
login, is_application_set = APPLICATION.log_in, APPLICATION.is_set
log = logging.getLogger(__name__)


class RideWithGpsClient(ServiceProvider):
    """Ride with GPS with one login: by OAuth, or an API key and the token of the account."""

    def __init__(
        self, settings: Settings, login: ServiceToken | Sequence[str], wire: Wire, clock: ServerClock, on_wait: OnWait
    ) -> None:
        base_url, is_own = settings.ridewithgps_base_url, isinstance(login, ServiceToken)
        key, token = (login.access_token, "") if isinstance(login, ServiceToken) else login
        self._digest = hashlib.sha256(f"{base_url}\n{key}\n{token}".encode()).hexdigest()[:16]
        by_token = f"Check {' and '.join(LOGIN_SETTINGS)}; a token ends with a change of the password."
        service = ServiceClient(
            spec_of(NAME),
            base_url,
            wire,
            clock,
            login=APPLICATION.again if is_own else by_token,
            interval=settings.pause(INTERVAL, base_url),
            pausing=(429, 503),
            unsaid=UNSAID,
            most_refusals=MOST_REFUSALS,
            patience=timedelta(minutes=30),  # of five pauses the last is one of 8 to 16 minutes
            bearer=key if is_own else None,
            headers=None if is_own else {"x-rwgps-api-key": key, "x-rwgps-auth-token": token},
            on_wait=on_wait,
        )
        super().__init__(NAME, base_url, service)
        self._gear: Received | PipelineError | None = None  # this run's list of gear, or the reason why it is missing
        self._gear_of_trips: dict[str, Any] = {}  # by its id, as the trips of this run show it
        self._details: dict[str, Received] = {}  # the trips that came last, by their ids
        self._follows = False  # whether this run asked the feed

    @property
    def login_digest(self) -> str:
        """A hash of the address and the login."""
        return self._digest

    def login(self) -> Login:
        """The login's owner, requested once."""
        return Login(self._account)

    @cached_property
    def _account(self) -> str:
        return str(_user_id(self._service.login_answer("/api/v1/users/current.json", check=_wrong_user).json))

    def changes(self, since: str, account: str | None) -> Changes:
        """What changed since a cursor: created, updated and deleted trips of the account."""
        self._follows = True
        query = {"since": since, "assets": "trips"}
        answer, calls = self._counted("/api/v1/sync.json", query, lambda content: read_changes(content, account))
        read = read_changes(answer.json, account)
        page = Page(1, 1, self.spec.read_page(answer.json), answer.body, answer.fetched_at, calls)
        return Changes(page, read.cursor, read.changed, read.deleted)

    def get_activity(self, source_id: str) -> Page:
        """One trip, with its gear. The tracks of the latest trips are kept for `get_file`."""
        calls = self.calls
        answer = self._detail(source_id)
        gear = answer.json["trip"].get("gear")
        if isinstance(gear, dict) and (key := id_text(gear.get("id"))) is not None:
            self._gear_of_trips[key] = gear
        self._details[source_id] = Received(answer.body, answer.fetched_at)
        if len(self._details) > MOST_DETAILS:
            del self._details[next(iter(self._details))]
        return Page(1, 1, self.spec.read_page(answer.json), answer.body, answer.fetched_at, self.calls - calls)

    def versions(self, content: Any) -> Mapping[str, datetime]:
        """When the trips of a page were updated."""
        return versions_of_trips(content)

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """The pages of the list of everything, without gear: the service can't list a range of time."""
        return self._list(per_page, (), {})

    def list_all(self, per_page: int, landed: Sequence[tuple[int, Any]]) -> Iterator[Page]:
        """The pages of the list, each trip with its gear; first, as pages without trips, the sources of the gear."""
        gear: dict[str, Any] = {}
        yield from self._gear_pages(gear, [content for _, content in landed if _has_gear_alone(content)])
        yield from self._list(per_page, _trips_pages(landed), gear)

    def _list(self, per_page: int, landed: Sequence[tuple[int, Any]], gear: dict[str, Any]) -> Iterator[Page]:
        """The pages of the list, each trip with its gear if `gear` names it. `landed`: earlier pages."""
        size = min(max(per_page, LEAST_ROWS), MOST_ROWS)
        passes = ListPasses(size, landed)
        while (number := passes.wanted) is not None:
            try:
                answer, calls = self._counted(
                    "/api/v1/trips.json", {"page": number, "page_size": size}, passes.fault(number)
                )
            except GoneError:
                if number == 1:
                    raise
                passes.end()  # beyond the last page
                continue
            passes.add(number, answer.json)
            if answer.json["trips"]:
                body = _with_gear(answer.body, answer.json, gear)
                yield Page(number, size, self.spec.read_page(parse_json(body)), body, answer.fetched_at, calls)
        if passes.is_restless:
            raise TransientError("Ride with GPS: the list of trips changed each time it was read; the next run goes on")

    def _gear_pages(self, gear: dict[str, Any], landed: Sequence[Any]) -> Iterator[Page]:
        """Fill `gear` with the gear of each trip, from pages of the web site's list; `landed`: earlier pages."""
        for content in landed:
            gear |= gear_of_trips(content)
        offset, total = sum(len(content["results"]) for content in landed), _results_count(landed)
        try:
            if not landed and not self.spec.kinds["gear"](parse_json(self._gear_list().body)):
                gear[NONE_HAS] = None
                return
            while total is None or offset < total:
                calls = self.calls
                answer = self._trips_page(offset)
                results = answer.json["results"]
                if not results:
                    return
                found = gear_of_trips(answer.json)
                is_new = not found.keys() <= gear.keys()
                gear |= found
                offset, total = offset + len(results), _results_count([answer.json])
                none = ReadPage([], foreign=len(results))
                yield Page(0, LEGACY_ROWS, none, answer.body, answer.fetched_at, self.calls - calls)
                if not is_new:
                    return  # it repeats itself
        except LimitReachedError:
            raise
        except (TransientError, RefusedError, GoneError, NeedsLoginError) as error:
            self._gear = _of_gear_alone(error)
            log.warning("The gear of trips stays as it was known: %s", error)

    def list_kind(self, kind: Kind, first: date | None, last: date | None) -> Iterator[Received]:
        """The account's gear, without the service's other data around it.

        A run that follows the feed makes no call for it: it has the gear in its trips, without nicknames.
        """
        if not self._follows or self._gear is not None:
            yield self._gear_list()
        elif self._gear_of_trips:
            yield Received(json_bytes(gear_of_details(self._gear_of_trips.values())), self._service.clock.now())

    def _gear_list(self) -> Received:
        """The list of gear, requested once in a run. It has no documented address."""
        if self._gear is None:
            try:
                answer = self._service.get(GEAR_LIST, check=gear_alone)
            except LimitReachedError:
                raise
            except (TransientError, RefusedError, GoneError, NeedsLoginError) as error:
                self._gear = _of_gear_alone(error)
            else:
                self._gear = Received(json_bytes(gear_alone(answer.json)), answer.fetched_at)
        if isinstance(self._gear, PipelineError):
            raise self._gear
        return self._gear

    def _trips_page(self, offset: int) -> Answer:
        """A page of the web site's list, whose trips name their gear. It has no documented address."""
        return self._service.get(
            f"/users/{quote(self._account, safe='')}/trips.json",
            {"offset": offset, "limit": LEGACY_ROWS},
            check=gear_of_trips,
        )

    def get_file(self, source_id: str) -> Received:
        """The trip's track, as a file. Raises GoneError if the trip has none, or is gone."""
        detail = self._details.pop(source_id, None)
        if detail is None:
            answer = self._detail(source_id)
            detail = Received(answer.body, answer.fetched_at)
        track = track_file(parse_json(detail.body)["trip"])
        if track is None:
            raise GoneError("Ride with GPS has no track of this trip.")
        return Received(track, detail.fetched_at, f"{source_id}_derived.tcx")

    def _detail(self, source_id: str) -> Answer:
        """The trip by itself, with its track, its gear and its device."""
        try:
            return self._service.get(trip_path(source_id), check=_wrong_trip)
        except (ForbiddenError, GoneError) as error:  # the trip is gone, unless something on the way said so
            if isinstance(json_if_any(error.body), dict) or (
                isinstance(error, GoneError) and not error.body.lstrip().startswith(b"<")
            ):
                raise
            what = f"{error} The answer is not the service's own."
            raise TransientError(what, status=error.status, body=error.body) from None

    def _counted(self, path: str, query: Mapping[str, object], check: Check) -> tuple[Answer, int]:
        calls = self.calls
        answer = self._service.get(path, query, check=check)
        return answer, self.calls - calls


def trip_path(source_id: str) -> str:
    """The address of a trip in the documented interface."""
    return f"/api/v1/trips/{quote(source_id, safe='')}.json"


def _user_id(content: Any) -> str | None:
    user = content.get("user") if isinstance(content, dict) else None
    return id_text(user.get("id")) if isinstance(user, dict) else None


def _wrong_user(content: Any) -> str | None:
    return None if _user_id(content) else _said(content) or "it names no user"


def _wrong_trip(content: Any) -> str | None:
    is_trip = isinstance(content, dict) and isinstance(content.get("trip"), dict)
    return None if is_trip else _said(content) or "it holds no trip"


def _said(content: Any) -> str | None:
    """A sentence if the service reports an error in an answer with 200; its words may contain anything and are not repeated."""
    return "it reports an error" if isinstance(content, dict) and content.get("error") else None


def _of_gear_alone(error: PipelineError) -> PipelineError:
    """The failure of a call for gear: an ended login is a refusal of it, as the login itself has answered elsewhere."""
    return RefusedError(str(error), status=401) if isinstance(error, NeedsLoginError) else error


def _results_count(contents: Sequence[Any]) -> int | None:
    count = contents[-1].get("results_count") if contents else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _has_gear_alone(content: Any) -> bool:
    """Whether a page is one of the web site's list, which is only used for the gear."""
    return "results" in content


def _trips_pages(landed: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Number and content of the pages of trips, without their gear.

    A page during which a run died has no number (0), because its request was not recorded. It is the one after the page
    before.
    """
    found: list[tuple[int, Any]] = []
    for number, content in landed:
        if not _has_gear_alone(content):
            before = found[-1][0] if found else 0
            found.append((number or before + 1, content.get("page", content)))
    return found


def _with_gear(body: bytes, content: Any, gear: dict[str, Any]) -> bytes:
    """The page as received, prefixed with the gear of its trips, as far as known."""
    keys = [id_text(trip.get("id")) for trip in content["trips"] if isinstance(trip, dict)]
    of_page = {key: gear.get(key) for key in keys if key is not None and (key in gear or NONE_HAS in gear)}
    return b'{"gear":' + json_bytes(of_page) + b',"page":' + body.lstrip(b"\xef\xbb\xbf") + b"}" if of_page else body


def login_files(settings: Settings) -> Sequence[Path]:
    """The login by OAuth, if there is one; other logins are in settings."""
    token = token_file(settings, NAME)
    return [token] if token.exists() else []


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> RideWithGpsClient:
    """A client; nothing is sent. Raises MissingSettingsError if the login is missing."""
    found = APPLICATION.find_login(settings, LOGIN_SETTINGS, spec_of(NAME).login_steps)
    return RideWithGpsClient(settings, found, make_wire(settings, clock, NAME), clock, on_wait)
