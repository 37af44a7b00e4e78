"""Ride with GPS: how its webhooks read, and its ids. Pure; it imports little: the intake reads it."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from strava_pipeline.core.deliveries import Hint, NoDeliveryError, WebhookSpec, json_object


def id_text(value: Any) -> str | None:
    """An id as text, or None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip() if isinstance(value, int | str) else ""
    return text or None


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the signature is the HMAC-SHA256 of the body as received, under the secret of the API client, in hexadecimal."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers.get("x-rwgps-signature", "").encode("utf-8", "replace"), expected.encode())


def read_delivery(body: bytes) -> list[Hint]:
    """A hint to ask the feed for each notification of a trip of the account's own. Raises NoDeliveryError.

    Routes, other people's trips, and moves in or out of a collection give none.
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


WEBHOOKS = WebhookSpec(setting="RIDEWITHGPS_CLIENT_SECRET", is_verified=is_signed, read=read_delivery)
