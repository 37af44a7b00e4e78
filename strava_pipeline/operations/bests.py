"""A person's decisions about activities, their bests and values, and which are one: recorded, and published as soon as no run is
at work.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from secrets import token_hex

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import primed_clock
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.corrections import (
    CorrectionDecision,
    Edit,
    Words,
    are_published,
    checked_words,
    held_words,
    is_known_gear,
    tags_by_rules,
    words_before,
)
from strava_pipeline.lake.gold.matches import MatchDecision
from strava_pipeline.lake.gold.measured import unmeasured_years
from strava_pipeline.lake.gold.personal import BestsDecision
from strava_pipeline.lake.gold.publish import if_readable, publish
from strava_pipeline.lake.gold.rules_file import believe as write_rule
from strava_pipeline.lake.gold.warehouse import Connection, at_rest
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context

log = logging.getLogger(__name__)
_PATIENCE = 2.0  # s: a person waits for the answer


def decide_bests(settings: Settings, activity_id: int, *, dismissed: bool, by: str) -> bool:
    """Record that an activity holds no best any more, or may again; returns whether readers see it already."""
    lake, at = _lake(settings), primed_clock(settings).now()
    record_decisions(lake, BestsDecision(at=at, by=by, activity_id=activity_id, dismissed=dismissed))
    _publish_if_free(lake)
    return if_readable(lake, lambda published: _is_dismissed(published, activity_id)) is dismissed


def decide_pairs(settings: Settings, one: int, others: Iterable[int], *, joined: bool | None, by: str) -> None:
    """Record whether an activity is one with each of the others; None: the evidence decides again. The next matching follows."""
    at = primed_clock(settings).now()
    said = [MatchDecision(at=at, by=by, id=one, other_id=other, joined=joined) for other in others]
    record_decisions(_lake(settings), *said)


def decide_pair(settings: Settings, one: int, other: int, *, joined: bool | None, by: str) -> bool:
    """The same of two; returns whether readers see it already."""
    decide_pairs(settings, one, [other], joined=joined, by=by)
    return _publish_if_free(_lake(settings), lambda: _match(settings))


def believe(settings: Settings, device: str | None) -> bool:
    """Write the rule that a device's heart rate counts wherever it recorded; None takes it out. Returns whether all of it is
    followed already. Raises UnusableRulesError.
    """
    lake = _lake(settings)
    write_rule(lake, device)
    return _publish_if_free(lake) and if_readable(lake, unmeasured_years) == {}


def _match(settings: Settings) -> None:
    from strava_pipeline.operations.merging import match  # imports Polars
    from strava_pipeline.operations.tracking import make_tracks

    run = run_context(settings, LogProgress(log))
    if moved := match(run).tracks_due:
        make_tracks(run, moved)


@dataclass(frozen=True, slots=True)
class Corrected:
    """`step`: what was said at once, to be taken back by it, or None if nothing differed; whether readers see it already."""

    step: str | None
    is_seen: bool


def correct(settings: Settings, ids: Collection[int], edit: Edit, by: str) -> Corrected:
    """Record what a person says of activities, or takes back, a line each, and publish once. Raises MisuseError.

    Only what differs is recorded: a word taken back that was never said would count later, for an activity matched with it.
    """
    gear = checked_words(edit.words).get("gear") if edit.words else None
    lake = _lake(settings)
    if gear and not if_readable(lake, lambda published: is_known_gear(published, str(gear))):
        raise MisuseError(
            "No source has gear of this id. Gear is written as its service and its id there, strava:b1234567; "
            "gear that no source has by a name of your own: own:My bike."
        )

    with locked(lake, "decisions"):  # nobody says anything between reading what holds and recording
        seen = if_readable(lake, lambda published: (held_words(published, lake, ids), tags_by_rules(published, ids)))
        held, ruled = seen or ({}, {})
        said = {one: edit.changes(held.get(one), ruled.get(one, ())) for one in ids}
        step = _record(settings, said, by)
    return _publish_step(lake, step)


def take_back(settings: Settings, step: str, by: str) -> Corrected:
    """Restore the words that held before a step, where nothing was said since."""
    lake = _lake(settings)
    with locked(lake, "decisions"):
        before = if_readable(lake, lambda published: words_before(published, lake, step)) or {}
        taken_back = _record(settings, before, by)
    return _publish_step(lake, taken_back)


def _record(settings: Settings, said: Mapping[int, Words], by: str) -> str | None:
    at, step = primed_clock(settings).now(), token_hex(6)
    lines = [
        CorrectionDecision(at=at, by=by, activity_id=one, words=dict(words), step=step)
        for one, words in said.items()
        if words
    ]
    record_decisions(_lake(settings), *lines)
    return step if lines else None


def _publish_step(lake: Lake, step: str | None) -> Corrected:
    if step:
        _publish_if_free(lake)
    return Corrected(step, if_readable(lake, lambda published: are_published(published, lake)) is True)


def _lake(settings: Settings) -> Lake:
    return Lake(settings.data_dir, group=settings.reader_group)


def publish_at_once(settings: Settings) -> bool:
    """Publish what follows from goals.toml, unless a run is at work; returns whether that was done."""
    return _publish_if_free(_lake(settings))


def _publish_if_free(lake: Lake, follow: Callable[[], object] = lambda: None) -> bool:
    from strava_pipeline.operations.table_rules import refuse_faults  # imports Polars
    from strava_pipeline.operations.tracking import measure_what_was_said

    with at_rest(lake, patience=_PATIENCE) as is_free:
        if is_free:
            with suppress(PipelineError, OSError):  # it is recorded: the next run that publishes follows it
                follow()
                measure_what_was_said(lake)
                publish(lake, refuse=partial(refuse_faults, lake=lake))
                return True
    return False


def _is_dismissed(published: Connection, activity_id: int) -> bool:
    """The decision that readers see; while a warehouse is being rebuilt, nothing new is published."""
    query = "SELECT count(*) FROM dismissed_bests WHERE activity_id = $id"
    ((count,),) = published.execute(query, {"id": activity_id}).fetchall()
    return bool(count)
