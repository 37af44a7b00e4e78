"""The windows of a run's listings, by their mode, and the lock for listing one. No calls here.

Years that a run covers are listed in one window; a year between them that the run does not cover is in none.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import takewhile

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.years import month_window, stretches, year_window
from strava_pipeline.lake.bronze.listings import RESUME_WITHIN, is_by_start, listings, watermark
from strava_pipeline.lake.bronze.manifests import Manifest, Window
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.years import years_in_words


def listed_together(source: Source, config: ListingOptions, years: Sequence[int]) -> list[list[int]]:
    """The years of each listing, the newest first: years are listed in one window, except for gaps."""
    of_years = _mode(config) == "year" and is_by_start(source.spec.name)
    return stretches(years)[::-1] if of_years and years else [list(years)]


def _mode(config: ListingOptions) -> str:
    return "year" if config.mode == "job" else config.mode


def window_of(run: RunContext, source: Source, config: ListingOptions, years: Sequence[int]) -> Window:
    """The window to list, by the mode. `years`: the run's, without a gap; empty if the mode needs none."""
    mode = _mode(config)
    if not is_by_start(source.spec.name):
        return Window(mode="all", after=None, before=None)
    if mode == "year":
        if not years:
            raise PipelineError('The mode "year" lists the years of the run, and this one names none: choose them.')
        after, before = year_window(min(years), max(years), run.years)
        return Window(mode="year", after=after, before=before)
    if mode == "month":
        if config.month is None:
            raise PipelineError('The mode "month" lists one month. Say which in `month`, as 2026-10.')
        if years and run.years.clamp(int(config.month[:4])) not in years:
            raise PipelineError(
                f"{config.month} is not in {years_in_words(years)}. Nothing was listed: choose the partition of its year."
            )
        after, before = month_window(config.month)
        return Window(mode="month", after=after, before=before)
    known = watermark(run.lake, source.spec.name, source.account_name)
    if mode == "all" or known is None:
        return Window(mode="all", after=None, before=None)
    days = config.days if config.days is not None else source.days
    lookback = timedelta(days=days) if mode == "incremental" else timedelta(seconds=1)
    after = min([int((known - lookback).timestamp()), *_unused_windows(run, source, mode)])
    return Window(mode=config.mode, after=after, before=None, watermark=known)


def _unused_windows(run: RunContext, source: Source, mode: str) -> list[int]:
    """The `after` of the listings of the last day that moved the watermark since a run completed: runs died over them."""
    every = (listing.manifest for listing in listings(run.lake, source.spec.name, newest_first=True))
    recent = takewhile(lambda manifest: run.now() - manifest.started_at <= RESUME_WITHIN, every)
    of_mode = (each for each in recent if each.account == source.account_name and each.window.mode == mode)
    return [each.window.after or 0 for each in takewhile(lambda each: not each.settled, of_mode) if each.complete]


def recent_window(source: Source, config: ListingOptions, listing: Manifest) -> Window | None:
    """The part of a listing's window that may have changed since its first page, as far as a daily run looks back; or None."""
    window, began = listing.window, listing.started_at
    if not is_by_start(source.spec.name) or (window.before is not None and window.before <= began.timestamp()):
        return None
    known = min(listing.newest or began, began)
    days = timedelta(days=config.days if config.days is not None else source.days)
    after = max(int((known - days).timestamp()), window.after or 0)
    return Window(mode="incremental", after=after, before=None, watermark=known)


def listing_lock(source: Source, window: Window, years: Sequence[int]) -> str:
    """The lock for listing the window. Listings that are not by year share one window, whatever the run's years."""
    of_years = "-".join(map(str, dict.fromkeys((min(years), max(years))))) if window.mode == "year" else "all"
    return f"listing-{window.mode}-{of_years}{source.spec.suffix('-')}"
