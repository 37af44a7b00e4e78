"""The API of intervals.icu for one athlete: lists by local day, files, gear, its errors and its limit of calls.

A stub in `activities` has the source STRAVA; everything that is asked of it answers 422.
"""

from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.authentication import AuthenticationError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from strava_pipeline.emulator.consent import Consents, consent_route
from strava_pipeline.emulator.deliveries import Deliveries, Orders
from strava_pipeline.emulator.server import Gate, RecordedSend, ServiceState, control_routes, query_of, status_phrase
from strava_pipeline.emulator.service import (
    Clock,
    FaultPlan,
    Headers,
    Journal,
    Json,
    WindowCount,
    answer,
)
from strava_pipeline.emulator.subscriber import Subscriber, change_routes, subscriber_routes

API = "/api/v1"
MOST_EVENTS = 50  # of a delivery; how many there are really, nobody documents
USER = "API_KEY"  # literally: the password is the key
WITHHELD = {"status": 422, "error": "Cannot read Strava activities via the API"}
DENIED = {"status": 403, "error": "Access denied"}
WINDOW = 900  # seconds: clients name limits by a quarter of an hour


@dataclass
class IntervalsIcu(ServiceState):
    """What the service knows.

    Args:
        key: the athlete's API key.
        athlete: the athlete's id.
        coached: ids of others who may be asked for with the key, and have nothing.
        activities: rows as listed, by id.
        files: the original of an activity, as uploaded, by its id.
        derived: what is made of its streams, by its id.
        gear: the athlete's gear.
        newest_is_listed: whether the day `newest` is part of a listing, which nobody documents.
        gear_ending: what follows the address of gear.
        zone: where what is uploaded took place.
        longest_name: characters of an activity's name; None: any number.
        limit: calls in a quarter of an hour; None: any number.
        headers: of every answer that is a fault.
        webhook_secret: what deliveries hold; `subscriber`: where these go; `consents`: logins by OAuth.
    """

    key: str
    athlete: str = "i317960"
    coached: frozenset[str] = frozenset()
    activities: dict[str, Json] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    derived: dict[str, bytes] = field(default_factory=dict)
    gear: list[Json] = field(default_factory=list)
    newest_is_listed: bool = True
    gear_ending: str = ".json"
    zone: str = "UTC"
    longest_name: int | None = None
    limit: int | None = None
    headers: Headers = field(default_factory=list)
    count: WindowCount = field(default_factory=lambda: WindowCount(WINDOW))
    webhook_secret: str = "intervals-webhook-secret"
    subscriber: Subscriber = field(init=False)
    consents: Consents = field(default_factory=lambda: Consents("315", "intervals-client-secret"))

    def __post_init__(self) -> None:
        # How long the pauses are, and how many, nobody documents; they grow.
        deliveries = Deliveries(0, orders=Orders(attempts=6, timeout=10.0, pause=1.0, growth=2.0))
        self.subscriber = Subscriber(
            deliveries, lambda found: {"secret": self.webhook_secret, "events": found}, MOST_EVENTS
        )

    def put(self, row: Json) -> None:
        """Have an activity, new or changed, with its events: it is uploaded or updated, and then analysed."""
        kind = "ACTIVITY_UPDATED" if row["id"] in self.activities else "ACTIVITY_UPLOADED"
        self.activities[row["id"]] = row
        for each in (kind, "ACTIVITY_ANALYZED"):
            self.notify(each, activity=row)

    def delete(self, key: str) -> Json:
        """Delete an activity; its event says hardly more than its id."""
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
        """Have an activity that came from Strava, and began at `local` on the athlete's clock."""
        self.activities[strava_id] = stub_of(strava_id, self.athlete, local)


def new_intervals_icu(now: datetime, key: str, speed: float = 1.0) -> IntervalsIcu:
    """The service at a moment (UTC), without an activity."""
    journal = Journal(
        api=API,
        token_path="/api/oauth/token",
        activity=r"/activity/([^/]+)",
        identifier=r"(?<=/activity/)[^/]+|(?<=/athlete/)[^/]+",
    )
    return IntervalsIcu(Clock(now, speed), FaultPlan(), journal, key)


