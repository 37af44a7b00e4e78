"""The runs of `providers pull`: which years and listings, of all services together, and the results of each.

A service that fails keeps no other one from being pulled. The command's options are providers.py's.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import typer

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import span_of, years_of_runs
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import ProviderChoice, enabled_providers
from strava_pipeline.ingest.registry import missing_login, provider_name, sources
from strava_pipeline.lake.bronze.listings import is_by_start
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import forget_refusals
from strava_pipeline.operations.options import MONTH
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.job_years import years_of_providers
from strava_pipeline.orchestrate.jobs import LISTING, PULL_JOB, jobs_of, own_assets, provider_listing, pulled_as
from strava_pipeline.orchestrate.tags import STOPPED_EARLY
from strava_pipeline.verbs.options import NONE_ENABLED, all_years, typed_years
from strava_pipeline.verbs.output import echo_json
from strava_pipeline.verbs.run_job import RunOutcome
from strava_pipeline.verbs.run_report import STOPPED, Report, report_json, run_and_report
from strava_pipeline.verbs.terminal import err, out

_NO_LOGIN = 2  # the exit code where a setting or a login is missing


@dataclass(frozen=True, slots=True)
class Wanted:
    """The listings that a person wants from each service.

    Args:
        mode: of the listing, as in its config.
        month: of the mode month, as 2026-10.
        years: the years whose complete listings are wanted, or to which the month or everything belongs.
        config: more of the listing's config, such as `per_page`.
        allow_shrink: what listings no longer hold is meant to be gone, however much it is.
    """

    mode: Literal["incremental", "month", "year", "all"]
    month: str | None = None
    years: tuple[int, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    allow_shrink: bool = False


def wanted(
    settings: Settings, *, month: str | None, years: Sequence[str], everything: bool, **config: int | None
) -> Wanted:
    """The listings in the options. Raises typer.BadParameter."""
    known = all_years(settings)
    if sum(map(bool, (month, years, everything))) > 1:
        raise typer.BadParameter("choose one of --month, --years and --all")
    if month is not None:
        if not re.fullmatch(MONTH, month):
            raise typer.BadParameter("a month is written YYYY-MM", param_hint="--month")
        year = int(month[:4])
        if year > known[-1]:
            raise typer.BadParameter(f"{month} has not begun", param_hint="--month")
        return Wanted("month", month, (year_range(settings.first_year).clamp(year),), config)
    if years:
        return Wanted("year", None, tuple(typed_years([*years], known)), config)
    return Wanted("all", None, tuple(known), config) if everything else Wanted("incremental", config=config)


@dataclass(slots=True)
class Pulled:
    """A service's results: its runs, which may include other services, and its error, if any, with the command's exit code.

    `is_over`: it failed, or a limit stopped it, so that later runs leave it out.
    """

    outcomes: list[RunOutcome] = field(default_factory=list)
    error: str | None = None
    code: int = 0
    is_over: bool = False

    def note(self, name: str, outcome: RunOutcome) -> None:
        """Record that the run completed; failures in it are recorded by `fail`."""
        self.outcomes.append(outcome)
        if outcome.refused_years:
            self.error, self.code = "A check refused years: refused_years says which.", 1
        if self.stopped_early(name):
            self.code, self.is_over = self.code or STOPPED, True

    def fail(self, error: Exception) -> None:
        self.error, self.code, self.is_over = _message(error), getattr(error, "exit_code", 1), True

    def stopped_early(self, name: str) -> str | None:
        """The reason why the work of the service ended early, or None."""
        return next((made[STOPPED_EARLY] for made in self._made_of(name) if STOPPED_EARLY in made), None)

    def is_held_back(self, name: str) -> bool:
        """Whether the listing of a service lacked too much to be believed, so that nothing was marked as deleted."""
        return any(is_held_back(outcome, name) for outcome in self.outcomes)

    def as_json(self, name: str) -> dict[str, Any]:
        """The shape in docs/formats.md."""
        made = list(self._made_of(name))
        return {
            **report_json(self.outcomes, None),
            "stopped_early": self.stopped_early(name),
            "calls": sum(one.get("calls", 0) for one in made),
            "listed": sum(one.get("rows_received", 0) for one in made),
            "files": sum(one.get("received", 0) for one in made),
            "error": self.error,
        }

    def _made_of(self, name: str) -> Iterator[dict[str, Any]]:
        """The reports of the service's own assets, by run."""
        for outcome in self.outcomes:
            yield from (outcome.metadata[asset] for asset in own_assets(name) if asset in outcome.metadata)


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, PipelineError) else type(error).__name__


