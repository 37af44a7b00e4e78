"""Since when each year of a source was compared with it: a complete listing of it came, so that what it lacks is gone."""

from datetime import datetime

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange, year_window
from strava_pipeline.lake.bronze.listings import listings, proven_spans
from strava_pipeline.lake.paths import Lake


def compared_years(lake: Lake, years: YearRange, source: str = STRAVA) -> dict[int, datetime]:
    """By local year, ascending, when the newest listing that holds all of it began; a year that none holds is absent."""
    found: dict[int, datetime] = {}
    for listing in listings(lake, source, newest_first=True):
        manifest = listing.manifest
        if len(found) == len(years.all):
            break
        if next(proven_spans(manifest), None) is not None:
            asked = (manifest.window.after, manifest.window.before)
            for year in years.all:
                if year <= manifest.started_at.year and _is_within(year_window(year, year, years), asked):
                    found.setdefault(year, manifest.started_at)
    return dict(sorted(found.items()))


def _is_within(inner: tuple[int | None, int | None], outer: tuple[int | None, int | None]) -> bool:
    """Whether a span holds another one; None: no bound."""
    (begins, ends), (after, before) = inner, outer
    is_after = after is None or (begins is not None and after <= begins)
    return is_after and (before is None or (ends is not None and ends <= before))
