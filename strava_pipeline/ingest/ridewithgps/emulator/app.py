"""The addresses of the emulated Ride with GPS. Its pages are service.py's."""

from starlette.applications import Starlette
from starlette.routing import Route

from strava_pipeline.emulator import base
from strava_pipeline.emulator.consent import consent_route
from strava_pipeline.emulator.subscriber import change_routes, subscriber_routes
from strava_pipeline.ingest.ridewithgps.emulator.service import RideWithGps


def application(service: RideWithGps) -> Starlette:
    """The service's pages. `app.state.emulator` is the service."""
    routes = [
        Route("/api/v1/users/current.json", service.page_user),
        Route("/api/v1/trips.json", service.page_trips),
        Route("/api/v1/sync.json", service.page_sync),
        Route("/api/v1/trips/{name:path}", service.page_trip),
        Route("/users/current.json", service.page_legacy_user),
        Route("/users/{user_id:int}/trips.json", service.page_legacy_trips),
        Route("/trips/{name:path}", service.page_edit_trip, methods=["PATCH"]),
        consent_route(service.consents, lambda: service.epoch),
        Route("/oauth/token.json", service.page_token, methods=["POST"]),
        *subscriber_routes(service.subscriber),
        *change_routes(lambda key, fields: service.edit(int(key), **fields), lambda key: service.delete(int(key))),
    ]
    return base.application(service, routes)
