"""The admins' pages and actions: accounts, and the state of each athlete's pipeline. Never positions, or names of activities."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.serve.dashboard.account_logins import house_of
from strava_pipeline.serve.dashboard.forms import LoginForm
from strava_pipeline.serve.dashboard.house import House
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.routes import ADMIN

router = APIRouter(include_in_schema=False)


@router.get(ADMIN)
def overview(request: Request) -> HTMLResponse:
    """All accounts and all athletes."""
    house = house_of(request)
    values = {"accounts": house.accounts.accounts(), "athletes": {name: _seen(house, name) for name in house.names()}}
    return render(request, "admin.html", values)


@router.post(f"{ADMIN}/accounts/{{name}}/let-in", response_model=None)
def let_in(request: Request, name: str, form: LoginForm) -> Response:
    """Let an account in; one that sees an athlete's pages is given the athlete."""
    house, athlete = house_of(request), form.get("athlete") or None
    if athlete is not None and athlete not in house.names():
        raise ProblemError(400, "There is no such athlete. Load the page again.")
    house.accounts.change(name, athlete=athlete, blocked=False)
    return RedirectResponse(ADMIN, 303)


@router.post(f"{ADMIN}/accounts/{{name}}/block", response_model=None)
def block(request: Request, name: str) -> Response:
    """Block an account, which logs it out everywhere."""
    house_of(request).accounts.change(name, blocked=True)
    return RedirectResponse(ADMIN, 303)


def _seen(house: House, name: str) -> Mapping[str, Any]:
    """The state of an athlete's pipeline; `fault`: why it is unknown, in which case the others are still shown.

    Each value is selected here, since another fact may reveal somebody's place.
    """
    try:
        facts = house.app_of(name).state.site.pipeline.facts()
    except PipelineError as error:
        return {"fault": str(error)}
    seen: dict[str, Any] = {"fault": None, "published_at": None, "failures": 0, "services": {}}
    for fact in facts:
        one = seen["services"].setdefault(fact.of, {"limits": [], "last_pull": None, "needs_login": False})
        if fact.name == "services":
            seen["fault"] = fact.text
        elif (fact.of, fact.name) == ("", "published"):
            seen["published_at"] = fact.values["at"].value if fact.values else None
        elif fact.name == "notifications" and "errors" in fact.values:
            seen["failures"] = fact.values["errors"]
        elif fact.name == "login":
            one["needs_login"] = fact.needs_a_person
        elif fact.name == "pull":
            one["last_pull"] = fact.values.get("at")
        elif fact.name.startswith("limit: "):
            one["limits"].append(fact.text)
    del seen["services"][""]
    return seen
