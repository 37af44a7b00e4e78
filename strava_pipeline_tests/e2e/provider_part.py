"""The part of a provider's run that makes calls, for a child of mortal.py. Dagster would be most of what it costs."""

import logging
from uuid import uuid4

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.source import Source
from strava_pipeline_tests.providers.toy_service import NOW

__all__ = ["PROVIDERS"]


def live(name: str, mode: str) -> None:
    """List the provider's activities, and its gear, at the emulator's time."""
    settings = Settings.load(_env_file=None)
    clock = machine_clock(now=lambda: NOW)
    run = run_context(settings, LogProgress(logging.getLogger("run")), run_id=str(uuid4()), clock=clock)
    options = ListingOptions.model_validate({"mode": mode, "per_page": 20})
    list_provider_activities(run, Source(name, settings, run), options, run.years.all, asset=name)
