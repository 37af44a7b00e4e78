"""Wahoo's client: workouts from the newest start on, and their files, which lie at secret addresses of another host.

The service can't list a range of time. Its list is in the order of starts, so the first page of a range is found by
bisection, and the listing ends with the first workout before it. If the order is different, nothing is accepted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from strava_pipeline.core.errors import GoneError, PipelineError, RefusedError, TransientError
from strava_pipeline.core.json_values import finite_number, json_bytes
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.refusals import Refusals
from strava_pipeline.core.rows import Json
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.file_kinds import is_message
from strava_pipeline.ingest.http import Exchange, Wire, make_wire
from strava_pipeline.ingest.login_file import AccessTokens
from strava_pipeline.ingest.provider import Login, OnWait, Page, Received
from strava_pipeline.ingest.service_client import Answer, ServiceClient, ServiceProvider
from strava_pipeline.ingest.wahoo.login import APPLICATION, WahooLogin, access_tokens, token_file
from strava_pipeline.ingest.wahoo.login import login as login
from strava_pipeline.ingest.wahoo.record import MOST_ROWS, NAME, id_text, rows, start_of

APPLICATION_SETTINGS = ("WAHOO_CLIENT_ID", "WAHOO_CLIENT_SECRET")
LIST, USER = "/v1/workouts", "/v1/user"
INTERVAL = 1.0  # seconds between two calls
UNSAID = timedelta(minutes=5)  # the pause after a 429 that names none: the shortest window of its limits
FILE = "the file of a workout"  # how errors and logs call an address that they must not show


class WahooService(ServiceClient):
    """Calls whose limits are read in Wahoo's way."""

    def _wait_for_limit(self, exchange: Exchange, refusals: int) -> None:
        """Handle a refusal, whose header of the limit says when that starts again; 0 means unknown."""
        reset = exchange.headers.get("X-RateLimit-Reset", "").strip()
        if "Retry-After" not in exchange.headers and reset.strip("0").isdigit():
            exchange = replace(exchange, headers={"Retry-After": reset})
        super()._wait_for_limit(exchange, refusals)


class FileService(ServiceClient):
    """Calls without a login, for files whose addresses are secrets."""

    _file = ""

    def get_from(self, address: str) -> Answer:
        """The file at an address."""
        self._file = address
        return self.get(FILE, is_json=False)

    def _address(self, path: str) -> str:
        return self._file


