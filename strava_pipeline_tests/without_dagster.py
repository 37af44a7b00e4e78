"""The jobs of jobs.py without Dagster: their operations in the order of their assets, in this process.

For tests that look at the data. A run of Dagster's over five years takes 1.3 s of CPU, of which the operations take 0.4. No checks
of assets, no log of the run and no record of it.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import uuid4

from strava_pipeline.core.errors import BudgetExhaustedError, CallCapReachedError
from strava_pipeline.core.tables import DETAIL_TABLES, FILES, MATCH_TABLES, QUARANTINE
from strava_pipeline.lake.locks import live_run, locked
from strava_pipeline.lake.merge_imported import merge_files
from strava_pipeline.lake.publish import snapshot
from strava_pipeline.lake.warehouse import writing
from strava_pipeline.operations.current import bring_up_to_date
from strava_pipeline.operations.events import work_events
from strava_pipeline.operations.fetching import pull_details
from strava_pipeline.operations.insights import make_insights
from strava_pipeline.operations.merging import (
    details_merged,
    make_shards,
    match,
    merge_listed,
    merge_versions,
    publish_run,
    update_kudos,
    update_quarantine,
)
from strava_pipeline.operations.options import DetailsOptions, EventsOptions, ListingOptions, StreamsOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.strava_source import FLOW_LOCK, StravaSource
from strava_pipeline.operations.streaming import pull_streams
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.orchestrate.jobs import DETAILS, EVENTS, INSIGHTS, JOBS, LISTING, PULLING_JOBS, STEP_JOBS, STREAMS
from strava_pipeline.settings import Settings

Stopped = BudgetExhaustedError | CallCapReachedError | None


def do(settings: Settings, job: str, years: Sequence[int], told: dict[str, dict[str, Any]]) -> Stopped:
    """Do what a run of the job does to the data; the limit that stopped it, if one did. Raises what an operation raises."""
    run = run_context(settings, LogProgress(logging.getLogger(__name__)), job, run_id=str(uuid4()))
    assets = JOBS[job].assets
    assert _KNOWN.issuperset(assets), f"run {job} by Dagster: nothing here does {set(assets) - _KNOWN}"
    with ExitStack() as held:
        held.enter_context(live_run(run.lake, str(run.run_id)))
        if job not in STEP_JOBS:
            bring_up_to_date(run, settings)
        if job in PULLING_JOBS:
            held.enter_context(locked(run.lake, FLOW_LOCK))
        config = {asset: entry["config"] for asset, entry in JOBS[job].run_config(**told)["ops"].items()}
        work = _Work(run, StravaSource(settings, run), settings, years, job, config)
        for asset in _ORDER:
            if asset in assets:
                _ORDER[asset](work)
    return work.stopped


class _Work:
    """One run."""

    def __init__(
        self,
        run: RunContext,
        strava: StravaSource,
        settings: Settings,
        years: Sequence[int],
        job: str,
        config: dict[str, dict[str, Any]],
    ) -> None:
        self.run, self.strava, self.settings, self.years, self.job, self.config = (
            run,
            strava,
            settings,
            years,
            job,
            config,
        )
        self.stopped: Stopped = None

    def list_(self) -> None:
        year = self.years[0] if len(self.years) == 1 else None
        options = ListingOptions(**self.config.get(LISTING, {}))
        self.stopped = pull_listing(self.run, self.strava, options, year).stopped

    def follow_events(self) -> None:
        work_events(self.run, self.strava, EventsOptions(**self.config.get(EVENTS, {})))

    def files(self) -> None:
        with writing(self.run.lake) as connection:
            merge_files(connection, self.run.lake)

    def shards(self) -> None:
        make_shards(self.run, self.years, is_last=self.job in STEP_JOBS)

    def gold(self) -> None:
        config = {name: value for name, value in self.config.get("activities", {}).items() if value is not None}
        merge_listed(self.run, self.years, **config)
        merge_versions(self.run, self.years)

    def match(self) -> None:
        if due := match(self.run).tracks_due:
            make_tracks(self.run, due)

    def fetch_details(self) -> None:
        options = DetailsOptions(**self.config.get(DETAILS, {}))
        self.stopped = pull_details(self.run, self.strava, options, self.years).fetched.stopped or self.stopped

    def details(self) -> None:
        with details_merged(self.run, self.years) as (connection, _):
            update_kudos(self.run, connection, self.years)
            update_quarantine(self.run, connection, self.years)

    def fetch_streams(self) -> None:
        options = StreamsOptions(**self.config.get(STREAMS, {}))
        self.stopped = pull_streams(self.run, self.strava, options, self.years).fetched.stopped

    def tracks(self) -> None:
        make_tracks(self.run, self.years)

    def publish(self) -> None:
        publish_run(self.run)

    def insights(self) -> None:
        make_insights(self.run, partial(snapshot, self.run.lake), self.years, self.settings.timezone)


_ORDER = {
    LISTING: _Work.list_,
    EVENTS: _Work.follow_events,
    FILES.name: _Work.files,
    "activity_shards": _Work.shards,
    "activities": _Work.gold,
    MATCH_TABLES[0]: _Work.match,
    DETAILS: _Work.fetch_details,
    "activity_details": _Work.details,
    STREAMS: _Work.fetch_streams,
    "tracks": _Work.tracks,
    "published_warehouse": _Work.publish,
    INSIGHTS: _Work.insights,
}
_KNOWN = {*_ORDER, "activity_history", *MATCH_TABLES, *DETAIL_TABLES, QUARANTINE.name}
