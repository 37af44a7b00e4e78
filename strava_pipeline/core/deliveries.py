"""Webhook deliveries: what a service's record says of them, and the queue of calls that they ask for. Pure.

A delivery is a body with any number of events. It may repeat, come late, or never. So each event is only a hint to ask
the service again, for one activity or for its feed. If several events concern one activity, the newest counts. Reading
one service's deliveries is in ingest/NAME/webhooks.py.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel

from strava_pipeline.core.json_values import parse_json

LONGEST_ID = 64  # characters of an activity's id; real ones have up to eleven
MAX_BODY_BYTES = 64 * 1024  # bytes of a body; Strava's events have some hundred


class NoDeliveryError(ValueError):
    """The body isn't a delivery. The message may be sent back to the caller: it names fields and never values."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What one event of a delivery asks for.

    Args:
        account: the account of the event, as the service names accounts, or None if not given.
        source_id: the activity to ask for, by its id at the service; None for the feed, unless it `revokes`.
        at: when it happened (UTC), or None if not given.
        is_deletion: the event says that the activity was deleted.
        revokes: the event says that the athlete withdrew this application's access; nothing else is asked for.
        subscription: the application's subscription by which it came, if the service has such.
    """

    account: str | None
    source_id: str | None = None
    at: datetime | None = None
    is_deletion: bool = False
    revokes: bool = False
    subscription: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSpec:
    """How a service's deliveries are verified and read. All functions are pure.

    Args:
        setting: the name of the setting that holds the secret.
        read: the hints in a stored body; unknown events give none. Raises NoDeliveryError.
        is_verified: whether a delivery is the service's, by its headers (names in lower case), its body as received,
            and the
            secret. Compares in constant time, and never raises, whatever the body is.
        token_of: for a service that signs nothing: the secret is the end of the path to which it posts, and this
            derives the
            token of the subscription's handshake from it. None: the path is open, and `is_verified` decides.
        kept: the verified body without the secret, in UTF-8, as it is stored. Raises NoDeliveryError.
        most_bytes: the longest body that is accepted.
        any_account: the account's name where a login does not say whose it is; then events of every account count.
        believes_deletions: whether a deletion in an event is believed without a call that confirms it.
    """

    setting: str
    read: Callable[[bytes], Sequence[Hint]]
    is_verified: Callable[[Mapping[str, str], bytes, str], bool] = lambda headers, body, secret: True
    token_of: Callable[[str], str] | None = None
    kept: Callable[[bytes], bytes] = lambda body: body
    most_bytes: int = MAX_BODY_BYTES
    any_account: str = ""
    believes_deletions: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """A service that sends deliveries: how they are verified, and the secret for that."""

    webhooks: WebhookSpec
    secret: str = field(repr=False)


def intake_path(source: str, secret: str = "") -> str:
    """The path to which a source posts, below the intake's address; `secret`: its end, if it has one."""
    return f"/webhooks/{source}" + (f"/{secret}" if secret else "")


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises NoDeliveryError."""
    try:
        value = parse_json(body)
    except (ValueError, RecursionError) as error:
        raise NoDeliveryError("the body is no JSON") from error
    if not isinstance(value, dict):
        raise NoDeliveryError("the body is no JSON object")
    return value


RETRY_PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""Pauses before the retries of an activity that could not be fetched: events may come before the service shows the activity.
After the last one the next listing finds it."""

MAX_LEAD = timedelta(minutes=5)  # how far the time of an event may be ahead; no server's clock is that wrong
MEMORY = timedelta(days=2)  # how long followed events are remembered; Strava repeats an event within minutes
_SECOND = timedelta(seconds=1)  # events' times are whole seconds: another one may have come in the same


