"""The other services of the athlete of the emulated Strava: each at an address of its own, and a table.

The same efforts with each service's differences; some are missing at each. The true matches are returned, for tests of
matching. A service NAME has a function `fill` in ingest/NAME/emulator/athlete.py.
"""

import importlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import cast

from starlette.applications import Starlette

from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.emulator.service import Json

SETTINGS_FILE = "services.env"


@dataclass(frozen=True, slots=True)
class Athlete:
    """The athlete of the services.

    Args:
        activities: SummaryActivity of everything at Strava.
        gear_names: names of gear by Strava's id.
        folder: where tokens and the table are written.
        now: where the clocks of the services start (UTC).
        speed: how many seconds they advance in a second.
    """

    activities: Sequence[Json] = field(repr=False)
    gear_names: Mapping[str, str]
    folder: Path
    now: datetime
    speed: float
    seed: int


@dataclass(frozen=True, slots=True)
class Service:
    """A filled service.

    Args:
        app: its pages, or None.
        settings: by name, `{url}` for the address of `app`.
        pairs: Strava's id of each of its activities that are at Strava, by the id here.
        alone: the number of its activities that no other service has.
    """

    app: Starlette | None
    settings: Mapping[str, str]
    pairs: Mapping[str, int] = field(repr=False)
    alone: int


def began(activity: Json) -> datetime:
    """When one of Strava's activities began, on the athlete's clock, with its offset."""
    offset = timezone(timedelta(seconds=activity["utc_offset"]))
    return datetime.fromisoformat(activity["start_date"]).astimezone(offset)


@contextmanager
def served(athlete: Athlete, names: Collection[str]) -> Iterator[tuple[dict[str, Service], dict[str, str]]]:
    """The services of these names, running in threads on free ports, and the settings for them, by name.

    The settings are also written to SETTINGS_FILE in the athlete's folder.
    """
    athlete.folder.mkdir(parents=True, exist_ok=True)
    services = {name: _filled(name, athlete) for name in names}
    settings: dict[str, str] = {}
    with ExitStack() as running:
        for service in services.values():
            url = ""
            if service.app is not None:
                url = running.enter_context(ServerThread(service.app, "127.0.0.1", 0, on_end=lambda: None)).url
            settings |= {name: value.replace("{url}", url) for name, value in service.settings.items()}
        path = athlete.folder / SETTINGS_FILE
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        yield services, settings


def _filled(name: str, athlete: Athlete) -> Service:
    return cast(Service, importlib.import_module(f"strava_pipeline.ingest.{name}.emulator.athlete").fill(athlete))
