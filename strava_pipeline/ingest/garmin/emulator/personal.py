"""The special behaviour of the official API of the emulated Garmin Connect. The rest is service.py's.

The real one has its own host. Here the login decides: a call with the token of a key is a call to that host.
"""

import re

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.ingest.garmin.emulator.days import LIMITS

KEY_TOKEN_PATH = "/personalapitoken-service/personal-api/personal-api-key/token"
LIST = "/activitylist-service/activities/search/activities"
ALLOWED = (
    re.compile(re.escape(LIST)),
    re.compile(r"/activity-service/activity/[^/]+"),
    re.compile(r"/download-service/files/activity/.+"),
    *(re.compile(rf"{path}(/[^/]+/[^/]+)?") for path in LIMITS),
)
MOST_ROWS, OWN_ROWS = 45, 99  # rows per page: above the first it fails; the second is the default `limit`
BOOLEANS = {"manualActivity": "isManualActivity", "favorite": "isFavorite", "pr": "isPR", "parent": "isParent"}
UNLISTED = ("deviceId", "timeZoneId", "userRoles")  # fields that only the app's API has


def refusal_by_key(request: Request) -> Response | None:
    """The refusal of a call outside the API's list, for a file without a zip, or for too many rows."""
    path, accept = request.url.path, request.headers.get("accept", "*/*")
    if request.method != "GET" or not any(allowed.fullmatch(path) for allowed in ALLOWED):
        return answer({}, 404)
    wanted = "zip" if path.startswith("/download-service/") else "application/json"
    if wanted not in accept and "*/*" not in accept:
        return answer({"error": "NotAcceptableException", "message": "HTTP 406 Not Acceptable"}, 406)
    limit = request.query_params.get("limit", str(OWN_ROWS))
    if path == LIST and limit.isdecimal() and int(limit) > MOST_ROWS:
        return answer({}, 500)
    return None


def listed_by_key(entry: Json, account: int) -> Json:
    """An entry of the list in this API's form: with its account, and with other names of booleans."""
    fields = {BOOLEANS.get(name, name): value for name, value in entry.items() if name not in UNLISTED}
    return {**fields, "ownerId": account, "comments": [{"displayName": "somebody else"}]}


async def key_token(request: Request) -> Response:
    """POST: the access token of a key; the body is the token alone, unless another form was chosen."""
    state = request.app.state.emulator
    key = request.headers.get("authorization", "").removeprefix("ApiKey ")
    token = state.exchange(key) if not await request.body() else None
    if token is None:
        return Response(status_code=401)
    if state.key_tokens == "object":
        return answer({"access_token": token, "expires_in": state.life})
    return Response(f'"{token}"' if state.key_tokens == "quoted" else token, media_type="text/plain")
