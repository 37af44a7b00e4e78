"""Webhook deliveries of services besides Strava: what a provider's record says of them, and the queue of what they ask for. Pure.

A delivery is a body with any number of events. It may repeat, come late, or never. So each event is a hint to ask the service
again: for one activity, or for its feed. How a service's delivery reads is in its record, ingest/NAME/record.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.webhooks import MAX_BODY_BYTES, MAX_LEAD, QueuedActivity

LONGEST_ID = 64  # characters of an activity's id; real ones have up to eleven


class NoDeliveryError(ValueError):
    """A body that is no delivery. The message may be sent back to the caller."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What one event of a delivery asks for.

    Args:
        account: whose event it is, as the service names accounts; None: it does not say.
        source_id: the activity to ask for, by its id at the service; None: the feed.
        at: when it happened (UTC); None: it does not say.
        is_deletion: the activity is said to be gone.
        revokes: the athlete is said to have taken this application's access away; nothing else is asked for.
    """

    account: str | None
    source_id: str | None = None
    at: datetime | None = None
    is_deletion: bool = False
    revokes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSpec:
    """How the deliveries of a service are told from anybody else's, and read. All functions are pure.

    Args:
        setting: the name of the setting that holds the secret.
        is_verified: whether a delivery is the service's, by its headers (names in lower case), its body as received, and the
            secret. Compares in constant time, and raises nothing, whatever the body is.
        kept: what is kept of a verified body: the same without the secret, in UTF-8. Raises NoDeliveryError.
        read: the hints of what was kept; unknown events give none. Raises NoDeliveryError.
        most_bytes: the longest body that is taken.
        any_account: what the account is called where a login does not say whose it is: then events of every account count.
    """

    setting: str
    is_verified: Callable[[Mapping[str, str], bytes, str], bool]
    kept: Callable[[bytes], bytes]
    read: Callable[[bytes], Sequence[Hint]]
    most_bytes: int = MAX_BODY_BYTES
    any_account: str = ""


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises NoDeliveryError."""
    try:
        value = parse_json(body)
    except (ValueError, RecursionError) as error:
        raise NoDeliveryError("the body is no JSON") from error
    if not isinstance(value, dict):
        raise NoDeliveryError("the body is no JSON object")
    return value


class QueuedHint(QueuedActivity):
    """Something to ask for; `is_deletion`: an event said that the activity is gone."""

    is_deletion: bool = False


@dataclass(slots=True)
class HintSummary:
    """What the hints of an account ask for. `foreign`: how many were of another account."""

    activities: dict[str, QueuedHint] = field(default_factory=dict)
    feed: QueuedHint | None = None
    revoked_at: datetime | None = None
    accepted: int = 0
    foreign: int = 0


def summarise_hints(
    hints: Iterable[tuple[Hint, datetime]], is_ours: Callable[[str], bool], now: datetime
) -> HintSummary:
    """The summary of hints in any order and with repetitions, each with the time of its delivery.

    `is_ours`: whether an account is the one whose activities are here. A hint from the future counts as of now.
    """
    summary = HintSummary()
    for hint, received_at in hints:
        if hint.account is not None and not is_ours(hint.account):
            summary.foreign += 1
            continue
        summary.accepted += 1
        at = hint.at or received_at
        at = at if at < now + MAX_LEAD else now
        if hint.revokes:
            summary.revoked_at = max(at, summary.revoked_at or at)
        elif hint.source_id is None:
            summary.feed = QueuedHint(at=max(at, summary.feed.at if summary.feed else at))
        else:
            before = summary.activities.get(hint.source_id)
            newest = max(at, before.at if before else at)
            is_deletion = hint.is_deletion or (before is not None and before.is_deletion)
            summary.activities[hint.source_id] = QueuedHint(at=newest, is_deletion=is_deletion)
    return summary


def update_hints(waiting: Mapping[str, QueuedHint], news: Mapping[str, QueuedHint]) -> dict[str, QueuedHint]:
    """The queue with the news in it: a newer event resets the tries."""
    queue = dict(waiting)
    for key, one in news.items():
        before = queue.get(key)
        if before is None or before.at < one.at:
            queue[key] = one.model_copy(update={"is_deletion": one.is_deletion or bool(before and before.is_deletion)})
        elif one.is_deletion and not before.is_deletion:
            queue[key] = before.model_copy(update={"is_deletion": True})
    return queue
