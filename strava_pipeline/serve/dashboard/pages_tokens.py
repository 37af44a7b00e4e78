"""Tokens of programs and phones, on *Settings*: a new one is shown once, and one that is there is taken back."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse

from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.records.store import LONGEST_TOKEN_NAME, Account, new_token
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentSite, site_of

router = APIRouter(include_in_schema=False)


def tokens_of(request: Request) -> dict[str, Any]:
    """The athlete's tokens, and how many wrong ones came, of whomever."""
    records = site_of(request).records
    wrong, last = records.wrong_tokens()
    found = records.tokens(_owner(request)[0])
    return {"found": found, "wrong": wrong, "last_wrong_at": last, "longest": LONGEST_TOKEN_NAME}


@router.post("/settings/tokens")
def add(request: Request, fields: Fields, site: CurrentSite) -> HTMLResponse:
    """Make a token, and show it, once."""
    name, may, until = (first_of(fields, each) for each in ("name", "may", "until"))
    token = new_token(name, may, until, site.now(), places="places" in fields, body="body" in fields)
    athlete, account = _owner(request)
    text = site.records.add_token(token, site.now(), athlete=athlete, account=account)
    origin = f"{'https' if site.is_https else 'http'}://{request.headers['host']}"
    return render(request, "token.html", {"token": token, "text": text, "origin": origin})


@router.post("/settings/tokens/remove")
def remove(request: Request, fields: Fields, site: CurrentSite) -> RedirectResponse:
    """Take a token back."""
    site.records.remove_token(first_of(fields, "name"), _owner(request)[0])
    return RedirectResponse("/settings#tokens", 303)


def _owner(request: Request) -> tuple[str, str | None]:
    """The athlete whose tokens these are, and the account that makes one; without accounts, nobody's."""
    account: Account | None = request.state.session.account
    return ("", None) if account is None else (account.athlete or "", account.name)
