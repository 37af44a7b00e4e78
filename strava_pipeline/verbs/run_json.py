"""What the runs of one command came to, as one JSON object: docs/formats.md, "The commands that run a job"."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strava_pipeline.verbs.run_job import RunOutcome

# name in the object → the asset that reports it, and under which name; null where no run of the command made that asset
_SUMS = {
    "listed": [("bronze_activities", "rows_received")],
    "inserted": [("activities", "inserted")],
    "changed": [("activities", "updated")],
    "deleted": [("activities", "deleted")],
    "restored": [("activities", "restored")],
    "fetched": [("bronze_activity_details", "details_received"), ("bronze_activity_streams", "streams_received")],
    "failed": [("bronze_activity_details", "failed"), ("bronze_activity_streams", "failed")],
    "gone": [("bronze_activity_details", "gone_at_strava"), ("bronze_activity_streams", "nothing_recorded")],
    "missing": [("bronze_activity_details", "details_missing"), ("bronze_activity_streams", "streams_missing")],
    "resting": [
        ("bronze_activity_details", "details_waiting_for_retry"),
        ("bronze_activity_streams", "streams_waiting_for_retry"),
    ],
}


def shape(outcomes: "Sequence[RunOutcome]", already_at_work: str | None) -> dict[str, Any]:
    """The object. `already_at_work`: who is, where no run was made for that."""
    stopped = next((outcome.stopped_early for outcome in reversed(outcomes) if outcome.stopped_early), None)
    published = [told["replaced"] for told in _told_by(outcomes, "published_warehouse")]
    return {
        "run_ids": [outcome.run_id for outcome in outcomes],
        "already_at_work": already_at_work,
        "stopped_early": stopped,
        "calls": sum(told.get("calls", 0) for outcome in outcomes for told in outcome.metadata.values()),
        **{name: _sum(outcomes, reported) for name, reported in _SUMS.items()},
        "failed_ids": _ids(outcomes, "failed_ids"),
        "gone_ids": _ids(outcomes, "gone_at_strava_ids"),
        "held_back": [
            {"year": int(year), "missing": missing}
            for told in _told_by(outcomes, "activities")
            for year, missing in told.get("deletions_not_marked_by_year", {}).items()
        ],
        "published": any(published) if published else None,
    }


def _sum(outcomes: "Sequence[RunOutcome]", reported: list[tuple[str, str]]) -> int | None:
    found = [told[name] for asset, name in reported for told in _told_by(outcomes, asset)]
    return sum(found) if found else None


def _ids(outcomes: "Sequence[RunOutcome]", name: str) -> list[int]:
    return [int(one) for outcome in outcomes for told in outcome.metadata.values() for one in told.get(name, [])]


def _told_by(outcomes: "Sequence[RunOutcome]", asset: str) -> list[dict[str, Any]]:
    return [outcome.metadata[asset] for outcome in outcomes if asset in outcome.metadata]
