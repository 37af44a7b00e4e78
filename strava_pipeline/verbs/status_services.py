"""What `status` shows of services, webhooks, the second copy, and changes that wait for a person. The command is status.py's."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.core.years import years_by_day

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings


def change_counts(settings: "Settings", now: datetime) -> dict[str, int] | None:
    """How many changes have each status, with the published data; None where none was ever proposed."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.lake.changes import has_changes
    from strava_pipeline.lake.paths import Lake

    lake = Lake(settings.data_dir)
    if not has_changes(lake):
        return None
    from strava_pipeline.operations.changes.proposing import states_now  # who never compared pays nothing for it

    try:
        return dict(Counter(state.state for state in states_now(lake, settings, now).values()))
    except PipelineError:  # nothing usable is published: then nothing can be decided either
        return {}


def changes_left_out(settings: "Settings") -> int | None:
    """How many more changes could be proposed, with the published data; None where none ever was, or nothing is published."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.lake.changes import has_changes
    from strava_pipeline.lake.paths import Lake

    lake = Lake(settings.data_dir)
    if not has_changes(lake):
        return None
    from strava_pipeline.operations.changes.proposing import left_out_now

    try:
        return left_out_now(lake)
    except PipelineError:
        return None


def print_webhooks(counts: dict[str, Any], indent: str = "") -> None:
    """A line of what became of webhook events."""
    from strava_pipeline.verbs.terminal import out

    waiting = (
        f"; {counts['unread']} unread, {counted(counts['waiting'], 'activity')} waiting"
        if counts["unread"] + counts["waiting"]
        else ""
    )
    refused = "".join(f", {count} refused ({why})" for why, count in sorted(counts["refused"].items()))
    given_up = f", {counts['given_up']} left to the next listing" if counts["given_up"] else ""
    out.print(f"{indent}Webhooks: {counted(counts['accepted'], 'event')}{refused}{given_up}{waiting}")


def older_pages(as_of: datetime | None) -> str:
    """What is added to the line of a pull that used pages which are older than its run."""
    return f"; older pages are as of {at_minute(as_of)}" if as_of is not None else ""


def print_provider(provider: dict[str, Any]) -> None:
    """The lines of an enabled service."""
    from strava_pipeline.ingest.provider import KeptLogin
    from strava_pipeline.verbs.terminal import out

    title, pull, steps = provider["title"], provider["last_pull"], provider["steps"]
    if pull is None:
        out.print(f"{title}: nothing was pulled yet")
    else:
        state = "complete" if pull["complete"] else "it broke off, and the next pull goes on"
        out.print(
            f"{title}: last pull {at_minute(pull['at'])}, {pull['mode']}, {counted(pull['activities'], 'activity')}, {state}"
            f"{older_pages(pull['as_of'])}"
        )
    if compared := years_by_day(provider["compared_at"]):
        out.print(f"  Compared with all that it has: {compared}")
    if provider["login_problem"] is not None:
        out.print(f"  {provider['login_problem']}", style="yellow")
    if provider["login"] is not None and provider["login_problem"] is None:
        login = KeptLogin(**provider["login"])
        ending = login.warning(title, datetime.now(UTC).date())
        out.print(f"  {ending or login.described}", style=None if ending is None else "yellow")
    if provider["withheld"]:
        out.print(f"  {counted(provider['withheld'], 'activity')} withheld by {title}. {provider['withheld_advice']}")
    if provider["webhooks"] is not None:
        print_webhooks(provider["webhooks"], indent="  ")
    for operation, step in steps.items():
        until = step["limited_until"]
        if until is not None and until > datetime.now(UTC):
            out.print(f"  {operation}: limited by {title} until {at_minute(until)}; a later run goes on")
        elif until is not None:
            out.print(f"  {operation}: a limit of {title} stopped it until {at_minute(until)}; the next run goes on")
        elif not step["succeeded"]:
            out.print(f"  {operation}: failed {at_minute(step['at'])}: {step['message']}", style="yellow")


def print_changes(counts: dict[str, int], left_out: int | None) -> None:
    """Lines of the changes that wait for a person."""
    from strava_pipeline.verbs.terminal import out

    if counts.get("proposed"):
        more = f", and {left_out} more when these are decided" if left_out else ""
        out.print(f"Proposed: {counted(counts['proposed'], 'change')}{more}. `strava-pipeline changes list` shows them")
    if counts.get("approved"):
        out.print(f"Approved: {counted(counts['approved'], 'change')}. `strava-pipeline changes apply` writes them")


def print_retention(kept: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    days, due = counted(kept["days"], "day"), counted(kept["due"], "activity")
    out.print(f"Data of Strava's API: kept for {days}; {counted(kept['expired'], 'activity')} expired so far")
    if kept["due"]:
        when = f"the first run after {kept['not_before']:%Y-%m-%d %H:%M} UTC" if kept["not_before"] else "a coming run"
        out.print(f"  {due} expire with {when}; {kept['staying']} of them stay with what others say", style="yellow")


def second_copy(settings: "Settings") -> dict[str, Any] | None:
    """How old the second copy is and what it lacks; None where none is made."""
    if not settings.is_copied:
        problem = "; ".join(settings.left)
        return {"at": None, "lacking": 0, "problem": problem} if problem else None
    from strava_pipeline.lake.copied import copy_age
    from strava_pipeline.lake.paths import Lake

    return asdict(copy_age(Lake(settings.data_dir), settings.copy_place))


def print_copy(copy: dict[str, Any]) -> None:
    """A line of the second copy."""
    from strava_pipeline.verbs.terminal import out

    since = f"brought up to date {at_minute(copy['at'])}" if copy["at"] else "never completed"
    lacking = f"; it lacks {counted(copy['lacking'], 'file')}" if copy["lacking"] else ""
    problem = f". {copy['problem']}" if copy["problem"] else ""
    out.print(f"Second copy: {since}{lacking}{problem}", style="yellow" if problem else "")
