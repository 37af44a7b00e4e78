"""What may be there or not: imports, webhook events, streams. No run makes these assets; they stand for what lies on the disk.

They carry the lineage from an optional source to the tables by year. Dagster's UI warns before it runs a table whose
parent was never materialized; of an asset that no run makes, it asks nothing. A run that makes such a source and the
tables below it gets its order from the steps' priorities (tags.py), because Dagster orders only direct parents.
They order the steps of one run: a backfill in the UI of such a source and of years begins several side by side, and what
came too late for a year is brought by the sensor `imported` or by the year's next run.
"""

from collections.abc import Iterable

import dagster as dg

from strava_pipeline.core.tables import FILES
from strava_pipeline.orchestrate.jobs import (
    EVENTS,
    EVENTS_RECEIVED,
    FILE_READINGS,
    IMPORTS_RECEIVED,
    STREAMS,
    STREAMS_RECEIVED,
)
from strava_pipeline.orchestrate.metadata import OWNER


def received_assets() -> list[dg.AssetSpec]:
    return [
        _received(
            IMPORTS_RECEIVED,
            "files",
            [FILE_READINGS, FILES.name],
            "What was imported so far, if anything: activities, details and points from files and archives. "
            "`strava-pipeline import`, or the job import_files, adds to it.",
        ),
        _received(
            EVENTS_RECEIVED,
            "bronze",
            [EVENTS],
            "What webhook events brought so far, if any came: details of changed activities, and which ones are deleted. "
            "The job events adds to it.",
        ),
        _received(
            STREAMS_RECEIVED,
            "tracks",
            [STREAMS],
            "The streams that were fetched so far, if any. The job streams adds to it.",
        ),
    ]


def _received(name: str, group: str, deps: Iterable[str], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name, deps=deps, group_name=group, kinds={"json", "file"}, owners=[OWNER], description=description
    )
