"""The pages of the emulated Garmin Connect, behind its gate."""

from starlette.applications import Starlette
from starlette.routing import Route

from strava_pipeline.emulator import base
from strava_pipeline.ingest.garmin.emulator import changes, days, personal, service


def application(garmin: service.Garmin) -> Starlette:
    """The emulator's pages."""
    routes = [
        Route(service.TOKEN_PATH, service.token, methods=["POST"]),
        Route(personal.KEY_TOKEN_PATH, personal.key_token, methods=["POST"]),
        *days.ROUTES,
        Route("/userprofile-service/socialProfile", service.profile),
        Route(personal.LIST, service.listed),
        Route("/upload-service/upload", changes.upload, methods=["POST"]),
        Route("/activity-service/activity/status/{at:int}/{uuid}", changes.upload_status),
        Route("/activity-service/activity/{key}", changes.edit, methods=["PUT"]),
        Route("/activity-service/activity/{key}", service.detail),
        Route("/download-service/files/activity/{key:path}", service.download),
        Route("/download-service/export/{ending}/activity/{key:path}", service.export),
        Route("/gear-service/gear/filterGear", service.gear),
        Route("/gear-service/gear/v2/list", service.new_gear),
        Route("/gear-service/gear/{verb}/{uuid}/activity/{key}", changes.link, methods=["PUT"]),
        Route("/gear-service/activity/v2/{key}/associated-gear", changes.associate, methods=["PUT"]),
    ]
    return base.application(garmin, routes)
