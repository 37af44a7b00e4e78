"""Webhook events, from the inbox into bronze, and what is still to be done about them. Makes no call.

What was read is in bronze before it leaves the inbox. What waits stands in data/state/webhooks.json; if that is lost, it
is made anew from what came to bronze lately: what was answered since is told from the details on disk. Who writes here
holds sightings' LOCK.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ValidationError

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
from strava_pipeline.lake.files import packed, stamp, unpacked, write_whole
from strava_pipeline.lake.journal import Line, body_of, has_unread, take_away, unread
from strava_pipeline.lake.paths import Lake

Refuse = Callable[[WebhookEvent], str | None]
"""Why an event is none of ours, or None."""


class EventsState(BaseModel):
    """What stands in data/state/webhooks.json. `read`: how far the inbox was; `refused`: how many, by reason.

    `followed`: up to which event an activity was lately; `claimed_at`: a revocation that is still to be verified.
    """

    read: dict[str, int] = {}
    waiting: dict[int, QueuedActivity] = {}
    followed: dict[int, AwareDatetime] = {}
    claimed_at: AwareDatetime | None = None
    accepted: int = 0
    refused: dict[str, int] = {}
    given_up: int = 0


def load(lake: Lake) -> EventsState | None:
    """What waits; None: nothing ever came, or the file is lost."""
    try:
        return EventsState.model_validate_json(_file(lake).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def save(lake: Lake, state: EventsState) -> None:
    write_whole(_file(lake), state.model_dump_json().encode())


def take_in(
    lake: Lake, state: EventsState | None, refuse: Refuse, now: datetime
) -> tuple[EventsState, EventSummary, Counter[str]]:
    """Move what the inbox holds into bronze: what waits then, the news, and how many were refused, by reason.

    A death between two steps leaves lines that are read once more, which changes nothing.
    """
    before = state if state is not None else EventsState()
    known = [] if state is not None else list(_in_bronze(lake, now - MEMORY))
    lines = list(unread(lake.inbox_webhooks, before.read))
    if lines:
        _land(lake, lines, now)
    bodies = [*known, *(body_of(line.content) for line in lines)]
    refused: Counter[str] = Counter()
    news = summarise_events(_ours(bodies, refuse, refused), now)
    if state is None:
        news.changed = remember_followed(
            news.changed, {}, now
        )  # the rest was followed or given up, or listings tell of it
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
    """Take away what was read, once `state` is saved."""
    return state.model_copy(update={"read": take_away(lake.inbox_webhooks, state.read)})


def has_news(lake: Lake, state: EventsState) -> bool:
    """Whether the inbox holds what no run has read."""
    return has_unread(lake.inbox_webhooks, state.read)


def peek(lake: Lake, state: EventsState, most: int) -> Iterator[WebhookEvent]:
    """Some of the events that no run has read; whose they are is not looked at."""
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


def _land(lake: Lake, lines: Iterable[Line], now: datetime) -> None:
    content = b"".join(line.content + b"\n" for line in lines)
    write_whole(lake.webhooks / f"{now:%Y}" / f"{stamp(now)}.ndjson.gz", packed(content, now))


def _in_bronze(lake: Lake, since: datetime) -> Iterator[bytes]:
    """The bodies that came lately."""
    for path in sorted(lake.webhooks.glob("*/*.ndjson.gz")):
        if path.name >= stamp(since):
            for line in unpacked(path).splitlines():
                yield body_of(line)


def _file(lake: Lake) -> Path:
    return lake.state / "webhooks.json"
