"""intervals.icu as the contract asks for it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from pydantic import SecretStr

from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.ingest.intervals_icu.emulator import app, routes
from strava_pipeline.ingest.intervals_icu.wellness import FIELDS
from strava_pipeline_tests.providers import toy_service
from strava_pipeline_tests.providers.emulated import EmulatedSubject
from strava_pipeline_tests.providers.rides import Ride


class IntervalsIcuSubject(EmulatedSubject):
    name, secret, account = "intervals_icu", "intervals-secret-key", None
    lists, gear = "/api/v1/athlete/i317960/activities", "/api/v1/athlete/i317960/gear.json"
    zones = links = lists_foreign = True
    formats = ("gpx", "fit")
    webhook_secret, asked_by_webhooks = "intervals-webhook-secret", "/activity/*"
    file_call = re.compile(r"/api/v1/activity/(.+)/file")
    file_path, write = "/activity/{}/file", ("PUT", "/activity")
    write_call = re.compile(r"PUT /api/v1/activity/.+")

    def __init__(self, service: app.IntervalsIcu, url: str) -> None:
        super().__init__(service, service.activities)
        self.service = service
        self.settings = {
            "intervals_base_url": url,
            "intervals_api_key": SecretStr(self.secret),
            "intervals_athlete_id": service.athlete,
            "intervals_webhook_secret": SecretStr(service.webhook_secret),
        }
        self.subscriber = service.subscriber
        service.gear.append({"id": "b77", "type": "Bike", "name": "Blue bike", "distance": 5000.0, "retired": None})

    def add(self, day: str, title: str, **asked: Any) -> str:
        ride = Ride(day, title, **asked)
        key = f"i{900 - len(self.service.activities)}/k {len(self.service.activities)}"  # no order, and to be quoted
        fields: dict[str, Any] = {
            "name": title,
            "type": "Ride",
            "timezone": ride.zone,
            "elapsed_time": 600,
            "moving_time": 540,
            "mood": "good",
            "source": "UPLOAD",
            "gear": {"id": "b77", "name": None, "distance": 5000.0, "primary": False},
            "distance": 2224.0 if ride.has_distance else None,
            "strava_id": None if ride.strava_id is None else str(ride.strava_id),
        }
        self.service.put(app.row_of(key, self.service.athlete, ride.at, **fields))
        _, self.service.files[key] = ride.file(len(self.service.activities))
        return key

    def put_day(self, day: date, **values: float) -> None:
        shown = {own: values.get(name) for name, own in FIELDS.items()}
        self.service.days[day.isoformat()] = {"id": day.isoformat(), "ctl": 51.2, "sportInfo": None, **shown}

    def add_foreign(self, day: str) -> None:
        self.service.add_stub(str(18_000_000_000 + len(self.service.activities)), f"{day}T06:00:00")

    def edit(self, source_id: str, title: str) -> None:
        self.service.put({**self.service.activities[source_id], "name": title})

    def delete(self, source_id: str) -> None:
        self.deleted[source_id] = self.service.delete(source_id)

    def spoil(self) -> None:
        row = app.row_of("", self.service.athlete, datetime.fromisoformat("2025-05-05T06:00:00+00:00"))
        self.service.activities["spoilt"] = {**row, "id": None, "name": "without an id"}

    def change_account(self) -> dict[str, Any]:
        self.service.coached = frozenset({"i999"})
        return {"intervals_athlete_id": "i999"}


@contextmanager
def running() -> Iterator[IntervalsIcuSubject]:
    """An intervals.icu, running."""
    service = app.IntervalsIcu.starting(toy_service.NOW, key=IntervalsIcuSubject.secret)
    with ServerThread(routes.application(service), "127.0.0.1", 0, lambda: None) as server:
        yield IntervalsIcuSubject(service, server.url)
