"""From an open source to bundles, newest first, in batches that fit in memory; the plain columns of all trips; and a tally.

The order is by instant, never by text, so the list of trips is fetched and sorted before the rows; if a filter needs
the feedback, only the feedback is decrypted first. Nothing decrypted is logged. The tally counts states and keys of
bundles, so it is the same for a source and for its export.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Any

from strava_pipeline.core.batches import batches
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.json_values import finite_number, parse_instant
from strava_pipeline.core.limits import TripLimits
from strava_pipeline.core.process import without_garbage_collection
from strava_pipeline.trips.activity.reading.columns import (
    Column,
    bundle_of,
    number,
    plain_json,
    read_column,
    token_bytes,
)
from strava_pipeline.trips.activity.reading.keys import KeyRing
from strava_pipeline.trips.activity.reading.source import (
    ENCRYPTED,
    FEEDBACK,
    GROUPS,
    MEASURED,
    PLAIN,
    PROPERTIES,
    Filters,
    ListedTrip,
    TripSource,
)
from strava_pipeline.trips.activity.rules.bundle import Bundle, State, entry_comment

log = logging.getLogger(__name__)

BATCH_POINTS = (
    50_000  # points in memory at once: some 50 MB as Python objects; more would overflow the processor's cache
)
SEALED_BYTES = 4_000_000  # of a batch in a run, whose memory other things share: some 20,000 points


class Unread(Enum):
    """Instead of a column's content; it isn't a token."""

    TOO_LARGE = "too large"


TOO_LARGE = Unread.TOO_LARGE
_FAILED = {
    State.UNDECRYPTABLE: "is undecryptable: no key opens it, or it is no token",
    State.MALFORMED: "is malformed: it decrypts, but not to JSON of its type",
}


@dataclass(frozen=True, slots=True)
class _Portion:
    """Keys of trips that are read at once. `large`: the columns that are too large to read, by key."""

    keys: Sequence[Any]
    large: Mapping[Any, frozenset[str]]


def read_bundles(
    source: TripSource,
    keys: KeyRing,
    filters: Filters = Filters(),
    *,
    order: Sequence[ListedTrip] | None = None,
    batch_points: int = BATCH_POINTS,
) -> Iterator[list[Bundle]]:
    """The trips that pass the filters, latest start first (those without a start last), then the highest id first.

    `order`: these trips instead, from `in_order`. A batch has at most `batch_points` points, except for a single trip
    with more. A column that can't be decrypted is a state of its bundle and one WARNING with the trip's id and the
    column. Raises SourceError.
    """
    chosen = in_order(source, filters) if order is None else order
    yield from batched(_opened(source, keys, filters, chosen), batch_points)


def sealed_rows(source: TripSource, order: Sequence[ListedTrip]) -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    """The rows of these trips as they are, each with its key, in batches; a row that is gone is left out."""
    yield from batches(_sealed(source, order, (*PLAIN, *ENCRYPTED)), _sealed_bytes, SEALED_BYTES)


def _sealed(
    source: TripSource, order: Sequence[ListedTrip], columns: Sequence[str]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    for portion in _measured(source, portions(order, source.rows_at_once, source.points_at_once)):
        rows = _rows(source, portion.keys, columns, portion)
        yield from ((key, rows[key]) for key in portion.keys if key in rows)


def _sealed_bytes(trip: tuple[Any, Mapping[str, Any]]) -> int:
    return sum(len(token) for name in ENCRYPTED if isinstance(token := trip[1][name], str | bytes))


def sealed_hashes(source: TripSource, order: Sequence[ListedTrip]) -> Iterator[tuple[Any, bytes]]:
    """Each trip's key, and the hash of its encrypted columns as they are."""
    return ((key, sealed_hash(row)) for key, row in _sealed(source, order, ("id", *ENCRYPTED)))


def sealed_hash(row: Mapping[str, Any]) -> bytes:
    """The hash of a row's encrypted columns; it doesn't depend on the type that the source gives them."""
    whole = hashlib.sha256()  # which processors compute in half the time of MD5
    for name in ENCRYPTED:
        token = token_bytes(row[name])
        whole.update(b"%d:" % (-1 if token is None else len(token)) + (token or b""))
    return whole.digest()


