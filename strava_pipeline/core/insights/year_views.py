"""The charts of a year: a measure of a group of sports, by day and by month, next to the year before.

A page shows one view at a time and switches between them; a report holds several.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from strava_pipeline.core.insights.charts import Chart, month_chart, year_chart
from strava_pipeline.core.insights.documents import YearSummary
from strava_pipeline.core.insights.pacing import PacedMeasure
from strava_pipeline.core.sports import ALL

SHOWN = {"distance": "distance_m", "time": "moving_time_seconds", "climb": "elevation_gain_m"}
"""The available measures, by their names in addresses."""
MOST_SPORTS = 4  # groups in a report, besides all together: each has a view of each measure


@dataclass(frozen=True, slots=True)
class YearView:
    """The charts of a measure (of SHOWN) for a group of sports; empty if the group lacks that measure."""

    show: str
    sport: str
    charts: tuple[Chart, ...]


def sports_of(summary: YearSummary) -> list[str]:
    """All sports together, then each group with time in motion or a distance, by time, longest first."""
    time = {each.group: each.total for each in summary.paced if each.measure == "moving_time_seconds"}
    groups = {each.group for each in summary.paced if each.total > 0 and each.measure in SHOWN.values()} - {ALL}
    return [ALL, *sorted(groups, key=lambda group: (-time.get(group, 0.0), group))]


def usual_show(summary: YearSummary) -> str:
    """Distance, or time where none was measured."""
    return "distance" if summary.totals.distance_m else "time"


def year_view(summary: YearSummary, show: str, sport: str) -> YearView:
    """The charts of one measure of a group of sports."""
    each, before = (_of(paced, sport, SHOWN[show]) for paced in (summary.paced, summary.before))
    if summary.year is None or each is None or not (each.total or (before and before.total)):
        return YearView(show, sport, ())
    asked = (each, summary.year, summary.units, before)
    return YearView(show, sport, (year_chart(*asked), month_chart(*asked)))


def year_views(summary: YearSummary) -> list[YearView]:
    """The views of a report: each measure of all sports, and of those with the most time."""
    return [year_view(summary, show, sport) for sport in sports_of(summary)[: MOST_SPORTS + 1] for show in SHOWN]


def _of(paced: Sequence[PacedMeasure], group: str, measure: str) -> PacedMeasure | None:
    return next((each for each in paced if (each.group, each.measure) == (group, measure)), None)
