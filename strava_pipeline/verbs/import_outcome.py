"""What an import brought, as one JSON object, and the paths of which no activity came, for a person."""

from collections.abc import Sequence
from typing import Any

from strava_pipeline.operations.without_activities import WithoutActivity
from strava_pipeline.verbs.run_job import RunOutcome
from strava_pipeline.verbs.terminal import err

_SHOWN = 20  # files of a path; --json has all
_COUNTS = {
    "files": ("bronze_files", "dagster/row_count"),
    "new_files": ("bronze_files", "new_files"),
    "problems": ("bronze_files", "problems"),
    "files_read": ("file_readings", "files_read"),
    "files_with_problems": ("file_readings", "files_with_problems"),
    "activities_new": ("activities", "inserted"),
    "activities_changed": ("activities", "updated"),
    "activities_of_several_sources": ("activity_matches", "activities_with_several_sources"),
    "pairs_proposed": ("activity_matches", "pairs_proposed"),
    "tracks_written": ("tracks", "tracks_from_files"),
}


def result_json(outcomes: Sequence[RunOutcome], without: Sequence[WithoutActivity]) -> dict[str, Any]:
    """What was imported, as JSON; 0 where nothing had to be merged. `without`: the paths of which no activity came."""
    reported = {asset: metadata for outcome in outcomes for asset, metadata in outcome.metadata.items()}
    counts = {name: reported.get(asset, {}).get(key, 0) for name, (asset, key) in _COUNTS.items()}
    others = reported.get("bronze_files", {}).get("left_out_by_kind", {})
    no_activity = [{"path": each.path, "files": [{"name": n, "why": why} for n, why in each.why]} for each in without]
    run_ids = [outcome.run_id for outcome in outcomes]
    return {"run_ids": run_ids, **counts, "others_by_kind": others, "without_activities": no_activity}


def print_without(without: Sequence[WithoutActivity], outcomes: Sequence[RunOutcome]) -> None:
    """Print the paths of which no activity came, and why, where the runs' problems have not said so already."""
    values = (metadata for outcome in outcomes for metadata in outcome.metadata.values())
    shown = {problem for metadata in values for problem in metadata.get("first_problems", [])}
    for each in without:
        err.print(f"No activity came of {each.path}.", style="yellow")
        reasons = [reason for name, why in each.why if (reason := f"{name or each.path}: {why}") not in shown]
        for reason in reasons[:_SHOWN]:
            err.print(f"  {reason}", style="yellow")
        if len(reasons) > _SHOWN:
            err.print(f"  … and {len(reasons) - _SHOWN} more (--json)", style="yellow")
