"""Tokens of programs and phones, on *Settings*: a new one is shown once, and one that is there is taken back."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse

from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.pages_settings import settings_page, token_owner
from strava_pipeline.serve.dashboard.records.store import new_token
from strava_pipeline.serve.dashboard.site import CurrentSite, SnapshotIfAny

router = APIRouter(include_in_schema=False)


@router.post("/settings/tokens")
def add(request: Request, fields: Fields, snapshot: SnapshotIfAny, site: CurrentSite) -> HTMLResponse:
    """Make a token, and show it, once."""
    name, may, until = (first_of(fields, each) for each in ("name", "may", "until"))
    token = new_token(name, may, until, places="places" in fields, body="body" in fields)
    athlete, account = token_owner(request)
    text = site.records.add_token(token, site.now(), athlete=athlete, account=account)
    return settings_page(request, snapshot, site, new_token=text)


@router.post("/settings/tokens/remove")
def remove(request: Request, fields: Fields, site: CurrentSite) -> RedirectResponse:
    """Take a token back."""
    site.records.remove_token(first_of(fields, "name"), token_owner(request)[0])
    return RedirectResponse("/settings#tokens", 303)
