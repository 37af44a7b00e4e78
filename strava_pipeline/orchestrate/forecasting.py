"""What a run will take, told as soon as its listing's first page is here: its calls by stage, and when they are done.

What the listing still holds is counted in gold where whole listings cover that stretch, and else reckoned from what came
(core/forecast.py). Details are those that gold lacks, and of what is still to come as many as of the first pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from statistics import median

from strava_pipeline.core.activities import local_years, starts
from strava_pipeline.core.forecast import Forecast, Seen, expected_between, pages_still, season_of
from strava_pipeline.core.rows import Json
from strava_pipeline.ingest.strava.activities import Page
from strava_pipeline.lake.counts import count_between
from strava_pipeline.lake.differences import differences
from strava_pipeline.lake.known import Known, known_of
from strava_pipeline.lake.listings import Listing
from strava_pipeline.lake.manifests import Manifest
from strava_pipeline.lake.wanted import wanted_details
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.orchestrate.config import DetailsConfig
from strava_pipeline.orchestrate.fetching import scope_of
from strava_pipeline.orchestrate.resources import Pipeline


@dataclass(frozen=True, slots=True)
class _Details:
    """Details due whatever the listing brings, and those that it brings anew or edited per activity that may have any."""

    due: int
    per_activity: float
    since: datetime | None  # what starts earlier brings none


class Forecaster:
    """Looks at a run's listing as it grows. `details`: how the run fetches them; None: it doesn't."""

    def __init__(self, pipeline: Pipeline, years: Sequence[int], details: DetailsConfig | None) -> None:
        self._pipeline, self._years, self._config = pipeline, years, details
        self._details: _Details | None = None
        self._listed = 0  # activities that came and may bring a detail
        self._latitude: float | None = None

    def __call__(self, listing: Listing, page: Page | None, per_page: int, made: int) -> Forecast:
        """The forecast as of now, `made` calls after the run began; `page` is the one that just came."""
        if page is not None and self._latitude is None:
            self._latitude = _latitude(page)
        manifest = listing.manifest
        if self._details is None:
            self._details = self._judge(listing)
        elif page is not None:
            self._listed += sum(self._may_bring_one(one, self._details.since) for one in page.activities)
        begin, end = self._rest(listing)
        pages = rest = details = 0.0
        if not manifest.complete:
            full = page is None or len(page.activities) >= per_page
            rest = self._expected(manifest, begin, end) if full else 0.0
            pages = pages_still(rest, per_page)
            since = self._details.since
            details = rest if since is None else self._expected(manifest, max(begin, since), end) * bool(full)
        still = self._details.due + round((self._listed + details) * self._details.per_activity)
        calls = int(pages) + still
        return Forecast(made, int(pages), still, self._pipeline.pace.done_at(calls))

    def _judge(self, listing: Listing) -> _Details:
        if self._config is None:
            return _Details(0, 0.0, None)
        pipeline = self._pipeline
        scope = scope_of(pipeline, self._config)
        known: set[int] = set()
        due = 0
        if pipeline.lake.working.exists():
            wanted = wanted_details(pipeline.lake, self._years, scope, pipeline.now())
            due = len(wanted.due) + len(wanted.refresh)
            known = {one.activity_id for one in (*wanted.due, *wanted.refresh, *wanted.resting)}
        brings = differences(pipeline.lake, listing, self._years, pipeline.years)
        since = scope.since if scope.new_since is None else None
        inside = {key for key, start in brings.listed.items() if _is_inside(start and start.replace(tzinfo=UTC), since)}
        news = ((brings.inserted & inside) | brings.edited) - known
        self._listed = len(inside)
        return _Details(due, len(news) / max(len(inside), 1), since)

    def _may_bring_one(self, activity: Json, since: datetime | None) -> bool:
        (year,) = local_years([activity])
        return self._pipeline.years.clamp(year) in self._years and _is_inside(
            next(iter(starts([activity])), None), since
        )

    def _rest(self, listing: Listing) -> tuple[datetime, datetime]:
        """Which stretch is still to be listed."""
        after, before = listing.rest()
        now = self._pipeline.now()
        end = now if before is None else min(datetime.fromtimestamp(before, UTC), now)
        if after is not None:
            return datetime.fromtimestamp(after, UTC), end
        return self._known.joined or datetime(self._pipeline.years.first, 1, 1, tzinfo=UTC), end

    def _expected(self, manifest: Manifest, begin: datetime, end: datetime) -> float:
        if begin < end and self._known.is_covered(begin, end):
            with reading(self._pipeline.lake) as connection:
                return count_between(connection, begin, end)
        seen = Seen(manifest.rows, manifest.oldest, manifest.newest)
        return expected_between(begin, end, seen, season_of(self._known.season(but=self._years), self._latitude))

    @cached_property
    def _known(self) -> Known:
        return known_of(self._pipeline.lake, self._pipeline.years, self._pipeline.now())


def _is_inside(start: datetime | None, since: datetime | None) -> bool:
    return since is None or (start is not None and start >= since)


def _latitude(page: Page) -> float | None:
    """Where the athlete mostly starts, north or south: only how far summer and winter differ there is taken from it."""
    found = [activity.get("start_latlng") for activity in page.activities]
    return median([one[0] for one in found if isinstance(one, list) and one and isinstance(one[0], float)] or [0.0])
