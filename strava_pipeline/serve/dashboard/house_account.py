"""The page of an account: name and role, a new password, logging out."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from strava_pipeline.environment.setting_values import SHORTEST_PASSWORD
from strava_pipeline.serve.dashboard.account_logins import account_of, checked_account, house_of, why_no_password
from strava_pipeline.serve.dashboard.forms import LoginForm
from strava_pipeline.serve.dashboard.logins import log_out, login_again
from strava_pipeline.serve.dashboard.passwords import hash_of_password
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import site_of

router = APIRouter(include_in_schema=False)
router.post("/logout", response_model=None)(log_out)


@router.get("/account")
def account(request: Request) -> HTMLResponse:
    """Who one is here, and what is wrong where the athlete's pages can't be shown."""
    return _page(request, "")


@router.post("/account", response_model=None)
def change_password(request: Request, form: LoginForm) -> Response:
    """Set a new password, which logs all other browsers of the account out."""
    own, wanted, known = account_of(request), form.get("new", ""), None
    failure = why_no_password(wanted)
    if not failure and (known := checked_account(request, own.name, form.get("password", ""))) is None:
        failure = "That is not your present password."
    if failure:
        return _page(request, failure)
    site, accounts = site_of(request), house_of(request).accounts
    changed = accounts.change(own.name, known, argon2=hash_of_password(wanted))
    return login_again(site, request, accounts.begin_session_of(changed, site.now()))


def _page(request: Request, failure: str) -> HTMLResponse:
    own, house = account_of(request), house_of(request)
    others = [each.name for each in house.accounts.accounts() if each.athlete == own.athlete and not each.blocked]
    values = {
        "own": own,
        "fault": house.fault_of(own),
        "failure": failure,
        "shortest": SHORTEST_PASSWORD,
        "who": others,
    }
    return render(request, "account.html", values, status=400 if failure else 200)
