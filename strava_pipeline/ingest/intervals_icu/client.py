"""The client of intervals.icu: HTTP Basic with the athlete's API key.

A listing has no pages. It is asked for by local days, a day more at both ends: a calendar year at a time, the newest
first, and in one answer if it isn't longer than a year. The allowed rate follows from its answers' headers. Nothing is
written there.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from strava_pipeline.core.errors import GoneError, RefusedError, TransientError, WithheldError
from strava_pipeline.core.providers import Kind, spec_of
from strava_pipeline.core.wellness import kept_answer, spans
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.file_kinds import GZIP, is_message, kind_of
from strava_pipeline.ingest.http import Wire, make_wire
from strava_pipeline.ingest.intervals_icu.record import KEY_PAGE, NAME, rows
from strava_pipeline.ingest.intervals_icu.webhooks import OWN, text_id
from strava_pipeline.ingest.intervals_icu.wellness import wrong_days
from strava_pipeline.ingest.provider import Login, LoginRequest, OnWait, Page, Received
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.ingest.service_client import Answer, ServiceClient, ServiceProvider
from strava_pipeline.ingest.service_oauth import ServiceApplication, ServiceToken, token_file

DAY = timedelta(days=1)
LONGEST = timedelta(days=370)  # in one answer: a year, and the days around it
FEW_DAYS = timedelta(days=7)  # the first days of a new year are asked for together with the year before
EARLIEST, LATEST = date(1970, 1, 1), date(2199, 12, 31)  # wrong clocks of devices stay within these
UNREADABLE = date.max - DAY
WHOLE = 1_000_000  # rows: more than any answer has, so that none looks cut off
FIRST_PAUSE = timedelta(seconds=1)  # after a 429 without Retry-After: intervals.icu counts calls by the second
MOST_REFUSALS = 6  # 429s for one call, so that it is repeated five times
LOGIN_SETTINGS = ("INTERVALS_API_KEY",)


def _scopes(request: LoginRequest) -> Mapping[str, str]:
    """The scopes of a login by OAuth: permission for changes only if requested."""
    reading = "ACTIVITY:READ", "no activity can be read at all"
    activity = ("ACTIVITY:WRITE", "nothing can be changed there") if request.writes else reading
    gear = "SETTINGS:READ", "gear will be missing"
    days = [("WELLNESS:READ", "days and nights will be missing")] if request.reads_days else []
    return dict([activity, ("SETTINGS:WRITE", "no gear can be made there") if request.creates_gear else gear, *days])


def _account_of(answer: Mapping[str, Any]) -> str | None:
    athlete = answer.get("athlete")
    return text_id(athlete.get("id")) if isinstance(athlete, dict) else None


APPLICATION = ServiceApplication(
    name=NAME,
    prefix="INTERVALS",
    pair=lambda settings: (settings.intervals_client_id, settings.intervals_client_secret),
    url=lambda settings: settings.intervals_base_url,
    token_path="/api/oauth/token",
    scopes=_scopes,
    covers={"ACTIVITY:READ": "ACTIVITY:WRITE", "SETTINGS:READ": "SETTINGS:WRITE"},
    account_of=_account_of,
)
login, is_application_set = APPLICATION.log_in, APPLICATION.is_set


class IntervalsClient(ServiceProvider):
    """intervals.icu with the login of `settings`."""

    def __init__(
        self, settings: Settings, login: ServiceToken | Sequence[str], wire: Wire, clock: ServerClock, on_wait: OnWait
    ) -> None:
        """`login`: a login by OAuth, or the API key."""
        token = login if isinstance(login, ServiceToken) else None
        self._key = login.access_token if isinstance(login, ServiceToken) else login[0]
        self._settings, self._athlete = settings, settings.intervals_athlete_id
        self._account = None if token is None else token.account
        by_key = f"Check INTERVALS_API_KEY and INTERVALS_ATHLETE_ID; the key is at {KEY_PAGE}."
        service = ServiceClient(
            spec_of(NAME),
            f"{settings.intervals_base_url}/api/v1",
            wire,
            clock,
            login=by_key if token is None else APPLICATION.again,
            unsaid=FIRST_PAUSE,
            most_refusals=MOST_REFUSALS,
            basic=("API_KEY", self._key) if token is None else None,
            bearer=None if token is None else self._key,
            on_wait=on_wait,
        )
        super().__init__(NAME, settings.intervals_base_url, service)

    @property
    def login_digest(self) -> str:
        """A hash of the address and the key."""
        return hashlib.sha256(f"{self._base_url} {self._key}".encode()).hexdigest()

    def login(self) -> Login:
        """The athlete whose activities are listed. One call for each key, ever, unless a setting names the athlete."""
        if self._athlete != OWN or self._account is not None:
            return Login(self._athlete if self._athlete != OWN else self._account)
        digest = self.login_digest
        path = account_file(self._settings)
        with suppress(OSError, ValueError, TypeError, AttributeError):  # damaged is unknown
            known = json.loads(path.read_text())
            if known.get("key_sha256") == digest and isinstance(known["athlete"], str):
                return Login(known["athlete"])
        newest = self._list(EARLIEST, LATEST.isoformat(), limit=1, asked=self._service.login_answer).json
        names = [text_id(row.get("icu_athlete_id")) for row in newest if isinstance(row, dict)]
        athlete = next((name for name in names if name), OWN)
        with suppress(OSError):
            save_secret(path, {"key_sha256": digest, "athlete": athlete})
        return Login(athlete)

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """A page for each year with activities, the newest first; one for a range of up to a year. `per_page` has no effect."""
        first = EARLIEST if after is None else _day(after) - DAY
        last = LATEST if before is None else _day(before) + 2 * DAY  # whether that day itself is listed is unknown
        until = last.isoformat()
        number, calls = 0, self.calls
        while True:
            newest = min(last, self._service.clock.now().date() + 2 * DAY)
            oldest = first if newest - first <= LONGEST else date((newest - FEW_DAYS).year, 1, 1)
            answer = self._list(oldest, until)
            read = self.spec.read_page(answer.json)
            is_empty = not (read.activities or read.unreadable or read.foreign)
            if not is_empty:
                number += 1
                yield Page(number, WHOLE, read, answer.body, answer.fetched_at, self.calls - calls)
                calls = self.calls
            if oldest <= first:
                return
            asked, last = until, oldest
            until = f"{oldest}T00:00:00"  # to the second: what begins at New Year comes twice, or not again
            if is_empty:
                older = self._newest_day(first, asked)
                if older is None:
                    return
                if oldest <= older < UNREADABLE:
                    what = f"lists nothing from {oldest} to {asked}, and then an activity of these days"
                    raise TransientError(f"GET {self._of_athlete}/activities: {self.spec.title} {what}")
                last = min(last, older + DAY)

    def _newest_day(self, first: date, until: str) -> date | None:
        """The day of the newest activity since `first`, `UNREADABLE` if it can't be read; None without any."""
        newest = self._list(first, until, limit=1).json
        days = [_day_of(row.get("start_date_local")) for row in newest if isinstance(row, dict)]
        return max((day or UNREADABLE for day in days), default=None)

    def _list(
        self, oldest: date, newest: str, limit: int | None = None, asked: Callable[..., Answer] | None = None
    ) -> Answer:
        """The activities from a local day to another one, or to a local time; the newest first. `asked`: the call to use."""
        query = {"oldest": oldest.isoformat(), "newest": newest, "limit": limit}
        return (asked or self._service.get)(f"{self._of_athlete}/activities", query, check=wrong_page)

    def get_activity(self, source_id: str) -> Page:
        """One activity, as a page of one row. Raises WithheldError for one that came from Strava."""
        calls, path = self.calls, f"/activity/{quote(source_id, safe='')}"
        answer = self._of_activity(path, check=lambda content: wrong_activity(content, source_id))
        read = self.spec.read_page(answer.json)
        return Page(1, WHOLE, read, answer.body, answer.fetched_at, self.calls - calls)

    @property
    def _of_athlete(self) -> str:
        return f"/athlete/{quote(self._athlete, safe='')}"

    def get_file(self, source_id: str) -> Received:
        """The file as it was uploaded, or one that intervals.icu makes of its streams, named `derived`."""
        try:
            return self._file(source_id, "file", "")
        except GoneError as none:
            if is_withheld(none.body):
                raise
        return self._file(source_id, "fit-file", ".derived")

    def _file(self, source_id: str, what: str, mark: str) -> Received:
        path = f"/activity/{quote(source_id, safe='')}/{what}"
        answer = self._of_activity(path, is_json=False)
        if not answer.body:
            raise GoneError(f"GET {path}: the file is empty")
        if is_message(answer.body):
            raise TransientError(f"GET {path}: 200, but no file", status=200, body=answer.body)
        return Received(answer.body, answer.fetched_at, f"{source_id}{mark}{_ending(answer.body)}")

    def _of_activity(self, path: str, **options: Any) -> Answer:
        """An answer about one activity. Raises WithheldError if it came from Strava."""
        try:
            return self._service.get(path, **options)
        except RefusedError as error:
            if error.status == 422 and is_withheld(error.body):
                raise WithheldError(
                    f"GET {path}: intervals.icu withholds what came from Strava", body=error.body
                ) from None
            raise

    def list_kind(self, kind: Kind, first: date | None, last: date | None) -> Iterator[Received]:
        """All gear, in one answer; days and nights, a year an answer."""
        if kind == "wellness":
            yield from self._days(first or EARLIEST, last or LATEST)
            return
        try:
            answer = self._service.get(f"{self._of_athlete}/gear.json", check=self.spec.kinds["gear"])
        except GoneError:  # the address has an ending that some clients leave out
            answer = self._service.get(f"{self._of_athlete}/gear", check=self.spec.kinds["gear"])
        yield Received(answer.body, answer.fetched_at)

    def _days(self, first: date, last: date) -> Iterator[Received]:
        for since, until in spans(first, last, LONGEST.days + 1):
            query = {"oldest": since.isoformat(), "newest": until.isoformat()}
            answer = self._service.get(f"{self._of_athlete}/wellness", query, check=wrong_days)
            yield Received(kept_answer("wellness", since, until, answer.body), answer.fetched_at)


