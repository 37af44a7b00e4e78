"""A person's decisions about an activity, its bests and its values: recorded, and published as soon as no run is at work."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import primed_clock
from strava_pipeline.lake.decisions import Decision, record_decisions
from strava_pipeline.lake.gold.corrections import CorrectionDecision, Words, checked_words, is_known_gear, own_words
from strava_pipeline.lake.gold.personal import BestsDecision
from strava_pipeline.lake.gold.publish import if_readable, publish
from strava_pipeline.lake.gold.warehouse import Connection, at_rest
from strava_pipeline.lake.paths import Lake

_PATIENCE = 2.0  # s: a person waits for the answer


def decide_bests(settings: Settings, activity_id: int, *, dismissed: bool, by: str) -> bool:
    """Record that an activity holds no best any more, or may again; returns whether readers see it already."""
    lake = _decided(settings, lambda at: BestsDecision(at=at, by=by, activity_id=activity_id, dismissed=dismissed))
    return if_readable(lake, lambda published: _is_dismissed(published, activity_id)) is dismissed


def correct(settings: Settings, activity_id: int, words: Words, by: str) -> bool:
    """Record what a person says of an activity, or takes back; returns whether readers see it already. Raises MisuseError.

    Only what differs is recorded: a word taken back that was never said would count later, for an activity matched with it.
    """
    lake, checked = Lake(settings.data_dir), checked_words(words)
    held = if_readable(lake, lambda published: own_words(published, lake, activity_id)[0])
    said = {name: value for name, value in checked.items() if held is None or held.get(name) != value}
    if said.get("gear") and not if_readable(lake, lambda published: is_known_gear(published, str(said["gear"]))):
        raise MisuseError(
            "No source has gear of this id. Gear is written as its service and its id there: strava:b1234567."
        )
    if said:
        _decided(settings, lambda at: CorrectionDecision(at=at, by=by, activity_id=activity_id, words=said))
    return if_readable(lake, lambda published: own_words(published, lake, activity_id)[1]) is True


def _decided(settings: Settings, made: Callable[[datetime], Decision]) -> Lake:
    from strava_pipeline.operations.table_rules import refuse_faults  # imports Polars
    from strava_pipeline.operations.tracking import measure_what_was_said

    lake = Lake(settings.data_dir, group=settings.reader_group)
    record_decisions(lake, made(primed_clock(settings).now()))
    with at_rest(lake, patience=_PATIENCE) as is_free:
        if is_free:
            with suppress(PipelineError, OSError):  # it is recorded: the next run that publishes follows it
                measure_what_was_said(lake)
                publish(lake, refuse=partial(refuse_faults, lake=lake))
    return lake


def _is_dismissed(published: Connection, activity_id: int) -> bool:
    """The decision that readers see; while a warehouse is being rebuilt, nothing new is published."""
    query = "SELECT count(*) FROM dismissed_bests WHERE activity_id = $id"
    ((count,),) = published.execute(query, {"id": activity_id}).fetchall()
    return bool(count)
