"""The part before the login of a dashboard with accounts: logging in, and the first page without an athlete.

Nobody can learn here which accounts exist: an unknown name, a wrong password and a blocked account get the same answer
after the same work.
"""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from strava_pipeline.serve.dashboard.account_logins import account_of, checked_account, house_of
from strava_pipeline.serve.dashboard.deep_links import keep_page
from strava_pipeline.serve.dashboard.forms import LoginForm
from strava_pipeline.serve.dashboard.logins import WITHOUT_CACHE, login_again
from strava_pipeline.serve.dashboard.pages_home import health
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.routes import ADMIN
from strava_pipeline.serve.dashboard.site import site_of

router = APIRouter(include_in_schema=False)
router.get("/health")(health)
_FORM = {"has_accounts": True, "has_password": True}
_WRONG = "The name or the password is wrong, or an admin has not let the account in."


@router.get("/", response_model=None)
def first_page(request: Request) -> Response:
    """Where the login of an account without an athlete leads."""
    return RedirectResponse(ADMIN if account_of(request).is_admin else "/account", 303)


@router.get("/login", response_model=None)
def login(request: Request, next: str = "") -> Response:  # noqa: A002 - as such parameters are called
    """Ask for name and password; `next`: the page that the login then leads to."""
    page = render(request, "login.html", {**_FORM, "failure": ""})
    keep_page(page, site_of(request), next)
    return page


@router.post("/login", response_model=None)
def log_in(request: Request, form: LoginForm) -> Response:
    """Log in to an account."""
    account = checked_account(request, form.get("name", ""), form.get("password", ""))
    if account is None:
        return render(request, "login.html", {**_FORM, "failure": _WRONG}, status=403)
    site, accounts = site_of(request), house_of(request).accounts
    if (before := accounts.session(request.cookies.get(site.cookie, ""), site.now())) is not None:
        accounts.end_session(before)  # of this browser's last user
    answer = login_again(site, request, accounts.begin_session_of(account, site.now()))
    answer.headers.update(WITHOUT_CACHE)
    return answer
