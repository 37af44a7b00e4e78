"""Writing approved changes at services, one after the other, each read before and after. Nothing else is ever written.

No service writes conditionally, so between the reading and the write somebody may edit the same value; the reading
after the write finds that. The intended write is on disk before the service hears of it: a process that dies leaves an
*open* change, and the next run reads the service's value before it does anything. A failure at one service never stops
another one's changes.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from strava_pipeline.core.changes.records import Change, Value, is_same
from strava_pipeline.core.changes.states import ChangeState, Result
from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.ingest.writer import Answered, Reading, Request, UnsupportedChangeError, Writer
from strava_pipeline.lake.bronze.landing import next_number
from strava_pipeline.lake.changes import (
    Exchanged,
    Intent,
    Outcome,
    attempts_of,
    record_intent,
    record_outcome,
)
from strava_pipeline.operations.changes.landing import ReadBacks
from strava_pipeline.operations.run_context import RunContext

MOST = 20  # changes written at one service in one run: a person sees early what goes wrong everywhere
OUTAGE = 3  # changes in a row that the service did not answer for: then it is down
# from a request to a new thing that is seen: Strava needs seconds, and minutes on busy days
SETTLED = timedelta(minutes=15)
_ONCE = frozenset({"upload_activity", "create_gear"})  # a second request would make a second one of it
Limit = BudgetExhaustedError | CallCapReachedError | LimitReachedError
_LIMITS = (BudgetExhaustedError, CallCapReachedError, LimitReachedError)


@dataclass(slots=True)
class Applied:
    """The results of the changes at one service.

    Args:
        results: how many were applied, failed or conflicted.
        left: how many stay approved.
        problem: why the rest could not be written, for a person; may be empty.
        stopped: the limit that ended the work.
    """

    results: Counter[Result] = field(default_factory=Counter)
    left: int = 0
    problem: str = ""
    stopped: Limit | None = None


def in_order(states: Sequence[ChangeState]) -> dict[str, list[ChangeState]]:
    """Approved changes by service, in the order in which they are written: open ones first, then gear that others need."""
    found: dict[str, list[ChangeState]] = {}
    for each in sorted(states, key=lambda each: (not each.is_open, each.change.kind != "create_gear")):
        found.setdefault(each.change.provider, []).append(each)
    return found


def apply_at(
    run: RunContext,
    provider: str,
    connect: Callable[[], Writer],
    states: Sequence[ChangeState],
    *,
    most: int | None,
    details: Callable[[Change], Mapping[str, Any]] = lambda change: {},
    holds: Callable[[ChangeState], bool] = lambda state: True,
    tick: Callable[[int], None] = lambda steps: None,
) -> Applied:
    """Write the approved changes of one service, at most `most` of them (None: all).

    Args:
        connect: makes the writer, which sends nothing yet.
        details: further input for the writer that is not stored, such as the path of a file.
        holds: whether the approval still stands, asked just before a change is written.
        tick: is called with the number of finished changes.

    Raises OSError if a record can't be written: then nothing unrecorded was sent.
    """
    applying = _Applying(run, ReadBacks(run, provider), details, holds)
    report = applying.report
    try:
        applying.write_all(connect(), states[:most], tick)
    except _LIMITS as limit:
        report.stopped = limit
    except PipelineError as error:
        report.problem = str(error)
    report.left = len(states) - report.results.total()
    return report


@dataclass(slots=True)
class _Applying:
    """The changes of one service in one run.

    Args:
        proven: the kinds with a successful write and matching re-read; the first of a kind is written alone.
        halted: the kinds whose first write did not succeed: the others stay approved.
        failures: the number of consecutive unanswered writes.
    """

    run: RunContext
    back: ReadBacks
    details: Callable[[Change], Mapping[str, Any]]
    holds: Callable[[ChangeState], bool]
    report: Applied = field(default_factory=Applied)
    proven: set[str] = field(default_factory=set)
    halted: set[str] = field(default_factory=set)
    failures: int = 0

    def write_all(self, writer: Writer, states: Sequence[ChangeState], tick: Callable[[int], None]) -> None:
        """Write these changes, as many at once as the writer accepts. Raises as `write` does."""
        left = deque(states)
        while left:
            kind = left[0].change.kind
            chunk = [left.popleft()]
            if kind in self.proven and not chunk[0].is_open:
                while left and left[0].change.kind == kind and len(chunk) < writer.most_at_once:
                    chunk.append(left.popleft())
            if kind not in self.halted:
                self.write(writer, chunk)
            tick(len(chunk))
            if self.failures >= OUTAGE:
                raise TransientError(f"{OUTAGE} changes in a row got no answer. The next run goes on.")

    def write(self, writer: Writer, chunk: Sequence[ChangeState]) -> None:
        """Read, write and read back these changes. Raises limits and errors of the whole service."""
        ready: list[_Ready] = []
        for state in chunk:
            try:
                found = self._prepared(writer, state)
            except _LIMITS:
                raise
            except TransientError:
                self.failures += 1  # nothing was sent: the approval stands
            else:
                ready += [found] if found is not None and self.holds(state) else []
        if not ready:
            return
        for each in ready:
            each.number = record_intent(self.run.lake, self._intent(each))
        why = ""
        try:
            answers = writer.write([each.change for each in ready], [each.before for each in ready])
        except (GoneError, RefusedError, UnsupportedChangeError) as error:
            if isinstance(error, RefusedError):
                self._halt(chunk[0].change)
            for each in ready:  # certainly not done
                self._end(each.state, each.number, "failed", each.before, message=str(error))
            return
        except (*_LIMITS, NeedsLoginError) as error:
            for each in ready:  # the same
                self._end(each.state, each.number, None, each.before, message=str(error))
            raise
        except PipelineError as error:  # perhaps it was done: the service's present value decides
            answers, why = (), str(error)
        for each in ready:
            self._read_back(writer, each, answers, why)

    def _prepared(self, writer: Writer, state: ChangeState) -> "_Ready | None":
        """The change with the service's present value and the requests, or None if there is nothing to write; then an
        outcome says why.
        """
        record = attempts_of(self.run.lake, state.change.id)
        number = record.open if state.is_open else None
        change = state.change
        try:
            change = with_details(change, self.details)
            before = writer.read(change)
            result, message = _before(state, before)
            if result is None and not message:
                return _Ready(state, change, before, writer.requests(change, before))
            if result == "failed" and number is not None and self.run.now() - record.intents[number].at < SETTLED:
                return None  # it may take a while to be seen: it stays open
        except (GoneError, RefusedError, UnsupportedChangeError) as error:
            before, result, message = Reading(None), "failed", str(error)
        if result in ("applied", "conflicted"):
            self.back.land(before.source_id or change.source_id, before)
        self._end(state, number, result, before, message=message)
        return None

    def _read_back(self, writer: Writer, ready: "_Ready", answers: Sequence[Answered], why: str = "") -> None:
        """`why`: the error of a write that may nevertheless have succeeded."""
        change = ready.change
        try:
            after = writer.read(change)
        except GoneError as error:
            self._end(ready.state, ready.number, "failed", ready.before, answers, message=str(error))
            return
        except TransientError:
            self.failures += 1  # it stays open: the next run reads first
            return
        self.failures = 0
        if _is_after(change, after.value):
            self.proven.add(change.kind)
            self.back.land(after.source_id or change.source_id, after)
            self._end(ready.state, ready.number, "applied", after, answers, restore=ready.before.restore)
            return
        self._halt(change)
        if _is_before(change, after.value):
            if change.kind in _ONCE:
                return  # it may take a while to be seen, and must not be sent twice: it stays open
            message = (
                f"{why or 'The service still has the old value.'} The approval stands, and the next run tries again."
            )
            self._end(ready.state, ready.number, None, after, answers, message=message)
        else:
            self.back.land(after.source_id or change.source_id, after)
            found = why or "somebody may have edited it at the same time."
            message = f"After the write the service had a third value: {found}"
            self._end(ready.state, ready.number, "conflicted", after, answers, message=message)

    def _halt(self, change: Change) -> None:
        if change.kind not in self.proven:
            self.halted.add(change.kind)

    def _intent(self, ready: "_Ready") -> Intent:
        return Intent(
            id=ready.state.change.id,
            round=ready.state.round,
            at=self.run.now(),
            found=ready.before.value,
            before=[_exchanged(answer) for answer in ready.before.answers],
            restore=ready.before.restore,
            requests=[Exchanged(method=each.method, address=each.address, body=each.body) for each in ready.requests],
        )

    def _end(
        self,
        state: ChangeState,
        number: int | None,
        result: Result | None,
        reading: Reading,
        answers: Sequence[Answered] = (),
        message: str = "",
        restore: Mapping[str, Any] | None = None,
    ) -> None:
        """Record the result of a change. Data that landed before have a lower number."""
        at = self.run.now()
        outcome = Outcome(
            id=state.change.id,
            round=state.round,
            at=at,
            result=result,
            message=message,
            landed=next_number(self.run.lake, at),
            found=reading.value,
            source_id=reading.source_id,
            restore=restore,
            answers=[_exchanged(answer) for answer in (*answers, *reading.answers)],
        )
        record_outcome(self.run.lake, outcome, number)
        if result is not None:
            self.report.results[result] += 1


@dataclass(slots=True)
class _Ready:
    """A change to be written: as the writer gets it, the last reading, and the requests."""

    state: ChangeState
    change: Change
    before: Reading
    requests: Sequence[Request]
    number: int = 0


def with_details(change: Change, details: Callable[[Change], Mapping[str, Any]]) -> Change:
    """The change with the writer's further input."""
    more = details(change)
    return replace(change, details={**change.details, **more}) if more else change


