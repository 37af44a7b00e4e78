"""Asking a provider, activity by activity, which gear was used: only if its list does not say it, and only for new activities.

Each activity costs a call, so a listing of a year or of everything asks for none: the runs from the watermark and those
of a month do, for activities that are new, or were edited since they were asked for.
"""

from collections.abc import Mapping

from strava_pipeline.core.errors import GoneError, RefusedError, TransientError
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.lake.bronze.expired import expired_ids
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.provider_gear import ActivityGear, gear_answers, land_gear_of_activity, land_no_gear
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Source

MOST = 100  # calls in one run; the next one goes on
WHOLE = ("year", "all")  # the modes of listings that ask for no gear


def fetch_gear_of_activities(run: RunContext, source: Source, mode: str, rows: Mapping[str, str]) -> set[str]:
    """Ask for the gear of the activities that were just listed, and store the answers; returns the ids of that gear.

    Args:
        mode: of the listing.
        rows: by the provider's own id, a hash of the activity's row.

    Raises LimitReachedError, and TransientError if the provider gives no usable answer.
    """
    if source.spec.gear_of_activity is None or mode in WHOLE:
        return set()
    read = source.client.spec.gear_of_activity
    if read is None:  # this login is not given any
        return set()
    name, named = source.spec.name, set()
    for source_id in _due(run, name, rows)[:MOST]:
        activity_id = hashed_id(name, source_id)
        require_writable(run.lake, run.lake.gear_of_activities(name) / str(activity_id))
        with source.client.landing():
            try:
                answer = source.client.get_gear_of_activity(source_id)
            except (GoneError, RefusedError) as error:
                land_no_gear(run.lake, name, activity_id, error.body, error.status, run.now())
                continue
            content = parse_json(answer.body)
            try:
                gear = read(content)
            except ValueError as error:
                raise TransientError(
                    f"{source.spec.title}: an answer about the gear of an activity has another shape", body=answer.body
                ) from error
            record = ActivityGear(source_id=source_id, row=rows[source_id], gear=content)
            land_gear_of_activity(run.lake, name, activity_id, record, answer.fetched_at)
        if gear is not None:
            named.add(gear)
    return named


def _due(run: RunContext, name: str, rows: Mapping[str, str]) -> list[str]:
    """The activities without an answer, or edited since; those whose calls failed wait, as files do."""
    known, expired = gear_answers(run.lake, name), expired_ids(run.lake, name)
    due = []
    for source_id, row in rows.items():
        files, record = known.get(hashed_id(name, source_id), (None, None))
        if hashed_id(name, source_id) in expired or (record is not None and record.row == row):
            continue
        if files is None or files.retry_at is None or files.retry_at <= run.now():
            due.append(source_id)
    return due
