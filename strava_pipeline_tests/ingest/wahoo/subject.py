"""Wahoo as a subject of the contract. Access tokens live for a month, so that no call is one for a token."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.wahoo.emulator.service import Wahoo, application
from strava_pipeline.ingest.wahoo.login import token_file
from strava_pipeline.testing.subjects import NOW
from strava_pipeline_tests.providers.emulated import EmulatedSubject
from strava_pipeline_tests.providers.rides import Ride

MONTHS = 90 * 86_400
FIRST_ID = 284_579


class WahooSubject(EmulatedSubject):
    name, lists, gear, account = "wahoo", "/v1/workouts", "", "/v1/user"
    zones = lists_foreign = True
    formats = ("fit",)
    file_name = "{}.fit"
    file_call = re.compile(r"/v1/workouts/(.+)")
    file_path, renews = "/v1/workouts/{}", True

    def __init__(self, wahoo: Wahoo, url: str) -> None:
        super().__init__(wahoo, wahoo.workouts)
        self.wahoo = wahoo
        self.secret = "wahoo-access"
        self.settings = {
            "wahoo_url": url,
            "wahoo_client_id": wahoo.consents.client_id,
            "wahoo_client_secret": SecretStr(wahoo.consents.client_secret),
            "pauses": 0,
        }

    def log_in(self, settings: Settings) -> None:
        path = token_file(settings)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(json.dumps(self.wahoo.log_in()))
        path.chmod(0o600)

    def add(self, day: str, title: str, **asked: Any) -> str:
        ride = Ride(day, title, **asked)
        key = FIRST_ID - len(self.wahoo.workouts) - len(self.deleted)  # no order
        secret = f"secret-{key}.fit"
        summary = {
            "distance_accum": 2224.0 if ride.has_distance else None,
            "duration_active_accum": 540.0,
            "duration_total_accum": 600.0,
            "time_zone": ride.zone,
            "file": {"fitness_app_id": 0, "url": secret},
        }
        self.wahoo.add(key, ride.at, summary, name=title, mood="good")
        self.wahoo.files[secret] = ride.file(0)[1]
        return str(key)

    def add_foreign(self, day: str) -> None:
        """What somebody planned and did not do."""
        key = FIRST_ID + 1 + len(self.wahoo.workouts)
        self.wahoo.add(key, datetime.fromisoformat(f"{day}T05:00:00Z"), None, name="a plan")

    def lose_file(self, source_id: str) -> None:
        self.wahoo.workouts[source_id]["workout_summary"]["file"] = None

    def spoil(self) -> None:
        at = datetime.fromisoformat("2025-05-05T06:00:00+00:00")
        self.wahoo.add(0, at, {"distance_accum": 1.0}, name="without an id")["id"] = None

    def change_account(self) -> None:
        self.wahoo.user += 1
        self.wahoo.workouts.clear()


@contextmanager
def running() -> Iterator[WahooSubject]:
    """The emulator, running."""
    wahoo = Wahoo.starting(NOW, life=MONTHS)
    with ServerThread(application(wahoo), "127.0.0.1", 0, lambda: None) as server:
        yield WahooSubject(wahoo, server.url)
