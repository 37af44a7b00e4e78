"""A Ride with GPS on this machine: one account's trips and gear, and their changes, in memory.

Its answers have the shapes of the service's documentation (github.com/ridewithgps/developers, November 2025) and of
recorded answers of its web site. The addresses are app.py's.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.emulator.base import EmulatedService, rows_of, sent_json, status_phrase
from strava_pipeline.emulator.consent import Consents
from strava_pipeline.emulator.deliveries import Deliveries, Orders, post
from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.emulator.subscriber import Subscriber

LEGACY_ROWS = 100  # trips on a page of the web site's list, at most
_DETAIL_ONLY = ("track_points", "gear", "photos")
MOST_NOTIFICATIONS = 100  # events in a delivery, by the documentation
_NO_COLUMN = (*_DETAIL_ONLY, "activity_type", "device", "url")  # fields that the web site's list doesn't have


@dataclass
class RideWithGps(EmulatedService):
    """What the service knows. `trips` by id, as the documented interface shows one.

    Args:
        least_rows, most_rows: of a page of trips.json.
        events: the changes of items, as `sync.json` lists them.
        client_secret: of the API client, under which deliveries are signed; `subscriber`: where these go; `consents`: logins
            by OAuth.
        hidden: trips that exist and that this login may not see.
        refusal_status: of a change that is refused, with an error in the answer; the real service may say 200 there.
    """

    title, activity = "Ride with GPS", r"/api/v1/trips/(.+)\.json"
    token_path = "/api/v1/auth_tokens.json"
    identifier = r"(?<=/trips/)[^/]+(?=\.json$)|(?<=/users/)\d+(?=/trips)"

    user_id: int = 7001
    key: str = "rwgps-api-key"
    token: str = "rwgps-auth-token"
    least_rows: int = 20
    most_rows: int = 200
    trips: dict[int, Json] = field(default_factory=dict)
    gear: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    refusal_status: int = 422
    client_secret: str = "rwgps-client-secret"
    consents: Consents = field(init=False)
    subscriber: Subscriber = field(init=False)

    def __post_init__(self) -> None:
        self.consents = Consents("rwgps-client", self.client_secret)
        deliveries = Deliveries(0, self._signed, orders=Orders(attempts=1, timeout=1.0))
        self.subscriber = Subscriber(deliveries, lambda found: {"notifications": found}, MOST_NOTIFICATIONS)

    def _signed(self, url: str, body: bytes, seconds: float) -> int:
        """Post a delivery with its signature: one try, as the documentation says."""
        signature = hmac.new(self.client_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-rwgps-api-key": self.key, "x-rwgps-signature": signature, "user-agent": "RideWithGPS"}
        return post(url, body, seconds, headers)

    def refusal(self, request: Request) -> Response | None:
        """The login comes in headers and never in an address."""
        given = request.headers
        login = given.get("x-rwgps-api-key"), given.get("x-rwgps-auth-token")
        is_open = request.url.path.startswith("/oauth/") or self.consents.has(given.get("authorization", ""))
        is_allowed = is_open or login == (self.key, self.token)
        return None if is_allowed else answer({"error": "Failed to authenticate the user"}, 401)

    def error_body(self, status: int) -> Json:
        """The service's JSON for an error status."""
        return {"error": status_phrase(status)}

    @property
    def stamp(self) -> str:
        """Now, as the service writes it: 2026-03-01T12:00:00Z."""
        return f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"

    def add(self, trip_id: int, departed_at: str, **more: Any) -> Json:
        """A trip of the account; `departed_at` on the athlete's clock, as 2026-01-31T07:00:00+01:00."""
        self.trips[trip_id] = trip_of(trip_id, self.user_id, departed_at, self.stamp) | more
        self.record("created", trip_id)
        return self.trips[trip_id]

    def edit(self, trip_id: int, **fields: Any) -> None:
        """Change fields of a trip."""
        self.trips[trip_id] |= {**fields, "updated_at": self.stamp}
        self.record("updated", trip_id)

    def delete(self, trip_id: int) -> Json:
        """Delete a trip."""
        self.record("deleted", trip_id)
        return self.trips.pop(trip_id)

    def restore(self, trip: Json) -> None:
        """Restore a deleted trip."""
        self.trips[trip["id"]] = {**trip, "updated_at": self.stamp}
        self.record("created", trip["id"])

    def record(self, action: str, item_id: int, *, item_type: str = "trip", owner: int | None = None) -> None:
        """Add an item to `sync.json`, and notify the callback of it."""
        event = {
            "item_type": item_type,
            "item_id": item_id,
            "item_user_id": self.user_id if owner is None else owner,
            "item_url": f"https://ridewithgps.com/api/v1/{item_type}s/{item_id}.json",
            "action": action,
            "datetime": self.stamp,
            "collection": {"id": 1, "type": "pinned", "name": "pinned"} if action in ("added", "removed") else None,
        }
        self.events.append(event)
        notification = {name: value for name, value in event.items() if name != "datetime"}
        shown = {"item_url": f"https://ridewithgps.com/{item_type}s/{item_id}.json"}
        self.subscriber.notify({"user_id": self.user_id, **notification, **shown})

    def listed(self) -> list[Json]:
        """The entries of trips.json, the last updated first."""
        trips = [*self.trips.values()][::-1]
        trips.sort(key=lambda trip: datetime.fromisoformat(trip["updated_at"]), reverse=True)
        return [{name: value for name, value in trip.items() if name not in _DETAIL_ONLY} for trip in trips]

    def legacy_listed(self) -> list[Json]:
        """The entries of the web site's list, the newest departure first."""
        found = sorted(self.trips.values(), key=lambda trip: _instant(trip), reverse=True)
        return [legacy_entry(trip) for trip in found]

    def synced(self, since: datetime) -> list[Json]:
        """The items of sync.json since then."""
        return [event for event in self.events if datetime.fromisoformat(event["datetime"]) >= since]

    async def page_token(self, request: Request) -> Response:
        """An access token for a code. It neither expires nor is renewed."""
        sent = await sent_json(request)
        if sent is None:
            return answer({"error": "invalid_request"}, 400)
        found = self.consents.exchange(sent, self.epoch, with_redirect=True)
        if found is None or sent.get("grant_type") != "authorization_code":
            return answer({"error": "invalid_grant"}, 401)
        created = {"created_at": int(self.epoch), "user_id": self.user_id}
        return answer({"access_token": found[0], "token_type": "Bearer", "scope": "user", **created})

    async def page_user(self, request: Request) -> Response:
        """The login's owner."""
        user = {"id": self.user_id, "name": "A Rider", "created_at": "2020-01-17T01:45:09Z"}
        return answer({"user": user | {"updated_at": "2020-01-17T01:45:09Z"}})

    async def page_trips(self, request: Request) -> Response:
        """A page of trips."""
        page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("page_size", 20))
        size = min(max(size, self.least_rows), self.most_rows)
        found = self.listed()
        pages = max(1, ceil(len(found) / size))
        following = f"http://localhost/api/v1/trips.json?page={page + 1}&page_size={size}" if page < pages else None
        pagination = {"record_count": len(found), "page_count": pages, "page_size": size, "next_page_url": following}
        return answer({"trips": found[(page - 1) * size : page * size], "meta": {"pagination": pagination}})

    async def page_sync(self, request: Request) -> Response:
        """The changes of items since a time."""
        try:
            since = datetime.fromisoformat(request.query_params.get("since", ""))
        except ValueError:
            return answer({"error": "since is required"}, 400)
        items = self.synced(since if since.tzinfo is not None else since.replace(tzinfo=UTC))
        wanted = request.query_params.get("assets", "routes,trips").split(",")
        now = f"{self.clock.now():%Y-%m-%dT%H:%M:%S}+00:00"
        meta = {"rwgps_datetime": now, "next_sync_url": f"http://localhost:3000/api/v1/sync.json?since={now}"}
        return answer({"items": [item for item in items if f"{item['item_type']}s" in wanted], "meta": meta})

    def _found(self, key: str) -> Json | None:
        return self.trips.get(int(key)) if key.isdecimal() else None

    async def page_trip(self, request: Request) -> Response:
        """A trip."""
        key = request.path_params["name"].removesuffix(".json")
        if key.isdecimal() and int(key) in self.hidden:
            return answer({"error": "You are not permitted to see this trip"}, 403)
        trip = self._found(key)
        return answer({"error": "Not found"}, 404) if trip is None else answer({"trip": trip})

    async def page_legacy_user(self, request: Request) -> Response:
        """The person, with gear, in the web site's form."""
        private = {"email": "rider@example.invalid", "dob": "1980-02-03", "weight": 71.5, "auth_token": self.token}
        return answer({"user": {"id": self.user_id, "name": "A Rider", **private, "gear": self.gear}})

    async def page_legacy_trips(self, request: Request) -> Response:
        """A part of the web site's list."""
        if request.path_params["user_id"] != self.user_id:
            return answer({"error": "Not found"}, 404)
        found = self.legacy_listed()
        results = rows_of(found, request, "offset", most=LEGACY_ROWS)
        return answer({"results": results, "results_count": len(found)})

    async def page_edit_trip(self, request: Request) -> Response:
        """A change of a trip's name or gear by the web site's interface; gear None removes the gear."""
        body = await sent_json(request)
        found = self._found(request.path_params["name"].removesuffix(".json"))
        reply = answer({"error": "Not found"}, 404) if found is None else self._edited(found["id"], body)
        return self.written(request, body, reply)

    def _edited(self, trip_id: int, body: Any) -> Response:
        given = body.get("trip") if isinstance(body, dict) else None
        if not isinstance(given, dict) or not given.keys() <= {"name", "gear_id"}:
            return answer({"error": "trip is invalid"}, 422)
        if not isinstance(given.get("name", ""), str):
            return answer({"error": "name is invalid"}, self.refusal_status)
        pieces = {item["id"]: gear_of_detail(item) for item in self.gear}
        key = given.get("gear_id")
        if key is not None and key not in pieces:
            return answer({"error": "gear is invalid"}, self.refusal_status)
        gear = {"gear": None if key is None else pieces[key]} if "gear_id" in given else {}
        self.edit(trip_id, **{"name": given["name"]} if "name" in given else {}, **gear)
        return answer(legacy_detail(self.trips[trip_id]))


