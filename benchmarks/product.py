"""The product's stages, called as its assets call them, without Dagster; and whole runs with it.

A stage is a function that prepares (imports, connections; not measured) and returns the work to be measured, which
returns the number of API calls it made.
"""

import logging
import shutil
from collections.abc import Callable

import requests

from benchmarks.place import Place

Work = Callable[[], int]


def listing(place: Place) -> Work:
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.pulling import pull_listing
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.operations.strava_source import StravaSource
    from strava_pipeline.orchestrate.config import ListingConfig

    run = run_context(place.settings, LogProgress(_silent()))
    strava = StravaSource(place.settings, run)
    return lambda: pull_listing(run, strava, ListingConfig.model_validate({"mode": "all"}), None).calls


def shards(place: Place) -> Work:
    from strava_pipeline.lake.shards import write_shards

    years = place.years

    def work() -> int:
        write_shards(place.lake, years.all, years)
        return 0

    return work


def merge_summaries(place: Place) -> Work:
    from strava_pipeline.lake.history import merge_history
    from strava_pipeline.lake.merge import merge_activities
    from strava_pipeline.lake.merge_profile import merge_profile
    from strava_pipeline.lake.tombstones import mark_absent
    from strava_pipeline.lake.warehouse import writing

    lake, years = place.lake, place.years.all

    def work() -> int:
        with writing(lake) as connection:
            merge_activities(connection, lake, years)
            mark_absent(connection, lake, years, place.years)
            merge_history(connection, lake, years)
            merge_profile(connection, lake)
        return 0

    return work


def details(place: Place) -> Work:
    from strava_pipeline.operations.fetching import pull_details
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.operations.strava_source import StravaSource
    from strava_pipeline.orchestrate.config import DetailsConfig

    run = run_context(place.settings, LogProgress(_silent()))
    strava = StravaSource(place.settings, run)
    years = place.years
    return lambda: pull_details(run, strava, DetailsConfig.model_validate({"scope": "all"}), years.all).calls


def merge_details(place: Place) -> Work:
    from strava_pipeline.lake.merge_details import merge_details, sync_kudos
    from strava_pipeline.lake.warehouse import writing

    lake, years = place.lake, place.years.all

    def work() -> int:
        merge_details(lake, years)
        with writing(lake) as connection:
            sync_kudos(connection, lake, years)
        return 0

    return work


def publish(place: Place) -> Work:
    from strava_pipeline.lake.publish import publish

    def work() -> int:
        publish(place.lake)
        return 0

    return work


def flow_backfill(place: Place) -> Work:
    return _run(place, "flow_backfill")


def flow(place: Place) -> Work:
    return _run(place, "flow")


def compact(place: Place) -> Work:
    """Everything merged into gold and published, with Dagster."""
    from strava_pipeline.orchestrate.execute import run_job

    def work() -> int:
        run_job(place.settings, "compact", years=place.years.all)
        return 0

    return work


def first_run(place: Place) -> Work:
    """The first run after an update that changed the tables, so all is made from bronze. Calls: as the emulator counts."""
    import duckdb

    from strava_pipeline.orchestrate.execute import run_job

    for warehouse in (place.lake.working, place.lake.snapshot):
        warehouse.chmod(0o644)
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("UPDATE lake_meta SET value = 'of an older version' WHERE key = 'catalogue'")
    shutil.rmtree(place.lake.shards)  # each would be made anew
    before = _calls(place)

    def work() -> int:
        run_job(place.settings, "compact", years=place.years.all[-1:])
        return _calls(place) - before

    return work


def rebuild(place: Place) -> Work:
    """Everything from bronze, with Dagster."""
    from strava_pipeline.orchestrate.execute import run_job
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB

    def work() -> int:
        run_job(place.settings, REBUILD_JOB, years=None)
        return 0

    return work


def _run(place: Place, job: str) -> Work:
    """The whole job in this process, on the Dagster instance on disk, as the verb runs it."""
    from strava_pipeline.orchestrate.execute import run_job

    years = place.years.all if job == "flow_backfill" else place.years.all[-1:]

    def work() -> int:
        told = run_job(place.settings, job, years=years).metadata
        return sum(told[asset]["calls"] for asset in ("bronze_activities", "bronze_activity_details"))

    return work


def _calls(place: Place) -> int:
    """What was asked of the emulator so far."""
    return int(requests.get(f"{place.url}/_emulator/calls", timeout=10).json()["total"])


def _silent() -> logging.Logger:
    log = logging.getLogger("benchmarks")
    log.setLevel(logging.CRITICAL)
    return log