class IntervalsGate(Gate[IntervalsIcu]):
    """Journal, faults, login and limit of the calls below /api/v1."""

    service = "intervals.icu"

    def error_body(self, status: int) -> Json:
        if status == 403:
            return DENIED
        return {"status": status, "error": status_phrase(status)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            return await super().__call__(scope, receive, send)
        service = self.state
        path, query = scope["path"].removeprefix(API), query_of(scope)
        text = scope["query_string"].decode("latin-1")
        recorded = RecordedSend(
            lambda status: service.journal.record_api_call(service.clock.now(), scope["method"], path, text, status),
            send,
        )
        fault = service.faults.next_fault(path, query, scope["method"])
        refusal = self._refusal(scope) if fault is None else None
        if refusal is not None:
            status, headers = refusal
            refused = answer(self.error_body(status), status)
            refused.raw_headers.extend([*headers, self.date()])
            await refused(scope, receive, recorded.send)
            return None
        headers = service.headers if fault is not None else self._left()
        recorded.finish(await self.answer(scope, receive, recorded.send, headers=headers, fault=fault))
        return None

    def _refusal(self, scope: Scope) -> tuple[int, Headers] | None:
        """The status and the headers of a call that is not let through."""
        try:
            login = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            scopes = self.state.consents.scopes_of(login)
            if scopes is None and not _is_login(login, self.state.key):
                return 401, []
            if scopes is not None and _scope_to_write(scope) not in (None, *scopes.split(",")):
                return 403, []
        except AuthenticationError:
            return 403, []
        self.state.count.move_to(self.state.epoch)
        self.state.count.calls += 1
        if self.state.limit is not None and self.state.count.calls > self.state.limit:
            return 429, [(b"retry-after", str(self._seconds_left()).encode()), *self._left()]
        return None

    def _left(self) -> Headers:
        """The headers of the limit."""
        limit = self.state.limit
        if limit is None:
            return []
        values = {"limit": limit, "remaining": max(limit - self.state.count.calls, 0), "reset": self._seconds_left()}
        return [(f"x-ratelimit-{name}".encode(), str(value).encode()) for name, value in values.items()]

    def _seconds_left(self) -> int:
        return int(WINDOW - self.state.epoch % WINDOW) + 1


def _scope_to_write(call: Scope) -> str | None:
    """The scope that a login by OAuth needs for a call that changes something; None: the call only reads."""
    if call["method"] == "GET":
        return None
    return "SETTINGS:WRITE" if call["path"].endswith("/gear") else "ACTIVITY:WRITE"


def _is_login(header: str, key: str) -> bool:
    """Whether it is the login. Raises AuthenticationError for a Bearer token, which a personal key never is."""
    kind, _, value = header.partition(" ")
    if kind == "Bearer":
        raise AuthenticationError
    try:
        return kind == "Basic" and b64decode(value, validate=True).decode() == f"{USER}:{key}"
    except ValueError:
        return False


def application(service: IntervalsIcu) -> Starlette:
    """The API over `service`."""
    from strava_pipeline.ingest.intervals_icu.emulator import writes  # which needs the rows of this module

    api = _Api(service)
    routes = [
        *writes.routes(service),
        Route(f"{API}/athlete/{{athlete}}/activities", api.listed),
        Route(f"{API}/athlete/{{athlete}}/activities/{{ids}}", api.several),
        Route(f"{API}/athlete/{{athlete}}/gear{{ending}}", api.gear),
        Route(f"{API}/athlete/{{athlete}}/gear", api.gear),
        Route(f"{API}/activity/{{key:path}}/file", api.file),
        Route(f"{API}/activity/{{key:path}}/fit-file", api.derived_file),
        Route(f"{API}/activity/{{key:path}}", api.activity),
        consent_route(service.consents, lambda: service.epoch),
        Route("/api/oauth/token", api.token, methods=["POST"]),
        *control_routes(API),
        *subscriber_routes(service.subscriber),
        *change_routes(lambda key, fields: service.put({**service.activities[key], **fields}), service.delete),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(IntervalsGate, state=service)])
    app.state.emulator = service
    return app


