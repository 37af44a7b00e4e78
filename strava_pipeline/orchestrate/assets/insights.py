"""A year against its goals, as files and as a picture in Dagster's UI. How they are made is operations/insights.py's."""

import base64
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from strava_pipeline.core.insights.documents import headline
from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.insights.page import chart_svg, charted
from strava_pipeline.lake.insights import YearMade
from strava_pipeline.operations.insights import InsightsMade, make_insights
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.orchestrate.jobs import INSIGHTS
from strava_pipeline.orchestrate.metadata import OWNER, if_any, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.verdicts import check_result, valid_spec

EQUAL, USABLE, KNOWN = "equals_gold", "goals_usable", "sports_known"
_PICTURES = 3  # a year; Dagster keeps those of every run


def insight_assets(partitions: dg.PartitionsDefinition[Any], zone: str, sports: str) -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=INSIGHTS,
        partitions_def=partitions,
        deps=["published_warehouse"],
        group_name="insights",
        kinds={"json"},
        owners=[OWNER],
        description="data/insights/YYYY: each group of sports day by day against its goals (goals.toml), pace and projection.",
        check_specs=[
            valid_spec(
                INSIGHTS,
                refuses={EQUAL: "the files of the run's years agree with gold"},
                warns={
                    USABLE: "goals.toml can be followed, if there is one",
                    KNOWN: "every sport has a group; one without counts as other",
                },
                blocking=False,  # nothing stands below, and the next run makes the files again
            )
        ],
    )
    def insights(
        context: dg.AssetExecutionContext, run: Run, snapshot: DuckDBResource
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            made = make_insights(run, snapshot.get_connection, years_of(context.partition_keys), zone, sports)
        report = made.report
        for year, of_year in report.years.items():
            context.add_asset_metadata(
                year_metadata(of_year, made.athlete.units if made.athlete else "km"), partition_key=str(year)
            )
        yield dg.MaterializeResult(
            metadata={
                "years_written": len(report.written),
                "activities_without_date": report.left_out.undated,
                "activities_in_the_future": report.left_out.later,
                "seconds": seconds.value,
            },
            check_results=[check_result(INSIGHTS, _findings(made))],
        )

    return [insights]


def year_metadata(made: YearMade, units: Units) -> dict[str, Any]:
    """A year's pictures, and its numbers: each a line over the years in Dagster's plots."""
    told: dict[str, Any] = {}
    if made.year is not None and (charts := charted(made.paced)):
        pictures = [chart_svg(each, made.year, units) for each in charts[:_PICTURES]]
        told["chart"] = dg.MetadataValue.md("\n\n".join(_image(svg) for svg in pictures))
    return told | headline(made.days, made.paced, units)


def _image(svg: str) -> str:
    return f"![chart](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _findings(made: InsightsMade) -> list[Finding]:
    unknown = ", ".join(made.report.unknown_sports)
    return [
        Finding(EQUAL, not made.unequal, if_any(differences=made.unequal), "Run it again."),
        Finding(USABLE, made.fault is None, advice=made.fault or "", refuses=False),
        Finding(KNOWN, not unknown, advice=unknown, refuses=False),
    ]
