"""A day's work about days and nights, for a child of mortal.py: what the steps of a service's job do, without Dagster."""

import logging
from datetime import datetime
from importlib import import_module

from strava_pipeline.emulator.service import Clock
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.providers_file import enabled_providers
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.operations import source as source_module
from strava_pipeline.operations.days import pull_days
from strava_pipeline.operations.merging import publish_run
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.source import Source

for name in ("garmin", "intervals_icu"):
    import_module(PROVIDERS[name])  # once, and not in each child


def live(now: str) -> None:
    """Ask both services for what is due at the emulators' time `now`, and publish."""
    settings, clock = Settings.load(_env_file=None), Clock(datetime.fromisoformat(now), 1.0)
    ServerClock.sleep = lambda _, seconds: clock.advance(max(seconds, 0.0))  # type: ignore[method-assign]
    own = machine_clock(now=clock.now)
    source_module.machine_clock = lambda *_: own  # type: ignore[attr-defined]
    run = run_context(settings, LogProgress(logging.getLogger("run")), run_id=now, clock=own)
    for name in enabled_providers(settings):
        report = pull_days(
            run, Source(name, settings, run), ListingOptions(mode="incremental"), [], asset=f"bronze_{name}_wellness"
        )
        assert report.holds, report
    publish_run(run)
