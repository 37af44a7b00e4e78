"""The verbs `webhooks drain` and `webhooks replay`. Posting stands in webhooks_replaying.py, following in orchestrate/."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.echo import echo_json
from strava_pipeline.verbs.options import CushionDaily, DryRun, MaxCalls, Verbose, call_limits
from strava_pipeline.verbs.years import HELP, typed_years

if TYPE_CHECKING:
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.run_job import RunOutcome

webhooks = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Strava's webhook events: follow them, replay some."
)


@webhooks.command()
def drain(max_calls: MaxCalls = None, cushion_daily: CushionDaily = None, verbose: Verbose = False) -> None:
    """Follow the events that came, now: what the sensor does where Dagster runs."""
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.running import STOPPED, say
    from strava_pipeline.verbs.terminal import out

    outcome = _follow(Settings.load(), call_limits(max_calls, None, cushion_daily), verbose=verbose)
    if outcome is None:
        out.print("Every event was followed, or waits for its time: see strava-pipeline status.")
        return
    say(outcome)
    if outcome.stopped_early or outcome.metadata["webhook_events"]["activities_waiting"]:
        raise typer.Exit(STOPPED)


@webhooks.command()
def replay(
    more: Annotated[list[str] | None, typer.Argument(help="More years.", show_default=False)] = None,
    years: Annotated[list[str] | None, typer.Option("--years", help=HELP)] = None,
    rate_limit: Annotated[float, typer.Option(min=0.001, max=500, help="Events a second.")] = 0.2,
    max_calls: MaxCalls = None,
    dry_run: DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Post a made-up event for each known activity through the real intake, follow them, and tell what changed: a call each."""

    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.replay import known_activities
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.looking import all_years
    from strava_pipeline.verbs.running import STOPPED
    from strava_pipeline.verbs.terminal import err, out

    settings = Settings.load()
    settings.require_webhook_secret()
    chosen = typed_years([*(years or []), *(more or [])], all_years(settings))
    ids = known_activities(Lake(settings.data_dir), chosen)
    said = err if as_json else out
    said.print(
        f"{counted(len(ids), 'activity')}: as many events, at {rate_limit:g} a second "
        f"{_span(len(ids) / rate_limit)}, a call each."
    )
    if dry_run or not ids:
        return
    told = _replay(settings, chosen, ids, rate_limit, max_calls)
    if as_json:
        echo_json(told)
    else:
        _say(told)
    raise typer.Exit(STOPPED if told["waiting"] else 0)


def _replay(
    settings: "Settings", years: list[int], ids: list[int], rate: float, max_calls: int | None
) -> dict[str, Any]:
    from strava_pipeline.ingest.strava.subscription_file import known_id
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.replay import picture
    from strava_pipeline.operations.strava_source import StravaSource
    from strava_pipeline.verbs.looking import looking
    from strava_pipeline.verbs.terminal import watched
    from strava_pipeline.verbs.webhooks_replaying import an_intake, events_of, post

    lake, run = Lake(settings.data_dir), looking(settings)
    secret = settings.require_webhook_secret().get_secret_value()
    before = picture(lake, ids)
    events = events_of(ids, StravaSource(settings, run).owner(), known_id(settings), run.now)
    with an_intake(settings) as url, watched("Posting events", len(ids), output_follows=True) as advance:
        acknowledged = post(url, secret, events, rate, advance)
    calls = 0
    while True:
        outcome = _follow(settings, call_limits(max_calls and max_calls - calls, None, None), years=years)
        calls += outcome.metadata["webhook_events"]["calls"] if outcome else 0
        if outcome is None or outcome.stopped_early or (max_calls and calls >= max_calls):
            break
    after = picture(lake, ids)
    followed, changed = before.followed_in(after), before.changes_to(after)
    return {
        "years": years,
        "posted": len(ids),
        "acknowledged": acknowledged,
        "followed": len(followed),
        "changed": [{"id": one.activity_id, "fields": one.fields} for one in changed],
        "gone": sorted(after.deleted),
        "waiting": _waiting(lake, ids),
        "calls": calls,
    }


def _follow(
    settings: "Settings", limits: dict[str, Any], *, years: list[int] | None = None, verbose: bool = False
) -> "RunOutcome | None":
    """Run the job over the years that events concern, and `years`; None: there is nothing to do now."""
    from strava_pipeline.ingest.strava.clocks import primed_clock
    from strava_pipeline.lake.events import EventsState, load
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.events_years import years_behind_events, years_of_news
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.jobs import EVENTS, EVENTS_JOB
    from strava_pipeline.verbs.run_job import run_job
    from strava_pipeline.verbs.terminal import progress_for_terminal

    partitions = year_range(settings.first_year)
    state = load(Lake(settings.data_dir)) or EventsState()
    behind = years_of_news(settings, state, partitions, primed_clock(settings))
    behind |= years_behind_events(Lake(settings.data_dir), partitions)
    if not behind:
        return None
    covered = {*behind, *(years or [])}
    span = [year for year in partitions.all if min(covered) <= year <= max(covered)]
    return run_job(
        settings,
        EVENTS_JOB,
        years=span,
        told={EVENTS: limits},
        progress_of=progress_for_terminal(),
        log_level="INFO" if verbose else "CRITICAL",
    )


def _waiting(lake: Any, ids: list[int]) -> int:
    from strava_pipeline.lake.events import load

    state = load(lake)
    return len(state.waiting.keys() & {*ids}) if state else 0


def _span(seconds: float) -> str:
    return f"in some {seconds / 60:.0f} minutes" if seconds >= 120 else f"in {seconds:.0f} s"


def _say(told: dict[str, Any]) -> None:
    from strava_pipeline.verbs.terminal import out

    out.print(f"Posted {counted(told['posted'], 'event')}, {told['acknowledged']} of them acknowledged.")
    out.print(f"Followed: {told['followed']}, in {counted(told['calls'], 'call')} of this command.")
    out.print(f"Changed since they were fetched last: {len(told['changed'])}")
    for one in told["changed"]:
        out.print(f"  {one['id']}: {', '.join(one['fields'])}")
    if told["gone"]:
        out.print(f"Gone from Strava: {', '.join(map(str, told['gone']))}")
    if told["waiting"]:
        out.print(
            f"{told['waiting']} wait for a limit or for their next try; `strava-pipeline webhooks drain` goes on."
        )
