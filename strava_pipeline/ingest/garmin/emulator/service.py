"""Garmin Connect on this machine: its list, details, files, gear and tokens, with its error answers. Changes are
changes.py's, the official API's special behaviour personal.py's.

A caller sees the activities of the account of its access token. Tokens last for a day, and a refresh token works once.
Garmin publishes no limit; this one allows `calls_an_hour`.
"""

import base64
import json
import zipfile
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.emulator.base import EmulatedService, bearer_of, rows_of
from strava_pipeline.emulator.service import Json, WindowCount, answer
from strava_pipeline.ingest.garmin.emulator.gear import in_older_list, undashed
from strava_pipeline.ingest.garmin.emulator.personal import KEY_TOKEN_PATH, listed_by_key, refusal_by_key

TOKEN_PATH = "/di-oauth2-service/oauth/token"
CLIENT_ID = "GARMIN_CONNECT_MOBILE_ANDROID_DI_2025Q2"
LIFE = 86_400  # seconds
FIT, GPX = "fit", "gpx"
NOT_OWNER = {"message": "Only owner of activity allowed to access this operation", "error": "UnauthorizedException"}
NOT_FOUND = {"message": "HTTP 404 Not Found", "error": "NotFoundException"}


@dataclass
class TakenFile:
    """An uploaded file.

    Args:
        taken, ready: when it came, and when it is read (epoch).
        key: the activity that it becomes, or None if it can't be read.
        entry: that activity, until it is in the list.
    """

    uuid: str
    digest: str
    size: int
    name: str
    taken: float
    ready: float
    key: int | None
    entry: Json | None


