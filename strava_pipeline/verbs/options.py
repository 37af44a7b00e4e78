"""Options that several commands share, the parsing of their values, and the years and context that commands begin with.

Importing this module is cheap, so that `--help` is fast: its functions import what they need.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.run_context import RunContext

PerPage = Annotated[int | None, typer.Option(min=1, max=200, help="Page size of the listing (setting PER_PAGE).")]
Days = Annotated[
    int | None, typer.Option(min=0, max=36_500, help="Lookback for kudos, edits and late uploads (setting DAYS).")
]
SinceDays = Annotated[int | None, typer.Option(min=0, max=36_500, help="Details of the last N days (setting DAYS).")]
MaxCalls = Annotated[int | None, typer.Option(min=1, help="Make at most N calls, then stop with exit code 3.")]
CushionDaily = Annotated[int | None, typer.Option(min=0, help="Calls of the day left unused.")]
Sports = Annotated[
    list[str] | None,
    typer.Option(
        "--sports",
        help="Make calls only for these sports: Ride,Run (Strava's sport types, in any case). Listings are whole all the same, "
        "because Strava can't list by sport: every activity lands, and later runs fetch what is left out here.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for a run in progress, instead of ending.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show Dagster's own log too.")]
NONE_ENABLED = (
    "No service is enabled in providers.toml. `strava-pipeline start` enables one; `providers list` shows all."
)
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Mark what is gone, however large a part of a year that is.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; make no call, change nothing.")]

HELP = "Years, separated by spaces or commas, or a range: 2023 2024, 2015-2020."
Years = Annotated[list[str] | None, typer.Option("--years", help=HELP)]
MoreYears = Annotated[list[str] | None, typer.Argument(help="More years.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
AnyId = Annotated[int, typer.Argument(help="Id of an activity, any of its ids.", metavar="ID")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout at the end; progress is on stderr.")]
NEGATIVE_IDS = {"ignore_unknown_options": True}  # ids of files are negative numbers, not options


def command_group(about: str, *, name: str | None = None) -> typer.Typer:
    """A command with subcommands, which shows its help if none of them is named."""
    return typer.Typer(name=name, help=about, no_args_is_help=True, add_completion=False)


@dataclass(frozen=True)
class Limits:
    """The options that limit calls, by the names of an asset's config (orchestrate/config.py, CallLimits)."""

    max_calls: MaxCalls = None
    cushion_15min: Annotated[
        int | None, typer.Option("--cushion-15min", min=0, help="Calls of each 15 minutes left unused.")
    ] = None
    cushion_daily: CushionDaily = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with the fields of a dataclass as options in place of each parameter of such a type."""
    own = signature(command).parameters
    groups: dict[str, Any] = {name: each.annotation for name, each in own.items() if is_dataclass(each.annotation)}

    @wraps(command)
    def call(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        command(**given)

    shown = [
        option.replace(kind=Parameter.KEYWORD_ONLY)
        for name, each in own.items()
        for option in (signature(groups[name]).parameters.values() if name in groups else [each])
    ]
    vars(call)["__signature__"] = Signature(shown)  # Typer reads the options there
    return call


def sports_of(words: list[str] | None) -> list[str]:
    """The sports of --sports; empty means all. Raises typer.BadParameter with the sports nearest to an unknown word."""
    from strava_pipeline.core.sports import typed_sports

    try:
        return typed_sports(words) if words is not None else []
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--sports") from error


def typed_years(words: list[str], known: list[int]) -> list[int]:
    """The years among `words`, ascending. Raises typer.BadParameter for another word, or a year without a partition."""
    chosen: set[int] = set()
    for word in " ".join(words).replace(",", " ").split():
        begin, dash, last = word.partition("-")
        try:
            chosen.update(range(int(begin), int(last if dash else begin) + 1))
        except ValueError as error:
            raise typer.BadParameter(f"{word!r} is no year; {HELP}", param_hint="--years") from error
    if not chosen:
        raise typer.BadParameter(f"which years? {HELP}", param_hint="--years")
    if outside := sorted(chosen - set(known)):
        raise typer.BadParameter(
            f"{', '.join(map(str, outside))}: years go from {known[0]} (STRAVA_FIRST_YEAR; it also holds what is older) "
            f"to {known[-1]}",
            param_hint="--years",
        )
    return sorted(chosen)


def typed_ids(words: Iterable[str], hint: str) -> list[int]:
    """The ids among `words`, ascending. Raises typer.BadParameter for another word."""
    try:
        return sorted({int(word) for word in " ".join(words).replace(",", " ").split()})
    except ValueError as error:
        raise typer.BadParameter("ids are whole numbers separated by spaces or commas", param_hint=hint) from error


def own_lake() -> "Lake":
    """The data folder of the settings, for commands that need no other setting."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake

    return Lake(Settings.load().data_dir)


def context_without_run(settings: "Settings") -> "RunContext":
    """The data folder and the clock, for commands that only read."""
    import logging

    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.run_context import run_context

    return run_context(settings, LogProgress(logging.getLogger(__name__)))


def all_years(settings: "Settings") -> list[int]:
    """Every year that has a partition, ascending."""
    from strava_pipeline.operations.years import year_range

    return year_range(settings.first_year).all
