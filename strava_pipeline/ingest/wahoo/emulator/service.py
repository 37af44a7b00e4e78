"""A Wahoo on this machine: the workouts of one user, the files at secret addresses, the logins of one app and its limits.

Shapes are those of Wahoo's reference (cloud-api.wahooligan.com) and of code that reads its answers. Unknown details are
the author's choice: the words of errors, the status of a token too many, and that limits begin with windows of the
clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator import base
from strava_pipeline.emulator.consent import Consents, consent_route
from strava_pipeline.emulator.service import Headers, Json, WindowCount, answer

MOST_ROWS = 30
MOST_TOKENS = 10  # valid at once, per user and app
LIFE = 7200  # s, of an access token
PRODUCTION = (5000, 1000, 200)  # calls in a day, an hour and five minutes
SANDBOX = (250, 100, 25)
_WINDOWS = (86_400, 3600, 300)


@dataclass
class Pair:
    """An access token and its refresh token. `before`: the access token of the pair that dies with this one's first call."""

    access: str
    refresh: str
    ends: float
    before: str | None = None


@dataclass
class Wahoo(base.EmulatedService):
    """What the service knows. `workouts` by id.

    Args:
        files: by the last part of their addresses, which is a secret.
        pairs: the logins that live, by their access tokens.
        life: of an access token, in seconds.
        most_rows: of a page, at most.
        limits: calls in a day, an hour and five minutes.
        said: a page's false statements about itself.
    """

    title, activity, identifier = "Wahoo", r"/v1/workouts/(.+)", r"(?<=/v1/workouts/).+"

    user: int = 60_462
    workouts: dict[str, Json] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pairs: dict[str, Pair] = field(default_factory=dict)
    given: int = 0
    life: int = LIFE
    most_rows: int = MOST_ROWS
    limits: Sequence[int] = PRODUCTION
    said: Json = field(default_factory=dict)
    consents: Consents = field(default_factory=lambda: Consents("wahoo-app", "wahoo-app-secret"))
    windows: list[WindowCount] = field(default_factory=lambda: [WindowCount(each) for each in _WINDOWS])

    def log_in(self, before: Pair | None = None) -> Json | None:
        """Another pair of tokens, as an answer shows it, or None if too many live."""
        if len(self.pairs) >= MOST_TOKENS:
            return None
        self.given += 1
        access, refresh = f"wahoo-access-{self.given}", f"wahoo-refresh-{self.given}"
        self.pairs[access] = Pair(access, refresh, self.epoch + self.life, before.access if before else None)
        times = {"expires_in": self.life, "created_at": int(self.epoch)}
        scope = "user_read workouts_read offline_data"
        return {"access_token": access, "token_type": "Bearer", "refresh_token": refresh, "scope": scope, **times}

    def is_counted(self, path: str) -> bool:
        """Neither tokens nor files are counted, and a file needs no login."""
        return path.startswith("/v1/")

    def is_login(self, request: Request) -> bool:
        """Whether the token lives. The pair before it dies with its first call."""
        pair = self.pairs.get(base.bearer_of(request) or "")
        if pair is None or pair.ends <= self.epoch:
            return False
        self.pairs.pop(pair.before or "", None)
        return True

    def refusal(self, request: Request) -> Response | None:
        """The refusal of a call without a login, or of one too many in any window."""
        if not self.is_login(request):
            return self.error(401)
        counts = [window.count(self.epoch) for window in self.windows]
        if all(calls <= most for calls, most in zip(counts, self.limits, strict=True)):
            return None
        refused = self.error(429)
        refused.raw_headers.extend(self.left())
        return refused

    def left(self) -> Headers:
        """The limits, the day's first; until when a window that is used up lasts, and 0 while none is."""
        for window in self.windows:
            window.move_to(self.epoch)
        left = [max(most - window.calls, 0) for window, most in zip(self.windows, self.limits, strict=True)]
        waits = [window.seconds_left(self.epoch) for window, rest in zip(self.windows, left, strict=True) if rest == 0]
        said = {"limit": _listed(self.limits), "remaining": _listed(left), "reset": str(max(waits, default=0))}
        return [(f"x-ratelimit-{name}".encode(), text.encode()) for name, text in said.items()]

    def error_body(self, status: int) -> Json:
        """The JSON of an error."""
        return {"error": base.status_phrase(status)}

    def add(self, key: int, starts: datetime, summary: Json | None, **more: Any) -> Json:
        """A workout; without a summary it is planned."""
        began = f"{starts.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        whole = summary and summary_of(key, self.user, began, summary)
        times = {"created_at": began, "updated_at": began}
        row: Json = {
            "id": key,
            "user_id": self.user,
            "starts": began,
            "minutes": 10,
            "name": "Cycling",
            "plan_id": None,
        }
        row |= {"workout_token": f"ELEMNT-{key}", "workout_type_id": 0, "workout_summary": whole, **times, **more}
        self.workouts[str(key)] = row
        return row

    def shown(self, row: Json, root: str) -> Json:
        """A workout with the address of its file."""
        summary = row["workout_summary"]
        if summary is None or summary["file"] is None:
            return row
        file = {**summary["file"], "url": f"{root}files/{summary['file']['url']}"}
        return {**row, "workout_summary": {**summary, "file": file, "files": [file]}}

    async def get_user(self, _: Request) -> Response:
        return answer({"id": self.user, "first": "A", "last": "Rider", "email": "rider@example.invalid"})

    async def listed(self, request: Request) -> Response:
        page, asked = (int(request.query_params.get(name, preset)) for name, preset in (("page", 1), ("per_page", 30)))
        size = min(asked, self.most_rows)
        found = sorted(self.workouts.values(), key=lambda row: str(row["starts"]), reverse=True)
        part = [self.shown(row, str(request.base_url)) for row in found[(page - 1) * size : page * size]]
        more = {"total": len(found), "page": page, "per_page": size, "order": "descending", "sort": "starts"}
        return answer({"workouts": part, **more, **self.said})

    async def one(self, request: Request) -> Response:
        row = self.workouts.get(request.path_params["key"])
        return self.error(404) if row is None else answer(self.shown(row, str(request.base_url)))

    async def file(self, request: Request) -> Response:
        return self.content(self.files.get(request.path_params["secret"]))

    async def token(self, request: Request) -> Response:
        """A pair for a code or a refresh token. A dead one is a 400 that says nothing."""
        sent = dict(parse_qsl((await request.body()).decode()))
        application = sent.get("client_id"), sent.get("client_secret")
        if application != (self.consents.client_id, self.consents.client_secret):
            return answer({"error": "invalid_client"}, 401)
        before = next((each for each in self.pairs.values() if each.refresh == sent.get("refresh_token")), None)
        if sent.get("grant_type") == "authorization_code":
            is_known = self.consents.exchange(sent, self.epoch, with_redirect=True) is not None
        else:
            is_known = before is not None
        if not is_known:
            return self.error(400)
        pair = self.log_in(before)
        return answer({"error": "Too many unrevoked access tokens exist"}, 400) if pair is None else answer(pair)