@dataclass
class Garmin(EmulatedService):
    """What the emulator knows.

    Args:
        activities: the entries of the list, by id; `owners`: the account of each that is not the first one's.
        files: the file of an activity, and its ending.
        gear: the pieces of the older list; `new_gear`: of the newer one, which has dashes in its ids.
        linked: the ids of the gear of each activity.
        days: the rows of each local day of the first account, by the paths of days.py.
        uploads: the accepted files, by their ids; each is read `reading_seconds` later, and then becomes an activity.
        keys: the account of each key of the official API.
        key_tokens: in which form a key's token comes.
        calls_a_minute: how many calls with tokens of keys pass; `exchanges`: how many such tokens were given.
        keeps_gear: whether the app's call, which names the gear of an activity, keeps gear that it does not name.
    """

    title, token_path = "Garmin Connect", TOKEN_PATH
    activity, identifier = r"/download-service/files/activity/(\d+)", r"(?<=/activity/)[^/]+"

    account: int = 2_591_602
    activities: dict[int, Json] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    files: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    gear: list[Json] = field(default_factory=list)
    new_gear: list[Json] = field(default_factory=list)
    linked: dict[int, list[str]] = field(default_factory=dict)
    days: dict[str, dict[str, Json]] = field(default_factory=dict)
    uploads: dict[str, "TakenFile"] = field(default_factory=dict)
    reading_seconds: float = 3.0
    keeps_gear: bool = False
    calls_an_hour: int = 5_000
    life: int = LIFE  # seconds that an access token lasts
    refreshes: int = 0
    hour: WindowCount = field(default_factory=lambda: WindowCount(3600))
    keys: dict[str, int] = field(default_factory=dict)
    key_tokens: Literal["bare", "quoted", "object"] = "bare"
    calls_a_minute: int = 5_000
    minute: WindowCount = field(default_factory=lambda: WindowCount(60))
    exchanges: int = 0
    _access: dict[str, tuple[int, float]] = field(default_factory=dict)
    _of_keys: dict[str, str] = field(default_factory=dict)
    _refresh: dict[str, int] = field(default_factory=dict)
    _issued: int = 0

    def is_counted(self, path: str) -> bool:
        """Whether a call is counted: all but calls for a token."""
        return path not in (TOKEN_PATH, KEY_TOKEN_PATH)

    def refusal(self, request: Request) -> Response | None:
        """The refusal of an inactive token, of a request that the official API does not accept, or of one call too many."""
        if self.caller_of(request) is None:
            return answer({"message": "Token is not active", "error": "NotAuthorizedException"}, 401)
        if not self.is_by_key(request):
            many = self.hour.count(self.epoch) > self.calls_an_hour
            return answer({"message": "Rate limited"}, 429) if many else None
        if self.minute.count(self.epoch) <= self.calls_a_minute:
            return refusal_by_key(request)
        return answer({}, 429, {"retry-after": str(self.minute.seconds_left(self.epoch))})

    def error_body(self, status: int) -> Json:
        """Garmin's error body."""
        other = {"message": f"HTTP {status}", "error": "WebApplicationException"}
        return {403: NOT_OWNER, 404: NOT_FOUND}.get(status, other)

    def log_in(self, account: int | None = None) -> Json:
        """The file of a new login, in garminconnect's form."""
        return {**self._issue(self.account if account is None else account), "di_client_id": CLIENT_ID}

    def refresh(self, token: str) -> Json | None:
        """New tokens for an unused refresh token; None for any other one."""
        account = self._refresh.pop(token, None)
        if account is None:
            return None
        self.refreshes += 1
        issued = self._issue(account)
        return {
            "access_token": issued["di_token"],
            "refresh_token": issued["di_refresh_token"],
            "token_type": "Bearer",
            "expires_in": self.life,
            "refresh_token_expires_in": 30 * 86_400,
        }

    def make_key(self, account: int | None = None) -> str:
        """A new key of the official API."""
        key = f"emulator-key-{len(self.keys) + 1}"
        self.keys[key] = self.account if account is None else account
        return key

    def exchange(self, key: str) -> str | None:
        """An access token for a key, or None for an unknown key."""
        if key not in self.keys:
            return None
        self.exchanges += 1
        token = str(self._issue(self.keys[key])["di_token"])
        self.accept(token, key)
        return token

    def accept(self, token: str, key: str) -> None:
        """Register an access token as one for a key."""
        self._of_keys[token] = key
        self._access[token] = (self.keys[key], self.epoch + self.life)

    def is_by_key(self, request: Request) -> bool:
        """Whether the access token was issued for a key: then the call is one of the official API."""
        return bearer_of(request) in self._of_keys

    def withdraw(self) -> None:
        """Invalidate all access tokens."""
        self._access.clear()

    def caller_of(self, request: Request) -> int | None:
        """The account of the call's access token, or None if it is unknown or expired."""
        token = bearer_of(request) or ""
        account, ends = self._access.get(token, (None, 0.0))
        is_deleted = token in self._of_keys and self._of_keys[token] not in self.keys
        return account if self.epoch < ends and not is_deleted else None

    def listed(self, account: int) -> list[Json]:
        """The account's entries, the newest first by the athlete's clock."""
        self.read_uploads()
        own = [entry for key, entry in self.activities.items() if self.owners.get(key, self.account) == account]
        return sorted(own, key=lambda entry: (str(entry["startTimeLocal"]), str(entry["activityId"])), reverse=True)

    def read_uploads(self) -> None:
        """Add the activities of the files that are read by now."""
        for file in self.uploads.values():
            if file.key is not None and file.entry is not None and file.ready <= self.epoch:
                self.activities[file.key], file.entry = file.entry, None

    def pieces_of(self, key: int) -> list[Json]:
        """The gear of an activity in the order of linking, in the older list's form, whichever list the pieces are in."""
        known = {undashed(piece["uuid"]): in_older_list(piece) for piece in self.new_gear}
        known |= {piece["uuid"]: piece for piece in self.gear}
        return [known[uuid] for uuid in self.linked.get(key, []) if uuid in known]

    def _issue(self, account: int) -> Json:
        self._issued += 1
        claims = {
            "iat": int(self.epoch),
            "exp": int(self.epoch) + self.life,
            "client_id": CLIENT_ID,
            "number": self._issued,
        }
        access = ".".join(_base64(part) for part in ({"alg": "RS256", "typ": "JWT"}, claims, {"emulator": True}))
        refresh = f"emulator-refresh-{self._issued}"
        self._access[access] = (account, self.epoch + self.life)
        self._refresh[refresh] = account
        return {"di_token": access, "di_refresh_token": refresh}


