"""Changes to activities after recording: edits, deletions, late uploads, withdrawn access, and the event of each change.

Control orders (app.py) may change every field; PUT /activities/{id} may change the fields that Strava allows an
application. deliveries.py sends the events.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.base import sent_json
from strava_pipeline.emulator.generate.activities import id_at
from strava_pipeline.emulator.generate.training import kind_of
from strava_pipeline.emulator.service import Json, OrderError, answer
from strava_pipeline.ingest.strava.emulator.activities import DETAIL_ONLY, Row, is_only_me, without_all_efforts
from strava_pipeline.ingest.strava.emulator.api import bad_request, not_found, state_of, visible_row
from strava_pipeline.ingest.strava.emulator.state import State
from strava_pipeline.ingest.strava.emulator.summaries import summary_gear

# UpdatableActivity, developers.strava.com/docs/reference
EDITABLE = ("name", "type", "sport_type", "description", "gear_id", "commute", "trainer", "hide_from_home")

Aspect = Literal["create", "update", "delete"]


def edit(state: State, order: Json) -> Json:
    """Merge `set` into the detail of `id` and return the new detail; with gear_id, the gear changes too. Raises OrderError."""
    row, changes = _row(state, order), order.get("set")
    if not isinstance(changes, dict) or not changes or "id" in changes:
        raise OrderError("An edit needs set: {field: value, …}, and can't change the id.")
    before = row.source.detail()
    document = before | changes
    if "gear_id" in changes and "gear" not in changes and "gear" in document:
        gear = state.gear.get(str(changes["gear_id"]))
        if gear is None:
            del document["gear"]
        else:
            document["gear"] = summary_gear(gear)
    _store(state, document, row)
    activity_changed(state, before, document)
    return document


def delete(state: State, order: Json) -> int:
    """Delete the activity `id` and return its id. Raises OrderError."""
    row = _row(state, order)
    before = row.source.detail()
    state.store.remove(row.id)
    activity_changed(state, before, None)
    return row.id


def add(state: State, order: Json) -> int:
    """Add a given activity, or generate one that appears when it is over, and return its id. Raises OrderError.

    The event is raised at once, for an activity under way as well.
    """
    given, generate = order.get("activity"), order.get("generate")
    if isinstance(given, dict):
        document = completed(state, given)
        _store(state, document, None)
        activity_changed(state, None, document)
        return int(document["id"])
    if isinstance(generate, dict):
        try:
            row = state.generator.add(generate, _next_id(state), state.clock.now())
        except ValueError as error:
            raise OrderError(str(error)) from error
        state.store.put(row)
        activity_changed(state, None, row.source.detail())
        return row.id
    raise OrderError('An addition needs "activity": {…} or "generate": {…}.')


def withdraw(state: State) -> None:
    """The athlete withdraws the application's access: every token becomes invalid."""
    state.tokens.revoke_all()
    access_withdrawn(state)


def _store(state: State, document: Json, row: Row | None) -> None:
    try:
        if row is None:
            state.store.put(Row.of_document(document))
        else:
            state.store.put(Row.of_document(document, appears=row.appears, recorded=row.source))
    except ValueError as error:
        raise OrderError(f"The result would not be a valid activity: {error}.") from error


def _row(state: State, order: Json) -> Row:
    identity = order.get("id")
    row = state.store.get(identity, state.epoch) if isinstance(identity, int) else None
    if row is None:
        raise OrderError(f"There is no activity {identity!r}.")
    return row


def _next_id(state: State) -> int:
    return max(id_at(state.epoch), state.store.newest_id() + 1)


