"""A year in a few numbers, each with the year before it by the same day; shown on the dashboard's first page."""

from dataclasses import dataclass

from strava_pipeline.core.insights.declared_numbers import named_by
from strava_pipeline.core.insights.documents import YearSummary
from strava_pipeline.core.insights.goals import MEASURES, amount_text, difference_text
from strava_pipeline.core.sports import ALL


@dataclass(frozen=True, slots=True)
class YearNumber:
    """A measure of all sports, as texts. `number`: its declared name.

    `before`: the year before, by the same day, or None if it had none.

    `apart`: the difference between the two as shown, or None if there is none. `is_more`: this year has as much or more.
    """

    number: str
    title: str
    amount: str
    before: str | None
    apart: str | None
    is_more: bool


def year_numbers(summary: YearSummary) -> list[YearNumber]:
    """Distance, time, climb and activities of the year so far; without what neither this year nor the one before measured."""
    totals, before = summary.totals, {each.measure: each for each in summary.before if each.group == ALL}
    found = []
    for measure in MEASURES:
        amount, last = float(getattr(totals, measure.name) or 0.0), before.get(measure.name)
        then = last.by_same_day(summary.year) if last is not None and summary.year is not None else None
        if not (amount or then or measure.name == "activities"):
            continue
        text = amount_text(measure.name, amount, summary.units)
        past = None if then is None else amount_text(measure.name, then, summary.units)
        apart = None if past in (None, text) else difference_text(measure.name, amount, then or 0.0, summary.units)
        found.append(
            YearNumber(named_by(measure.name), measure.title, text, past, apart, then is not None and amount >= then)
        )
    return found
