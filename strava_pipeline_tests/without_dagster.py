"""The jobs of jobs.py without Dagster: their operations in the order of their assets, in this process.

For tests that look at the data. A run of Dagster's over five years takes 1.3 s of CPU, of which the operations take 0.4. No checks
of assets, no metadata, no log of the run and no record of the run.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

from strava_pipeline.core.deliveries import News
from strava_pipeline.core.errors import BudgetExhaustedError, CallCapReachedError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import (
    DETAIL_TABLES,
    FILES,
    MADE_WITH_TRACKS,
    MATCH_TABLES,
    PROPOSED_CHANGES,
    QUARANTINE,
)
from strava_pipeline.lake.gold.deletions import AbsenceReport
from strava_pipeline.lake.gold.matches import MatchReport
from strava_pipeline.lake.gold.merge import MergeReport, merge_history
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.imports.merge import merge_files
from strava_pipeline.lake.locks import live_run, locked
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.lake.shards import write_shards
from strava_pipeline.operations.budgeted_source import FLOW_LOCK, BudgetedSource
from strava_pipeline.operations.changes.proposing import update_proposals
from strava_pipeline.operations.event_answers import EventsReport
from strava_pipeline.operations.events import follow
from strava_pipeline.operations.fetching import YearsReport, pull_details, pull_streams
from strava_pipeline.operations.importing import LOCK, LandReport, lacks_activities, land_paths, make_activities
from strava_pipeline.operations.insights import InsightsMade, make_insights
from strava_pipeline.operations.listing_windows import listed_together
from strava_pipeline.operations.merging import (
    Matched,
    details_merged,
    match,
    merge_listed,
    publish_run,
    settle,
    update_kudos,
    update_quarantine,
)
from strava_pipeline.operations.options import DetailsOptions, EventsOptions, ListingOptions, StreamsOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.pulling import PullReport, pull_each, pull_listing
from strava_pipeline.operations.reading_files import read_files, unread_files
from strava_pipeline.operations.rebuilding import bring_up_to_date, remake_imports
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.operations.tracking import TracksReport, make_tracks
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    EVENTS,
    FILE_BRONZE,
    FILE_READINGS,
    INSIGHTS,
    JOBS,
    LISTING,
    PULLING_JOBS,
    REBUILD_JOB,
    STEP_JOBS,
    STREAMS,
)
from strava_pipeline.settings import Settings

Stopped = BudgetExhaustedError | CallCapReachedError | None


@dataclass(slots=True)
class Done:
    """What the operations of a job reported; empty where the job has no such step.

    `stopped`: the limit that ended the calls early. `files_with_problems`: of those that an import read.
    `broken_rules`: of the tables of trips, as `table.rule`.
    """

    stopped: Stopped = None
    listing: PullReport | None = None
    events: EventsReport = field(default_factory=lambda: EventsReport(News()))
    merged: MergeReport = field(default_factory=MergeReport)
    absent: AbsenceReport = field(default_factory=AbsenceReport)
    matched: Matched = field(default_factory=lambda: Matched(0, MatchReport(), []))
    fetched: YearsReport = field(default_factory=YearsReport)
    tracks: TracksReport = field(default_factory=TracksReport)
    is_published: bool = False
    insights: InsightsMade = field(default_factory=InsightsMade)
    landed: LandReport = field(default_factory=LandReport)
    files_with_problems: int = 0
    broken_rules: list[str] = field(default_factory=list)


def do(settings: Settings, job: str, years: Sequence[int], config: dict[str, dict[str, Any]]) -> Done:
    """Do what a run of the job does to the data; `config` by asset. Raises what an operation raises."""
    run = run_context(settings, LogProgress(logging.getLogger(__name__)), job, run_id=str(uuid4()))
    with ExitStack() as held:
        held.enter_context(live_run(run.lake, str(run.run_id)))
        if job == REBUILD_JOB:
            held.enter_context(locked(run.lake, FLOW_LOCK))
            return _rebuild(run, settings)
        assets = JOBS[job].assets
        assert _STEPS.keys() >= set(assets) - _BY_OTHERS, f"no operations of {set(assets) - _STEPS.keys() - _BY_OTHERS}"
        if job not in STEP_JOBS:
            run = bring_up_to_date(run, settings)
        if job in PULLING_JOBS:
            held.enter_context(locked(run.lake, FLOW_LOCK))
        of_assets = {asset: entry["config"] for asset, entry in JOBS[job].run_config(**config)["ops"].items()}
        steps = _Steps(run, BudgetedSource(STRAVA, settings, run), settings, years, job, of_assets)
        due = [step for asset, step in _STEPS.items() if asset in assets]
        for is_shared, group in groupby(due, key=_SHARING.__contains__):
            # opened once for all of them: it costs 50 ms of CPU
            with reading(run.lake) if is_shared else nullcontext():
                for step in group:
                    step(steps)
    return steps.done


def _rebuild(run: RunContext, settings: Settings) -> Done:
    rebuild(run.lake, run.years, run.progress, make_imports=partial(remake_imports, run, settings.import_limits))
    tracks = make_tracks(run, run.years.all)
    insights = make_insights(
        run, partial(snapshot, run.lake), run.years.all, settings.timezone, settings.insight_sports
    )
    return Done(tracks=tracks, insights=insights)


@dataclass
class _Steps:
    """The steps of one run, each by its operations. `config`: by asset."""

    run: RunContext
    strava: BudgetedSource
    settings: Settings
    years: Sequence[int]
    job: str
    config: dict[str, dict[str, Any]]
    done: Done = field(default_factory=Done)

    def land_files(self) -> None:
        paths = [Path(path) for path in self.config[FILE_BRONZE]["paths"]]
        self.done.landed = land_paths(self.run, paths, self.settings.import_limits)

    def read_landed_files(self) -> None:
        """In this process, however many files: a second process takes a second to start."""
        with self.run.exclusive(LOCK):
            files, limits = unread_files(self.run.lake), self.settings.import_limits
            self.done.files_with_problems = read_files(
                self.run.lake, files, lambda steps: None, limits=limits, processes=1
            )
            if lacks_activities(self.run.lake):
                make_activities(self.run, lambda steps: None)

    def list_activities(self) -> None:
        options = ListingOptions(**self.config.get(LISTING, {}))
        together = listed_together(self.strava, options, self.years)
        self.done.listing = pull_each(together, partial(pull_listing, self.run, self.strava, options))
        self.done.stopped = self.done.listing.stopped

    def follow_events(self) -> None:
        self.done.events = follow(self.run, self.strava, EventsOptions(**self.config.get(EVENTS, {})))
        self.done.stopped = self.done.events.fetches.fetched.stopped

    def merge_files(self) -> None:
        with writing(self.run.lake) as connection:
            merge_files(connection, self.run.lake)

    def write_shards(self) -> None:
        write_shards(self.run.lake, self.years, self.run.years)
        if self.job in STEP_JOBS:
            settle(self.run)

    def merge_activities(self) -> None:
        config = {name: value for name, value in self.config.get("activities", {}).items() if value is not None}
        with writing(self.run.lake) as connection:
            self.done.merged, self.done.absent = merge_listed(connection, self.run, self.years, **config)
            merge_history(connection, self.run.lake, self.years)

    def match(self) -> None:
        with reading(self.run.lake) as connection:
            self.done.matched = match(self.run)
            update_proposals(self.run, self.settings, connection)
        if due := self.done.matched.tracks_due:
            make_tracks(self.run, due)

    def propose(self) -> None:
        with reading(self.run.lake) as connection:
            update_proposals(self.run, self.settings, connection)

    def fetch_details(self) -> None:
        options = DetailsOptions(**self.config.get(DETAILS, {}))
        self.done.fetched = pull_details(self.run, self.strava, options, self.years)
        self.done.stopped = self.done.fetched.fetched.stopped or self.done.stopped

    def merge_details(self) -> None:
        with details_merged(self.run, self.years) as (connection, _):
            update_kudos(self.run, connection, self.years)
            update_quarantine(self.run, connection, self.years)

    def fetch_streams(self) -> None:
        options = StreamsOptions(**self.config.get(STREAMS, {}))
        self.done.fetched = pull_streams(self.run, self.strava, options, self.years)
        self.done.stopped = self.done.fetched.fetched.stopped

    def make_tracks(self) -> None:
        self.done.tracks = make_tracks(self.run, self.years)

    def publish(self) -> None:
        self.done.is_published = publish_run(self.run).replaced

    def make_insights(self) -> None:
        opened = partial(snapshot, self.run.lake)
        self.done.insights = make_insights(
            self.run, opened, self.years, self.settings.timezone, self.settings.insight_sports
        )

    def note(self, table: str, findings: Iterable[Finding]) -> None:
        self.done.broken_rules += [f"{table}.{finding.rule}" for finding in findings if not finding.holds]


_SYSTEMS = parts("steps", "strava_pipeline_tests.trips")
_STEPS = {
    FILE_BRONZE: _Steps.land_files,
    FILE_READINGS: _Steps.read_landed_files,
    LISTING: _Steps.list_activities,
    EVENTS: _Steps.follow_events,
    FILES.name: _Steps.merge_files,
    "activity_shards": _Steps.write_shards,
    "activities": _Steps.merge_activities,
    MATCH_TABLES[0]: _Steps.match,
    PROPOSED_CHANGES.name: _Steps.propose,
    DETAILS: _Steps.fetch_details,
    "activity_details": _Steps.merge_details,
    STREAMS: _Steps.fetch_streams,
    "tracks": _Steps.make_tracks,
    "published_warehouse": _Steps.publish,
    INSIGHTS: _Steps.make_insights,
    **{asset: step for system in _SYSTEMS for asset, step in system.STEPS.items()},
}
_SHARING = [
    _STEPS[asset] for asset in ("activities", MATCH_TABLES[0], PROPOSED_CHANGES.name, DETAILS, "activity_details")
]
_BY_OTHERS = {
    "activity_history",
    *MATCH_TABLES,
    *DETAIL_TABLES,
    *MADE_WITH_TRACKS,
    PROPOSED_CHANGES.name,
    QUARANTINE.name,
    *(table.name for system in _SYSTEMS for table in system.MADE_TOGETHER),
}  # made in a step of another asset
