"""Ride with GPS as a subject of the contract. Its pages hold two trips where a test asks for two; really, 20 are the least."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.ingest.ridewithgps import client
from strava_pipeline.ingest.ridewithgps.emulator.app import application
from strava_pipeline.ingest.ridewithgps.emulator.service import RideWithGps, gear_item, gear_of_detail
from strava_pipeline_tests.providers.emulated import EmulatedSubject
from strava_pipeline_tests.providers.rides import Ride
from strava_pipeline_tests.providers.toy_service import NOW


def track_of(day: str) -> list[dict[str, Any]]:
    """The points of a ride of ten minutes, which began at 06:00 UTC of a day."""
    began = int(datetime.fromisoformat(f"{day}T06:00:00Z").timestamp())
    return [{"x": -0.12, "y": 51.5 + place / 100, "e": 10 + place, "t": began + 300 * place} for place in range(3)]


class RideWithGpsSubject(EmulatedSubject):
    name, lists = "ridewithgps", "/api/v1/trips.json"
    gear, account = "/users/current.json", "/api/v1/users/current.json"
    zones = True
    formats = ("tcx",)
    webhook_secret, asked_by_webhooks = "rwgps-client-secret", "/api/v1/sync.json"
    file_call = re.compile(r"/api/v1/trips/(.+)\.json")
    file_path, write = "/api/v1/trips/{}.json", ("PATCH", "/trips")

    def __init__(self, service: RideWithGps, url: str) -> None:
        super().__init__(service, service.trips)
        self.service = service
        self.secret = service.token
        self.settings = {
            "ridewithgps_base_url": url,
            "ridewithgps_api_key": SecretStr(service.key),
            "ridewithgps_auth_token": SecretStr(service.token),
            "ridewithgps_client_secret": SecretStr(service.client_secret),
        }
        self.subscriber = service.subscriber
        service.gear.append(gear_item(254097, "Blue bike", "Acme", "Racer"))

    def _key(self, source_id: str) -> int:
        return int(source_id)

    def add(self, day: str, title: str, **asked: Any) -> str:
        ride = Ride(day, title, **asked)
        trip_id = 284_579_245 + len(self.service.trips) * 7
        measured = {"distance": 2224} if ride.has_distance else {}
        self.service.add(
            trip_id,
            ride.start,
            name=title,
            time_zone=ride.zone,
            duration=600,
            moving_time=540,
            mood="good",
            gear=gear_of_detail(self.service.gear[0]),
            **measured,
        )
        self.service.trips[trip_id]["track_points"] = track_of(ride.file_of or day)
        return str(trip_id)

    def lose_file(self, source_id: str) -> None:
        self.service.trips[int(source_id)]["track_points"] = []

    write_call = re.compile(r"PATCH (/api/v1)?/trips/\d+\.json")

    def edit(self, source_id: str, title: str) -> None:
        self.service.edit(int(source_id), name=title)

    def delete(self, source_id: str) -> None:
        self.deleted[source_id] = self.service.delete(int(source_id))

    def restore(self, source_id: str) -> None:
        self.service.restore(self.deleted.pop(source_id))

    def spoil(self) -> None:
        self.service.add(0, "2025-05-05T06:00:00Z", name="without an id")["id"] = None

    def change_account(self) -> dict[str, Any]:
        self.service.user_id, self.service.token = 7002, "another-token"
        self.service.trips.clear()
        self.service.events.clear()
        return {"ridewithgps_auth_token": SecretStr(self.service.token)}

    def fail(self, *, headers: dict[str, str] | None = None, **fault: Any) -> None:
        if fault.get("status") == 503 and fault.get("kind") == "status":
            fault["times"] = max(fault.get("times", 1), client.MOST_REFUSALS)  # it is waited for so often
        super().fail(headers=headers, **fault)


@contextmanager
def service_at(patch: pytest.MonkeyPatch, now: datetime = NOW, least_rows: int = 1) -> Iterator[RideWithGpsSubject]:
    """Ride with GPS, running; its pages hold `least_rows` trips at least."""
    patch.setattr(client, "LEAST_ROWS", least_rows)
    service = RideWithGps.starting(now, least_rows=least_rows)
    with ServerThread(application(service), "127.0.0.1", 0, lambda: None) as server:
        yield RideWithGpsSubject(service, server.url)
