"""Which providers there are: a line each, and nothing else names them.

A provider NAME is a folder of this room with two functions, a record core/providers/NAME.py and pages of the
emulator. Its module is imported when it is used, so a provider that nobody enabled costs nothing.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.provider import OnWait, Provider
from strava_pipeline.settings import Settings

PROVIDERS: dict[str, str] = {}
"""By name: the module with `connect(settings, clock, on_wait) -> Provider` and `login_files(settings) -> Sequence[Path]`.

Strava, with its budget, is connected by itself.
"""


def connect(name: str, settings: Settings, clock: ServerClock, on_wait: OnWait = lambda why, seconds: None) -> Provider:
    """A client of the provider `name` with the login of the settings; nothing is sent yet.

    `on_wait` is informed of each pause that the service asks for.

    Raises PipelineError where no provider has that name or its login can't be used, NeedsLoginError or
    MissingSettingsError where its login is missing.
    """
    if name not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS)) or "none yet"
        raise PipelineError(f"There is no provider {name}. Known besides Strava: {known}.")
    return cast(Provider, importlib.import_module(PROVIDERS[name]).connect(settings, clock, on_wait))


def missing_login(name: str, settings: Settings) -> str | None:
    """Why the provider `name` can't be asked with these settings; None: its login is there. Nothing is sent."""
    try:
        connect(name, settings, machine_clock(settings.clock_speed))
    except PipelineError as error:  # also a login that is damaged
        return str(error)
    return None


def login_files(name: str, settings: Settings) -> Sequence[Path]:
    """Where the provider `name` keeps its login; nowhere, where the login is a setting."""
    return cast("Sequence[Path]", importlib.import_module(PROVIDERS[name]).login_files(settings))
