"""Ride with GPS: what its feed and its webhooks say of changes, and how its ids read. Pure; the record is beside this file."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.deliveries import Hint, NoDeliveryError, json_object
from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.start_times import read_start


def id_text(value: Any) -> str | None:
    """An id as text; None for what is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip() if isinstance(value, int | str) else ""
    return text or None


@dataclass(frozen=True, slots=True)
class ReadChanges:
    """What changed since a cursor.

    Args:
        cursor: where the next question goes on.
        changed: when each trip that is there was last created or updated, by its id; None: that can't be read.
        deleted: the ids of those that are gone.
    """

    cursor: str
    changed: Mapping[str, datetime | None] = field(repr=False)
    deleted: Sequence[str] = field(repr=False)


def read_changes(content: Any, account: str | None) -> ReadChanges:
    """What an answer to `sync.json` says of the trips of `account`. Raises UnreadableRowError for another answer.

    An item may come several times: its last action counts, and of several at one time none that deletes: nobody knows whether
    that was the last one, and asking for the trip shows it. Routes, other people's trips, and what only moved in or out
    of a collection are left out.
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


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the signature is the HMAC-SHA256 of the body as received, under the secret of the API client, in hexadecimal."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers.get("x-rwgps-signature", "").encode("utf-8", "replace"), expected.encode())


def read_delivery(body: bytes) -> list[Hint]:
    """A hint to ask the feed for each notification of a trip of the account's own. Raises NoDeliveryError.

    Routes, other people's trips, and what only moved in or out of a collection ask for nothing.
    """
    notifications = json_object(body).get("notifications")
    if not isinstance(notifications, list):
        raise NoDeliveryError("the body has no notifications")
    hints = []
    for each in notifications:
        if not isinstance(each, dict) or each.get("item_type") != "trip":
            continue
        account, owner = id_text(each.get("user_id")), id_text(each.get("item_user_id"))
        if each.get("action") in ("created", "updated", "deleted") and owner in (None, account):
            hints.append(Hint(account))
    return hints
