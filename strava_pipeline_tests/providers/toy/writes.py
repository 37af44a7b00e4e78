"""The toy's writer: it changes titles, and takes files."""

from collections.abc import Sequence
from urllib.parse import quote

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.provider import OnWait, Page
from strava_pipeline.ingest.service_writer import ServiceWriter, WriteCall
from strava_pipeline.ingest.writer import Reading
from strava_pipeline_tests.providers.toy.client import connect


class ToyWriter(ServiceWriter):
    def read(self, change: Change) -> Reading:
        if change.kind == "upload_activity":
            answer = self._service.get("/uploads")
            value = answer.json["files"].get(change.details["external_id"])
            return Reading(value, [self.answered(WriteCall("GET", "/uploads"), answer)])
        path = self.path_of(change)
        answer = self._service.get(path)
        body = json_bytes({"items": [answer.json], "more": False})
        page = Page(1, 1, spec_of("toy").read_page({"items": [answer.json]}), body, answer.fetched_at, 1)
        return Reading(
            answer.json["title"], [self.answered(WriteCall("GET", path), answer)], page, source_id=change.source_id
        )

    def calls_of(self, change: Change, before: Reading) -> Sequence[WriteCall]:
        if change.kind == "upload_activity":
            return [WriteCall("POST", "/uploads", {name: change.details[name] for name in ("external_id", "sha256")})]
        return [WriteCall("PUT", self.path_of(change), {"title": change.new})]

    def path_of(self, change: Change) -> str:
        if change.kind != "update_name":
            raise self.refusal(change)
        return f"/activities/{quote(str(change.source_id), safe='')}"


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> ToyWriter:
    return ToyWriter(connect(settings, clock, on_wait).service)
