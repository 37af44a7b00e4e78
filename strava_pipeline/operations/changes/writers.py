"""The writers of services, each loaded when an approved change needs it. Nothing else in the package loads one.

A service's writer is `writes.py` next to its client; its interface is ingest/writer.py's.
"""

from typing import cast

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import import_part
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.ingest.writer import UnsupportedChangeError, Writer


def connect_writer(name: str, settings: Settings, on_wait: OnWait) -> Writer:
    """The writer of the provider `name` with the login of the settings; nothing is sent yet.

    Raises UnsupportedChangeError if this version has none; MissingSettingsError or NeedsLoginError without a login.
    """
    try:
        found = import_part(name, "writes")
    except ModuleNotFoundError as error:
        if not str(error.name).endswith(f".{name}.writes"):
            raise
        found = None
    if found is None:
        raise UnsupportedChangeError(f"This version changes nothing at {spec_of(name).title}.")
    return cast(Writer, found.connect_writer(settings, machine_clock(settings.clock_speed), on_wait))
