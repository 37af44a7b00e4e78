"""The athlete's activities in memory: as documents, in a store that lists them, and cut into pages.

No HTTP and no clock: callers give the epoch, because an activity may exist only from some moment on. How documents of
generated activities are made is in summaries.py and details.py.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Protocol, TypeVar

from strava_pipeline.emulator.service import Json

T = TypeVar("T")

# What a DetailedActivity has and a SummaryActivity lacks: developers.strava.com/docs/reference, and real answers.
# fmt: off
DETAIL_ONLY = frozenset({
    "available_zones", "best_efforts", "calories", "description", "device_name", "embed_token", "gear",
    "hide_from_home", "highlighted_kudosers", "laps", "leaderboard_opt_out", "partner_brand_tag",
    "perceived_exertion", "photos", "prefer_perceived_exertion", "private_note", "segment_efforts",
    "segment_leaderboard_opt_out", "similar_activities", "splits_metric", "splits_standard", "stats_visibility",
})
# fmt: on
EFFORTS_BY_DEFAULT = 3  # segment efforts in a detail without include_all_efforts


class Source(Protocol):
    """Gives the documents of one activity, field by field as Strava sends them."""

    def summary(self) -> Json:
        """The activity as a list shows it."""

    def detail(self) -> Json:
        """The activity as a detail request with all efforts shows it."""

    def streams(self) -> dict[str, list[Any]] | None:
        """The recorded values by key, all of one length; None for an activity without recording."""


class Document:
    """An activity kept as one object, summary or detail, and served unchanged: a missing field stays missing.

    `recorded` is the source before an edit; its recording stays.
    """

    __slots__ = ("_object", "_recorded")

    def __init__(self, activity: Json, recorded: Source | None = None) -> None:
        self._object, self._recorded = activity, recorded

    def summary(self) -> Json:
        """The object without the fields that only details have."""
        return summary_of(self._object)

    def detail(self) -> Json:
        """The object itself; a summary stays a summary."""
        return with_state(self._object, 3)

    def streams(self) -> dict[str, list[Any]] | None:
        """The streams of the recording, if there is one."""
        return self._recorded.streams() if self._recorded else None


@dataclass(frozen=True, slots=True)
class Row:
    """What lists need of an activity; `source` makes its documents on request.

    `start` and `appears` (the moment from which the activity exists) in epoch seconds.
    """

    id: int
    start: int
    appears: float
    only_me: bool
    source: Source

    @classmethod
    def of_document(cls, activity: Json, *, appears: float = float("-inf"), recorded: Source | None = None) -> "Row":
        """The row of a summary or a detail; raises ValueError if its id or start_date can't be used."""
        identity = activity.get("id")
        if not isinstance(identity, int) or isinstance(identity, bool):
            raise ValueError(f"id is {identity!r}, not a whole number")
        return cls(
            id=identity,
            start=epoch_of(activity.get("start_date")),
            appears=appears,
            only_me=is_only_me(activity),
            source=Document(activity, recorded),
        )

    @property
    def order(self) -> tuple[int, int]:
        """The sort key of a listing, oldest first."""
        return self.start, self.id


