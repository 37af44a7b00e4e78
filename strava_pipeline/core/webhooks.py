"""Strava's webhook events: reading one, and what many of them ask for. Pure.

Events are not signed and may repeat, come in any order, or never: each is a hint to look at one activity again. Of
several events about one activity the newest counts. Fields as in developers.strava.com/docs/webhooks; unknown fields
are kept in the bytes, not here.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from strava_pipeline.core.json_values import parse_json

MAX_BODY_BYTES = 64 * 1024  # bytes of a body; Strava's events have some hundred
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
    """A body that is no event. The message may be sent back to the caller."""


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
        authorized = self.updates.get("authorized")
        return self.object_type is ObjectType.ATHLETE and (authorized is False or str(authorized).lower() == "false")


def verify_token(secret: str) -> str:
    """The token of a subscription's handshake, which only somebody who knows the path's secret can make. Opens nothing."""
    return hashlib.blake2b(secret.encode(), digest_size=16, person=b"verify_token").hexdigest()


def intake_path(secret: str) -> str:
    """The path to which Strava posts events, below the intake's address."""
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


RETRY_PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""Pauses before the retries of an activity that could not be fetched: events may come before Strava shows the activity. After
the last one the next listing finds it."""

MAX_LEAD = timedelta(minutes=5)  # how far the time of an event may be ahead; no server's clock is that wrong
MEMORY = timedelta(days=2)  # how long followed events are remembered; Strava repeats an event within minutes
_SECOND = timedelta(seconds=1)  # events' times are whole seconds: another one may have come in the same


class QueuedActivity(BaseModel):
    """An activity to fetch: `at` is the time of its newest event; no fetch before `not_before`."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    tries: int = 0
    not_before: AwareDatetime | None = None

    def may_be_fetched(self, now: datetime) -> bool:
        return self.not_before is None or self.not_before <= now

    def postponed(self, until: datetime) -> Self:
        """The same activity, fetched later for a reason that is not its own."""
        return self.model_copy(update={"not_before": until})

    def failed(self, now: datetime) -> Self | None:
        """The same activity after a failed fetch; None: no more retries."""
        if self.tries >= len(RETRY_PAUSES):
            return None
        return self.model_copy(update={"tries": self.tries + 1, "not_before": now + RETRY_PAUSES[self.tries]})


@dataclass(slots=True)
class EventSummary:
    """Activities that changed or were deleted, each with the time of its newest event, and when access was revoked."""

    changed: dict[int, datetime] = field(default_factory=dict)
    gone: dict[int, datetime] = field(default_factory=dict)
    revoked_at: datetime | None = None


def summarise_events(events: Iterable[WebhookEvent], now: datetime) -> EventSummary:
    """The summary of events in any order and with repetitions. An event from the future counts as of now."""
    summary = EventSummary()
    for event in events:
        at = event.at if event.at < now + MAX_LEAD else now
        if event.object_type is ObjectType.ATHLETE:
            if event.revokes:
                summary.revoked_at = max(at, summary.revoked_at or at)
            continue
        side = summary.gone if event.aspect_type is Aspect.DELETE else summary.changed
        side[event.object_id] = max(at, side.get(event.object_id, at))
    for key in summary.gone.keys() & summary.changed.keys():
        outdated = summary.changed if summary.changed[key] <= summary.gone[key] else summary.gone
        del outdated[key]
    return summary


def update_queue(
    waiting: Mapping[int, QueuedActivity], events: EventSummary, followed: Mapping[int, datetime]
) -> dict[int, QueuedActivity]:
    """The queue after `events`: a newer event resets the tries, and activities deleted since leave it.

    `followed`: for each activity the time of the last event that was followed; a repeated event is ignored.
    """
    queue = {
        key: queued for key, queued in waiting.items() if not (gone_at := events.gone.get(key)) or gone_at < queued.at
    }
    for key, at in events.changed.items():
        is_new = key not in followed or followed[key] < at
        if is_new and (key not in queue or queue[key].at < at):
            queue[key] = QueuedActivity(at=at)
    return queue


def covers_event(at: datetime, fetched_at: datetime) -> bool:
    """Whether a detail fetched then includes every change that events of that second can mean."""
    return fetched_at >= at + _SECOND


def remember_followed(
    followed: Mapping[int, datetime], gone: Mapping[int, datetime], now: datetime
) -> dict[int, datetime]:
    """The events followed lately, and the deletions, without those older than MEMORY."""
    deleted = {key: max(at, followed.get(key, at)) for key, at in gone.items()}
    return {key: at for key, at in {**followed, **deleted}.items() if now - at < MEMORY}