class WahooClient(ServiceProvider):
    """The account of a login."""

    def __init__(
        self,
        base_url: str,
        tokens: AccessTokens[WahooLogin],
        interval: float,
        wire: Wire,
        clock: ServerClock,
        on_wait: OnWait,
    ) -> None:
        spec = spec_of(NAME)
        more: dict[str, Any] = {"login": APPLICATION.again, "interval": interval, "on_wait": on_wait}
        service = WahooService(spec, base_url, wire, clock, tokens=tokens, unsaid=UNSAID, **more)
        super().__init__(NAME, base_url, service)
        without_login = replace(spec, refusals=Refusals(at_login={}, at_data={}))
        self._files = FileService(without_login, base_url, wire, clock, **more)

    @property
    def calls(self) -> int:
        """The attempts that reached the server or may have, including those for files."""
        return self._service.calls + self._files.calls

    def login(self) -> Login:
        """The login's owner."""
        return Login(id_text(self._service.login_answer(USER, check=wrong_user).json["id"]))

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """The pages with workouts of the range, without others, and without the addresses of files.

        The first one, which may begin in the middle of a page there, comes with the page after it: fewer workouts than
        asked for then mean that there are no more.
        """
        size, number, calls = min(per_page, MOST_ROWS), 0, self.calls
        place, answer = self._first_page(before, size)
        kept: list[Any] = []
        while True:
            found = rows(answer.json)
            within = [workout for workout in found if _is_within(workout, after, before)]
            kept, is_end = kept + within, _is_last(answer.json, place, size) or _is_beyond(found, after)
            if kept and (is_end or len(kept) >= len(found)):
                number += 1
                content = {**answer.json, "workouts": [without_addresses(workout) for workout in kept]}
                read = self.spec.read_page(content)
                yield Page(number, size, read, json_bytes(content), answer.fetched_at, self.calls - calls)
                kept, calls = [], self.calls
            if is_end:
                return
            place += 1
            answer = self._page(place, size)

    def _first_page(self, before: int | None, size: int) -> tuple[int, Answer]:
        """The first page with a workout before `before`, and its place; the last page if there is none."""
        looked = 1, self._page(1, size)
        if before is None or _reaches(looked[1], before):
            return looked
        first, low, high = None, 2, _page_count(looked[1].json, size) or 1
        while low <= high:
            place = (low + high) // 2
            looked = place, self._page(place, size)
            if _reaches(looked[1], before):
                first, high = looked, place - 1
            else:
                low = place + 1
        return first or looked

    def _page(self, place: int, size: int) -> Answer:
        return self._service.get(LIST, {"page": place, "per_page": size}, check=wrong_page)

    def get_file(self, source_id: str) -> Received:
        """The original file. Its address is requested each time, since it may expire."""
        workout = self._service.get(f"{LIST}/{quote(source_id, safe='')}", check=wrong_workout).json
        address = file_address(workout)
        if address is None:
            raise GoneError(f"GET {LIST}/{quote(source_id, safe='')}: Wahoo has no file of this workout.")
        self._refuse_open(address)
        answer = self._files.get_from(address)
        if is_message(answer.body):
            raise TransientError(f"GET {FILE}: 200, but a message and no file", status=200, body=answer.body)
        return Received(answer.body, answer.fetched_at, f"{source_id}.fit")

    def _refuse_open(self, address: str) -> None:
        """Raise RefusedError for an address that others could eavesdrop on, except one at the API's own host."""
        parts, own = urlsplit(address), urlsplit(self._base_url)
        if parts.scheme != "https" and (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            raise RefusedError(
                f"GET {FILE}: Wahoo names an address that is not https, which is not followed", status=200
            )


def without_addresses(workout: Any) -> Any:
    """A workout of the list without the addresses of its files."""
    summary = workout.get("workout_summary") if isinstance(workout, dict) else None
    if not isinstance(summary, dict):
        return workout
    kept: Json = {name: value for name, value in summary.items() if name not in ("file", "files")}
    return {**workout, "workout_summary": {**kept, "has_file": file_address(workout) is not None}}


def file_address(workout: Json) -> str | None:
    """The address of a workout's file, or None."""
    summary = workout.get("workout_summary")
    if not isinstance(summary, dict):
        return None
    more = summary.get("files")
    files = [summary.get("file"), *(more if isinstance(more, list) else [])]
    addresses = (each.get("url") for each in files if isinstance(each, dict))
    return next((each for each in addresses if isinstance(each, str) and each), None)


def wrong_page(content: Any) -> str | None:
    """The fault of a page, or None if it is in the order of starts, the newest first."""
    starts = [began for workout in rows(content) if (began := start_of(workout)) is not None]
    said = str(content.get("sort") or "starts"), str(content.get("order") or "desc")
    if any(later > earlier for earlier, later in pairwise(starts)) or said[0] != "starts" or said[1][:4] != "desc":
        return "its workouts are not in the order of their starts, the newest first"
    return None


def wrong_user(content: Any) -> str | None:
    """The fault of an answer about the user, or None."""
    return None if isinstance(content, dict) and id_text(content.get("id")) else "it names no user"


def wrong_workout(content: Any) -> str | None:
    """The fault of an answer about one workout, or None."""
    is_one = isinstance(content, dict) and id_text(content.get("id")) and "workout_summary" in content
    return None if is_one else "it holds no workout"


def _size(content: Json, asked: int) -> int:
    """The number of workouts in a page, by its own word: the service may give fewer than asked for."""
    given = finite_number(content.get("per_page"))
    return int(given) if given is not None and given >= 1 else asked


def _page_count(content: Json, asked: int) -> int | None:
    """The number of pages, by the page's own word, or None."""
    total = finite_number(content.get("total"))
    return None if total is None else ceil(total / _size(content, asked))


def _is_last(content: Json, place: int, asked: int) -> bool:
    """Whether no page follows: this one is empty, or it is not full and announces no further one."""
    found = rows(content)
    return not found or (len(found) < _size(content, asked) and place >= (_page_count(content, asked) or 1))


def _is_within(workout: Any, after: int | None, before: int | None) -> bool:
    """Whether a workout is, or may be, in the range."""
    began = start_of(workout)
    if began is None:
        return True
    at = began.timestamp()
    return (after is None or at > after) and (before is None or at < before)


def _is_beyond(found: Sequence[Any], after: int | None) -> bool:
    """Whether a page holds a workout from before the range."""
    starts = (start_of(workout) for workout in found)
    return after is not None and any(began is not None and began.timestamp() <= after for began in starts)


def _reaches(answer: Answer, before: int) -> bool:
    """Whether a page holds a workout from before an instant."""
    return any((began := start_of(each)) is not None and began.timestamp() < before for each in rows(answer.json))


def login_files(settings: Settings) -> Sequence[Path]:
    """The file with the login."""
    return [token_file(settings)]


def login_problem(settings: Settings) -> str | None:
    """Why Wahoo can't be asked, or None if the login exists, and the app that renews it."""
    try:
        connect(settings, machine_clock(settings.clock_speed), lambda why, seconds: None)
    except PipelineError as error:
        return str(error)
    return None if APPLICATION.is_set(settings) else APPLICATION.missing


def assumptions(settings: Settings) -> Sequence[str]:
    """Assumptions about what Wahoo does not say."""
    return ["not tried against Wahoo", "a mean of 0 for heart rate, cadence or power means no sensor"]


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> WahooClient:
    """A client; nothing is sent. Raises MissingSettingsError if the login is missing."""
    wire = make_wire(settings, clock, NAME)
    tokens = access_tokens(settings, wire, clock)
    return WahooClient(settings.wahoo_url, tokens, settings.pause(INTERVAL, settings.wahoo_url), wire, clock, on_wait)
