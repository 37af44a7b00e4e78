"""The systems beside activities: the folders of strava_pipeline/trips, each registered by being there.

What a system has for another room stands in a module of a fixed name (strava_pipeline/trips/__init__.py lists them). That room
asks for it here and imports no system: one that is not there lacks nowhere.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import strava_pipeline


@cache
def parts(name: str) -> tuple[Any, ...]:
    """The module `name` of each system that has one, in the order of the systems' names; imported now."""
    root = Path(strava_pipeline.__file__).parent / "trips"
    systems = (f"{strava_pipeline.__name__}.trips.{found.name}" for found in iter_modules([str(root)]) if found.ispkg)
    return tuple(import_module(f"{system}.{name}") for system in systems if find_spec(f"{system}.{name}"))
