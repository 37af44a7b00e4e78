"""The floor of a run: four trivial assets with a check each, run in this process on the product's storage.

`python benchmarks/run_floor.py HOME`. A command's cost above this floor is the product's own; the floor is Dagster's. The
instance is opened as a command opens it, so that the floor follows when that changes.
"""

import sys
from pathlib import Path

import dagster as dg
import duckdb
import polars

from strava_pipeline.verbs.instance import open_instance

NAMES = ("one", "two", "three", "four")


def main() -> None:
    assert duckdb
    assert polars
    job = dg.Definitions(
        assets=[_asset(name) for name in NAMES],
        asset_checks=[_check(name) for name in NAMES],
        jobs=[dg.define_asset_job("floor", dg.AssetSelection.all())],
        executor=dg.in_process_executor,
    ).resolve_job_def("floor")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with open_instance(Path(sys.argv[1]), compute_logs=False) as instance:
        assert job.execute_in_process(run_config=quiet, instance=instance).success


def _asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name)
    def trivial() -> None:
        return None

    return trivial


def _check(name: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(name="holds", asset=name)
    def trivial() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return trivial


if __name__ == "__main__":
    main()
