"""The product's stages, called as its assets call them, without Dagster; and whole runs with Dagster.

A stage is a function that prepares (imports, connections; not measured) and returns the work to be measured. The work returns
the number of API calls, or of things that it processed.
"""

import logging
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import requests

from benchmarks.place import Place

if TYPE_CHECKING:
    from strava_pipeline.operations.run_context import RunContext

Work = Callable[[], int]
LARGE_BYTES = 200_000_000


def listing(place: Place) -> Work:
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.operations.pulling import pull_listing
    from strava_pipeline.operations.source import BudgetedSource
    from strava_pipeline.orchestrate.config import ListingConfig

    run = _run_context(place)
    strava = BudgetedSource(STRAVA, place.settings, run)
    return lambda: pull_listing(run, strava, ListingConfig.model_validate({"mode": "all"}), []).calls


def shards(place: Place) -> Work:
    from strava_pipeline.lake.made.shards import write_shards

    run = _run_context(place)

    def work() -> int:
        write_shards(run.lake, run.years.all, run.years)
        return 0

    return work


def merge_summaries(place: Place) -> Work:
    from strava_pipeline.lake.gold.warehouse import writing
    from strava_pipeline.operations.merging import merge_listed

    run = _run_context(place)

    def work() -> int:
        with writing(run.lake) as connection:  # one transaction, as in the step
            merge_listed(connection, run, run.years.all)
        return 0

    return work


def details(place: Place) -> Work:
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.operations.fetching import pull_details
    from strava_pipeline.operations.source import BudgetedSource
    from strava_pipeline.orchestrate.config import DetailsConfig

    run = _run_context(place)
    strava = BudgetedSource(STRAVA, place.settings, run)
    years = run.years.all
    return lambda: pull_details(run, strava, DetailsConfig.model_validate({"scope": "all"}), years).calls


def merge_details(place: Place) -> Work:
    from strava_pipeline.operations.merging import details_merged, update_kudos

    run = _run_context(place)
    years = run.years.all

    def work() -> int:
        with details_merged(run, years) as (connection, _):
            update_kudos(run, connection, years)
        return 0

    return work


def publish(place: Place) -> Work:
    from strava_pipeline.lake.gold.publish import publish

    def work() -> int:
        publish(place.lake)
        return 0

    return work


def publish_large(place: Place) -> Work:
    """Publish a warehouse of LARGE_BYTES."""
    from strava_pipeline.lake.gold.notes import mark_changed
    from strava_pipeline.lake.gold.publish import publish
    from strava_pipeline.lake.gold.warehouse import writing

    with writing(place.lake) as connection:
        connection.execute("CREATE TABLE filler (a DOUBLE, b DOUBLE)")
    while place.lake.working.stat().st_size < LARGE_BYTES:
        with writing(place.lake) as connection:  # random doubles can't be compressed
            connection.execute("INSERT INTO filler SELECT random(), random() FROM range(2_000_000)")
            mark_changed(connection)

    def work() -> int:
        publish(place.lake)
        return 0

    return work


def flow_backfill(place: Place) -> Work:
    return _run(place, "flow_backfill")


def flow(place: Place) -> Work:
    return _run(place, "flow")


def compact(place: Place) -> Work:
    """Merge everything into gold and publish, with Dagster."""
    from strava_pipeline.verbs.run_job import run_job

    def work() -> int:
        run_job(place.settings, "compact", years=place.years.all)
        return 0

    return work


def first_run(place: Place) -> Work:
    """The first run after an update that changed the tables: everything is rebuilt from bronze. The emulator counts the calls."""
    import duckdb

    from strava_pipeline.verbs.run_job import run_job

    for warehouse in (place.lake.working, place.lake.snapshot):
        warehouse.chmod(0o644)
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("UPDATE lake_meta SET value = 'of an older version' WHERE key = 'catalogue'")
    shutil.rmtree(place.lake.shards)  # an update rebuilds each
    before = _calls(place)

    def work() -> int:
        run_job(place.settings, "compact", years=place.years.all[-1:])
        return _calls(place) - before

    return work


def rebuild(place: Place) -> Work:
    """Rebuild everything from bronze, with Dagster."""
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_job

    def work() -> int:
        run_job(place.settings, REBUILD_JOB, years=None)
        return 0

    return work


def _run(place: Place, job: str) -> Work:
    """The whole job in this process, on the Dagster instance on disk, as the command runs it."""
    from strava_pipeline.verbs.run_job import run_job

    years = place.years.all if job == "flow_backfill" else place.years.all[-1:]

    def work() -> int:
        metadata = run_job(place.settings, job, years=years).metadata
        return sum(metadata[asset]["calls"] for asset in ("bronze_activities", "bronze_activity_details"))

    return work


def _calls(place: Place) -> int:
    """API calls that the emulator has counted so far."""
    return int(requests.get(f"{place.url}/_emulator/calls", timeout=10).json()["total"])


def _run_context(place: Place) -> "RunContext":
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.run_context import run_context

    return run_context(place.settings, LogProgress(silent_log()))


def silent_log() -> logging.Logger:
    log = logging.getLogger("benchmarks")
    log.setLevel(logging.CRITICAL)
    return log
