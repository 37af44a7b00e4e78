"""What a step reports."""

import logging
import re
from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.operations.budgeted_source import BudgetedSource
from strava_pipeline.operations.fetching_steps import list_activities
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.step_reports import nothing_there
from strava_pipeline.orchestrate.step_lines import run_line
from strava_pipeline_tests.rig import Rig


@pytest.mark.parametrize(
    ("years", "sentence"),
    [([2009], "No activities in 2009."), ([2008, 2009], "No activities in 2008 to 2009."), ([2009, 2010], None)],
)
def test_years_without_activities_are_named_in_the_metadata_and_by_the_command(
    years: list[int], sentence: str | None
) -> None:
    found = nothing_there(years, {2010: 3})
    assert found == ({} if sentence is None else {"result": sentence})
    if sentence is not None:
        assert run_line("activities", found) == sentence


def test_the_listing_that_shows_the_first_years_to_be_empty_says_so_once(
    make_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig(activities=6, years=(2025, 2026), settings={"first_year": 2022})
    (first,) = {min(item["start_date_local"] for item in rig.truth())[:4]}
    caplog.set_level(logging.INFO)

    def advice(years: Sequence[int], options: ListingOptions) -> list[str]:
        caplog.clear()
        run = run_context(rig.settings, LogProgress(logging.getLogger(__name__)), run_id=str(uuid4()))
        list_activities(run, BudgetedSource(STRAVA, rig.settings, run), options, years, None)
        return re.findall(r"STRAVA_FIRST_YEAR=(\d+)", caplog.text)

    assert advice(rig.years, ListingOptions(mode="all", per_page=3, max_calls=1)) == [], "it is not complete"
    assert advice(rig.years, ListingOptions(mode="incremental")) == [first]
    for options in (ListingOptions(mode="incremental"), ListingOptions(mode="all")):
        assert advice(rig.years, options) == []
    assert advice([2022], ListingOptions(mode="year")) == []
