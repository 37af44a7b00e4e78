"""Whose ledger the budget of Strava's calls is: the API application's, by which Strava counts. Its rules: ingest/budget.py."""

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from strava_pipeline.ingest.budget import CallShare, RateBudget
from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.settings import Settings


def make_budget(settings: Settings, clock: ServerClock | None = None, share: CallShare | None = None) -> RateBudget:
    """The budget of the settings' API application. Needs neither login nor network."""
    return RateBudget(ledger_path(settings), clock or system_clock(settings), **asdict(share or CallShare()))


def ledger_path(settings: Settings) -> Path:
    """The ledger of the settings' API application: all data folders share it, since Strava counts per application."""
    host = urlsplit(settings.api_url).netloc.rpartition("@")[2].lower()
    application = sha256(f"{host}\n{settings.client_id or ''}".encode()).hexdigest()[:16]
    return settings.ledger_dir / f"strava-{application}.json"