class _Api:
    """The answers."""

    def __init__(self, service: IntervalsIcu) -> None:
        self._service = service

    async def token(self, request: Request) -> Response:
        """An access token for a code, which is sent as a form. It neither expires nor is renewed."""
        service, sent = self._service, dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        found = service.consents.exchange(sent, service.epoch, with_redirect=False)
        if found is None:
            return answer({"status": 400, "error": "Invalid code"}, 400)
        athlete = {"id": service.athlete, "name": "An Athlete"}
        return answer({"token_type": "Bearer", "access_token": found[0], "scope": found[1], "athlete": athlete})

    async def listed(self, request: Request) -> Response:
        """Activities between two local days or times, the newest first. No pages; `limit` cuts without a word."""
        if refusal := self._refusal(request):
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
        if fields := query.get("fields"):
            rows = [{name: row[name] for name in fields.split(",") if row.get(name) is not None} for row in rows]
        return answer(rows)

    def _newest(self, text: str | None) -> datetime:
        if text is None:
            return self._service.clock.now().replace(tzinfo=None)
        at = datetime.fromisoformat(text)
        is_day = len(text) == len("2026-01-31")
        return datetime.combine(at, time.max) if is_day and self._service.newest_is_listed else at

    async def several(self, request: Request) -> Response:
        """Activities by their ids; those that are missing are left out."""
        if refusal := self._refusal(request):
            return refusal
        rows = {row["id"]: row for row in self._rows(request)}
        return answer([rows[key] for key in request.path_params["ids"].split(",") if key in rows])

    async def activity(self, request: Request) -> Response:
        """One activity; the stub of one that came from Strava."""
        row = self._service.activities.get(request.path_params["key"])
        return answer(row) if row is not None else self._missing(request)

    async def file(self, request: Request) -> Response:
        """The original, as it was uploaded."""
        return self._file(request, self._service.files)

    async def derived_file(self, request: Request) -> Response:
        """A FIT file made of the streams."""
        return self._file(request, self._service.derived)

    def _file(self, request: Request, files: dict[str, bytes]) -> Response:
        key = request.path_params["key"]
        if self._service.activities.get(key, {}).get("source") == "STRAVA":
            return answer(WITHHELD, 422)
        content = files.get(key)
        return (
            Response(content, media_type="application/octet-stream") if content is not None else self._missing(request)
        )

    async def gear(self, request: Request) -> Response:
        """All gear of the athlete."""
        if refusal := self._refusal(request):
            return refusal
        if request.path_params.get("ending", "") != self._service.gear_ending:
            return self._missing(request)
        return answer(self._service.gear if self._is_own(request) else [])

    def _rows(self, request: Request) -> list[Json]:
        return [*self._service.activities.values()] if self._is_own(request) else []

    def _is_own(self, request: Request) -> bool:
        return request.path_params["athlete"] in ("0", self._service.athlete)

    def _refusal(self, request: Request) -> Response | None:
        """The refusal of an athlete whom the key may not see."""
        is_allowed = self._is_own(request) or request.path_params["athlete"] in self._service.coached
        return None if is_allowed else answer(DENIED, 403)

    def _missing(self, request: Request) -> Response:
        at = self._service.clock.now().isoformat(timespec="milliseconds")
        return answer({"timestamp": at, "status": 404, "error": "Not Found", "path": request.url.path}, 404)


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
    """What is shown of an activity that came from Strava, and began at `local` on the athlete's clock."""
    return {
        "id": strava_id,
        "icu_athlete_id": athlete,
        "start_date_local": local,
        "source": "STRAVA",
        "_note": "STRAVA activities are not available via the API",
    }
