"""Asset checks: what each holds, and how what operations found of a table becomes a result.

A table has one check, `valid`, of all its rules, made in the step that makes the table. Where a rule refuses the table to
readers, the step ends with an error (steps.py), and so what stands below it; where it refuses single years, the others go on.
Dagster's own blocking checks know no years. A step that is asked for checks alone merges nothing. They read the working
warehouse: what is wrong is never published. The rules are operations/table_rules.py's.

Asset checks in Dagster: https://docs.dagster.io/guides/test/asset-checks
"""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import TABLES
from strava_pipeline.operations.table_rules import RULES, VALID, Finding, advice_of

STOPS = "stops_the_run"  # in a check's own metadata
BROKEN_RULES = "broken_rules"  # in a result's metadata: the names of the rules that do not hold


def valid_spec(
    asset: str, *, refuses: Mapping[str, str], warns: Mapping[str, str] | None = None, stops: bool = True
) -> dg.AssetCheckSpec:
    """The check of `asset`, with its rules by name, each in words: what must hold, and what is only warned of.

    `stops`: whether the run ends where something that must hold does not, in any but single years.
    """
    groups = (("Must hold", refuses), ("Only warned of", warns or {}))
    words = [
        f"{head}: {'; '.join(f'{what} ({name})' for name, what in rules.items())}." for head, rules in groups if rules
    ]
    return dg.AssetCheckSpec(VALID, asset=asset, description=" ".join(words), metadata={STOPS: stops})


def table_spec(
    asset: str, table: str, *, refuses: Mapping[str, str] | None = None, warns: Mapping[str, str] | None = None
) -> dg.AssetCheckSpec:
    """The check of an asset that holds `table`: the rules of the catalogue, and those that the asset adds."""
    rules = [rule for rule in RULES if rule.of(TABLES[table])]
    always = {"columns_match": "columns and types are the catalogue's"}
    always |= {rule.name: rule.words for rule in rules if rule.refuses}
    warned = {rule.name: rule.words for rule in rules if not rule.refuses}
    return valid_spec(asset, refuses=always | {**(refuses or {})}, warns=warned | {**(warns or {})})


def single_check(name: str, asset: str, description: str) -> list[dg.AssetCheckSpec]:
    """The check of an asset that has one rule alone: whether all that was asked for is there (`completeness_result`)."""
    return [dg.AssetCheckSpec(name, asset=asset, description=description)]


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
        severity=dg.AssetCheckSeverity.ERROR if refusals(broken) else dg.AssetCheckSeverity.WARN,
        description=advice_of(broken) or None,
        metadata=names | {name: value for finding in broken_first for name, value in finding.counts.items()},
    )


def refusals(findings: Iterable[Finding] | None) -> str:
    """What broken rules keep from readers, of all years or of some, and why; empty where nothing."""
    return advice_of(finding for finding in findings or () if finding.refuses)


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