def wrong_activity(content: Any, source_id: str) -> str | None:
    """The fault of an answer that should be the activity `source_id`, or None."""
    is_it = isinstance(content, dict) and text_id(content.get("id")) == source_id
    return None if is_it else "it is not the activity that was asked for"


def wrong_page(content: Any) -> object:
    """The fault of an answer that should be a list of activities; otherwise the list. Raises UnreadableRowError."""
    return "it is no list" if isinstance(content, dict) else rows(content)


def _day(epoch: int) -> date:
    return datetime.fromtimestamp(epoch, UTC).date()


def _day_of(text: Any) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except (TypeError, ValueError):
        return None


def is_withheld(body: bytes) -> bool:
    """Whether an error says that the activity came from Strava."""
    return b"strava" in body.lower()


def _ending(body: bytes) -> str:
    return ".gz" if body.startswith(GZIP) else f".{kind_of(body) or 'gpx'}"


def account_file(settings: Settings) -> Path:
    """The file that names the key's owner: the athlete's id, with a hash of the key."""
    return settings.secrets_dir / f"{NAME}_account.json"


def login_files(settings: Settings) -> Sequence[Path]:
    """The files of a login that is a setting, and of the login by OAuth, if there is one."""
    token = token_file(settings, NAME)
    return [account_file(settings), *([token] if token.exists() else [])]


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> IntervalsClient:
    """A client; nothing is sent yet. A login by OAuth is preferred to a key. Raises MissingSettingsError without either."""
    found = APPLICATION.find_login(settings, LOGIN_SETTINGS, f"The key is at {KEY_PAGE}.")
    return IntervalsClient(settings, found, make_wire(settings, clock, NAME), clock, on_wait)
