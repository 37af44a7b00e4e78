"""Which change raises which event, as the real Strava does it; sending them is the business of deliveries.py.

Only the title, the sport and who may see it raise an update; kudos, gear, descriptions and all else raise nothing. Nobody
is told of an activity that no login may see: for a login without activity:read_all, one that becomes "Only You" is deleted.
"""

from typing import Literal

from strava_pipeline.emulator.documents import is_only_me
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.wire import Json

Aspect = Literal["create", "update", "delete"]


def activity_changed(state: State, before: Json | None, after: Json | None) -> None:
    """Raise what becomes of an activity's change; None: it did not exist before, or does not after."""
    was = before if before is not None and _seen(state, before) else None
    now = after if after is not None and _seen(state, after) else None
    if was is not None and now is not None:
        if updates := updates_of(was, now):
            _raise(state, "activity", now["id"], "update", updates)
    elif now is not None:
        _raise(state, "activity", now["id"], "create", {})
    elif was is not None:
        _raise(state, "activity", was["id"], "delete", {})


def access_withdrawn(state: State) -> None:
    """Raise that the athlete took the application's access away."""
    _raise(state, "athlete", state.athlete["id"], "update", {"authorized": "false"})


def updates_of(before: Json, after: Json) -> Json:
    """What an update names: title, type (the exact sport_type where that changed) and private, each where it changed."""
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
    """Any event: what is not given is an update of the newest activity, now, without anything changed."""
    current = state.subscriptions.current
    usual = {
        "object_type": "activity",
        "object_id": state.store.newest_id(),
        "aspect_type": "update",
        "updates": {},
        "owner_id": state.athlete["id"],
        "subscription_id": current.id if current else None,
        "event_time": int(state.epoch),
    }
    return usual | given


def _raise(state: State, kind: str, identity: int, aspect: Aspect, updates: Json) -> None:
    current = state.subscriptions.current
    if current is not None:
        told = {"object_type": kind, "object_id": identity, "aspect_type": aspect, "updates": updates}
        state.deliveries.add(event_of(state, told), current.callback)


def _seen(state: State, activity: Json) -> bool:
    """Whether a login may see it."""
    hidden = is_only_me(activity)
    return any(grant.reads_private or (grant.reads_activities and not hidden) for grant in state.tokens.grants())
