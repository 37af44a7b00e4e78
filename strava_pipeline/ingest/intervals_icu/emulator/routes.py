"""The paths of the emulated intervals.icu: what reads (app.py), what writes (writes.py), logins and webhooks."""

from starlette.applications import Starlette
from starlette.routing import Route

from strava_pipeline.emulator import base
from strava_pipeline.emulator.consent import consent_route
from strava_pipeline.emulator.subscriber import change_routes, subscriber_routes
from strava_pipeline.ingest.intervals_icu.emulator import writes
from strava_pipeline.ingest.intervals_icu.emulator.app import API, IntervalsIcu


def application(service: IntervalsIcu) -> Starlette:
    """The API over `service`."""
    routes = [
        *writes.routes(service),
        Route(f"{API}/athlete/{{athlete}}/activities", service.listed),
        Route(f"{API}/athlete/{{athlete}}/activities/{{ids}}", service.several),
        Route(f"{API}/athlete/{{athlete}}/gear{{ending}}", service.list_gear),
        Route(f"{API}/athlete/{{athlete}}/gear", service.list_gear),
        Route(f"{API}/athlete/{{athlete}}/wellness", service.list_days),
        Route(f"{API}/activity/{{key:path}}/file", service.file),
        Route(f"{API}/activity/{{key:path}}/fit-file", service.derived_file),
        Route(f"{API}/activity/{{key:path}}", service.activity_of),
        consent_route(service.consents, lambda: service.epoch),
        Route("/api/oauth/token", service.token, methods=["POST"]),
        *subscriber_routes(service.subscriber),
        *change_routes(lambda key, fields: service.put({**service.activities[key], **fields}), service.delete),
    ]
    return base.application(service, routes)