class Store:
    """The athlete's activities. `epoch` is the emulator's now: an activity that appears later does not exist yet."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {row.id: row for row in rows}
        self._view: tuple[bool, list[Row]] | None = None
        self._view_from = self._view_until = float("-inf")

    def get(self, identity: int, epoch: float) -> Row | None:
        """The activity with that id, if it exists now."""
        row = self._rows.get(identity)
        return row if row is not None and row.appears <= epoch else None

    def existing(self, epoch: float) -> list[Row]:
        """All activities that exist now, ascending by id."""
        return sorted((row for row in self._rows.values() if row.appears <= epoch), key=lambda row: row.id)

    def listed(self, epoch: float, *, private: bool, after: float | None, before: float | None) -> list[Row]:
        """The activities of a listing between two instants, both exclusive: newest first, with `after` oldest first."""
        rows = self._visible(epoch, private)
        first = 0 if after is None else bisect_right(rows, after, key=lambda row: row.start)
        last = len(rows) if before is None else bisect_left(rows, before, key=lambda row: row.start)
        window = rows[first : max(first, last)]
        return window if after is not None else window[::-1]

    def put(self, row: Row) -> None:
        """Add an activity, or replace the one with the same id."""
        self._rows[row.id] = row
        self._view = None

    def remove(self, identity: int) -> None:
        """Delete an activity."""
        del self._rows[identity]
        self._view = None

    def newest_id(self) -> int:
        """The greatest id; 0 without activities."""
        return max(self._rows, default=0)

    def _visible(self, epoch: float, private: bool) -> list[Row]:
        """Oldest first; sorted again only when an activity changes or appears."""
        if self._view is None or self._view[0] != private or epoch >= self._view_until or epoch < self._view_from:
            shown = [row for row in self._rows.values() if row.appears <= epoch and (private or not row.only_me)]
            shown.sort(key=lambda row: row.order)
            self._view = (private, shown)
            self._view_from = epoch
            self._view_until = min(
                (row.appears for row in self._rows.values() if row.appears > epoch), default=float("inf")
            )
        return self._view[1]


@dataclass(frozen=True, slots=True)
class Listing:
    """The parameters that all requests of one listing share."""

    after: int | None
    before: int | None
    per_page: int


@dataclass(slots=True)
class Pager:
    """Cuts a listing into pages, some of them shorter than requested although more rows follow.

    Strava cuts first and then leaves out rows that may not be shown. Here each row left out is a ghost: a page with g ghosts
    has per_page - g rows, and the next page starts after them, so that no row is lost and only a page beyond the end is
    empty. `always_short` gives most pages ghosts, by the seed; `shorten` gives ghosts to a single page.
    """

    seed: int
    always_short: bool
    _shortened: dict[Listing, dict[int, int]] = field(default_factory=dict)

    def cut(self, rows: Sequence[T], listing: Listing, page: int) -> Sequence[T]:
        """The rows of one page."""
        start = (page - 1) * listing.per_page
        if self.always_short or listing in self._shortened:
            start -= sum(self._ghosts(listing, earlier) for earlier in range(1, page))
        return rows[start : start + listing.per_page - self._ghosts(listing, page)]

    def shorten(self, listing: Listing, page: int, rows: int | None) -> None:
        """From now on, this page of this listing has `rows` rows (at least one; None: half of per_page)."""
        shown = max(1, listing.per_page // 2 if rows is None else rows)
        self._shortened.setdefault(listing, {})[page] = max(0, listing.per_page - shown)

    def _ghosts(self, listing: Listing, page: int) -> int:
        ghosts = self._shortened.get(listing, {}).get(page)
        if ghosts is not None:
            return ghosts
        if not self.always_short or listing.per_page == 1:
            return 0
        most = listing.per_page - 1
        if page % 4 == 0:  # every fourth page is nearly empty
            return most
        return Random(f"{self.seed}:ghosts:{page}").randint(1 if page == 1 else 0, max(1, most // 3))


def is_detailed(activity: Json) -> bool:
    """Whether an object is a detail: by its resource_state, or without one by a field that only details have."""
    if "resource_state" in activity:
        return bool(activity["resource_state"] == 3)
    return not DETAIL_ONLY.isdisjoint(activity)


def summary_of(activity: Json) -> Json:
    """The summary of an activity's document."""
    if not is_detailed(activity):
        return activity
    summary = with_state({key: value for key, value in activity.items() if key not in DETAIL_ONLY}, 2)
    track = summary.get("map")
    if isinstance(track, dict):
        summary["map"] = with_state({key: value for key, value in track.items() if key != "polyline"}, 2)
    return summary


def with_state(document: Json, state: int) -> Json:
    """The document with another resource_state, if it has one."""
    return {**document, "resource_state": state} if "resource_state" in document else document


def without_all_efforts(detail: Json) -> Json:
    """A detail as Strava sends it without include_all_efforts: with the first few efforts that aren't hidden."""
    efforts = detail.get("segment_efforts")
    if not isinstance(efforts, list):
        return detail
    shown = [effort for effort in efforts if not effort.get("hidden")]
    return {**detail, "segment_efforts": shown[:EFFORTS_BY_DEFAULT]}


def epoch_of(text: object) -> int:
    """The whole epoch seconds of an ISO date and time with a zone; raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"start_date is {text!r}, not an ISO date")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"start_date {text!r} has no time zone")
    return int(moment.timestamp())


def is_only_me(activity: Json) -> bool:
    """Whether only the athlete may see an activity."""
    return activity.get("visibility") == "only_me" or ("visibility" not in activity and activity.get("private") is True)
