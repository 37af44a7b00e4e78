"""What happens after recording: activities edited, deleted, uploaded late, access withdrawn. Orders in, new state out.

Each change raises its event (events.py). No HTTP: control.py and the API read what is asked for.
"""

from datetime import UTC, datetime, timedelta

from strava_pipeline.emulator.documents import DETAIL_ONLY
from strava_pipeline.emulator.errors import OrderError
from strava_pipeline.emulator.events import access_withdrawn, activity_changed
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.store import Row
from strava_pipeline.emulator.wire import Json


def edit(state: State, order: Json) -> Json:
    """Merge `set` into the detail of `id`; answers the new detail. A change of gear_id brings its gear along."""
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
            document["gear"] = state.world.gear_summary(gear)
    _put(state, document, row)
    activity_changed(state, before, document)
    return document


def delete(state: State, order: Json) -> int:
    """Delete `id`; answers it."""
    row = _row(state, order)
    before = row.source.detail()
    state.store.remove(row.id)
    activity_changed(state, before, None)
    return row.id


def add(state: State, order: Json) -> int:
    """Add a given activity, or a generated one that appears when it is over; answers its id. Its event is raised at once."""
    given, wanted = order.get("activity"), order.get("generate")
    if isinstance(given, dict):
        document = _completed(state, given)
        _put(state, document, None)
        activity_changed(state, None, document)
        return int(document["id"])
    if isinstance(wanted, dict):
        try:
            row = state.world.upload(wanted, _next_id(state), state.clock.now())
        except ValueError as error:
            raise OrderError(str(error)) from error
        state.store.put(row)
        activity_changed(state, None, row.source.detail())
        return row.id
    raise OrderError('An addition needs "activity": {…} or "generate": {…}.')


def withdraw(state: State) -> None:
    """The athlete takes the application's access away: every token dies."""
    state.tokens.revoke_all()
    access_withdrawn(state)


def _put(state: State, document: Json, row: Row | None) -> None:
    try:
        if row is None:
            state.store.put(Row.of_document(document))
        else:
            state.store.put(Row.of_document(document, appears=row.appears, recorded=row.source))
    except ValueError as error:
        raise OrderError(f"That would be no activity: {error}.") from error


def _row(state: State, order: Json) -> Row:
    identity = order.get("id")
    row = state.store.get(identity, state.epoch) if isinstance(identity, int) else None
    if row is None:
        raise OrderError(f"There is no activity {identity!r}.")
    return row


def _next_id(state: State) -> int:
    return max(state.world.id_at(state.epoch), state.store.newest_id() + 1)


def _completed(state: State, given: Json) -> Json:
    """A given activity with what no activity lacks."""
    start = given.get("start_date", state.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    offset = given.get("utc_offset", 0.0)
    try:
        local = datetime.fromisoformat(start).astimezone(UTC) + timedelta(seconds=offset)
    except (TypeError, ValueError) as error:
        raise OrderError(f"start_date {start!r} with utc_offset {offset!r} can't be read.") from error
    sport = given.get("sport_type") or given.get("type") or "Ride"
    basics: Json = {
        "resource_state": 2 if DETAIL_ONLY.isdisjoint(given) else 3,
        "athlete": {"id": state.athlete["id"], "resource_state": 1},
        "name": "Added Activity",
        "distance": 0.0,
        "moving_time": 0,
        "elapsed_time": given.get("moving_time", 0),
        "total_elevation_gain": 0,
        "type": state.world.type_of(sport),
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
    return basics | given
