"""How much of each year is known: what whole listings cover, what gold counts, what a run would go on with. Reads only.

What a run would do with it is computed in core/plan.py; which details are due is wanted.py's.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from strava_pipeline.core.plan import SLACK, YearCount
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.detail_files import detail_files
from strava_pipeline.lake.differences import Differences
from strava_pipeline.lake.listing import Listing
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.manifests import Manifest
from strava_pipeline.lake.merge import merged_pages, years_lacking
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.profile_files import newest_athlete
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.wanted import Scope, wanted_details
from strava_pipeline.lake.warehouse import reading

Span = tuple[datetime, datetime]
_EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """What gold holds and whole listings cover: `covered` are the spans by year, `months` the activities by year, month."""

    covered: dict[int, list[Span]]
    months: Counter[tuple[int, int]]
    joined: datetime | None

    def activities(self, year: int) -> int:
        return sum(count for (of, _), count in self.months.items() if of == year)

    def is_covered(self, begin: datetime, end: datetime) -> bool:
        """Whether whole listings that gold has taken in reach from one instant to the other."""
        return begin >= _new_year(min(self.covered)) and all(
            any(
                first <= max(begin, _new_year(year)) and min(end, _new_year(year + 1)) <= last + SLACK
                for first, last in spans
            )
            for year, spans in self.covered.items()
            if _new_year(year) < end and begin < _new_year(year + 1)
        )

    def season(self, but: Collection[int]) -> dict[int, int]:
        """Activities by month in the years that are covered from end to end, but those."""
        whole = {
            year for year in self.covered if year not in but and _length(self.covered[year]) >= timedelta(days=364)
        }
        by_month: Counter[int] = Counter()
        for (year, month), count in self.months.items():
            if year in whole and month is not None:
                by_month[month] += count
        return dict(by_month)


def known_of(lake: Lake, years: YearRange, now: datetime) -> Known:
    """Everything known of all years, as of now."""
    merged, months = _gold(lake)
    whole = [listing for listing in listings(lake) if listing.manifest.complete]
    covered = {
        year: list(
            _joined(
                _within(listing.manifest, year, now)
                for listing in whole
                if year not in years_lacking(merged, listing, years)
            )
        )
        for year in years.all
    }
    return Known(covered, months, _joined_at(lake))


@dataclass(frozen=True, slots=True)
class AtHand:
    """A listing of a year that a run would go on with; `brings`: what it would change, where it is whole."""

    listing: Listing
    brings: Differences | None


def year_counts(
    lake: Lake,
    known: Known,
    chosen: Sequence[int],
    at_hand: Mapping[int, AtHand],
    now: datetime,
    sports: frozenset[str] | None = None,
) -> dict[int, YearCount]:
    """The counts of every year; what is due, and the listing at hand, of the chosen ones. `sports`: whose details are due."""
    due: dict[int, set[int]] = defaultdict(set)
    resting: set[int] = set()
    if lake.working.exists():
        wanted = wanted_details(lake, chosen, Scope(sports=sports), now)
        resting = {candidate.activity_id for candidate in wanted.resting}
        for candidate in wanted.due:
            due[candidate.year].add(candidate.activity_id)
    counts = {year: _count(known, year, len(due[year]), now) for year in known.covered}
    for year, found in at_hand.items():
        counts[year] = replace(counts[year], landed=found.listing.manifest.whole_pages)
        if found.brings is not None:
            still = _due_after(lake, year, due[year], found.brings, sports) - resting
            counts[year] = replace(counts[year], whole=True, activities=len(found.brings.listed), due=len(still))
    return counts


def _due_after(lake: Lake, year: int, due: set[int], brings: Differences, sports: frozenset[str] | None) -> set[int]:
    """Whose detail is to be fetched once the listing has been merged."""
    on_disk = {key for key, files in detail_files(lake, year).items() if files.good is not None}
    return (due - (brings.deleted or frozenset())) | brings.of_sports(
        (brings.inserted - on_disk) | brings.edited, sports
    )


def _count(known: Known, year: int, due: int, now: datetime) -> YearCount:
    spans = known.covered[year]
    begin, end = _new_year(year), min(_new_year(year + 1), now)
    opens = max(begin, known.joined) if known.joined is not None and not spans else begin
    covered = _length(spans)
    return YearCount(
        year=year,
        activities=known.activities(year),
        due=due,
        covered=covered,
        open=max(end - opens - covered, timedelta(0)),
    )


def _gold(lake: Lake) -> tuple[dict[int, dict[str, int]], Counter[tuple[int, int]]]:
    """Which listings each year has taken in, with how many pages; and its present activities by month."""
    if not lake.working.exists():
        return {}, Counter()
    with reading(lake) as connection:
        merged = merged_pages(connection)
        rows = connection.execute(sql("activities_by_month"), {"source": STRAVA}).fetchall()
    return merged, Counter({(year, month): count for year, month, count in rows})


def _within(manifest: Manifest, year: int, now: datetime) -> Span:
    """How much of a year a listing covers; the end is before the beginning where it covers nothing."""
    window = manifest.window
    begin = _EVER if window.after is None else datetime.fromtimestamp(window.after, UTC)
    end = manifest.started_at if window.before is None else datetime.fromtimestamp(window.before, UTC)
    return max(begin, _new_year(year)), min(end, manifest.started_at, _new_year(year + 1), now)


def _joined(spans: Iterable[Span]) -> Iterable[Span]:
    """The same, laid together where they touch."""
    last: Span | None = None
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if last is None:
            last = (begin, end)
        elif begin <= last[1]:
            last = (last[0], max(last[1], end))
        else:
            yield last
            last = (begin, end)
    if last is not None:
        yield last


def _length(spans: Iterable[Span]) -> timedelta:
    return sum((end - begin for begin, end in spans), timedelta(0))


def _joined_at(lake: Lake) -> datetime | None:
    """When the athlete's account was made, as far as a login told it."""
    athlete = newest_athlete(lake)
    said: Any = athlete[1].get("created_at") if athlete else None
    try:
        at = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo is not None else None


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
