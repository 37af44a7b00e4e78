"""The step of gold: shards into activities and their history, without the years that a check then refuses.

Its other steps are merging_steps.py's; how tables are merged is merging.py's and the lake's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from strava_pipeline.core.numbers import Numbers, if_any
from strava_pipeline.core.providers import spec_of
from strava_pipeline.lake.gold.deletions import AbsenceReport, Shrink, absence
from strava_pipeline.lake.gold.making import MergeReport
from strava_pipeline.lake.gold.quality import gold_with_shards, history_with_gold, rows_by_year
from strava_pipeline.lake.gold.warehouse import Connection, reading
from strava_pipeline.operations.held_years import WrongYearsError, hold_back, merge_right_years, refused_years
from strava_pipeline.operations.merging import merge_listed
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import (
    Scope,
    StepReport,
    check_agreement,
    check_tables,
    nothing_there,
    table_report,
)
from strava_pipeline.operations.table_rules import Finding

ACTIVITIES, HISTORY = "activities", "activity_history"
_TABLES = {ACTIVITIES: "activities_all", HISTORY: HISTORY}


@dataclass(frozen=True, slots=True)
class GoldMerged(Numbers):
    """What merging shards changed; `rows`: in the years of the run."""

    merged: MergeReport
    absence: AbsenceReport
    rows: int = 0

    def shown(self) -> dict[str, Any]:
        return Numbers.shown(self) | _not_marked(self.absence.held)

    def __str__(self) -> str:
        more = f", {self.absence.deleted} deleted at the source" if self.absence.deleted else ""
        more += f", {self.absence.restored} back" if self.absence.restored else ""
        return f"Merged: {self.merged.inserted} new, {self.merged.updated} changed{more}, {self.rows} in these years"


@dataclass(slots=True)
class _Merge:
    """One attempt to merge the scope's assets, and the attempts' findings about agreement with the layers above."""

    run: RunContext
    scope: Scope
    force: bool
    allow_shrink: bool
    merged: GoldMerged | None = None
    agreements: dict[str, Finding] = field(default_factory=dict)

    def merge(self, connection: Connection, years: Sequence[int]) -> None:
        found = merge_listed(connection, self.run, years, force=self.force, allow_shrink=self.allow_shrink)
        self.merged = GoldMerged(*found)
        for asset in _TABLES:
            if asset in self.scope.assets:
                self._refuse(self.compare(connection, years, asset))

    def compare(self, connection: Connection, years: Sequence[int], asset: str) -> Iterable[int]:
        """The years in which `asset` lacks rows of the layer above. The first attempt's findings are the reported ones."""
        if asset not in self.scope.checks:
            return ()
        if asset == ACTIVITIES:
            rule, names = "holds_shards", ("in_shards", "in_gold")
            compare = partial(gold_with_shards, connection, self.run.lake, years)
        else:
            rule, names = "holds_gold", ("in_gold", "in_history")
            compare = partial(history_with_gold, connection, years)
        finding = check_agreement(self.run, self.scope, years, rule, names, compare)
        if asset not in self.agreements or self.agreements[asset].holds:
            self.agreements[asset] = finding
        return refused_years(asset, [finding])

    @staticmethod
    def _refuse(years: Iterable[int]) -> None:
        if wrong := {*years}:
            raise WrongYearsError(wrong)


def merge_gold(run: RunContext, scope: Scope, *, force: bool, allow_shrink: bool) -> list[StepReport]:
    """Make `activities_all` and `activity_history` of the shards, both even where one is asked for.

    A year that then lacks rows of the layer above stays as it was, and the others are merged.

    Args:
        force: look at every row again, though the shards are as they were.
        allow_shrink: a person confirms the deletions of this run's own listing, however much of a year that is.
    """
    step = _Merge(run, scope, force, allow_shrink)
    made = [asset for asset in _TABLES if asset in scope.assets]
    with reading(run.lake) as connection:
        if made:
            merge_right_years(run, scope.years, step.merge)
        for asset in {*scope.checks} - step.agreements.keys():  # for assets that this step did not make
            step.compare(connection, scope.years, asset)
        rows = {asset: rows_by_year(connection, _TABLES[asset]) for asset in made}
        more = {asset: [finding] for asset, finding in step.agreements.items()}
        if ACTIVITIES in scope.checks:
            absent = step.merged.absence if step.merged else absence(connection, run.lake, scope.years, run.years)
            more[ACTIVITIES].append(_not_shrunk(absent.held))
        found = check_tables(run, connection, more, more)
    left_out = {asset: hold_back(run, asset, found.get(asset, ())) for asset in made}
    years = [year for year in scope.years if not any(year in held for held in left_out.values())]
    reports = [
        table_report(asset, [] if asset in made else None, rows.get(asset, {}), years, found.get(asset, ()))
        for asset in _TABLES
    ]
    if step.merged is not None and ACTIVITIES in made:
        count = sum(rows[ACTIVITIES].get(year, 0) for year in scope.years)
        notes = {"result": nothing_there(scope.years, rows[ACTIVITIES])}
        reports[0] = replace(reports[0], numbers=[replace(step.merged, rows=count)], notes=notes)
    return reports


def _not_marked(held: Sequence[Shrink]) -> dict[str, Any]:
    """Missing, not marked as deleted, by year and source."""
    by_year: dict[str, list[str]] = {}
    by_source: dict[str, int] = {}
    for shrink in held:
        by_source[shrink.source] = by_source.get(shrink.source, 0) + shrink.missing
        spec = spec_of(shrink.source)
        of_source = "" if spec.unnamed else f" ({spec.title})"
        by_year.setdefault(str(shrink.year), []).append(f"{shrink.missing} of {shrink.present}{of_source}")
    return {
        "deletions_not_marked": sum(shrink.missing for shrink in held),
        **if_any(
            deletions_not_marked_by_year={year: ", ".join(counts) for year, counts in by_year.items()},
            deletions_not_marked_by_source=by_source,
            deletions_not_marked_advice=_how_to_mark(held),
        ),
    }


def _how_to_mark(held: Sequence[Shrink]) -> str:
    """What a person can do, for each source whose listing lacks too much; may be empty."""
    found = []
    for source in dict.fromkeys(shrink.source for shrink in held):
        years = " ".join(dict.fromkeys(str(shrink.year) for shrink in held if shrink.source == source))
        spec = spec_of(source)
        found.append(f"Look at {spec.title}; if that is meant: {spec.command('pull')} --years {years} --allow-shrink")
    return "\n".join(found)


def _not_shrunk(shrinks: Sequence[Shrink]) -> Finding:
    years = " ".join(dict.fromkeys(str(shrink.year) for shrink in shrinks))
    return Finding(
        "not_shrunk",
        not shrinks,
        _not_marked(shrinks),
        f"Nothing was marked as deleted in {years}: the listing lacks too much to be believed. {_how_to_mark(shrinks)}",
        refuses=False,
    )
