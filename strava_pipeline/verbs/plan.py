"""What a backfill will cost before it begins: calls by stage and year, the limits, the finish. Makes no call.

The sums are core/plan.py's; here they are only asked for and shown, for `plan` and for every `--dry-run`.
"""

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from strava_pipeline.core.plan import RESTART_NOTE
from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import HELP
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from datetime import datetime

    from strava_pipeline.core.plan import Plan, YearPlan


def plan(
    years: Annotated[list[str] | None, typer.Argument(help="More years.", show_default=False)] = None,
    first: Annotated[list[str] | None, typer.Option("--years", help=f"{HELP} All, unless said.")] = None,
    details: Annotated[bool, typer.Option("--details/--no-details", help="Whether details are fetched too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Calls that a backfill of these years takes, by stage and year, and when it will be done. Makes no call."""

    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.operations.planning import plan_backfill
    from strava_pipeline.operations.strava_source import StravaSource
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.looking import all_years, looking
    from strava_pipeline.verbs.options import typed_years
    from strava_pipeline.verbs.output import plain

    settings = Settings.load()
    known = all_years(settings)
    words = [*(first or []), *(years or [])]
    chosen = typed_years(words, known) if words else known
    run = looking(settings)
    made, _ = plan_backfill(
        run, StravaSource(settings, run), chosen, ListingOptions(per_page=None, days=None), details=details
    )
    zone = ZoneInfo(settings.timezone)
    if as_json:
        echo_json(plain(shape(made, zone)))
    else:
        say_plan(made, zone)


def shape(made: "Plan", zone: ZoneInfo) -> dict[str, Any]:
    """The plan as docs/formats.md has it."""
    done, bounds = made.done_at, made.bounds
    return {
        "made_at": made.made_at,
        "basis": made.basis,
        "calls": made.calls,
        "listing_calls": made.listing + sum(year.listing for year in made.years),
        "details_calls": sum(year.details for year in made.years),
        "gear_calls": made.gear,
        "calls_from": bounds.fewest if bounds else None,
        "calls_to": bounds.most if bounds else None,
        "years": [
            {
                "year": year.year,
                "basis": year.basis,
                "activities": year.activities,
                "listing_calls": year.listing,
                "details_calls": year.details,
                "calls": year.calls,
            }
            for year in made.years
        ],
        "limits": [
            {"limit": one.limit, "of": str(ceiling), "left": one.left, "resets_at": one.resets_at}
            for ceiling, one in made.allowances.items()
        ],
        "governing": str(made.governing),
        "done_at": done,
        "done_at_local": done.astimezone(zone).isoformat() if done else None,
        "done_from": bounds.done_from if bounds else None,
        "done_to": bounds.done_to if bounds else None,
        "days": made.days,
    }


def say_plan(made: "Plan", zone: ZoneInfo, what: str = "details", max_calls: int | None = None) -> None:
    """The plan for eyes, on stdout. `what`: of which the calls are that list nothing; `max_calls`: what the command may make."""
    from rich.table import Table

    from strava_pipeline.verbs.terminal import out

    if made.years:
        table = Table("year", "activities", "listing", what, "calls", "")
        for year in made.years:
            table.add_row(str(year.year), *_cells(year))
        out.print(table)
    if made.listing:
        out.print(f"One listing of all: {counted(made.listing, 'call')}")
    if made.gear:
        out.print(f"Gear that was never fetched: {counted(made.gear, 'call')}")
    for basis, words in _WORDS.items():
        if any(year.basis == basis for year in made.years):
            out.print(words)
    fewest = "at least " if made.basis == "unknown" else "about " if made.basis == "estimated" else ""
    out.print(f"Calls: {fewest}{made.calls}", style="bold")
    if made.bounds is not None:
        out.print(f"Athletes' years differ. Likely: {made.bounds}")
    for ceiling, one in made.allowances.items():
        mark = "; this one governs" if ceiling == made.governing else ""
        out.print(f"Calls left: {one.left} of {one.limit} {ceiling}, until {_utc(one.resets_at)}{mark}")
    out.print(_finish(made, zone))
    if max_calls is not None and made.calls > max_calls:
        out.print(f"With --max-calls {max_calls} the command ends after {max_calls} of them; the next one goes on.")


_WORDS = {
    "estimated": "estimated: not listed yet, or not to the end; reckoned from when the account was made and from how often "
    "the athlete trains in the nearest years that were. Gear that these name comes on top.",
    "unknown": "unknown: never listed, and nothing tells how much there is. These are the fewest calls possible; the year's "
    "first page will tell. Gear that they name comes on top.",
}


def _cells(year: "YearPlan") -> list[str]:
    about = {"known": "", "estimated": "~", "unknown": "≥"}[year.basis]
    activities = "?" if year.activities is None else f"{about}{year.activities}"
    numbers = [f"{about}{number}" for number in (year.listing, year.details, year.calls)]
    return [activities, *numbers, "" if year.basis == "known" else year.basis]


def _finish(made: "Plan", zone: ZoneInfo) -> str:
    done, days = made.done_at, made.days
    if not made.calls:
        return "Nothing is to be asked for."
    if done is None or days is None:
        return "It never ends: a limit is kept back as a whole."
    earliest = "no earlier than " if made.basis == "unknown" else ""
    there = f"{done.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
    span = ("today" if days == 1 else f"on {days} days") + (f", {RESTART_NOTE}" if made.needs_another_day else "")
    return f"Done {earliest}{_utc(done)} ({there}), begun now: {span}."


def _utc(moment: "datetime") -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
