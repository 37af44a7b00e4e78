"""Changes at Strava: an activity's name and gear, and the upload of a file. They need the scope activity:write.

Strava first accepts a file and makes an activity of it some seconds later, which is polled with growing pauses. The
upload is found again by its external id; if Strava calls it a duplicate, the earlier activity is the result.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.errors import GoneError, PipelineError, RefusedError
from strava_pipeline.core.providers import ReadPage, spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.provider import OnWait, Page, Received
from strava_pipeline.ingest.service_client import Answer
from strava_pipeline.ingest.service_writer import ServiceWriter, WriteCall
from strava_pipeline.ingest.strava.client import StravaClient, connect, not_a_list
from strava_pipeline.ingest.strava.oauth import token_store
from strava_pipeline.ingest.upload_files import UploadFile, file_to_upload
from strava_pipeline.ingest.writer import Answered, Reading, UnsupportedChangeError

NO_GEAR = "none"  # developers.strava.com/docs/reference, UpdatableActivity
PAUSES = (2, 4, 8, 16, 32, 60, 60)  # seconds at the server: most uploads are done within 8 s, and each look is a call
AROUND = timedelta(days=1)  # where an upload is looked for: the file's start may be another than the activity's
MOST_ROWS = 200  # Strava's largest page: nobody has more activities in two days
READ_ONLY = (
    "The login may only read at Strava. To change something there, allow it: strava-pipeline auth --write. "
    "Until then nothing is sent."
)
UNSUPPORTED = {
    "upload_activity": "An upload can't be taken back: Strava lets no program delete an activity.",
    "create_gear": "Strava lets no program make gear: add it on Strava's own pages, then link it.",
}
_DUPLICATE = re.compile(r"duplicate of\D*?(?:activity |/activities/)(\d+)")


class StravaWriter(ServiceWriter):
    """Changes at the account of `client`."""

    unsupported = UNSUPPORTED

    def __init__(self, client: StravaClient) -> None:
        super().__init__(client, urlsplit(client.api_url).path)
        self._client = client
        self._uploaded: dict[str, int] = {}  # by change, the activity that its upload became, or was already

    def read(self, change: Change) -> Reading:
        """The activity, or the activities around the start of an uploaded file."""
        if change.kind in ("update_name", "update_gear"):
            activity_id = self._id_of(change)
            answer = self._client.get_detail(activity_id)
            value = answer.json.get("name" if change.kind == "update_name" else "gear_id")
            return self._detail(activity_id, answer, value)
        if change.kind == "upload_activity":
            return self._read_upload(change)
        raise self.refusal(change)

    def calls_of(self, change: Change, before: Reading) -> Sequence[WriteCall]:
        """The one call that changes something. After an upload, `write` polls its status."""
        if change.kind == "upload_activity" and change.new is not None:
            file = file_to_upload(change)
            return [WriteCall("POST", "/uploads", _form(change, file), file=file)]
        path = f"/activities/{self._id_of(change)}"
        if change.kind == "update_name":
            return [WriteCall("PUT", path, {"name": str(change.new or "")})]
        if change.new_id or not change.new:
            return [WriteCall("PUT", path, {"gear_id": change.new_id or NO_GEAR})]
        raise self.refusal(change)

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """Write one change; wait for the result of an upload."""
        (change,), (reading,) = changes, before
        (call,) = self.calls_of(change, reading)
        answer = self.send(call)
        answered = [self.answered(call, answer)]
        upload = _status(answer).get("id")
        path = f"/uploads/{upload}"
        for pause in PAUSES if call.file is not None and upload is not None else ():
            if self._is_done(change, answer):
                break
            self._client.clock.sleep(pause)
            try:
                answer = self._client.get(path)
            except PipelineError:  # Strava has the file: another reading, now or in a later run, says what it became
                break
            answered.append(self.answered(WriteCall("GET", path), answer))
        return answered

    def _is_done(self, change: Change, answer: Answer) -> bool:
        """Whether an upload is finished. Raises RefusedError if Strava could not use the file."""
        status = _status(answer)
        if isinstance(found := status.get("activity_id"), int):
            self._uploaded[change.id] = found
            return True
        if not (error := status.get("error")):
            return False
        duplicate = _DUPLICATE.search(str(error))
        if duplicate is None:
            raise RefusedError(
                "POST /uploads: Strava could not make an activity of the file. Its answer is kept beside the change.",
                status=answer.status,
                body=answer.body,
            )
        self._uploaded[change.id] = int(duplicate[1])
        return True

    def _read_upload(self, change: Change) -> Reading:
        if (known := self._uploaded.get(change.id)) is not None:
            try:
                return self._detail(known, self._client.get_detail(known), change.new)
            except GoneError:  # not visible yet, or deleted by somebody: the upload is not there
                return Reading(None)
        if change.start is None:
            raise UnsupportedChangeError("The file can't be uploaded: when its activity began is not known.")
        first, last = (int((change.start + side * AROUND).timestamp()) for side in (-1, 1))
        query = {"after": str(first), "before": str(last), "per_page": str(MOST_ROWS)}
        calls, path = self.calls, "/athlete/activities"
        answer = self._client.get(path, query, check=not_a_list)
        answered = [self.answered(WriteCall("GET", path, params=query), answer)]
        read: ReadPage = spec_of(STRAVA).read_page(answer.json)
        wanted = str(change.details["external_id"])
        key = next((row["id"] for row in read.activities if _is_named(row.get("external_id"), wanted)), None)
        if key is None:
            return Reading(None, answered)
        page = Page(1, MOST_ROWS, read, answer.body, answer.fetched_at, self.calls - calls)
        return Reading(change.new, answered, page, source_id=str(key))

    def _detail(self, activity_id: int, answer: Answer, value: Any) -> Reading:
        call = WriteCall("GET", f"/activities/{activity_id}", params={"include_all_efforts": "true"})
        answered = [self.answered(call, answer)]
        detail = Received(answer.body, answer.fetched_at)
        return Reading(value if isinstance(value, str) else None, answered, detail=detail, source_id=str(activity_id))

    def _id_of(self, change: Change) -> int:
        if change.kind in ("update_name", "update_gear") and (change.source_id or "").isdecimal():
            return int(change.source_id or "")
        raise self.refusal(change)


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> StravaWriter:
    """A writer with the login of the settings; nothing is sent yet.

    Raises UnsupportedChangeError if the athlete did not allow changes, MissingSettingsError or NeedsLoginError without
    a login. If the athlete's permission is unknown, the first write shows it (MissingScopeError).
    """
    if token_store(settings).load().may_write is False:
        raise UnsupportedChangeError(READ_ONLY)
    return StravaWriter(connect(settings, clock=clock, on_wait=lambda error, seconds: on_wait(str(error), seconds)))


def _form(change: Change, file: UploadFile) -> Mapping[str, str]:
    details = change.details
    given = {"name": details.get("title"), "sport_type": details.get("sport_type")}
    known = {name: str(value) for name, value in given.items() if value}
    return {"data_type": file.kind, "external_id": str(details["external_id"]), **known}


def _status(answer: Answer) -> Mapping[str, Any]:
    """The status of an upload in an answer."""
    return answer.json if isinstance(answer.json, dict) else {}


def _is_named(external_id: Any, wanted: str) -> bool:
    """Whether an activity has the external id, with or without the ending of the file's kind."""
    return isinstance(external_id, str) and (external_id == wanted or external_id.startswith(f"{wanted}."))
