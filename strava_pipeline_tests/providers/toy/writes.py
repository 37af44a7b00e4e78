"""The toy's writer: it changes titles, and takes files."""

from collections.abc import Sequence
from urllib.parse import quote

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.providers import spec_of
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.provider import OnWait, Page
from strava_pipeline.ingest.service_client import Answer, ServiceClient
from strava_pipeline.ingest.writer import Answered, Reading, Request, UnsupportedChangeError
from strava_pipeline.settings import Settings
from strava_pipeline_tests.providers.toy.client import connect


class ToyWriter:
    most_at_once = 1

    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    @property
    def calls(self) -> int:
        return self._service.calls

    def read(self, change: Change) -> Reading:
        if change.kind == "upload_activity":
            answer = self._service.get("/uploads")
            value = answer.json["files"].get(change.details["external_id"])
            return Reading(value, [answered("GET", "/uploads", answer)])
        path = path_of(change)
        answer = self._service.get(path)
        body = json_bytes({"items": [answer.json], "more": False})
        page = Page(1, 1, spec_of("toy").read_page({"items": [answer.json]}), body, answer.fetched_at, 1)
        return Reading(answer.json["title"], [answered("GET", path, answer)], page, source_id=change.source_id)

    def requests(self, change: Change, before: Reading) -> Sequence[Request]:
        if change.kind == "upload_activity":
            body = {name: change.details[name] for name in ("external_id", "sha256")}
            return [Request("POST", "/uploads", body)]
        return [Request("PUT", path_of(change), {"title": change.new})]

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        ((request,),) = (self.requests(change, each) for change, each in zip(changes, before, strict=True))
        answer = self._service.write(request.method, request.address, json=request.body)
        return [answered(request.method, request.address, answer)]


def path_of(change: Change) -> str:
    if change.kind != "update_name":
        raise UnsupportedChangeError("The toy can't take that.")
    return f"/activities/{quote(str(change.source_id), safe='')}"


def answered(method: str, path: str, answer: Answer) -> Answered:
    return Answered(method, path, answer.status, answer.body, answer.fetched_at)


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> ToyWriter:
    return ToyWriter(connect(settings, clock, on_wait).service)
