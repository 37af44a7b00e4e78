"""The parts of a day's work that the storm kills, for a child of mortal.py: each is what the steps of a job do, without Dagster."""

import logging
from collections.abc import Callable
from datetime import datetime
from importlib import import_module

import duckdb

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.emulator.service import Clock
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.providers_file import enabled_providers
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import write_shards
from strava_pipeline.operations import source as source_module
from strava_pipeline.operations.changes import writers
from strava_pipeline.operations.changes.apply_step import apply_approved
from strava_pipeline.operations.changes.proposing import update_proposals
from strava_pipeline.operations.fetching import pull_details
from strava_pipeline.operations.fetching_steps import fetch_gear
from strava_pipeline.operations.listing_windows import listed_together
from strava_pipeline.operations.merging import details_merged, match, publish_run, update_kudos, update_quarantine
from strava_pipeline.operations.options import CallOptions, DetailsOptions, ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.operations.pulling import pull_each, pull_listing
from strava_pipeline.operations.rebuilding import bring_up_to_date, rebuild_all
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import FLOW_LOCK, BudgetedSource, Source
from strava_pipeline.operations.sources import Sources
from strava_pipeline.testing.merging import merge_listings

for name in (
    "openpyxl",
    "strava_pipeline.ingest.bounded_session",
    "strava_pipeline.ingest.strava.writes",
    *PROVIDERS.values(),
):
    import_module(name)  # once, and not in each child
    if name in PROVIDERS.values():
        import_module(f"{name.rpartition('.')[0]}.writes")

_connect = duckdb.connect
duckdb.connect = lambda database=":memory:", read_only=False, config=None: _connect(  # as in conftest.py
    database, read_only=read_only, config={"threads": 1, **(config or {})}
)


def live(what: str, run_id: str, now: str, mode: str) -> None:
    """Do a part of the run `run_id` at the emulators' time `now`. `mode`: of its listings."""
    settings, clock = Settings.load(_env_file=None), Clock(datetime.fromisoformat(now), 1.0)
    ServerClock.sleep = lambda _, seconds: clock.advance(max(seconds, 0.0))  # type: ignore[method-assign]
    own = machine_clock(now=clock.now)
    source_module.machine_clock = writers.machine_clock = lambda *_: own  # type: ignore[attr-defined, assignment]
    run = run_context(settings, LogProgress(logging.getLogger("run")), what, run_id=run_id, clock=own)
    PARTS[what](run, settings, mode)


def pull(run: RunContext, settings: Settings, mode: str) -> None:
    """List at every service."""
    run = bring_up_to_date(run, settings)
    size = None if mode == "incremental" else 20  # so that what compares everything takes several pages
    options, years = ListingOptions.model_validate({"mode": mode, "per_page": size, "days": None}), run.years.all
    strava = BudgetedSource(STRAVA, settings, run)
    with locked(run.lake, FLOW_LOCK):
        listed = pull_each(listed_together(strava, options, years), lambda few: pull_listing(run, strava, options, few))
        assert listed.is_complete, listed.stopped
    for name in enabled_providers(settings):
        report = list_provider_activities(run, Source(name, settings, run), options, years, asset=name)
        assert report.holds, report
        assert "first_problems" not in (report.metadata or {}), report.metadata


def merge(run: RunContext, settings: Settings, mode: str) -> None:
    """Gold of what came, what is proposed of it, Strava's details, and the published snapshot."""
    years = run.years.all
    write_shards(run.lake, years, run.years)
    with reading(run.lake) as connection:
        merge_listings(run, years)
        match(run)
        update_proposals(run, settings, connection)
    scope = "flow" if mode == "incremental" else "changed"
    pull_details(run, BudgetedSource(STRAVA, settings, run), DetailsOptions.model_validate({"scope": scope}), years)
    with details_merged(run, years) as (connection, _):
        update_kudos(run, connection, years)
        update_quarantine(run, connection, years)
    publish_run(run)


def gear(run: RunContext, settings: Settings, mode: str) -> None:
    """Strava's gear that nothing is known of."""
    fetch_gear(run, BudgetedSource(STRAVA, settings, run), CallOptions(), new_gear_only=True)


def apply(run: RunContext, settings: Settings, mode: str) -> None:
    """Write what was approved."""
    report = apply_approved(run, settings, Sources(settings, run), run.years.all, everything=True)
    assert "change_problems" not in (report.metadata or {}), report.metadata


def rebuild(run: RunContext, settings: Settings, mode: str) -> None:
    """Everything downstream of bronze."""
    with locked(run.lake, FLOW_LOCK):
        rebuild_all(run, settings)


PARTS: dict[str, Callable[[RunContext, Settings, str], None]] = {
    "pull": pull,
    "merge": merge,
    "gear": gear,
    "apply": apply,
    "rebuild": rebuild,
}
