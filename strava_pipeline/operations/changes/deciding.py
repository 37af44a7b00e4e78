"""A person's decisions about proposed changes. An approval covers exactly the old and the new value shown.

Decisions are recorded one after the other, under a lock, so that a second person sees the first one's decisions.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.changes.proposals import DISK
from strava_pipeline.core.changes.states import ChangeState, State, Verdict, digest_of
from strava_pipeline.core.errors import UndecidedError, UnknownIdError
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.privacy import without_positions
from strava_pipeline.core.text import plain
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import primed_clock, write_problem
from strava_pipeline.lake.changes import DECIDING, ChangeDecision, attempts_of
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.proposing import states_now

_FROM: Mapping[Verdict, frozenset[State]] = {
    "approved": frozenset({"proposed", "rejected", "undone"}),
    "rejected": frozenset({"proposed", "approved"}),
}
"""The states in which a change can be approved or rejected."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change that a person decides about. `seal`: of the change as it was shown; None: it is shown before it is decided."""

    id: str
    seal: str | None = None


def shown(state: ChangeState) -> dict[str, Any]:
    """A change as a person sees it, in JSON's types: its fields in `changes list --json`."""
    change = state.change
    return {
        "kind": change.kind,
        "provider": change.provider,
        "source_id": change.source_id,
        "activity_id": change.activity_id,
        "field": change.field,
        "old": change.old,
        "new": change.new,
        "source": change.source,
        "month": change.month,
        "start": plain(change.start),
        "title": change.title,
        "status": state.state,
        "reason": state.reason or None,
        "round": state.round,
        "proposed_at": plain(state.proposed_at),
        "undoes": change.undoes,
        "awaits_publish": state.state == "applied" and state.is_said,
    }


def shown_attempts(lake: Lake, change_id: str) -> dict[int, dict[str, Any]]:
    """The requests and answers of a change, by attempt, without positions. Raises PipelineError if they can't be read."""
    record = attempts_of(lake, change_id)
    return {
        number: {
            name: without_positions(found.model_dump(mode="json", exclude={"id"}))
            for name, found in (("intent", record.intents.get(number)), ("outcome", record.outcomes.get(number)))
            if found is not None
        }
        for number in sorted({*record.intents, *record.outcomes})
    }


def seal_of(change_id: str, content: Mapping[str, Any]) -> str:
    """A hash of a change as it was shown, which differs for any other value, place or round."""
    seen = {name: content.get(name) for name in _SEALED}
    return hashlib.sha256(json_bytes({"id": change_id, **seen})).hexdigest()[:32]


_SEALED = ("kind", "provider", "source_id", "field", "new", "old", "round")


def decide(
    settings: Settings,
    verdict: Verdict,
    wanted: Sequence[Wanted],
    by: str,
    show: Callable[[str, ChangeState], object] = lambda key, state: None,
) -> list[str]:
    """`decide_each` with the same verdict for all these changes."""
    return decide_each(settings, [(verdict, each) for each in wanted], by, show)


def decide_each(
    settings: Settings,
    decisions: Sequence[tuple[Verdict, Wanted]],
    by: str,
    show: Callable[[str, ChangeState], object] = lambda key, state: None,
) -> list[str]:
    """Record the decisions about these changes, all or none; returns the ids. They are on disk on return.

    Args:
        by: the person's command, or the place of the pressed button.
        show: is called with each change before anything is recorded.

    Raises UnknownIdError; UndecidedError, naming the ids.
    """
    lake, clock = Lake(settings.data_dir), primed_clock(settings)
    wanted, verdicts = [each for _, each in decisions], {each.id: verdict for verdict, each in decisions}
    with locked(lake, DECIDING, who=by):
        now = clock.now()
        states = states_now(lake, settings, now)
        ids = list(dict.fromkeys(each.id for each in wanted))
        _refuse_unknown(ids, states)
        _refuse_others(wanted, states)
        _refuse_states(verdicts, states)
        _refuse_unwritable(settings, {states[key].change.provider for key in ids if verdicts[key] == "approved"})
        for key in ids:
            show(key, states[key])
        record_decisions(
            lake,
            *(
                ChangeDecision(
                    at=now,
                    by=by,
                    id=key,
                    round=states[key].round,
                    verdict=verdicts[key],
                    old=digest_of(states[key].change.value_before),
                    shown=shown(states[key]),
                )
                for key in ids
            ),
        )
    return ids


def _refuse_unknown(ids: Sequence[str], states: Mapping[str, ChangeState]) -> None:
    if unknown := [key for key in ids if key not in states]:
        raise UnknownIdError(
            f"No change has the id {', '.join(unknown)}. `strava-pipeline changes list` shows the ids."
        )


def _refuse_others(wanted: Sequence[Wanted], states: Mapping[str, ChangeState]) -> None:
    others = [
        each.id for each in wanted if each.seal is not None and each.seal != seal_of(each.id, shown(states[each.id]))
    ]
    if others:
        raise UndecidedError(
            f"Nothing was decided: since it was shown, or in a list, something changed of {', '.join(others)}. Look at it "
            "again; `strava-pipeline changes list --out FILE` writes a list again."
        )


def _refuse_unwritable(settings: Settings, places: set[str]) -> None:
    if problems := [why for name in sorted(places - {DISK}) if (why := write_problem(name, settings))]:
        raise UndecidedError(f"Nothing was decided: no change could be written. {' '.join(problems)}")


def _refuse_states(verdicts: Mapping[str, Verdict], states: Mapping[str, ChangeState]) -> None:
    # What may have been sent can't be rejected any more, and what was done needs to be proposed again.
    refused = [
        f"{key} is {states[key].state}"
        for key, verdict in verdicts.items()
        if states[key].state not in _FROM[verdict] or states[key].is_open or states[key].is_spent
    ]
    unsaid = [key for key, verdict in verdicts.items() if verdict == "approved" and not states[key].is_said]
    if unsaid and not refused:
        months = " or ".join(sorted({f"`strava-pipeline sync-month {states[key].change.month}`" for key in unsaid}))
        raise UndecidedError(
            f"Nothing was decided: the data do not call for {', '.join(unsaid)} now, or nobody has compared them since it ended. "
            f"{months} compares them again."
        )
    if refused:
        raise UndecidedError(
            f"Nothing was decided: {'; '.join(refused)}. Only what is proposed can be "
            f"{' or '.join(sorted({*verdicts.values()}))}. `strava-pipeline changes show ID` says what became of a change."
        )
