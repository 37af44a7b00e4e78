"""What assets work with: one `Pipeline` per run, holding the run's lock, its client and where it reports progress.

A live run holds data/state/runs/<run_id>.lock, so that a dead one can be told from it. Runs that pull from the
watermark on hold `flow.lock` too: two of them would list the same pages; so does a rebuild. No pulling or merging of
its own.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property

import dagster as dg
from dagster_duckdb import DuckDBResource

from strava_pipeline.core.activities import YearRange
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.client import StravaClient
from strava_pipeline.ingest.strava.connect import connect, primed_clock
from strava_pipeline.lake.listings import Listing
from strava_pipeline.lake.locks import is_live, live_run, locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import ensure_current
from strava_pipeline.orchestrate.config import CallLimits
from strava_pipeline.orchestrate.jobs import LISTING, PULLING_JOBS, REBUILD_JOB, STEP_JOBS
from strava_pipeline.orchestrate.pace import Pace
from strava_pipeline.orchestrate.partitions import year_range
from strava_pipeline.orchestrate.progress import BothProgress, LogProgress, Progress
from strava_pipeline.orchestrate.run_log import logged
from strava_pipeline.settings import Settings

FLOW_LOCK = "flow"
DATA_DIR = "strava_pipeline/data_dir"  # tag: several data folders may share one Dagster instance


class Pipeline:
    """The settings, the lake and the calls of one run."""

    def __init__(
        self, settings: Settings, progress: Progress, who: str = "a run", clock: ServerClock | None = None
    ) -> None:
        self.settings = settings
        self.lake = Lake(settings.data_dir)
        self.progress = progress
        self.who = who
        self.clock = clock or primed_clock(settings)
        self.listing: Listing | None = None  # what this run pulled or went on with
        self.checked: dict[str, str] = {}  # the revision of the warehouse at which this run found a table right
        self._client: StravaClient | None = None

    @cached_property
    def years(self) -> YearRange:
        """The partitions, the same for all of a run: asking Dagster costs 5 ms each time."""
        return year_range(self.settings.first_year)

    def now(self) -> datetime:
        """The server's time, as far as an answer has told it."""
        return self.clock.now()

    def alone(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock `name` of the data folder; who waits for it is told for whom."""
        return locked(self.lake, name, who=self.who, tell=self.progress.say)

    def settle(self) -> None:
        """The run has made use of its listing to the end. Another's, which may have died before that, is left alone."""
        if self.listing is not None:
            self.listing.settle()

    def client(self, limits: CallLimits | None = None) -> StravaClient:
        """The run's one client; `limits` count the first time only.

        Who fetches whole years leaves others what a quiet day's flow needs (docs/adr/0022).
        """
        if self._client is None:
            limits = limits or CallLimits()
            self._client = connect(
                self.settings,
                cushion_15min=limits.cushion_15min,
                cushion_daily=limits.cushion_daily,
                yielding=calls_of_a_quiet_day(self.settings) if limits.whole_years else 0,
                max_calls=limits.max_calls,
                on_wait=lambda error, seconds: self.progress.waiting(str(error), seconds),
                clock=self.clock,
            )
        return self._client

    @cached_property
    def pace(self) -> Pace:
        """How fast the run's client is."""
        return Pace(self.client())


def calls_of_a_quiet_day(settings: Settings) -> int:
    """What `flow` needs when nothing is new: the page, the empty page that ends the listing, and its spare calls."""
    return 2 + settings.refresh_calls


ProgressOf = Callable[[], Progress]


def pipeline_resource(settings: Settings, progress_of: ProgressOf | None = None) -> dg.ResourceDefinition:
    """Makes a run's `Pipeline` and opens its log; frees its locks at the end of the run.

    Progress goes to Dagster's log, and so into the run's own, and to what `progress_of` makes.
    """

    @dg.resource(description="The settings, the lake and the calls of one run.")
    def pipeline(context: dg.InitResourceContext) -> Iterator[Pipeline]:
        log = context.log or logging.getLogger(__name__)
        run = context.run
        who = f"{run.job_name}, run {run.run_id}" if run is not None else "a run"
        watcher = progress_of() if progress_of else None
        progress = BothProgress(LogProgress(log), watcher) if watcher else LogProgress(log)
        made = Pipeline(settings, progress, who)
        with ExitStack() as held:
            if run is not None:
                if context.instance is not None:
                    now = datetime.now(UTC)
                    held.enter_context(logged(settings.logs_dir, context.instance, run, now, tell=progress.say))
                held.enter_context(_warnings_heard(log, watcher))
                if not is_live(made.lake, run.run_id):  # a verb's run is, from before its first word to Dagster
                    held.enter_context(live_run(made.lake, run.run_id))
                if context.instance is not None:
                    context.instance.add_run_tags(run.run_id, {DATA_DIR: str(made.lake.data_dir)})
                if run.job_name not in (*STEP_JOBS, REBUILD_JOB):
                    ensure_current(made.lake, made.years, made.progress)
                if run.job_name == REBUILD_JOB or (run.job_name in PULLING_JOBS and _lists(run)):
                    held.enter_context(locked(made.lake, FLOW_LOCK, who=who, tell=made.progress.say))
            yield made

    return pipeline


def _lists(run: dg.DagsterRun) -> bool:
    """Whether the listing is among the run's assets: what goes on with details alone is in no pull's way."""
    return not run.asset_selection or dg.AssetKey(LISTING) in run.asset_selection


@contextmanager
def _warnings_heard(log: logging.Logger, watcher: Progress | None) -> Iterator[None]:
    """What the lower rooms warn of (retries) goes to Dagster's log and to the watcher, above their progress bar."""
    ears = _Ears(log, watcher)
    ours = logging.getLogger("strava_pipeline")
    ours.addHandler(ears)
    try:
        yield
    finally:
        ours.removeHandler(ears)


class _Ears(logging.Handler):
    def __init__(self, log: logging.Logger, watcher: Progress | None) -> None:
        super().__init__(logging.WARNING)
        self._log, self._watcher = log, watcher

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, "%s", record.getMessage())
        if self._watcher is not None:
            self._watcher.say(record.getMessage())


def snapshot_resource(settings: Settings) -> DuckDBResource:
    """The published warehouse, read-only, for what reads inside Dagster."""
    return DuckDBResource(
        database=str(Lake(settings.data_dir).snapshot), connection_config={"access_mode": "READ_ONLY"}
    )
