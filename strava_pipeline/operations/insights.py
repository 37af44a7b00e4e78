"""A run's insights: who for, against which goals, up to which day; written, and laid beside gold. How is lake/insights.py's."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.lake.goals import UnusableGoalsError, goals_of
from strava_pipeline.lake.insights import Athlete, InsightsReport, athlete_of, forget, write_insights
from strava_pipeline.lake.insights_compared import unequal
from strava_pipeline.lake.warehouse import Connection
from strava_pipeline.operations.run_context import RunContext

LOCK = "insights"  # two runs at once would each write half of what the other compares
Opened = Callable[[], AbstractContextManager[Connection]]
"""Opens the published warehouse."""


@dataclass(slots=True)
class InsightsMade:
    """What came of them. `athlete`: None in an empty warehouse; `fault`: why goals.toml is not followed; `unequal`: by year."""

    report: InsightsReport = field(default_factory=InsightsReport)
    athlete: Athlete | None = None
    fault: str | None = None
    unequal: dict[str, list[str]] = field(default_factory=dict)


def make_insights(run: RunContext, opened: Opened, years: Sequence[int], zone: str, sports: str) -> InsightsMade:
    """Out of the published warehouse, as it is when nobody else is at it. Goals that can't be followed are no reason to stop:
    years go without. A year whose files are not as the warehouse says is made once more.
    `sports`: the setting STRAVA_INSIGHT_SPORTS.
    """
    made = InsightsMade()
    with run.exclusive(LOCK), opened() as connection:
        try:
            goals = goals_of(run.lake)
        except UnusableGoalsError as error:
            goals, made.fault = Goals(), str(error)
        now = run.now()
        made.athlete = athlete = athlete_of(connection, goals, now)
        if athlete is None:
            forget(run.lake)
            return made
        today = athlete.today(now, zone)
        made.report = write_insights(connection, run.lake, athlete, goals, today, years, sports)
        if wrong := list(unequal(connection, run.lake, athlete, years, today, sports)):
            for year in wrong:
                forget(run.lake, year)
            again = write_insights(connection, run.lake, athlete, goals, today, wrong, sports)
            made.report.written = sorted({*made.report.written, *again.written})
            found = unequal(connection, run.lake, athlete, wrong, today, sports)
            made.unequal = {str(year): faults for year, faults in found.items()}
    return made
