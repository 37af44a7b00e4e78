"""Undoing an applied change: its inverse is proposed, to be approved like any other change. Nothing is written here."""

from dataclasses import replace

from strava_pipeline.core.changes.records import Change, Kind
from strava_pipeline.core.changes.states import ROUND, ChangeState
from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import primed_clock
from strava_pipeline.lake.changes import DECIDING, attempts_of, record_proposals
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.proposing import states_now

_INVERSE: frozenset[Kind] = frozenset(
    {"update_name", "update_gear", "update_metadata", "add_activity", "link_activity"}
)


class NotUndoableError(PipelineError):
    """The change can't be undone by this program; the text says where a person can."""


def propose_undo(settings: Settings, change_id: str) -> ChangeState:
    """Propose the inverse of an applied change; returns the state of that proposal. It is on disk on return.

    Raises MisuseError for an unknown id; NotUndoableError.
    """
    lake, clock = Lake(settings.data_dir), primed_clock(settings)
    with locked(lake, DECIDING, who="strava-pipeline changes undo"):
        states = states_now(lake, settings, clock.now())
        state = states.get(change_id)
        if state is None:
            raise MisuseError(f"No change has the id {change_id}. `strava-pipeline changes list` shows the ids.")
        _refuse(change_id, state)
        inverse = _inverse(lake, change_id, state)
        known = states.get(inverse.id)
        if known is None or known.state not in ("proposed", "approved"):
            record_proposals(lake, [(inverse, known.round + 1 if known else 1)], [], clock.now())
            states = states_now(lake, settings, clock.now())
    return states[inverse.id]


def _refuse(change_id: str, state: ChangeState) -> None:
    change = state.change
    if state.state != "applied":
        raise NotUndoableError(f"{change_id} is {state.state}: only what was applied can be taken back.")
    if change.undoes is not None:
        raise NotUndoableError(
            f"{change_id} takes {change.undoes} back. Once the next run has looked at the data, that one can be approved again."
        )
    if change.kind not in _INVERSE:
        what = "A file that was fetched stays: nothing was changed at any service."
        if change.kind != "download_file":
            link = spec_of(change.provider).link
            where = f" at {link.format(source_id=change.source_id)}" if link and change.source_id else ""
            what = f"{spec_of(change.provider).title} keeps what was sent there until you delete it yourself{where}."
        raise NotUndoableError(f"{change_id} can't be taken back by this command. {what}")


def _inverse(lake: Lake, change_id: str, state: ChangeState) -> Change:
    """The change that restores the old value, with the values that the writer found and gave when it wrote the new one."""
    change, record = state.change, attempts_of(lake, change_id)
    number = max(record.outcomes)
    outcome, intent = record.outcomes[number], record.intents.get(number)
    restore = outcome.restore or (intent.restore if intent is not None else None)
    details = {**change.details, ROUND: state.round, **({"restore": restore} if restore is not None else {})}
    is_link = change.kind == "link_activity" and isinstance(change.new, dict)
    return replace(
        change,
        new=dict.fromkeys(change.new) if is_link and isinstance(change.new, dict) else change.old,
        old=change.new,
        source_id=change.source_id or outcome.source_id,
        old_id=change.new_id,
        new_id=change.old_id,
        source=None,
        details=details,
        undoes=change_id,
    )
