"""Garmin Connect's writer: names and gear of activities, by the API of Garmin's own app. Uploads are uploads.py's.

An activity may carry several pieces of gear, such as a bike and a power meter: only the one that is replaced is unlinked. Gear
has two generations. The newer one's pieces may be unknown to the older calls, which then answer 404; the app's own call,
which names all pieces of an activity at once, takes their place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from strava_pipeline.core.changes.records import Change, is_same
from strava_pipeline.core.errors import GoneError, MissingSettingsError, PipelineError, RefusedError, TransientError
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.rows import Json
from strava_pipeline.core.start_times import read_start
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.activity_pages import ACTIVITY, page_around, page_of_detail
from strava_pipeline.ingest.garmin.client import GEAR, GarminClient, connect_unofficially, write_problem
from strava_pipeline.ingest.garmin.gear import gear_key, gear_of_activity, read_gear
from strava_pipeline.ingest.garmin.service import TITLE
from strava_pipeline.ingest.garmin.uploads import UPLOAD, Uploads, file_of
from strava_pipeline.ingest.provider import OnWait, Page
from strava_pipeline.ingest.service_client import Answer
from strava_pipeline.ingest.service_writer import ServiceWriter, WriteCall
from strava_pipeline.ingest.writer import (
    Answered,
    HalfDoneError,
    Reading,
    piece_to_set,
)

LINKS, ALL_LINKS = "/gear-service/gear", "/gear-service/activity/v2"
WORN_OR_RIDDEN = {"bike", "shoes"}  # types of gear of which an activity has one or the other


class GarminWriter(ServiceWriter):
    """Changes activities of the account that `client` is logged in to."""

    def __init__(self, client: GarminClient) -> None:
        super().__init__(client.service)
        self._client, self._uploads = client, Uploads(client)
        self._gear: Answered | None = None  # this run's list of all gear

    def read(self, change: Change) -> Reading:
        """The activity's detail, its gear, or the result of an upload."""
        if change.kind == "upload_activity":
            return self._uploads.read(change)
        key = self.activity_of(change)
        return self._read_name(change, key) if change.kind == "update_name" else self._read_gear(change, key)

    def calls_of(self, change: Change, before: Reading) -> Sequence[WriteCall]:
        """The calls of a change; for gear, if Garmin's older calls know the pieces."""
        if change.kind == "upload_activity":
            return [WriteCall("POST", UPLOAD, file=file_of(change))]
        key = self.activity_of(change)
        if change.kind == "update_name":
            body = {"activityId": int(key) if key.isdecimal() else key, "activityName": change.new or ""}
            return [WriteCall("PUT", f"{ACTIVITY}/{quote(key, safe='')}", body)]
        steps = _steps(change, before)
        unlinked = [_link_call("unlink", piece, key) for piece in steps.unlinked]
        return [*unlinked, *(_link_call("link", piece, key) for piece in steps.linked)]

    def write(self, changes: Sequence[Change], before: Sequence[Reading]) -> Sequence[Answered]:
        """As the protocol says, for one change. Raises HalfDoneError if gear was unlinked and no other linked."""
        (change,), (reading,) = changes, before
        if change.kind == "upload_activity":
            return self._uploads.send(change)
        answers: list[Answered] = []
        for call in self.calls_of(change, reading):
            try:
                try:
                    answers.append(self.answered(call, self.send(call)))
                except GoneError:
                    if change.kind == "update_name":
                        raise
                    newer = self._newer_call(change, reading)  # the older calls do not know the piece
                    return [*answers, self.answered(newer, self.send(newer))]
            except PipelineError as error:
                if not answers:
                    raise
                raise HalfDoneError(
                    f"The activity's earlier gear was unlinked, and the other one is perhaps not linked: {error}"
                ) from error
        return answers

    def _newer_call(self, change: Change, before: Reading) -> WriteCall:
        """The app's own call, which names all pieces of an activity at once."""
        wanted = [_dashed(piece) for piece in _steps(change, before).after]
        path = f"{ALL_LINKS}/{quote(self.activity_of(change), safe='')}/associated-gear"
        return WriteCall("PUT", path, wanted)

    def _read_name(self, change: Change, key: str) -> Reading:
        path, detail = self._detail(key)
        name = detail.json.get("activityName")
        value = name if isinstance(name, str) else None
        is_as_before = is_same(change.kind, value, change.value_before)
        page = None if is_as_before else self._page_of(detail)
        return Reading(value, [self.answered(WriteCall("GET", path), detail)], page)

    def _detail(self, key: str) -> tuple[str, Answer]:
        path = f"{ACTIVITY}/{quote(key, safe='')}"

        def wrong(content: Any) -> str | None:
            is_it = isinstance(content, dict) and str(content.get("activityId")) == key
            return None if is_it else "it is not the activity that was asked for"

        return path, self._service.get(path, check=wrong)

    def _page_of(self, detail: Answer) -> Page:
        """The list around the activity, if it already has the activity's name; otherwise the detail."""
        of_detail = page_of_detail(self._client, detail)
        row = next(iter(of_detail.read.activities), None)
        start = read_start(row.get("start_date")) if row is not None else None
        if row is None or start is None or (listed := self._page_around(start)) is None:
            return of_detail
        named = (row["source_id"], row.get("name"))
        is_listed = any((other["source_id"], other.get("name")) == named for other in listed.read.activities)
        return listed if is_listed else of_detail

    def _page_around(self, start: datetime) -> Page | None:
        try:
            return page_around(self._client, start)
        except (GoneError, RefusedError, TransientError):
            return None

    def _read_gear(self, change: Change, key: str) -> Reading:
        """The gear of the activity; with the activity, if the gear changed, so that its row gets it."""
        received = self._client.get_gear_of_activity(key)
        address = f"{GEAR}?activityId={quote(key, safe='')}"
        answers = [Answered("GET", address, 200, received.body, received.fetched_at)]
        if change.new is not None:
            answers.append(self._all_gear())
        value, page = _value(change, parse_json(received.body)), None
        if not is_same(change.kind, value, change.value_before):
            page = self._page_around(change.start) if change.start is not None else None
            if page is None or all(row["source_id"] != key for row in page.read.activities):
                page = page_of_detail(self._client, self._detail(key)[1])
        return Reading(value, answers, page, gear=received)

    def _all_gear(self) -> Answered:
        """Both of Garmin's lists of gear, requested once."""
        if self._gear is None:
            (received,) = self._client.list_kind("gear", None, None)
            self._gear = Answered("GET", GEAR, 200, received.body, received.fetched_at)
        return self._gear


