"""The list of activities in both of Garmin's APIs: by positions counted from its newest entry, which move.

A client of either one is an `ActivityLister`; it says how many rows a call may ask for. No login here.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

from strava_pipeline.core.errors import TransientError
from strava_pipeline.core.providers import ReadPage
from strava_pipeline.ingest.garmin.record import NAME, rows
from strava_pipeline.ingest.provider import Page
from strava_pipeline.ingest.service_client import Answer, ServiceClient, ServiceProvider

LISTING = "/activitylist-service/activities/search/activities"
OVERLAP = 5  # rows that a page repeats of the one before: so many may vanish in between without a row being missed
SLACK = 20  # a page is the last one if more than a twentieth of the requested rows is missing
CAPS = (20, 25, 50)  # rows that a service gives at most, whatever is asked for; the web site asks for 20
REPEATS = 3  # pages in a row that are the same: the service does not heed `start`
MOST_EMPTY = 3  # empty pages at one place, after pages with rows: each leads back, since it isn't the end
FIRST_DAY = date(1970, 1, 1)


class ActivityLister(ServiceProvider):
    """A client that lists activities, a page of at most `largest_page` rows a call.

    If a call for that many is answered with 500, half of them are asked for, and so on down to `smallest_page`.
    """

    largest_page: ClassVar[int]
    smallest_page: ClassVar[int]

    def __init__(self, base_url: str, service: ServiceClient) -> None:
        super().__init__(NAME, base_url, service)
        self._most = self.largest_page

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        """As the protocol says; the days around the window, newest first, each activity in one page only.

        The list goes by positions counted from its newest entry, which move when an activity is added or deleted. So
        each page begins with the last rows of the one before; if none of these is there, it goes back until it meets a
        row it knows. So the end of the list is always a page with rows, unless the list has none at all.
        """
        seen: set[str] = set()
        days = days_around(after, before)
        number = place = repeated = 0
        empty = Counter[int]()  # pages without a row, by place
        last: list[str] = []
        while True:
            start = max(0, place - OVERLAP)
            calls = self.calls
            limit, answer = self._rows_from(start, per_page + place - start, days)
            read = self.spec.read_page(answer.json)
            keys = [activity["source_id"] for activity in read.activities] + [item.digest for item in read.unreadable]
            is_hole = bool(seen) and not keys
            is_adjoining = not seen.isdisjoint(keys) or (start == 0 and not is_hole)
            empty[start] += is_hole
            if empty[start] > MOST_EMPTY:
                raise TransientError(f"GET {LISTING}: {self.spec.title} gives empty pages in the middle of the list")
            if not seen.issuperset(keys):
                number += 1
                beyond = limit - (place - start)  # rows requested besides the repeated ones
                yield Page(number, beyond, _unseen(read, seen), answer.body, answer.fetched_at, self.calls - calls)
            repeated = repeated + 1 if keys and keys == last else 0
            if repeated >= REPEATS:
                raise TransientError(f"GET {LISTING}: the list of {self.spec.title} repeats itself page after page")
            last = keys
            seen.update(keys)
            if not is_adjoining:
                place = max(0, start - limit + OVERLAP)
            elif len(answer.json) >= limit - limit // SLACK:
                place = start + limit
            elif len(answer.json) in CAPS:
                place = start + len(answer.json)
            else:
                return

    def _rows_from(self, start: int, wanted: int, days: Mapping[str, str]) -> tuple[int, Answer]:
        """The number of rows asked for, from a position of the list on, and the answer. A size that worked is kept."""
        while True:
            limit = min(wanted, self._most)
            try:
                return limit, self._service.get(LISTING, {"start": start, "limit": limit, **days}, check=rows)
            except TransientError as error:
                if error.status != 500 or limit <= self.smallest_page:
                    raise
                self._most = max(limit // 2, self.smallest_page)


def days_around(after: int | None, before: int | None) -> dict[str, str]:
    """The days to ask for, both included. The list goes by the athlete's local day, which may be the one before or after."""
    day = timedelta(days=1)
    asked = {}
    if after is not None or before is not None:
        first = FIRST_DAY if after is None else max((_utc(after) - day).date(), FIRST_DAY)
        asked["startDate"] = first.isoformat()
    if before is not None:
        asked["endDate"] = (_utc(before) + day).date().isoformat()
    return asked


def _utc(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _unseen(read: ReadPage, seen: Container[str]) -> ReadPage:
    """The activities of a page that earlier pages lacked."""
    activities = [activity for activity in read.activities if activity["source_id"] not in seen]
    return replace(
        read, activities=activities, unreadable=[item for item in read.unreadable if item.digest not in seen]
    )
