"""The checks of the tables of trips by car, which are made in one step."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import dagster as dg
import pytest

from strava_pipeline.lake.gold.warehouse import at_rest
from strava_pipeline.trips.car.tables import TABLES
from strava_pipeline_tests.rig import Rig, definitions

pytestmark = pytest.mark.slow


def test_the_warehouse_is_free_while_dagster_stores_what_the_checks_of_car_tables_found(rig: Rig) -> None:
    job, run_id = definitions(rig.settings).resolve_implicit_global_asset_job_def(), str(uuid4())
    keys = {dg.AssetCheckKey(dg.AssetKey(table.name), "integrity") for table in TABLES}
    free: list[bool] = []

    def is_free() -> bool:
        with at_rest(rig.lake, patience=0) as found:
            return found

    def look(entry: dg.EventLogEntry) -> None:
        if entry.dagster_event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            with ThreadPoolExecutor(1) as another:  # the lock is held by thread
                free.append(another.submit(is_free).result())

    rig.remembered.add_event_listener(run_id, look)
    job.get_subset(asset_check_selection=keys).execute_in_process(instance=rig.remembered, run_id=run_id)
    assert free == [True] * len(keys)