def connect_writer(settings: Settings, clock: ServerClock, on_wait: OnWait) -> GarminWriter:
    """A writer with the unofficial login; nothing is sent. Raises MissingSettingsError without one."""
    if problem := write_problem(settings):
        raise MissingSettingsError(problem)
    return GarminWriter(connect_unofficially(settings, clock, on_wait))


@dataclass(frozen=True, slots=True)
class _Steps:
    """Pieces of gear, by id: those to unlink, those to link, and all that the activity then has."""

    unlinked: Sequence[str]
    linked: Sequence[str]
    after: Sequence[str]


def _steps(change: Change, before: Reading) -> _Steps:
    """The steps from the gear in `before` to that of the change. Raises UnsupportedChangeError."""
    (linked, *lists) = [parse_json(each.body) for each in before.answers]
    carried = {gear_key(str(piece["uuid"])): piece for piece in linked}
    pieces = {key: piece for content in lists for key, piece in read_gear(content)}
    new = None if change.new is None else piece_to_set(TITLE, change, pieces)
    old = gear_of_activity(linked)
    is_replaced = old is not None and old != new and (new is None or _stands_for(pieces[new], carried[old]))
    unlinked = [old] if old is not None and is_replaced else []
    added = [new] if new is not None and new not in carried else []
    return _Steps(unlinked, added, [*(key for key in carried if key not in unlinked), *added])


def _value(change: Change, linked: Sequence[Json]) -> str | None:
    """The gear of the change: the first bike or shoes, unless the new piece is linked and the old one is not."""
    first = gear_of_activity(linked)
    keys = {gear_key(str(piece["uuid"])) for piece in linked}
    if change.old_id in keys:
        return first
    if change.new_id is None and not any(_type(piece) in WORN_OR_RIDDEN for piece in linked):
        return None
    return change.new_id if change.new_id in keys else first


def _type(piece: Json) -> str:
    return str(piece.get("gearTypeName") or piece.get("gearType")).lower()


def _stands_for(new: Json, old: Json) -> bool:
    """Whether a piece replaces another one: both of one type, or worn or ridden."""
    return _type(new) == _type(old) or {_type(new), _type(old)} <= WORN_OR_RIDDEN


def _link_call(verb: str, piece: str, key: str) -> WriteCall:
    return WriteCall("PUT", f"{LINKS}/{verb}/{quote(piece, safe='')}/activity/{quote(key, safe='')}")


def _dashed(piece: str) -> str:
    """A piece's id in the form of the app's calls."""
    try:
        return str(UUID(piece))
    except ValueError:
        return piece
