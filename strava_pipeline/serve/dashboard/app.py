"""Puts the dashboard together: the routes of routes.py, their shared state (site.py), and the middlewares.

From the outside in: a line of log, headers of security, packing, shorter paths, error answers, the guard, the cache of
answers, and answers without what a token may not see. process.py serves it.
"""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.document import DescribedApi
from strava_pipeline.serve.dashboard.guard import BodyBounds, Guard, SecureHeaders
from strava_pipeline.serve.dashboard.kept_answers import KeepAnswers, KeptAnswerFound, answer_found
from strava_pipeline.serve.dashboard.middlewares import HeadRequests, Packing, RelativePaths, Shortening, line_of
from strava_pipeline.serve.dashboard.pipeline import Pipeline
from strava_pipeline.serve.dashboard.problems import Faults, answer_problems
from strava_pipeline.serve.dashboard.records.database import connect, database_of
from strava_pipeline.serve.dashboard.records.store import Records
from strava_pipeline.serve.dashboard.routes import ALONE, DATA, DOCUMENT, STATIC, routers
from strava_pipeline.serve.dashboard.site import LINK_COMMAND, Site, system_now
from strava_pipeline.serve.dashboard.static_files import HashedFiles
from strava_pipeline.serve.dashboard.tokens import WithoutFields
from strava_pipeline.serve.request_log import RequestLog


def build_dashboard(
    settings: Settings,
    pipeline: Pipeline,
    *,
    now: Callable[[], datetime] = system_now,
    behind_proxy: bool = False,
    link_command: str = LINK_COMMAND,
    dagster: str | None = None,
    takes_files: bool = False,
    say: Callable[[str], object] = lambda line: None,
) -> FastAPI:
    """The dashboard over the data folder of the settings. It opens nothing yet; its records have to be migrated before.

    Args:
        pipeline: the dashboard's interface to the pipeline.
        behind_proxy: browsers come by https, through a proxy that adds their address to X-Forwarded-For.
        link_command: the command for a link that logs in.
        dagster: the address of Dagster's UI on this machine, which is then served below /dagster, or None.
        takes_files: its command imports dropped files where no daemon looks for requests.
        say: gets a line of JSON for each request.
    """
    lake = Lake(settings.data_dir)
    records = Records(connect(database_of(settings)))
    of_command = behind_proxy, link_command, dagster is not None, takes_files
    site = Site(settings, lake, pipeline, now, records, pipeline.snapshot, *of_command)
    app = application(site, (*DATA, *ALONE))
    app.add_middleware(KeepAnswers, site=site)  # each one stands around those before it
    add_dagster(app, dagster)
    stand_guard(app, site, say)
    return app


def application(site: Site, kinds: tuple[str, ...]) -> FastAPI:
    """The routes of these kinds over their shared state."""
    app = DescribedApi(
        title="strava_pipeline",
        openapi_url=DOCUMENT if set(DATA) <= set(kinds) else None,
        docs_url=None,  # its page would load scripts of another host
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.site = site
    answer_problems(app)
    app.add_exception_handler(KeptAnswerFound, answer_found)
    for router in routers(kinds):
        app.include_router(router)
    app.mount(STATIC, HashedFiles(), name="static")
    app.add_middleware(WithoutFields)
    return app


def add_dagster(app: FastAPI, dagster: str | None) -> None:
    """Serve Dagster's UI below /dagster, if there is one."""
    if dagster is not None:
        from strava_pipeline.serve.dashboard.dagster_ui import DagsterUi  # only this needs its libraries

        app.add_middleware(DagsterUi, url=dagster)


def stand_guard(app: FastAPI, site: Site, say: Callable[[str], object]) -> None:
    """Add the middlewares, which see a request before any route; the last one added sees it first."""
    app.add_middleware(BodyBounds, largest_file=site.settings.import_limits.total_bytes)
    app.add_middleware(Guard, site=site)
    app.add_middleware(Faults)
    app.add_middleware(RelativePaths, shorten=Shortening(site.settings))
    app.add_middleware(Packing)
    app.add_middleware(SecureHeaders, site=site)
    app.add_middleware(HeadRequests)
    app.add_middleware(RequestLog, say=say, line=line_of)
