"""The steps of a login: it counts the attempt, checks the password, begins a session, and gives the browser its cookie."""

from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Literal, TypedDict

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from strava_pipeline.serve.dashboard.deep_links import forget_page, kept_page
from strava_pipeline.serve.dashboard.passwords import has_password, is_password
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.records.store import SESSION
from strava_pipeline.serve.dashboard.site import Site, site_of

WITHOUT_CACHE = {"Clear-Site-Data": '"cache"'}  # the step back shows no page of the session before


class Cookie(TypedDict):
    """The attributes of a session's cookie, for setting and deleting it."""

    key: str
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


def cookie_of(site: Site) -> Cookie:
    return {"key": site.cookie, "path": "/", "secure": site.is_https, "httponly": True, "samesite": "strict"}


def login_again(site: Site, request: Request, token: str) -> Response:
    """Give the browser the token of its new session, and send it to the page that it requested, or to the first one."""
    answer = RedirectResponse(kept_page(request, site), 303)
    answer.set_cookie(value=token, max_age=int(SESSION.total_seconds()), **cookie_of(site))
    forget_page(answer, site)
    return answer


def log_out(request: Request) -> Response:
    """End this browser's session."""
    site = site_of(request)
    site.records.end_session(request.state.session)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(**cookie_of(site))
    answer.headers.update(WITHOUT_CACHE)
    return answer


def check_password(site: Site, request: Request, attempt: str) -> bool:
    """Whether the attempt is the password. Raises ProblemError if none is set, or if the client has to wait."""
    if not has_password(site.settings):
        raise ProblemError(403, f"No password is set. Log in by a link: `{site.link_command}` prints one.")
    client = client_of(site, request)
    count_attempt(site, client)
    if not is_password(site.settings, attempt):
        return False
    site.records.forget_attempts(client)
    return True


def count_attempt(site: Site, client: str, *more: str) -> None:
    """Count a login, or a similar attempt, as failed until it succeeds. Raises ProblemError if it has to wait."""
    wait = site.records.begin_attempt(client, site.now(), *more)
    if wait is not None:
        seconds = ceil(wait.total_seconds())
        raise ProblemError(
            429, f"Too many logins failed. Try again in {seconds} s.", headers={"Retry-After": str(seconds)}
        )


def client_of(site: Site, request: HTTPConnection) -> str:
    """The client for counting failures: an address, or the network of an IPv6 address, of which one client has many.

    An IPv4 address written as an IPv6 one counts as IPv4. Behind a proxy it is the last address of X-Forwarded-For,
    which the proxy itself wrote.
    """
    address = request.client.host if request.client else ""
    if site.behind_proxy:
        address = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    try:
        number = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(number, IPv6Address):
        return str(number.ipv4_mapped or ip_network((number, 64), strict=False))
    return str(number)