def batched(bundles: Iterable[Bundle], batch_points: int = BATCH_POINTS) -> Iterator[list[Bundle]]:
    """Trips in batches of at most `batch_points` points, except for a single trip with more."""
    return batches(bundles, lambda trip: max(1, len(trip.locations)), batch_points)


def probe(source: TripSource) -> dict[str, Any]:
    """The contents of a source, as JSON, without a key: numbers of trips, and the latest one's plain columns. Raises
    SourceError.
    """
    groups, present = source.counts()
    counted = [dict(zip((*GROUPS, "trips"), group, strict=True)) for group in groups]
    counted.sort(key=lambda group: [(group[name] is None, str(group[name])) for name in GROUPS])
    latest = max(source.listed(Filters()), key=_age, default=None)
    row = source.rows([latest.key], PLAIN).get(latest.key) if latest else None
    return {
        "total": sum(group["trips"] for group in counted),
        "groups": counted,
        "encrypted_present": present,
        "latest": plain_json(row) if row else None,
    }


def refuse_unknown(source: TripSource, filters: Filters) -> None:
    """Raise MisuseError if the source has no trip with one of the filters' values, which is then probably mistyped."""
    by_column = {
        "external_id": lambda value: Filters(external_ids=(value,)),
        "status": lambda value: Filters(statuses=(value,)),
        "review_status": lambda value: Filters(review_statuses=(value,)),
    }
    for column, values in filters.plain.items():
        missing = [value for value in values if not any(True for _ in source.listed(by_column[column](value)))]
        if missing and column == "external_id":
            raise MisuseError(f"There is no trip {', '.join(sorted(missing))}.")
        if missing:
            place = GROUPS.index(column)
            there = sorted({str(group[place]) for group in source.counts()[0] if group[place] is not None})
            raise MisuseError(
                f"No trip has the {column} {', '.join(sorted(missing))}. There are: {', '.join(there) or 'none'}."
            )


def in_order(source: TripSource, filters: Filters = Filters()) -> list[ListedTrip]:
    """The trips that pass the plain filters, latest first. Raises SourceError, also if ids are not unique."""
    listed = list(source.listed(filters))
    times = Counter(entry.key for entry in listed)
    for key, count in times.items():
        if count > 1 or key is None or isinstance(key, bytes):
            raise source.ambiguous(is_unique=key is None or count == 1)
    return sorted(listed, key=_age, reverse=True)


def _opened(source: TripSource, keys: KeyRing, filters: Filters, order: Sequence[ListedTrip]) -> Iterator[Bundle]:
    left = len(order) if filters.limit is None else filters.limit
    if not filters.needs_feedback:
        order = order[:left]
    for portion in _measured(source, portions(order, source.rows_at_once, source.points_at_once)):
        if left <= 0:
            return
        decrypted: dict[Any, dict[str, Column]] = {key: {} for key in portion.keys}
        if filters.needs_feedback:
            decrypted = dict(islice(_with_feedback(source, keys, filters, portion), left))
        columns = [name for name in ENCRYPTED if not (filters.needs_feedback and name == FEEDBACK)]
        rows = _rows(source, list(decrypted), (*PLAIN, *columns), portion)
        found = [(rows[key], ready) for key, ready in decrypted.items() if key in rows]
        left -= len(found)
        with without_garbage_collection():
            opened = [open_trip(row, keys, source.limits, ready) for row, ready in found]
        yield from opened


def open_trip(
    row: Mapping[str, Any], keys: KeyRing, limits: TripLimits, decrypted: Mapping[str, Column] = {}
) -> Bundle:
    """The bundle of a row; `decrypted`: its encrypted columns that were decrypted before, by name."""
    wanted = [name for name in ENCRYPTED if name not in decrypted]
    return bundle_of(row, {**decrypted, **{name: _column(name, row, keys, limits) for name in wanted}})


def _with_feedback(
    source: TripSource, keys: KeyRing, filters: Filters, portion: _Portion
) -> Iterator[tuple[Any, dict[str, Column]]]:
    """The trips whose feedback passes the filters, with that column decrypted."""
    rows = _rows(source, portion.keys, ("id", FEEDBACK), portion)
    for key, row in ((key, rows[key]) for key in portion.keys if key in rows):
        feedback = _column(FEEDBACK, row, keys, source.limits)
        comments = {entry_comment(entry) for entry in feedback.value}
        if feedback.value and (not filters.comments or not comments.isdisjoint(filters.comments)):
            yield key, {FEEDBACK: feedback}


