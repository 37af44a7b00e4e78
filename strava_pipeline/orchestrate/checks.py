"""Asset checks: their contents, and how operations' findings about a table become their results.

A table has two checks with the catalogue's rules: `integrity`, whether it is complete, and `values`, its contents. Each
additional rule of its asset is a check of its own. All are made in the step that makes the table. A rule that refuses a
whole table is blocking: the step ends with an error that says what to do (steps.py), and nothing below it begins. A
rule that holds back single years, or only warns, is not: within one run Dagster blocks by no year. A step that is asked for
checks alone merges nothing. The checks read the working warehouse: faults are never published. The rules are
operations/table_rules.py's.

Asset checks in Dagster: https://docs.dagster.io/guides/test/asset-checks
"""

from collections.abc import Mapping

import dagster as dg

from strava_pipeline.core.tables import TABLES
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.operations.table_rules import INTEGRITY, RULES, advice_of, by_check

_Rules = Mapping[str, str]  # rules by name, each in words: what must hold


def table_checks(asset: str, table: str) -> list[dg.AssetCheckSpec]:
    """The checks of an asset that holds `table`: the catalogue's rules, in their groups."""
    refuses = {INTEGRITY: {"columns_match": "columns and types are the catalogue's"}}
    warns: dict[str, dict[str, str]] = {}
    for rule in RULES:
        if rule.of(TABLES[table]):
            (refuses if rule.refuses else warns).setdefault(rule.group, {})[rule.name] = rule.words
    return [
        dg.AssetCheckSpec(
            group,
            asset=asset,
            blocking=group in refuses,
            description=" ".join(
                f"{head}: {'; '.join(f'{words} ({name})' for name, words in rules[group].items())}."
                for head, rules in (("Must hold", refuses), ("Only warned of", warns))
                if group in rules
            ),
        )
        for group in {**refuses, **warns}
    ]


def own_checks(asset: str, rules: _Rules, *, blocking: bool = False) -> list[dg.AssetCheckSpec]:
    """The checks for the asset's own rules, one each; `blocking`: a violation refuses the whole asset, not single years."""
    return [dg.AssetCheckSpec(name, asset=asset, description=words, blocking=blocking) for name, words in rules.items()]


def check_results(report: StepReport, asset: dg.AssetKey) -> dict[dg.AssetCheckKey, dg.AssetCheckResult]:
    """The results of the checks of an asset: ERROR where a broken rule keeps rows from readers, else WARN."""
    results = {}
    for check, findings in by_check(report.findings).items():
        broken_first = sorted(findings, key=lambda finding: finding.holds)
        is_error = any(finding.refuses and not finding.holds for finding in findings)
        key = dg.AssetCheckKey(asset, check)
        results[key] = dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=check,
            passed=all(finding.holds for finding in findings),
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description=advice_of(broken_first) or None,
            metadata={name: value for finding in broken_first for name, value in finding.counts.items()},
        )
    return results
