"""Uploads of files to Garmin Connect: a file is sent once, and its status is polled until Garmin has read it.

Garmin reads a file some seconds after receiving it, and recognises a file that it already has: then it names the
activity. An upload whose answer was lost is found in the list, by its start.
"""

import gzip
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.errors import GoneError, PipelineError, RefusedError
from strava_pipeline.core.json_values import json_bytes, object_of
from strava_pipeline.core.rows import Json
from strava_pipeline.core.start_times import read_start
from strava_pipeline.ingest.garmin.activity_list import LISTING
from strava_pipeline.ingest.garmin.activity_pages import ACTIVITY, page_around, page_of_detail
from strava_pipeline.ingest.garmin.client import GarminClient
from strava_pipeline.ingest.garmin.service import TITLE
from strava_pipeline.ingest.http import form_with_file
from strava_pipeline.ingest.upload_files import UploadFile, file_to_upload
from strava_pipeline.ingest.writer import Answered, Reading, UnsupportedChangeError

UPLOAD, STATUS = "/upload-service/upload", "/activity-service/activity/status/"
CHECKS, BETWEEN = 6, 2.0  # how often, and seconds apart: Garmin reads most files within some seconds
DUPLICATE = 202  # Garmin's number of the message that it has the file already
SAME_START = timedelta(minutes=1)  # services give the start of one recording some seconds apart
KEPT = {"uploadId", "uploadUuid", "fileName", "fileSize", "creationDate", "successes", "failures"}  # no address of ours


class Uploads:
    """The uploads of one run."""

    def __init__(self, client: GarminClient) -> None:
        self._client, self._service = client, client.service
        self._ids: dict[str, str] = {}  # the activity of each change whose file Garmin has read

    def send(self, change: Change) -> Sequence[Answered]:
        """Upload the file of a change, and wait until Garmin has read it. Raises RefusedError if Garmin rejects it."""
        taken, location = self._taken(file_of(change))
        answers, result = [taken], _result(taken.body)
        path = "" if taken.status == 409 or _is_read(result) else status_path(location, result)
        for check in range(CHECKS if path else 0):
            self._service.clock.sleep(BETWEEN if check else 0.0)
            try:
                found = self._status(path)
            except PipelineError:  # Garmin has the file: the caller polls its status
                break
            answers, result = [taken, found], _result(found.body)
            if _is_read(result):
                break
        key = _activity_in(result)
        if key is not None:
            self._ids[change.id] = key
        elif taken.status != 409 and result.get("failures"):
            body = answers[-1].body
            raise RefusedError(f"POST {UPLOAD}: {TITLE} can't read the file.", status=answers[-1].status, body=body)
        return answers

    def _taken(self, file: UploadFile) -> tuple[Answered, str]:
        """The answer to a file, 409 if Garmin already has it, and the address for its status (may be empty)."""
        try:
            answer = self._service.write("POST", UPLOAD, content=form_with_file({}, file.name, file.content))
        except RefusedError as error:
            if error.status == 412:
                raise RefusedError(
                    f"POST {UPLOAD}: Garmin takes no files before you agree to uploads: log in at connect.garmin.com and "
                    "import any file there.",
                    status=412,
                    body=error.body,
                ) from None
            if error.status != 409:
                raise
            return Answered("POST", UPLOAD, 409, _kept(_result(error.body)), self._service.clock.now()), ""
        taken = Answered("POST", UPLOAD, answer.status, _kept(_result(answer.body)), answer.fetched_at)
        return taken, answer.headers.get("Location", "")

    def _status(self, path: str) -> Answered:
        """The status of a file: 202 until it is read, 201 or 200 with its activity, 409 with that of an earlier file."""
        try:
            answer = self._service.get(path, is_json=False)
        except RefusedError as error:
            if error.status not in (201, 202, 409):
                raise
            return Answered("GET", path, error.status, _kept(_result(error.body)), self._service.clock.now())
        return Answered("GET", path, 200, _kept(_result(answer.body)), answer.fetched_at)

    def read(self, change: Change) -> Reading:
        """The activity that the file became, or already is: by its id, or else by its start."""
        if change.new is None:
            raise UnsupportedChangeError("An upload can't be taken back: delete the activity at connect.garmin.com.")
        if change.start is None:
            raise UnsupportedChangeError("The file can't be uploaded: when its activity began is not known.")
        key, page = self._ids.get(change.id), page_around(self._client, change.start)
        answers = [Answered("GET", LISTING, 200, page.body, page.fetched_at)]
        for row in page.read.activities:
            if row["source_id"] == key or (key is None and _begins_at(row, change.start)):
                return Reading(change.new, answers, page, source_id=row["source_id"])
        return Reading(None, answers) if key is None else self._read_detail(change, key, answers)

    def _read_detail(self, change: Change, key: str, answers: Sequence[Answered]) -> Reading:
        """An activity that Garmin named but does not list yet."""
        path = f"{ACTIVITY}/{key}"
        try:
            answer = self._service.get(path)
        except GoneError:
            return Reading(None, answers)
        found = Answered("GET", path, 200, answer.body, answer.fetched_at)
        return Reading(change.new, [*answers, found], page_of_detail(self._client, answer), source_id=key)


def file_of(change: Change) -> UploadFile:
    """The file as it is sent: unpacked, with a name by which the change is found again."""
    file = file_to_upload(change)
    kind = file.kind.removesuffix(".gz")
    content = gzip.decompress(file.content) if file.kind != kind else file.content
    return UploadFile(f"{change.details['external_id']}.{kind}", kind, content)


def _result(body: bytes) -> dict[str, Any]:
    """Garmin's `detailedImportResult`; may be empty."""
    found = object_of(body).get("detailedImportResult")
    return found if isinstance(found, dict) else {}


def _kept(result: Json) -> bytes:
    return json_bytes({"detailedImportResult": {name: value for name, value in result.items() if name in KEPT}})


def _is_read(result: Json) -> bool:
    return bool(result.get("successes") or result.get("failures"))


def _activity_in(result: Json) -> str | None:
    """The id of the activity of a file, or of an earlier file with the same content."""
    for items, is_success in ((result.get("successes"), True), (result.get("failures"), False)):
        for item in items if isinstance(items, list) else ():
            key = item.get("internalId") if isinstance(item, dict) else None
            if isinstance(key, int) and key > 0 and (is_success or DUPLICATE in _codes(item)):
                return str(key)
    return None


def _codes(failure: Json) -> list[Any]:
    messages = failure.get("messages")
    return [each.get("code") for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []


def status_path(location: str, result: Json) -> str:
    """The path for a file's status; may be empty. The address may name another host, which is not asked."""
    path = urlsplit(location).path
    if re.fullmatch(rf"{STATUS}\d+/[0-9a-f-]+", path):
        return path
    uuid, created = result.get("uploadUuid"), str(result.get("creationDate")).removesuffix(" GMT")
    key = str(uuid.get("uuid")).replace("-", "") if isinstance(uuid, dict) else ""
    try:
        at = datetime.fromisoformat(created).replace(tzinfo=UTC)
    except ValueError:
        return ""
    return f"{STATUS}{at.timestamp() * 1000:.0f}/{key}" if re.fullmatch("[0-9a-f]+", key) else ""


def _begins_at(row: Json, start: datetime) -> bool:
    began = read_start(row.get("start_date"))
    return began is not None and abs(began - start) <= SAME_START
