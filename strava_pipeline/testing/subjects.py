"""The tests' interface to a provider's emulator: the subject of the contract."""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Protocol

from strava_pipeline.core.providers import Kind, spec_of
from strava_pipeline.emulator.generate.fit_writing import fit_file
from strava_pipeline.emulator.service import Clock, FaultPlan, Journal
from strava_pipeline.environment.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When the clock of a subject begins."""

GPX = """<?xml version="1.0"?><gpx version="1.1" creator="a device" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="51.50" lon="-0.12"><ele>10</ele><time>{0}T06:00:00Z</time></trkpt>
<trkpt lat="51.51" lon="-0.12"><ele>12</ele><time>{0}T06:05:00Z</time></trkpt>
<trkpt lat="51.52" lon="-0.12"><ele>11</ele><time>{0}T06:10:00Z</time></trkpt></trkseg></trk></gpx>"""


def has_trait(subject: "Subject", name: str) -> bool:
    """Whether a subject has a special trait: `pauses_for_hours`: a limit of any length and the first 403 stop the run
    for at least an hour; `leaves_gear_out`: the rows of its list name no gear; `only_reads`: the login allows no change.
    """
    return bool(getattr(subject, name, False))


def kinds_of(subject: "Subject") -> Collection[Kind]:
    """The kinds of data that the subject's login gives: those of the record without its special trait `lacks`."""
    return spec_of(subject.name).kinds.keys() - getattr(subject, "lacks", ())


@cache
def fit_of(day: str) -> bytes:
    """A FIT file of a ride of ten minutes, which began at 06:00 UTC of a day."""
    began = int(datetime.fromisoformat(f"{day}T06:00:00Z").timestamp())
    ride = {"elapsed_time": 600, "moving_time": 600, "distance": 1800, "type": "Ride", "sport_type": "Ride"}
    streams = {
        "time": range(0, 601, 20),
        "latlng": [(52.0, 13.0)] * 31,
        "distance": range(0, 1801, 60),
        "heartrate": [120] * 31,
    }
    return fit_file(began, ride, streams)


class Subject(Protocol):
    """A provider and its emulator, running at 127.0.0.1. Its clock begins at NOW."""

    name: str
    settings: dict[str, Any]  # the fields that point at the emulator, and the login where that is a setting
    secret: str  # that no log may hold
    lists: str  # the path of its listing, without a query
    gear: str  # the path of its gear
    account: str | None  # the path that says whose login it is; None: saying it takes no call
    zones: bool  # whether its rows have the athlete's local time and its zone
    links: bool  # whether its rows say what Strava calls an activity
    formats: tuple[str, ...]  # of its activities' files, in turn: gpx, and fit where it gives both
    lists_foreign: bool  # whether it lists activities of other services
    file_call: re.Pattern[str]  # the path of an activity's file, with the id as the first group
    clock: Clock
    faults: FaultPlan
    journal: Journal

    def log_in(self, settings: Settings) -> None:
        """Put the login where the client looks for it, if it is a file."""

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
        """Add a ride of 2224 m in 600 s, 540 s of them moving, on a bike called Blue bike, with a field `mood`, "good".

        It has a file of one of `formats`: a FIT has one lap. Returns its id there.

        Args:
            began: the start on the athlete's clock, as 2025-01-01T07:00:00+01:00; empty: 07:00 in winter in Vienna, which
                is 06:00 UTC.
            zone: the clock's zone.
            has_distance: whether its row has a distance.
            file_of: the day in its file, a GPX; None for the same.
            strava_id: the activity's Strava id by the service; for subjects with `links`.
        """

    def put_day(self, day: date, **values: float) -> None:
        """Say what is known of a local day, by the names of core/wellness.py's MEASURES, and nothing else; for services with
        days and nights.
        """

    def lose_file(self, source_id: str) -> None:
        """Remove the file of an activity."""

    def fail_file(self, source_id: str | None, **fault: Any) -> None:
        """Make the next calls for the file of an activity (None: of any activity) fail as `Fault` says."""

    def add_foreign(self, day: str) -> None:
        """Add an activity of another service, at 05:00 UTC of a day; for subjects with `lists_foreign`."""

    def edit(self, source_id: str, title: str) -> None: ...

    def delete(self, source_id: str) -> None: ...

    def restore(self, source_id: str) -> None:
        """Restore a deleted activity."""

    def spoil(self) -> None:
        """Add a malformed item to the list that begins at 06:00 UTC of 2025-05-05; its start can be read."""

    def change_account(self) -> dict[str, Any] | None:
        """From now on the login is another account's, which has nothing. Returns the fields of the settings that change."""

    def fail(self, **fault: Any) -> None:
        """Make the next calls for the listing (or for `path`) fail as `Fault` says; `headers` go with the answer.

        A fault is `exact`, or a list's would hit every file whose address lies below.
        """


class ChangeableSubject(Subject, Protocol):
    """A subject whose names can be changed by a writer."""

    write_call: re.Pattern[str]  # of the requests that change a name, as "METHOD /path" of its journal's `writes`

    def title_of(self, source_id: str) -> str:
        """The service's name of the activity."""

    def fail_write(self, **fault: Any) -> None:
        """Make the next requests that change a name fail as `Fault` says; requests that only read do not count."""
