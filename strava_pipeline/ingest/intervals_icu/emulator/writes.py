"""Changes by a client at intervals.icu: an activity's name, gear and the like, new gear, and uploads of files.

Each request is kept in the journal with its body. Undocumented behaviour is a choice here: a name that is too long is
refused as the service refuses that of a workout, unknown gear is refused, and gear without an id means no gear.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.base import sent_json
from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.emulator.uploads import Upload, read_upload, recording_of
from strava_pipeline.ingest.intervals_icu.emulator.app import API, DENIED, WITHHELD, IntervalsIcu, row_of

EDITABLE = ("name", "description", "type", "sub_type", "commute", "trainer", "race")
BY_HAND = ("elapsed_time", "moving_time", "distance")  # of an activity without a file
TOO_LONG = {"status": 422, "error": "Name is too long"}  # forum.intervals.icu/t/609, about a workout's name
NO_GEAR = {"status": 422, "error": "Gear not found"}
NO_FILE = {"status": 422, "error": "file is required"}
UNREADABLE = {"status": 422, "error": "Unsupported file type"}
FIRST_UPLOAD = 90_000_000  # the number in the id of the first activity that is uploaded here


def routes(service: IntervalsIcu) -> list[Route]:
    """The paths of the API that change something."""
    writes = _Writes(service)
    return [
        Route(f"{API}/activity/{{key:path}}", writes.put_activity, methods=["PUT"]),
        Route(f"{API}/athlete/{{athlete}}/gear", writes.post_gear, methods=["POST"]),
        Route(f"{API}/athlete/{{athlete}}/activities", writes.post_activities, methods=["POST"]),
    ]


class _Writes:
    def __init__(self, service: IntervalsIcu) -> None:
        self._service = service

    async def put_activity(self, request: Request) -> Response:
        """Change the given fields; answers the whole activity."""
        sent, row = await sent_json(request), self._service.activities.get(request.path_params["key"])
        if row is None:
            return self._service.written(request, sent, self._service.missing(request))
        if (fault := self._fault(sent, row)) is not None:
            return self._answered(request, sent, fault, 422)
        names = (*EDITABLE, *BY_HAND) if row.get("source") == "MANUAL" else EDITABLE
        changed = {name: value for name, value in sent.items() if name in names and value is not None}
        if isinstance(gear := sent.get("gear"), dict):
            key = gear.get("id")
            changed["gear"] = key and {"id": key, "name": None, "distance": None, "primary": False}
        self._service.put(row | changed)
        return self._answered(request, sent, row | changed)

    def _fault(self, sent: Json, row: Json) -> Json | None:
        """Why an activity can't be changed in this way."""
        longest, gear = self._service.longest_name, sent.get("gear") or {}
        if row.get("source") == "STRAVA":
            return WITHHELD
        if longest is not None and len(sent.get("name") or "") > longest:
            return TOO_LONG
        is_known = gear.get("id") in (None, *(item["id"] for item in self._service.gear))
        return None if is_known else NO_GEAR

    async def post_gear(self, request: Request) -> Response:
        """New gear; answers it."""
        sent = await sent_json(request)
        if not self._service.is_own(request):
            return self._answered(request, sent, DENIED, 403)
        gear = {"distance": 0.0, "time": 0.0, "activities": 0, "retired": None, "component": False, **sent}
        gear["id"] = f"g{2000 + len(self._service.gear)}"
        self._service.gear.append(gear)
        return self._answered(request, sent, gear)

    async def post_activities(self, request: Request) -> Response:
        """An activity of the file; 201 with its id, or 200 with that of the activity that has the same file."""
        query = dict(request.query_params)
        upload = read_upload(request.headers.get("content-type", ""), await request.body())
        if not self._service.is_own(request):
            return self._answered(request, query, DENIED, 403)
        if upload is None:
            return self._answered(request, query, NO_FILE, 422)
        sent = {**query, **upload.described()}
        if (known := self._known(upload)) is not None:
            return self._answered(request, sent, self._named(known))
        row = self._row(upload, query)
        if row is None:
            return self._answered(request, sent, UNREADABLE, 422)
        self._service.put(row)
        self._service.files[row["id"]] = upload.content
        return self._answered(request, sent, self._named(row["id"]), 201)

    def _known(self, upload: Upload) -> str | None:
        files = self._service.files
        return next((key for key in self._service.activities if files.get(key) == upload.content), None)

    def _row(self, upload: Upload, query: dict[str, str]) -> Json | None:
        recording = recording_of(upload.content)
        if recording is None:
            return None
        began: datetime = recording.start.astimezone(ZoneInfo(self._service.zone))
        return row_of(
            f"i{FIRST_UPLOAD + len(self._service.activities)}",
            self._service.athlete,
            began,
            name=query.get("name") or "Ride",
            type="Ride",
            timezone=self._service.zone,
            elapsed_time=recording.seconds,
            moving_time=recording.seconds,
            distance=recording.metres,
            source="UPLOAD",
            external_id=query.get("external_id") or upload.name,
            gear=None,
            created=f"{self._service.clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        )

    def _named(self, key: str) -> Json:
        return {"icu_athlete_id": self._service.athlete, "id": key, "activities": [{"id": key}]}

    def _answered(self, request: Request, sent: Any, body: Any, status: int = 200) -> Response:
        return self._service.written(request, sent, answer(body, status))
