"""The rules of a table, and how what is found of them becomes the one result of its check: how grave, why, what to do.

A table has one check, `valid`: rules from the catalogue, and what its asset adds (agreement with the layer above). The
result fails with ERROR where a broken rule refuses the table to readers, else with WARN, and names the rules in its
description and metadata. Metadata holds counts and column names, never a value. When checks are made is checks.py's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from strava_pipeline.core.errors import CheckFailedError
from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.agreement import Agreement
from strava_pipeline.lake.counts import faulty_keys
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.quality import (
    bounded,
    has_offsets,
    lost_rows,
    orphans,
    other_columns,
    outside,
    wrong_offsets,
)
from strava_pipeline.lake.warehouse import Connection, revision

VALID = "valid"  # one a table: each result costs a run three events in Dagster's records
BROKEN_RULES = "broken_rules"  # in a result's metadata: the names of the rules that do not hold
REBUILD = "It is not published. `strava-pipeline rebuild` makes the warehouse anew from bronze, without a call."
CHECKED: dict[str, str] = {("activities" if name == "activities_all" else name): name for name in TABLES}
"""The assets whose tables are checked, and which table each holds."""
_ORPHANS = (
    "There are details without their activity: `strava-pipeline run-all` lists everything again; of what Strava has no more, "
    "move the folders of these activities out of data/bronze/activity_details, then `strava-pipeline rebuild`."
)
_ON_ITS_WAY = "Another run is at work and may be about to bring it."


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one rule. `refuses`: where it does not hold, the table must not be published."""

    rule: str
    holds: bool
    counts: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""  # where it does not hold: what that means and what to do
    refuses: bool = True


def valid_spec(
    asset: str, *, refuses: Mapping[str, str], warns: Mapping[str, str] | None = None, blocking: bool = True
) -> dg.AssetCheckSpec:
    """The check of `asset`, with its rules by name, each in words: what must hold, and what is only warned of."""
    groups = (("Must hold", refuses), ("Only warned of", warns or {}))
    words = [
        f"{head}: {'; '.join(f'{what} ({name})' for name, what in rules.items())}." for head, rules in groups if rules
    ]
    return dg.AssetCheckSpec(VALID, asset=asset, description=" ".join(words), blocking=blocking)


def table_spec(
    asset: str, table: str, *, refuses: Mapping[str, str] | None = None, warns: Mapping[str, str] | None = None
) -> dg.AssetCheckSpec:
    """The check of an asset that holds `table`: the rules of the catalogue, and those that the asset adds."""
    always = {"columns_match": "columns and types are the catalogue's", "keys_unique": "no key stands twice or is NULL"}
    if TABLES[table].parent:
        always["parents_exist"] = "every row's activity is in activities_all"
    if not TABLES[table].may_shrink:
        always["rows_kept"] = "whatever is published is there too"
    warned = {}
    if bounded(TABLES[table]):
        warned["values_believable"] = "every value is believable; odd ones are kept, they are what the source said"
        if has_offsets(TABLES[table]):
            warned["values_believable"] += "; local start minus start is the offset, between -12 and +14 hours"
    return valid_spec(asset, refuses=always | {**(refuses or {})}, warns=warned | {**(warns or {})})


def check_result(
    asset: str, findings: Iterable[Finding], *, check: str = VALID, grave: bool = True
) -> dg.AssetCheckResult:
    """One result of all that was found of an asset; `grave` False: whatever is broken is only warned of."""
    broken_first = sorted(findings, key=lambda finding: finding.holds)
    broken = [finding for finding in broken_first if not finding.holds]
    refused = grave and any(finding.refuses for finding in broken)
    names = {BROKEN_RULES: dg.MetadataValue.json([finding.rule for finding in broken])} if broken else {}
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if refused else dg.AssetCheckSeverity.WARN,
        description=" ".join(f"{finding.rule}: {finding.advice}" for finding in broken) or None,
        metadata=names | {name: value for finding in broken_first for name, value in finding.counts.items()},
    )


def table_findings(connection: Connection, lake: Lake, tables: Collection[str]) -> dict[str, list[Finding]]:
    """Every rule of the catalogue on each of `tables`; where the columns are others, nothing else is looked at."""
    found = _publishable(connection, lake, tables)
    for table, findings in found.items():
        if bounded(TABLES[table]) and findings[0].holds:
            odd = outside(connection, table)
            if has_offsets(TABLES[table]) and (wrong := wrong_offsets(connection, table)):
                odd["offsets"] = wrong
            words = ", ".join(f"{column} in {rows} rows" for column, rows in odd.items())
            counts = {f"hard_to_believe/{column}": rows for column, rows in odd.items()}
            findings.append(Finding("values_believable", not odd, counts, f"Hard to believe: {words}.", refuses=False))
    return found


def _publishable(connection: Connection, lake: Lake, tables: Collection[str]) -> dict[str, list[Finding]]:
    """The rules that say whether each of `tables` may be published."""
    wrong = {table: other_columns(connection, table) for table in tables}
    kept = [table for table in tables if not wrong[table] and not TABLES[table].may_shrink]
    losses = lost_rows(connection, lake, kept) if kept else {}
    found = {}
    for table in tables:
        if wrong[table]:
            counts = {"wrong_columns": dg.MetadataValue.json(wrong[table])}
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


def agreement_finding(
    rule: str, found: Agreement, names: tuple[str, str], years: Sequence[int], *, others: bool
) -> Finding:
    """Whether a layer holds what the one above it does; `names`: of the two counts; `others`: who else is at work."""
    above, here = names
    whole = found.missing == 0
    if whole:
        advice = f"{found.only_here} are here alone: the layer above has lost them."
    else:
        advice = _ON_ITS_WAY if others else f"What was received has not come down. {REBUILD}"
    return Finding(
        rule,
        whole and not found.only_here,
        {
            above: found.above,
            here: found.here,
            "missing": found.missing,
            "unexpected": found.only_here,
            "years": f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0]),
        },
        advice,
        refuses=not (whole or others),
    )


def refuse_faults(connection: Connection, lake: Lake, checked: Mapping[str, str]) -> None:
    """CheckFailedError where any table must not be published; those `checked` at the present revision were found right.

    A run checks what it merged itself. What it publishes is everything, also what another run was stopped by.
    """
    now = revision(connection)
    wanted = {table: asset for asset, table in CHECKED.items() if checked.get(table) != now}
    found = _publishable(connection, lake, wanted)
    results = [check_result(wanted[table], findings) for table, findings in found.items()]
    if failed := [result for result in results if is_blocking(result)]:
        raise CheckFailedError(
            {f"{key.to_user_string()}.{VALID}": one.description or "" for one in failed if (key := one.asset_key)}
        )


def is_blocking(result: dg.AssetCheckResult) -> bool:
    """Whether it stops what comes after, where its check is a blocking one."""
    return not result.passed and result.severity is dg.AssetCheckSeverity.ERROR


def full_name(evaluation: dg.AssetCheckEvaluation) -> str:
    """`activities.valid`, and behind it the rules that do not hold."""
    name = f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
    broken: Any = evaluation.metadata.get(BROKEN_RULES)
    return f"{name} ({', '.join(broken.value)})" if broken is not None else name
