"""What a step reports."""

import pytest

from strava_pipeline.operations.step_reports import nothing_there
from strava_pipeline.orchestrate.step_lines import run_line


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
