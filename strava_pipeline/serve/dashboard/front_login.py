"""Before the login of a dashboard with accounts: logging in, asking for an account, and the first page of who has no athlete.

Nobody learns here which accounts there are: an unknown name, a wrong password and a blocked account get the same answer after
the same work.
"""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.serve.dashboard.account_logins import account_of, checked_account, house_of, why_no_password
from strava_pipeline.serve.dashboard.deep_links import keep_page
from strava_pipeline.serve.dashboard.forms import LoginForm
from strava_pipeline.serve.dashboard.logins import WITHOUT_CACHE, client_of, count_attempt, login_again
from strava_pipeline.serve.dashboard.pages_home import health
from strava_pipeline.serve.dashboard.passwords import hash_of_password
from strava_pipeline.serve.dashboard.records.accounts import usable_name
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.routes import ADMIN, JOIN
from strava_pipeline.serve.dashboard.site import site_of
from strava_pipeline.setting_values import SHORTEST_PASSWORD

router = APIRouter(include_in_schema=False)
router.get("/health")(health)
_WRONG = "The name or the password is wrong, or an admin has not let the account in."
_NO_NAME = "A name has up to 32 small letters, digits, hyphens and underscores, and begins with a letter or a digit."


@router.get("/", response_model=None)
def first_page(request: Request) -> Response:
    """Where the login of an account without an athlete leads."""
    return RedirectResponse(ADMIN if account_of(request).is_admin else "/account", 303)


@router.get("/login", response_model=None)
def login(request: Request, next: str = "") -> Response:  # noqa: A002 - as such parameters are called
    """Ask for name and password; `next`: the page that the login then leads to."""
    page = render(request, "account_login.html", {"failure": ""})
    keep_page(page, site_of(request), next)
    return page


@router.post("/login", response_model=None)
def log_in(request: Request, form: LoginForm) -> Response:
    """Log in to an account."""
    account = checked_account(request, form.get("name", ""), form.get("password", ""))
    if account is None:
        return render(request, "account_login.html", {"failure": _WRONG}, status=403)
    site, accounts = site_of(request), house_of(request).accounts
    if (before := accounts.session(request.cookies.get(site.cookie, ""), site.now())) is not None:
        accounts.end_session(before)  # of whoever used this browser
    answer = login_again(site, request, accounts.begin_session_of(account, site.now()))
    answer.headers.update(WITHOUT_CACHE)
    return answer


@router.get(JOIN)
def join(request: Request) -> HTMLResponse:
    """Ask for what an account needs."""
    return render(request, "join.html", {"failure": "", "is_done": False, "shortest": SHORTEST_PASSWORD})


@router.post(JOIN)
def ask(request: Request, form: LoginForm) -> HTMLResponse:
    """Note that somebody asks for an account. The answer is the same where the name is taken."""
    name, password = usable_name(form.get("name", "")), form.get("password", "")
    failure = _NO_NAME if name is None else why_no_password(password)
    if name is not None and not failure:
        site = site_of(request)
        count_attempt(site, f"join {client_of(site, request)}")
        house_of(request).accounts.ask(name, hash_of_password(password), site.now())
    values = {"failure": failure, "is_done": not failure, "shortest": SHORTEST_PASSWORD}
    return render(request, "join.html", values, status=400 if failure else 200)