async def token(request: Request) -> Response:
    """POST: new tokens for a refresh token; the app's name is the user of a basic login, and in the form."""
    form = dict(parse_qsl((await request.body()).decode()))
    state = state_of(request)
    basic = f"Basic {base64.b64encode(f'{CLIENT_ID}:'.encode()).decode()}"
    if request.headers.get("authorization") != basic or form.get("client_id") != CLIENT_ID:
        return answer({"error": "invalid_client"}, 401)
    given = str(form.get("refresh_token"))
    found = state.refresh(given) if form.get("grant_type") == "refresh_token" else None
    if found is None:
        return answer({"error": "invalid_grant", "error_description": f"Invalid refresh token: {given}"}, 400)
    return answer(found)


async def profile(request: Request) -> Response:
    """Whose login it is."""
    account = account_of(request)
    return answer({"id": account + 1, "profileId": account, "displayName": "athlete", "fullName": "Made Up Athlete"})


async def listed(request: Request) -> Response:
    """A part of the list, by local day; a day that is not ISO is a 404, as at Garmin."""
    state, query, account = state_of(request), request.query_params, account_of(request)
    try:
        days = [date.fromisoformat(query[name]) if name in query else None for name in ("startDate", "endDate")]
    except ValueError:
        return state.error(404)
    first, last = (None if day is None else day.isoformat() for day in days)
    found = [
        entry
        for entry in state.listed(account)
        if (first or "") <= str(entry["startTimeLocal"])[:10] <= (last or "9999")
    ]
    page = rows_of(found, request)
    return answer([listed_by_key(entry, account) for entry in page] if state.is_by_key(request) else page)


async def detail(request: Request) -> Response:
    """An activity in the shape of details: a part of Garmin's fields."""
    entry = own_entry(request)
    if entry is None:
        return answer(NOT_FOUND, 404)
    kept = ("activityId", "activityName", "description", "parentId", "locationName")
    about = {name: entry.get(name) for name in ("manualActivity", "manufacturer", "favorite")}
    return answer(
        {
            **{name: entry.get(name) for name in kept},
            "userProfileId": account_of(request),
            "isMultiSportParent": bool(entry.get("parent")),
            "activityTypeDTO": entry.get("activityType"),
            "eventTypeDTO": entry.get("eventType"),
            "accessControlRuleDTO": entry.get("privacy"),
            "metadataDTO": about,
            "summaryDTO": {
                name: f"{value}.0".replace(" ", "T") if name.startswith("startTime") else value
                for name, value in entry.items()
                if name.startswith(("start", "end", "max", "min")) or name in ("distance", "duration", "movingDuration")
            },
        }
    )


async def download(request: Request) -> Response:
    """A zip with the activity's file."""
    entry = own_entry(request)
    file = state_of(request).files.get(int(entry["activityId"])) if entry is not None else None
    if entry is None or file is None:
        return answer(NOT_FOUND, 404)
    ending, content = file
    key = entry["activityId"]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        member = f"{key}_ACTIVITY.fit" if ending == FIT else f"{key}.{ending}"
        archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), content)
    return Response(packed.getvalue(), media_type="application/x-zip-compressed")


async def export(request: Request) -> Response:
    """Garmin's conversion of an activity: here, its file, if that has the ending."""
    entry = own_entry(request)
    file = state_of(request).files.get(int(entry["activityId"])) if entry is not None else None
    if file is None or file[0] != request.path_params["ending"]:
        return answer(NOT_FOUND, 404)
    return Response(file[1], media_type=f"application/vnd.garmin.{file[0]}+xml")


async def gear(request: Request) -> Response:
    """The older list: all gear of an account, or that of an activity."""
    state, query = state_of(request), request.query_params
    if (key := query.get("activityId")) is not None:
        return answer(state.pieces_of(int(key)) if key.isdigit() else [])
    if query.get("userProfilePk") != str(account_of(request)):
        return answer(NOT_OWNER, 403)
    return answer(state.gear)


async def new_gear(request: Request) -> Response:
    """The newer list."""
    return answer(rows_of(state_of(request).new_gear, request))


def own_entry(request: Request) -> Json | None:
    """The entry of the activity that the address names, if it is the account's."""
    key = request.path_params["key"]
    found = {str(entry["activityId"]): entry for entry in state_of(request).listed(account_of(request))}
    return found.get(key)


def state_of(request: Request) -> Garmin:
    """The emulator's state."""
    state: Garmin = request.app.state.emulator
    return state


def account_of(request: Request) -> int:
    """The account of the call's access token."""
    state = state_of(request)
    return state.caller_of(request) or state.account


def _base64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
