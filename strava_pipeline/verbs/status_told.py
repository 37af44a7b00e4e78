"""`status` for eyes: what a person is told of it, and what to do. What it is stands in status.py."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.text import counted

if TYPE_CHECKING:
    from strava_pipeline.verbs.status import Status


def say_status(report: "Status") -> None:
    from rich.table import Table

    from strava_pipeline.lake.first_year import first_year_advice
    from strava_pipeline.settings import env_file
    from strava_pipeline.verbs.terminal import out, say_left_out

    never_asked = report.last_pull is None and report.login.get("none_yet", False) and report.revoked_at is None
    without_api = report.imported is not None and never_asked
    if without_api:
        out.print("Login: none, and none is needed for what is imported; the API needs one (`strava-pipeline auth`)")
    else:
        _say_login(report.login, report.revoked_at)
        _say_pull(report.last_pull)
    if report.imported is not None:
        _say_imported(report.imported)
    if report.webhooks is not None:
        _say_webhooks(report.webhooks)
    if report.years:
        table = Table(
            "year", "activities", "km", "details", "missing", "edited since", title=f"Published: {report.data_dir}"
        )
        for year in report.years:
            table.add_row(*map(str, year.values()))
        out.print(table)
    if report.later_first_year is not None:
        out.print(first_year_advice(report.later_first_year, str(env_file())))
    if report.outdated:
        out.print(
            "The published warehouse has the tables of another version: the next run makes it anew, without a call."
        )
    missing = "not known before the next publish" if report.missing_details is None else report.missing_details
    out.print(
        f"Details missing: {missing}, edited since: {report.stale_details}, "
        f"resting after failures: {report.resting_details}"
    )
    if report.missing_details is None:
        out.print("  `strava-pipeline plan` tells what is still to be fetched.")
    if report.missing_details:
        out.print("  `strava-pipeline enrich-all` fetches what is missing.")
    held = report.quarantine
    if held["activities"] or held["dropped"]:
        since = f" since {_at(held['since'])}" if held["since"] else ""
        dropped = f", dropped: {held['dropped']}" if held["dropped"] else ""
        out.print(f"In quarantine: {held['activities']}{since}{dropped}; see `strava-pipeline quarantine list`")
    if held["unreadable_rows"]:
        out.print(f"Rows that can't be read: {held['unreadable_rows']}; see `strava-pipeline quarantine list`")
    say_left_out(report.views_left_out)
    for limit in [] if without_api else report.limits:
        out.print(f"Budget: {limit['left']:>5} left of {limit['limit']} {limit['of']}, until {_at(limit['resets_at'])}")


def _unknown_scopes(only_me: int | None) -> str:
    """The one thing that would be missing without a word, and whether it is."""
    what = 'not known, as a bare code or refresh token does not tell them; activities visible to "Only You"'
    if only_me:
        return f"{what} do come: {only_me} of them"
    return f"{what} may be missing: none is here yet, and `strava-pipeline auth` with the whole address would tell"


def _say_login(login: dict[str, Any], revoked: datetime | None) -> None:
    from strava_pipeline.ingest.strava.revocation import revoked_words
    from strava_pipeline.verbs.terminal import out

    if revoked is not None:
        out.print(f"Login: {revoked_words(revoked)}", style="yellow")
        return
    if "problem" in login:
        out.print(f"Login: {login['problem']}", style="yellow")
        return
    expiry, refused_at = login["access_token_expires_at"], login["refused_at"]
    out.print(f"Login: {login['name'] or 'athlete'} ({login['athlete_id'] or 'id not known yet'})")
    if refused_at is not None:
        out.print(f"  refused by Strava on {_at(refused_at)}: log in again with `strava-pipeline auth`", style="yellow")
        return
    scopes = login["scopes"]
    told = _unknown_scopes(login["only_me_activities"]) if scopes is None else ", ".join(scopes)
    out.print(f"Scopes: {told}")
    for scope, consequence in login["missing_scopes"]:
        out.print(f"  {scope} was not granted: {consequence}", style="yellow")
    out.print(
        f"Access token: {f'until {_at(expiry)}, then renewed by itself' if expiry else 'renewed at the next call'}"
    )


def _say_pull(pull: dict[str, Any] | None) -> None:
    from strava_pipeline.verbs.terminal import out

    if pull is None:
        out.print("Last pull: none yet. `strava-pipeline flow` makes the first.")
    else:
        state = "complete" if pull["complete"] else "broke off or lost a page; the next pull lists what is missing"
        out.print(f"Last pull: {_at(pull['at'])}, {pull['mode']}, {counted(pull['activities'], 'activity')}, {state}")


def _say_imported(came: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    files = counted(came["files"], "file")
    odd = f", {came['with_problems']} of them with problems" if came["with_problems"] else ""
    out.print(f"Imported: {files}{odd}, the last {_at(came['at'])}")
    if odd:
        out.print('  `strava-pipeline sql "SELECT name, problem FROM files WHERE problem IS NOT NULL"` tells which')
    if came["of_several_sources"]:
        out.print(f"Counted once, from several sources: {counted(came['of_several_sources'], 'activity')}")
    if came["proposed"]:
        out.print(f"  {counted(came['proposed'], 'pair')} may be one: `strava-pipeline matches list`")


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _say_webhooks(told: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    waiting = (
        f"; {told['unread']} unread, {counted(told['waiting'], 'activity')} waiting"
        if told["unread"] + told["waiting"]
        else ""
    )
    refused = "".join(f", {count} refused ({why})" for why, count in sorted(told["refused"].items()))
    given_up = f", {told['given_up']} left to the next listing" if told["given_up"] else ""
    out.print(f"Webhooks: {counted(told['accepted'], 'event')}{refused}{given_up}{waiting}")
