"""Asset checks: what each holds, and how what operations found of a table becomes a result.

A table has one check, `valid`, of all its rules, made in the step that makes the table. A blocking check that fails with
ERROR ends its step, and so what stands below it; a step that is asked for checks alone merges nothing. They read the working
warehouse: what is wrong is never published. The rules are operations/table_rules.py's.

Asset checks in Dagster: https://docs.dagster.io/guides/test/asset-checks
"""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.gold.quality import bounded_columns, has_offsets
from strava_pipeline.operations.table_rules import VALID, Finding, advice_of, is_refused

BROKEN_RULES = "broken_rules"  # in a result's metadata: the names of the rules that do not hold


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
    if bounded_columns(TABLES[table]):
        warned["values_believable"] = "every value is believable; odd ones are kept, they are what the source said"
        if has_offsets(TABLES[table]):
            warned["values_believable"] += "; local start minus start is the offset, between -12 and +14 hours"
    return valid_spec(asset, refuses=always | {**(refuses or {})}, warns=warned | {**(warns or {})})


def check_result(asset: str, findings: Iterable[Finding], *, check: str = VALID) -> dg.AssetCheckResult:
    """One result of all that was found of an asset.

    ERROR where a broken rule keeps the table from readers, else WARN.
    """
    broken_first = sorted(findings, key=lambda finding: finding.holds)
    broken = [finding for finding in broken_first if not finding.holds]
    names = {BROKEN_RULES: dg.MetadataValue.json([finding.rule for finding in broken])} if broken else {}
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if is_refused(broken) else dg.AssetCheckSeverity.WARN,
        description=advice_of(broken) or None,
        metadata=names | {name: value for finding in broken_first for name, value in finding.counts.items()},
    )


def completeness_result(asset: str, found: Finding) -> dg.AssetCheckResult:
    """The result of a check of one rule, whose name it has: whether all that was asked for is there."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=found.rule,
        passed=found.holds,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.advice or None,
        metadata=dict(found.counts),
    )


def full_name(evaluation: dg.AssetCheckEvaluation) -> str:
    """`activities.valid`, and behind it the rules that do not hold."""
    name = f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
    broken: Any = evaluation.metadata.get(BROKEN_RULES)
    return f"{name} ({', '.join(broken.value)})" if broken is not None else name
