"""What a step of a run is asked for and what it reports, the same for every asset. The work is in the *_steps modules.

Numbers are always reported, also 0, so that plots over runs have no holes; texts and lists only where they hold something.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from strava_pipeline.lake.gold.quality import Agreement
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.locks import others_at_work
from strava_pipeline.operations.budgeted_source import BudgetedSource
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import (
    CHECKED,
    Finding,
    agreement_finding,
    is_refused,
    note_right,
    table_findings,
)
from strava_pipeline.operations.years import years_in_words

ROWS = "dagster/row_count"  # the names under which Dagster shows and plots the rows of an asset, and of one year of it
YEAR_ROWS = "dagster/partition_row_count"


class Markdown(str):
    """A text that is shown as Markdown."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a step is asked for.

    Args:
        years: the run's; all, where checks alone are made.
        assets: the assets to make; none where checks alone are made.
        checks: the assets whose check is made.
        run_id: this very run's, by which its lock is named (a RunContext has that of the first of several attempts).
    """

    years: list[int]
    assets: Collection[str]
    checks: Collection[str]
    run_id: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step reports of one asset.

    Args:
        asset: its name.
        metadata: numbers, texts, lists and moments by name; None: the asset was checked only.
        by_year: the same for each year.
        findings: what was found of its rules; None: its check was not asked for.
        complete: whether all that was asked for is there now, for assets whose check is that; its rule names the check.
        stopped: the limit or the outage that ended the work early.
        ends: nothing is due below, so the run ends with this step.
    """

    asset: str
    metadata: Mapping[str, Any] | None = None
    by_year: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    findings: Sequence[Finding] | None = None
    complete: Finding | None = None
    stopped: Stopped | str | None = None
    ends: bool = False


def table_report(
    asset: str,
    metadata: Mapping[str, Any] | None,
    rows: Mapping[Any, int],
    years: Iterable[int],
    findings: Sequence[Finding] | None,
) -> StepReport:
    """The report of an asset that is a table; `rows`: all that it has, by year; None: of no known activity."""
    if metadata is None:
        return StepReport(asset, findings=findings)
    by_year = {year: {YEAR_ROWS: rows.get(year, 0)} for year in years}
    return StepReport(asset, {**metadata, ROWS: sum(rows.values())}, by_year, findings)


def check_tables(
    run: RunContext, connection: Connection, assets: Iterable[str], more: Mapping[str, Sequence[Finding]]
) -> dict[str, list[Finding]]:
    """What is found of the tables of `assets`: the catalogue's rules and `more`. Tables found right are noted for publishing."""
    tables = {asset: CHECKED[asset] for asset in assets}
    by_table = table_findings(connection, run.lake, [*tables.values()])
    found = {asset: [*by_table[table], *more.get(asset, ())] for asset, table in tables.items()}
    note_right(connection, run.run_id, [tables[asset] for asset, findings in found.items() if not is_refused(findings)])
    return found


def check_agreement(
    run: RunContext,
    scope: Scope,
    years: Sequence[int],
    rule: str,
    names: tuple[str, str],
    compare: Callable[[], Agreement],
) -> Finding:
    """Whether a layer holds what the one above it does. Another run at work, before or after, may be about to bring it."""
    before = others_at_work(run.lake, scope.run_id)
    found = compare()
    others = before or others_at_work(run.lake, scope.run_id)
    return agreement_finding(rule, found, names, years, others=others)


class Seconds:
    """How long a body took; `value` is filled in when it ends."""

    value = 0.0


@contextmanager
def timed() -> Iterator[Seconds]:
    """The seconds that the body takes."""
    seconds = Seconds()
    began = time.monotonic()
    try:
        yield seconds
    finally:
        seconds.value = round(time.monotonic() - began, 3)


def calls_left(source: BudgetedSource, still_to_do: int) -> dict[str, Any]:
    """The calls left under the limit that governs, and when `still_to_do` more calls will have been made."""
    governing = source.client_for().budget.remaining().governing
    found: dict[str, Any] = {
        "calls_left": governing.left,
        "tightest_limit": f"{governing.limit} {governing.ceiling}",
        "calls_still_to_make": still_to_do,
    }
    return found | if_any(last_call_expected_at=source.pace.done_at(still_to_do) if still_to_do else None)


def nothing_there(years: Sequence[int], rows: Mapping[Any, int]) -> dict[str, str]:
    """A sentence where none of `years` holds a row."""
    return {} if any(rows.get(year, 0) for year in years) else {"result": f"No activities in {years_in_words(years)}."}


def if_any(**found: str | int | list[Any] | dict[str, Any] | datetime | None) -> dict[str, Any]:
    """Texts, counts, lists, dictionaries and moments by name, without the empty ones."""
    return {name: value for name, value in found.items() if value}


def named_ids(**found: list[int]) -> dict[str, Any]:
    """Which activities did not bring what was asked for, so that a person can look at them."""
    return if_any(**{name: [str(activity_id) for activity_id in ids] for name, ids in found.items()})


def unknown_fields(unknown: Counter[str]) -> dict[str, Any]:
    """Fields without a column, kept in `extra`: named, so that somebody can give them one."""
    return if_any(unknown_fields=dict(sorted(unknown.items())))
