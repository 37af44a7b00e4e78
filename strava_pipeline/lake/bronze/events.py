"""Webhook events: from the inbox into bronze, and the queue of activities to be followed up. Makes no call.

An event is in bronze before it leaves the inbox. The queue stands in data/state/webhooks.json. If that file is lost, the queue is
built again from the recent events in bronze; the details on disk show which were answered. Writers hold event_followup.LOCK.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from pydantic import AwareDatetime, Field

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.webhooks import (
    MEMORY,
    EventSummary,
    NoEventError,
    QueuedActivity,
    WebhookEvent,
    read_event,
    remember_followed,
    summarise_events,
    update_queue,
)
from strava_pipeline.lake.bronze.deliveries import Queue, keep_lines, kept_lines, load_queue
from strava_pipeline.lake.journal import body_of, delete_read, has_unread, unread
from strava_pipeline.lake.paths import Lake

Refuse = Callable[[WebhookEvent], str | None]
"""Returns the reason why an event is not this athlete's or application's, or None."""


class EventsState(Queue[int, QueuedActivity]):
    """What waits of Strava's events. `followed`: up to which event an activity was followed lately."""

    followed: dict[int, AwareDatetime] = Field(default_factory=dict)


def load_state(lake: Lake) -> EventsState | None:
    """The queue and its counters; None: nothing ever came, or the file is lost."""
    return load_queue(lake, STRAVA, EventsState)


def move_to_bronze(
    lake: Lake, state: EventsState | None, refuse: Refuse, now: datetime
) -> tuple[EventsState, EventSummary, Counter[str]]:
    """Move the inbox into bronze. Returns the state with the updated queue, the new events, and the refused ones by reason.

    A process that dies between two steps leaves lines that are read again, which changes nothing.
    """
    before = state if state is not None else EventsState()
    known = [] if state is not None else [body_of(line) for line in kept_lines(lake, STRAVA, now - MEMORY)]
    lines = list(unread(lake.inbox_webhooks, before.read))
    if lines:
        keep_lines(lake, STRAVA, (line.content for line in lines), now)
    bodies = [*known, *(body_of(line.content) for line in lines)]
    refused: Counter[str] = Counter()
    news = summarise_events(_ours(bodies, refuse, refused), now)
    if state is None:
        news.changed = remember_followed(
            news.changed, {}, now
        )  # the rest was followed or given up, or a listing shows it
    read = {**before.read, **{line.segment: line.offset for line in lines}}
    after = before.model_copy(
        update={
            "read": read,
            "waiting": update_queue(before.waiting, news, before.followed),
            "followed": remember_followed(before.followed, news.gone, now),
            "claimed_at": news.revoked_at or before.claimed_at,
            "accepted": before.accepted + len(bodies) - refused.total(),
            "refused": dict(Counter(before.refused) + refused),
        }
    )
    return after, news, refused


def clear_inbox(lake: Lake, state: EventsState) -> EventsState:
    """Delete what was read, once `state` is saved."""
    return state.model_copy(update={"read": delete_read(lake.inbox_webhooks, state.read)})


def has_unread_events(lake: Lake, state: EventsState) -> bool:
    """Whether the inbox holds events that no run has read."""
    return has_unread(lake.inbox_webhooks, state.read)


def peek_events(lake: Lake, state: EventsState, most: int) -> Iterator[WebhookEvent]:
    """At most `most` of the events that no run has read, whoever's they are."""
    for line, _ in zip(unread(lake.inbox_webhooks, state.read), range(most), strict=False):
        try:
            yield read_event(body_of(line.content))
        except NoEventError:
            continue


def _ours(bodies: Sequence[bytes], refuse: Refuse, refused: Counter[str]) -> Iterator[WebhookEvent]:
    for body in bodies:
        try:
            event = read_event(body)
        except NoEventError:
            refused["no event"] += 1
            continue
        if why := refuse(event):
            refused[why] += 1
        else:
            yield event
