"""Strava's webhook events, as hints. Pure; it imports little, because the intake reads it and runs for months.

Events are not signed. A request with the path's secret is trusted enough to store its event; following it asks Strava
itself, except for deletions, which its 404 can't distinguish from a hidden activity. Fields as in
developers.strava.com/docs/webhooks; unknown fields are kept in the bytes, not here.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strava_pipeline.core.deliveries import Hint, NoDeliveryError, WebhookSpec, json_object

LATEST = 32_503_680_000  # the year 3000, in seconds since 1970; a datetime ends with the year 9999
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class ObjectType(StrEnum):
    ACTIVITY = "activity"
    ATHLETE = "athlete"


class Aspect(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class WebhookEvent(BaseModel):
    """One event. `event_time` is in seconds since 1970; `updates` names the changed fields, only title, type and private."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    object_type: ObjectType
    object_id: Id
    aspect_type: Aspect
    owner_id: Id
    subscription_id: Id
    event_time: Annotated[int, Field(ge=0, le=LATEST)]
    updates: dict[str, Any] = Field(default_factory=dict)

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.event_time, UTC)

    @property
    def revokes(self) -> bool:
        """Whether the athlete withdrew the application's access."""
        authorized = self.updates.get("authorized")
        return self.object_type is ObjectType.ATHLETE and (authorized is False or str(authorized).lower() == "false")


def read_event(body: bytes) -> WebhookEvent:
    """The event in a body. Raises NoDeliveryError."""
    value = json_object(body)
    if value.get("updates") is None:  # left out, or null: some creations come so
        value = {**value, "updates": {}}
    try:
        return WebhookEvent.model_validate(value)
    except ValidationError as error:
        faulty = sorted({str(item["loc"][0]) for item in error.errors(include_url=False, include_input=False)})
        raise NoDeliveryError(f"missing or no such value: {', '.join(faulty)}") from error


def read_delivery(body: bytes) -> Sequence[Hint]:
    """The hint of an event; empty for events about the athlete other than a revocation. Raises NoDeliveryError."""
    event = read_event(body)
    owner, subscription = str(event.owner_id), event.subscription_id
    if event.object_type is ObjectType.ATHLETE:
        return [Hint(owner, at=event.at, revokes=True, subscription=subscription)] if event.revokes else []
    is_deletion = event.aspect_type is Aspect.DELETE
    return [Hint(owner, str(event.object_id), event.at, is_deletion=is_deletion, subscription=subscription)]


def verify_token(secret: str) -> str:
    """The token of a subscription's handshake, which requires knowledge of the path's secret. It gives no access."""
    return hashlib.blake2b(secret.encode(), digest_size=16, person=b"verify_token").hexdigest()


WEBHOOKS = WebhookSpec(
    setting="STRAVA_WEBHOOK_SECRET", read=read_delivery, token_of=verify_token, believes_deletions=True
)
