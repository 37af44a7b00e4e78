"""The command `status`: the state of login, budget, warehouse and work left, from files and the published warehouse."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.core.years import years_by_day
from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.output import echo_json
from strava_pipeline.verbs.status_services import (
    change_counts,
    changes_left_out,
    older_pages,
    print_changes,
    print_copy,
    print_provider,
    print_retention,
    print_webhooks,
    second_copy,
)

if TYPE_CHECKING:
    from strava_pipeline.lake.gold.quality import YearCounts
    from strava_pipeline.lake.gold.quarantine import FailingActivity
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings


def status(as_json: Json = False) -> None:
    """Login, scopes, budget, last pull, counts, missing details."""

    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain

    report = read_status(Settings.load())
    if as_json:
        echo_json(plain(asdict(report)))
    else:
        print_status(report)


@dataclass(frozen=True, slots=True)
class Status:
    """`login`: athlete, scopes, missing scopes, expiry, or what is wrong. `limits`: calls by ceiling.

    `revoked_at`: when the athlete took the access away.
    `retention`: what STRAVA_API_KEEP_DAYS lets expire; None: it is not set.
    `imported`: what came in by archives and files; None where nothing did.
    `webhooks`: what became of events; None where none ever came. `providers`: those enabled besides Strava.
    `later_first_year`: where years before it hold nothing.
    `changes`: how many changes at services have each status, as published; None where none was ever proposed.
    `changes_left_out`: how many more could be proposed; None where that is not known.
    `dashboard`: where it answers; None where it is not running.
    `second_copy`: how old it is and what it lacks; None where none is made.
    """

    data_dir: str
    login: dict[str, Any]
    revoked_at: datetime | None
    retention: dict[str, Any] | None
    last_pull: dict[str, Any] | None
    compared_at: dict[int, datetime]
    imported: dict[str, Any] | None
    webhooks: dict[str, Any] | None
    providers: dict[str, dict[str, Any]]
    counts: dict[str, int]
    years: list[dict[str, Any]]
    missing_details: int | None  # of what is published; None: nothing is, or only tables of another version
    stale_details: int
    resting_details: int
    quarantine: dict[str, Any]
    limits: list[dict[str, Any]]
    calls_left: int
    outdated: bool
    views_left_out: dict[str, str]
    later_first_year: int | None
    strava_used: bool
    changes: dict[str, int] | None
    changes_left_out: int | None
    dashboard: str | None
    second_copy: dict[str, Any] | None


def read_status(settings: "Settings") -> Status:
    """The status from files and the published warehouse; what does not exist yet is empty."""
    from strava_pipeline.ingest.registry import budget, primed_clock, revoked_at
    from strava_pipeline.lake.bronze.comparisons import compared_years
    from strava_pipeline.lake.gold.quarantine import failing_now
    from strava_pipeline.lake.health import later_first_year
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.used import is_strava_used
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.verbs.dashboard import running_dashboard

    lake, clock = Lake(settings.data_dir), primed_clock(settings)
    now, remaining = clock.now(), budget(STRAVA, settings, clock).remaining()
    published = _published(lake)
    failing = [each for each, _ in failing_now(lake)]
    kept = None
    if settings.api_keep_days is not None:  # what lets expire imports whatever makes tables
        from strava_pipeline.operations.retention import retention

        kept = retention(lake, settings.api_keep_days, now)
    return Status(
        data_dir=str(lake.data_dir),
        login=_login(settings, published),
        revoked_at=revoked_at(STRAVA, settings),
        retention=asdict(kept) if kept is not None else None,
        last_pull=_last_pull(lake),
        compared_at=compared_years(lake, year_range(settings.first_year)),
        imported=_imported(lake, published),
        webhooks=_webhooks(lake),
        providers=_providers(settings),
        counts=published.counts,
        years=[asdict(year) for year in published.years],
        missing_details=sum(year.missing_details for year in published.years) if published.tells_details else None,
        stale_details=sum(year.stale_details for year in published.years),
        resting_details=sum(each.retry_at is not None and now < each.retry_at for each in failing),
        quarantine=_quarantine([each for each in failing if each.files.is_quarantined], lake),
        limits=[
            {"of": str(one.ceiling), **{name: getattr(one, name) for name in ("limit", "used", "left", "resets_at")}}
            for one in remaining.ceilings
        ],
        calls_left=remaining.governing.left,
        outdated=published.outdated,
        views_left_out=published.left_out,
        later_first_year=later_first_year(lake, settings.first_year),
        strava_used=is_strava_used(settings),
        changes=change_counts(settings, now),
        changes_left_out=changes_left_out(settings),
        dashboard=running_dashboard(settings),
        second_copy=second_copy(settings),
    )


def _last_pull(lake: "Lake") -> dict[str, Any] | None:
    from strava_pipeline.lake.bronze.listings import last_pull

    if (last := last_pull(lake)) is None:
        return None
    found = {"at": last.fetched_at, "mode": last.window.mode, "complete": last.complete, "activities": last.rows}
    return {**found, "as_of": last.as_of}


@dataclass(frozen=True, slots=True)
class _Published:
    """What the published warehouse says; nothing before the first publish."""

    years: list["YearCounts"] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    outdated: bool = False
    tells_details: bool = False
    only_me: int | None = None  # the API's activities that only the athlete may see
    files_with_problems: int = 0
    of_several_sources: int = 0
    proposed: int = 0


_ONLY_ME = f"SELECT count(*) FROM activities WHERE source = '{STRAVA}' AND (private OR visibility = 'only_me')"


def _published(lake: "Lake") -> _Published:
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.gold.quality import counts_by_year, row_counts
    from strava_pipeline.lake.gold.user_views import skipped_views
    from strava_pipeline.lake.gold.warehouse import has_other_views, is_outdated, one_number
    from strava_pipeline.lake.sql import sql

    if not lake.snapshot.exists():
        return _Published()
    with snapshot(lake) as connection:
        tables = is_outdated(connection)
        outdated = tables or has_other_views(connection)
        if tables:
            # columns may not be there
            return _Published([], row_counts(connection), skipped_views(connection), outdated)
        of_several_sources, proposed = connection.execute(sql("match_counts")).fetchall()[0]
        return _Published(
            counts_by_year(connection),
            row_counts(connection),
            skipped_views(connection),
            outdated,
            tells_details=True,
            only_me=one_number(connection, _ONLY_ME),
            files_with_problems=one_number(connection, "SELECT count(problem) FROM files"),
            of_several_sources=of_several_sources,
            proposed=proposed,
        )


def _imported(lake: "Lake", published: _Published) -> dict[str, Any] | None:
    from strava_pipeline.lake.imports.manifests import imports

    imported = list(imports(lake))
    if not imported:
        return None
    return {
        "at": imported[-1].manifest.received_at,
        "imports": len(imported),
        "files": len({file.sha256 for one in imported for file in one.manifest.files}),
        "with_problems": published.files_with_problems,
        "of_several_sources": published.of_several_sources,
        "proposed": published.proposed,
    }


def _webhooks(lake: "Lake") -> dict[str, Any] | None:
    from strava_pipeline.lake.bronze.deliveries import deliveries_of

    found = deliveries_of(lake, STRAVA)
    return None if found is None else asdict(found)


def _providers(settings: "Settings") -> dict[str, dict[str, Any]]:
    from strava_pipeline.ingest.providers_file import enabled_in_file

    if not enabled_in_file(settings):
        return {}
    from strava_pipeline.operations.provider_access import provider_states  # who has no provider pays nothing for them

    return {
        name: {**asdict(state), "steps": {operation: step.model_dump() for operation, step in state.steps.items()}}
        for name, state in provider_states(settings).items()
    }


def _quarantine(held: list["FailingActivity"], lake: "Lake") -> dict[str, Any]:
    from strava_pipeline.lake.gold.quarantine import unreadable_rows

    asked = [each.files.first_failed_at for each in held if not each.dropped_at and each.files.first_failed_at]
    return {
        "activities": len(asked),
        "since": min(asked, default=None),
        "dropped": len(held) - len(asked),
        "unreadable_rows": len(unreadable_rows(lake)),
    }


def _login(settings: "Settings", published: _Published) -> dict[str, Any]:
    from strava_pipeline.core.errors import MissingSettingsError, PipelineError
    from strava_pipeline.ingest.registry import part
    from strava_pipeline.lake.bronze.answers import newest_athlete
    from strava_pipeline.lake.paths import Lake

    try:
        login = part(STRAVA, "login").login_state(settings)
    except PipelineError as error:
        return {"problem": str(error), "none_yet": isinstance(error, MissingSettingsError)}
    known = (newest_athlete(Lake(settings.data_dir)) or (None, {}))[1]
    return {
        "athlete_id": login.athlete_id or known.get("id"),
        "name": " ".join(filter(None, [known.get("firstname"), known.get("lastname")])) or None,
        "scopes": login.scopes,
        "missing_scopes": [list(pair) for pair in login.missing_scopes],
        "may_write": login.may_write,
        "only_me_activities": published.only_me,
        "access_token_expires_at": login.expires_at,
        "refused_at": login.refused_at,
    }


def print_status(report: "Status") -> None:
    from rich.table import Table

    from strava_pipeline.verbs.terminal import out, print_views_left_out

    never_asked = report.last_pull is None and report.login.get("none_yet", False) and report.revoked_at is None
    without_api = report.imported is not None and never_asked
    if report.strava_used and without_api:
        out.print("Login: none, and none is needed for what is imported; the API needs one (`strava-pipeline auth`)")
    elif report.strava_used:
        _print_login(report.login, report.revoked_at)
        _print_pull(report.last_pull)
        if compared := years_by_day(report.compared_at):
            out.print(f"Compared with all that Strava has: {compared}")
    if report.retention is not None:
        print_retention(report.retention)
    if report.imported is not None:
        _print_imported(report.imported)
    if report.webhooks is not None:
        print_webhooks(report.webhooks)
    for provider in report.providers.values():
        print_provider(provider)
    if report.changes:
        print_changes(report.changes, report.changes_left_out)
    if report.years:
        table = Table(
            "year", "activities", "km", "details", "missing", "edited since", title=f"Published: {report.data_dir}"
        )
        for year in report.years:
            table.add_row(*map(str, year.values()))
        out.print(table)
    if report.outdated:
        out.print(
            "The published warehouse has the tables of another version: the next run rebuilds it, without a call."
        )
    if report.strava_used:
        _print_details(report)
    if report.second_copy is not None:
        print_copy(report.second_copy)
    if report.dashboard is not None:
        out.print(f"Dashboard: {report.dashboard}")
    _print_quarantine(report.quarantine)
    print_views_left_out(report.views_left_out)
    for limit in report.limits if report.strava_used and not without_api else []:
        out.print(
            f"Budget: {limit['left']:>5} left of {limit['limit']} {limit['of']}, until {at_minute(limit['resets_at'])}"
        )


def _print_details(report: "Status") -> None:
    from strava_pipeline.verbs.terminal import out

    missing = "not known before the next publish" if report.missing_details is None else report.missing_details
    out.print(
        f"Details missing: {missing}, edited since: {report.stale_details}, "
        f"resting after failures: {report.resting_details}"
    )
    if report.missing_details is None:
        out.print("  `strava-pipeline plan` shows what is still to be fetched.")
    if report.missing_details:
        out.print("  `strava-pipeline enrich-all` fetches what is missing.")


def _print_quarantine(held: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    if held["activities"] or held["dropped"]:
        since = f" since {at_minute(held['since'])}" if held["since"] else ""
        dropped = f", dropped: {held['dropped']}" if held["dropped"] else ""
        out.print(f"In quarantine: {held['activities']}{since}{dropped}; see `strava-pipeline quarantine list`")
    if held["unreadable_rows"]:
        out.print(f"Rows that can't be read: {held['unreadable_rows']}; see `strava-pipeline quarantine list`")


def _unknown_scopes(only_me: int | None) -> str:
    """What could be missing unnoticed, and whether it is."""
    what = 'not known, because a bare code or refresh token does not show them; activities visible to "Only You"'
    if only_me:
        return f"{what} do come: {only_me} of them"
    return f"{what} may be missing: none is here yet, and `strava-pipeline auth` with the whole address shows them"


def _print_login(login: dict[str, Any], revoked: datetime | None) -> None:
    from strava_pipeline.ingest.registry import part
    from strava_pipeline.verbs.terminal import out

    if revoked is not None:
        message = part(STRAVA, "access").revoked_message(revoked)
        out.print(f"Login: {message}", style="yellow")
        return
    if "problem" in login:
        out.print(f"Login: {login['problem']}", style="yellow")
        return
    expiry, refused_at = login["access_token_expires_at"], login["refused_at"]
    out.print(f"Login: {login['name'] or 'athlete'} ({login['athlete_id'] or 'id not known yet'})")
    if refused_at is not None:
        out.print(
            f"  refused by Strava on {at_minute(refused_at)}: log in again with `strava-pipeline auth`", style="yellow"
        )
        return
    scopes = login["scopes"]
    shown = _unknown_scopes(login["only_me_activities"]) if scopes is None else ", ".join(scopes)
    out.print(f"Scopes: {shown}")
    for scope, consequence in login["missing_scopes"]:
        out.print(f"  {scope} was not granted: {consequence}", style="yellow")
    if login["may_write"] is False:
        out.print("Changes at Strava: not allowed; `strava-pipeline auth --write` asks for that")
    until = f"until {at_minute(expiry)}, then renewed by itself" if expiry else "renewed at the next call"
    out.print(f"Access token: {until}")


def _print_pull(pull: dict[str, Any] | None) -> None:
    from strava_pipeline.verbs.terminal import out

    if pull is None:
        out.print("Last pull: none yet. `strava-pipeline flow` makes the first.")
    else:
        state = "complete" if pull["complete"] else "broke off or lost a page; the next pull lists what is missing"
        out.print(
            f"Last pull: {at_minute(pull['at'])}, {pull['mode']}, {counted(pull['activities'], 'activity')}, {state}"
            f"{older_pages(pull['as_of'])}"
        )


def _print_imported(imported: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    files = counted(imported["files"], "file")
    odd = f", {imported['with_problems']} of them with problems" if imported["with_problems"] else ""
    out.print(f"Imported: {files}{odd}, the last {at_minute(imported['at'])}")
    if odd:
        out.print('  `strava-pipeline sql "SELECT name, problem FROM files WHERE problem IS NOT NULL"` shows which')
    if imported["of_several_sources"]:
        out.print(f"Counted once, recorded several times: {counted(imported['of_several_sources'], 'activity')}")
    if imported["proposed"]:
        out.print(f"  {counted(imported['proposed'], 'pair')} may be one: `strava-pipeline matches list`")
