"""How a listing is cut into pages, including pages that are shorter than asked although more follow.

The real Strava cuts first and then leaves out what may not be shown. Here those left out are ghosts: a page with g
ghosts brings per_page - g rows, and the next page goes on behind them. No row is lost and only what lies beyond the
end is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """What makes two requests parts of one listing."""

    after: int | None
    before: int | None
    per_page: int


@dataclass(slots=True)
class Pager:
    """Cuts pages; deterministic from the seed. `always_short` is the emulator's option, `shorten` a single fault."""

    seed: int
    always_short: bool
    _ordered: dict[Listing, dict[int, int]] = field(default_factory=dict)

    def cut(self, rows: Sequence[T], listing: Listing, page: int) -> Sequence[T]:
        """The rows of one page."""
        start = (page - 1) * listing.per_page
        if self.always_short or listing in self._ordered:
            start -= sum(self._ghosts(listing, earlier) for earlier in range(1, page))
        return rows[start : start + listing.per_page - self._ghosts(listing, page)]

    def shorten(self, listing: Listing, page: int, rows: int | None) -> None:
        """From now on this page of this listing brings `rows` rows (at least one; None: half of per_page)."""
        wanted = max(1, listing.per_page // 2 if rows is None else rows)
        self._ordered.setdefault(listing, {})[page] = max(0, listing.per_page - wanted)

    def _ghosts(self, listing: Listing, page: int) -> int:
        ordered = self._ordered.get(listing, {}).get(page)
        if ordered is not None:
            return ordered
        if not self.always_short or listing.per_page == 1:
            return 0
        most = listing.per_page - 1
        if page % 4 == 0:  # every fourth page is nearly empty
            return most
        return Random(f"{self.seed}:ghosts:{page}").randint(1 if page == 1 else 0, max(1, most // 3))
