"""What `doctor` looks at where a source of trips is set: whether it opens, and whether the keys fit. Tells of no trip."""

import stat

from strava_pipeline.core.errors import Finding, PipelineError, ok, problem, skipped, warning
from strava_pipeline.core.trips.activity.bundle import State
from strava_pipeline.ingest.trips.connect import trip_keys, trip_source
from strava_pipeline.ingest.trips.read import read_bundles
from strava_pipeline.ingest.trips.table import Filters, TripSource
from strava_pipeline.settings import Settings

SOURCE, KEYS = "trips: source", "trips: keys"
_LATEST = 20  # trips that the keys are tried on


def trips_health(settings: Settings) -> list[Finding]:
    """The source and the keys, tried on the latest trips; nothing where there is no source."""
    if not settings.trips_source:
        return []
    try:
        with trip_source(settings) as source:
            trips = sum(count for *_, count in source.counts().groups)
            return [ok(SOURCE, f"{source.name} opens, {trips} trips"), _keys(settings, source)]
    except PipelineError as error:
        return [problem(SOURCE, f"{error}", "Mend TRIPS_SOURCE or what it names."), skipped(KEYS, "no source")]


def _keys(settings: Settings, source: TripSource) -> Finding:
    try:
        keys = trip_keys(settings)
    except PipelineError as error:
        return problem(KEYS, f"{error}", "Correct TRIPS_KEYS_FILE, TRIPS_FERNET_KEYS or TRIPS_KEYS_COMMAND.")
    file = settings.trips_keys_file
    if file is not None and stat.S_IMODE(file.stat().st_mode) & 0o077:
        return warning(KEYS, f"{file} can be read by others.", f"chmod 600 '{file}'")
    states = [
        bundle.decryption.locations for batch in read_bundles(source, keys, Filters(limit=_LATEST)) for bundle in batch
    ]
    tokens = [state for state in states if state is not State.ABSENT]
    if tokens and all(state is State.UNDECRYPTABLE for state in tokens):
        mend = "Put the key that wrote them in front of the others in TRIPS_KEYS_FILE, TRIPS_FERNET_KEYS or TRIPS_KEYS_COMMAND."
        return problem(KEYS, f"none of the {keys.count} keys opens any of the latest {len(tokens)} trips.", mend)
    return ok(
        KEYS, f"{keys.count}, and they open the latest trips" if tokens else f"{keys.count}; no trip to try them on"
    )
