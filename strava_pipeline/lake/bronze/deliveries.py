"""Webhook deliveries: from the inbox into bronze, and the queue of their requests. Makes no call.

A delivery is in bronze, and its requests in the queue, before it leaves the inbox. If the queue's file is lost, it is
rebuilt from the deliveries of the last two days in bronze; anything answered since its event is then not asked for
again (`fetched_since`, event_followup.sort_queue). Writers hold the lock `lock_of`.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ValidationError

from strava_pipeline.core.deliveries import (
    MEMORY,
    Hint,
    News,
    NoDeliveryError,
    Queued,
    WebhookSpec,
    news_of,
    remember_followed,
    update_queue,
)
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.files import packed, packed_at, stamp, unpacked, write_whole
from strava_pipeline.lake.journal import blank, delete_read, has_unread, received, unread
from strava_pipeline.lake.paths import Lake

OUTAGE_PAUSE = timedelta(minutes=5)  # the service is down, which isn't the activity's fault


class Queue(BaseModel):
    """The queue of a source's webhooks.

    Args:
        read: bytes read of each file in the inbox that is still there.
        waiting: the activities to ask for, by their ids at the service.
        feed: that the service's feed is to be asked.
        followed: up to which event an activity was followed, by its id; of the last two days, and of Strava alone.
        claimed_at: when an event said that the access was taken away, which is still to be verified.
        accepted: events since the file was made.
        refused: those that were not, by reason: `no event`, `another owner`, `another subscription`, `another account`.
        given_up: activities that are left to the next listing.
    """

    read: dict[str, int] = {}
    waiting: dict[str, Queued] = {}
    feed: Queued | None = None
    followed: dict[str, AwareDatetime] = {}
    claimed_at: AwareDatetime | None = None
    accepted: int = 0
    refused: dict[str, int] = {}
    given_up: int = 0

    @property
    def waits(self) -> int:
        """The number of entries still to be asked for."""
        return len(self.waiting) + (self.feed is not None)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to ask for now."""
        queued = [*self.waiting.values(), *([self.feed] if self.feed else [])]
        return self.claimed_at is not None or any(one.may_be_fetched(now) for one in queued)

    def is_given_up(self, key: str, failed_at: datetime) -> bool:
        """Postpone a failed activity, a few times; then give it up, since its edit may also come by a listing. Returns
        whether given up.
        """
        again = self.waiting.pop(key).failed(failed_at)
        if again is None:
            self.given_up += 1
        else:
            self.waiting[key] = again
        return again is None

    def rest(self, keys: Iterable[str], until: datetime) -> None:
        """Postpone the entries `keys`, for a reason that doesn't count as a failed try."""
        for key in [key for key in keys if key in self.waiting]:
            self.waiting[key] = self.waiting[key].postponed(until)


