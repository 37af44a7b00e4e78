"""What the lake's looks mean as results of asset checks: which names there are, how grave each is, what to do.

From the catalogue: a table with bounds has a check of them. Which assets have which checks, and when they run, is
checks.py's. Metadata holds counts and column names, never a value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from strava_pipeline.core.errors import CheckFailedError
from strava_pipeline.core.tables import TABLES
from strava_pipeline.lake.agreement import Agreement
from strava_pipeline.lake.counts import faulty_keys
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.quality import (
    OFFSET_COLUMNS,
    bounded,
    lost_rows,
    orphans,
    other_columns,
    outside,
    wrong_offsets,
)
from strava_pipeline.lake.warehouse import Connection, revision

REBUILD = "It is not published. `strava-pipeline rebuild` makes the warehouse anew from bronze, without a call."
CHECKED: dict[str, str] = {("activities" if name == "activities_all" else name): name for name in TABLES}
"""The assets whose tables are checked, and which table each holds."""
_ON_ITS_WAY = "Another run is at work and may be about to bring it."


@dataclass(frozen=True, slots=True)
class TableCheck:
    """A check of one table; one that is `blocking` keeps wrong rows from being published."""

    name: str
    what: str
    blocking: bool

    def spec(self, asset: str) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(self.name, asset=asset, description=self.what, blocking=self.blocking)


COLUMNS = TableCheck("columns", "Columns and types are the catalogue's.", blocking=True)
KEY = TableCheck("key_unique", "No key stands twice, none is NULL.", blocking=True)
PARENTS = TableCheck("parents", "Every row's activity is in activities_all.", blocking=True)
NONE_LOST = TableCheck("none_lost", "Whatever is published is in the working warehouse too.", blocking=True)
RANGES = TableCheck(
    "ranges", "Every value is believable. Odd ones are kept: they are what Strava said.", blocking=False
)
OFFSETS = TableCheck("offsets", "Local start minus start is the offset, between -12 and +14 hours.", blocking=False)


def table_checks(name: str) -> list[TableCheck]:
    """The checks of a table, by what the catalogue says of it."""
    table = TABLES[name]
    told = {
        COLUMNS: True,
        KEY: True,
        PARENTS: table.parent is not None,
        NONE_LOST: not table.may_shrink,
        RANGES: bool(bounded(table)),
        OFFSETS: {column.name for column in table.columns} >= OFFSET_COLUMNS,
    }
    return [check for check, is_there in told.items() if is_there]


def table_results(
    connection: Connection, lake: Lake, asset: str, table: str, *, blocking_only: bool = False
) -> Iterator[dg.AssetCheckResult]:
    """The checks of a table on the warehouse; where its columns are others, none of them passes."""
    checks = [check for check in table_checks(table) if check.blocking or not blocking_only]
    if wrong := other_columns(connection, table):
        for check in checks:
            why = f"Columns of {table} are not the catalogue's. {REBUILD}"
            yield _result(asset, check, wrong if check is COLUMNS else {"looked_at": False}, why)
        return
    for check in checks:
        yield _look(connection, lake, asset, table, check)


def refuse_faults(connection: Connection, lake: Lake, checked: Mapping[str, str]) -> None:
    """CheckFailedError where any table must not be published; those `checked` at the present revision were found right.

    A run checks what it merged itself. What it publishes is everything, also what another run was stopped by.
    """
    now = revision(connection)
    results = [
        result
        for asset, table in CHECKED.items()
        if checked.get(table) != now
        for result in table_results(connection, lake, asset, table, blocking_only=True)
    ]
    if failed := [result for result in results if is_blocking(result)]:
        raise CheckFailedError({_name(result): result.description or "" for result in failed})


def is_blocking(result: dg.AssetCheckResult) -> bool:
    """Whether it stops what comes after: the grave ones are those of blocking checks."""
    return not result.passed and result.severity is dg.AssetCheckSeverity.ERROR


def _name(result: dg.AssetCheckResult) -> str:
    assert result.asset_key is not None
    return f"{result.asset_key.to_user_string()}.{result.check_name}"


def _look(connection: Connection, lake: Lake, asset: str, table: str, check: TableCheck) -> dg.AssetCheckResult:
    if check is COLUMNS:
        return _result(asset, check, {})
    if check is KEY:
        doubled, nulls = faulty_keys(connection, table)
        return _result(asset, check, {"doubled": doubled, "null": nulls}, REBUILD)
    if check is PARENTS:
        return _parents(lake, asset, orphans(connection, table))
    if check is NONE_LOST:
        loss = lost_rows(connection, lake, [table]).get(table)
        why = f"Readers have rows that the working warehouse lost. {REBUILD}"
        return _result(asset, check, {"lost": loss.lost if loss else 0}, why, published=loss.published if loss else 0)
    if check is RANGES:
        return _result(asset, check, outside(connection, table))
    return _result(asset, check, {"wrong": wrong_offsets(connection, table)})


def _parents(lake: Lake, asset: str, alone: int) -> dg.AssetCheckResult:
    """What a damaged page of bronze took away was Strava's to tell, and it has been told: that is no reason to stop."""
    known = bool(alone) and any(listing.manifest.has_lost for listing in listings(lake))
    why = (
        "Details without their activity. `strava-pipeline run-all` lists everything again; of what Strava has no more, "
        "move the folders of these activities out of data/bronze/activity_details, then `strava-pipeline rebuild`."
    )
    return _result(asset, PARENTS, {"orphans": alone}, why, grave=not known, pages_lost=known)


def _result(
    asset: str,
    check: TableCheck,
    faults: Mapping[str, int | str | bool],
    why: str | None = None,
    *,
    grave: bool = True,
    **more: int,
) -> dg.AssetCheckResult:
    passed = not any(faults.values()) and "looked_at" not in faults
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if check.blocking and grave else dg.AssetCheckSeverity.WARN,
        description=None if passed else why,
        metadata={**faults, **more},
    )


def agreement_result(
    asset: str, check: str, found: Agreement, names: tuple[str, str], years: list[int], *, others: bool
) -> dg.AssetCheckResult:
    """Whether a layer holds what the one above it does; `names`: of the two counts; `others`: who else is at work."""
    above, here = names
    whole = found.missing == 0
    if whole:
        why = f"{found.only_here} are here alone: the layer above has lost them." if found.only_here else None
    else:
        why = _ON_ITS_WAY if others else f"What was received has not come down. {REBUILD}"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=whole and not found.only_here,
        severity=dg.AssetCheckSeverity.WARN if whole or others else dg.AssetCheckSeverity.ERROR,
        description=why,
        metadata={
            above: found.above,
            here: found.here,
            "missing": found.missing,
            "only_here": found.only_here,
            "years": f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0]),
        },
    )
