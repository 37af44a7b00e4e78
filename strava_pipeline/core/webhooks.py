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
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from strava_pipeline.core.json_text import parse_json

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


PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""Before an activity that could not be fetched is asked for again: events may come before Strava shows it. Then the
next listing finds it."""


FUTURE = timedelta(minutes=5)  # by which the time of an event may be ahead: no clock of a server is that wrong
MEMORY = timedelta(days=2)  # of what was followed; Strava sends an event again within minutes
_SECOND = timedelta(seconds=1)  # events' times are whole seconds: another one may have come in the same


class QueuedActivity(BaseModel):
    """An activity to be fetched: `at` is the newest event's time; it is not asked for before `not_before`."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    tries: int = 0
    not_before: AwareDatetime | None = None

    def may_be_asked(self, now: datetime) -> bool:
        return self.not_before is None or self.not_before <= now

    def rested(self, until: datetime) -> "QueuedActivity":
        """The same, asked for later through no fault of its own."""
        return self.model_copy(update={"not_before": until})

    def failed(self, now: datetime) -> "QueuedActivity | None":
        """The same after a try in vain; None: it is given up."""
        if self.tries >= len(PAUSES):
            return None
        return QueuedActivity(at=self.at, tries=self.tries + 1, not_before=now + PAUSES[self.tries])


@dataclass(slots=True)
class EventSummary:
    """What events say: activities that changed or are gone, each with the newest event's time, and a revocation."""

    changed: dict[int, datetime] = field(default_factory=dict)
    gone: dict[int, datetime] = field(default_factory=dict)
    revoked_at: datetime | None = None


def summarise_events(events: Iterable[WebhookEvent], now: datetime) -> EventSummary:
    """The sum of events, in whatever order and however often they came. One that claims to be of the future is of now."""
    news = EventSummary()
    for event in events:
        at = event.at if event.at < now + FUTURE else now
        if event.object_type is ObjectType.ATHLETE:
            if event.revokes:
                news.revoked_at = max(at, news.revoked_at or at)
            continue
        side = news.gone if event.aspect_type is Aspect.DELETE else news.changed
        side[event.object_id] = max(at, side.get(event.object_id, at))
    for key in news.gone.keys() & news.changed.keys():
        outdated = news.changed if news.changed[key] <= news.gone[key] else news.gone
        del outdated[key]
    return news


def update_queue(
    waiting: Mapping[int, QueuedActivity], news: EventSummary, followed: Mapping[int, datetime]
) -> dict[int, QueuedActivity]:
    """What waits, after the news: a newer event begins anew, what is gone since is not asked for.

    `followed`: up to which event each was followed; what comes again is nothing new.
    """
    left = {key: one for key, one in waiting.items() if not (gone_at := news.gone.get(key)) or gone_at < one.at}
    for key, at in news.changed.items():
        is_new = key not in followed or followed[key] < at
        if is_new and (key not in left or left[key].at < at):
            left[key] = QueuedActivity(at=at)
    return left


def is_followed(at: datetime, fetched_at: datetime) -> bool:
    """Whether a detail that came then tells of everything that events of that second can mean."""
    return fetched_at >= at + _SECOND


def remember_followed(
    followed: Mapping[int, datetime], gone: Mapping[int, datetime], now: datetime
) -> dict[int, datetime]:
    """What was followed lately, a deletion as soon as it is told."""
    known = {key: max(at, followed.get(key, at)) for key, at in gone.items()}
    return {key: at for key, at in {**followed, **known}.items() if now - at < MEMORY}
