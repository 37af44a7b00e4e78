"""How things stand, without a call: whose login, what is in the warehouse, what is missing, what the budget allows."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from strava_pipeline.lake.counts import YearCounts
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.quarantine import Failing
    from strava_pipeline.settings import Settings


def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Login, scopes, budget, last pull, counts, missing details."""
    import json

    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.values import plain

    report = look(Settings.load())
    if as_json:
        typer.echo(json.dumps(plain(asdict(report)), ensure_ascii=False))
    else:
        _say(report)


@dataclass(frozen=True, slots=True)
class Status:
    """`login`: athlete, scopes, missing scopes, expiry, or what is wrong. `limits`: calls by ceiling.

    `imported`: what came in by archives and files; None where nothing did.
    """

    data_dir: str
    login: dict[str, Any]
    last_pull: dict[str, Any] | None
    imported: dict[str, Any] | None
    counts: dict[str, int]
    years: list[dict[str, Any]]
    missing_details: int
    stale_details: int
    resting_details: int
    quarantine: dict[str, Any]
    limits: list[dict[str, Any]]
    calls_left: int
    outdated: bool
    views_left_out: dict[str, str]


def look(settings: "Settings") -> Status:
    """Everything from disk; what does not exist yet is empty."""
    from strava_pipeline.ingest.strava.connect import make_budget, primed_clock
    from strava_pipeline.lake.listings import listings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.quarantine import failing_now

    lake, now = Lake(settings.data_dir), primed_clock(settings).now()
    published = _published(lake)
    last = next((listing.manifest for listing in listings(lake, newest_first=True)), None)
    failing = [each for each, _ in failing_now(lake)]
    remaining = make_budget(settings).remaining()
    return Status(
        data_dir=str(lake.data_dir),
        login=_login(settings),
        last_pull=None
        if last is None
        else {
            "at": last.fetched_at,
            "mode": last.window.mode,
            "complete": last.complete,
            "activities": last.rows,
        },
        imported=_imported(lake, published),
        counts=published.counts,
        years=[asdict(year) for year in published.years],
        missing_details=sum(year.missing_details for year in published.years),
        stale_details=sum(year.stale_details for year in published.years),
        resting_details=sum(each.retry_at is not None and now < each.retry_at for each in failing),
        quarantine=_quarantine([each for each in failing if each.files.is_quarantined]),
        limits=[
            {
                "limit": state.limit,
                "of": str(state.ceiling),
                "used": state.used,
                "left": state.left,
                "resets_at": state.resets_at,
            }
            for state in remaining.ceilings
        ],
        calls_left=remaining.governing.left,
        outdated=published.outdated,
        views_left_out=published.left_out,
    )


@dataclass(frozen=True, slots=True)
class _Published:
    """What the published warehouse says; nothing before the first publish."""

    years: list["YearCounts"] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    outdated: bool = False
    files_with_problems: int = 0
    of_several_sources: int = 0
    proposed: int = 0


def _published(lake: "Lake") -> _Published:
    from strava_pipeline.lake.counts import counts_by_year, one_number, row_counts
    from strava_pipeline.lake.matches import match_counts
    from strava_pipeline.lake.publish import snapshot
    from strava_pipeline.lake.views import left_out
    from strava_pipeline.lake.warehouse import has_other_views, is_outdated

    if not lake.snapshot.exists():
        return _Published()
    with snapshot(lake) as connection:
        tables = is_outdated(connection)
        outdated = tables or has_other_views(connection)
        if tables:
            return _Published([], row_counts(connection), left_out(connection), outdated)  # columns may not be there
        matched = match_counts(connection)
        return _Published(
            counts_by_year(connection),
            row_counts(connection),
            left_out(connection),
            outdated,
            files_with_problems=one_number(connection, "SELECT count(problem) FROM files"),
            of_several_sources=matched.activities,
            proposed=matched.proposed,
        )


def _imported(lake: "Lake", published: _Published) -> dict[str, Any] | None:
    from strava_pipeline.lake.imports import imports

    came = list(imports(lake))
    if not came:
        return None
    return {
        "at": came[-1].manifest.received_at,
        "imports": len(came),
        "files": len({file.sha256 for one in came for file in one.manifest.files}),
        "with_problems": published.files_with_problems,
        "of_several_sources": published.of_several_sources,
        "proposed": published.proposed,
    }