class Queued(BaseModel, frozen=True):
    """Something to ask for.

    Args:
        at: the time of its newest event.
        tries: failed attempts so far.
        not_before: no call before; None: as soon as possible.
        is_deletion: an event said that the activity is gone; of other services than Strava.
    """

    at: AwareDatetime
    tries: int = 0
    not_before: AwareDatetime | None = None
    is_deletion: bool = False

    def may_be_fetched(self, now: datetime) -> bool:
        return self.not_before is None or self.not_before <= now

    def postponed(self, until: datetime) -> Self:
        """The same entry, delayed for a reason that doesn't count as a failed try."""
        return self.model_copy(update={"not_before": until})

    def failed(self, now: datetime) -> Self | None:
        """The same entry after a failed call, or None if no retry is left."""
        if self.tries >= len(RETRY_PAUSES):
            return None
        return self.model_copy(update={"tries": self.tries + 1, "not_before": now + RETRY_PAUSES[self.tries]})


@dataclass(slots=True)
class News:
    """What hints ask for.

    Args:
        activities: what to ask for, by ids at the service.
        gone: activities that are believed to be deleted, each since when.
        feed: the request for the feed, or None.
        revoked_at: since when the access is said to be withdrawn.
        accepted, refused: how many hints these are, and how many others were refused, by reason.
    """

    activities: dict[str, Queued] = field(default_factory=dict)
    gone: dict[str, datetime] = field(default_factory=dict)
    feed: Queued | None = None
    revoked_at: datetime | None = None
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def news_of(
    hints: Iterable[tuple[Hint, datetime]],
    now: datetime,
    *,
    refuse: Callable[[Hint], str | None] = lambda hint: None,
    believes_deletions: bool = False,
) -> News:
    """What hints, in any order and with repetitions, ask for, each with the time of its delivery.

    `refuse`: the reason not to follow a hint, or None. A hint from the future counts as of now. In the same second, a
    believed deletion wins.
    """
    news = News()
    for hint, received_at in hints:
        if why := refuse(hint):
            news.refused[why] += 1
            continue
        news.accepted += 1
        at = hint.at or received_at
        at = at if at < now + MAX_LEAD else now
        if hint.revokes:
            news.revoked_at = max(at, news.revoked_at or at)
        elif hint.source_id is None:
            news.feed = Queued(at=max(at, news.feed.at if news.feed else at))
        elif hint.is_deletion and believes_deletions:
            news.gone[hint.source_id] = max(at, news.gone.get(hint.source_id, at))
        else:
            before = news.activities.get(hint.source_id)
            is_deletion = hint.is_deletion or (before is not None and before.is_deletion)
            news.activities[hint.source_id] = Queued(at=max(at, before.at if before else at), is_deletion=is_deletion)
    for key in news.gone.keys() & news.activities.keys():
        outdated = news.activities if news.activities[key].at <= news.gone[key] else news.gone
        del outdated[key]
    return news


def update_queue(
    waiting: Mapping[str, Queued], news: News, followed: Mapping[str, datetime] | None = None
) -> dict[str, Queued]:
    """The queue with the news in it: a newer event resets the tries, and a later deletion removes the entry.

    `followed`: for each activity the time of the last event that was followed; a repeated event is ignored.
    """
    followed = followed or {}
    queue = {key: one for key, one in waiting.items() if not (gone_at := news.gone.get(key)) or gone_at < one.at}
    for key, one in news.activities.items():
        before = queue.get(key)
        if key in followed and followed[key] >= one.at:
            continue
        if before is None or before.at < one.at:
            queue[key] = one.model_copy(update={"is_deletion": one.is_deletion or bool(before and before.is_deletion)})
        elif one.is_deletion and not before.is_deletion:
            queue[key] = before.model_copy(update={"is_deletion": True})
    return queue


def covers_event(at: datetime, fetched_at: datetime) -> bool:
    """Whether an answer fetched then includes every change that events of that second can mean."""
    return fetched_at >= at + _SECOND


def remember_followed(
    followed: Mapping[str, datetime], gone: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """The events followed lately and the deletions, without those older than MEMORY."""
    deleted = {key: max(at, followed.get(key, at)) for key, at in gone.items()}
    return {key: at for key, at in {**followed, **deleted}.items() if now - at < MEMORY}
