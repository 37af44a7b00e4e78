"""Which routes there are: those of each module of this package named `api_*` or `pages_*`, registered by being there."""

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


@cache
def routers() -> tuple[APIRouter, ...]:
    """The `router` of each module, in the order of the modules' names."""
    return tuple(_load())


def routes() -> Iterator[APIRoute]:
    """Every route of every module."""
    for router in routers():
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def is_of_dagster(path: str) -> bool:
    """Whether a path belongs to Dagster's UI."""
    return path == DAGSTER or path.startswith(f"{DAGSTER}/")


def template_of(scope: MutableMapping[str, Any]) -> str | None:
    """The path of a request as its route writes it, without values: `/activities/{id}`. None: no route has the path."""
    if scope["path"].startswith(f"{STATIC}/"):
        return STATIC
    if is_of_dagster(scope["path"]):
        return DAGSTER
    if scope["path"] == DOCUMENT:  # FastAPI's own, of no module
        return DOCUMENT
    return next((route.path for route in routes() if route.matches(scope)[0] is not Match.NONE), None)


def _load() -> Iterator[APIRouter]:
    for name in sorted(found.name for found in iter_modules([str(HERE)])):
        if name.startswith(("api_", "pages_")):
            router: APIRouter = import_module(f"strava_pipeline.serve.dashboard.{name}").router
            yield router
