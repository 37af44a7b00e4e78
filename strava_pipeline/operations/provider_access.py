"""What is kept here of the enabled providers beside Strava: the login, the newest listing, how the last step ended.

For `status`, `doctor`, `plan` and `purge`. Nothing here makes a call. The calls of a run are providers.py's.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Literal

from strava_pipeline.core.errors import (
    Finding,
    LimitReachedError,
    PipelineError,
    UnusableSnapshotError,
    ok,
    problem,
    warning,
)
from strava_pipeline.core.providers import NEVER_FIRST, spec_of
from strava_pipeline.core.source_packages import UnusableSourceError, refused_sources
from strava_pipeline.core.text import at_minute
from strava_pipeline.core.years import years_of_runs
from strava_pipeline.ingest.provider import KeptLogin
from strava_pipeline.ingest.providers_file import (
    UnusableProvidersError,
    chosen_priorities,
    enabled_in_file,
    enabled_providers,
    providers_file,
)
from strava_pipeline.ingest.registry import (
    assumptions,
    kept_login,
    missing_login,
    offered,
    provider_names,
)
from strava_pipeline.lake.bronze.comparisons import compared_years
from strava_pipeline.lake.bronze.deliveries import Deliveries, deliveries_of
from strava_pipeline.lake.bronze.listings import is_by_start, last_pull, listings, newest_watermark, withheld_ids
from strava_pipeline.lake.gold.fetch_selection import wanted_files
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.gold.quality import rows_of_source
from strava_pipeline.lake.gold.quarantine import failing_now, unreadable_rows
from strava_pipeline.lake.gold.warehouse import read_if_usable, reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import Outcome, keep_outcome, last_outcomes, limited_until, paused_until
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.years import year_range
from strava_pipeline.settings import Settings

PROVIDERS_FINDING = "providers"


@dataclass(frozen=True, slots=True)
class PossibleProvider:
    """A provider that this version knows, enabled or not.

    Args:
        login_problem: why the provider can't be asked, for a person; None: its login is there.
        priority: whose name and gear count; the lowest number wins. The person's choice, or else the record's.
        capabilities, edits, kinds: as in its record (`ProviderSpec`), in alphabetical order.
    """

    title: str
    enabled: bool
    login_problem: str | None
    priority: int
    capabilities: list[str]
    edits: list[str]
    kinds: list[str]


def possible_providers(settings: Settings) -> dict[str, PossibleProvider]:
    """Every provider besides Strava that this version knows, by name. Nothing is sent."""
    enabled, chosen = enabled_in_file(settings), chosen_priorities(settings.providers_config)
    found = {}
    for name in provider_names():
        try:
            spec = offered(name, settings)
        except UnusableSourceError as error:
            found[name] = PossibleProvider(name, name in enabled, str(error), chosen.get(name, NEVER_FIRST), [], [], [])
            continue
        found[name] = PossibleProvider(
            spec.title,
            name in enabled,
            missing_login(name, settings),
            chosen.get(name, spec.priority),
            sorted(spec.capabilities),
            sorted(spec.edits),
            sorted(spec.kinds),
        )
    return found


@dataclass(frozen=True, slots=True)
class Pull:
    """A listing: when its last page came (UTC), its mode, whether it reached its end, its rows, which are no activities,
    and as of when those pages are that its run used though they were older.
    """

    at: datetime
    mode: str
    complete: bool
    activities: int
    unreadable: int
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderState:
    """An enabled provider as far as this machine knows.

    Args:
        login_problem: why the provider can't be asked, for a person; None: its login is there.
        last_pull: its newest listing; None before the first.
        compared_at: by local year, since when all of it was compared with the service.
        steps: how its last steps ended, by operation, as far as that is known.
        withheld: how many activities it has and does not show.
        withheld_advice: what the user can do about these; empty where there are none.
        webhooks: what became of its deliveries; None: none ever came.
        login: how its login is made; None: there is only one way, or none is here.
    """

    title: str
    login_problem: str | None
    last_pull: Pull | None
    compared_at: dict[int, datetime]
    steps: dict[str, Outcome]
    withheld: int = 0
    withheld_advice: str = ""
    webhooks: Deliveries | None = None
    login: KeptLogin | None = None


def provider_states(settings: Settings, names: Collection[str] | None = None) -> dict[str, ProviderState]:
    """The state of each enabled provider, or of those `names`, by name. Raises UnusableProvidersError."""
    lake = Lake(settings.data_dir)
    return {name: _state(settings, lake, name) for name in (enabled_in_file(settings) if names is None else names)}


def _state(settings: Settings, lake: Lake, name: str) -> ProviderState:
    pull = None
    if (last := last_pull(lake, name)) is not None:
        pull = Pull(last.fetched_at, last.window.mode, last.complete, last.rows, last.unreadable, last.as_of)
    try:
        spec = spec_of(name)
    except UnusableSourceError as error:
        return ProviderState(name, str(error), pull, {}, {})
    withheld = len(withheld_ids(lake, name))
    advice = spec.withheld if withheld else ""
    return ProviderState(
        spec.title,
        missing_login(name, settings),
        pull,
        compared_years(lake, year_range(settings.first_year), name),
        last_outcomes(lake, name),
        withheld,
        advice,
        deliveries_of(lake, name),
        kept_login(name, settings),
    )


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """How an enabled provider stands, in numbers.

    Args:
        operation, at, success, message: its last operation (listing or files), when it ended (UTC), whether all of it succeeded,
            and what went wrong; None before the first.
        rate_limit: `short_term`: a run waits for the provider; `long_term`: a limit stopped a run, which goes on later;
            None: no limit is in force.
        rate_limit_ends_at: when it ends (UTC).
        activities: present activities of the provider as published; None: nothing usable is published.
        unreadable_rows: rows of its listings that are no activities.
        quarantined: its activities whose file failed thrice in a row or more.
        compared_at, withheld, withheld_advice, webhooks: as in `ProviderState`.
    """

    title: str
    login_problem: str | None
    operation: str | None
    at: datetime | None
    success: bool | None
    message: str | None
    rate_limit: Literal["short_term", "long_term"] | None
    rate_limit_ends_at: datetime | None
    last_pull: Pull | None
    compared_at: dict[int, datetime]
    activities: int | None
    unreadable_rows: int
    quarantined: int
    withheld: int
    withheld_advice: str
    webhooks: Deliveries | None


def provider_statuses(
    settings: Settings, now: datetime, names: Collection[str] | None = None
) -> dict[str, ProviderStatus]:
    """The status of each enabled provider, or of those `names`, by name. Raises UnusableProvidersError."""
    lake, states = Lake(settings.data_dir), provider_states(settings, names)
    if not states:
        return {}
    published = _published(lake, list(states))
    unreadable = Counter(row.source for row in unreadable_rows(lake))
    held = Counter(each.source for each, _ in failing_now(lake) if each.files.is_quarantined)
    found = {}
    for name, state in states.items():
        operation, last = max(state.steps.items(), key=lambda step: step[1].at, default=(None, None))
        limit, ends_at = _limit_of(lake, name, now)
        found[name] = ProviderStatus(
            title=state.title,
            login_problem=state.login_problem,
            operation=operation,
            at=None if last is None else last.at,
            success=None if last is None else last.succeeded,
            message=None if last is None else last.message,
            rate_limit=limit,
            rate_limit_ends_at=ends_at,
            last_pull=state.last_pull,
            compared_at=state.compared_at,
            activities=None if published is None else published[name],
            unreadable_rows=unreadable[name],
            quarantined=held[name],
            withheld=state.withheld,
            withheld_advice=state.withheld_advice,
            webhooks=state.webhooks,
        )
    return found


def _published(lake: Lake, names: list[str]) -> dict[str, int] | None:
    """How many present activities of these services are published; None: nothing usable is."""
    if not lake.snapshot.exists():
        return None
    with suppress(UnusableSnapshotError), current_snapshot(lake) as connection:
        return {name: sum(rows_of_source(connection, name).values()) for name in names}
    return None


def _limit_of(
    lake: Lake, name: str, now: datetime
) -> tuple[Literal["short_term", "long_term"] | None, datetime | None]:
    long, short = limited_until(lake, name), paused_until(lake, name)
    if long is not None and long > now:
        return "long_term", long
    return ("short_term", short) if short is not None and short > now else (None, None)


def providers_health(settings: Settings, now: datetime) -> list[Finding]:
    """Whether providers.toml can be used, each enabled provider asked, and what is here of others read, for `doctor`."""
    refused = [problem(PROVIDERS_FINDING, str(error), "The others are used.") for error in refused_sources()]
    return [*_enabled_health(settings, now), *refused, *_unknown_providers(Lake(settings.data_dir))]


def _unknown_providers(lake: Lake) -> Iterator[Finding]:
    """The folders of providers that this version does not know."""
    for name in lake.listed_sources[1:]:
        try:
            spec_of(name)
        except PipelineError as error:
            yield problem(f"provider: {name}", str(error), f"No run works until then: {lake.providers / name}")


def _enabled_health(settings: Settings, now: datetime) -> list[Finding]:
    path = settings.providers_config
    try:
        states, unread = provider_states(settings), providers_file(path).without_effect()
    except UnusableProvidersError as error:
        return [problem(PROVIDERS_FINDING, str(error), f"Correct {path}; providers.example.toml shows its form.")]
    findings = [*_effect(path, unread), *(_health(settings, name, state, now) for name, state in states.items())]
    if not states:
        why = f"{path} enables none" if path.exists() else f"there is no {path}"
        return [ok(PROVIDERS_FINDING, f"none besides Strava: {why}"), *findings]
    titles = ", ".join(state.title for state in states.values())
    return [ok(PROVIDERS_FINDING, f"enabled: {titles}"), *findings]


def _effect(path: Path, unread: list[str]) -> Iterator[Finding]:
    if unread:
        yield warning(
            PROVIDERS_FINDING, f"keys of {path} without effect: {'; '.join(unread)}", "Take them out, or correct them."
        )


def _health(settings: Settings, name: str, state: ProviderState, now: datetime) -> Finding:
    finding = f"provider: {name}"
    if state.login_problem is not None:
        return problem(
            finding, state.login_problem, f"Without a login nothing of {state.title} is pulled; what is here stays."
        )
    # a limit that has ended is no failure
    failed = {name: step for name, step in state.steps.items() if not step.succeeded and step.limited_until is None}
    failures = [f"the last run ({what}, {at_minute(step.at)}) failed: {step.message}" for what, step in failed.items()]
    if state.login is not None and (ending := state.login.warning(state.title, now.date())) is not None:
        return warning(finding, "; ".join([ending.rstrip("."), *failures]), state.login.renewal)
    for step in state.steps.values():
        if step.limited_until is not None and step.limited_until > now:
            return ok(finding, f"limited by {state.title} until {at_minute(step.limited_until)}; a later run goes on")
    if failures:
        return warning(finding, failures[0], "What came before is kept, and the next run goes on there.")
    pulled = f"last pulled {at_minute(state.last_pull.at)}" if state.last_pull else "nothing was pulled yet"
    return ok(finding, "; ".join([pulled, *assumptions(name, settings)]))


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """The calls that listing some years of a provider takes at least.

    `is_known`: all of the provider's activities were listed before, so that their number is known.
    `quiet_day_calls`: those of a daily run that finds nothing new.
    """

    title: str
    listing_calls: int
    is_known: bool
    quiet_day_calls: int


def plan_providers(run: RunContext, settings: Settings, years: Sequence[int]) -> dict[str, ProviderPlan]:
    """The plan of each enabled provider, by name. Their calls count against no limit of Strava's."""
    found = {}
    for name in enabled_providers(settings):
        rows: dict[int, int] = {}
        if run.lake.working.exists():
            with reading(run.lake) as connection:
                rows = rows_of_source(connection, name)
        spec = offered(name, settings)
        # Where there is no list of a year, one of everything serves the runs of all years.
        listed = years_of_runs(years) if is_by_start(name) else [list(rows)]
        counts = [sum(rows.get(year, 0) for year in several) for several in listed]
        size = min(settings.per_page, spec.rows_a_call)
        calls = sum(max(1, ceil(count / size)) if spec.paged else 1 for count in counts)
        calls = 0 if "whole" in spec.capabilities else calls
        is_known = newest_watermark(run.lake, name) is not None
        found[name] = ProviderPlan(spec.title, calls, is_known, spec.quiet_day_calls)
    return found


