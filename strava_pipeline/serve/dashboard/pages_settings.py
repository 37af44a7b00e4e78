"""What is set: services with their priorities and what may be written; goals, the athlete's values, privacy zones, display.

All of it is changed here, against the seal of the file that was shown. This process writes providers.toml and goals.toml:
no request and no run carries what they hold. No secret, path or position is on the page.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.insights.goals import GoalsError
from strava_pipeline.core.providers import NEVER_FIRST
from strava_pipeline.lake.gold.publish import if_readable, published_at
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.requests import PublishWanted, RequestsFullError
from strava_pipeline.lake.user_files import Place, goals_document, seal_of_goals, write_goals
from strava_pipeline.lookups.bests import Owner
from strava_pipeline.lookups.fitness import estimated_thresholds, loads, reached_activities
from strava_pipeline.serve.dashboard import goal_fields
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.pages_requests import kept_page
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.records.store import Account
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentSite, Site, SnapshotIfAny, shown_owner, site_of

router = APIRouter(include_in_schema=False)
_PRIORITY, _WRITE = "priority.", "write."


@router.get("/settings")
def shown(request: Request, snapshot: SnapshotIfAny, site: CurrentSite) -> HTMLResponse:
    """What is set, and the forms that change it."""
    return settings_page(request, snapshot, site)


def settings_page(
    request: Request, snapshot: Connection | None, site: Site, new_token: str | None = None
) -> HTMLResponse:
    """The same, with a token that was just made, which is shown this once."""
    owner = None if snapshot is None else shown_owner(site)
    values: dict[str, Any] = {"owner": owner, "schedule_zone": site.settings.timezone, "today": site.today}
    goals = goals_form(request)
    if not goals["fault"]:
        values["reached"] = _reached(request.query_params, site, snapshot, owner)
    values |= {"chosen": site.pipeline.settings_now(), "goals": goals, "new_token": new_token}
    values |= {"tokens": site.records.tokens(token_owner(request)[0]), "wrong_tokens": site.records.wrong_tokens()}
    return render(request, "settings.html", values)


def token_owner(request: Request) -> tuple[str, str | None]:
    """The athlete whose tokens a person sees, and the account that makes one; without accounts, nobody's."""
    account: Account | None = request.state.session.account
    return ("", None) if account is None else (account.athlete or "", account.name)


def _reached(form: QueryParams, site: Site, snapshot: Connection | None, owner: Owner | None) -> dict[str, Any]:
    """For how many activities the form's further value would count; `ticked` as is usual, or as chosen, unlike `offered`."""
    try:
        day, what, *_ = form.getlist("add.athlete") or (str(site.today), next(iter(goal_fields.YOURS)))
        span = goal_fields.span_of(goals_document(site.lake), date.fromisoformat(day), what)
    except (ValueError, KeyError):
        raise ProblemError(400, "There is no such value, or no such day.") from None
    usual, ticked = "true" if span.pop("is_usual") else "", form.get(goal_fields.ALWAYS_BEFORE, "")
    is_chosen = form.get(goal_fields.OFFERED_BEFORE, "") != ticked
    found = reached_activities(snapshot, owner.athlete.id, span) if snapshot and owner else {"since": 0, "before": 0}
    return {**found, "ticked": ticked if is_chosen else usual, "offered": "chosen" if is_chosen else usual}


def goals_form(request: Request) -> dict[str, Any]:
    """The values in goals.toml as fields; `seal`: of the file; `fault`: why it can't be used; `saved`: what just was."""
    site = site_of(request)
    try:
        document, seal = goals_document(site.lake), seal_of_goals(site.lake)
    except PipelineError as error:
        return {"fault": str(error)}
    names, moved = request.query_params.getlist("saved"), request.query_params.get("moved")
    saved = {"saved": goal_fields.saved(document, names) if names else None, "moved": moved}
    fields = {**goal_fields.fields_of(document), **goal_fields.OFFERED, "choices": goal_fields.choices_of(document)}
    fields["periods"] = {
        str(site.today.year + more): str(site.today.year + more) for more in (0, 1)
    } | goal_fields.PERIODS
    return {**fields, **saved, "seal": seal, "fault": None}


@router.post("/settings", response_model=None)
def change(request: Request, fields: Fields) -> Response:
    """Write providers.toml, and ask for what follows."""
    site_of(request).pipeline.change_settings(**_wanted(fields))
    return written_page(request)


@router.post("/settings/goals", response_model=None)
def change_goals(request: Request, fields: Fields, site: CurrentSite) -> Response:
    """Write goals.toml, publish what follows, and say what that moved; while a run is at work, ask for it."""
    values = goal_fields.values_in(fields, goals_document(site.lake), site.today)
    is_of_athlete = any(place[0] == "athlete" for place in values)  # whose loads may move
    try:
        write_goals(
            site.lake, values, first_of(fields, "seal"), estimated_thresholds(site.lake) if is_of_athlete else ()
        )
    except GoalsError as error:
        raise ProblemError(400, goal_fields.in_words(str(error))) from None
    before = _loads(site) if is_of_athlete else set()
    if published_at(site.lake) is not None and not site.pipeline.publish():
        return written_page(request)
    moved = {one for one, _ in before ^ _loads(site)} if is_of_athlete else None
    return RedirectResponse(_where_it_is_said(values, moved), 303)


def _loads(site: Site) -> set[tuple[int, float]]:
    return if_readable(site.lake, loads) or set()


def _where_it_is_said(values: Mapping[Place, Any], moved: Collection[int] | None) -> str:
    """The address of the page that says what was saved, and (unless None) for how many activities that moved the load."""
    told = [] if moved is None else [("moved", str(len(moved)))]
    told += [("saved", json.dumps(place)) for place in values]
    page = "/gear" if all(place[0] == "service" for place in values) else "/settings"
    return f"{page}?{urlencode(told)}"


def written_page(request: Request) -> Response:
    """Pages show what follows from the files after the next publish, which is asked for where there is anything to publish."""
    if published_at(site_of(request).lake) is not None:
        with suppress(RequestsFullError):  # the file is written, and what waits publishes, too
            return kept_page(request, PublishWanted(kind="publish"))
    return RedirectResponse("/settings", 303)


def _wanted(fields: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The choices in a form. A service without a ticked box has an empty field `write.NAME`."""
    priorities: dict[str, int] = {}
    write: dict[str, list[str]] = {}
    try:
        for name, values in fields.items():
            if name.startswith(_PRIORITY):
                priorities[name.removeprefix(_PRIORITY)] = priority = int(values[0])
                if not 1 <= priority < NEVER_FIRST:
                    raise ValueError(name)
            elif name.startswith(_WRITE):
                write[name.removeprefix(_WRITE)] = [each for each in values if each]
            elif name != "seal":
                raise ValueError(name)
    except ValueError:
        why = "The form asks for nothing that can be set. A priority is a whole number from 1 on. Load the page again."
        raise ProblemError(400, why) from None
    return {"priorities": priorities, "write": write, "seal": first_of(fields, "seal")}
