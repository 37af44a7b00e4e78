"""A real `dev`, whose dialogs begin with the year in which the data begin, while runs have every year."""

from pathlib import Path

import pytest

from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline_tests.e2e.dagster_dev import DagsterDev, dagster_dev, until
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.rig import Make

SHOWN = "query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } } }"


def shown(dev: DagsterDev) -> list[int]:
    """The years that the dialog of a materialization offers."""
    keys = dev.ask(SHOWN, key={"path": ["activities"]})["assetNodeOrError"]["partitionKeys"]
    return sorted(int(key) for key in keys)


@pytest.mark.dear
def test_dialogs_begin_with_the_data_a_late_file_adds_its_years_and_runs_have_every_year(
    make_rig: Make, tmp_path: Path
) -> None:
    rig = make_rig(activities=8, years=(2025, 2026), settings={"first_year": 2020})
    rig.begin_with("flow_backfill")
    newest, retries = year_range(2020).newest, {"dagster/max_retries": "0"}
    with dagster_dev(rig.settings, tmp_path / "dev.log") as dev:
        assert shown(dev) == [*range(2025, newest + 1)]
        assert dev.run("compact", {**range_tags([2020, newest]), **retries}) == "SUCCESS"
        assert dev.run("compact", {**range_tags([2021]), **retries}) == "SUCCESS"
        late = tmp_path / "late.gpx"
        late.write_bytes(a_gpx().replace(b"2025-06", b"2022-06"))
        taken = {"ops": {"bronze_files": {"config": {"paths": [str(late)]}}}}
        assert dev.run("import_and_merge", retries, taken) == "SUCCESS"
        assert rig.one("SELECT min(year) FROM activities") == 2022, "in the run that brought it"
        until(lambda: shown(dev), lambda years: years == [*range(2022, newest + 1)])
        backfill = dev.backfill(["activities"], [2022])
        assert backfill["status"] == "COMPLETED_SUCCESS"
