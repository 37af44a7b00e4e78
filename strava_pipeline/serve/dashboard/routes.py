"""The routes: those of each module of this package whose name begins with a kind, registered by existing.

`api_*` and `pages_*` show the data of one athlete; `alone_*` is the login without accounts. With accounts, an athlete's
application has the first two and `house_*`; the one for visitors without a login or an athlete, `front_*` and
`house_*`.
"""

from collections.abc import Iterator, MutableMapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match

HERE = Path(__file__).parent
STATIC = "/static"
DAGSTER = "/dagster"  # below it is Dagster's UI, where that is served (dagster_ui.py)
DOCUMENT = "/api/openapi.json"


ADMIN = "/admin"  # with accounts, the part below it is for admins only
DATA = ("api_", "pages_")
ALONE = ("alone_",)
HOUSE = ("house_",)
FRONT = ("front_",)
_loaded: dict[str, APIRouter] = {}  # by module


@cache
def routers(kinds: tuple[str, ...]) -> tuple[APIRouter, ...]:
    """The `router` of each module of these kinds, in the order of the modules' names."""
    return tuple(_load(kinds))


def routes(kinds: tuple[str, ...] = (*DATA, *ALONE)) -> Iterator[APIRoute]:
    """Every route of every module of these kinds."""
    for router in routers(kinds):
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def served_routes() -> Iterator[APIRoute]:
    """Every route of the kinds for which this process has built an application; before that, of one without accounts."""
    for router in _loaded.values() or routers((*DATA, *ALONE)):
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def is_of_dagster(path: str) -> bool:
    """Whether a path belongs to Dagster's UI."""
    return path == DAGSTER or path.startswith(f"{DAGSTER}/")


def template_of(scope: MutableMapping[str, Any]) -> str | None:
    """The path of a request as its route writes it, without values: `/activities/{id}`; None for an unknown path."""
    if scope["path"].startswith(f"{STATIC}/"):
        return STATIC
    if is_of_dagster(scope["path"]):
        return DAGSTER
    if scope["path"] == DOCUMENT:  # FastAPI's own, of no module
        return DOCUMENT
    return next((route.path for route in served_routes() if route.matches(scope)[0] is not Match.NONE), None)


def _load(kinds: tuple[str, ...]) -> Iterator[APIRouter]:
    for name in sorted(found.name for found in iter_modules([str(HERE)])):
        if name.startswith(kinds):
            _loaded[name] = import_module(f"strava_pipeline.serve.dashboard.{name}").router
            yield _loaded[name]