def is_held_back(outcome: RunOutcome, source: str) -> bool:
    """Whether deletions at `source` wait for a person. A run reports that for every source: those of others are no
    fault of its own.
    """
    return source in outcome.metadata.get("activities", {}).get("deletions_not_marked_by_source", {})


def own_name(typed: str) -> str:
    """The provider's own name. Raises MisuseError for Strava, whose commands are others, and for unknown names."""
    if typed in sources() and spec_of(typed).commands:
        raise MisuseError(
            "Strava has commands of its own: `strava-pipeline auth` logs in, `strava-pipeline flow` pulls, "
            "`strava-pipeline reconcile` compares."
        )
    return provider_name(typed)


def chosen_providers(settings: Settings, names: Sequence[str]) -> dict[str, ProviderChoice]:
    """The enabled providers among `names`, or all of them without names. Raises MisuseError."""
    enabled, names = enabled_providers(settings), [own_name(name) for name in names]
    if unknown := [name for name in names if name not in enabled]:
        raise MisuseError(
            f"{spec_of(unknown[0]).title} is not enabled. Put these lines into {settings.providers_config}:\n\n"
            f"[providers.{unknown[0]}]\nenabled = true"
        )
    if not enabled:
        raise MisuseError(NONE_ENABLED)
    return {name: enabled[name] for name in names} if names else enabled


def pull_and_report(
    settings: Settings, names: Sequence[str], wants: Wanted, *, allow_shrink: bool, as_json: bool, verbose: bool
) -> dict[str, Pulled]:
    """Pull the services `names`, or all enabled ones, and print the results. What a service refused rests in a pull from cron,
    without names and a terminal; a person's asks for it again.
    """
    chosen, report = chosen_providers(settings, names), Report(as_json=as_json)
    for name in chosen if names or sys.stdin.isatty() else ():
        forget_refusals(Lake(settings.data_dir), name)
    wants = replace(wants, allow_shrink=allow_shrink)
    found = pull_providers(settings, chosen, wants, report=report, verbose=verbose)
    if as_json:
        echo_json({"providers": {name: one.as_json(name) for name, one in found.items()}})
    return found


def pull_providers(
    settings: Settings, chosen: dict[str, ProviderChoice], wants: Wanted, *, report: Report, verbose: bool
) -> dict[str, Pulled]:
    """Pull the services, all in one run, or a few years in each, and print the results of each; returns them by name.

    Raises unexpected errors after the last run.
    """
    if chosen and not report.as_json:
        out.print(", ".join(spec_of(name).title for name in chosen), style="bold")
    found = {name: Pulled() for name in chosen}
    is_one = len(chosen) == 1
    reasons = {provider_listing(name): missing_login(name, settings) for name in chosen}
    _fail(found, {asset: MissingLoginError(why) for asset, why in reasons.items() if why}, is_one=is_one)
    able = {name: choice for name, choice in chosen.items() if not found[name].is_over}
    unexpected: list[Exception] = []
    for number, years in enumerate(years_pulled(settings, able, wants) if able else ()):
        going = [name for name in able if not found[name].is_over]
        if not going:
            break
        if wants.mode == "year" and any(map(is_by_start, able)):
            report.heading(years)
        listed = [name for name in going if number == 0 or is_by_start(name)]
        outcome, failures = _run(settings, going, listed, years, wants, report, verbose=verbose)
        if outcome is not None:
            for name in going:
                found[name].note(name, outcome)
        _fail({name: found[name] for name in going}, failures, is_one=is_one)
        unexpected += [error for error in failures.values() if not isinstance(error, PipelineError)]
    if unexpected:
        raise unexpected[0]
    return found


