"""The dashboard's interface to the pipeline, for results that depend on providers.toml and logins: comparisons, decisions.

The dashboard imports no code that calls services. It receives this from the command that starts it, and the command
line calls the same functions. Values are those of docs/formats.md; exceptions are errors of core/errors.py.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from strava_pipeline.core.changes.states import Verdict
from strava_pipeline.core.facts import Fact
from strava_pipeline.core.gear_links import GearItem
from strava_pipeline.core.wellness import DaysSource
from strava_pipeline.lake.gold.corrections import Edit
from strava_pipeline.lake.gold.shared_snapshot import SharedSnapshot
from strava_pipeline.lake.requests import Wanted


class Pipeline(Protocol):
    """The pipeline of one data folder. Nothing here makes a call; only decisions and settings write."""

    @property
    def snapshot(self) -> SharedSnapshot:
        """The published snapshot, from which pages read, and these results are computed."""

    def months_back(self, count: int) -> list[str]:
        """The last `count` local months, as 2026-10, the oldest first, including the present one."""

    def known_months(self) -> tuple[str, str]:
        """The first and the last local month: from STRAVA_FIRST_YEAR, or an earlier activity, to the present one."""

    def calendar(self, months: Collection[str]) -> Mapping[str, Any]:
        """The state of these months at each service, by month, the newest first; empty if nothing was published yet."""

    def month(self, month: str) -> Mapping[str, Any]:
        """A month compared, row by row, with its changes that wait for a decision."""

    def changes(self) -> Mapping[str, Mapping[str, Any]]:
        """Every change that was ever proposed, by id, each with its `seal`."""

    def attempts(self, change_id: str) -> Mapping[int, Any]:
        """The requests and answers of a change, by attempt."""

    def decide(self, decisions: Sequence[tuple[Verdict, str, str | None]]) -> list[str]:
        """Record verdicts about changes, by id and seal (None: whatever was shown), all or none; returns the ids.

        Raises UnknownIdError, UndecidedError.
        """

    def decide_bests(self, activity_id: int, *, dismissed: bool) -> bool:
        """Record whether an activity must hold no best; returns whether readers see it before the next publish."""

    def decide_pair(self, one: int, other: int, *, joined: bool | None) -> bool:
        """Record whether two activities are one; None: the evidence decides again. Returns whether readers see it already."""

    def believe(self, device: str | None) -> bool:
        """Write the rule whose heart rate counts where several recorded it; None takes it out. Returns whether readers see it.

        Raises UnusableRulesError.
        """

    def correct(self, ids: Collection[int], edit: Edit) -> str | None:
        """Record what a person says of activities; returns the step to take it back by, or None. Raises MisuseError."""

    def take_back(self, step: str) -> None:
        """Restore the words that held before a step, where nothing was said since."""

    def publish(self) -> bool:
        """Publish what follows from goals.toml, unless a run is at work; returns whether that was done."""

    def facts(self) -> Sequence[Fact]:
        """The facts: sources, published data, decisions that wait."""

    def days_sources(self) -> Mapping[str, DaysSource]:
        """The services that have days and nights, by name, and `archives`. Raises UnusableProvidersError."""

    def switch_days(self, source: str, *, pulled: bool) -> None:
        """Write whether days and nights of a service are pulled, or those of `archives` kept. Raises MisuseError."""

    def strava_problem(self) -> str | None:
        """Why Strava can't be asked, for a person, or None."""

    def backfill_estimate(self, year: int | None) -> Mapping[str, Any]:
        """The estimate for pulling a year (None: the present one) again, or why it can't be asked for."""

    def settings_now(self) -> Mapping[str, Any]:
        """A person's choices about services in providers.toml, with the file's `seal`, for the page of settings."""

    def change_settings(self, priorities: Mapping[str, int], write: Mapping[str, Sequence[str]], seal: str) -> None:
        """Write choices about services into providers.toml, by service, if it still has this seal.

        Raises MisuseError, PipelineError.
        """

    def gear(self) -> Sequence[GearItem]:
        """All gear of the services, grouped by links and by equal names, with the links that are proposed."""

    def link_gear(self, name: str) -> None:
        """Write the links that are proposed for this item into providers.toml. Raises MisuseError, PipelineError."""

    def refuse(self, wanted: Wanted) -> None:
        """Raise MisuseError if a request can't be carried out."""
