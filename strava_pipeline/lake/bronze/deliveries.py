"""Webhook deliveries: from the inbox into bronze, and the queue of what they ask for. Makes no call. events.py reads Strava's.

A delivery is in bronze, and what it asks for in the queue, before it leaves the inbox. If the file of the queue is lost, it is
built again from the deliveries of the last two days in bronze. What was fetched since an event is not fetched again, however
often it comes (`fetched_since`). Writers hold the lock `lock_of`, of Strava's events event_followup.LOCK.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ValidationError

from strava_pipeline.core.deliveries import (
    Hint,
    HintSummary,
    NoDeliveryError,
    QueuedHint,
    summarise_hints,
    update_hints,
)
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.webhooks import MEMORY, QueuedActivity
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.files import packed, stamp, unpacked, write_whole
from strava_pipeline.lake.journal import delete_read, has_unread, received, unread
from strava_pipeline.lake.paths import Lake

Read = Callable[[bytes], Sequence[Hint]]
"""Reads the hints of a delivery. Raises NoDeliveryError."""


OUTAGE_PAUSE = timedelta(minutes=5)  # the service is down: no fault of what was asked for
Key = TypeVar("Key", int, str)
Queued = TypeVar("Queued", bound=QueuedActivity)


class Queue(BaseModel, Generic[Key, Queued]):
    """What waits of a source's webhooks.

    Args:
        read: how far the inbox was read.
        waiting: the activities to ask for, by their ids.
        claimed_at: when the access was said to have been taken away, which is still to be verified.
        accepted, refused, given_up: events in all, refused ones by reason, activities that are left to the next listing.
    """

    read: dict[str, int] = {}
    waiting: dict[Key, Queued] = {}
    claimed_at: AwareDatetime | None = None
    accepted: int = 0
    refused: dict[str, int] = {}
    given_up: int = 0

    @property
    def waits(self) -> int:
        """How much is still to be asked for."""
        return len(self.waiting)

    def is_given_up(self, key: Key, failed_at: datetime) -> bool:
        """Put off what could not be fetched, a few times; then give it up: its edit may also come by a listing."""
        again = self.waiting.pop(key).failed(failed_at)
        if again is None:
            self.given_up += 1
        else:
            self.waiting[key] = again
        return again is None

    def rest(self, keys: Iterable[Key], until: datetime) -> None:
        """Put off what waits of `keys`, for a reason that is not its own."""
        for key in [key for key in keys if key in self.waiting]:
            self.waiting[key] = self.waiting[key].postponed(until)


AnyQueue = TypeVar("AnyQueue", bound=Queue[Any, Any])


def load_queue(lake: Lake, source: str, kind: type[AnyQueue]) -> AnyQueue | None:
    """The queue and its counters; None: nothing ever came, or the file is lost."""
    try:
        return kind.model_validate_json(lake.webhooks_queue_of(source).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def save_queue(lake: Lake, source: str, state: Queue[Any, Any]) -> None:
    """Put the queue on disk."""
    write_whole(lake.webhooks_queue_of(source), state.model_dump_json().encode())


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What became of a source's webhook deliveries.

    Args:
        unread: deliveries that no run has read.
        waiting: what is still to be asked for: activities, or the feed.
        accepted, refused: events, those refused by reason.
        given_up: activities that are left to the next listing.
    """

    unread: int
    waiting: int
    accepted: int
    refused: dict[str, int]
    given_up: int


class DeliveriesState(Queue[str, QueuedHint]):
    """What waits of the deliveries of a service besides Strava. `feed`: that the feed is to be asked."""

    feed: QueuedHint | None = None

    @property
    def waits(self) -> int:
        return len(self.waiting) + (self.feed is not None)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to ask for now."""
        queued = [*self.waiting.values(), *([self.feed] if self.feed else [])]
        return self.claimed_at is not None or any(one.may_be_fetched(now) for one in queued)


def lock_of(provider: str) -> str:
    """The lock of whoever follows a provider's deliveries."""
    return f"deliveries-{provider}"


def load_deliveries(lake: Lake, provider: str) -> DeliveriesState | None:
    """`load_queue` of a service besides Strava."""
    return load_queue(lake, provider, DeliveriesState)


def has_deliveries(lake: Lake, provider: str) -> bool:
    """Whether a delivery of the provider ever came, as far as is known."""
    return lake.inbox_webhooks_of(provider).is_dir() or lake.webhooks_of(provider).is_dir()


