"""The state of each change: a pure function of its proposals, decisions and attempts, and of the current data.

A proposal of a change is a *round*: the first, and one more each time that the change is proposed again. A decision and
an outcome both name their round, so no clocks have to agree. How the records are kept is lake/changes.py's.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from strava_pipeline.core.changes.records import Change, Value, is_same
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.years import YearRange

State = Literal["proposed", "approved", "rejected", "applied", "failed", "conflicted", "expired", "undone"]
STATES: tuple[State, ...] = get_args(State)
Verdict = Literal["approved", "rejected"]
Result = Literal["applied", "failed", "conflicted"]
NOT_SAID = "The data no longer say so."
TOO_OLD = "The approval was too old."
ROUND = "round"  # key in the details of a change that takes another one back: in which round it does


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change as it was proposed at `at` (UTC) for the `round`th time, from 1."""

    change: Change
    round: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdicted:
    """A person's decision about a round of a change, at `at` (UTC); `old`: hash of the old value that the person saw."""

    id: str
    round: int
    verdict: Verdict
    at: datetime
    old: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write of an approved change, completed or possibly interrupted.

    Args:
        id, round: the change, and which of its proposals.
        result: the outcome, or None if the process ended before it was known.
        at: when it began, or when its result was known (UTC).
        message: for a person, without any value.
        landed: the newest landing number when the result was known (lake/bronze/landing.py); data with a higher one are
            newer.
    """

    id: str
    round: int
    result: Result | None
    at: datetime
    message: str = ""
    landed: int = 0


@dataclass(frozen=True, slots=True)
class Expiry:
    """The expiry of a round that nobody applied, recorded at `at` (UTC); if the data ask for the change again, that is
    a new round.
    """

    id: str
    round: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """A change that the current data call for. `landed`: the newest landing number among these data."""

    change: Change
    landed: int = 0


@dataclass(frozen=True, slots=True)
class ChangeState:
    """A change as it was last proposed, and its state.

    Args:
        round: how many times it was proposed.
        since: when it got this state (UTC), as far as that is recorded.
        reason: why, for a person; may be empty.
        is_open: a process that ended may have written it, so the service is read before anything else.
        may_be_sent: the approval still holds, so that an open change may be written once more.
        is_spent: a result of this round is known: the change can only be approved when it is proposed again.
        is_said: of a rejected or a written change, whether the data still call for it. Otherwise approving a rejected one
            would do nothing, and the data show what was written.
    """

    change: Change
    round: int
    state: State
    proposed_at: datetime
    since: datetime
    decided_at: datetime | None = None
    reason: str = ""
    is_open: bool = False
    may_be_sent: bool = False
    is_spent: bool = False
    is_said: bool = True


@dataclass(frozen=True, slots=True)
class History:
    """All records about changes, each list in the order of its records."""

    proposals: Sequence[Proposal] = ()
    verdicts: Sequence[Verdicted] = ()
    attempts: Sequence[Attempt] = ()
    expiries: Sequence[Expiry] = ()


def digest_of(value: Value) -> str:
    """A hash of a value, which proves that a decision was made about this very value."""
    return hashlib.sha256(json_bytes(value)).hexdigest()


def change_states(
    history: History, said: Mapping[str, Said], now: datetime, approval: timedelta
) -> dict[str, ChangeState]:
    """The state of each change that was ever proposed, by id.

    Args:
        said: the changes that the data call for now, by id; undoing changes are not among them.
        approval: how long an approval holds.
    """
    return _States(history, said, now, approval).all()


def ended_ids(history: History, now: datetime, within: timedelta) -> set[str]:
    """The changes that were rejected, expired, or have a result for longer than `within`.

    They keep their state whatever the data say, so nothing has to be compared for them.
    """
    rounds = {each.change.id: each.round for each in history.proposals}
    verdicts = {each.id: each for each in history.verdicts}
    ends = [(each.id, each.at) for each in verdicts.values() if each.verdict == "rejected"]
    ends += [(each.id, each.at) for each in history.expiries if each.round == rounds.get(each.id)]
    ends += [(each.id, each.at) for each in history.attempts if each.result and each.round == rounds.get(each.id)]
    newest = dict(sorted(ends, key=lambda end: end[1]))
    return {key for key, at in newest.items() if now - at > within}


@dataclass(frozen=True, slots=True)
class Due:
    """What to record now: rounds that have expired, and changes to be proposed, each with its round."""

    expired: Sequence[ChangeState]
    proposed: Sequence[tuple[Change, int]]


def what_is_due(history: History, said: Mapping[str, Said], now: datetime, approval: timedelta) -> Due:
    """The content of the next record of proposals; once it is written, nothing is due."""
    states = change_states(history, said, now, approval)
    results = {(each.id, each.round): each for each in history.attempts if each.result is not None}
    proposed = []
    for key, each in said.items():
        known = states.get(key)
        if known is None:
            proposed.append((each.change, 1))
        elif _is_due(known, each, results.get((key, known.round))):
            proposed.append((each.change, known.round + 1))
    # Those that expired and are proposed again have both on record; what takes back a change that is proposed again expires.
    after = [*history.proposals, *(Proposal(change, round_, now) for change, round_ in proposed)]
    noted = {(each.id, each.round) for each in history.expiries}
    seen = [*states.values(), *change_states(replace(history, proposals=after), said, now, approval).values()]
    expired = {
        (each.change.id, each.round): each
        for each in seen
        if each.state == "expired" and (each.change.id, each.round) not in noted
    }
    return Due(list(expired.values()), proposed)


def _is_due(known: ChangeState, said: Said, result: Attempt | None) -> bool:
    if known.is_open:
        return False
    if result is not None:  # what came before the result says nothing about it
        return said.landed > result.landed
    return known.state == "expired" or not _is_same_before(known.change, said.change)


def _is_same_before(one: Change, other: Change) -> bool:
    """Whether two proposals of one change start from the same value."""
    return is_same(one.kind, one.value_before, other.value_before) and is_same(
        one.kind, other.value_before, one.value_before
    )


@dataclass(slots=True)
class _States:
    history: History
    said: Mapping[str, Said]
    now: datetime
    approval: timedelta
    _found: dict[str, ChangeState] = field(default_factory=dict)
    _expiries: dict[tuple[str, int], Expiry] = field(default_factory=dict)

    def all(self) -> dict[str, ChangeState]:
        last = {proposal.change.id: proposal for proposal in self.history.proposals}
        verdicts = {verdict.id: verdict for verdict in self.history.verdicts}
        self._expiries = {(expiry.id, expiry.round): expiry for expiry in self.history.expiries}
        attempts: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in self.history.attempts:
            attempts[attempt.id].append(attempt)
        undone = _undone(self.history)
        # An undoing change is judged by the state of the change that it undoes, which is never an undoing one itself.
        for key, proposal in sorted(last.items(), key=lambda each: each[1].change.undoes is not None):
            self._found[key] = self._state(key, proposal, verdicts.get(key), attempts[key], undone.get(key))
        return {key: self._found[key] for key in last}

    def _state(
        self, key: str, last: Proposal, verdict: Verdicted | None, attempts: Sequence[Attempt], undone: Attempt | None
    ) -> ChangeState:
        expiry = self._expiries.get((key, last.round))
        of_round = [each for each in attempts if each.round == last.round]
        result = of_round[-1].result if of_round else None
        decided = verdict if verdict is not None and verdict.round == last.round else None
        if decided is not None and decided.verdict == "approved" and decided.old != digest_of(last.change.value_before):
            decided = None  # a line of the journal was lost, and the person has seen another change
        if result is not None and undone is None:
            state = self._as(last, result, of_round[-1].at, decided, of_round[-1].message)
            return replace(state, is_said=self._is_said(last.change))
        if result is None and decided is not None and decided.verdict == "approved":
            return self._approved(last, decided, expiry, is_open=bool(of_round))
        if verdict is not None and verdict.verdict == "rejected":
            return self._unwanted(self._as(last, "rejected", verdict.at, verdict), result)
        if undone is not None:
            return self._unwanted(self._as(last, "undone", undone.at), result)
        if expiry is not None:
            return self._as(last, "expired", expiry.at, reason=expiry.reason)
        if not self._is_said(last.change):
            return self._as(last, "expired", self.now, reason=NOT_SAID)
        return self._as(last, "proposed", last.at)

    def _unwanted(self, state: ChangeState, result: Result | None) -> ChangeState:
        return replace(state, is_spent=result is not None, is_said=self._is_said(state.change))

    def _approved(self, last: Proposal, decided: Verdicted, expiry: Expiry | None, *, is_open: bool) -> ChangeState:
        reason, since = "", self.now
        if expiry is not None:
            reason, since = expiry.reason, expiry.at
        elif not self._is_said(last.change):
            reason = NOT_SAID
        elif self.now - decided.at > self.approval:
            reason = TOO_OLD
        if reason and not is_open:
            return self._as(last, "expired", since, decided, reason)
        change, round_ = last.change, last.round
        return ChangeState(
            change, round_, "approved", last.at, decided.at, decided.at, reason, is_open, may_be_sent=not reason
        )

    def _is_said(self, change: Change) -> bool:
        if change.undoes is not None:
            undoing = self._found.get(change.undoes)
            return undoing is not None and undoing.state == "applied"
        said = self.said.get(change.id)
        return said is not None and _is_same_before(change, said.change)

    def _as(
        self, last: Proposal, state: State, since: datetime, decided: Verdicted | None = None, reason: str = ""
    ) -> ChangeState:
        return ChangeState(
            last.change, last.round, state, last.at, since, decided.at if decided is not None else None, reason
        )


def _undone(history: History) -> dict[str, Attempt]:
    """By change, the attempt that undid it, unless it was applied again since."""
    applied = {(each.id, each.round): each for each in history.attempts if each.result == "applied"}
    taken_back: dict[str, tuple[int, Attempt]] = {}
    for proposal in history.proposals:
        change = proposal.change
        if change.undoes is not None and (undo := applied.get((change.id, proposal.round))) is not None:
            taken_back[change.undoes] = (change.details[ROUND], undo)
    last = dict(sorted(applied))  # the highest round of each
    return {key: undo for key, (round_, undo) in taken_back.items() if round_ >= last.get(key, 0)}


def approved(
    states: Mapping[str, ChangeState], ids: Collection[str], years: Collection[int], within: YearRange
) -> list[ChangeState]:
    """The approved changes of these years, in the order in which they were proposed; changes without a month belong to
    every year.
    """
    return [
        state
        for key, state in states.items()
        if state.state == "approved" and (not ids or key in ids) and year_of(state.change, within) in (None, *years)
    ]


def year_of(change: Change, within: YearRange) -> int | None:
    """The partition of the change's activity, or None if it has none."""
    year = change.month[:4]
    return within.clamp(int(year)) if year.isdigit() else None
