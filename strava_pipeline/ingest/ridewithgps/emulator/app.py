"""The pages of the emulated Ride with GPS. What it knows is service.py's."""

from datetime import UTC, datetime
from math import ceil
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator import base
from strava_pipeline.emulator.consent import consent_route
from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.emulator.subscriber import change_routes, subscriber_routes
from strava_pipeline.ingest.ridewithgps.emulator.service import RideWithGps, gear_of_detail, legacy_entry

LEGACY_ROWS = 100  # of a page of the web site's list, at most


def application(service: RideWithGps) -> Starlette:
    """The service's pages. `app.state.emulator` is the service."""
    routes = [
        Route("/api/v1/users/current.json", _user),
        Route("/api/v1/trips.json", _trips),
        Route("/api/v1/sync.json", _sync),
        Route("/api/v1/trips/{name:path}", _trip),
        Route("/users/current.json", _legacy_user),
        Route("/users/{user_id:int}/trips.json", _legacy_trips),
        Route("/trips/{name:path}", _edit_trip, methods=["PATCH"]),
        Route("/trips/{name:path}", _legacy_trip),
        consent_route(service.consents, lambda: service.epoch),
        Route("/oauth/token.json", _token, methods=["POST"]),
        *subscriber_routes(service.subscriber),
        *change_routes(lambda key, fields: service.edit(int(key), **fields), lambda key: service.delete(int(key))),
    ]
    return base.application(service, routes)


def _of(request: Request) -> RideWithGps:
    service: RideWithGps = request.app.state.emulator
    return service


async def _token(request: Request) -> Response:
    """An access token for a code. It neither expires nor is renewed."""
    service, sent = _of(request), await base.sent_json(request)
    if sent is None:
        return answer({"error": "invalid_request"}, 400)
    found = service.consents.exchange(sent, service.epoch, with_redirect=True)
    if found is None or sent.get("grant_type") != "authorization_code":
        return answer({"error": "invalid_grant"}, 401)
    created = {"created_at": int(service.epoch), "user_id": service.user_id}
    return answer({"access_token": found[0], "token_type": "Bearer", "scope": "user", **created})


async def _user(request: Request) -> Response:
    user = {"id": _of(request).user_id, "name": "A Rider", "created_at": "2020-01-17T01:45:09Z"}
    return answer({"user": user | {"updated_at": "2020-01-17T01:45:09Z"}})


async def _trips(request: Request) -> Response:
    service = _of(request)
    page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("page_size", 20))
    size = min(max(size, service.least_rows), service.most_rows)
    found = service.listed()
    pages = max(1, ceil(len(found) / size))
    following = f"http://localhost/api/v1/trips.json?page={page + 1}&page_size={size}" if page < pages else None
    pagination = {"record_count": len(found), "page_count": pages, "page_size": size, "next_page_url": following}
    return answer({"trips": found[(page - 1) * size : page * size], "meta": {"pagination": pagination}})


async def _sync(request: Request) -> Response:
    service = _of(request)
    try:
        since = datetime.fromisoformat(request.query_params.get("since", ""))
    except ValueError:
        return answer({"error": "since is required"}, 400)
    items = service.synced(since if since.tzinfo is not None else since.replace(tzinfo=UTC))
    wanted = request.query_params.get("assets", "routes,trips").split(",")
    now = f"{service.clock.now():%Y-%m-%dT%H:%M:%S}+00:00"
    meta = {"rwgps_datetime": now, "next_sync_url": f"http://localhost:3000/api/v1/sync.json?since={now}"}
    return answer({"items": [item for item in items if f"{item['item_type']}s" in wanted], "meta": meta})


def _found(service: RideWithGps, key: str) -> Json | None:
    return service.trips.get(int(key)) if key.isdecimal() else None


async def _trip(request: Request) -> Response:
    service, key = _of(request), request.path_params["name"].removesuffix(".json")
    if key.isdecimal() and int(key) in service.hidden:
        return answer({"error": "You are not permitted to see this trip"}, 403)
    trip = _found(service, key)
    return answer({"error": "Not found"}, 404) if trip is None else answer({"trip": trip})


async def _legacy_user(request: Request) -> Response:
    service = _of(request)
    private = {"email": "rider@example.invalid", "dob": "1980-02-03", "weight": 71.5, "auth_token": service.token}
    return answer({"user": {"id": service.user_id, "name": "A Rider", **private, "gear": service.gear}})


async def _legacy_trips(request: Request) -> Response:
    service = _of(request)
    if request.path_params["user_id"] != service.user_id:
        return answer({"error": "Not found"}, 404)
    found = service.legacy_listed()
    results = base.rows_of(found, request, "offset", most=LEGACY_ROWS)
    return answer({"results": results, "results_count": len(found)})


async def _edit_trip(request: Request) -> Response:
    """A change of a trip's name or gear by the web site's interface; gear None: the trip has none any more."""
    service, body = _of(request), await base.sent_json(request)
    found = _found(service, request.path_params["name"].removesuffix(".json"))
    reply = answer({"error": "Not found"}, 404) if found is None else _edited(service, found["id"], body)
    return service.written(request, body, reply)


def _edited(service: RideWithGps, trip_id: int, body: Any) -> Response:
    given = body.get("trip") if isinstance(body, dict) else None
    if not isinstance(given, dict) or not given.keys() <= {"name", "gear_id"}:
        return answer({"error": "trip is invalid"}, 422)
    if not isinstance(given.get("name", ""), str):
        return answer({"error": "name is invalid"}, service.refusal_status)
    pieces = {item["id"]: gear_of_detail(item) for item in service.gear}
    key = given.get("gear_id")
    if key is not None and key not in pieces:
        return answer({"error": "gear is invalid"}, service.refusal_status)
    gear = {"gear": None if key is None else pieces[key]} if "gear_id" in given else {}
    service.edit(trip_id, **{"name": given["name"]} if "name" in given else {}, **gear)
    return answer(legacy_detail(service.trips[trip_id]))


async def _legacy_trip(request: Request) -> Response:
    service, name = _of(request), request.path_params["name"]
    trip = _found(service, name.removesuffix(".json")) if name.endswith(".json") else None
    return answer({"error": "Not found"}, 404) if trip is None else answer(legacy_detail(trip))


def legacy_detail(trip: Json) -> Json:
    """A trip as the web site shows it: what lists say at the top, `metrics` says here."""
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
