"""Ride with GPS: its feed's reports of changes. Pure; the record is in this folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.start_times import read_start
from strava_pipeline.ingest.ridewithgps.webhooks import id_text


@dataclass(frozen=True, slots=True)
class ReadChanges:
    """The changes since a cursor.

    Args:
        cursor: where the next request continues.
        changed: when each existing trip was last created or updated, by its id, or None if unreadable.
        deleted: the ids of deleted trips.
    """

    cursor: str
    changed: Mapping[str, datetime | None] = field(repr=False)
    deleted: Sequence[str] = field(repr=False)


def read_changes(content: Any, account: str | None) -> ReadChanges:
    """The changes to the trips of `account` in an answer to `sync.json`. Raises UnreadableRowError for another answer.

    An item may come several times: its last action counts; of several at one time a deletion doesn't count, since it
    may not have been the last, and asking for the trip shows it. Routes, other people's trips, and moves in or out of a
    collection are left out.
    """
    items = content.get("items") if isinstance(content, dict) else None
    meta = content.get("meta") if isinstance(content, dict) else None
    cursor = meta.get("rwgps_datetime") if isinstance(meta, dict) else None
    if not isinstance(items, list) or read_start(cursor) is None:
        raise UnreadableRowError("the answer has no items, or no rwgps_datetime")
    last: dict[str, tuple[str, datetime | None]] = {}
    for item in items:
        if not isinstance(item, dict) or item.get("item_type") != "trip":
            continue
        key, owner, action = id_text(item.get("item_id")), id_text(item.get("item_user_id")), item.get("action")
        if key is None or owner not in (None, account) or action not in ("created", "updated", "deleted"):
            continue
        at, before = read_start(item.get("datetime")), last.get(key)
        if before is not None and before[0] != "deleted" and action == "deleted" and at == before[1]:
            continue
        if before is None or before[1] is None or at is None or at >= before[1]:
            last[key] = action, at.astimezone(UTC) if at is not None else None
    return ReadChanges(
        str(cursor),
        {key: at for key, (action, at) in last.items() if action != "deleted"},
        [key for key, (action, _) in last.items() if action == "deleted"],
    )