def years_lacking_files(lake: Lake, provider: str, years: Sequence[int], now: datetime) -> set[int]:
    """The years of activities whose file can be fetched now: a limit or a failure kept it from coming before."""
    newest = next(listings(lake, provider, newest_first=True), None)
    if newest is None or "files" not in spec_of(provider).capabilities:
        return set()
    account = newest.manifest.account
    wanted = read_if_usable(lake, lambda _: wanted_files(lake, provider, account, years)) or []
    return {activity.year for activity in wanted if not activity.is_resting(now)}


def pulled_providers(lake: Lake) -> list[str]:
    """The titles of the providers beside Strava of which anything is here."""
    return [spec_of(name).title for name in provider_names() if (lake.providers / name).exists()]


class Ending:
    """How a step ends, for its outcome. `stopped`: the limit that ended it; `problem`: what it had to leave."""

    stopped: Stopped | None = None
    problem: str = ""


@contextmanager
def outcome_kept(
    run: RunContext, provider: str, operation: str, note: Callable[[], object] = lambda: None
) -> Iterator[Ending]:
    """Keep how the body ends as the outcome of the operation; what the body raises is kept in its words, and raised.

    `note`: called at the end in any case.
    """
    ending = Ending()
    try:
        yield ending
    except Exception as error:
        # The text of any other error may hold anything.
        message = str(error) if isinstance(error, PipelineError) else type(error).__name__
        keep_outcome(run.lake, provider, operation, Outcome(at=run.now(), succeeded=False, message=message))
        raise
    finally:
        note()
    limit = ending.stopped
    message = str(limit) if limit is not None else ending.problem
    until = limit.resumes_at if isinstance(limit, LimitReachedError) else None
    outcome = Outcome(at=run.now(), succeeded=not message, message=message, limited_until=until)
    keep_outcome(run.lake, provider, operation, outcome)


def limit_in_force(run: RunContext, provider: str) -> LimitReachedError | None:
    """The limit that stopped an earlier step of the provider, while it lasts: until then each call would be refused."""
    until = limited_until(run.lake, provider)
    return None if until is None or until <= run.now() else LimitReachedError(spec_of(provider).title, until)
