"""intervals.icu: how its webhooks read, and its ids and times. Pure; it imports little: the intake reads it."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from strava_pipeline.core.deliveries import LONGEST_ID, Hint, NoDeliveryError, WebhookSpec, json_object
from strava_pipeline.core.json_values import json_bytes

OWN = "0"  # an athlete's id in an address: it says whose key it is
MOST_BYTES = 1_000_000  # of a delivery: an event holds the whole activity, some 10 kB, and a delivery has several
_CHANGED = ("ACTIVITY_UPLOADED", "ACTIVITY_ANALYZED", "ACTIVITY_UPDATED", "ACTIVITY_ACHIEVEMENTS")
_DELETED, _SCOPE = "ACTIVITY_DELETED", "APP_SCOPE_CHANGED"


def text_id(value: Any) -> str | None:
    """An id as text: ids are texts, and numbers in some answers. None for anything else, or an empty one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def instant(text: Any) -> datetime | None:
    """A time in UTC, even if the text has no zone."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        at - timedelta(days=2), at + timedelta(days=2)  # the ends of time, where arithmetic fails
    except (TypeError, ValueError, OverflowError):
        return None
    return at


def knows_secret(_: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the secret is in the body, where intervals.icu puts it."""
    try:
        given = json_object(body).get("secret")
    except NoDeliveryError:
        return False
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


def without_secret(body: bytes) -> bytes:
    """The delivery without its secret. Raises NoDeliveryError."""
    try:
        return json_bytes({name: value for name, value in json_object(body).items() if name != "secret"})
    except RecursionError as error:
        raise NoDeliveryError("the body is nested too deeply") from error


def read_delivery(body: bytes) -> list[Hint]:
    """The hints of a delivery's events. Raises NoDeliveryError.

    An event isn't a diff, and may be partial: the activity is asked for again. Activities from Strava are withheld
    anyway.
    """
    events = json_object(body).get("events")
    if not isinstance(events, list):
        raise NoDeliveryError("the body has no events")
    hints = (_hint(each) for each in events if isinstance(each, dict))
    return [hint for hint in hints if hint is not None]


def _hint(event: dict[str, Any]) -> Hint | None:
    account, at, kind = text_id(event.get("athlete_id")), instant(event.get("timestamp")), event.get("type")
    if kind == _SCOPE:
        return Hint(account, at=at, revokes=True) if event.get("deauthorized") is True else None
    activity = event.get("activity")
    key = text_id(activity.get("id")) if isinstance(activity, dict) else None
    if kind not in (*_CHANGED, _DELETED) or key is None or len(key) > LONGEST_ID or not key.isprintable():
        return None
    is_withheld = isinstance(activity, dict) and activity.get("source") == "STRAVA"
    return None if is_withheld else Hint(account, key, at, is_deletion=kind == _DELETED)


WEBHOOKS = WebhookSpec(
    setting="INTERVALS_WEBHOOK_SECRET",
    is_verified=knows_secret,
    kept=without_secret,
    read=read_delivery,
    most_bytes=MOST_BYTES,
    any_account=OWN,
)