def pull_strava_month(settings: Settings, wants: Wanted, *, report: Report, verbose: bool) -> dict[str, Pulled]:
    """Pull the month from Strava, and print the results, under Strava's name."""
    if not report.as_json:
        out.print(spec_of(STRAVA).title, style="bold")
    pulled = Pulled()
    config = {LISTING: {"mode": "month", "month": wants.month}}
    try:
        outcome = run_and_report(settings, "refresh", years=wants.years, config=config, verbose=verbose, report=report)
    except PipelineError as error:
        pulled.error, pulled.code = str(error), error.exit_code
        err.print(pulled.error)
    else:
        assert outcome is not None, "a run that waits for its turn is never left out"
        pulled.outcomes.append(outcome)
        pulled.code = STOPPED if outcome.stopped_early else 0
    return {STRAVA: pulled}


def _run(
    settings: Settings,
    going: Sequence[str],
    listed: Sequence[str],
    years: Sequence[int],
    wants: Wanted,
    report: Report,
    *,
    verbose: bool,
) -> tuple[RunOutcome | None, Mapping[str, Exception]]:
    """One run of the services `going`, those of `listed` with their listing: its outcome, and failures by asset.

    For one service alone it is that service's job, which ends if it fails: there is no outcome then.
    """
    job = jobs_of(settings)[going[0] if len(going) == 1 else PULL_JOB]
    left_out = {asset for name in enabled_providers(settings) if name not in going for asset in own_assets(name)}
    left_out |= {provider_listing(name) for name in going if name not in listed}
    assets = [asset for asset in job.assets if asset not in left_out]
    try:
        outcome = run_and_report(
            settings,
            job.name,
            years=years,
            config=run_config(listed, wants),
            assets=assets if len(assets) < len(job.assets) else None,
            go_on=len(going) > 1,
            verbose=verbose,
            report=report,
        )
    except Exception as error:  # noqa: BLE001 - told of each service; raised later where nobody expected it
        return None, {provider_listing(going[0]) if len(going) == 1 else "the run": error}
    assert outcome is not None, "a run that waits for its turn is never left out"
    return outcome, outcome.failures


def _fail(found: Mapping[str, Pulled], failures: Mapping[str, Exception], *, is_one: bool) -> None:
    """Print the failures, by asset, and record each for the service of its asset, or for all services if it is none's own."""
    owner = {asset: name for name in found for asset in own_assets(name)}
    lines: dict[str, None] = {}
    for asset, error in failures.items():
        title = f"{spec_of(owner[asset]).title}: " if asset in owner and not is_one else ""
        if title or isinstance(error, PipelineError):
            lines[title + _message(error)] = None
        for name in [owner[asset]] if asset in owner else found:
            if found[name].error is None or not found[name].is_over:
                found[name].fail(error)
    for line in lines:
        err.print(line)


def run_config(names: Iterable[str], wants: Wanted) -> dict[str, dict[str, Any]]:
    """The config of each run, by asset."""
    wanted = {"mode": wants.mode, "month": wants.month, **wants.config}
    listings = {asset: config for name in names for asset, config in pulled_as(name, **wanted).items()}
    return {**listings, "activities": {"allow_shrink": True}} if wants.allow_shrink else listings


def years_pulled(settings: Settings, choices: Mapping[str, ProviderChoice], wants: Wanted) -> list[list[int]]:
    """The years of each run: one run for everything that is listed at once, the newest of several first.

    A service that can't list by time shows everything each time: if all services do, all of the years are one run.
    """
    if wants.mode == "year" and any(map(is_by_start, choices)):
        return years_of_runs(wants.years)
    if wants.mode == "incremental":
        return [years_of_providers(settings, choices, datetime.now(UTC), days=wants.config.get("days"))]
    return [span_of(wants.years)]


class MissingLoginError(PipelineError):
    """A service can't be asked, because its login is missing or damaged."""

    exit_code = _NO_LOGIN


def exit_code(pulled: Iterable[Pulled]) -> int:
    """The exit code of the service that failed (1 if several failed differently), else 3 if a limit stopped one, else 0."""
    codes = {one.code for one in pulled} - {0}
    failures = codes - {STOPPED}
    if failures:
        return failures.pop() if len(failures) == 1 else 1
    return max(codes, default=0)
