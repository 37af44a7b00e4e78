"""What Dagster's records show of a step's report."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.core.errors import BudgetExhaustedError, Ceiling, CheckFailedError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.step_reports import Calls, Markdown, StepReport, table_report
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.orchestrate.failures import fault
from strava_pipeline.orchestrate.steps import Result, reported

RUN = run_context(Settings.load(_env_file=None), LogProgress(logging.getLogger("run")))
PARTITIONS = dg.StaticPartitionsDefinition(["2025", "2026"])
ROWS = {2025: 3, 2026: 5, None: 1}
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEPT = Finding("rides_kept", False, {"lost": 2}, "Two rides are lost.", group="integrity")
ODD = Finding("rides_slow", False, {"odd": 1}, "One is slow.", refuses=False, group="integrity")
MISSING = Finding("rides_complete", False, {"missing": 1}, "One ride is missing.", refuses=False)
BEHIND = Finding("rides_merged", False, {"behind": 1}, "One ride of 2026 is not merged.", years=frozenset({2026}))


@dataclass(frozen=True, slots=True)
class Ridden(Calls):
    at: datetime


def executed(*reports: StepReport, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    """A run of the partition 2026 whose one step hands on `reports`."""

    @dg.multi_asset(
        specs=[dg.AssetSpec(name, partitions_def=PARTITIONS) for name in ("rides", "laps")],
        check_specs=[
            dg.AssetCheckSpec(name, asset="rides", blocking=name == "integrity")
            for name in ("integrity", "rides_complete", "rides_merged")
        ],
        can_subset=True,
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[Result]:
        yield from reported(context, RUN, *reports)

    return dg.materialize([step], partition_key="2026", instance=instance, raise_on_error=False)


def test_numbers_of_the_step_and_of_the_year_are_on_the_partition() -> None:
    result = executed(
        table_report("rides", [Ridden(3, AT)], ROWS, [2026]),
        StepReport("laps", [Calls(0)], by_year={2026: {"chart": Markdown("![]()")}}),
    )
    made = {one.asset_key.to_user_string(): one for one in result.asset_materializations_for_node("step")}
    rows = {name: made["rides"].metadata[f"dagster/{name}"].value for name in ("partition_row_count", "row_count")}
    assert rows == {"partition_row_count": 5, "row_count": 9}, "of the year, and of the table with what is of no year"
    assert made["rides"].metadata["calls"].value == 3
    assert made["rides"].metadata["at"] == dg.MetadataValue.timestamp(AT.timestamp())
    assert made["laps"].metadata["chart"] == dg.MetadataValue.md("![]()")
    assert made["laps"].metadata["calls"].value == 0


def test_an_asset_that_was_checked_only_is_not_made() -> None:
    result = executed(StepReport("rides", findings=[replace(KEPT, holds=True), replace(BEHIND, holds=True)]))
    assert result.asset_materializations_for_node("step") == []
    found = [(check.check_name, check.passed) for check in result.get_asset_check_evaluations()]
    assert found == [("integrity", True), ("rides_merged", True)]


def test_what_was_found_becomes_the_results_of_checks() -> None:
    result = executed(StepReport("rides", [], findings=[ODD, KEPT, MISSING]))
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks.keys() == {"integrity", "rides_complete"}
    assert checks["integrity"].severity is dg.AssetCheckSeverity.ERROR
    assert checks["integrity"].metadata["lost"].value == 2
    assert checks["integrity"].description == "rides_slow: One is slow. rides_kept: Two rides are lost."
    assert checks["rides_complete"].severity is dg.AssetCheckSeverity.WARN
    assert checks["rides_complete"].description == "One ride is missing."


@pytest.mark.parametrize(
    ("findings", "made", "stops"),
    [
        ([KEPT, MISSING], True, {"rides.integrity": "rides_kept: Two rides are lost."}),
        ([ODD, MISSING], True, None),  # warned of
        ([BEHIND], True, None),  # of single years: those are held back
        ([BEHIND], False, {"rides.rides_merged": "One ride of 2026 is not merged."}),  # nothing was made without them
    ],
)
def test_what_refuses_a_whole_table_stops_the_run(findings: list[Finding], made: bool, stops: Any) -> None:
    result = executed(
        StepReport("rides", [] if made else None, findings=findings), StepReport("laps", [] if made else None)
    )
    failed = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    assert [fault(error)[0] for error in failed if error] == ([str(CheckFailedError(stops))] if stops else [])


FULL = BudgetExhaustedError(Ceiling("read", "day"), 1000, AT)


@pytest.mark.parametrize(
    ("stopped", "tags"),
    [
        (None, {}),
        ("Strava did not answer.", {"stopped_early": "Strava did not answer."}),
        (FULL, {"stopped_early": str(FULL), "strava_pipeline/limit": "day"}),
    ],
)
def test_a_run_that_ended_early_has_a_tag_that_says_why(stopped: Any, tags: dict[str, str]) -> None:
    instance = dg.DagsterInstance.ephemeral()
    result = executed(StepReport("rides", [], stopped=stopped), instance=instance)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert {name: value for name, value in run.tags.items() if not name.startswith("dagster/")} == tags
