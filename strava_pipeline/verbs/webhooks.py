"""The commands `webhooks drain` and `webhooks replay`: follow events now, or send one for each known activity."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from strava_pipeline.core.deliveries import intake_path
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import counted
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.verbs.options import (
    CushionDaily,
    DryRun,
    Json,
    Limits,
    MaxCalls,
    MoreYears,
    Verbose,
    Years,
    all_years,
    command_group,
    context_without_run,
    typed_years,
)
from strava_pipeline.verbs.views import show

if TYPE_CHECKING:
    from strava_pipeline.verbs.run_job import RunOutcome


webhooks = command_group("Webhook events: follow them, replay some of Strava's.")


@webhooks.command()
def drain(max_calls: MaxCalls = None, cushion_daily: CushionDaily = None, verbose: Verbose = False) -> None:
    """Process received events now, as the sensors do where Dagster runs: Strava's, then each other service's."""
    from strava_pipeline.verbs.run_report import STOPPED, print_outcome
    from strava_pipeline.verbs.terminal import err, out

    settings, limits = Settings.load(), asdict(Limits(max_calls, None, cushion_daily))
    others = _providers_with_deliveries(settings)
    follow: list[Callable[[], RunOutcome | None]] = []
    if not others or Lake(settings.data_dir).inbox_webhooks.is_dir():
        follow.append(lambda: _follow(settings, limits, verbose=verbose))
    follow += [partial(_follow_provider, settings, name, verbose=verbose) for name in others]
    faults, outcomes = [], []
    for each in follow:
        try:
            outcomes.append(each())
        except PipelineError as error:  # of one service: the others' events are followed all the same
            if len(follow) == 1:
                raise
            faults.append(error)
            err.print(str(error), style="red")
    found = [outcome for outcome in outcomes if outcome is not None]
    if not found and not faults:
        out.print("Every event was followed, or waits for its time: see strava-pipeline status.")
    for outcome in found:
        print_outcome(outcome)
    if faults:
        raise typer.Exit(max(fault.exit_code for fault in faults))
    if any(outcome.stopped_early or _has_waiting(outcome) for outcome in found):
        raise typer.Exit(STOPPED)


def _has_waiting(outcome: "RunOutcome") -> bool:
    return any(numbers.get("activities_waiting") for numbers in outcome.metadata.values())


def _providers_with_deliveries(settings: Settings) -> list[str]:
    """The enabled services besides Strava that ever sent a delivery."""
    from strava_pipeline.ingest.providers_file import enabled_providers
    from strava_pipeline.lake.bronze.deliveries import has_deliveries

    return [name for name in enabled_providers(settings) if has_deliveries(Lake(settings.data_dir), name)]


def _follow_provider(settings: Settings, name: str, *, verbose: bool) -> "RunOutcome | None":
    """Run the service's job over all years, or return None if nothing is due and gold has everything that came."""
    from datetime import UTC, datetime

    from strava_pipeline.lake.bronze.deliveries import are_deliveries_due
    from strava_pipeline.lake.gold.coverage import years_behind
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.jobs import events_job
    from strava_pipeline.verbs.run_job import run_in_terminal

    lake, years = Lake(settings.data_dir), year_range(settings.first_year)
    if not are_deliveries_due(lake, name, datetime.now(UTC)) and not years_behind(lake, years):
        return None
    return run_in_terminal(settings, events_job(name).name, years=years.all, verbose=verbose)