def load_queue(lake: Lake, source: str) -> Queue | None:
    """The queue and its counters, or None if nothing ever came or the file is lost."""
    try:
        return Queue.model_validate_json(lake.webhooks_queue_of(source).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def save_queue(lake: Lake, source: str, queue: Queue) -> None:
    """Put the queue on disk."""
    write_whole(lake.webhooks_queue_of(source), queue.model_dump_json().encode())


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The results of a source's webhook deliveries.

    Args:
        unread: deliveries that no run has read.
        waiting: entries still to be asked for: activities, or the feed.
        accepted, refused: events; refused ones by reason.
        given_up: activities that are left to the next listing.
    """

    unread: int
    waiting: int
    accepted: int
    refused: dict[str, int]
    given_up: int


def lock_of(source: str) -> str:
    """The name of the lock for following a source's deliveries."""
    return f"deliveries-{source}"


def has_deliveries(lake: Lake, source: str) -> bool:
    """Whether a delivery of the source is known to have come."""
    return lake.inbox_webhooks_of(source).is_dir() or lake.webhooks_of(source).is_dir()


def are_deliveries_due(lake: Lake, source: str, now: datetime) -> bool:
    """Whether a run now would have work: unread deliveries, or entries to ask for."""
    queue = load_queue(lake, source)
    if queue is None:
        return has_deliveries(lake, source)
    return has_unread(lake.inbox_webhooks_of(source), queue.read) or queue.is_due(now)


def deliveries_of(lake: Lake, source: str) -> Deliveries | None:
    """The results of the source's deliveries, or None if none ever came."""
    if not has_deliveries(lake, source):
        return None
    queue = load_queue(lake, source) or Queue()
    left = sum(1 for _ in unread(lake.inbox_webhooks_of(source), queue.read))
    return Deliveries(left, queue.waits, queue.accepted, queue.refused, queue.given_up)


def take_in(
    lake: Lake,
    source: str,
    webhooks: WebhookSpec,
    refuse: Callable[[Hint], str | None],
    now: datetime,
    note_gone: Callable[[dict[str, datetime]], object],
) -> tuple[Queue, News]:
    """Move the inbox into bronze. Returns the queue, which is on disk, and the news.

    A process that dies between two steps leaves lines that are read again, which changes nothing.

    Args:
        refuse: the reason why a hint isn't this athlete's or application's, or None. If it raises, everything stays as
            it was.
        note_gone: records activities believed to be deleted, before the lines that say so count as read.
    """
    known = load_queue(lake, source)
    queue = known or Queue()
    inbox = lake.inbox_webhooks_of(source)
    lines = list(unread(inbox, queue.read))
    before = [] if known is not None else list(kept_lines(lake, source, now - MEMORY))
    hints, refused = _hints([*before, *(line.content for line in lines)], webhooks)
    if known is None:  # what came earlier was followed or given up, or a listing shows it
        hints = [(hint, came) for hint, came in hints if now - came < MEMORY]
    news = news_of(hints, now, refuse=refuse, believes_deletions=webhooks.believes_deletions)
    news.refused += refused
    if kept := _without([line.content for line in lines], source, webhooks, expired_ids(lake, source)):
        keep_lines(lake, source, kept, now)
    note_gone(news.gone)
    after = queue.model_copy(
        update={
            "read": {**queue.read, **{line.segment: line.offset for line in lines}},
            "waiting": update_queue(queue.waiting, news, queue.followed),
            "feed": news.feed or queue.feed,
            "followed": remember_followed(queue.followed, news.gone, now),
            "claimed_at": news.revoked_at or queue.claimed_at,
            "accepted": queue.accepted + news.accepted,
            "refused": dict(Counter(queue.refused) + news.refused),
        }
    )
    save_queue(lake, source, after)
    return after.model_copy(update={"read": delete_read(inbox, after.read)}), news


def peek(lake: Lake, source: str, webhooks: WebhookSpec, queue: Queue, most: int, now: datetime) -> News:
    """What at most `most` unread deliveries ask for, of any account. Changes nothing."""
    lines = (
        line.content for line, _ in zip(unread(lake.inbox_webhooks_of(source), queue.read), range(most), strict=False)
    )
    return news_of(_hints([*lines], webhooks)[0], now, believes_deletions=webhooks.believes_deletions)


def fetched_since(lake: Lake, source: str, account: str | None, since: datetime) -> dict[int, datetime]:
    """When activities were last asked for because of a delivery, by id, including deleted ones."""
    found: dict[int, datetime] = {}
    for listing in listings(lake, source, newest_first=True):
        manifest = listing.manifest
        if manifest.started_at < since:
            break
        if manifest.account == account and manifest.window.names_single_activities:
            for page in manifest.pages:
                if isinstance(key := (page.request or {}).get("id"), str):
                    activity_id = hashed_id(source, key)
                    found[activity_id] = max(page.fetched_at, found.get(activity_id, page.fetched_at))
            for gone in manifest.gone:
                found[gone.activity_id] = max(gone.at, found.get(gone.activity_id, gone.at))
    return found


def _hints(lines: Sequence[bytes], webhooks: WebhookSpec) -> tuple[list[tuple[Hint, datetime]], Counter[str]]:
    hints: list[tuple[Hint, datetime]] = []
    refused: Counter[str] = Counter()
    for line in lines:
        delivery = received(line)
        try:
            found = webhooks.read(delivery.body.encode("utf-8", "replace")) if delivery else None
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


def forget_deliveries(lake: Lake, source: str, webhooks: WebhookSpec, ids: Set[int]) -> None:
    """Remove the lines about the activities `ids` from bronze and the inbox, as an event may contain a new name, and what
    waits for an answer about them. Hold the lock `lock_of`.
    """
    blank(lake.inbox_webhooks_of(source), lambda line: not _without([line], source, webhooks, ids))
    if (queue := load_queue(lake, source)) is not None:
        own = {key for key in {*queue.waiting, *queue.followed} if spec_of(source).activity_id(key) in ids}
        for key in own:
            queue.waiting.pop(key, None)
            queue.followed.pop(key, None)
        if own:
            save_queue(lake, source, queue)
    for path in lake.webhooks_of(source).glob("*/*.ndjson.gz"):
        try:
            lines = unpacked(path).splitlines()
        except (gzip.BadGzipFile, EOFError, zlib.error):  # damaged: it can't be looked into
            path.unlink()
            continue
        kept = _without(lines, source, webhooks, ids)
        if len(kept) < len(lines):
            write_whole(path, packed(b"".join(line + b"\n" for line in kept), packed_at(path)[0]))


def _without(lines: Sequence[bytes], source: str, webhooks: WebhookSpec, ids: Set[int]) -> list[bytes]:
    def is_about(line: bytes) -> bool:
        return any(spec_of(source).activity_id(hint.source_id) in ids for hint, _ in _hints([line], webhooks)[0])

    return [line for line in lines if not (ids and is_about(line))]


def kept_lines(lake: Lake, source: str, since: datetime) -> Iterator[bytes]:
    """The lines received since then."""
    for path in sorted(lake.webhooks_of(source).glob("*/*.ndjson.gz")):
        if path.name >= stamp(since):
            yield from unpacked(path).splitlines()
