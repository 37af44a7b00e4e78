"""`calendar` and `sync-month`: the state of months at each service, and the differences in one of them.

Comparing and proposing are operations/changes'.
"""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.options import AsJson, Json, Verbose
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from strava_pipeline.core.changes.states import ChangeState
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.provider_pulls import Pulled

DIFFERENT = 4
"""The exit code if changes wait for a decision."""
MOST_MONTHS = 1200
_FOR_PROGRAMS = ("changes", "left_out", "link", "month", "present", "source_id", "start")


def calendar(
    months: Annotated[
        int, typer.Option("--months", min=1, max=MOST_MONTHS, help="How many months back, the present one included.")
    ] = 12,
    as_json: Json = False,
) -> None:
    """Show by month what each service has, and where services differ. Makes no call."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.operations.changes.comparing import months_back
    from strava_pipeline.operations.changes.months import calendar_of
    from strava_pipeline.verbs.views import print_rows

    settings = Settings.load()
    now = primed_clock(settings).now()
    found = calendar_of(settings, months_back(months, now), now)
    if as_json:
        echo_json({"months": found})
    else:
        rows = [
            {"month": month}
            | ({"status": state.status} if state.providers else {})  # of files alone nothing is pulled
            | {"activities": state.activities}
            | {name: f"{one.status}, {one.activities}" for name, one in state.providers.items()}
            for month, state in found.items()
        ]
        print_rows(rows)


def sync_month(
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="The month, as 2026-10.", show_default=False)],
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Compare what is here; make no call.")] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Pull a month from Strava and every enabled service, show what differs, and propose changes."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.changes.asking import propose_month
    from strava_pipeline.operations.changes.months import compared_month
    from strava_pipeline.operations.changes.proposing import left_out_now
    from strava_pipeline.verbs.change_view import value_text
    from strava_pipeline.verbs.options import context_without_run
    from strava_pipeline.verbs.provider_pulls import exit_code
    from strava_pipeline.verbs.views import show

    settings = Settings.load()
    run = context_without_run(settings)
    _check(month, run.now())
    pulled = {} if no_pull else _pull(settings, month, as_json=as_json, verbose=verbose)
    proposed = propose_month(run, settings, month)
    compared = compared_month(settings, month, run.now())
    left_out = left_out_now(run.lake)
    answer = {**compared.to_json(proposed), "left_out": left_out}
    if as_json:
        echo_json(answer | {"pulled": {name: one.as_json(name) for name, one in pulled.items()}})
        undecided = len(proposed)
    else:
        differing = {row.effort.key for row in compared.comparison.rows if row.differs}
        rows = {key: row for key, row in answer["rows"].items() if key in differing}
        forms = {"name": value_text, "gear": value_text, "distance": lambda metres: f"{metres / 1000:.1f} km"}
        hidden = _FOR_PROGRAMS if compared.state.providers else (*_FOR_PROGRAMS, "status")
        show(answer | {"rows": rows}, hidden=hidden, forms=forms)
        undecided = _decide(settings, proposed, left_out, month)
    if (code := exit_code(pulled.values())) or undecided:
        raise typer.Exit(code or DIFFERENT)


def _decide(settings: "Settings", proposed: "Mapping[str, ChangeState]", left_out: int, month: str) -> int:
    """Ask about the changes, or list them if nobody can be asked; returns how many are undecided."""
    from strava_pipeline.verbs.change_prompt import ask_about
    from strava_pipeline.verbs.change_view import is_asking, next_lines, print_groups
    from strava_pipeline.verbs.views import show

    undecided = len(proposed)
    if is_asking():
        undecided, proposed = ask_about(settings, proposed, "sync-month"), {}
    print_groups(proposed)
    show({}, advice=next_lines(proposed, left_out, month))
    return undecided


def _check(month: str, now: "datetime") -> None:
    from datetime import timedelta

    from strava_pipeline.operations.options import MONTH

    if not re.fullmatch(MONTH, month):
        raise typer.BadParameter("a month is written YYYY-MM", param_hint="YYYY-MM")
    if month > f"{now + timedelta(hours=14):%Y-%m}":  # the zone that is furthest ahead of UTC
        raise typer.BadParameter(f"{month} has not begun", param_hint="YYYY-MM")


def _pull(settings: "Settings", month: str, *, as_json: bool, verbose: bool) -> "dict[str, Pulled]":
    """Pull the month from Strava, if a login is set, then from the enabled services together."""
    from strava_pipeline.ingest.providers_file import enabled_providers
    from strava_pipeline.verbs.provider_pulls import pull_providers, pull_strava_month, wanted
    from strava_pipeline.verbs.run_report import Report

    report = Report(as_json=as_json)
    wants = wanted(settings, month=month, years=[], everything=False)
    enabled, found, unexpected = enabled_providers(settings), {}, None
    if settings.client_id:
        try:
            found = pull_strava_month(settings, wants, report=report, verbose=verbose)
        except Exception as error:  # noqa: BLE001 - of Strava; raised when the others have been pulled
            unexpected = error
    found |= pull_providers(settings, enabled, wants, report=report, verbose=verbose)
    if unexpected is not None:
        raise unexpected
    return found