def completed(state: State, given: Json) -> Json:
    """A given activity, with a new id if it has none, and with defaults for the fields that every activity has."""
    start = given.get("start_date", state.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    offset = given.get("utc_offset", 0.0)
    try:
        local = datetime.fromisoformat(start).astimezone(UTC) + timedelta(seconds=offset)
    except (TypeError, ValueError) as error:
        raise OrderError(f"start_date {start!r} with utc_offset {offset!r} can't be read.") from error
    sport = given.get("sport_type") or given.get("type") or "Ride"
    defaults: Json = {
        "resource_state": 2 if DETAIL_ONLY.isdisjoint(given) else 3,
        "athlete": {"id": state.athlete["id"], "resource_state": 1},
        "name": "Added Activity",
        "distance": 0.0,
        "moving_time": 0,
        "elapsed_time": given.get("moving_time", 0),
        "total_elevation_gain": 0,
        "type": kind_of(sport),
        "sport_type": sport,
        "id": _next_id(state),
        "start_date": start,
        "start_date_local": local.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "timezone": "(GMT+00:00) UTC",
        "utc_offset": offset,
        "kudos_count": 0,
        "manual": False,
        "private": False,
        "visibility": "everyone",
        "gear_id": None,
        "start_latlng": [],
        "end_latlng": [],
    }
    return defaults | given


def routes() -> list[Route]:
    """The path of an activity, for PUT, below the API."""
    return [Route("/activities/{id}", put_activity, methods=["PUT"])]


async def put_activity(request: Request) -> Response:
    """Edit an activity by JSON; the answer is its DetailedActivity.

    Fields that Strava doesn't accept are ignored, as are null ones; unknown gear is answered with 400, and nothing
    changes. Every text is valid as a sport, because Strava keeps adding sports.
    """
    state, row, sent = state_of(request), visible_row(request), await sent_json(request)
    if row is None:
        found = not_found("Activity")
    elif not isinstance(sent, dict):
        found = bad_request("Activity", "")
    elif (changes := _changes_of(state, sent)) is None:
        found = bad_request("Activity", "gear_id")
    else:
        document = edit(state, {"id": row.id, "set": changes}) if changes else row.source.detail()
        found = answer(without_all_efforts(document))
    return state.written(request, sent, found)


def _changes_of(state: State, fields: Json) -> Json | None:
    """The fields to set in the document; None: the gear is unknown. If a sport is given, both type and sport_type follow."""
    given = {name: value for name, value in fields.items() if name in EDITABLE and value is not None}
    sport = given.get("sport_type") or given.get("type")
    if sport is not None:
        given |= {"sport_type": sport, "type": kind_of(sport)}
    if "name" in given:
        given["name"] = given["name"][: state.config.longest_name]
    if given.get("gear_id") == "none":
        given["gear_id"] = None
    elif "gear_id" in given and given["gear_id"] not in state.gear:
        return None
    return given


def activity_changed(state: State, before: Json | None, after: Json | None) -> None:
    """Raise the event of an activity's change; None: the activity did not exist before, or does not exist after.

    Strava raises an update only for the title, the sport and the visibility. An activity that no login may see does not exist
    for the subscriber: without activity:read_all, one that becomes "Only You" is deleted.
    """
    old = before if before is not None and _is_visible(state, before) else None
    new = after if after is not None and _is_visible(state, after) else None
    if old is not None and new is not None:
        if updates := updates_of(old, new):
            _raise(state, "activity", new["id"], "update", updates)
    elif new is not None:
        _raise(state, "activity", new["id"], "create", {})
    elif old is not None:
        _raise(state, "activity", old["id"], "delete", {})


def access_withdrawn(state: State) -> None:
    """Raise the event that the athlete withdrew the application's access."""
    _raise(state, "athlete", state.athlete["id"], "update", {"authorized": "false"})


def updates_of(before: Json, after: Json) -> Json:
    """The `updates` of an event: title, type (the sport_type if that changed) and private, each if it changed."""
    updates: Json = {}
    if before.get("name") != after.get("name"):
        updates["title"] = after.get("name")
    for field in ("type", "sport_type"):
        if before.get(field) != after.get(field):
            updates["type"] = after.get(field)
    if is_only_me(before) != is_only_me(after):
        updates["private"] = "true" if is_only_me(after) else "false"
    return updates


def event_of(state: State, given: Json) -> Json:
    """An event with the given fields; the others describe an update of the newest activity, now, without changes."""
    current = state.subscriptions.current
    defaults = {
        "object_type": "activity",
        "object_id": state.store.newest_id(),
        "aspect_type": "update",
        "updates": {},
        "owner_id": state.athlete["id"],
        "subscription_id": current.id if current else None,
        "event_time": int(state.epoch),
    }
    return defaults | given


def _raise(state: State, kind: str, identity: int, aspect: Aspect, updates: Json) -> None:
    current = state.subscriptions.current
    if current is not None:
        fields = {"object_type": kind, "object_id": identity, "aspect_type": aspect, "updates": updates}
        state.deliveries.add(event_of(state, fields), current.callback)


def _is_visible(state: State, activity: Json) -> bool:
    """Whether a login may see an activity."""
    hidden = is_only_me(activity)
    return any(grant.reads_private or (grant.reads_activities and not hidden) for grant in state.tokens.grants())
