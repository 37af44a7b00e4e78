"""Pages from templates, with the layout's values. Everything is escaped; a missing name fails.

Values become texts by the filters of display.py.
"""

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.insights.goals import USUAL_DATES, Dates
from strava_pipeline.core.systems import parts
from strava_pipeline.lake.gold.publish import published_at
from strava_pipeline.lake.notifications import count_unread
from strava_pipeline.serve.dashboard.display import FILTERS, dated_filters, shown
from strava_pipeline.serve.dashboard.menu import menu
from strava_pipeline.serve.dashboard.site import Site
from strava_pipeline.serve.dashboard.static_files import static_address

CSRF_FIELD = "csrf_token"


def render(request: Request, name: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """A page from the template `name`, with `values`."""
    site: Site = request.app.state.site
    session = getattr(request.state, "session", None)  # without one, a page says nothing of the data
    layout = {
        "units": site.units if session else "km",
        "menu": menu(site, session.account) if session else None,
        "path": request.scope["path"],
        "csrf_token": session.csrf_token if session else None,
        "form_token": _form_token(session.csrf_token) if session else "",
        "is_overheard": site.is_overheard,
        "strava_problem": site.pipeline.strava_problem,
        "unread": count_unread(site.lake) if session else 0,
        "published": _published(site) if session else None,
        "has_data": site.has_data,
        "holds": site.holds if session else frozenset(),
        "zone": site.zone if session else UTC,
        "dates": site.goals.dates if session else USUAL_DATES,
        "map_tiles": site.settings.map_tiles_url,
        "map_tiles_attribution": site.settings.map_tiles_attribution,
    }
    return HTMLResponse(_templates(layout["dates"]).get_template(name).render({**layout, **values}), status)


def layout_state(request: Request) -> tuple[Hashable, ...]:
    """The layout's contents besides the data, on which a cached page depends."""
    site, session = request.app.state.site, request.state.session
    return session.token_hash if session else None, count_unread(site.lake), site.is_overheard, site.has_dagster


def _form_token(token: str) -> Markup:
    """The beginning of each form that is sent by POST."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


@cache
def _templates(dates: Dates) -> Environment:
    packages = ["strava_pipeline.serve.dashboard", *(system.__package__ for system in parts("pages"))]
    environment = Environment(
        loader=ChoiceLoader(
            [*(PackageLoader(package) for package in packages), PackageLoader("strava_pipeline.core.insights", "page")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    environment.globals["static_address"] = static_address
    environment.filters |= {**FILTERS, **dated_filters(dates)}
    return environment


def _published(site: Site) -> datetime | None:
    """The time of publishing, on the athlete's clock."""
    moment = published_at(site.lake)
    return None if moment is None else moment.astimezone(site.zone)
