"""The runs of `providers pull`: which years and listings of each service, one after the other, and what came of them.

A service that fails keeps no later one from being pulled. The command's options are providers.py's.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import typer

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import years_of_runs
from strava_pipeline.ingest.providers_file import ProviderChoice, enabled_providers
from strava_pipeline.ingest.registry import missing_login, provider_name, sources
from strava_pipeline.lake.bronze.listings import is_by_start
from strava_pipeline.operations.options import MONTH
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.job_years import provider_years
from strava_pipeline.orchestrate.jobs import LISTING, provider_files, provider_listing
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.options import NONE_ENABLED, all_years, typed_years
from strava_pipeline.verbs.output import echo_json
from strava_pipeline.verbs.run_job import RunOutcome
from strava_pipeline.verbs.run_report import STOPPED, Report, report_json, run_and_report
from strava_pipeline.verbs.terminal import err, out

_NO_LOGIN = 2  # the exit code where a setting or a login is missing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to be listed of each service.

    Args:
        mode: of the listing, as in its config.
        month: of the mode month, as 2026-10.
        years: the years whose complete listings are wanted, or to which the month or everything belongs.
        config: more of the listing's config, such as `per_page`.
    """

    mode: Literal["incremental", "month", "year", "all"]
    month: str | None = None
    years: tuple[int, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)


def wanted(
    settings: Settings, *, month: str | None, years: Sequence[str], everything: bool, **config: int | None
) -> Wanted:
    """What the options ask for. Raises typer.BadParameter."""
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


_REPORTED = (
    "run_ids",
    "stopped_early",
    "calls",
    "inserted",
    "changed",
    "deleted",
    "restored",
    "held_back",
    "refused_years",
    "published",
)


@dataclass(slots=True)
class Pulled:
    """What came of a service: its runs, and the error that ended them, if one did, with the command's exit code."""

    outcomes: list[RunOutcome] = field(default_factory=list)
    error: str | None = None
    code: int = 0

    def is_held_back(self, name: str) -> bool:
        """Whether the listing of a service lacked too much to be believed, so that nothing was marked as deleted."""
        return any(is_held_back(outcome, name) for outcome in self.outcomes)

    def as_json(self, name: str) -> dict[str, Any]:
        """The shape in docs/formats.md."""
        report = report_json(self.outcomes, None)
        return {
            **{key: report[key] for key in _REPORTED},
            "listed": self._sum(provider_listing(name), "rows_received"),
            "files": self._sum(provider_files(name), "files_received"),
            "error": self.error,
        }

    def _sum(self, asset: str, key: str) -> int:
        return sum(outcome.metadata.get(asset, {}).get(key, 0) for outcome in self.outcomes)


def is_held_back(outcome: RunOutcome, source: str) -> bool:
    """Whether deletions at `source` wait for a person. A run says so of every source: those of others are no fault of its own."""
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
    """The enabled providers among `names`, or all of them where no name is given. Raises MisuseError."""
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
    """Pull the services `names`, or all that are enabled, and print what came of it."""
    chosen, report = chosen_providers(settings, names), Report(as_json=as_json)
    found = pull_providers(settings, chosen, wants, allow_shrink=allow_shrink, report=report, verbose=verbose)
    if as_json:
        echo_json({"providers": {name: one.as_json(name) for name, one in found.items()}})
    return found


def pull_providers(
    settings: Settings,
    chosen: dict[str, ProviderChoice],
    wants: Wanted,
    *,
    allow_shrink: bool,
    report: Report,
    verbose: bool,
) -> dict[str, Pulled]:
    """Pull each service, and say what came of it; by name. Raises what nobody expected, after the last one."""
    found: dict[str, Pulled] = {}
    unexpected: list[Exception] = []
    for name, choice in chosen.items():
        if not report.as_json:
            out.print(spec_of(name).title, style="bold")
        pulled = found[name] = Pulled()
        try:
            for outcome in _runs(settings, name, choice, wants, report, allow_shrink=allow_shrink, verbose=verbose):
                pulled.outcomes.append(outcome)
                if outcome.refused_years:
                    pulled.error, pulled.code = "A check refused years: refused_years says which.", 1
                if outcome.stopped_early:
                    pulled.code = pulled.code or STOPPED
                    break
        except PipelineError as error:
            pulled.error, pulled.code = str(error), error.exit_code
            err.print(pulled.error)
        except Exception as error:  # noqa: BLE001 - of one service; raised when the others have been pulled
            pulled.error, pulled.code = type(error).__name__, 1
            unexpected.append(error)
    if unexpected:
        raise unexpected[0]
    return found


def pull_strava_month(settings: Settings, wants: Wanted, *, report: Report, verbose: bool) -> dict[str, Pulled]:
    """Pull the month from Strava, and say what came of it, under Strava's name."""
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


def _runs(
    settings: Settings,
    name: str,
    choice: ProviderChoice,
    wants: Wanted,
    report: Report,
    *,
    allow_shrink: bool,
    verbose: bool,
) -> Iterator[RunOutcome]:
    if reason := missing_login(name, settings):
        raise MissingLoginError(reason)
    config = run_config(name, wants, allow_shrink=allow_shrink)
    for years in years_pulled(settings, name, choice, wants):
        if wants.mode == "year" and is_by_start(name):
            report.heading(years)
        outcome = run_and_report(settings, name, years=years, config=config, verbose=verbose, report=report)
        assert outcome is not None, "a run that waits for its turn is never left out"
        yield outcome


def run_config(name: str, wants: Wanted, *, allow_shrink: bool) -> dict[str, dict[str, Any]]:
    """The config of each run, by asset."""
    listing = {provider_listing(name): {"mode": wants.mode, "month": wants.month, **wants.config}}
    return {**listing, "activities": {"allow_shrink": True}} if allow_shrink else listing


def years_pulled(settings: Settings, name: str, choice: ProviderChoice, wants: Wanted) -> list[list[int]]:
    """The years of each run: one run for whatever is listed at once, the newest of several first.

    A service that can't list by time shows everything each time: all of its years are one run.
    """
    if wants.mode == "year" and is_by_start(name):
        return years_of_runs(wants.years)
    if wants.mode == "incremental":
        return [provider_years(settings, name, choice, datetime.now(UTC), days=wants.config.get("days"))]
    return [list(range(min(wants.years), max(wants.years) + 1))]


class MissingLoginError(PipelineError):
    """A service can't be asked, because its login is missing or damaged."""

    exit_code = _NO_LOGIN


def exit_code(pulled: Iterable[Pulled]) -> int:
    """That of the service that failed (1, where several failed differently), else 3 where a limit stopped one, else 0."""
    codes = {one.code for one in pulled} - {0}
    failures = codes - {STOPPED}
    if failures:
        return failures.pop() if len(failures) == 1 else 1
    return max(codes, default=0)
