"""A year against its goals, as files and as a picture in Dagster's UI. What is in them is lake/insights.py's."""

import base64
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.insights.headline import headline
from strava_pipeline.core.insights.page import chart_svg, shown
from strava_pipeline.lake.goals import UnusableGoalsError, goals_of
from strava_pipeline.lake.insights import Athlete, InsightsReport, YearMade, athlete_of, write_insights
from strava_pipeline.lake.insights_compared import unequal
from strava_pipeline.orchestrate.jobs import INSIGHTS
from strava_pipeline.orchestrate.metadata import OWNER, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Pipeline

EQUAL, USABLE, KNOWN = "equals_gold", "goals_usable", "sports_known"


def insight_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=INSIGHTS,
        partitions_def=partitions,
        deps=["published_warehouse"],
        group_name="insights",
        kinds={"json"},
        owners=[OWNER],
        description="data/insights/<year>: each group of sports day by day against its goals (goals.toml), pace and projection.",
        check_specs=[
            dg.AssetCheckSpec(EQUAL, asset=INSIGHTS, description="The files of the run's years say what gold does."),
            dg.AssetCheckSpec(USABLE, asset=INSIGHTS, description="goals.toml can be followed, if there is one."),
            dg.AssetCheckSpec(
                KNOWN, asset=INSIGHTS, description="Every sport has a group; one without counts as other."
            ),
        ],
    )
    def insights(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline], snapshot: DuckDBResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        years, fault, wrong = years_of(context.partition_keys), None, {}
        try:
            goals = goals_of(pipeline.lake)
        except UnusableGoalsError as error:
            goals, fault = Goals(), str(error)
        with timed() as seconds, pipeline.alone(INSIGHTS), snapshot.get_connection() as connection:
            report, athlete = InsightsReport(), athlete_of(connection, goals)
            if athlete is not None:
                today = athlete.today(pipeline.now(), pipeline.settings.timezone)
                report = write_insights(connection, pipeline.lake, athlete, goals, today, years)
                found = {year: unequal(connection, pipeline.lake, athlete, year) for year in years}
                wrong = {str(year): faults for year, faults in found.items() if faults}
        for year, made in report.years.items():
            if athlete is not None:
                context.add_asset_metadata(_told(made, athlete), partition_key=str(year))
        yield dg.MaterializeResult(
            metadata={"years_written": len(report.written), "undated": report.undated, "seconds": seconds.value},
            check_results=[
                dg.AssetCheckResult(
                    check_name=EQUAL, passed=not wrong, metadata={"unequal": dg.MetadataValue.json(wrong)}
                ),
                _warned(USABLE, fault),
                _warned(KNOWN, ", ".join(report.unknown_sports) or None),
            ],
        )

    return [insights]


def _told(made: YearMade, athlete: Athlete) -> dict[str, Any]:
    """The year's picture and its numbers, each a line over the years in Dagster's plots."""
    told: dict[str, Any] = {}
    if made.year is not None and (charts := shown(made.paced)):
        pictures = (chart_svg(each, made.year, athlete.units) for each in charts)
        told["chart"] = dg.MetadataValue.md("\n\n".join(_image(svg) for svg in pictures))
    return told | headline(made.days, made.paced, athlete.units)


def _image(svg: str) -> str:
    return f"![chart](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _warned(check: str, fault: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check, passed=fault is None, severity=dg.AssetCheckSeverity.WARN, description=fault
    )
