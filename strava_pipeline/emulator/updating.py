"""PUT /activities/{id}: an application edits an activity. Control orders that change more than the API can are control.py's.

Takes JSON or a form. Fields that Strava doesn't take are ignored, as it does; a value of the wrong kind is refused with 400,
and nothing is changed then. A field that is null stays as it is. Any text is taken as a sport: Strava keeps adding some.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.api import state_of, visible_row
from strava_pipeline.emulator.changes import edit
from strava_pipeline.emulator.documents import without_all_efforts
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.wire import Json, answer, bad_request, not_found

TEXTS = (
    "name",
    "type",
    "sport_type",
    "description",
    "gear_id",
)  # UpdatableActivity, developers.strava.com/docs/reference
FLAGS = ("commute", "trainer", "hide_from_home")
NEVER_EMPTY = ("type", "sport_type", "gear_id")
IN_FORMS = {"true": True, "1": True, "false": False, "0": False}


class UnusableError(ValueError):
    """A body that can't be carried out; `field` is what is wrong in it ("": all of it)."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def routes() -> list[Route]:
    """The path of an activity, for PUT."""
    return [Route("/activities/{id}", update, methods=["PUT"])]


async def update(request: Request) -> Response:
    """The DetailedActivity after the edit."""
    state, row = state_of(request), visible_row(request)
    if row is None:
        return not_found("Activity")
    try:
        changes = _changes(state, await _fields(request))
    except UnusableError as error:
        return bad_request("Activity", error.field)
    document = edit(state, {"id": row.id, "set": changes}) if changes else row.source.detail()
    return answer(without_all_efforts(document))


async def _fields(request: Request) -> Json:
    """The body as an object; flags of a form made true or false."""
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        sent = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        return {name: IN_FORMS.get(text.lower(), text) if name in FLAGS else text for name, text in sent.items()}
    try:
        sent = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise UnusableError("") from error
    if not isinstance(sent, dict):
        raise UnusableError("")
    return sent


def _changes(state: State, fields: Json) -> Json:
    """What to set in the document. Of type and sport_type the exact one counts, and brings the other along."""
    given = {name: value for name, value in fields.items() if name in (*TEXTS, *FLAGS) and value is not None}
    for name, value in given.items():
        if not _fits(name, value):
            raise UnusableError(name)
    sport = given.get("sport_type") or given.get("type")
    if sport is not None:
        given |= {"sport_type": sport, "type": state.world.type_of(sport)}
    if given.get("gear_id") == "none":
        given["gear_id"] = None
    elif "gear_id" in given and given["gear_id"] not in state.gear:
        raise UnusableError("gear_id")
    return given


def _fits(name: str, value: Any) -> bool:
    if name in FLAGS:
        return isinstance(value, bool)
    return isinstance(value, str) and (bool(value) or name not in NEVER_EMPTY)
