"""The result of an import."""

from collections.abc import Sequence
from typing import Any

from strava_pipeline.operations.step_reports import PUBLISHED
from strava_pipeline.operations.without_activities import WithoutActivity
from strava_pipeline.verbs.run_job import RunOutcome

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
    "days_merged": (PUBLISHED, "days_merged"),
}


def import_result(outcomes: Sequence[RunOutcome], without: Sequence[WithoutActivity]) -> dict[str, Any]:
    """The imported numbers; 0 if nothing had to be merged. `without`: the paths without an activity."""
    reported = {asset: metadata for outcome in outcomes for asset, metadata in outcome.metadata.items()}
    counts = {name: reported.get(asset, {}).get(key, 0) for name, (asset, key) in _COUNTS.items()}
    others = reported.get("bronze_files", {}).get("left_out_by_kind", {})
    days = reported.get(PUBLISHED, {}).get("days_cut_by", {})
    no_activity = [{"path": each.path, "files": [{"name": n, "why": why} for n, why in each.why]} for each in without]
    run_ids = [outcome.run_id for outcome in outcomes]
    by_kind = {"others_by_kind": others, "days_cut_by": days, "without_activities": no_activity}
    return {"run_ids": run_ids, **counts, **by_kind}