def obstacle(state: ChangeState, before: Reading) -> str:
    """Why the change would not be written after this reading; empty if it would."""
    result, message = _before(state, before)
    return message or ("It was written already, by a run that ended early." if result else "")


def _before(state: ChangeState, before: Reading) -> tuple[Result | None, str]:
    """The result of the reading before a write, and why; (None, "") if the change is to be written."""
    change = state.change
    if _is_after(change, before.value):
        return "applied", "" if state.is_open else "The service had the new value already; nothing was written."
    if not _is_before(change, before.value):
        return "conflicted", "The service had another value than the one that was shown; nothing was written."
    if not state.is_open:
        return None, ""
    if change.kind in _ONCE:
        return "failed", "It was sent once and is not there. It is not sent again: look at the service."
    if not state.may_be_sent:
        return "failed", f"A run that ended early did not write it, and it is not written now. {state.reason}"
    return None, ""


def _is_after(change: Change, found: Value) -> bool:
    return is_same(change.kind, change.value_after, found)


def _is_before(change: Change, found: Value) -> bool:
    """Whether the service still has the value that the person was shown."""
    before = change.value_before
    if before is None and isinstance(change.new, Mapping) and isinstance(found, Mapping):
        before = dict.fromkeys(change.new)  # cells that are empty
    return is_same(change.kind, before, found)


def _exchanged(answer: Answered) -> Exchanged:
    text = answer.body.decode("utf-8", "backslashreplace")
    return Exchanged(method=answer.method, address=answer.address, status=answer.status, body=text, at=answer.at)
