"""The context of every operation: where the run works, the years, the time, and where progress goes.

Settings, sources and results for the next asset do not belong here: settings are arguments of the operations that need
them, a source is another object (source.py), and results are on disk.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.providers_file import chosen_priorities, providers_file
from strava_pipeline.ingest.registry import primed_clock
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.progress import Progress
from strava_pipeline.operations.years import year_range


@dataclass(frozen=True, slots=True)
class RunContext:
    """The circumstances of one run, or of a command that only looks.

    Args:
        lake: the data folder.
        years: the partitions, the same for all of the run.
        clock: the server's time, as far as an answer has shown it.
        progress: is informed of how far long work has come.
        who: names the run to others who wait for a lock that it holds.
        run_id: Dagster's; None where no run is at work.
        has_rebuilt: whether this run began by rebuilding and publishing the warehouse.
        changes: a sentence about the changes then because files were read again.
        logs_dir: where its log is.
        keeps_days: archives' days and nights are kept, as a person wants.
    """

    lake: Lake
    years: YearRange
    clock: ServerClock
    progress: Progress
    who: str = "a run"
    run_id: str | None = None
    has_rebuilt: bool = False
    changes: str = ""
    logs_dir: Path | None = None
    keeps_days: bool = False

    def now(self) -> datetime:
        """The server's time (UTC), as far as known from answers."""
        return self.clock.now()

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock `name` of the data folder; progress says for whom this run waits."""
        return locked(self.lake, name, who=self.who, tell=self.progress.say)


def run_context(
    settings: Settings,
    progress: Progress,
    who: str = "a run",
    *,
    run_id: str | None = None,
    clock: ServerClock | None = None,
) -> RunContext:
    """The context that `settings` describe. Reads providers.toml and the last process's record of the server's clock.

    Raises UnusableProvidersError.
    """
    clock = clock or primed_clock(settings)
    choices = providers_file(settings.providers_config)
    lake = Lake(
        settings.data_dir,
        clock=clock.local,
        priorities=chosen_priorities(settings.providers_config),
        gear_links=choices.gear,
        zone=settings.timezone,
        group=settings.reader_group,
    )
    years, keeps_days = year_range(settings.first_year), choices.archives.wellness
    return RunContext(lake, years, clock, progress, who, run_id, logs_dir=settings.logs_dir, keeps_days=keeps_days)
