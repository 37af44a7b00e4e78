"""A run's insights: who for, against which goals, up to which day; written, and laid beside gold. How is lake/insights.py's."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.lake.goals import UnusableGoalsError, goals_of
from strava_pipeline.lake.insights import Athlete, InsightsReport, athlete_of, write_insights
from strava_pipeline.lake.insights_compared import unequal
from strava_pipeline.lake.warehouse import Connection
from strava_pipeline.orchestrate.resources import Pipeline

LOCK = "insights"  # two runs at once would each write half of what the other compares


@dataclass(slots=True)
class InsightsMade:
    """What came of them. `athlete`: None in an empty warehouse; `fault`: why goals.toml is not followed; `unequal`: by year."""

    report: InsightsReport = field(default_factory=InsightsReport)
    athlete: Athlete | None = None
    fault: str | None = None
    unequal: dict[str, list[str]] = field(default_factory=dict)


def make_insights(pipeline: Pipeline, connection: Connection, years: Sequence[int]) -> InsightsMade:
    """Out of the published warehouse at `connection`. Goals that can't be read are no reason to stop: years go without."""
    made = InsightsMade()
    try:
        goals = goals_of(pipeline.lake)
    except UnusableGoalsError as error:
        goals, made.fault = Goals(), str(error)
    with pipeline.alone(LOCK):
        made.athlete = athlete_of(connection, goals)
        if made.athlete is not None:
            today = made.athlete.today(pipeline.now(), pipeline.settings.timezone)
            made.report = write_insights(connection, pipeline.lake, made.athlete, goals, today, years)
            found = {str(year): unequal(connection, pipeline.lake, made.athlete, year) for year in years}
            made.unequal = {year: faults for year, faults in found.items() if faults}
    return made
