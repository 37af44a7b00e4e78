"""From an open source to bundles, newest first, in batches that fit in memory; and a look at a source without keys.

The order is by instant, never by text, so the list of trips is fetched and sorted before their rows are; where the
feedback decides, only it is decrypted first. Nothing of what is decrypted is logged.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from strava_pipeline.core.errors import MisuseError, SourceError
from strava_pipeline.core.garbage import without_garbage_collection
from strava_pipeline.core.trips.activity.bundle import Bundle, State, entry_comment
from strava_pipeline.core.trips.activity.instants import parse_instant
from strava_pipeline.core.trips.activity.values import finite_number
from strava_pipeline.ingest.trips.decrypt import Column, read_column
from strava_pipeline.ingest.trips.keys import KeyRing
from strava_pipeline.ingest.trips.rows import bundle, number, plain_json
from strava_pipeline.ingest.trips.table import ENCRYPTED, FEEDBACK, GROUPS, PLAIN, Filters, Listed, TripSource

_NO_KEY = object()
log = logging.getLogger(__name__)

BATCH_POINTS = (
    50_000  # points in memory at once: some 50 MB as Python objects; of more the processor's cache holds less
)
_FAILED = {
    State.UNDECRYPTABLE: "is undecryptable: no key opens it, or it is no token",
    State.MALFORMED: "is malformed: it decrypts, but not to JSON of its type",
}


def read_bundles(
    source: TripSource,
    keys: KeyRing,
    filters: Filters = Filters(),
    *,
    order: Sequence[Listed] | None = None,
    batch_points: int = BATCH_POINTS,
) -> Iterator[list[Bundle]]:
    """The trips that the filters let through, by start (latest first, without one last), then id (highest first).

    `order`: these instead, as `in_order` gave them. Each batch has at most `batch_points` points, but for a single trip with
    more. A column that can't be opened is a state of its bundle and one WARNING with the trip's id and the column. Raises
    SourceError.
    """
    chosen = in_order(source, filters) if order is None else order
    yield from batched(_bundles(source, keys, filters, chosen), batch_points)


def batched(bundles: Iterable[Bundle], batch_points: int = BATCH_POINTS) -> Iterator[list[Bundle]]:
    """Trips in batches of at most so many points, but for a single one with more."""
    batch: list[Bundle] = []
    points = 0
    for trip in bundles:
        weight = max(1, len(trip.locations))
        if batch and points + weight > batch_points:
            yield batch
            batch, points = [], 0
        batch.append(trip)
        points += weight
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Probe:
    """What a source holds, without a key: how much of what, and the plain columns of the latest trip."""

    total: int
    groups: list[dict[str, Any]]
    encrypted_present: dict[str, int]
    latest: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "groups": self.groups,
            "encrypted_present": self.encrypted_present,
            "latest": self.latest,
        }


def probe(source: TripSource) -> Probe:
    """Looks at a source without asking for the content of any encrypted column. Raises SourceError."""
    groups, present = source.counts()
    told = [dict(zip((*GROUPS, "trips"), group, strict=True)) for group in groups]
    told.sort(key=lambda group: [(group[name] is None, str(group[name])) for name in GROUPS])
    latest = max(source.listed(Filters()), key=_age, default=None)
    row = source.rows([latest.key], PLAIN).get(latest.key) if latest else None
    return Probe(sum(group["trips"] for group in told), told, present, plain_json(row) if row else None)


def refuse_unknown(source: TripSource, filters: Filters) -> None:
    """MisuseError where the source has no trip with one of the values that were asked for: most likely it is mistyped."""
    alone = {
        "external_id": lambda value: Filters(external_ids=(value,)),
        "status": lambda value: Filters(statuses=(value,)),
        "review_status": lambda value: Filters(review_statuses=(value,)),
    }
    for column, values in filters.plain.items():
        missing = [value for value in values if not any(True for _ in source.listed(alone[column](value)))]
        if missing and column == "external_id":
            raise MisuseError(f"There is no trip {', '.join(sorted(missing))}.")
        if missing:
            place = GROUPS.index(column)
            there = sorted({str(group[place]) for group in source.counts()[0] if group[place] is not None})
            raise MisuseError(
                f"No trip has the {column} {', '.join(sorted(missing))}. There are: {', '.join(there) or 'none'}."
            )


def in_order(source: TripSource, filters: Filters = Filters(), only: Collection[Any] | None = None) -> list[Listed]:
    """The trips that the plain filters let through, latest first. Raises SourceError, also where ids don't tell them apart."""
    listed = list(source.listed(filters))
    times = Counter(entry.key for entry in listed)
    odd = next((key for key, count in times.items() if count > 1 or key is None or isinstance(key, bytes)), _NO_KEY)
    if odd is not _NO_KEY:
        what = "several trips with one id" if odd is not None and times[odd] > 1 else "a trip without a usable id"
        raise SourceError(f"{source.name} has {what}: nothing tells them apart. Make id unique and not null.")
    return sorted((entry for entry in listed if only is None or entry.key in only), key=_age, reverse=True)


