"""The config of assets: the options of operations/options.py in Dagster's form, and options that only assets have.

Run configuration in Dagster: https://docs.dagster.io/guides/operate/configuration/run-configuration
"""

from typing import Literal

import dagster as dg
from pydantic import Field

from strava_pipeline.operations.options import (
    MONTH,
    CallOptions,
    DetailsOptions,
    EventsOptions,
    ListingOptions,
    StreamsOptions,
)
from strava_pipeline.orchestrate.job_records import MATCHING
from strava_pipeline.orchestrate.runs import config_of
from strava_pipeline.orchestrate.tags import NO_CHOICE


class CallLimits(dg.Config, CallOptions):
    """How many calls this run may make. The first asset that makes calls sets them for the whole run."""


class GearConfig(CallLimits):
    """What `gear` fetches."""

    new_gear_only: bool = Field(
        default=False, description="only gear that no answer is on disk of; else all gear again"
    )


class ListingConfig(dg.Config, ListingOptions):
    """How `bronze_activities` lists."""


class ProviderListingConfig(dg.Config):
    """How the activities of a provider beside Strava are listed. The provider's pace is its own, so no calls are capped."""

    mode: Literal["job", "year", "month", "incremental", "all", "events"] = Field(
        default="job",
        description="job: year where years were chosen, else incremental; year: all of the run's years; month: all of "
        "`month`; incremental: from the watermark minus `days`; all: everything; events: only what webhook deliveries ask for",
    )
    month: str | None = Field(None, pattern=MONTH, description="of the mode month: a local month, as 2026-10")
    per_page: int | None = Field(None, ge=1, le=200, description="page size; unset: the setting PER_PAGE")
    days: int | None = Field(None, ge=0, description="lookback of an incremental listing; unset: the setting DAYS")

    def options(self, run: dg.DagsterRun) -> ListingOptions:
        """The same as the operation's record, in a run; not for the mode events."""
        assert self.mode != "events"
        mode = self.mode if self.mode != "job" else "incremental" if NO_CHOICE in run.tags else "year"
        return ListingOptions(mode=mode, month=self.month or month_asked(run), per_page=self.per_page, days=self.days)


class DetailsConfig(dg.Config, DetailsOptions):
    """Which details `bronze_activity_details` fetches, among the partitions' activities."""


class StreamsConfig(dg.Config, StreamsOptions):
    """How `bronze_activity_streams` fetches: whatever the partitions' activities lack, with calls to spare."""


class EventsConfig(dg.Config, EventsOptions):
    """How `webhook_events` fetches what events name; a full window is not waited for."""


class MatchingConfig(dg.Config):
    """What `matching` proposes beside what every run does."""

    months: list[str] = Field([], description="local months, as 2026-10, of which every change is proposed")


def month_asked(run: dg.DagsterRun) -> str | None:
    """The month of which a run proposes every change; its listings of the mode month list that one."""
    months = MatchingConfig(**config_of(run).get(MATCHING, {})).months
    return months[0] if len(months) == 1 else None


class ApplyConfig(dg.Config):
    """Which approved changes of the partitions' activities `applied_changes` writes."""

    ids: list[str] = Field([], description="only these changes; none: all that are approved")
    all: bool = Field(default=False, description="also more than twenty at one service")


class ImportConfig(dg.Config):
    """What `bronze_files` takes in."""

    paths: list[str] = Field([], description="archives, folders, files on this machine; none: data/inbox/files")
    also_undone: bool = Field(
        default=False,
        description="take in also what has lain in data/inbox/files since its import was undone, as the command `import` does",
    )


class PublishConfig(dg.Config):
    """When `published_warehouse` publishes."""

    pause_minutes: int = Field(
        0,
        ge=0,
        description="minutes after the last publish at the earliest; what waits until then is published by itself",
    )


class MergeConfig(dg.Config):
    """How `activities` merges."""

    force: bool | None = Field(
        default=None, description="unset: as the job does. True: look at every row again, though nothing new came"
    )
    allow_shrink: bool = Field(
        default=False,
        description="what the listing no longer holds is meant to be gone, however much of the year that is",
    )
