"""Days and nights: the calls that bring them, and their tables.

A run that follows what is new asks for the last days again, because nights change until the watch is read, and for
every year that was not asked for within a month, the newest first. Two years in a row without a number end that: what is
before them is taken to be empty until the next month, or until a person asks for one of these years.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from strava_pipeline.core.errors import ForbiddenError, GoneError, LimitReachedError, RefusedError, TransientError
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.tables import DAY_VALUES
from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.core.wellness import ARCHIVES, DaysSource
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import enabled_providers, providers_file
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.lake.gold.days import days_by_year, sync_days
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.providers import DaysAsked, days_asked, keep_days_asked
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.provider_access import limit_in_force, outcome_kept, rest_in_words, resting_kind
from strava_pipeline.operations.providers import kind_problem, pull_kind, unasked
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import Scope, StepReport, check_tables, table_report
from strava_pipeline.operations.table_rules import Finding

AGAIN = timedelta(days=7)
COMPARED = timedelta(days=30)
MOST_EMPTY = 2  # years in a row
RULE = "days_complete"


@dataclass(slots=True)
class DaysFetched(Numbers):
    """The calls, the answers, and the years that were asked for whole; `first_problems`: what kept the rest from coming. What was
    measured is in no report.
    """

    calls: int = 0
    answers: int = 0
    years_asked: list[int] = field(default_factory=list)
    first_problems: list[str] = field(default_factory=list)


def pull_days(
    run: RunContext, source: Source, options: ListingOptions, years: Sequence[int], *, asset: str
) -> StepReport:
    """Ask for days and nights: in the modes year and all of all of `years`, else for what is due. A refusal or an outage stops
    nothing else: the next run asks again, or what was refused the next week.
    """
    name, report, is_chosen = source.spec.name, DaysFetched(), options.mode in ("year", "all")
    if not is_chosen and (refused := resting_kind(source.settings, name, "wellness", run.now())):
        why = f"{refused.why} {rest_in_words(name, refused)}"
        return StepReport(asset, [report], findings=[Finding(RULE, False, advice=why, refuses=False)])
    if limit := limit_in_force(run, name):
        return unasked(asset, RULE, limit)
    with run.exclusive(f"wellness-{name}"), outcome_kept(run, name, "wellness", source.keep_allowance) as ending:
        calls = source.client.calls
        try:
            _pull(run, source, years if is_chosen else None, report)
        except LimitReachedError as limit:
            ending.stopped = limit
        except (TransientError, RefusedError, GoneError) as error:
            # of an older year, the account may be younger
            is_newest = report.years_asked in ([], [run.now().year]) or isinstance(error, ForbiddenError)
            ending.problem = kind_problem(run, source, "wellness", error, rests=is_newest)
            report.first_problems.append(ending.problem)
        report.calls = source.client.calls - calls
        if parts := getattr(source.client, "refused_parts", {}):
            named = ", ".join(f"{part} ({status})" for part, status in parts.items())
            ending.without = f"refused: {named}; each pull asks again, `providers pull {name} --all` for their past"
    lacking = str(ending.stopped or ending.problem)
    found = Finding(RULE, not lacking, advice=lacking, refuses=False)
    return StepReport(asset, [report], findings=[found], stopped=ending.stopped)


def _pull(run: RunContext, source: Source, chosen: Sequence[int] | None, report: DaysFetched) -> None:
    """`chosen`: years that are asked for whatever was asked before. Raises ForbiddenError for a login without days."""
    if "wellness" not in source.client.spec.kinds:
        steps = spec_of(source.spec.name).login_steps
        raise ForbiddenError(f"This login at {source.spec.title} gives no days and nights; another one does. {steps}")
    name, today = source.spec.name, run.now().astimezone(ZoneInfo(source.settings.timezone)).date()
    asked = days_asked(run.lake, name)
    due = sorted(run.years.all if chosen is None else chosen, reverse=True)
    due = [year for year in due if year <= today.year and (chosen is not None or _is_due(run, asked, year))]
    since = min(asked.last_days.date() if asked.last_days else today, today) - AGAIN
    if chosen is None:
        if not {since.year, today.year} <= {*due}:
            report.answers += len(pull_kind(run, source, "wellness", since, today))
        asked = asked.model_copy(update={"last_days": run.now()})  # or the first of `due` has them
    empty = 0
    for year in due:
        if empty < MOST_EMPTY:
            report.years_asked.append(year)
            days = date(year, 1, 1), min(date(year, 12, 31), today)
            has_numbers = _has_numbers(run, source, days, report, may_be_refused=chosen is None and year < today.year)
            empty = 0 if has_numbers or chosen is not None else empty + 1
        asked = asked.model_copy(update={"years": {**asked.years, year: run.now()}})
        keep_days_asked(run.lake, name, asked)
    keep_days_asked(run.lake, name, asked)


def _has_numbers(
    run: RunContext, source: Source, days: tuple[date, date], report: DaysFetched, *, may_be_refused: bool
) -> bool:
    """Ask for a year; whether anything was measured in it. `may_be_refused`: it is empty then, as the account may be younger."""
    try:
        found = pull_kind(run, source, "wellness", *days)
    except (RefusedError, GoneError):
        if not may_be_refused:
            raise
        return False
    report.answers += len(found)
    return any(numbers for items in found for _, numbers in items)


def _is_due(run: RunContext, asked: DaysAsked, year: int) -> bool:
    return year not in asked.years or run.now() - asked.years[year] >= COMPARED


def days_sources(settings: Settings) -> dict[str, DaysSource]:
    """The services that have days and nights, by name, and `archives`. Raises UnusableProvidersError."""
    enabled, archives = enabled_providers(settings), providers_file(settings.providers_config).archives
    having = [name for name in sorted({*PROVIDERS, *enabled}) if "wellness" in spec_of(name).kinds]
    chosen: dict[bool, DaysSource] = {True: "pulled", False: "enabled"}
    of_services = {name: chosen[enabled[name].wellness] if name in enabled else "possible" for name in having}
    return {**of_services, ARCHIVES: chosen[archives.wellness]}


def merge_days(run: RunContext, scope: Scope) -> list[StepReport]:
    """Bring what came into the tables of days and nights."""
    merged = None
    with reading(run.lake) as connection:
        if scope.assets:
            with writing(run.lake):
                merged = [sync_days(connection, run.lake)]
        found = check_tables(run, connection, {DAY_VALUES.name}.intersection(scope.checks), {})
        return [
            table_report(name, merged, days_by_year(connection, name), scope.years, found.get(name, ()))
            for name in (DAY_VALUES.name, DAYS.name, NIGHTS.name)
            if name in scope.assets or name in scope.checks
        ]
