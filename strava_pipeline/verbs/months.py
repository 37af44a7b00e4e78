"""`calendar` and `sync-month`: how months stand at each service, and what differs in one of them.

What is compared and proposed is operations/changes'. How it is shown is month_view.py's.
"""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.verbs.options import AsJson, Verbose
from strava_pipeline.verbs.output import echo_json, plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from strava_pipeline.core.changes.states import ChangeState
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.provider_pulls import Pulled

DIFFERENT = 4
"""The exit code where changes wait for a decision."""
MOST_MONTHS = 1200


def calendar(
    months: Annotated[
        int, typer.Option("--months", min=1, max=MOST_MONTHS, help="How many months back, the present one included.")
    ] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show by month what each service has, and where services differ. Makes no call."""
    from dataclasses import asdict

    from strava_pipeline.operations.changes.comparing import months_back
    from strava_pipeline.operations.changes.months import calendar_of
    from strava_pipeline.operations.strava_access import primed_clock
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.month_view import print_calendar

    settings = Settings.load()
    now = primed_clock(settings).now()
    found = calendar_of(settings, months_back(months, now), now)
    if as_json:
        echo_json(plain({"months": {month: asdict(state) for month, state in found.items()}}))
        return
    print_calendar(found)


def sync_month(
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="The month, as 2026-10.", show_default=False)],
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Compare what is here; make no call.")] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Pull a month from Strava and every enabled service, show what differs, and propose changes."""
    from strava_pipeline.operations.changes.asking import propose_month
    from strava_pipeline.operations.changes.months import compared_month
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.month_view import print_comparison
    from strava_pipeline.verbs.options import context_without_run
    from strava_pipeline.verbs.provider_pulls import exit_code

    settings = Settings.load()
    run = context_without_run(settings)
    _check(month, run.now())
    pulled = {} if no_pull else _pull(settings, month, as_json=as_json, verbose=verbose)
    proposed = propose_month(run, settings, month)
    compared = compared_month(settings, month, run.now())
    if as_json:
        shape = {**compared.to_json(proposed), "pulled": {name: one.as_json(name) for name, one in pulled.items()}}
        echo_json(plain(shape))
    else:
        print_comparison(month, compared.state, compared.comparison)
    code, undecided = exit_code(pulled.values()), len(proposed)
    if not as_json and is_asking():
        undecided = _ask(settings, proposed)
    if code or undecided:
        raise typer.Exit(code or DIFFERENT)


def is_asking() -> bool:
    """Whether a person is there to answer."""
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty()


def _check(month: str, now: "datetime") -> None:
    from datetime import timedelta

    from strava_pipeline.operations.options import MONTH

    if not re.fullmatch(MONTH, month):
        raise typer.BadParameter("a month is written YYYY-MM", param_hint="YYYY-MM")
    if month > f"{now + timedelta(hours=14):%Y-%m}":  # the zone that is furthest ahead of UTC
        raise typer.BadParameter(f"{month} has not begun", param_hint="YYYY-MM")


def _pull(settings: "Settings", month: str, *, as_json: bool, verbose: bool) -> "dict[str, Pulled]":
    """Pull the month from Strava, where a login is set, and from the enabled services, one after the other."""
    from strava_pipeline.ingest.providers_file import enabled_providers
    from strava_pipeline.verbs.provider_pulls import pull_providers, pull_strava_month, wanted
    from strava_pipeline.verbs.run_report import Report

    report = Report(as_json=as_json)
    wants = wanted(settings, month=month, years=[], everything=False)
    enabled, found = enabled_providers(settings), {}
    try:
        if settings.client_id:
            found = pull_strava_month(settings, wants, report=report, verbose=verbose)
    finally:  # also after what nobody expected
        found |= pull_providers(settings, enabled, wants, allow_shrink=False, report=report, verbose=verbose)
    return found


def _ask(settings: "Settings", proposed: "Mapping[str, ChangeState]") -> int:
    """Ask about each change; how many are still undecided."""
    from strava_pipeline.operations.changes.deciding import Wanted, decide, seal_of, shown
    from strava_pipeline.verbs.changes import print_change
    from strava_pipeline.verbs.terminal import out

    decided, approve_rest = 0, False
    for number, (key, state) in enumerate(proposed.items(), start=1):
        out.print(f"\n{number} of {len(proposed)}")
        print_change(key, state)
        answer = "y" if approve_rest else _answer()
        if answer == "q":
            break
        approve_rest |= answer == "a"
        wanted = [Wanted(key, seal_of(key, shown(state)))]
        decide(settings, "rejected" if answer == "n" else "approved", wanted, "sync-month")
        decided += 1
    if decided:
        out.print("`strava-pipeline changes apply` writes what you approved.")
    return len(proposed) - decided


def _answer() -> str:
    """One of y, n, a, q."""
    while True:
        typed = str(typer.prompt("Write it? yes, no, all, quit [y/n/a/q]", default="q", show_default=False, err=True))
        if (first := typed.strip().lower()[:1]) in ("y", "n", "a", "q"):
            return first
