"""What assets work with: one `Pipeline` per run, holding its client and where it reports progress.

Commands that only look make one, too, so nothing of Dagster's stands here; run_resources.py makes that of a run. No pulling
or merging of its own.
"""

from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property

from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.client import StravaClient
from strava_pipeline.ingest.strava.clocks import primed_clock
from strava_pipeline.ingest.strava.connect import connect
from strava_pipeline.lake.listing import Listing
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.server import refuse_emulator
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.pace import Pace
from strava_pipeline.operations.progress import Progress
from strava_pipeline.operations.years import year_range
from strava_pipeline.settings import Settings

FLOW_LOCK = "flow"


class Pipeline:
    """The settings, the lake and the calls of one run."""

    def __init__(
        self, settings: Settings, progress: Progress, who: str = "a run", clock: ServerClock | None = None
    ) -> None:
        self.settings = settings
        self.progress = progress
        self.who = who
        self.clock = clock or primed_clock(settings)
        self.lake = Lake(settings.data_dir, clock=self.clock.local)
        self.listing: Listing | None = None  # what this run pulled or went on with
        self.checked: dict[str, str] = {}  # the revision of the warehouse at which this run found a table right
        self._client: StravaClient | None = None

    @cached_property
    def years(self) -> YearRange:
        """The partitions, the same for all of a run."""
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

    def client(self, limits: CallOptions | None = None) -> StravaClient:
        """The run's one client; `limits` count the first time only.

        Who fetches whole years leaves others what a quiet day's flow needs (docs/adr/0022).
        """
        if self._client is None:
            refuse_emulator(self.lake, self.settings.api_url)
            limits = limits or CallOptions()
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
