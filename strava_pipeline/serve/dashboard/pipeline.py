"""What the dashboard asks of the pipeline itself, because it follows from providers.toml and from logins: comparisons, decisions.

The dashboard imports no code that speaks to services. It is given this by the command that starts it, and the command line calls
the same functions. Values are what docs/formats.md shows; what is raised are errors of core/errors.py.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from strava_pipeline.core.changes.states import Verdict
from strava_pipeline.core.facts import Fact
from strava_pipeline.lake.gold.shared_snapshot import SharedSnapshot
from strava_pipeline.lake.requests import Wanted


class Pipeline(Protocol):
    """The pipeline of one data folder. Nothing here makes a call; only decisions write."""

    @property
    def snapshot(self) -> SharedSnapshot:
        """What is published: pages read it, and what follows from it here."""
        ...

    def months_back(self, count: int) -> list[str]:
        """So many local months, as 2026-10, the oldest first, the last of which is the present one."""
        ...

    def known_months(self) -> tuple[str, str]:
        """The first and the last local month: from STRAVA_FIRST_YEAR, or an earlier activity, to the present one."""
        ...

    def calendar(self, months: Collection[str]) -> Mapping[str, Any]:
        """How these months stand at each service, by month, the newest first; empty where nothing was published yet."""
        ...

    def month(self, month: str) -> Mapping[str, Any]:
        """A month compared, row by row, with the changes of it that wait for a decision."""
        ...

    def changes(self) -> Mapping[str, Mapping[str, Any]]:
        """Every change that was ever proposed, by id, each with its `seal`."""
        ...

    def attempts(self, change_id: str) -> Mapping[int, Any]:
        """What was sent for a change and answered, by attempt."""
        ...

    def decide(self, decisions: Sequence[tuple[Verdict, str, str | None]]) -> list[str]:
        """Record verdicts about changes, by id and seal (None: whatever was shown), all or none; the ids.

        Raises UnknownIdError, UndecidedError.
        """
        ...

    def decide_bests(self, activity_id: int, *, dismissed: bool) -> bool:
        """Record whether an activity is to hold no best; whether readers see it before the next publish."""
        ...

    def facts(self) -> Sequence[Fact]:
        """How things stand: sources, what is published, what waits for a person."""
        ...

    def strava_problem(self) -> str | None:
        """Why Strava can't be asked, for a person; None: nothing says so."""
        ...

    def backfill_estimate(self, year: int | None) -> Mapping[str, Any]:
        """What pulling a year (None: the present one) again takes, or why it can't be asked for."""
        ...

    def settings_now(self) -> Mapping[str, Any]:
        """What a person chose about services in providers.toml, with the file's `seal`, as the page of settings shows it."""
        ...

    def refuse(self, wanted: Wanted) -> None:
        """Raise MisuseError where a request can't be carried out."""
        ...
