"""Ride with GPS's writer: names and gear of trips. The documented interface reads them, the web site's own one changes them.

The documented interface accepts no changes. Only `send` uses the other one: if its address changes, names and gear can
no longer be changed from here, but nothing else is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from strava_pipeline.core.changes.records import Change, Value
from strava_pipeline.core.errors import GoneError, NeedsLoginError, RefusedError
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.rows import Json
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.provider import OnWait, Received
from strava_pipeline.ingest.ridewithgps.client import GEAR_LIST, TITLE, RideWithGpsClient, connect, trip_path
from strava_pipeline.ingest.ridewithgps.record import read_gear
from strava_pipeline.ingest.ridewithgps.webhooks import id_text
from strava_pipeline.ingest.service_client import Answer
from strava_pipeline.ingest.service_writer import ServiceWriter, WriteCall
from strava_pipeline.ingest.writer import Answered, Reading, UnsupportedChangeError, piece_to_set

# from the web site's answer, which may contain private data besides
KEPT = "id", "name", "gear", "gear_id", "updated_at"


class RideWithGpsWriter(ServiceWriter):
    """Changes trips of the account that `client` is logged in to."""

    def __init__(self, client: RideWithGpsClient) -> None:
        super().__init__(client.service)
        self._client = client

    def read(self, change: Change) -> Reading:
        """The trip by the documented interface; for a change of gear also the list of gear, once for all changes."""
        trip_id = self.activity_of(change)
        page = self._client.get_activity(trip_id)
        answers = [Answered("GET", trip_path(trip_id), 200, page.body, page.fetched_at)]
        trip = parse_json(page.body)["trip"]
        if change.kind == "update_name":
            return Reading(_text(trip.get("name")), answers, page)
        if "gear" not in trip and "gear_id" not in trip:
            raise UnsupportedChangeError("Ride with GPS no longer says which gear a trip has, so it can't be changed.")
        gear = trip.get("gear")
        key = id_text(gear.get("id") if isinstance(gear, dict) else trip.get("gear_id"))
        if change.new is not None:
            answers += [_of_list(received) for received in self._client.list_kind("gear", None, None)]
        return Reading(key, answers, page)

    def calls_of(self, change: Change, before: Reading) -> Sequence[WriteCall]:
        """The one call of a change; its gear is looked up in the list that `before` holds."""
        address = f"/trips/{quote(self.activity_of(change), safe='')}.json"
        if change.kind == "update_name":
            return [WriteCall("PATCH", address, {"trip": {"name": change.new or ""}})]
        key = None if change.new is None else piece_to_set(TITLE, change, _pieces(before.answers))
        return [WriteCall("PATCH", address, {"trip": {"gear_id": int(key) if key and key.isdecimal() else key}})]

    def send(self, call: WriteCall) -> Answer:
        """Make a call to the web site's interface, which has no documented address."""
        name = f"{call.method} {call.path}"
        try:
            answer = super().send(call)
        except (GoneError, NeedsLoginError) as error:  # the documented interface has just shown the trip
            status = 404 if isinstance(error, GoneError) else 401
            raise RefusedError(
                f"{name}: {status}. Ride with GPS shows the trip and no longer takes changes of it from here; change it on "
                "the web site.",
                status=status,
                body=error.body if isinstance(error, GoneError) else b"",
            ) from None
        if isinstance(answer.json, dict) and answer.json.get("error"):
            raise RefusedError(
                f"{name}: Ride with GPS refuses the change ({answer.status}, and an error in the answer).",
                status=answer.status,
                body=json_bytes({"error": answer.json["error"]}),
            )
        return replace(answer, body=_kept(answer))


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> RideWithGpsWriter:
    """A writer; nothing is sent. Raises MissingSettingsError if the login is missing."""
    return RideWithGpsWriter(connect(settings, clock, on_wait))


def _text(value: Any) -> Value:
    return value if isinstance(value, str) else None


def _of_list(received: Received) -> Answered:
    return Answered("GET", GEAR_LIST, 200, received.body, received.fetched_at)


def _pieces(answers: Iterable[Answered]) -> Mapping[str, Json]:
    """Gear by its id, from the list among the answers."""
    lists = [parse_json(each.body) for each in answers if each.address == GEAR_LIST]
    return {key: piece for content in lists for key, piece in read_gear(content)}


def _kept(answer: Answer) -> bytes:
    """The stored part of the answer: the trip's id, its name and its gear."""
    trip = answer.json.get("trip") if isinstance(answer.json, dict) else None
    return json_bytes({"trip": {name: trip[name] for name in KEPT if name in trip}}) if isinstance(trip, dict) else b""
