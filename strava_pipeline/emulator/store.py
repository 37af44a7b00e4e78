"""The athlete's activities in memory: found by id, listed in order, cut into pages, changed by orders.

A row holds what listing and totals need; its document is made when it is asked for. No HTTP and no clock: the epoch
comes in with every question, because an activity may exist only from a moment on.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from strava_pipeline.emulator.documents import Document, Source, epoch_of, is_only_me
from strava_pipeline.emulator.wire import Json


@dataclass(frozen=True, slots=True)
class Row:
    """One activity. `start` and `appears` are epoch seconds; distances in metres, times in seconds."""

    id: int
    start: int
    appears: float
    only_me: bool
    kind: str
    distance: float
    moving_time: int
    elapsed_time: int
    gain: float
    source: Source

    @classmethod
    def of_document(cls, activity: Json, *, appears: float = float("-inf"), recorded: Source | None = None) -> "Row":
        """From a summary or a detail; raises ValueError where id or start_date are unusable."""
        identity = activity.get("id")
        if not isinstance(identity, int) or isinstance(identity, bool):
            raise ValueError(f"id is {identity!r}, not a whole number")
        return cls(
            id=identity,
            start=epoch_of(activity.get("start_date")),
            appears=appears,
            only_me=is_only_me(activity),
            kind=str(activity.get("type") or activity.get("sport_type") or ""),
            distance=activity.get("distance") or 0.0,
            moving_time=activity.get("moving_time") or 0,
            elapsed_time=activity.get("elapsed_time") or 0,
            gain=activity.get("total_elevation_gain") or 0.0,
            source=Document(activity, recorded),
        )

    @property
    def order(self) -> tuple[int, int]:
        """Strava's order of a listing, oldest first."""
        return self.start, self.id


class Store:
    """All rows. `epoch` is the emulator's now: what appears later isn't there yet."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {row.id: row for row in rows}
        self._view: tuple[bool, list[Row]] | None = None
        self._view_from = self._view_until = float("-inf")

    def get(self, identity: int, epoch: float) -> Row | None:
        """The row of that id, if it exists now."""
        row = self._rows.get(identity)
        return row if row is not None and row.appears <= epoch else None

    def existing(self, epoch: float) -> list[Row]:
        """All that exist now, ascending by id."""
        return sorted((row for row in self._rows.values() if row.appears <= epoch), key=lambda row: row.id)

    def listed(self, epoch: float, *, private: bool, after: float | None, before: float | None) -> list[Row]:
        """What a listing runs through: newest first, but oldest first as soon as `after` is given."""
        rows = self._visible(epoch, private)
        first = 0 if after is None else bisect_right(rows, after, key=lambda row: row.start)
        last = len(rows) if before is None else bisect_left(rows, before, key=lambda row: row.start)
        window = rows[first : max(first, last)]
        return window if after is not None else window[::-1]

    def put(self, row: Row) -> None:
        """Add a row, or put it in place of the one with its id."""
        self._rows[row.id] = row
        self._view = None

    def remove(self, identity: int) -> None:
        """Delete one."""
        del self._rows[identity]
        self._view = None

    def newest_id(self) -> int:
        """The greatest id there is (0 without any)."""
        return max(self._rows, default=0)

    def _visible(self, epoch: float, private: bool) -> list[Row]:
        """Oldest first; kept until something changes or appears."""
        if self._view is None or self._view[0] != private or epoch >= self._view_until or epoch < self._view_from:
            shown = [row for row in self._rows.values() if row.appears <= epoch and (private or not row.only_me)]
            shown.sort(key=lambda row: row.order)
            self._view = (private, shown)
            self._view_from = epoch
            self._view_until = min(
                (row.appears for row in self._rows.values() if row.appears > epoch), default=float("inf")
            )
        return self._view[1]
