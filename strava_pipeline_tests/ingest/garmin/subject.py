"""Garmin Connect as a subject of the contract."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.garmin.emulator.app import application
from strava_pipeline.ingest.garmin.emulator.days import rows_of_day
from strava_pipeline.ingest.garmin.emulator.entries import entry
from strava_pipeline.ingest.garmin.emulator.service import FIT, GPX, Garmin
from strava_pipeline.ingest.garmin.key_tokens import fingerprint_of, token_file
from strava_pipeline.ingest.garmin.keys import Key, save_key
from strava_pipeline.ingest.garmin.tokens import tokens_file
from strava_pipeline_tests.providers import toy_service
from strava_pipeline_tests.providers.emulated import EmulatedSubject
from strava_pipeline_tests.providers.rides import Ride

FIRST_ID = 21_482_825_013  # as in January 2026
GEAR = "4f5119d6a65d47b9bb235904f9ff927b"


class GarminSubject(EmulatedSubject):
    name, lists, gear = "garmin", "/activitylist-service/activities/search/activities", "/gear-service/gear/filterGear"
    account = None  # it stands beside the tokens
    pauses_for_hours = leaves_gear_out = True
    lacks = frozenset({"wellness"})
    formats = (GPX, FIT)
    file_call = re.compile(r"/download-service/files/activity/(.+)")
    file_path, write = "/download-service/files/activity/{}", ("PUT", "/activity-service")
    named, renews = "activityName", True

    def __init__(self, garmin: Garmin, url: str) -> None:
        super().__init__(garmin, garmin.activities)
        self.garmin, self.url = garmin, url
        self.settings = {"garmin_api_url": url, "garmin_auth_url": url}
        garmin.life = 10 * 365 * 86_400  # the contract lets months pass; tokens have tests of their own
        self.tokens = {**garmin.log_in(), "account": str(garmin.account)}
        self.secret = self.tokens["di_token"]
        garmin.gear.append(
            {"uuid": GEAR, "gearTypeName": "Bike", "gearStatusName": "active", "displayName": "Blue bike"}
        )
        self._path: Path | None = None

    def _key(self, source_id: str) -> int:
        return int(source_id)

    def log_in(self, settings: Settings) -> None:
        self._path = tokens_file(settings)
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_text(json.dumps(self.tokens))

    def add(self, day: str, title: str, **asked: Any) -> str:
        ride = Ride(day, title, **asked)
        key = FIRST_ID + len(self.garmin.activities) + len(self.deleted)
        more: dict[str, Any] = {"seconds": 600, "movingDuration": 540.0, "mood": "good"}
        if ride.has_distance:
            more["distance"] = 2224.0
        self.garmin.activities[key] = entry(key, title, "cycling", ride.at, **more)
        self.garmin.linked[key] = [GEAR]
        kind, content = ride.file(len(self.garmin.activities))
        self.garmin.files[key] = ({"gpx": GPX, "fit": FIT}[kind], content)
        return str(key)

    def put_day(self, day: date, **values: float) -> None:
        self.garmin.days[day.isoformat()] = rows_of_day(day, values)

    write_call = re.compile(r"PUT /activity-service/activity/\d+")

    def spoil(self) -> None:
        at = datetime.fromisoformat("2025-05-05T06:00:00+00:00")
        self.garmin.activities[-1] = {**entry(1, "without an id", "cycling", at), "activityId": None}

    def change_account(self) -> None:
        assert self._path is not None
        other = self.garmin.account + 1
        self._path.write_text(json.dumps({**self.garmin.log_in(other), "account": str(other)}))


class KeySubject(GarminSubject):
    """The same by a key of the official API."""

    pauses_for_hours = False
    only_reads = True
    lacks = frozenset({"gear"})

    def __init__(self, garmin: Garmin, url: str) -> None:
        super().__init__(garmin, url)
        self.settings["garmin_personal_api_base_url"] = url
        self.secret = garmin.make_key()

    def log_in(self, settings: Settings) -> None:
        self._settings = settings
        self._have(self.secret, self.garmin.account)

    def change_account(self) -> None:
        other = self.garmin.account + 1
        self._have(self.garmin.make_key(other), other)

    def _have(self, key: str, account: int) -> None:
        """Have a key, with a token of it and whose it is, as an earlier run left them."""
        save_key(self._settings, key, None)
        at, token = self.garmin.epoch, self.garmin.exchange(key)
        kept = {"access_token": token, "received_at": at, "expires_at": at + self.garmin.life, "account": str(account)}
        fingerprint = fingerprint_of(Key(key, "a test"), self.url)
        token_file(self._settings).write_text(json.dumps({**kept, "fingerprint": fingerprint}))


@contextmanager
def running(kind: type[GarminSubject] = GarminSubject) -> Iterator[Any]:
    """The emulator, running; the login is a key, or that of the app."""
    garmin = Garmin.starting(toy_service.NOW)
    with ServerThread(application(garmin), "127.0.0.1", 0, lambda: None) as server:
        yield kind(garmin, server.url)
