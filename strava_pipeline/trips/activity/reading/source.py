"""The table `activity_trip`: the interface of every source of trips, and from a URL to an open source or to its file.

A source lists trips, returns rows and counts. It never writes, sorts nothing and decrypts nothing: order, limit and
decryption are read.py's. Each kind of source is imported when one is opened, so that asking for a path costs nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from strava_pipeline.core.errors import MisuseError, SourceError
from strava_pipeline.core.limits import TripLimits

TABLE = "activity_trip"
LOCATIONS, MIX, FEEDBACK = "locations", "activity_distribution", "user_feedback"
ENCRYPTED = (LOCATIONS, MIX, FEEDBACK)
PROPERTIES = "extra_properties"
MEASURED = (*ENCRYPTED, PROPERTIES)  # columns of any size
PLAIN = (
    "id",
    "external_id",
    "platform",
    "status",
    "review_status",
    "rejection_reason",
    "distance_meters",
    "start_time",
    "end_time",
    "duration_seconds",
    "location_count",
    "activity_type",
    PROPERTIES,
    "created_at",
)
GROUPS = ("status", "review_status", "platform")
UPDATED = "updated_at"  # listed if the table has it
HEAD = 44  # characters: a Fernet token begins with its time and 16 random bytes, so no two encryptions share them
PAGE = 10_000  # rows of a page of the listing: some megabytes


@dataclass(frozen=True, slots=True)
class Filters:
    """The selected trips: each given kind of filter must match, by any of its values. `limit` applies last."""

    external_ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    review_statuses: tuple[str, ...] = ()
    only_with_feedback: bool = False
    comments: tuple[str, ...] = ()
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise MisuseError(f"{self.limit} is no limit: it is a number of trips, 0 or more.")

    @property
    def plain(self) -> dict[str, list[str]]:
        """The columns by which a source can filter, each with its values."""
        asked = {
            "external_id": self.external_ids,
            "status": self.statuses,
            "review_status": self.review_statuses,
        }
        return {column: list(values) for column, values in asked.items() if values}

    @property
    def needs_feedback(self) -> bool:
        """Whether a filter needs the decrypted feedback."""
        return self.only_with_feedback or bool(self.comments)


class ListedTrip(NamedTuple):
    """A trip of the list: `key` finds its row again, the rest sorts the trips and gives each one's size."""

    key: Any
    id: Any
    start_time: Any
    location_count: Any


class Page(NamedTuple):
    """A page of the listing: each trip's key as JSON, its id as text, and a hash that differs when the row does.

    It is written to disk while it is compared, so nothing else of a row may be in it.
    """

    keys: list[str]
    ids: list[str | None]
    hashes: list[str]


class Counts(NamedTuple):
    """(status, review_status, platform, trips) of each group, and the number of trips with a value in each encrypted column."""

    groups: list[tuple[Any, ...]]
    present: dict[str, int]


class TripSource(ABC):
    """One open source. `name` is for messages and contains no password. Every method raises SourceError."""

    name: str
    limits: TripLimits = TripLimits()
    rows_at_once: int = 256
    points_at_once: int = 100_000  # some 17 MB of tokens

    @abstractmethod
    def listed(self, filters: Filters) -> Iterable[ListedTrip]:
        """The trips that pass the plain filters, in no order; no encrypted column is read."""

    @abstractmethod
    def pages(self) -> Iterator[Page]:
        """All trips, a page at a time, in the order of their keys, so that no trip is left out while others come and go.

        Of the encrypted columns only the length and the first HEAD characters are listed. A trip whose id is not unique
        may be listed twice.
        """

    @abstractmethod
    def rows(self, keys: Sequence[Any], columns: Sequence[str]) -> dict[Any, dict[str, Any]]:
        """These columns of these trips, by key, without trips deleted since the listing."""

    @abstractmethod
    def sizes(self, keys: Sequence[Any]) -> dict[Any, tuple[int, ...]]:
        """The size in bytes of each of the columns MEASURED of these trips, by key, without reading them; 0 if empty.

        A source that would have to read the columns returns nothing.
        """

    @abstractmethod
    def counts(self) -> Counts:
        """The number of trips in each group; for encrypted columns only whether they are NULL."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; a second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ambiguous(self, *, is_unique: bool) -> SourceError:
        """The error for a trip whose id is not unique, or else unusable."""
        what = "a trip without a usable id" if is_unique else "several trips with one id"
        return SourceError(f"{self.name} has {what}: nothing tells them apart. Make id unique and not null.")

    @staticmethod
    def _paged(page: Callable[[Any], list[tuple[Any, ...]]]) -> Iterator[Page]:
        """The pages of `page(key)`: up to PAGE rows (key, key as JSON, id, hash) from this key on, or from the first one.

        A page begins with the last row of the page before, so that a second row with its key isn't passed over.
        """
        after: Any = None
        while True:
            rows = page(after)
            is_last = len(rows) < PAGE or rows[-1][0] == after
            if after is not None and rows and rows[0][0] == after:
                del rows[0]
            if rows:
                after = rows[-1][0]
                keys, ids, hashes = (list(column) for column in list(zip(*rows, strict=True))[1:])
                yield Page(keys, ids, hashes)
            if is_last:
                return

    def check(self, columns: Iterable[str]) -> None:
        """Raise SourceError unless `columns` include all required ones; none at all means that there is no table."""
        present = set(columns)
        if not present:
            raise SourceError(f"{self.name} has no table {TABLE}; is it the right database?")
        missing = [column for column in (*PLAIN, *ENCRYPTED) if column not in present]
        if missing:
            raise SourceError(f"{TABLE} of {self.name} has no column {', '.join(missing)}; is it the right table?")