def trip_of(trip_id: int, user_id: int, departed_at: str, at: str) -> Json:
    """A ride as `GET /api/v1/trips/{id}.json` shows it, created `at`."""
    return {
        "id": trip_id,
        "url": f"https://ridewithgps.com/api/v1/trips/{trip_id}.json",
        "name": f"Trip {trip_id}",
        "description": None,
        "departed_at": departed_at,
        "time_zone": "Europe/Vienna",
        "locality": None,
        "administrative_area": None,
        "country_code": None,
        "activity_type": "cycling:generic",
        "fit_sport": 2,
        "fit_sub_sport": 0,
        "is_stationary": False,
        "distance": None,
        "duration": None,
        "moving_time": None,
        "elevation_gain": None,
        "elevation_loss": None,
        "first_lat": None,
        "first_lng": None,
        "last_lat": None,
        "last_lng": None,
        "sw_lat": 90.0,
        "sw_lng": 180.0,
        "ne_lat": -90.0,
        "ne_lng": -180.0,
        **{f"{least}_{what}": None for what in ("cad", "hr", "watts") for least in ("avg", "min", "max")},
        "avg_speed": None,
        "max_speed": None,
        "calories": None,
        "track_type": "loop",
        "terrain": "rolling",
        "difficulty": "easy",
        "visibility": "public",
        "created_at": at,
        "updated_at": at,
        "user_id": user_id,
        "device": None,
        "track_points": [],
        "gear": None,
        "photos": [],
    }