def are_deliveries_due(lake: Lake, provider: str, now: datetime) -> bool:
    """Whether a run now would find something to do: unread deliveries, or something to ask for."""
    state = load_deliveries(lake, provider)
    if state is None:
        return has_deliveries(lake, provider)
    return has_unread(lake.inbox_webhooks_of(provider), state.read) or state.is_due(now)


def deliveries_of(lake: Lake, source: str, kind: type[Queue[Any, Any]]) -> Deliveries | None:
    """What became of the source's deliveries; None: none ever came."""
    if not has_deliveries(lake, source):
        return None
    state = load_queue(lake, source, kind) or kind()
    left = sum(1 for _ in unread(lake.inbox_webhooks_of(source), state.read))
    return Deliveries(left, state.waits, state.accepted, state.refused, state.given_up)


def take_in(
    lake: Lake, provider: str, read: Read, account: Callable[[], str | None], now: datetime
) -> tuple[DeliveriesState, HintSummary, Counter[str]]:
    """Move the inbox into bronze. Returns the queue, which is on disk, the news, and refused events by reason.

    `account`: whose login it is; asked only where an event names an account. What it raises leaves everything as it was.
    """
    known = load_deliveries(lake, provider)
    state = known or DeliveriesState()
    inbox = lake.inbox_webhooks_of(provider)
    lines = list(unread(inbox, state.read))
    before = [] if known is not None else list(kept_lines(lake, provider, now - MEMORY))
    hints, refused = _hints([*before, *(line.content for line in lines)], read, now)
    own = account() if any(hint.account is not None for hint, _ in hints) else None
    news = summarise_hints(hints, lambda name: own is None or name == own, now)
    if news.foreign:
        refused["another account"] += news.foreign
    if lines:
        keep_lines(lake, provider, [line.content for line in lines], now)
    after = state.model_copy(
        update={
            "read": {**state.read, **{line.segment: line.offset for line in lines}},
            "waiting": update_hints(state.waiting, news.activities),
            "feed": news.feed or state.feed,
            "claimed_at": news.revoked_at or state.claimed_at,
            "accepted": state.accepted + news.accepted,
            "refused": dict(Counter(state.refused) + refused),
        }
    )
    save_queue(lake, provider, after)
    after = after.model_copy(update={"read": delete_read(inbox, after.read)})
    return after, news, refused


def fetched_since(lake: Lake, provider: str, account: str | None, since: datetime) -> dict[int, datetime]:
    """When activities were last asked for because of a delivery, by id, those that are gone among them."""
    found: dict[int, datetime] = {}
    for listing in listings(lake, provider, newest_first=True):
        manifest = listing.manifest
        if manifest.started_at < since:
            break
        if manifest.account == account and manifest.window.names_single_activities:
            for page in manifest.pages:
                if isinstance(key := (page.request or {}).get("id"), str):
                    activity_id = hashed_id(provider, key)
                    found[activity_id] = max(page.fetched_at, found.get(activity_id, page.fetched_at))
            for gone in manifest.gone:
                found[gone.activity_id] = max(gone.at, found.get(gone.activity_id, gone.at))
    return found


def _hints(lines: Sequence[bytes], read: Read, now: datetime) -> tuple[list[tuple[Hint, datetime]], Counter[str]]:
    hints: list[tuple[Hint, datetime]] = []
    refused: Counter[str] = Counter()
    for line in lines:
        delivery = received(line)
        try:
            found = read(delivery.body.encode("utf-8", "replace")) if delivery else None
        except NoDeliveryError:
            found = None
        if found is None or delivery is None:
            refused["no event"] += 1
        else:
            hints += [(hint, delivery.received_at) for hint in found]
    return hints, refused


def keep_lines(lake: Lake, source: str, lines: Iterable[bytes], now: datetime) -> None:
    """Keep lines of an inbox in bronze."""
    content = b"".join(line + b"\n" for line in lines)
    write_whole(lake.webhooks_of(source) / f"{now:%Y}" / f"{stamp(now)}.ndjson.gz", packed(content, now))


def kept_lines(lake: Lake, source: str, since: datetime) -> Iterator[bytes]:
    """The lines received since then."""
    for path in sorted(lake.webhooks_of(source).glob("*/*.ndjson.gz")):
        if path.name >= stamp(since):
            yield from unpacked(path).splitlines()
