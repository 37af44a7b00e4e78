"""The providers that the contract is tested with: what a test may ask of each emulator. A provider is a line in SUBJECTS."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pytest

from strava_pipeline import ingest
from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.emulator.service import Clock, Fault, FaultPlan, Journal
from strava_pipeline.ingest import registry
from strava_pipeline.settings import Settings
from strava_pipeline_tests.ingest.files import made as files
from strava_pipeline_tests.ingest.spreadsheet.subject import spreadsheet
from strava_pipeline_tests.providers import tin_client, toy_client, toy_service

GPX = """<?xml version="1.0"?><gpx version="1.1" creator="toy" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="51.50" lon="-0.12"><ele>10</ele><time>{0}T06:00:00Z</time></trkpt>
<trkpt lat="51.51" lon="-0.12"><ele>12</ele><time>{0}T06:05:00Z</time></trkpt>
<trkpt lat="51.52" lon="-0.12"><ele>11</ele><time>{0}T06:10:00Z</time></trkpt></trkseg></trk></gpx>"""


def has_trait(subject: "Subject", name: str) -> bool:
    """Whether a subject has something out of the ordinary: `pauses_for_hours`, where a limit of any length and the first 403
    stop the run for an hour at least; `leaves_gear_out`, where the rows of its list name no gear; `only_reads`, where the login
    gives no gear and lets nothing be changed.
    """
    return bool(getattr(subject, name, False))


@cache
def fit_of(day: str) -> bytes:
    """A FIT file of a ride of ten minutes with two laps, which began at 06:00 UTC of a day."""
    began = int(datetime.fromisoformat(f"{day}T06:00:00Z").timestamp()) - 631_065_600  # FIT counts from 1989-12-31
    laps = [
        files.message(
            3,
            files.LAP,
            (253, files.U32, began + at + 300),
            (2, files.U32, began + at),
            (7, files.U32, 300_000),
        )
        for at in (0, 300)
    ]
    points = files.records(600, began=began)
    return files.fit(files.file_id(), points, *laps, files.session(0, 600, sport=2, began=began))


class Subject(Protocol):
    """A provider and its emulator, running at 127.0.0.1. Its clock begins at toy_service.NOW."""

    name: str
    settings: dict[str, Any]  # the fields that point at the emulator, and the login where that is a setting
    secret: str  # that no log may hold
    lists: str  # the path of its listing, without a query
    gear: str  # the path of its gear
    account: str | None  # the path that tells whose login it is; None: that takes no call
    zones: bool  # whether its rows say what the athlete's clock showed, and in which zone
    links: bool  # whether its rows say what Strava calls an activity
    formats: tuple[str, ...]  # of its activities' files, in turn: gpx, and fit where it gives both
    lists_foreign: bool  # whether it lists activities of other services
    file_call: re.Pattern[str]  # the path of an activity's file, with the id as the first group
    clock: Clock
    faults: FaultPlan
    journal: Journal

    def log_in(self, settings: Settings) -> None:
        """Have the login where the client looks for it, if that is a file."""
        ...

    def add(
        self,
        day: str,
        title: str,
        *,
        began: str = "",
        zone: str = "Europe/Vienna",
        has_distance: bool = True,
        file_of: str | None = None,
        strava_id: int | None = None,
    ) -> str:
        """Have a ride of 2224 m in 600 s, 540 s of them moving, on a bike called Blue bike, with a field `mood`, "good".

        It has a file of one of `formats`: a FIT has two laps. Returns its id there.

        Args:
            began: the start on the athlete's clock, as 2025-01-01T07:00:00+01:00; empty: 07:00 in winter in Vienna, which
                is 06:00 UTC.
            zone: the clock's zone.
            has_distance: whether its row has a distance.
            file_of: the day of which its file, a GPX, says that it is; None: the same.
            strava_id: what the service says that Strava calls the activity; for those with `links`.
        """
        ...

    def lose_file(self, source_id: str) -> None:
        """Have no file of an activity."""
        ...

    def fail_file(self, source_id: str | None, **fault: Any) -> None:
        """Have the next calls for the file of an activity (None: of any activity) fail as `Fault` says."""
        ...

    def add_foreign(self, day: str) -> None:
        """Have an activity of another service, at 05:00 UTC of a day; for those with `lists_foreign`."""
        ...

    def edit(self, source_id: str, title: str) -> None: ...

    def delete(self, source_id: str) -> None: ...

    def restore(self, source_id: str) -> None:
        """Have back what was deleted."""
        ...

    def spoil(self) -> None:
        """Have an item in the list that is no activity and begins at 06:00 UTC of 2025-05-05; its start can be read."""
        ...

    def change_account(self) -> dict[str, Any] | None:
        """From now on the login is another account's, which has nothing. Returns the fields of the settings that change."""
        ...

    def fail(self, **fault: Any) -> None:
        """Have the next calls for the listing (or for `path`) fail as `Fault` says; `headers` go with the answer.

        A fault is `exact`, or that of a list would be every file's whose address lies below.
        """
        ...


