"""The rules of a table, and what is found of them in the warehouse: how grave a broken one is, why, and what to do.

Rules come from the catalogue; an asset adds its agreement with the layer above. Counts and column names, never a value.
How findings become the result of Dagster's check is orchestrate/checks.py's.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strava_pipeline.core.errors import CheckFailedError
from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.gold.quality import (
    Agreement,
    bounded_columns,
    faulty_keys,
    has_offsets,
    lost_rows,
    orphans,
    out_of_bounds,
    wrong_columns,
    wrong_offsets,
)
from strava_pipeline.lake.gold.warehouse import Connection, note, notes, revision, transaction
from strava_pipeline.lake.paths import Lake

_RIGHT = "found_right"  # the note in the warehouse
VALID = "valid"  # one a table: each result costs a run three events in Dagster's records
REBUILD = "It is not published. `strava-pipeline rebuild` makes the warehouse again from bronze, without a call."
CHECKED: dict[str, str] = {("activities" if name == "activities_all" else name): name for name in TABLES}
"""The assets whose tables are checked, and which table each holds."""
_ORPHANS = (
    "There are details without their activity: `strava-pipeline run-all` lists everything again; of what Strava has no more, "
    "move the folders of these activities out of data/bronze/activity_details, then `strava-pipeline rebuild`."
)
_ON_ITS_WAY = "Another run is at work and may be about to bring it."


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one rule. `refuses`: where it does not hold, the table must not be published.

    `years`: those alone of which it does not hold; none: that can't be said of single years.
    """

    rule: str
    holds: bool
    counts: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""  # where it does not hold: what that means and what to do
    refuses: bool = True
    years: frozenset[int] = frozenset()


def table_findings(connection: Connection, lake: Lake, tables: Collection[str]) -> dict[str, list[Finding]]:
    """Every rule of the catalogue on each of `tables`; where the columns are others, nothing else is looked at."""
    found = _publishable(connection, lake, tables)
    for table, findings in found.items():
        if bounded_columns(TABLES[table]) and findings[0].holds:
            odd = out_of_bounds(connection, table)
            if has_offsets(TABLES[table]) and (wrong := wrong_offsets(connection, table)):
                odd["offsets"] = wrong
            words = ", ".join(f"{column} in {rows} rows" for column, rows in odd.items())
            counts = {f"hard_to_believe/{column}": rows for column, rows in odd.items()}
            findings.append(Finding("values_believable", not odd, counts, f"Hard to believe: {words}.", refuses=False))
    return found


def _publishable(connection: Connection, lake: Lake, tables: Collection[str]) -> dict[str, list[Finding]]:
    """The rules that say whether each of `tables` may be published."""
    wrong = wrong_columns(connection, tables)
    kept = [table for table in tables if not wrong[table] and not TABLES[table].may_shrink]
    losses = lost_rows(connection, lake, kept) if kept else {}
    found = {}
    for table in tables:
        if wrong[table]:
            counts = {"wrong_columns": wrong[table]}
            found[table] = [Finding("columns_match", False, counts, f"Columns are not the catalogue's. {REBUILD}")]
            continue
        found[table] = [Finding("columns_match", True), _keys_unique(connection, table)]
        if TABLES[table].parent:
            found[table].append(_parents_exist(connection, lake, table))
        if table in kept:
            lost = losses[table].lost if table in losses else 0
            advice = f"Readers have rows that the working warehouse lost. {REBUILD}"
            found[table].append(Finding("rows_kept", not lost, {"lost_rows": lost}, advice))
    return found


def _keys_unique(connection: Connection, table: str) -> Finding:
    doubled, nulls = faulty_keys(connection, table)
    counts = {"duplicate_keys": doubled, "missing_keys": nulls}
    return Finding("keys_unique", not doubled and not nulls, counts, f"A key stands twice or is missing. {REBUILD}")


def _parents_exist(connection: Connection, lake: Lake, table: str) -> Finding:
    """What a damaged page of bronze took away has been warned of, and there may be nowhere to get it from."""
    without = orphans(connection, table)
    explained = bool(without) and any(listing.manifest.has_lost for listing in listings(lake))
    return Finding("parents_exist", not without, {"rows_without_activity": without}, _ORPHANS, refuses=not explained)


def note_right(connection: Connection, run_id: str | None, tables: Iterable[str]) -> None:
    """Leave a note in the warehouse of the tables that the run found right, as they are now."""
    if run_id is not None:
        now = revision(connection)
        right = _found_right(connection, run_id) | dict.fromkeys(tables, now)
        with transaction(connection):
            note(connection, _RIGHT, json.dumps({"run": run_id, "tables": right}))


def _found_right(connection: Connection, run_id: str | None) -> dict[str, str]:
    """The tables that the run found right, and at which revision of the warehouse."""
    noted = notes(connection, _RIGHT).get(_RIGHT)
    found: dict[str, Any] = json.loads(noted) if noted else {}
    return found["tables"] if found and found["run"] == run_id else {}


def refuse_faults(connection: Connection, lake: Lake, run_id: str | None = None) -> None:
    """CheckFailedError where any table must not be published; those that the run found right, and that nobody has changed
    since, are not checked again.

    A run checks what it merged itself. What it publishes is everything, also what another run was stopped by.
    """
    checked = _found_right(connection, run_id)
    now = revision(connection)
    wanted = {table: asset for asset, table in CHECKED.items() if checked.get(table) != now}
    found = _publishable(connection, lake, wanted)
    broken = {
        f"{wanted[table]}.{VALID}": advice_of(findings) for table, findings in found.items() if is_refused(findings)
    }
    if broken:
        raise CheckFailedError(broken)


def is_refused(findings: Iterable[Finding]) -> bool:
    """Whether a broken rule among them keeps the whole table from its readers, not some of its years alone."""
    return any(finding.refuses and not finding.holds and not finding.years for finding in findings)


def advice_of(findings: Iterable[Finding]) -> str:
    """Each broken rule, what that means and what to do; empty where all hold."""
    return " ".join(f"{finding.rule}: {finding.advice}" for finding in findings if not finding.holds)


def agreement_finding(
    rule: str, found: Agreement, names: tuple[str, str], years: Sequence[int], *, others: bool
) -> Finding:
    """Whether a layer holds what the one above it does; `names`: of the two counts; `others`: who else is at work."""
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
