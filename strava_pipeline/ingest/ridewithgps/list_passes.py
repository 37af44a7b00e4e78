"""Reading a list whose pages move while they are read: which page is asked for next, until nothing can have been missed.

The list begins with what was updated last and says how many trips there are. An update moves a trip to the front and the
ones before it back, past a border that was read: a trip then comes twice, and page 1 is asked for again. A deletion moves
trips forward, past the page that is read next, and the count falls: then the pages are read again. No calls here.
"""

from collections.abc import Callable, Sequence
from typing import Any

from strava_pipeline.ingest.ridewithgps.webhooks import id_text

MOST_PASSES = 5  # a list that changes during each of them is being worked on
MOST_REPEATED = 3  # pages without anything new: a service that repeats itself would never end


class ListPasses:
    """One listing of pages with `size` trips. `landed`: number and content of the pages before an interruption.

    `wanted`: the page to ask for next, or None if everything was read. `is_restless`: the list changed in every pass.
    """

    def __init__(self, size: int, landed: Sequence[tuple[int, Any]] = ()) -> None:
        self.wanted: int | None = 1
        self._size = size
        self.is_restless = False
        self._passes = self._repeated = 0
        self._seen: set[tuple[str | None, str]] = set()  # id and time of update of every trip, in any pass
        self._begin_pass()
        numbers = [number for number, _ in landed]
        is_one_pass = numbers == [*range(1, len(numbers) + 1)]
        for number, content in (
            landed if is_one_pass and all(_size_of(one) in (None, size) for _, one in landed) else ()
        ):
            self._enter(content)
            self.wanted = number + 1
        if self._pages and self._is_last(numbers[-1], landed[-1][1]):
            self.end()

    def fault(self, number: int) -> Callable[[Any], str | None]:
        """The fault of the answer to a page, as a function of its content."""

        def check(content: Any) -> str | None:
            if not isinstance(content, dict) or not isinstance(content.get("trips"), list):
                return "it holds no trips"
            count, size = _count_of(content), _size_of(content) or self._size
            if not content["trips"] and (number - 1) * size < ((self._count if count is None else count) or 0):
                return "it holds none of the trips that it counts"
            return None

        return check

    def add(self, number: int, content: Any) -> None:
        """Process a page."""
        is_new = self._enter(content)
        self._repeated = 0 if is_new else self._repeated + 1
        self.wanted = number + 1
        # This holds whatever the next address says, unless the count is only that of a page.
        is_whole = self._count is not None and len(self._in_pass) >= self._count and number >= _page_count_of(content)
        # New trips stand in front, so a second look ends at the first page without any.
        is_over = (self._is_look and not is_new) or self._repeated >= MOST_REPEATED
        if is_whole or is_over or self._is_last(number, content):
            self.end()

    def end(self) -> None:
        """Handle the end of the list, or of its unknown part: re-read pages that may have moved."""
        self._passes += 1
        moved, fell, pages = self._moved, self._fell, self._pages
        self._begin_pass(is_look=not fell)
        is_done = not (moved or fell) or pages < 2
        self.is_restless = not is_done and self._passes >= MOST_PASSES
        self.wanted = None if is_done or self.is_restless else 1

    def _begin_pass(self, *, is_look: bool = False) -> None:
        self._is_look = is_look  # only as far as something is new
        self._pages = self._repeated = 0
        self._in_pass: set[str | None] = set()
        self._count: int | None = None
        self._moved = self._fell = False

    def _enter(self, content: Any) -> bool:
        """Record a page; returns whether it contains anything new."""
        trips = [trip for trip in content["trips"] if isinstance(trip, dict)]
        keys = {id_text(trip.get("id")) for trip in trips}
        count = _count_of(content)
        if self._pages and self._count is not None and count is not None:
            self._moved |= not keys.isdisjoint(self._in_pass) or count > self._count
            self._fell |= count < self._count
        elif self._pages:
            self._moved = True  # without a count, what moved might not show
        self._pages += 1
        self._in_pass |= keys
        self._count = count
        versions = {(id_text(trip.get("id")), str(trip.get("updated_at"))) for trip in trips}
        is_new = not versions <= self._seen
        self._seen |= versions
        return is_new

    def _is_last(self, number: int, content: Any) -> bool:
        """Whether no page follows. A null next address proves nothing if more trips are counted."""
        pagination = _pagination(content)
        if not content["trips"]:
            return True
        if pagination.get("next_page_url") is not None:
            return False
        pages = _page_count_of(content)
        if pages > 0:
            return number >= pages
        if "next_page_url" not in pagination:
            return False
        size = _size_of(content) or self._size
        if self._count is not None:
            return number * size >= self._count
        return len(content["trips"]) < size


def _pagination(content: Any) -> dict[str, Any]:
    meta = content.get("meta")
    found = meta.get("pagination") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def _count_of(content: Any) -> int | None:
    count = _pagination(content).get("record_count")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _page_count_of(content: Any) -> int:
    """The number of pages; 0 if the service does not say."""
    count = _pagination(content).get("page_count")
    return count if isinstance(count, int) and not isinstance(count, bool) else 0


def _size_of(content: Any) -> int | None:
    size = _pagination(content).get("page_size")
    return size if isinstance(size, int) else None
