"""Changes at intervals.icu: an activity's name and gear, new gear, and the upload of a file.

What came there from Strava can be neither changed nor read. An upload is found again by its external id, or by the ids in the
answer to it: a file that was there already keeps the external id of its first upload.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import quote

from strava_pipeline.core.changes.records import Change, Value, is_same
from strava_pipeline.core.errors import RefusedError, WithheldError
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.intervals_icu.client import WHOLE, IntervalsClient, connect, is_withheld, wrong_page
from strava_pipeline.ingest.intervals_icu.webhooks import text_id
from strava_pipeline.ingest.provider import OnWait, Page
from strava_pipeline.ingest.service_writer import ServiceWriter, WriteCall
from strava_pipeline.ingest.upload_files import file_to_upload
from strava_pipeline.ingest.writer import Answered, Reading, UnsupportedChangeError

API = "/api/v1"
AROUND = timedelta(days=1)  # the listing that an upload is looked for in goes by local days
GEAR_TYPES = {
    "ride": "Bike",
    "e_ride": "Bike",
    "run": "Shoes",
    "walk": "Shoes",
    "winter": "Skis",
    "water": "Boat",
    "row": "Boat",
}
"""The kind of new gear by its use, see core/sports.py. A person may correct it at intervals.icu."""
UNSUPPORTED = {
    "create_gear": "Gear can't be deleted through this program; delete it on intervals.icu's own pages.",
    "upload_activity": "An upload can't be taken back; delete the activity on intervals.icu's own pages.",
}
WITHHELD = (
    "This activity cannot be changed through intervals.icu: it came there from Strava, and intervals.icu gives such "
    "activities to no program."
)


class IntervalsWriter(ServiceWriter):
    """Changes at the account of `client`. The athlete is named as in the settings: `0` is the login's owner."""

    unsupported = UNSUPPORTED

    def __init__(self, client: IntervalsClient, athlete: str) -> None:
        super().__init__(client.service, API)
        self._client = client
        self._athlete = f"/athlete/{quote(athlete, safe='')}"
        self._uploaded: dict[str, Sequence[str]] = {}  # by change, the ids that the answer to its upload named

    def read(self, change: Change) -> Reading:
        """The activity, the list of gear, or the activities around the start of a file that is uploaded."""
        if change.kind in ("update_name", "update_gear"):
            return self._read_activity(change)
        if change.kind == "create_gear":
            return self._read_gear(change)
        if change.kind == "upload_activity":
            return self._read_upload(change)
        raise self.refusal(change)

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Write one change."""
        (change,), (reading,) = changes, before
        (call,) = self.calls_of(change, reading)
        try:
            answer = self.send(call)
        except RefusedError as error:
            if error.status == 422 and is_withheld(error.body):
                raise UnsupportedChangeError(WITHHELD) from None
            raise
        if change.kind == "upload_activity" and (ids := _ids_of(answer.json)):
            self._uploaded[change.id] = ids
        return [self.answered(call, answer)]

    def calls_of(self, change: Change, before: Reading) -> Sequence[WriteCall]:
        """The one call of a change. Raises UnsupportedChangeError."""
        if change.kind == "update_name":
            return [WriteCall("PUT", _activity(change), {"name": change.new or ""})]
        if change.kind == "update_gear" and (change.new_id or not change.new):
            return [WriteCall("PUT", _activity(change), {"gear": {"id": change.new_id}})]
        if change.kind == "create_gear" and isinstance(change.new, str):
            return [WriteCall("POST", f"{self._athlete}/gear", {"name": change.new, "type": _type_of(change)})]
        if change.kind == "upload_activity" and change.new is not None:
            named = {"name": change.details.get("title"), "external_id": _external_id(change)}
            params = {name: value for name, value in named.items() if value}
            return [WriteCall("POST", f"{self._athlete}/activities", params=params, file=file_to_upload(change))]
        raise self.refusal(change)

    def _read_activity(self, change: Change) -> Reading:
        try:
            page = self._client.get_activity(change.source_id or "")
        except WithheldError:
            raise UnsupportedChangeError(WITHHELD) from None
        if page.read.withheld:
            raise UnsupportedChangeError(WITHHELD)
        activity = parse_json(page.body)
        value = _name_of(activity) if change.kind == "update_name" else _gear_of(activity)
        answered = Answered("GET", self.address(_activity(change)), 200, page.body, page.fetched_at)
        return Reading(value, [answered], page, source_id=change.source_id)

    def _read_gear(self, change: Change) -> Reading:
        answered: list[Answered] = []
        found: tuple[str, Value] | None = None
        for answer in self._client.list_kind("gear", None, None):
            address = self.address(f"{self._athlete}/gear.json")
            answered.append(Answered("GET", address, 200, answer.body, answer.fetched_at))
            pieces = self._client.spec.kinds["gear"](parse_json(answer.body))
            same = [
                (key, item.get("name")) for key, item in pieces if is_same("create_gear", change.new, item.get("name"))
            ]
            found = found or next(iter(same), None)
        key, name = found or (None, None)
        return Reading(name, answered, source_id=key)

    def _read_upload(self, change: Change) -> Reading:
        calls, ids = self.calls, self._uploaded.get(change.id)
        if ids is not None:
            path = f"{self._athlete}/activities/{','.join(quote(key, safe='') for key in ids)}"
            query: Mapping[str, str] = {}
        else:
            if change.start is None:
                raise UnsupportedChangeError("The file can't be uploaded: when its activity began is not known.")
            day = change.start.astimezone(UTC).date()
            path = f"{self._athlete}/activities"
            query = {"oldest": (day - AROUND).isoformat(), "newest": (day + 2 * AROUND).isoformat()}
        answer = self._service.get(path, query, check=wrong_page)
        page = Page(
            1, WHOLE, self._client.spec.read_page(answer.json), answer.body, answer.fetched_at, self.calls - calls
        )
        wanted = _external_id(change)
        keys = [
            text_id(row.get("id"))
            for row in answer.json
            if isinstance(row, dict) and (ids is not None or row.get("external_id") == wanted)
        ]
        key = next((key for key in keys if key), None)
        answered = [self.answered(WriteCall("GET", path, params=query), answer)]
        if key is None:
            return Reading(None, answered)
        return Reading(change.new, answered, page, source_id=key)


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> IntervalsWriter:
    """A writer with the login of the settings; nothing is sent yet. Raises MissingSettingsError without one."""
    return IntervalsWriter(connect(settings, clock, on_wait), settings.intervals_athlete_id)


def _activity(change: Change) -> str:
    return f"/activity/{quote(change.source_id or '', safe='')}"


def _type_of(change: Change) -> str:
    return GEAR_TYPES.get(GROUP_OF.get(str(change.details.get("sport_type")), ""), "Equipment")


def _external_id(change: Change) -> str:
    return str(change.details["external_id"])


def _name_of(activity: Mapping[str, Any]) -> str | None:
    name = activity.get("name")
    return name if isinstance(name, str) else None


def _gear_of(activity: Mapping[str, Any]) -> str | None:
    gear = activity.get("gear")
    return text_id(gear.get("id")) if isinstance(gear, dict) else None


def _ids_of(content: Any) -> Sequence[str]:
    """The ids of the activities that an upload became, or already was."""
    if not isinstance(content, dict):
        return ()
    rows = content.get("activities")
    found = [text_id(row.get("id")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [key for key in (*found, text_id(content.get("id"))) if key][: max(len(found), 1)]
