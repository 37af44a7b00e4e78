"""What the lake's looks mean as results of asset checks: which there are, how grave each is, what to do.

From the catalogue: a table with bounds has a check of them. Which assets have which checks, and when they run, is
checks.py's. Metadata holds counts and column names, never a value.
"""

from collections.abc import Iterator, Mapping
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

REBUILD = "It is not published. `strava-pipeline rebuild` makes the warehouse anew from bronze, without a call."
CHECKED: dict[str, str] = {("activities" if name == "activities_all" else name): name for name in TABLES}
"""The assets whose tables are checked, and which table each holds."""
_LOST = f"Readers have rows that the working warehouse lost. {REBUILD}"
_ORPHANS = (
    "Details without their activity: `strava-pipeline run-all` lists everything again; of what Strava has no more, "
    "move the folders of these activities out of data/bronze/activity_details, then `strava-pipeline rebuild`."
)
_ON_ITS_WAY = "Another run is at work and may be about to bring it."


SOUND, BELIEVABLE = "sound", "believable"  # two a table: each result costs a run 35 ms of CPU in Dagster's records


def table_specs(asset: str, table: str) -> list[dg.AssetCheckSpec]:
    """The checks of a table: what must not be published, and what is only told."""
    what = ["Columns and types are the catalogue's", "no key stands twice or is NULL"]
    what += ["every row's activity is in activities_all"] if TABLES[table].parent else []
    what += ["whatever is published is there too"] if not TABLES[table].may_shrink else []
    specs = [dg.AssetCheckSpec(SOUND, asset=asset, description=f"{'; '.join(what)}.", blocking=True)]
    if bounded(TABLES[table]):
        told = "Every value is believable; odd ones are kept, they are what the source said."
        if has_offsets(TABLES[table]):
            told += " Local start minus start is the offset, between -12 and +14 hours."
        specs.append(dg.AssetCheckSpec(BELIEVABLE, asset=asset, description=told))
    return specs


def table_results(connection: Connection, lake: Lake, asset: str, table: str) -> Iterator[dg.AssetCheckResult]:
    """Both on the warehouse; where the columns are others, neither passes."""
    sound = sound_result(connection, lake, asset, table)
    yield sound
    if not bounded(TABLES[table]):
        return
    looked = "wrong_columns" not in sound.metadata
    odd = outside(connection, table) if looked else {}
    if looked and has_offsets(TABLES[table]) and (wrong := wrong_offsets(connection, table)):
        odd["offsets"] = wrong
    yield dg.AssetCheckResult(
        asset_key=asset,
        check_name=BELIEVABLE,
        passed=looked and not odd,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if looked else "Not looked at: the columns are others.",
        metadata=odd,
    )


def sound_result(connection: Connection, lake: Lake, asset: str, table: str) -> dg.AssetCheckResult:
    """Whether a table may be published."""
    if wrong := other_columns(connection, table):
        return _sound(asset, [REBUILD], {"wrong_columns": dg.MetadataValue.json(wrong)})
    doubled, nulls = faulty_keys(connection, table)
    counts = {"doubled": doubled, "null": nulls}
    why = [REBUILD] if doubled or nulls else []
    explained = False
    if TABLES[table].parent:
        counts["orphans"] = orphans(connection, table)
        # what a damaged page of bronze took away has been told of, and there may be nowhere to get it from
        explained = bool(counts["orphans"]) and any(listing.manifest.has_lost for listing in listings(lake))
        why += [_ORPHANS] if counts["orphans"] else []
    if not TABLES[table].may_shrink:  # what an activity nests may become fewer by an edit
        loss = lost_rows(connection, lake, [table]).get(table)
        counts["lost"] = loss.lost if loss else 0
        why += [_LOST] if counts["lost"] else []
    return _sound(asset, why, counts, grave=not explained or why != [_ORPHANS])


def refuse_faults(connection: Connection, lake: Lake, checked: Mapping[str, str]) -> None:
    """CheckFailedError where any table must not be published; those `checked` at the present revision were found right.

    A run checks what it merged itself. What it publishes is everything, also what another run was stopped by.
    """
    now = revision(connection)
    wanted = {asset: table for asset, table in CHECKED.items() if checked.get(table) != now}
    results = {asset: sound_result(connection, lake, asset, table) for asset, table in wanted.items()}
    if failed := {asset: result for asset, result in results.items() if is_blocking(result)}:
        raise CheckFailedError({f"{asset}.{SOUND}": result.description or "" for asset, result in failed.items()})


def is_blocking(result: dg.AssetCheckResult) -> bool:
    """Whether it stops what comes after: the grave ones are those of blocking checks."""
    return not result.passed and result.severity is dg.AssetCheckSeverity.ERROR


def _sound(asset: str, why: list[str], metadata: Mapping[str, Any], *, grave: bool = True) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=SOUND,
        passed=not why,
        severity=dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN,
        description=" ".join(why) or None,
        metadata=metadata,
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
