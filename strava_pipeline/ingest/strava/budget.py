"""The ledger of Strava's calls: the API application's, by which Strava counts. Its rules: ingest/budget.py."""

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.budget import CallShare, RateBudget
from strava_pipeline.ingest.clock import ServerClock, system_clock


def make_budget(settings: Settings, clock: ServerClock | None = None, share: CallShare | None = None) -> RateBudget:
    """The budget of the settings' API application. Needs neither login nor network."""
    who, clock = sharer_of(settings.data_dir), clock or system_clock(settings)
    return RateBudget(ledger_path(settings), clock, who=who, **asdict(share or CallShare()))


def sharer_of(data_dir: Path) -> str:
    """A data folder's name in the ledger: the same from each container that mounts it, and without a path."""
    try:
        found = data_dir.stat()
    except OSError:  # not there yet
        name = str(data_dir.absolute())
    else:
        name = f"{found.st_dev}:{found.st_ino}"
    return sha256(name.encode()).hexdigest()[:8]


def ledger_path(settings: Settings) -> Path:
    """The ledger of the settings' API application: all data folders share it, since Strava counts per application."""
    host = urlsplit(settings.api_url).netloc.rpartition("@")[2].lower()
    application = sha256(f"{host}\n{settings.client_id or ''}".encode()).hexdigest()[:16]
    return settings.ledger_dir / f"strava-{application}.json"
