"""What a verb would do, from what is on disk: no call is made, nothing is changed."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from strava_pipeline.ingest.strava.connect import make_budget
from strava_pipeline.lake.wanted import wanted_details
from strava_pipeline.orchestrate.config import DetailsConfig, ListingConfig
from strava_pipeline.orchestrate.jobs import DETAILS, LISTING, Job
from strava_pipeline.orchestrate.progress import LogProgress
from strava_pipeline.orchestrate.pulling import scope_of, window_of
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.terminal import out


def say_plan(settings: Settings, job: Job, years: Sequence[int], told: dict[str, dict[str, Any]]) -> None:
    """Print the listings and the details that the job would ask for, and the calls that are left."""
    import logging

    pipeline = Pipeline(settings, LogProgress(logging.getLogger(__name__)))
    config = {asset: entry["config"] for asset, entry in job.run_config(**told)["ops"].items()}
    if LISTING in config:
        listing = ListingConfig(**config[LISTING])
        single = listing.mode == "year"
        for year in sorted(years, reverse=True) if single else [None]:
            window = window_of(pipeline, listing, year)
            out.print(f"List {year or window.mode}: {_bounds(window.after, window.before)}; at least 2 calls")
    if DETAILS in config and pipeline.lake.working.exists():
        scope = scope_of(pipeline, DetailsConfig(**config[DETAILS]))
        table = Table("year", "details to fetch", "look again", "resting")
        for year in sorted(years, reverse=True):
            wanted = wanted_details(pipeline.lake, [year], scope, pipeline.now())
            if wanted.due or wanted.refresh or wanted.resting:
                table.add_row(*map(str, (year, len(wanted.due), len(wanted.refresh), len(wanted.resting))))
        if table.row_count:
            out.print(table)
        else:
            out.print("No detail is missing.")
    if DETAILS in config and LISTING in config:
        out.print("Activities that the listing brings anew come on top: a call each.")
    governing = make_budget(settings).remaining().governing
    out.print(
        f"Calls left: {governing.left} of {governing.limit} {governing.ceiling}, until {governing.resets_at:%Y-%m-%d %H:%M} UTC"
    )


def _bounds(after: int | None, before: int | None) -> str:
    from datetime import UTC, datetime

    words = [
        f"{word} {datetime.fromtimestamp(bound, UTC):%Y-%m-%d %H:%M} UTC"
        for word, bound in (("after", after), ("before", before))
        if bound is not None
    ]
    return " and ".join(words) or "everything"
