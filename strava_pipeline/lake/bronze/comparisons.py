"""Since when each year of a source is compared: a complete listing of it came, so anything that it lacks is gone."""

from datetime import datetime

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange, year_window
from strava_pipeline.lake.bronze.listings import Span, is_by_start, listings, proven_spans
from strava_pipeline.lake.paths import Lake


def compared_years(lake: Lake, years: YearRange, source: str = STRAVA) -> dict[int, datetime]:
    """By local year, ascending, when the newest listing that contains the whole year began; uncovered years are absent.

    Only listings of the newest listing's account count. A year for which a listing proves nothing is not compared by
    it, nor by pages older than the run that used them; a feed has reported the changes since these.
    """
    windows = {year: year_window(year, year, years) for year in years.all}
    found: dict[int, datetime] = {}
    account: str | None = None
    for number, listing in enumerate(listings(lake, source, newest_first=True)):
        manifest = listing.manifest
        account = account if number else manifest.account
        if len(found) == len(windows):
            break
        if manifest.account == account and (manifest.as_of is None or not is_by_start(source)):
            asked, proven = (manifest.window.after, manifest.window.before), list(proven_spans(manifest))
            for year, window in windows.items():
                has_begun = year not in found and year <= manifest.started_at.year
                if has_begun and _is_within(window, asked) and any(_meet(window, span) for span in proven):
                    found[year] = manifest.started_at
    return dict(sorted(found.items()))


def _is_within(inner: Span, outer: Span) -> bool:
    """Whether a span contains another one; None means no bound."""
    (begins, ends), (after, before) = inner, outer
    is_after = after is None or (begins is not None and after <= begins)
    return is_after and (before is None or (ends is not None and ends <= before))


def _meet(one: Span, other: Span) -> bool:
    """Whether two spans share a second; their bounds are exclusive."""
    after = max((begin for begin, _ in (one, other) if begin is not None), default=None)
    before = min((end for _, end in (one, other) if end is not None), default=None)
    return after is None or before is None or before - after > 1
