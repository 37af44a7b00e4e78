"""A person's own cards and pages: one, as a card of the first page or by itself, and the list of all.

Queries run in processes of their own, few at once, and nobody waits for them who asks for anything else.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.widgets import NAME, Drawn
from strava_pipeline.lookups.widgets import drawn_widget, widget_files
from strava_pipeline.serve.dashboard.kept_answers import KEPT, do_not_keep
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, kept_value, site_of

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Path(pattern=f"^{NAME}$")]
_AT_ONCE = ThreadPoolExecutor(2, "widget")  # a worker's queries, apart from the threads of all other pages
ON_A_CARD = 10  # rows


@router.get("/widgets", dependencies=[KEPT])
def widgets(request: Request, lake: CurrentLake) -> HTMLResponse:
    """All widgets, and which files are none."""
    return render(request, "widgets.html", {"found": widget_files(lake)})


@router.get("/widgets/{widget}", dependencies=[KEPT])
async def one(request: Request, widget: Name) -> HTMLResponse:
    """A widget by itself, with all its rows."""
    return await asyncio.get_running_loop().run_in_executor(_AT_ONCE, _shown, request, widget, "widget.html")


@router.get("/widgets/{widget}/card", dependencies=[KEPT])
async def card(request: Request, widget: Name) -> HTMLResponse:
    """What stands in the card of a widget on the first page."""
    return await asyncio.get_running_loop().run_in_executor(_AT_ONCE, _shown, request, widget, "widget_card.html")


def _shown(request: Request, name: str, template: str) -> HTMLResponse:
    site = site_of(request)
    found = widget_files(site.lake).widgets.get(name)
    if found is None:
        raise ProblemError(404, "There is no widget of this name. The page Widgets lists those there are.")
    try:
        drawn = kept_value(site, ("widget", name), lambda snapshot: drawn_widget(site.lake, found))
    except PipelineError as error:
        do_not_keep(request)
        drawn = Drawn(fault=str(error))
    values = {"widget": found, "drawn": drawn, "most": ON_A_CARD}
    return render(request, template, values)
