"""What a step reports."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.operations.step_reports import Calls, StepReport, nothing_there

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ridden(Numbers):
    rides: int
    calls: Calls
    failed_ids: list[int]
    longest: str = ""
    at: datetime | None = None
    route: list[float] = field(default_factory=lambda: [47.3769], repr=False)

    def __str__(self) -> str:
        return sentence(
            f"Rode {self.rides}", (self.failed_ids, f"{len(self.failed_ids)} failed"), (self.longest, "far")
        )


def test_a_field_of_a_record_is_a_number_of_its_asset() -> None:
    report = StepReport("rides", [Ridden(0, Calls(2), [7, 8])], 5, notes={"due": "rides", "result": ""})
    shown = {"due": "rides", "rides": 0, "calls": 2, "failed": 2, "failed_ids": ["7", "8"], "dagster/row_count": 5}
    assert report.metadata == shown, "0 is a number; what is empty or not for everybody's eyes is left out"
    assert report.words == "Rode 0; 2 failed"
    assert StepReport("rides", [Ridden(1, Calls(0), [], at=AT)]).metadata["at"] == AT


@pytest.mark.parametrize(
    ("years", "sentence"),
    [([2009], "No activities in 2009."), ([2008, 2009], "No activities in 2008 to 2009."), ([2009, 2010], "")],
)
def test_years_without_activities_are_named_in_place_of_numbers(years: list[int], sentence: str) -> None:
    report = StepReport("activities", [Calls(0)], notes={"result": nothing_there(years, {2010: 3})})
    assert report.words == sentence