def summary_of(key: int, user: int, starts: str, given: Json) -> Json:
    """The measurements of a workout: every number is a text, and a missing value is null."""
    names = (
        "distance_accum duration_active_accum duration_paused_accum duration_total_accum ascent_accum calories_accum "
    )
    names += "speed_avg cadence_avg heart_rate_avg power_avg power_bike_np_last power_bike_tss_last work_accum"
    numbers = {name: None if given.get(name) is None else str(given[name]) for name in names.split()}
    more = {
        "name": None,
        "time_zone": "Europe/Vienna",
        "manual": False,
        "edited": False,
        "fitness_app_id": 0,
        "file": None,
    }
    own = {name: value for name, value in given.items() if name not in numbers}
    times = {"started_at": starts, "created_at": starts, "updated_at": starts}
    return {"id": key + 5_000_000, "user_id": user, **more, "files": [], **times, **numbers, **own}


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)


def application(service: Wahoo) -> Starlette:
    """The service's pages."""
    routes = [
        Route("/v1/user", service.get_user),
        Route("/v1/workouts", service.listed),
        Route("/v1/workouts/{key:path}", service.one),
        Route("/files/{secret}", service.file),
        consent_route(service.consents, lambda: service.epoch),
        Route("/oauth/token", service.token, methods=["POST"]),
    ]
    return base.application(service, routes)