def _quarantine(held: list["Failing"]) -> dict[str, Any]:
    asked = [each.files.first_failed_at for each in held if not each.dropped_at and each.files.first_failed_at]
    return {"activities": len(asked), "since": min(asked, default=None), "dropped": len(held) - len(asked)}


def _login(settings: "Settings") -> dict[str, Any]:
    from strava_pipeline.core.errors import MissingSettingsError, PipelineError
    from strava_pipeline.ingest.strava.connect import token_store
    from strava_pipeline.ingest.strava.oauth import SCOPES, missing_scopes
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.profile_files import newest_athlete

    try:
        token = token_store(settings).load()
    except PipelineError as error:
        return {"problem": str(error), "none_yet": isinstance(error, MissingSettingsError)}
    athlete = newest_athlete(Lake(settings.data_dir))
    known = athlete[1] if athlete else {}
    granted = None if token.scope is None else token.scope.replace(",", " ").split()
    return {
        "athlete_id": token.athlete_id or known.get("id"),
        "name": " ".join(filter(None, [known.get("firstname"), known.get("lastname")])) or None,
        "scopes": granted,
        "missing_scopes": [list(pair) for pair in missing_scopes(SCOPES, granted)] if granted is not None else [],
        "access_token_expires_at": token.expires_at,
    }


def _say(report: Status) -> None:
    from rich.table import Table

    from strava_pipeline.verbs.terminal import out, say_left_out

    without_api = report.imported is not None and report.last_pull is None and report.login.get("none_yet", False)
    if without_api:
        out.print("Login: none, and none is needed for what is imported; the API needs one (`strava-pipeline auth`)")
    else:
        _say_login(report.login)
        _say_pull(report.last_pull)
    if report.imported is not None:
        _say_imported(report.imported)
    if report.years:
        table = Table(
            "year", "activities", "km", "details", "missing", "edited since", title=f"Published: {report.data_dir}"
        )
        for year in report.years:
            table.add_row(*map(str, year.values()))
        out.print(table)
    if report.outdated:
        out.print(
            "The published warehouse has the tables of another version: the next run makes it anew, without a call."
        )
    out.print(
        f"Details missing: {report.missing_details}, edited since: {report.stale_details}, "
        f"resting after failures: {report.resting_details}"
    )
    if report.missing_details:
        out.print("  `strava-pipeline enrich-all` fetches what is missing.")
    held = report.quarantine
    if held["activities"] or held["dropped"]:
        since = f" since {_at(held['since'])}" if held["since"] else ""
        dropped = f", dropped: {held['dropped']}" if held["dropped"] else ""
        out.print(f"In quarantine: {held['activities']}{since}{dropped}; see `strava-pipeline quarantine list`")
    say_left_out(report.views_left_out)
    for limit in [] if without_api else report.limits:
        out.print(f"Budget: {limit['left']:>5} left of {limit['limit']} {limit['of']}, until {_at(limit['resets_at'])}")


def _say_login(login: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    if "problem" in login:
        out.print(f"Login: {login['problem']}", style="yellow")
        return
    expiry = login["access_token_expires_at"]
    out.print(f"Login: {login['name'] or 'athlete'} ({login['athlete_id'] or 'id not known yet'})")
    scopes = login["scopes"]
    unknown = "not known: a login by a bare code or a bare refresh token does not tell"
    out.print(f"Scopes: {unknown if scopes is None else ', '.join(scopes)}")
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
        out.print(f"Last pull: {_at(pull['at'])}, {pull['mode']}, {pull['activities']} activities, {state}")


def _say_imported(came: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    files = f"{came['files']} file{'s' * (came['files'] != 1)}"
    odd = f", {came['with_problems']} of them with problems" if came["with_problems"] else ""
    out.print(f"Imported: {files}{odd}, the last {_at(came['at'])}")
    if odd:
        out.print('  `strava-pipeline sql "SELECT name, problem FROM files WHERE problem IS NOT NULL"` tells which')
    if came["of_several_sources"]:
        out.print(f"Counted once, from several sources: {came['of_several_sources']} activities")
    if came["proposed"]:
        out.print(f"  {came['proposed']} pairs may be one: `strava-pipeline matches list`")


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
