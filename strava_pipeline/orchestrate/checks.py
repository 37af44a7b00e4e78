"""Asset checks made from the catalogue. They read the working warehouse, so that what is wrong is never published."""

from typing import Any

import dagster as dg

from strava_pipeline.core.tables import DETAIL_TABLES, QUARANTINE
from strava_pipeline.lake.counts import faulty_keys
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.orchestrate.resources import Pipeline


def key_checks() -> list[dg.AssetChecksDefinition]:
    """A blocking check per gold table: its key is unique and never NULL."""
    others = ("activity_history", *DETAIL_TABLES, QUARANTINE.name)
    tables = {"activities": "activities_all", **{name: name for name in others}}
    return [_key_check(asset, table) for asset, table in tables.items()]


def _key_check(asset: str, table: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="key_unique", blocking=True, description="No key stands twice, none is NULL.")
    def check(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
        with reading(pipeline.lake) as connection:
            doubled, nulls = faulty_keys(connection, table)
        return dg.AssetCheckResult(passed=not (doubled or nulls), metadata={"doubled": doubled, "null": nulls})

    made: Any = check
    assert isinstance(made, dg.AssetChecksDefinition)
    return made
