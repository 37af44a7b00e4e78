"""The rules of a table, and the findings in the warehouse: the severity of a violation, the reason, and the remedy.

Rules come from the catalogue; an asset adds its agreement with the layer above. Counts and column names, never a value.
How findings become the result of Dagster's check is orchestrate/checks.py's.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strava_pipeline.core.errors import CheckFailedError
from strava_pipeline.core.tables import ACTIVITIES_ALL, TABLES, Table
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.gold.notes import TOLD, note, noted, revision
from strava_pipeline.lake.gold.quality import (
    Agreement,
    bounded_columns,
    clocks_off_their_zone,
    counted,
    has_offsets,
    lost_rows,
    out_of_bounds,
    row_counts,
    wrong_columns,
)
from strava_pipeline.lake.gold.warehouse import Connection, transaction
from strava_pipeline.lake.paths import Lake

_RIGHT = f"{TOLD}found_right"  # the note in the warehouse
INTEGRITY, VALUES = "integrity", "values"  # the checks of a table: each costs a run three events in Dagster's records
REBUILD = "It is not published. `strava-pipeline rebuild` makes the warehouse again from bronze, without a call."
CHECKED: dict[str, str] = {("activities" if name == "activities_all" else name): name for name in TABLES}
"""The assets whose tables are checked, and which table each holds."""
_ON_ITS_WAY = "Another run is at work and may be about to bring it."


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding about one rule. `refuses`: if it does not hold, the table must not be published.

    `years`: the only years in which it does not hold; empty if single years can't be named. `group`: the check that
    contains it with others; empty for a check of its own, which has its name.
    """

    rule: str
    holds: bool
    counts: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""  # if it does not hold: what that means and what to do
    refuses: bool = True
    years: frozenset[int] = frozenset()
    group: str = ""

    @property
    def check(self) -> str:
        """The check that reports it."""
        return self.group or self.rule


Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the catalogue, which holds for a table if it counts nothing.

    Args:
        words: what must hold, for Dagster's interface.
        advice: meaning and remedy of a violation; `{found}` stands for the counts in words.
        counts: for each of the tables, by name.
        of: the tables that the rule concerns; default: all tables.
        refuses: whether a table that breaks it must not be published; otherwise a warning.
        of_rows: whether it is a rule about existing rows, so that a table without any can't break it.
        group: the check that contains it.
    """

    name: str
    words: str
    advice: str
    counts: Callable[[Connection, Lake, Sequence[str]], Mapping[str, Counts]]
    of: Callable[[Table], object] = lambda _: True
    refuses: bool = True
    of_rows: bool = True
    group: str = INTEGRITY

    def finding(self, counts: Counts, lake: Lake) -> Finding:
        """The finding about it in a table. If the rule only warns, a count of 0 is not named.

        Losses by a damaged page of bronze were already warned about, and may be irrecoverable.
        """
        broken = {name: rows for name, rows in counts.items() if rows}
        found = ", ".join(f"{name.rpartition('/')[2]} in {rows} rows" for name, rows in broken.items())
        explained = broken and self.name == ORPHANS and any(listing.manifest.has_lost for listing in listings(lake))
        shown = counts if self.refuses else broken
        refuses = self.refuses and not explained
        return Finding(self.name, not broken, shown, self.advice.format(found=found), refuses, group=self.group)


def _by(query: str) -> Callable[[Connection, Lake, Sequence[str]], Mapping[str, Counts]]:
    """The counts of a query of `lake/sql/`, whose columns name them."""
    return lambda connection, _, tables: {table: counted(connection, query, table) for table in tables}


def _lost(connection: Connection, lake: Lake, tables: Sequence[str]) -> dict[str, Counts]:
    losses = lost_rows(connection, lake, tables) if tables else {}
    return {table: {"lost_rows": losses[table].lost if table in losses else 0} for table in tables}


def _beyond(connection: Connection, _: Lake, tables: Sequence[str]) -> dict[str, Counts]:
    found = {table: out_of_bounds(connection, table) for table in tables}
    return {table: {f"hard_to_believe/{column}": rows for column, rows in odd.items()} for table, odd in found.items()}


ORPHANS = "parents_exist"
_OTHER_COLUMNS = f"Columns are not the catalogue's. {REBUILD}"
RULES = (
    Rule(
        "keys_unique",
        "no key stands twice or is NULL",
        f"A key stands twice or is missing. {REBUILD}",
        _by("duplicate_keys"),
    ),
    Rule(
        ORPHANS,
        "every row's activity is in activities_all",
        "There are details without their activity: `strava-pipeline run-all` lists everything again; of what Strava has no more, "
        "move the folders of these activities out of data/bronze/activity_details, then `strava-pipeline rebuild`.",
        _by("orphans"),
        of=lambda table: table.parent,
    ),
    Rule(
        "rows_kept",
        "whatever is published is there too",
        f"Readers have rows that the working warehouse lost. {REBUILD}",
        _lost,
        of=lambda table: not table.may_shrink,
        of_rows=False,
    ),
    Rule(
        "values_believable",
        "every value is believable; odd ones are kept, they are what the source said",
        "Hard to believe: {found}.",
        _beyond,
        of=bounded_columns,
        refuses=False,
        group=VALUES,
    ),
    Rule(
        "clocks_agree",
        "the local start of files and archives is what the clocks of their zone showed",
        f"A local start is not what its zone's clocks showed, so activities may lie on a wrong day. {REBUILD}",
        lambda connection, _, tables: {table: clocks_off_their_zone(connection, table) for table in tables},
        of=lambda table: table.name == ACTIVITIES_ALL.name,
        group=VALUES,
    ),
    Rule(
        "offsets_agree",
        "local start minus start is the offset, between -12 and +14 hours",
        "Hard to believe: {found}.",
        _by("offsets"),
        of=lambda table: bounded_columns(table) and has_offsets(table),  # not what files say
        refuses=False,
        group=VALUES,
    ),
)
"""The rules besides the one about columns, which is checked first and alone if broken."""


def table_findings(
    connection: Connection, lake: Lake, tables: Collection[str], rules: Iterable[Rule] = RULES
) -> dict[str, list[Finding]]:
    """The findings about each of `tables`; if the columns differ, nothing else is checked."""
    wrong = wrong_columns(connection, tables)
    found = {
        table: [
            Finding("columns_match", not odd, {"wrong_columns": odd} if odd else {}, _OTHER_COLUMNS, group=INTEGRITY)
        ]
        for table, odd in wrong.items()
    }
    rows = row_counts(connection, [table for table in tables if not wrong[table]])
    for rule in rules:
        own = [table for table in rows if rule.of(TABLES[table])]
        counts = rule.counts(connection, lake, [table for table in own if rows[table] or not rule.of_rows])
        for table in own:
            found[table].append(rule.finding(counts.get(table, {}), lake))
    return found


def note_right(connection: Connection, run_id: str | None, tables: Iterable[str]) -> None:
    """Record in the warehouse which tables the run found correct, in their present state."""
    if run_id is not None:
        now = revision(connection)
        right = _found_right(connection, run_id) | dict.fromkeys(tables, now)
        with transaction(connection):
            note(connection, _RIGHT, json.dumps({"run": run_id, "tables": right}))


def _found_right(connection: Connection, run_id: str | None) -> dict[str, str]:
    """The tables that the run found correct, and at which revision of the warehouse."""
    found: dict[str, Any] = json.loads(noted(connection, _RIGHT, "{}"))
    return found["tables"] if found and found["run"] == run_id else {}


def refuse_faults(connection: Connection, lake: Lake, run_id: str | None = None) -> None:
    """Raise CheckFailedError if any table must not be published; tables that the run found correct and that are
    unchanged since are not checked again.

    A run checks its own merges itself. It publishes everything, including data that another run was stopped by.
    """
    checked = _found_right(connection, run_id)
    now = revision(connection)
    wanted = {table: asset for asset, table in CHECKED.items() if checked.get(table) != now}
    found = table_findings(connection, lake, wanted, [rule for rule in RULES if rule.refuses])
    broken = {
        f"{wanted[table]}.{check}": advice_of(of_check)
        for table, findings in found.items()
        for check, of_check in by_check(findings).items()
        if is_refused(of_check)
    }
    if broken:
        raise CheckFailedError(broken)


def is_refused(findings: Iterable[Finding]) -> bool:
    """Whether a broken rule among them keeps the whole table from its readers, not just some of its years."""
    return any(finding.refuses and not finding.holds and not finding.years for finding in findings)


def by_check(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings, by the name of the check that reports them."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.check, []).append(finding)
    return found


def advice_of(findings: Iterable[Finding]) -> str:
    """The meaning and remedy of each broken rule of a check, with the rule's name in a group; empty if all hold."""
    broken = (finding for finding in findings if not finding.holds)
    return " ".join(f"{finding.rule}: {finding.advice}" if finding.group else finding.advice for finding in broken)


def agreement_finding(
    rule: str, found: Agreement, names: tuple[str, str], years: Sequence[int], *, others: bool
) -> Finding:
    """Whether a layer contains everything of the one above it; `names`: of the two counts; `others`: whether others are
    at work.
    """
    above, here = names
    whole, behind = found.missing == 0, ", ".join(map(str, sorted(found.behind)))
    if whole:
        advice = f"{found.only_here} are here alone: the layer above has lost them."
    else:
        advice = _ON_ITS_WAY if others else f"What was received of {behind} has not come down. {REBUILD}"
    return Finding(
        rule,
        whole and not found.only_here,
        {
            above: found.above,
            here: found.here,
            "missing": found.missing,
            "unexpected": found.only_here,
            "years": "–".join(map(str, dict.fromkeys((*years[:1], *years[-1:])))),
        },
        advice,
        refuses=not (whole or others),
        years=found.behind,
    )
