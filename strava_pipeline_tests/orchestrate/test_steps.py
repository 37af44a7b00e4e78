"""What Dagster's records show of a step's report."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.core.errors import BudgetExhaustedError, Ceiling
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.step_reports import Markdown, StepReport, table_report
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.orchestrate.steps import Result, reported
from strava_pipeline.settings import Settings

RUN = run_context(Settings.load(_env_file=None), LogProgress(logging.getLogger("run")))
PARTITIONS = dg.StaticPartitionsDefinition(["2025", "2026"])
ROWS = {2025: 3, 2026: 5, None: 1}
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WRONG = Finding("rides_kept", False, {"lost": 2}, "Two rides are lost.")
MISSING = Finding("rides_complete", False, {"missing": 1}, "One ride is missing.", refuses=False)
ODD = Finding("shape", False, {"never_came": ["[].id"]}, "A field never came.", refuses=False)


def executed(*reports: StepReport, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    """A run of the partition 2026 whose one step hands on `reports`."""

    @dg.multi_asset(
        specs=[dg.AssetSpec(name, partitions_def=PARTITIONS) for name in ("rides", "laps")],
        check_specs=[dg.AssetCheckSpec(name, asset="rides") for name in ("valid", "rides_complete", "shape")],
        can_subset=True,
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[Result]:
        yield from reported(context, RUN, *reports)

    return dg.materialize([step], partition_key="2026", instance=instance, raise_on_error=False)


def test_numbers_of_the_step_and_of_the_year_are_on_the_partition() -> None:
    result = executed(
        table_report("rides", {"calls": 3, "at": AT, "chart": Markdown("![]()")}, ROWS, [2026], None),
        StepReport("laps", {"calls": 0}),
    )
    made = {one.asset_key.to_user_string(): one for one in result.asset_materializations_for_node("step")}
    rows = {name: made["rides"].metadata[f"dagster/{name}"].value for name in ("partition_row_count", "row_count")}
    assert rows == {"partition_row_count": 5, "row_count": 9}, "of the year, and of the table with what is of no year"
    assert made["rides"].metadata["calls"].value == 3
    assert made["rides"].metadata["at"] == dg.MetadataValue.timestamp(AT.timestamp())
    assert made["rides"].metadata["chart"] == dg.MetadataValue.md("![]()")
    assert made["laps"].metadata["calls"].value == 0


def test_an_asset_that_was_checked_only_is_not_made() -> None:
    result = executed(StepReport("rides", findings=[]))
    assert result.asset_materializations_for_node("step") == []
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("valid", True)


def test_what_was_found_becomes_the_results_of_checks() -> None:
    result = executed(StepReport("rides", {}, findings=[WRONG], complete=MISSING, shape=ODD))
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["valid"].severity is dg.AssetCheckSeverity.ERROR
    assert checks["valid"].metadata["lost"].value == 2
    assert checks["valid"].description == "rides_kept: Two rides are lost."
    assert checks["rides_complete"].severity is dg.AssetCheckSeverity.WARN
    assert checks["rides_complete"].description == "One ride is missing."
    assert "broken_rules" not in checks["rides_complete"].metadata
    assert checks["shape"].severity is dg.AssetCheckSeverity.WARN
    assert checks["shape"].metadata["never_came"].value == ["[].id"]


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
    result = executed(StepReport("rides", {}, stopped=stopped), instance=instance)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert {name: value for name, value in run.tags.items() if not name.startswith("dagster/")} == tags
