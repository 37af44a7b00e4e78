"""Strava's webhook events as records: what one says, and whether it is one. Pure.

Events are not signed and may repeat, come in any order, or never: each is a hint to look at one activity again.
Fields as in developers.strava.com/docs/webhooks; unknown ones are kept in the bytes, not here.
"""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strava_pipeline.core.json_text import parse_json

LARGEST = 64 * 1024  # bytes of a body; Strava's events have some hundred
LATEST = 32_503_680_000  # the year 3000, in seconds since 1970; a datetime ends with the year 9999
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class ObjectType(StrEnum):
    ACTIVITY = "activity"
    ATHLETE = "athlete"


class Aspect(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class NoEventError(ValueError):
    """A body that is no event; says why in words that may be answered."""


class WebhookEvent(BaseModel):
    """One event. `event_time` is in seconds since 1970; `updates` names what changed, for title, type and private only."""

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
        """Whether the athlete took the application's access away."""
        said = self.updates.get("authorized")
        return self.object_type is ObjectType.ATHLETE and (said is False or str(said).lower() == "false")


def verify_token(secret: str) -> str:
    """What a subscription's handshake shows, so that only who knows the path's secret can subscribe it. Opens nothing."""
    return hashlib.blake2b(secret.encode(), digest_size=16, person=b"verify_token").hexdigest()


def intake_path(secret: str) -> str:
    """Where Strava's events are posted to, below the intake's address."""
    return f"/webhooks/strava/{secret}"


def read_event(body: bytes) -> WebhookEvent:
    """The event in a body. Raises NoEventError, which names fields and never values."""
    try:
        value = parse_json(body)
    except (ValueError, RecursionError) as error:
        raise NoEventError("the body is no JSON") from error
    if not isinstance(value, dict):
        raise NoEventError("the body is no JSON object")
    if value.get("updates") is None:  # left out, or null: some creations come so
        value = {**value, "updates": {}}
    try:
        return WebhookEvent.model_validate(value)
    except ValidationError as error:
        faulty = sorted({str(item["loc"][0]) for item in error.errors(include_url=False, include_input=False)})
        raise NoEventError(f"missing or no such value: {', '.join(faulty)}") from error
