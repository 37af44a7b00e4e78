"""The API of intervals.icu for one athlete: lists by local day, files, gear, its errors and its limit of calls.

A stub in `activities` has the source STRAVA; every request for it is answered with 422.
"""

from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.emulator import base
from strava_pipeline.emulator.base import status_phrase
from strava_pipeline.emulator.consent import Consents
from strava_pipeline.emulator.deliveries import Deliveries, Orders
from strava_pipeline.emulator.service import Headers, Json, answer
from strava_pipeline.emulator.subscriber import Subscriber

API = "/api/v1"
MOST_EVENTS = 50  # per delivery; the real number is undocumented
USER = "API_KEY"  # literally: the password is the key
WITHHELD = {"status": 422, "error": "Cannot read Strava activities via the API"}
DENIED = {"status": 403, "error": "Access denied"}


@dataclass
class IntervalsIcu(base.EmulatedService):
    """What the service knows.

    Args:
        key: the athlete's API key.
        athlete: the athlete's id.
        coached: ids of others who may be asked for with the key, and have nothing.
        activities: rows as listed, by id.
        files: the original of an activity, as uploaded, by its id.
        derived: the file made of its streams, by its id.
        gear: the athlete's gear.
        days: what is known of each local day, by its date; days to come are projected.
        newest_is_listed: whether the day `newest` is part of a listing, which nobody documents.
        gear_ending: what follows the address of gear.
        zone: where what is uploaded took place.
        longest_name: characters of an activity's name; None: any number.
        webhook_secret: what deliveries hold; `subscriber`: where these go; `consents`: logins by OAuth.
    """

    title, api, activity = "intervals.icu", API, r"/activity/([^/]+)"
    identifier = r"(?<=/activity/)[^/]+|(?<=/athlete/)[^/]+"
    window_seconds = 900  # clients name limits by a quarter of an hour

    athlete: str = "i317960"
    coached: frozenset[str] = frozenset()
    activities: dict[str, Json] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    derived: dict[str, bytes] = field(default_factory=dict)
    gear: list[Json] = field(default_factory=list)
    days: dict[str, Json] = field(default_factory=dict)
    newest_is_listed: bool = True
    gear_ending: str = ".json"
    zone: str = "UTC"
    longest_name: int | None = None
    webhook_secret: str = "intervals-webhook-secret"
    subscriber: Subscriber = field(init=False)
    consents: Consents = field(default_factory=lambda: Consents("315", "intervals-client-secret"))

    def __post_init__(self) -> None:
        # The number and length of the pauses are undocumented; they grow.
        deliveries = Deliveries(0, orders=Orders(attempts=6, timeout=10.0, pause=1.0, growth=2.0))
        self.subscriber = Subscriber(
            deliveries, lambda found: {"secret": self.webhook_secret, "events": found}, MOST_EVENTS
        )

    def put(self, row: Json) -> None:
        """Add or change an activity, with its events: it is uploaded or updated, and then analysed."""
        kind = "ACTIVITY_UPDATED" if row["id"] in self.activities else "ACTIVITY_UPLOADED"
        self.activities[row["id"]] = row
        for each in (kind, "ACTIVITY_ANALYZED"):
            self.notify(each, activity=row)

    def delete(self, key: str) -> Json:
        """Delete an activity; its event says little more than its id."""
        row = self.activities.pop(key)
        rest = {"commute": False, "race": False, "file_sport_index": 0, "has_weather": False, "icu_lap_count": 0}
        self.notify(
            "ACTIVITY_DELETED",
            activity={"id": key, "icu_athlete_id": self.athlete, "source": row.get("source"), **rest},
        )
        return row

    def notify(self, kind: str, **more: Any) -> None:
        """Send an event of the athlete to the callback."""
        at = self.clock.now().isoformat(timespec="milliseconds")
        self.subscriber.notify({"athlete_id": self.athlete, "type": kind, "timestamp": at, **more})

    def add_stub(self, strava_id: str, local: str) -> None:
        """Add an activity that came from Strava, and began at `local` on the athlete's clock."""
        self.activities[strava_id] = stub_of(strava_id, self.athlete, local)

    def error_body(self, status: int) -> Json:
        """The service's JSON for an error status."""
        return DENIED if status == 403 else {"status": status, "error": status_phrase(status)}

    def refusal(self, request: Request) -> Response | None:
        """The refusal of a login, of a change that its scopes do not allow, and of one call too many."""
        login = request.headers.get("authorization", "")
        scopes = self.consents.scopes_of(login)
        needed = None if scopes is None else _scope_to_write(request)
        if scopes is None and not _is_login(login, self.key):
            return self.error(403 if login.startswith("Bearer ") else 401)  # a personal key is never a bearer token
        if needed is not None and needed not in str(scopes).split(","):
            return self.error(403)
        return self.over(self.window, self.limit)

    def left(self) -> Headers:
        """The headers of the limit."""
        if self.limit is None:
            return []
        left, reset = max(self.limit - self.window.calls, 0), self.window.seconds_left(self.epoch)
        values = {"limit": self.limit, "remaining": left, "reset": reset}
        return [(f"x-ratelimit-{name}".encode(), str(value).encode()) for name, value in values.items()]

    async def token(self, request: Request) -> Response:
        """An access token for a code, which is sent as a form. It neither expires nor is renewed."""
        sent = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        found = self.consents.exchange(sent, self.epoch, with_redirect=False)
        if found is None:
            return answer({"status": 400, "error": "Invalid code"}, 400)
        athlete = {"id": self.athlete, "name": "An Athlete"}
        return answer({"token_type": "Bearer", "access_token": found[0], "scope": found[1], "athlete": athlete})

    async def listed(self, request: Request) -> Response:
        """Activities between two local days or times, the newest first. No pages; `limit` truncates silently."""
        if refusal := self._denied(request):
            return refusal
        query = request.query_params
        if "oldest" not in query:
            return answer({"status": 422, "error": "oldest is required"}, 422)
        try:
            oldest = datetime.fromisoformat(query["oldest"])
            newest = self._newest(query.get("newest"))
            limit = int(query.get("limit", 1_000_000))
        except ValueError:
            return answer({"status": 422, "error": "Invalid date"}, 422)

        def began(row: Json) -> datetime:
            return datetime.fromisoformat(row["start_date_local"])

        found = [row for row in self._rows(request) if oldest <= began(row) <= newest]
        rows: list[Json] = sorted(found, key=began, reverse=True)[:limit]
        return answer(rows)

    def _newest(self, text: str | None) -> datetime:
        if text is None:
            return self.clock.now().replace(tzinfo=None)
        at = datetime.fromisoformat(text)
        is_day = len(text) == len("2026-01-31")
        return datetime.combine(at, time.max) if is_day and self.newest_is_listed else at

    async def several(self, request: Request) -> Response:
        """Activities by their ids, without missing ones."""
        if refusal := self._denied(request):
            return refusal
        rows = {row["id"]: row for row in self._rows(request)}
        return answer([rows[key] for key in request.path_params["ids"].split(",") if key in rows])

    async def activity_of(self, request: Request) -> Response:
        """One activity; the stub of one that came from Strava."""
        row = self.activities.get(request.path_params["key"])
        return answer(row) if row is not None else self.missing(request)

    async def file(self, request: Request) -> Response:
        """The original, as it was uploaded."""
        return self._file(request, self.files)

    async def derived_file(self, request: Request) -> Response:
        """A FIT file made of the streams."""
        return self._file(request, self.derived)

    def _file(self, request: Request, files: dict[str, bytes]) -> Response:
        key = request.path_params["key"]
        if self.activities.get(key, {}).get("source") == "STRAVA":
            return answer(WITHHELD, 422)
        return self.content(files[key]) if key in files else self.missing(request)

    async def list_gear(self, request: Request) -> Response:
        """All gear of the athlete."""
        if refusal := self._denied(request):
            return refusal
        if request.path_params.get("ending", "") != self.gear_ending:
            return self.missing(request)
        return answer(self.gear if self.is_own(request) else [])

    async def list_days(self, request: Request) -> Response:
        """Days and nights between two local dates, both included."""
        if refusal := self._denied(request):
            return refusal
        query = request.query_params
        if not self.is_own(request):
            return answer([])
        return answer([row for day, row in sorted(self.days.items()) if query["oldest"] <= day <= query["newest"]])

    def _rows(self, request: Request) -> list[Json]:
        return [*self.activities.values()] if self.is_own(request) else []

    def is_own(self, request: Request) -> bool:
        """Whether a call is about the athlete whose login it has."""
        return request.path_params["athlete"] in ("0", self.athlete)

    def _denied(self, request: Request) -> Response | None:
        """The refusal of an athlete whom the key may not see."""
        is_allowed = self.is_own(request) or request.path_params["athlete"] in self.coached
        return None if is_allowed else answer(DENIED, 403)

    def missing(self, request: Request) -> Response:
        """The answer for a missing item."""
        at = self.clock.now().isoformat(timespec="milliseconds")
        return answer({"timestamp": at, "status": 404, "error": "Not Found", "path": request.url.path}, 404)


def _scope_to_write(call: Request) -> str | None:
    """The scope that a login by OAuth needs for a change, or None if the call only reads."""
    if call.method == "GET":
        return None
    return "SETTINGS:WRITE" if call.url.path.endswith("/gear") else "ACTIVITY:WRITE"


def _is_login(header: str, key: str) -> bool:
    kind, _, value = header.partition(" ")
    try:
        return kind == "Basic" and b64decode(value, validate=True).decode() == f"{USER}:{key}"
    except ValueError:
        return False


def row_of(key: str, athlete: str, started: datetime, **fields: Any) -> Json:
    """A row as listed of an activity that began at `started`, by the athlete's clock with its offset."""
    return {
        "id": key,
        "icu_athlete_id": athlete,
        "start_date_local": f"{started:%Y-%m-%dT%H:%M:%S}",
        "start_date": f"{started.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        **fields,
    }


def stub_of(strava_id: str, athlete: str, local: str) -> Json:
    """The few fields shown for an activity that came from Strava, and began at `local` on the athlete's clock."""
    return {
        "id": strava_id,
        "icu_athlete_id": athlete,
        "start_date_local": local,
        "source": "STRAVA",
        "_note": "STRAVA activities are not available via the API",
    }
