"""Puts the dashboard together: routes, what they share, and how errors are answered.

A module of this package named `api_*` or `pages_*` has a `router`; it is registered by being there. What a route may use stands
in site.py, how errors are answered in problems.py.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.pipeline import Pipeline
from strava_pipeline.serve.dashboard.problems import answer_problems
from strava_pipeline.serve.dashboard.site import Site, system_now
from strava_pipeline.settings import Settings

HERE = Path(__file__).parent


def build_dashboard(settings: Settings, pipeline: Pipeline, *, now: Callable[[], datetime] = system_now) -> FastAPI:
    """The dashboard over the data folder of the settings, with what the pipeline says of it. Opens nothing yet."""
    app = FastAPI(
        title="strava_pipeline",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would load scripts of another host
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.site = Site(settings, Lake(settings.data_dir), pipeline, now)
    answer_problems(app)
    for router in _routers():
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    return app


def _routers() -> Iterator[APIRouter]:
    names = sorted(found.name for found in iter_modules([str(HERE)]))
    for name in names:
        if name.startswith(("api_", "pages_")):
            router: APIRouter = import_module(f"strava_pipeline.serve.dashboard.{name}").router
            yield router
