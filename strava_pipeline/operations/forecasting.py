"""What a run will take, told as soon as its listing's first page is here: its calls by stage, and when they are done.

What the listing still holds is counted in gold where whole listings cover that stretch, and else reckoned from what came
(core/plan.py). Details are those that gold lacks, and of what is still to come as many as of the first pages.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from statistics import median

from strava_pipeline.core.activities import local_years, start_instants
from strava_pipeline.core.plan import (
    LEAST,
    MOST,
    Bounds,
    Forecast,
    ReceivedActivities,
    estimate_season,
    expected_between,
    remaining_pages,
)
from strava_pipeline.core.rows import Json
from strava_pipeline.ingest.provider import Page
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.manifests import Manifest
from strava_pipeline.lake.gold.coverage import Coverage, coverage_of, differences, first_pull_ended_at
from strava_pipeline.lake.gold.fetch_selection import select_details
from strava_pipeline.lake.gold.quality import count_between
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.fetching import scope_of
from strava_pipeline.operations.options import DetailsOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.strava_source import StravaSource

FULL = 2 / 3  # Strava leaves out what it may not show after it cut the page: an emptier one is taken for the last


@dataclass(frozen=True, slots=True)
class _Details:
    """Details due whatever the listing brings, and those that it brings anew or edited per activity that may have any."""

    due: int
    per_activity: float
    since: datetime | None  # what starts earlier brings none


@dataclass(frozen=True, slots=True)
class _Rest:
    """Activities that a listing still holds, and those of them that may bring a detail; counted in gold or reckoned.

    `is_certain`: there is more, because the page was full and it is known how far back the athlete goes.
    """

    expected: float
    detailed: float
    is_counted: bool
    is_certain: bool


class Forecaster:
    """Looks at a run's listing as it grows. `details`: how the run fetches them; None: it doesn't."""

    def __init__(
        self, run: RunContext, source: StravaSource, years: Sequence[int], details: DetailsOptions | None
    ) -> None:
        self._run, self._source = run, source
        self._years, self._config = years, details
        self._details: _Details | None = None
        self._listed = 0  # activities that came and may bring a detail
        self._latitude: float | None = None
        self._is_first_pull = first_pull_ended_at(run.lake) is None  # now: afterwards the listing itself is one

    def __call__(self, listing: Listing, page: Page | None, per_page: int, made: int) -> Forecast:
        """The forecast as of now, `made` calls after the run began; `page` is the one that just came."""
        if page is not None and self._latitude is None:
            self._latitude = _latitude(page)
        whole = listing.manifest.complete and listing.manifest.whole_pages > 2  # the first of them told of itself alone
        if self._details is None or whole:
            self._details = self._judge(listing)
        elif page is not None:
            self._listed += sum(self._may_bring_one(one, self._details.since) for one in page.activities)
        rest = self._rest_of(listing, fullness=len(page.activities) / per_page if page is not None else 1.0)
        pages, still = self._calls(rest, per_page)
        pace, bounds = self._source.pace, self._bounds(rest, per_page, made)
        at_most = pages + still if bounds is None else bounds.most - made
        return Forecast(
            made, pages, still, pace.done_at(pages + still), bounds, needs_another_day=pace.needs_another_day(at_most)
        )

    def _rest_of(self, listing: Listing, *, fullness: float) -> "_Rest | None":
        """What is still to be listed; None: nothing. `fullness`: how much of the page that came holds activities."""
        if listing.manifest.complete:
            return None
        begin, end = self._rest(listing)
        reaches_back = listing.remaining_window()[0] is not None or self._known.joined is not None
        if fullness < (FULL if reaches_back else 1.0):
            return _Rest(0.0, 0.0, is_counted=True, is_certain=False)
        expected = self._expected(listing.manifest, begin, end)
        since = self._details.since if self._details is not None else None
        return _Rest(
            expected,
            expected if since is None else self._expected(listing.manifest, max(begin, since), end),
            is_counted=begin < end and self._known.is_covered(begin, end),
            is_certain=reaches_back and fullness == 1.0,
        )

    def _calls(self, rest: "_Rest | None", per_page: int, share: float = 1.0) -> tuple[int, int]:
        """Those still to be made to list and for details, where a share of the expected rest comes."""
        found = self._details or _Details(0, 0.0, None)
        detailed = rest.detailed * share if rest is not None else 0.0
        pages = remaining_pages(rest.expected * share, per_page) if rest is not None else 0
        return pages, found.due + round((self._listed + detailed) * found.per_activity)

    def _bounds(self, rest: "_Rest | None", per_page: int, made: int) -> Bounds | None:
        if rest is None or rest.is_counted:
            return None
        fewest, most = (sum(self._calls(rest, per_page, share)) for share in (LEAST * rest.is_certain, MOST))
        if fewest == most:
            return None
        pace = self._source.pace
        return Bounds(made + fewest, made + most, pace.done_at(fewest), pace.done_at(most))

    def _judge(self, listing: Listing) -> _Details:
        if self._config is None:
            return _Details(0, 0.0, None)
        run = self._run
        scope = scope_of(run, self._source.settings, self._config)
        known: set[int] = set()
        due = 0
        is_there = run.lake.working.exists()
        with reading(run.lake) if is_there else nullcontext():  # once for both looks
            if is_there:
                wanted = select_details(run.lake, self._years, scope, run.now())
                due = len(wanted.due) + len(wanted.refresh)
                known = {one.activity_id for one in (*wanted.due, *wanted.refresh, *wanted.resting)}
            brings = differences(run.lake, listing, self._years, run.years)
        since = scope.since if self._is_first_pull or scope.new_since is None else None
        inside = {key for key, start in brings.listed.items() if _is_inside(start and start.replace(tzinfo=UTC), since)}
        news = brings.of_sports((brings.inserted & inside) | brings.edited, scope.sports) - known
        self._listed = len(inside)
        return _Details(due, len(news) / max(len(inside), 1), since)

    def _may_bring_one(self, activity: Json, since: datetime | None) -> bool:
        (year,) = local_years([activity])
        return self._run.years.clamp(year) in self._years and _is_inside(
            next(iter(start_instants([activity])), None), since
        )

    def _rest(self, listing: Listing) -> tuple[datetime, datetime]:
        """Which stretch is still to be listed."""
        after, before = listing.remaining_window()
        now = self._run.now()
        end = now if before is None else min(datetime.fromtimestamp(before, UTC), now)
        if after is not None:
            return datetime.fromtimestamp(after, UTC), end
        return self._known.joined or datetime(self._run.years.first, 1, 1, tzinfo=UTC), end

    def _expected(self, manifest: Manifest, begin: datetime, end: datetime) -> float:
        if begin < end and self._known.is_covered(begin, end):
            with reading(self._run.lake) as connection:
                return count_between(connection, begin, end)
        seen = ReceivedActivities(manifest.rows, manifest.oldest, manifest.newest)
        return expected_between(begin, end, seen, estimate_season(self._known.season(but=self._years), self._latitude))

    @cached_property
    def _known(self) -> Coverage:
        return coverage_of(self._run.lake, self._run.years, self._run.now())


def _is_inside(start: datetime | None, since: datetime | None) -> bool:
    return since is None or (start is not None and start >= since)


def _latitude(page: Page) -> float | None:
    """Where the athlete mostly starts, north or south: only how far summer and winter differ there is taken from it."""
    found = [activity.get("start_latlng") for activity in page.activities]
    return median([one[0] for one in found if isinstance(one, list) and one and isinstance(one[0], float)] or [0.0])
