"""The commands that `athlete_run` may start, their arguments, and which of them fetch whole years. No Dagster."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.athletes import house_home
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import enabled_providers
from strava_pipeline.ingest.registry import access_problem, missing_login
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.options import CallOptions, EventsOptions
from strava_pipeline.operations.used import is_strava_used

RUN = "athlete_run"  # the job
ATHLETE = "athlete"  # its one asset, and so the op that has the config
ATHLETES = "athletes"  # the name of the partitions
GOES_ON = "strava_pipeline/goes_on"  # a run's tag: the run that it goes on with; the limit of this tag is going_on.py's
JOB = "job"  # a run's tag: what it starts
CONFIG = "config"  # where Dagster keeps the config of an op
DAILY: Final = "flow"
PULL: Final = "providers-pull"
GIVES_WAY = {DAILY, "refresh"}  # commands that end at once, with 0, where another run is at work in the folder


def in_instance(settings: Settings, name: str) -> str:
    """The instance's name for ATHLETE or ATHLETES: several machines share one instance, each with its own (docs/adr/0107)."""
    alone: str = Settings.model_fields["house_name"].default
    return name if settings.house_name == alone else f"{settings.house_name}_{name}"


def house_lake(settings: Settings) -> Lake:
    """The folder in which the house's runs hold their locks: its Dagster's. Raises MisuseError without a house."""
    return Lake(house_home(settings))


@dataclass(frozen=True, slots=True)
class Work:
    """A command. `years`: whether years are "none", "may" or "must" be named; `whole_years`: it fetches whole years,
    and so yields to daily runs.
    """

    words: tuple[str, ...]
    years: str = "none"
    whole_years: bool = False

    @property
    def limits(self) -> CallOptions:
        """The share of a budget that it may use, as in its own run."""
        return EventsOptions() if self.whole_years else CallOptions()

    def arguments(self, years: Sequence[int]) -> list[str]:
        """The command's words. Raises MisuseError if the years don't suit it."""
        name = " ".join(self.words)
        if years and self.years == "none":
            raise MisuseError(f"`{name}` takes no years. Leave them out of the run's config.")
        if not years and self.years == "must":
            raise MisuseError(f"`{name}` needs years, as in years: [2023, 2024]. Write them into the run's config.")
        return [*self.words, *(["--years", ",".join(map(str, sorted(set(years))))] if years else [])]


Job = Literal[
    "flow",
    "providers-pull",
    "flow-backfill",
    "backfill",
    "reconcile",
    "enrich",
    "enrich-all",
    "streams",
    "refresh",
    "profile",
    "compact",
    "rebuild",
]
WORK: dict[Job, Work] = {
    DAILY: Work(("flow",)),
    PULL: Work(("providers", "pull")),
    "flow-backfill": Work(("flow-backfill", "--wait"), whole_years=True),
    "backfill": Work(("backfill",), "must", whole_years=True),
    "reconcile": Work(("reconcile",), "may", whole_years=True),
    "enrich": Work(("enrich",)),
    "enrich-all": Work(("enrich-all",), whole_years=True),
    "streams": Work(("streams",), "may", whole_years=True),
    "refresh": Work(("refresh",)),
    "profile": Work(("profile",)),
    "compact": Work(("compact",)),
    "rebuild": Work(("rebuild",)),
}


def daily_work(own: Settings) -> list[Job]:
    """An athlete's daily run: of Strava if used, and of other enabled services; with a login."""
    work: list[Job] = [DAILY] if is_strava_used(own) and access_problem(STRAVA, own) is None else []
    others = [name for name in enabled_providers(own) if missing_login(name, own) is None]
    return work + ([PULL] if others else [])
