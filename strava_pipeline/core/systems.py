"""The systems besides activities: the folders of strava_pipeline/trips, registered by existing.

A system offers another room its services in modules of fixed names (strava_pipeline/trips/__init__.py lists them). That
room asks for them here and imports no system, so a system can be left out.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any


@cache
def parts(name: str, room: str = "strava_pipeline.trips") -> tuple[Any, ...]:
    """The module `name` of each system that has one, in the order of the systems' names; imported now."""
    spec = find_spec(room)
    systems = (
        [f"{room}.{each.name}" for each in iter_modules(spec.submodule_search_locations) if each.ispkg] if spec else ()
    )
    return tuple(import_module(f"{system}.{name}") for system in systems if find_spec(f"{system}.{name}"))


def unused(settings: Any) -> set[str]:
    """The packages of the systems that are not set up."""
    return {jobs.__package__ for jobs in parts("jobs") if not jobs.is_used(settings)}