class ToySubject:
    name, secret, lists, gear, account = "toy", toy_client.KEY, "/activities", "/bikes", "/me"
    zones = links = lists_foreign = True
    formats = ("gpx", "fit")
    file_call = re.compile(r"/activities/(.+)/file")

    def __init__(self, toy: toy_service.Toy) -> None:
        self.toy = toy
        self.settings: dict[str, Any] = {}
        self.deleted: dict[str, dict[str, Any]] = {}
        self.clock, self.faults, self.journal = toy.clock, toy.faults, toy.journal
        toy.bikes["B1"] = "Blue bike"

    def log_in(self, settings: Settings) -> None:
        (path,) = toy_client.login_files(settings)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"key": self.secret}))

    def add(
        self,
        day: str,
        title: str,
        *,
        began: str = "",
        zone: str = "Europe/Vienna",
        has_distance: bool = True,
        file_of: str | None = None,
        strava_id: int | None = None,
    ) -> str:
        key = f"{99 - len(self.toy.items)}/k {len(self.toy.items) + 1}"  # no order, and to be quoted in an address
        began = began or f"{day}T07:00:00+01:00"
        self.toy.add(key, began, zone=zone, title=title, bike="B1", seconds=600, moving=540, mood="good")
        if has_distance:
            self.toy.items[key]["metres"] = 2224.0
        if strava_id is not None:
            self.toy.items[key]["strava"] = strava_id
        is_gpx = file_of or len(self.toy.items) % 2
        self.toy.files[key] = GPX.format(file_of or day).encode() if is_gpx else fit_of(day)
        return key

    def add_foreign(self, day: str) -> None:
        self.toy.add(f"f{len(self.toy.items)}", f"{day}T05:00:00Z", of="elsewhere")

    def lose_file(self, source_id: str) -> None:
        del self.toy.files[source_id]

    def fail_file(self, source_id: str | None, *, headers: dict[str, str] | None = None, **fault: Any) -> None:
        self.toy.headers = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.faults.order(Fault.from_order({"path": f"/activities/{source_id or '*'}/file", **fault}, ""))

    write_call = re.compile(r"PUT /activities/.+")

    def edit(self, source_id: str, title: str) -> None:
        self.toy.items[source_id]["title"] = title

    def title_of(self, source_id: str) -> str:
        return str(self.toy.items[source_id]["title"])

    def fail_write(self, *, headers: dict[str, str] | None = None, **fault: Any) -> None:
        self.toy.headers = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.faults.order(Fault.from_order({"path": "/activities", "method": "PUT", **fault}, ""))

    def delete(self, source_id: str) -> None:
        self.deleted[source_id] = self.toy.items.pop(source_id)

    def restore(self, source_id: str) -> None:
        self.toy.items[source_id] = self.deleted.pop(source_id)

    def spoil(self) -> None:
        self.toy.items["spoilt"] = {"begin": "2025-05-05T06:00:00Z", "title": "without a key"}

    def change_account(self) -> None:
        self.toy.account = "another-account"
        self.toy.items.clear()

    def fail(self, *, headers: dict[str, str] | None = None, **fault: Any) -> None:
        self.toy.headers = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.faults.order(Fault.from_order({"path": self.lists, "exact": True, **fault}, ""))


def register_toy(patch: pytest.MonkeyPatch) -> None:
    """Register the toy as a provider would be: its record beside the others', its client in the registry."""
    patch.setattr(ingest, "__path__", [*ingest.__path__, str(Path(__file__).parent / "records")])
    patch.setitem(registry.PROVIDERS, "toy", "strava_pipeline_tests.providers.toy_client")


@contextmanager
def tin(patch: pytest.MonkeyPatch) -> Iterator[toy_service.Toy]:
    """The tin toy, a second provider, registered and running; it needs the toy's record, and is no subject."""
    patch.setattr(ingest, "__path__", [*ingest.__path__, str(Path(__file__).parent / "records")])
    patch.setitem(registry.PROVIDERS, "tin", "strava_pipeline_tests.providers.tin_client")
    service = toy_service.new_toy()
    with ServerThread(toy_service.application(service), "127.0.0.1", 0, lambda: None) as server:
        patch.setitem(tin_client.ADDRESS, "url", server.url)
        yield service


@contextmanager
def toy(patch: pytest.MonkeyPatch) -> Iterator[ToySubject]:
    """The toy, registered and running."""
    register_toy(patch)
    service = toy_service.new_toy()
    with ServerThread(toy_service.application(service), "127.0.0.1", 0, lambda: None) as server:
        patch.setitem(toy_client.ADDRESS, "url", server.url)
        yield ToySubject(service)


def garmin(_: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.garmin import (
        subject as garmin_subject,  # which needs the recordings of this module
    )

    return garmin_subject.running()


def garmin_by_key(_: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.garmin import subject as garmin_subject  # the same

    return garmin_subject.running_by_key()


def intervals_icu(_: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.intervals_icu import subject as intervals_icu_subject  # the same

    return intervals_icu_subject.running()


def ridewithgps(patch: pytest.MonkeyPatch) -> Any:
    from strava_pipeline_tests.ingest.ridewithgps import subject as ridewithgps_subject  # the same

    return ridewithgps_subject.service_at(patch)


SUBJECTS: dict[str, Callable[[pytest.MonkeyPatch], Any]] = {
    "toy": toy,
    "garmin": garmin,
    "garmin_by_key": garmin_by_key,
    "intervals_icu": intervals_icu,
    "ridewithgps": ridewithgps,
    "spreadsheet": spreadsheet,
}
