"""Everything that Dagster's UI offers to launch, launched as it does, by a real daemon: it ends well or says what is missing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.e2e.dagster_dev import DagsterDev, dagster_dev, until
from strava_pipeline_tests.failures import failures
from strava_pipeline_tests.rig import Rig

YEARS = [2024, 2025, 2026]
ASSETS = "query { assetNodes { assetKey { path } groupName isExecutable partitionDefinition { name } } }"
JOBS = """
query {
  repositoryOrError(repositorySelector: {repositoryLocationName: "strava_pipeline", repositoryName: "__repository__"}) {
    ... on Repository { jobs { name } }
  }
}
"""
RUNS = "query { runsOrError { ... on Runs { results { status } } } }"
SAYS = {  # what a run says that can't do its work so
    "backfill without years": "MisuseError: The job backfill works on years that a person chooses",
    "change_settings without years": "MisuseError: Nothing was chosen, so nothing was written.",
    "change_settings of a year": "MisuseError: Nothing was chosen, so nothing was written.",
    "reconcile without years": 'PipelineError: The mode "year" lists one year a run',
}


@pytest.mark.slow
def test_materialize_all_and_each_group_and_job_end_well_or_say_what_is_missing(
    make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(activities=9, years=(2024, 2026), settings={"first_year": 2024})
    with dagster_dev(rig.settings, tmp_path / "dev.log") as dev:
        nodes = [node for node in dev.ask(ASSETS)["assetNodes"] if node["isExecutable"]]
        everything = dev.backfill([name_of(node) for node in nodes], YEARS)
        assert (everything["status"], causes(rig, everything)) == ("COMPLETED_SUCCESS", [])
        rig.assert_true_to_source()
        backfills, runs = launched_groups(dev, nodes)
        for job in [job["name"] for job in dev.ask(JOBS)["repositoryOrError"]["jobs"]]:
            if not job.startswith("__"):
                runs[f"{job} without years"] = dev.launch(job, {})
                runs[f"{job} of a year"] = dev.launch(job, {"dagster/partition": "2025"})
        until(lambda: statuses(dev), lambda found: found <= {"SUCCESS", "FAILURE", "CANCELED"})
        for group, launched in backfills.items():
            found = until(lambda of=launched: dev.backfill_status(of), lambda one: one["status"] != "REQUESTED")
            assert (group, found["status"], causes(rig, found)) == (group, "COMPLETED_SUCCESS", [])
        with rig.instance() as instance:
            said = {name: failures(instance, run_id) for name, run_id in runs.items()}
        assert {name: {each[: len(SAYS.get(name, ""))] for each in why} for name, why in said.items() if why} == {
            name: {sentence} for name, sentence in SAYS.items()
        }, said
        rig.assert_true_to_source()


def name_of(node: dict[str, Any]) -> str:
    return str(node["assetKey"]["path"][0])


def launched_groups(dev: DagsterDev, nodes: list[dict[str, Any]]) -> tuple[dict[str, str], dict[str, str]]:
    """*Materialize all* of each group: the backfills of those with assets by year, and the runs of the others."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for node in nodes:
        groups.setdefault(node["groupName"], []).append(node)
    backfills, runs = {}, {}
    for group, members in groups.items():
        names = [name_of(node) for node in members]
        if any(node["partitionDefinition"] for node in members):
            backfills[group] = dev.launch_backfill(names, YEARS)
        else:
            runs[f"group {group}"] = dev.launch("__ASSET_JOB", {}, assets=names)
    return backfills, runs


def statuses(dev: DagsterDev) -> set[str]:
    return {run["status"] for run in dev.ask(RUNS)["runsOrError"]["results"]}


def causes(rig: Rig, backfill: dict[str, Any]) -> list[str]:
    """Why runs of a backfill failed."""
    with rig.instance() as instance:
        return [why for run in backfill["runs"] for why in failures(instance, run["id"])]