@webhooks.command()
def replay(
    more: MoreYears = None,
    years: Years = None,
    rate_limit: Annotated[float, typer.Option(min=0.001, max=500, help="Events a second.")] = 0.2,
    max_calls: MaxCalls = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Post a made-up event for each known activity through the real intake, follow them, and show what changed: a call each."""

    from strava_pipeline.lake.gold.event_followup import published_ids
    from strava_pipeline.verbs.run_report import STOPPED
    from strava_pipeline.verbs.terminal import err, out

    settings = Settings.load()
    settings.require_webhook_secret()
    chosen = typed_years([*(years or []), *(more or [])], all_years(settings))
    ids = published_ids(Lake(settings.data_dir), chosen)
    console = err if as_json else out
    console.print(
        f"{counted(len(ids), 'activity')}: as many events, at {rate_limit:g} a second "
        f"{_span(len(ids) / rate_limit)}, a call each."
    )
    if dry_run or not ids:
        return
    report = _replay(settings, chosen, ids, rate_limit, max_calls)
    advice = ["What waits for a limit or its next try: `strava-pipeline webhooks drain` goes on."]
    show(report, as_json=as_json, advice=advice if report["waiting"] else [])
    raise typer.Exit(STOPPED if report["waiting"] else 0)


def _replay(
    settings: "Settings", years: list[int], ids: list[int], rate: float, max_calls: int | None
) -> dict[str, Any]:
    from strava_pipeline.ingest.registry import part
    from strava_pipeline.lake.gold.event_followup import published_details
    from strava_pipeline.operations.sources import source_of
    from strava_pipeline.verbs.terminal import watched

    lake, run = Lake(settings.data_dir), context_without_run(settings)
    secret = settings.require_webhook_secret().get_secret_value()
    before = published_details(lake, ids)
    subscription = part(STRAVA, "subscriptions").subscription_id(settings)
    events = events_of(ids, source_of(STRAVA, settings, run).owner(), subscription, run.now)
    with running_intake(settings) as url, watched("Posting events", len(ids), output_follows=True) as advance:
        acknowledged = post(url, secret, events, rate, advance)
    calls = 0
    while True:
        outcome = _follow(settings, asdict(Limits(max_calls and max_calls - calls)), years=years)
        calls += outcome.metadata["webhook_events"]["calls"] if outcome else 0
        if outcome is None or outcome.stopped_early or (max_calls and calls >= max_calls):
            break
    after = published_details(lake, ids)
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
    """Run the job over the years that events concern, and over `years`; None if no event is due."""
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.operations.events import years_behind_events, years_of_events
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.jobs import EVENTS, EVENTS_JOB
    from strava_pipeline.verbs.run_job import run_in_terminal

    partitions = year_range(settings.first_year)
    behind = years_of_events(STRAVA, settings, partitions, primed_clock(settings))
    behind |= years_behind_events(Lake(settings.data_dir), partitions)
    if not behind:
        return None
    covered = {*behind, *(years or [])}
    span = [year for year in partitions.all if min(covered) <= year <= max(covered)]
    return run_in_terminal(settings, EVENTS_JOB, years=span, config={EVENTS: limits}, verbose=verbose)


def _waiting(lake: Any, ids: list[int]) -> int:
    from strava_pipeline.lake.bronze.deliveries import load_queue

    queue = load_queue(lake, STRAVA)
    return len(queue.waiting.keys() & {*map(str, ids)}) if queue else 0


def _span(seconds: float) -> str:
    return f"in some {seconds / 60:.0f} minutes" if seconds >= 120 else f"in {seconds:.0f} s"


NO_SUBSCRIPTION = 1  # without a subscription any id will do


@contextmanager
def running_intake(settings: Settings) -> Iterator[str]:
    """The address of the running intake, or of a temporary one during the body."""
    from strava_pipeline.ingest.webhook_secrets import senders
    from strava_pipeline.serve.app import create_app
    from strava_pipeline.serve.server import serving
    from strava_pipeline.verbs.service_process import intake_answers

    if intake_answers(settings.serve_address):
        yield f"http://{settings.serve_address}"
        return
    taken = senders(settings, [STRAVA])
    app = create_app(Lake(settings.data_dir), senders=taken, say=lambda line: None, now=lambda: datetime.now(UTC))
    with serving(app) as url:
        yield url


def events_of(
    ids: Sequence[int], owner: int | None, subscription: int | None, now: Callable[[], datetime]
) -> Iterator[bytes]:
    """An update event for each id, as Strava would send it, with the time at which it is requested."""
    for activity_id in ids:
        yield json.dumps(
            {
                "object_type": "activity",
                "object_id": activity_id,
                "aspect_type": "update",
                "updates": {},
                "owner_id": owner or activity_id,
                "subscription_id": subscription or NO_SUBSCRIPTION,
                "event_time": int(now().timestamp()),
            }
        ).encode()


def post(
    url: str,
    secret: str,
    events: Iterator[bytes],
    rate: float,
    tick: Callable[[int], object],
    sleep: Callable[[float], object] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Post `events`, `rate` a second; returns how many were acknowledged. Raises PipelineError if one is refused."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    acknowledged, due = 0, monotonic()
    try:
        for body in events:
            sleep(max(due - monotonic(), 0))
            due = max(due, monotonic() - 1 / rate) + 1 / rate
            connection.request("POST", intake_path(STRAVA, secret), body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            reply = answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise PipelineError(
                    f"The intake answered {answer.status}: {_reason(reply)}. {acknowledged} events are kept."
                )
            acknowledged += 1
            tick(1)
    except (OSError, http.client.HTTPException) as error:
        raise PipelineError(
            f"The intake at {url} broke off ({type(error).__name__}). {acknowledged} events are kept."
        ) from error
    finally:
        connection.close()
    return acknowledged


def _reason(reply: bytes) -> str:
    try:
        return str(json.loads(reply)["message"])
    except (ValueError, LookupError, TypeError):
        return "without a reason"
