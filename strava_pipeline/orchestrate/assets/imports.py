"""The assets of imports: the bytes, the results of reading them, a row per file; and optional sources.

Dagster's UI warns before it runs a table whose parent was never materialized; for an asset that no run makes, it
doesn't. So an optional source (imports, webhook events, streams, other providers) is followed by such an asset, which
represents the data on disk and carries the lineage to the tables by year. Dagster orders direct parents only: in a run
that makes both, the steps' priorities (tags.py) put the source first. A backfill in the UI of such a source and of
years begins several steps side by side; data that came too late for a year are brought by the sensor `inbox` or by the
year's next run.
"""

from collections.abc import Collection, Iterable, Iterator, Set
from pathlib import Path

import dagster as dg

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.tables import FILES
from strava_pipeline.operations.merging_steps import land_files, list_files, read_imports
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.orchestrate.checks import own_checks, table_checks
from strava_pipeline.orchestrate.config import ImportConfig
from strava_pipeline.orchestrate.jobs import (
    EVENTS,
    EVENTS_RECEIVED,
    FILE_BRONZE,
    FILE_READINGS,
    IMPORTS_RECEIVED,
    PROVIDER_FILES_RECEIVED,
    PROVIDERS_RECEIVED,
    STREAMS,
    STREAMS_RECEIVED,
    gives_files,
    provider_files,
    provider_listing,
)
from strava_pipeline.orchestrate.metadata import table_spec
from strava_pipeline.orchestrate.steps import Asked, step
from strava_pipeline.orchestrate.tags import STEP_FIRST


def import_assets(limits: ImportLimits) -> list[dg.AssetsDefinition]:
    """The three assets of imported files, none of them by year. They precede their readers by way of `imports`."""

    def land(asked: Asked) -> StepReport:
        config = asked.config
        return land_files(asked.run, [*map(Path, config.paths)], limits, also_undone=config.also_undone)

    bronze = dg.AssetSpec(
        FILE_BRONZE,
        group_name="bronze",
        kinds={"file"},
        description="Files of activities, lists of archives and their pictures, byte for byte as they were received, each "
        "once, and which files came in one import under which names. Without a config: what lies in data/inbox/files.",
    )
    readings = dg.AssetSpec(
        FILE_READINGS,
        deps=[FILE_BRONZE],
        group_name="imports",
        kinds={"json", "parquet"},
        description="The result of reading each file, its points, and the activities from files and lists, in the shapes of "
        "Strava's API, so that all later steps have one kind of input.",
    )
    taken_in = own_checks(FILE_BRONZE, {"all_taken_in": "No file of the import had to be left out."})
    checks = table_checks(FILES.name, FILES.name)
    return [
        step([bronze], land, checks=taken_in, config=ImportConfig, op_tags=STEP_FIRST),
        step([readings], lambda asked: read_imports(asked.run, limits), op_tags=STEP_FIRST),
        step(
            [table_spec(FILES, deps=[FILE_READINGS])],
            lambda asked: list_files(asked.run),
            checks=checks,
            op_tags=STEP_FIRST,
        ),
    ]


def received_assets(sources: Collection[str], senders: Set[str]) -> list[dg.AssetSpec]:
    """The assets that represent the optional sources on disk; `senders`: the sources whose events come. No run makes
    these assets.
    """
    found = [
        *_received_of_providers([name for name in sources if not spec_of(name).unnamed]),
        _received(
            IMPORTS_RECEIVED,
            "imports",
            [FILE_READINGS, FILES.name],
            "What was imported so far, if anything: activities, details and points from files and archives. "
            "`strava-pipeline import`, or the job import_files, adds to it.",
        ),
    ]
    if any(spec_of(name).unnamed for name in senders):
        about = "What webhook events brought so far, if any came: details of changed activities, and which ones are deleted. "
        found.append(_received(EVENTS_RECEIVED, "bronze", [EVENTS], f"{about}The job events adds to it."))
    if any(spec_of(name).unnamed for name in sources):
        about = "The streams that were fetched so far, if any. The job streams adds to it."
        found.append(_received(STREAMS_RECEIVED, "tracks", [STREAMS], about))
    return found


def _received_of_providers(providers: Iterable[str]) -> Iterator[dg.AssetSpec]:
    listed = [provider_listing(name) for name in providers]
    with_files = [provider_files(name) for name in providers if gives_files(name)]
    if listed:
        yield _received(
            PROVIDERS_RECEIVED,
            "bronze",
            listed,
            "The activities that the enabled providers listed so far, if any. The job of each provider adds to it.",
        )
    if with_files:
        yield _received(
            PROVIDER_FILES_RECEIVED,
            "provider_files",
            with_files,
            "The files of activities that the enabled providers gave so far, if any. The job of each provider adds to it.",
        )


def _received(name: str, group: str, deps: Iterable[str], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(name, deps=deps, group_name=group, kinds={"json", "file"}, description=description)
