"""The options of a run's steps, as plain records: calls, listing, details, streams, events. The defaults are a backfill's.

Dagster's own form of them is config.py's. Commands that only look (a plan, a dry run) build these and import no Dagster.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
_LEFT = "unset: what the daily run needs, a tenth of a limit at most, if whole years are fetched, else none"
_SPORTS = "only activities of these sports, as Strava's sport_type names them; none: of all"


class CallOptions(BaseModel):
    """How many calls a run may make. The first asset that makes calls sets them for the whole run."""

    model_config = ConfigDict(frozen=True)

    max_calls: int | None = Field(default=None, description="calls this run may make at most")
    cushion_15min: int | None = Field(
        default=None, ge=0, description="calls of each 15 minutes left to others; " + _LEFT
    )
    cushion_daily: int | None = Field(default=None, ge=0, description="calls of the day left to others; " + _LEFT)

    @property
    def whole_years(self) -> bool:
        """Whether whole years are fetched, which yields to the daily run."""
        return False


class ListingOptions(CallOptions):
    """How a listing is made."""

    mode: Literal["job", "year", "month", "incremental", "lite", "all"] = Field(
        default="job",
        description="job: as the job does, in a backfill year. "
        "year: all of the run's years; month: all of `month`; incremental: from the watermark minus `days`; "
        "lite: from the watermark; all: everything",
    )
    month: str | None = Field(None, pattern=MONTH, description="of the mode month: a local month, as 2026-10")
    per_page: int | None = Field(None, ge=1, le=200, description="page size; unset: the setting PER_PAGE")
    days: int | None = Field(None, ge=0, description="lookback of an incremental listing; unset: the setting DAYS")

    @property
    def whole_years(self) -> bool:
        return self.mode in ("year", "all")


class DetailsOptions(CallOptions):
    """Which details are fetched, among the activities of the years."""

    scope: Literal["job", "all", "changed", "window", "flow", "rested"] = Field(
        default="job",
        description="job: as the job does, in a backfill all. "
        "all: missing and edited ones; changed: edited ones, and new ones that are missing; "
        "window: those of the last `since_days`, each looked at again; "
        "flow: those of the window, a few of them (STRAVA_REFRESH_CALLS a day) looked at again; "
        "rested: those of `ids` that do not rest after a failure",
    )
    since_days: int | None = Field(None, ge=0, description="the window; unset: the setting DAYS")
    ids: list[int] = Field([], description="only these activities, fetched again whatever is there, dropped ones aside")
    first_on: str | None = Field(None, description="only activities from this local date on (YYYY-MM-DD)")
    last_on: str | None = Field(None, description="only activities up to this local date (YYYY-MM-DD)")
    sports: list[str] = Field([], description=_SPORTS)

    @property
    def whole_years(self) -> bool:
        return self.scope == "all"


class StreamsOptions(CallOptions):
    """How the streams that the activities of the years lack are fetched, with spare calls."""

    sports: list[str] = Field([], description=_SPORTS)

    @property
    def whole_years(self) -> bool:
        return True


class EventsOptions(CallOptions):
    """How activities named by webhook events are fetched; a used-up window is not waited for."""

    @property
    def whole_years(self) -> bool:
        return True
