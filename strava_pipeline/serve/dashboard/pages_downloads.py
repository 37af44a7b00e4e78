"""Files of an activity: as a device wrote it, and its track as GPX. Both carry the name under which a browser keeps them."""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from strava_pipeline.lake.user_files import goals_of
from strava_pipeline.lookups.downloads import exported_track, original_bytes
from strava_pipeline.serve.dashboard.api_activities import Found
from strava_pipeline.serve.dashboard.site import CurrentLake, Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/activities/{activity_id}/original")
def original(snapshot: Snapshot, lake: CurrentLake, found: Found) -> Response:
    """The file that a device wrote, as it came: whole, also where it lies in privacy zones."""
    return _download(*original_bytes(snapshot, lake, found.id))


@router.get("/activities/{activity_id}/track.gpx")
def track(snapshot: Snapshot, lake: CurrentLake, found: Found) -> Response:
    """The track without its points in privacy zones, as `export activity` writes it. If these can't be read, nothing is sent."""
    return _download(f"{found.id}.gpx", exported_track(snapshot, lake, found, ".gpx", goals_of(lake).zones).body)


def _download(name: str, body: bytes) -> Response:
    kept_as = f"attachment; filename*=UTF-8''{quote(name, safe='')}"  # RFC 6266, section 4.3
    return Response(body, media_type="application/octet-stream", headers={"Content-Disposition": kept_as})