def gear_item(gear_id: int, nickname: str | None, make: str, model: str) -> Json:
    """A bike as the web site's `users/current.json` shows it."""
    return {
        "id": gear_id,
        "make": make,
        "model": model,
        "year": None,
        "description": "",
        "nickname": nickname,
        "name": nickname or f"{make} {model}",
        "archived": False,
        "exclude_from_totals": False,
        "weight": None,
        "serial_number": "",
        "visibility": 0,
        "created_at": "2020-06-05T11:32:49-07:00",
    }


def gear_of_detail(item: Json) -> Json:
    """The same bike as a trip's detail shows it: without a name."""
    return {
        name: item.get(name) for name in ("id", "make", "model", "description", "exclude_from_totals", "created_at")
    }


def legacy_entry(trip: Json) -> Json:
    """A trip as the web site's list shows it: UTC and an offset, ids of gear, other words for the visibility."""
    began = datetime.fromisoformat(trip["departed_at"])
    offset = began.utcoffset()
    return {
        **{name: value for name, value in trip.items() if name not in _NO_COLUMN},
        "departed_at": f"{began.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "utc_offset": int(offset.total_seconds()) if offset is not None else None,
        "gear_id": (trip.get("gear") or {}).get("id"),
        "visibility": {"public": 0, "friends_only": 1, "private": 2}[trip["visibility"]],
        "activity_type_id": 0,
        "source_type": "garmin_connect",
        "fit_product": 4575,
        "deleted_at": None,
        "is_gps": not trip["is_stationary"],
        "processed": True,
    }


def _instant(trip: Json) -> float:
    return datetime.fromisoformat(trip["departed_at"]).timestamp()


def legacy_detail(trip: Json) -> Json:
    """A trip in the web site's form: values that lists have at the top are in `metrics` here."""
    entry: dict[str, Any] = legacy_entry(trip)
    metrics = {
        **{what: {"avg": entry.pop(f"avg_{what}"), "max": entry.pop(f"max_{what}")} for what in ("hr", "cad", "watts")},
        "speed": {"avg": entry.pop("avg_speed"), "max": entry.pop("max_speed")},
        "duration": entry.pop("duration"),
        "movingTime": entry.pop("moving_time"),
        "stationary": entry["is_stationary"],
        "calories": entry.pop("calories"),
    }
    gear = trip.get("gear")
    named = {"id": gear["id"], "name": f"{gear['make']} {gear['model']}"} if gear else None
    return {"type": "trip", "trip": {**entry, "gear": named, "metrics": metrics, "track_points": trip["track_points"]}}
