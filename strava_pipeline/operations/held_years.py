"""Years that a check holds back: they stay as they were, while the other years of the same run are merged and published.

A step that finds a year wrong records it on disk, by the run and the asset, and the steps below leave that year out. A
blocking check of Dagster's stops all years of a run. How orchestrate/ uses it stands in its
steps.py.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.gold.warehouse import Connection, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import Finding

T = TypeVar("T")
Reasons = dict[int, str]  # by year, why it is held back
_KEPT = timedelta(days=30)  # after a run: a later one has made the year, or has notes of its own


def held_years(run: RunContext, *, but: Iterable[str] = ()) -> Reasons:
    """The years that steps of the run have held back, each with the first reason. `but`: assets to ignore, as they are
    judged again.
    """
    found: Reasons = {}
    for asset, years in _noted(run).items():
        found |= {int(year): why for year, why in years.items() if asset not in {*but} and int(year) not in found}
    return dict(sorted(found.items()))


def hold_back(run: RunContext, asset: str, findings: Iterable[Finding]) -> Reasons:
    """Record the years that the findings of `asset` refuse, replacing those of an earlier attempt; returns each with
    the reason.
    """
    found = refused_years(asset, findings)
    noted = _noted(run)
    if run.run_id is not None and (found or asset in noted):
        noted[asset] = {str(year): why for year, why in found.items()}
        write_whole(_file(run.lake, run.run_id), json.dumps(noted).encode())
        _sweep(run.lake, run.now())
    return found


def forget_held_years(lake: Lake, run_id: str) -> None:
    """Delete the records of a run, which begins again from its first step."""
    _file(lake, run_id).unlink(missing_ok=True)


def refused_years(asset: str, findings: Iterable[Finding]) -> Reasons:
    """The years that broken rules refuse, if other years of the same table may be published; each with the reason."""
    found: Reasons = {}
    for finding in findings:
        if finding.refuses and not finding.holds:
            found |= {year: f"{asset}: {finding.rule}" for year in sorted(finding.years) if year not in found}
    return found


def merge_right_years(
    run: RunContext,
    years: Sequence[int],
    merge: Callable[[Connection, Sequence[int]], T],
) -> T:
    """`merge` the years in one transaction, without those for which it raises WrongYearsError: they stay as they were."""
    left = [*years]
    while True:
        try:
            with writing(run.lake) as connection:
                return merge(connection, left)
        except WrongYearsError as wrong:  # what was merged is rolled back
            if wrong.years.isdisjoint(left):
                raise
            left = [year for year in left if year not in wrong.years]


class WrongYearsError(Exception):
    """The data just merged for some years are wrong."""

    def __init__(self, years: Iterable[int]) -> None:
        self.years = {*years}


def _noted(run: RunContext) -> dict[str, Mapping[str, str]]:
    if run.run_id is None:
        return {}
    try:
        noted: dict[str, Mapping[str, str]] = json.loads(_file(run.lake, run.run_id).read_bytes())
    except FileNotFoundError:
        return {}
    return noted


def _file(lake: Lake, run_id: str) -> Path:
    return lake.state / "held_years" / f"{run_id}.json"


def _sweep(lake: Lake, now: datetime) -> None:
    for path in (lake.state / "held_years").glob("*.json"):
        if now.timestamp() - path.stat().st_mtime > _KEPT.total_seconds():
            path.unlink(missing_ok=True)
