"""What came of each asset of a run, in one sentence: for Dagster's log, the run's own and the line of a command."""

from collections.abc import Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Any

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import ACTIVITY_MATCHES, TRACKS
from strava_pipeline.core.text import at_minute, counted
from strava_pipeline.orchestrate.jobs import (
    APPLIED_CHANGES,
    DETAILS,
    EVENTS,
    FILE_BRONZE,
    FILE_READINGS,
    LISTING,
    STREAMS,
    provider_of,
)


class _Words(Formatter):
    """`{name:noun}`: a number of these; `{name:this|that}`: of a truth value; `{name:moment}`: of a moment or epoch seconds.

    Lists get commas, numbers their reasons.
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, dict):
            return "".join(f"; {count} {format_spec}: {why}" for why, count in sorted(value.items()))
        if isinstance(value, list):
            return ", ".join(value)
        if isinstance(value, bool):
            return format_spec.split("|")[not value]
        if format_spec == "moment":
            return str(at_minute(value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)))
        return counted(value, format_spec) if format_spec.isalpha() else str(format(value, format_spec))


_SECONDS = "({seconds:.1f} s)"
_FILES_FETCHED = (
    "Fetched {files_received:file} in {calls:call} " + _SECONDS,
    "activities_without_file?; {} of which there is none",
    "files_missing?; {} missing",
    "files_waiting_for_retry?; {} resting",
    "failed?; {} failed",
)
_PROFILE = (": {dagster/row_count} known, {calls:call}", "failed_names?; failed, to be asked for again: {}")
# asset → the parts of its line. `name?part`: only where there is a value of that name, not 0 or empty; `{}` is that value.
# Without its first part there is no line: it interests no person.
_LINES: dict[str, tuple[str, ...]] = {
    LISTING: (
        "Listed {rows_received:activity} in {calls:call} " + _SECONDS,
        "listing_as_of?; older pages are as of {:moment}",
        "skipped?; {}",
    ),
    EVENTS: (
        "Followed webhooks: {activities_followed:activity} in {calls:call}",
        "activities_waiting?; {} wait",
        "events_refused_by_reason?{:refused}",
    ),
    FILE_BRONZE: (
        "Took in files: {dagster/row_count}, {new_files} of them new " + _SECONDS,
        "problems?; {:problem}",
    ),
    FILE_READINGS: (
        "Read {files_read:file}",
        "files_with_problems?, {} of them with problems",
        ": {activities:activity} " + _SECONDS,
    ),
    APPLIED_CHANGES: (
        "Applied {changes_applied:change} " + _SECONDS,
        "changes_failed?; {} failed",
        "changes_conflicted?; {} conflicted",
        "changes_left?; {} still approved",
    ),
    "activity_shards": ("Shards written: {files}, with {rows:row}",),
    "activities": (
        "Merged: {inserted} new, {updated} changed",
        "deleted?, {} deleted at the source",
        "restored?, {} back",
        ", {rows} in these years",
    ),
    ACTIVITY_MATCHES.name: (
        "matches_changed?Counted once, recorded several times: {activities_with_several_sources:activity}",
        "pairs_proposed?; {:pair} may be one: `strava-pipeline matches list`",
    ),
    DETAILS: (
        "Fetched {details_received:detail} in {calls:call} " + _SECONDS,
        "details_missing?; {} missing",
        "details_waiting_for_retry?; {} resting",
        "gone_at_strava?; {} gone",
        "failed?; {} failed",
        "gone_at_strava_ids?; gone: {}",
        "failed_ids?; failed: {}",
    ),
    STREAMS: (
        "Fetched {streams_received:stream} in {calls:call} " + _SECONDS,
        "nothing_recorded?; {} of which nothing was recorded",
        "streams_missing?; {} missing",
        "streams_waiting_for_retry?; {} resting",
        "failed?; {} failed",
    ),
    TRACKS.name: ("Made {tracks_written:track}; {tracks} in these years",),
    "athlete": ("Athlete" + _PROFILE[0], _PROFILE[1]),
    "gear": ("Gear" + _PROFILE[0], _PROFILE[1]),
    "published_warehouse": ("{replaced:Published|Nothing changed since the last publish}",),
    "exported_gold": ("rows_written?Exported {rows_written:row} to PostgreSQL " + _SECONDS,),
    **{asset: parts for system in parts("words") for asset, parts in system.LINES.items()},
}


def run_line(asset: str, values: Mapping[str, Any]) -> str | None:
    """The line for what `asset` reported (`values`, as in its report or as Dagster keeps them); None: it interests no person."""
    if "result" in values and asset in ("activities", APPLIED_CHANGES):
        return str(values["result"])
    template, is_files = _LINES.get(asset, ()), asset not in _LINES and "files_received" in values
    if not template and (is_files or "rows_received" in values):
        of_service = f" of {spec_of(provider_of(asset)).title} in"
        template = tuple(part.replace(" in", of_service) for part in (_FILES_FETCHED if is_files else _LINES[LISTING]))
    shown = []
    for part in template:
        name, is_conditional, text = part.rpartition("?")
        if not is_conditional or values.get(name):
            shown.append(_Words().vformat(text, (values.get(name),), values))
        elif not shown:
            return None
    is_idle = is_files and not values["calls"] and len(shown) == 1
    return None if is_idle else "".join(shown) or None