def _bundles(source: TripSource, keys: KeyRing, filters: Filters, order: Sequence[Listed]) -> Iterator[Bundle]:
    left = len(order) if filters.limit is None else filters.limit
    if not filters.needs_feedback:
        order = order[:left]
    for portion in portions(order, source.rows_at_once, source.points_at_once):
        if left <= 0:
            return
        known: dict[Any, dict[str, Column]] = {key: {} for key in portion}
        if filters.needs_feedback:
            known = dict(islice(_with_feedback(source, keys, filters, portion), left))
        columns = [name for name in ENCRYPTED if not (filters.needs_feedback and name == FEEDBACK)]
        rows = source.rows(list(known), (*PLAIN, *columns))
        found = [(rows[key], held) for key, held in known.items() if key in rows]
        left -= len(found)
        with without_garbage_collection():
            bundles = [
                bundle(row, held | {name: _opened(name, row[name], row["id"], keys) for name in columns})
                for row, held in found
            ]
        yield from bundles


def _with_feedback(
    source: TripSource, keys: KeyRing, filters: Filters, portion: Sequence[Any]
) -> Iterator[tuple[Any, dict[str, Column]]]:
    """Those whose feedback is what is asked for, with the column already opened."""
    rows = source.rows(portion, ("id", FEEDBACK))
    for key, row in ((key, rows[key]) for key in portion if key in rows):
        feedback = _opened(FEEDBACK, row[FEEDBACK], row["id"], keys)
        comments = {entry_comment(entry) for entry in feedback.value}
        if feedback.value and (not filters.comments or not comments.isdisjoint(filters.comments)):
            yield key, {FEEDBACK: feedback}


def _opened(name: str, content: Any, trip: Any, keys: KeyRing) -> Column:
    column = read_column(name, content, keys.keys)
    if column.state in _FAILED:
        log.warning("trip %s: %s %s.", trip, name, _FAILED[column.state])
    return column


def portions(order: Sequence[Listed], rows: int, points: int) -> Iterator[list[Any]]:
    """Keys of trips to fetch at once: so many rows, and, as far as their `location_count` tells, so many points."""
    portion: list[Any] = []
    held = 0
    for entry in order:
        counted = finite_number(number(entry.location_count))
        weight = int(counted) if counted is not None and 1 <= counted <= points else 1
        if portion and (len(portion) == rows or held + weight > points):
            yield portion
            portion, held = [], 0
        portion.append(entry.key)
        held += weight
    if portion:
        yield portion


def _age(entry: Listed) -> tuple[bool, float, int, Any]:
    """What sorts trips by start, then id; ids of several types (SQLite takes any) stay comparable."""
    start, of_number = parse_instant(entry.start_time), finite_number(number(entry.id))
    of_id = (1, str(entry.id)) if of_number is None else (0, number(entry.id))
    return (start is not None, start or 0.0, *of_id)
