"""The destination of a login: the page requested before it, only ever a page of this dashboard, by its path.

The address of the login carries it (`/login?next=/year/2026`). That page puts it into a cookie, since the address that
a command prints, which logs in like a password, can't.
"""

import re
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from strava_pipeline.serve.dashboard.site import Site

LONGEST = 1_000  # characters: a list with all its filters has some 300
_KEPT_FOR = 3_600  # seconds: from the page of the login until somebody has logged in
# no second slash, no backslash, no space or sign that browsers take away
_PAGE = re.compile(r"/(?!/)[!-\[\]-~]*", re.ASCII)
_NOT_BACK = ("/login", "/logout", "/api/", "/static/")


def own_page(address: str) -> str | None:
    """The address, if it is a path of this dashboard that a browser can be sent to; else None."""
    is_own = len(address) <= LONGEST and _PAGE.fullmatch(address) and not address.startswith(_NOT_BACK)
    return address if is_own else None


def login_address(request: Request) -> str:
    """The login's address, followed by the page of the request; for a part or a form, the page that sent it."""
    if request.method == "GET" and "hx-request" not in request.headers:
        query = request.scope["query_string"].decode("ascii", "replace")
        page = quote(request.scope["path"]) + (f"?{query}" if query else "")
    else:
        page = _sender(request)
    return f"/login?next={quote(page)}" if page != "/" and own_page(page) else "/login"


def _sender(request: Request) -> str:
    """The path of the page that sent a request; empty if it isn't one of this dashboard."""
    try:
        address = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer", ""))
    except ValueError:  # half an IPv6 address
        return ""
    is_here = address.netloc.lower() == request.headers.get("host", "").lower()
    return address._replace(scheme="", netloc="", fragment="").geturl() if is_here else ""


def keep_page(answer: Response, site: Site, address: str) -> None:
    """Store a login's destination in the browser."""
    if page := own_page(address):
        answer.set_cookie(
            f"{site.cookie}_next",
            quote(page, safe=""),
            max_age=_KEPT_FOR,
            secure=site.is_https,
            httponly=True,
            samesite="strict",
        )


def kept_page(request: Request, site: Site) -> str:
    """The login's destination: the one stored in the browser, or else the first page."""
    return own_page(unquote(request.cookies.get(f"{site.cookie}_next", ""))) or "/"


def forget_page(answer: Response, site: Site) -> None:
    answer.delete_cookie(f"{site.cookie}_next", secure=site.is_https, httponly=True, samesite="strict")
