"""A run of years without activities says so."""

import dagster as dg
import pytest

from strava_pipeline.orchestrate.metadata import nothing_there
from strava_pipeline.verbs.run_lines import run_line


@pytest.mark.parametrize(
    ("years", "told"),
    [([2009], "No activities in 2009."), ([2008, 2009], "No activities in 2008 to 2009."), ([2009, 2010], None)],
)
def test_years_without_activities_are_named_in_the_metadata_and_by_the_command(
    years: list[int], told: str | None
) -> None:
    found = nothing_there(dg.build_asset_context(), years, {2010: 3})
    assert found == ({} if told is None else {"result": told})
    if told is not None:
        assert run_line("activities", found) == told
