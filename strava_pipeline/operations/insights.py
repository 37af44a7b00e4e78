"""A run's insights: the athlete, the goals, the last day; written, and compared with gold."""

import base64
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from strava_pipeline.core.insights.charts import chart_svg
from strava_pipeline.core.insights.documents import headline
from strava_pipeline.core.insights.goals import Goals, Units
from strava_pipeline.core.insights.page import charted
from strava_pipeline.core.numbers import if_any
from strava_pipeline.lake.gold.insight_differences import insight_differences
from strava_pipeline.lake.gold.insights import (
    Athlete,
    InsightsReport,
    YearInsights,
    athlete_of,
    remove_insights,
    stale_insights,
    write_insights,
    years_on_disk,
)
from strava_pipeline.lake.gold.publish_pause import note_insights
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import Markdown, StepReport
from strava_pipeline.operations.table_rules import Finding

LOCK = "insights"  # two runs at once would each write half of the files that the other compares
_PICTURES = 3  # a year; Dagster keeps those of every run
Opened = Callable[[], AbstractContextManager[Connection]]
"""Opens the published warehouse."""


@dataclass(slots=True)
class InsightsMade:
    """The result. `athlete`: None in an empty warehouse; `fault`: why goals.toml is ignored; `unequal`: by year."""

    report: InsightsReport = field(default_factory=InsightsReport)
    athlete: Athlete | None = None
    fault: str | None = None
    unequal: dict[str, list[str]] = field(default_factory=dict)


def make_insights(run: RunContext, opened: Opened, years: Sequence[int], zone: str, sports: str) -> InsightsMade:
    """Make insights from the published warehouse, while no other run works on it.

    Unusable goals are ignored: years go without. A year whose files differ from the warehouse is made once more.
    `sports`: the setting STRAVA_INSIGHT_SPORTS.
    """
    made = InsightsMade()
    with run.exclusive(LOCK), opened() as connection:
        goals, made.fault = _goals(run.lake)
        now = run.now()
        made.athlete = athlete = athlete_of(connection, goals, now)
        if athlete is None:
            remove_insights(run.lake)
            return made
        today = athlete.today(now, zone)
        made.report = write_insights(connection, run.lake, athlete, goals, today, years, sports)
        if wrong := list(insight_differences(connection, run.lake, athlete, years, today, sports)):
            for year in wrong:
                remove_insights(run.lake, year)
            again = write_insights(connection, run.lake, athlete, goals, today, wrong, sports)
            made.report.written = sorted({*made.report.written, *again.written})
            found = insight_differences(connection, run.lake, athlete, wrong, today, sports)
            made.unequal = {str(year): faults for year, faults in found.items()}
    return made


def years_without_insights(run: RunContext, opened: Opened, years: Sequence[int], zone: str, sports: str) -> set[int]:
    """The years whose files differ from those that `make_insights` would write. Changes nothing; arguments as there."""
    lake, now = run.lake, run.now()
    with opened() as connection:
        goals, _ = _goals(lake)
        athlete = athlete_of(connection, goals, now)
        if athlete is None:
            return years_on_disk(lake)
        today = athlete.today(now, zone)
        stale = stale_insights(connection, lake, athlete, goals, today, years, sports)
        return stale.union(insight_differences(connection, lake, athlete, years, today, sports))


def _goals(lake: Lake) -> tuple[Goals, str | None]:
    """The goals of goals.toml, or none and why it can't be used."""
    try:
        return goals_of(lake), None
    except UnusableGoalsError as error:
        return Goals(), str(error)


def write_insights_of(run: RunContext, opened: Opened, years: Sequence[int], zone: str, sports: str) -> StepReport:
    """The step of a run that makes the insights of `years`: its report has pictures and numbers by year."""
    made = make_insights(run, opened, years, zone, sports)
    note_insights(run.lake, years)
    unknown = ", ".join(made.report.unknown_sports)
    units = made.athlete.units if made.athlete else "km"
    by_year = {year: _of_year(of_year, units) for year, of_year in made.report.years.items()}
    findings = [
        Finding("equals_gold", not made.unequal, if_any(differences=made.unequal), "Run it again."),
        Finding("goals_usable", made.fault is None, advice=made.fault or "", refuses=False),
        Finding("sports_known", not unknown, advice=unknown, refuses=False),
    ]
    return StepReport("insights", [made.report], by_year=by_year, findings=findings)


def _of_year(made: YearInsights, units: Units) -> dict[str, Any]:
    """A year's pictures, and its numbers: each a line over the years in Dagster's plots."""
    chart: dict[str, Any] = {}
    if made.year is not None and (charts := charted(made.paced)):
        pictures = [chart_svg(each, made.year, units) for each in charts[:_PICTURES]]
        chart["chart"] = Markdown("\n\n".join(_image(svg) for svg in pictures))
    return chart | headline(made.days, made.paced, units)


def _image(svg: str) -> str:
    return f"![chart](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
