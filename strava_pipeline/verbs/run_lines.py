"""A line for each asset of a run, for eyes: how much came, how long it took, what is left. Made of what the asset reported."""

from collections.abc import Callable, Mapping
from typing import Any

from strava_pipeline.core.tables import ACTIVITY_MATCHES, CAR_TRIPS, TRACKS
from strava_pipeline.core.text import counted
from strava_pipeline.orchestrate.jobs import DETAILS, EVENTS, FILE_BRONZE, FILE_READINGS, LISTING, PINGS, STREAMS

Told = Mapping[str, Any]
_DETAILS_LEFT = {
    "details_missing": "missing",
    "details_waiting_for_retry": "resting",
    "gone_at_strava": "gone",
    "failed": "failed",
}
_STREAMS_LEFT = {
    "nothing_recorded": "of which nothing was recorded",
    "streams_missing": "missing",
    "streams_waiting_for_retry": "resting",
    "failed": "failed",
}


def run_line(asset: str, told: Told) -> str | None:
    """What `asset` reported as metadata; None: nothing that a person asks about."""
    line = _LINES.get(asset)
    return line(told) if line else None


def _listed(told: Told) -> str:
    return f"Listed {counted(told['rows_received'], 'activity')} in {counted(told['calls'], 'call')} ({told['seconds']:.1f} s)"


def _followed(told: Told) -> str:
    waiting = f"; {told['activities_waiting']} wait" if told["activities_waiting"] else ""
    refused = "".join(
        f"; {count} refused: {why}" for why, count in sorted(told.get("events_refused_by_reason", {}).items())
    )
    followed = f"{counted(told['activities_followed'], 'activity')} in {counted(told['calls'], 'call')}"
    return f"Followed webhooks: {followed}{waiting}{refused}"


def _files(told: Told) -> str:
    odd = f"; {counted(told['problems'], 'problem')}" if told["problems"] else ""
    return f"Took in files: {told['dagster/row_count']}, {told['new_files']} of them new ({told['seconds']:.1f} s){odd}"


def _read(told: Told) -> str:
    odd = f", {told['files_with_problems']} of them with problems" if told["files_with_problems"] else ""
    return f"Read {counted(told['files_read'], 'file')}{odd}: {counted(told['activities'], 'activity')} ({told['seconds']:.1f} s)"


def _shards(told: Told) -> str:
    return f"Shards written: {told['files']}, with {counted(told['rows'], 'row')}"


def _merged(told: Told) -> str:
    if "result" in told:
        return str(told["result"])
    gone = f", {told['deleted']} deleted at Strava" if told["deleted"] else ""
    back = f", {told['restored']} back" if told["restored"] else ""
    return f"Merged: {told['inserted']} new, {told['updated']} changed{gone}{back}, {told['rows']} in these years"


def _matched(told: Told) -> str | None:
    """Silent where every activity has one source, and nothing became another one."""
    if not told["matches_changed"]:
        return None
    proposed = (
        f"; {counted(told['pairs_proposed'], 'pair')} may be one: `strava-pipeline matches list`"
        if told["pairs_proposed"]
        else ""
    )
    return (
        f"Counted once, from several sources: {counted(told['activities_with_several_sources'], 'activity')}{proposed}"
    )


def _details(told: Told) -> str:
    parts = [f"{told[name]} {word}" for name, word in _DETAILS_LEFT.items() if told[name]]
    named = {"gone_at_strava_ids": "gone", "failed_ids": "failed"}
    parts += [f"{word}: {', '.join(told[name])}" for name, word in named.items() if name in told]
    return _fetched("details", told, parts)


def _streams(told: Told) -> str:
    return _fetched("streams", told, [f"{told[name]} {word}" for name, word in _STREAMS_LEFT.items() if told[name]])


def _fetched(what: str, told: Told, left: list[str]) -> str:
    rest = "".join(f"; {part}" for part in left)
    received = f"{counted(told[f'{what}_received'], what[:-1])} in {counted(told['calls'], 'call')}"
    return f"Fetched {received} ({told['seconds']:.1f} s){rest}"


def _tracks(told: Told) -> str:
    return f"Made {counted(told['tracks_written'], 'track')}; {told['tracks']} in these years"


def _profile(name: str) -> Callable[[Told], str]:
    def line(told: Told) -> str:
        failed = f"; failed, to be asked for again: {told['failed_names']}" if "failed_names" in told else ""
        return f"{name}: {told['dagster/row_count']} known, {counted(told['calls'], 'call')}{failed}"

    return line


def _pings(told: Told) -> str:
    nets = f"; safety nets for silent trips: {told['safety_nets_sent']}" if told["safety_nets_sent"] else ""
    return f"Took in {counted(told['pings_received'], 'ping')} ({told['seconds']:.1f} s){nets}"


def _car_trips(told: Told) -> str:
    return f"Trips by car: {told['rows_merged']} new"


def _published(told: Told) -> str:
    return "Published" if told["replaced"] else "Nothing changed since the last publish"


_LINES: dict[str, Callable[[Told], str | None]] = {
    LISTING: _listed,
    EVENTS: _followed,
    FILE_BRONZE: _files,
    FILE_READINGS: _read,
    "activity_shards": _shards,
    "activities": _merged,
    ACTIVITY_MATCHES.name: _matched,
    DETAILS: _details,
    STREAMS: _streams,
    TRACKS.name: _tracks,
    "athlete": _profile("Athlete"),
    "gear": _profile("Gear"),
    PINGS: _pings,
    CAR_TRIPS.name: _car_trips,
    "published_warehouse": _published,
}
