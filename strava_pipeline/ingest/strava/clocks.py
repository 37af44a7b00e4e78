"""The rate budget that the settings name, and where its ledger is; without a network, so that `status` can read it."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.ingest.strava.budget import RateBudget
from strava_pipeline.settings import Settings


def make_budget(
    settings: Settings,
    clock: ServerClock | None = None,
    *,
    cushion_15min: int | None = None,
    cushion_daily: int | None = None,
    yielding: int = 0,
    max_calls: int | None = None,
) -> RateBudget:
    """The budget of the settings' API application; enough by itself for `status`, which needs no login."""
    return RateBudget(
        ledger_path(settings),
        clock or system_clock(settings),
        folder=folder_ledger_path(settings),
        cushion_15min=cushion_15min,
        cushion_daily=cushion_daily,
        yielding=yielding,
        max_calls=max_calls,
    )


def ledger_path(settings: Settings) -> Path:
    """The ledger of the settings' API application: all data folders share it, since Strava counts per application."""
    host = urlsplit(settings.api_url).netloc.rpartition("@")[2].lower()
    application = sha256(f"{host}\n{settings.client_id or ''}".encode()).hexdigest()[:16]
    return settings.ledger_dir / f"strava-{application}.json"


def folder_ledger_path(settings: Settings) -> Path:
    """The data folder's own ledger, for those who use the folder with another ledger of the application."""
    return settings.data_dir / "state" / "budget.json"