def _measured(source: TripSource, all_portions: Iterable[list[Any]]) -> Iterator[_Portion]:
    """Portions, split further so that each fits in memory, whatever its trips' own point counts."""
    for keys in all_portions:
        sizes, limits = source.sizes(keys), source.limits
        readable = Counter(
            {key: sum(size for size in each if size <= limits.column_bytes) for key, each in sizes.items()}
        )
        for part in batches(keys, readable.__getitem__, limits.bytes_at_once):
            yield _portion(part, sizes, limits)


def _portion(keys: list[Any], sizes: Mapping[Any, tuple[int, ...]], limits: TripLimits) -> _Portion:
    large = {
        key: frozenset(
            name for name, size in zip(MEASURED, sizes.get(key, ()), strict=False) if size > limits.column_bytes
        )
        for key in keys
    }
    return _Portion(keys, {key: names for key, names in large.items() if names})


def _rows(
    source: TripSource, keys: Sequence[Any], columns: Sequence[str], portion: _Portion
) -> dict[Any, dict[str, Any]]:
    """Like `TripSource.rows`; a column that is too large becomes TOO_LARGE and is not fetched."""
    found = source.rows([key for key in keys if key not in portion.large], columns)
    for key in keys:
        if (large := portion.large.get(key)) is not None:
            fetched = source.rows([key], [name for name in columns if name not in large])
            found |= {key: dict.fromkeys(large, TOO_LARGE) | row for key, row in fetched.items()}
    for row in found.values():
        if row.get(PROPERTIES) is TOO_LARGE:
            log.warning("trip %s: %s %s.", row["id"], PROPERTIES, source.limits.exceeded)
            row[PROPERTIES] = None
    return found


def _column(name: str, row: Mapping[str, Any], keys: KeyRing, limits: TripLimits) -> Column:
    content, trip = row[name], row["id"]
    if content is TOO_LARGE or (isinstance(content, str | bytes) and len(content) > limits.column_bytes):
        log.warning("trip %s: %s %s.", trip, name, limits.exceeded)
        return read_column(name, TOO_LARGE, ())
    column = read_column(name, content, keys.keys)
    if column.state in _FAILED:
        log.warning("trip %s: %s %s.", trip, name, _FAILED[column.state])
    return column


def portions(order: Sequence[ListedTrip], rows: int, points: int) -> Iterator[list[Any]]:
    """Keys of trips to fetch at once: at most `rows` of them, with at most `points` points by their `location_count`."""

    def weight(entry: ListedTrip) -> int:
        counted = finite_number(number(entry.location_count))
        return int(counted) if counted is not None and 1 <= counted <= points else 1

    for portion in batches(order, weight, points, longest=rows):
        yield [entry.key for entry in portion]


def _age(entry: ListedTrip) -> tuple[bool, float, int, Any]:
    """The key that sorts trips by start, then id; ids of several types (SQLite accepts any) stay comparable."""
    start, of_number = parse_instant(entry.start_time), finite_number(number(entry.id))
    of_id = (1, str(entry.id)) if of_number is None else (0, number(entry.id))
    return (start is not None, start or 0.0, *of_id)


@dataclass(slots=True)
class Tally:
    """States and keys of trips. `keys`: the number of keys, so that an unused key shows as 0 and can be removed."""

    keys: int = 0
    trips: int = 0
    _states: Counter[tuple[str, State]] = field(default_factory=Counter, repr=False)
    _by_key: Counter[int] = field(default_factory=Counter, repr=False)

    def add(self, bundles: Iterable[Bundle]) -> None:
        """Count these trips."""
        for bundle in bundles:
            decryption = bundle.decryption
            self.trips += 1
            self._states["locations", decryption.locations] += 1
            self._states["activityDistribution", decryption.activity_distribution] += 1
            self._states["feedback", decryption.feedback] += 1
            if decryption.key_index is not None:
                self._by_key[decryption.key_index] += 1

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """For each encrypted column, by the names of a bundle's `decryption`, how many trips are in each state."""
        return {
            column: {state.value: self._states[column, state] for state in State}
            for column in ("locations", "activityDistribution", "feedback")
        }

    @property
    def keys_used(self) -> dict[str, int]:
        """How many trips' `locations` each key decrypted, by its index."""
        return {str(index): self._by_key[index] for index in sorted({*range(self.keys), *self._by_key})}
