"""The input and the report of a run's step, the same for every asset. The work is in the *_steps modules.

Counts are records (core/numbers.py). How long a step took is measured by its caller.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from strava_pipeline.core.numbers import Numbers
from strava_pipeline.lake.gold.quality import Agreement
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.locks import others_at_work
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource
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
SUMMARY = "summary"  # the metadata with what came of an asset in a sentence
PUBLISHED = "published_warehouse"


class Markdown(str):
    """A text that is shown as Markdown."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The input of a step.

    Args:
        years: the run's; all, if only checks are made.
        assets: the assets to make; empty if only checks are made.
        checks: the assets whose check is made.
        run_id: this very run's, for the name of its lock (a RunContext has that of the first of several attempts).
    """

    years: list[int]
    assets: Collection[str]
    checks: Collection[str]
    run_id: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step's report about one asset.

    Args:
        asset: its name.
        numbers: the results of the work, or None if the asset was only checked.
        rows: how many the asset has in all.
        by_year: numbers of single years.
        findings: the findings about its checks' rules, as far as these were asked for.
        notes: more in words; `result`: why there was nothing to do, instead of a line; `skipped`: why the run ends
            here.
        stopped: the limit or the outage that ended the work early.
        ends: nothing is due below, so the run ends with this step.
    """

    asset: str
    numbers: Sequence[Numbers] | None = None
    rows: int | None = None
    by_year: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    stopped: Stopped | str | None = None
    ends: bool = False

    @property
    def metadata(self) -> dict[str, Any]:
        """Numbers, texts, lists and moments by name."""
        found: dict[str, Any] = {name: text for name, text in self.notes.items() if text}
        for numbers in self.numbers or ():
            found |= numbers.shown()
        return found if self.rows is None else {ROWS: self.rows, **found}

    @property
    def words(self) -> str:
        """The line of the asset in a run's log and on the command line; may be empty."""
        first = next(map(str, self.numbers or ()), "")
        return self.notes.get("result") or "; ".join(filter(None, [first, self.notes.get("skipped")]))

    @property
    def holds(self) -> bool:
        """Whether all findings about its rules hold."""
        return all(finding.holds for finding in self.findings)


def table_report(
    asset: str,
    numbers: Sequence[Numbers] | None,
    rows: Mapping[Any, int],
    years: Iterable[int],
    findings: Sequence[Finding] = (),
) -> StepReport:
    """The report of an asset that is a table; `rows`: all of its rows, by year; None for an unknown activity."""
    if numbers is None:
        return StepReport(asset, findings=findings)
    by_year = {year: {YEAR_ROWS: rows.get(year, 0)} for year in years}
    return StepReport(asset, numbers, sum(rows.values()), by_year, findings)


@dataclass(frozen=True, slots=True)
class Calls(Numbers):
    """How many calls were made."""

    calls: int


@dataclass(frozen=True, slots=True)
class Merged(Numbers):
    """Rows of a table that were inserted or changed."""

    rows_merged: int


@dataclass(frozen=True, slots=True)
class CallsLeft(Numbers):
    """The calls left under the limit that governs, and when `calls_still_to_make` more will have been made."""

    calls_left: int
    tightest_limit: str
    calls_still_to_make: int
    last_call_expected_at: datetime | None


def calls_left(source: BudgetedSource, still_to_do: int) -> CallsLeft:
    """The calls left to a source that needs `still_to_do` of them."""
    governing = source.client_for().budget.remaining().governing
    done_at = source.pace.done_at(still_to_do) if still_to_do else None
    return CallsLeft(governing.left, f"{governing.limit} {governing.ceiling}", still_to_do, done_at)


def check_tables(
    run: RunContext, connection: Connection, assets: Iterable[str], more: Mapping[str, Sequence[Finding]]
) -> dict[str, list[Finding]]:
    """The findings about the tables of `assets`: the catalogue's rules and `more`. Correct tables are recorded for publishing."""
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
    """Whether a layer contains everything of the one above it. Another run at work, before or after, may be about to
    bring the rest.
    """
    before = others_at_work(run.lake, scope.run_id)
    found = compare()
    others = before or others_at_work(run.lake, scope.run_id)
    return agreement_finding(rule, found, names, years, others=others)


def nothing_there(years: Sequence[int], rows: Mapping[Any, int]) -> str:
    """A sentence for `years` without a row."""
    return "" if any(rows.get(year, 0) for year in years) else f"No activities in {years_in_words(years)}."
