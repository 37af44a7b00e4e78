"""The providers that the contract is tested with, each a line in SUBJECTS."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.environment.settings import Settings
from strava_pipeline.testing.subjects import GPX, Subject, fit_of, has_trait
from strava_pipeline_tests.ingest.spreadsheet.subject import spreadsheet
from strava_pipeline_tests.providers import toy_service
from strava_pipeline_tests.providers.emulated import EmulatedSubject
from strava_pipeline_tests.providers.rides import Ride
from strava_pipeline_tests.providers.toy import client as toy_client

__all__ = ["GPX", "SUBJECTS", "Subject", "ToySubject", "fit_of", "has_trait", "install", "register_toy", "tin", "toy"]


class ToySubject(EmulatedSubject):
    name, secret, lists, gear, account = "toy", toy_client.KEY, "/activities", "/bikes", "/me"
    zones = links = lists_foreign = True
    formats = ("gpx", "fit")
    file_call = re.compile(r"/activities/(.+)/file")
    file_path, write, named = "/activities/{}/file", ("PUT", "/activities"), "title"

    def __init__(self, toy: toy_service.Toy) -> None:
        super().__init__(toy, toy.items)
        self.toy = toy
        toy.bikes["B1"] = "Blue bike"

    def log_in(self, settings: Settings) -> None:
        (path,) = toy_client.login_files(settings)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"key": self.secret}))

    def add(self, day: str, title: str, **asked: Any) -> str:
        ride = Ride(day, title, **asked)
        key = f"{99 - len(self.toy.items)}/k {len(self.toy.items) + 1}"  # no order, and to be quoted in an address
        self.toy.add(key, ride.start, zone=ride.zone, title=title, bike="B1", seconds=600, moving=540, mood="good")
        if ride.has_distance:
            self.toy.items[key]["metres"] = 2224.0
        if ride.strava_id is not None:
            self.toy.items[key]["strava"] = ride.strava_id
        _, self.toy.files[key] = ride.file(len(self.toy.items))
        return key

    def add_foreign(self, day: str) -> None:
        self.toy.add(f"f{len(self.toy.items)}", f"{day}T05:00:00Z", of="elsewhere")

    write_call = re.compile(r"PUT /activities/.+")

    def spoil(self) -> None:
        self.toy.items["spoilt"] = {"begin": "2025-05-05T06:00:00Z", "title": "without a key"}

    def change_account(self) -> None:
        self.toy.account = "another-account"
        self.toy.items.clear()


def register_toy(patch: pytest.MonkeyPatch) -> None:
    """Have the toy as a package that is installed brings a source."""
    install("toy", patch)


def install(name: str, patch: pytest.MonkeyPatch) -> None:
    """Have a package of `installed` where Python looks for what is installed."""
    patch.setattr(sys, "path", [*sys.path, str(Path(__file__).parent / "installed" / name)])


@contextmanager
def tin(patch: pytest.MonkeyPatch) -> Iterator[toy_service.Toy]:
    """The tin toy, a second provider, installed and running; it is no subject."""
    install("tin", patch)
    service = toy_service.new_toy()
    with ServerThread(toy_service.application(service), "127.0.0.1", 0, lambda: None) as server:
        patch.setenv("TIN_URL", server.url)
        patch.setenv("TIN_KEY", toy_client.KEY)
        yield service


@contextmanager
def toy(patch: pytest.MonkeyPatch) -> Iterator[ToySubject]:
    """The toy, registered and running."""
    register_toy(patch)
    service = toy_service.new_toy()
    with ServerThread(toy_service.application(service), "127.0.0.1", 0, lambda: None) as server:
        patch.setenv("TOY_URL", server.url)
        yield ToySubject(service)


def garmin(_: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.garmin import (
        subject as garmin_subject,  # which needs the recordings of this module
    )

    return garmin_subject.running()


def garmin_by_key(_: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.garmin import subject as garmin_subject  # the same

    return garmin_subject.running(garmin_subject.KeySubject)


def intervals_icu(_: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.intervals_icu import subject as intervals_icu_subject  # the same

    return intervals_icu_subject.running()


def ridewithgps(patch: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.ridewithgps import subject as ridewithgps_subject  # the same

    return ridewithgps_subject.service_at(patch)


def wahoo(_: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.wahoo import subject as wahoo_subject  # the same

    return wahoo_subject.running()


SUBJECTS: dict[str, Callable[[pytest.MonkeyPatch], Any]] = {
    "toy": toy,
    "garmin": garmin,
    "garmin_by_key": garmin_by_key,
    "intervals_icu": intervals_icu,
    "ridewithgps": ridewithgps,
    "spreadsheet": spreadsheet,
    "wahoo": wahoo,
}
