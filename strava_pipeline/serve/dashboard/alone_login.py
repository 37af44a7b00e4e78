"""Logging in and out without accounts: by a link that a command prints, or by a password."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from strava_pipeline.serve.dashboard.deep_links import keep_page
from strava_pipeline.serve.dashboard.forms import LoginForm
from strava_pipeline.serve.dashboard.logins import check_password, log_out, login_again
from strava_pipeline.serve.dashboard.passwords import has_password
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import Site, site_of

router = APIRouter(include_in_schema=False)
router.post("/logout", response_model=None)(log_out)


def _values(site: Site, failure: str = "") -> dict[str, Any]:
    """The contents of the login page."""
    return {
        "has_accounts": False,
        "has_password": has_password(site.settings),
        "failure": failure,
        "link_command": site.link_command,
        "is_on_network": site.settings.dashboard_lan,
    }


@router.get("/login", response_model=None)
def login(request: Request, token: str = "", next: str = "") -> Response:  # noqa: A002 - as such parameters are called
    """Log in by a link, or show how to; `next`: the page that the login then leads to."""
    site = site_of(request)
    if not token:
        page = render(request, "login.html", _values(site))
        keep_page(page, site, next)
        return page
    if has_password(site.settings) or not site.records.redeem_link(token, site.now()):
        raise ProblemError(403, f"This link was used already or is too old. For a new one: `{site.link_command}`.")
    return login_again(site, request, site.records.begin_session(site.now()))


@router.post("/login", response_model=None)
def log_in(request: Request, form: LoginForm) -> Response:
    """Log in by the password."""
    site = site_of(request)
    if check_password(site, request, form.get("password", "")):
        return login_again(site, request, site.records.begin_session(site.now()))
    page: HTMLResponse = render(request, "login.html", _values(site, "That is not the password."), status=403)
    return page
