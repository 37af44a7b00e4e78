"""The states of changes, over sequences of what is proposed, decided, done, and said by the data."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.changes.states import (
    ROUND,
    Attempt,
    Expiry,
    History,
    Proposal,
    Said,
    Verdicted,
    change_states,
    digest_of,
    ended_ids,
    what_is_due,
)

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
APPROVAL = timedelta(days=7)


class Story:
    """One change and what happens to it, a step an hour; `undo` is the change that takes it back."""

    def __init__(self) -> None:
        self.now = BEGAN
        self.records: dict[str, list[Any]] = {name: [] for name in ("proposals", "verdicts", "attempts", "expiries")}
        self.landed, self.said = 1, dict[str, Said]()
        self.old: str | None = "old"

    @property
    def change(self) -> Change:
        return Change(kind="update_name", provider="toy", month="2026-02", source_id="1", new="new", old=self.old)

    @property
    def undo(self) -> Change:
        more: dict[str, Any] = {"undoes": self.change.id, "details": {ROUND: self.round(self.change)}}
        return Change(kind="update_name", provider="toy", month="2026-02", source_id="1", new="old", old="new", **more)

    def round(self, change: Change) -> int:
        return sum(each.change.id == change.id for each in self.records["proposals"])

    def step(self, what: str) -> None:
        """A step: what the data say or no longer say, a look of a run, a decision, an attempt, days that pass."""
        self.now += timedelta(hours=1)
        word, _, more = what.partition(" ")
        change = self.undo if more == "undo" else self.change
        seen = {"id": change.id, "round": self.round(change), "at": self.now}
        match word:
            case "said":
                self.landed += 1
                self.said = {change.id: Said(self.change, self.landed)}
            case "unsaid":
                self.said = {}
            case "moved":
                self.old = more
                self.step("said")
            case "look":
                self.look()
            case "undo":
                self.records["proposals"].append(Proposal(self.undo, self.round(self.undo) + 1, self.now))
            case "approve" | "reject":
                verdict = {"approve": "approved", "reject": "rejected"}[word]
                self.records["verdicts"].append(Verdicted(**seen, verdict=verdict, old=digest_of(change.old)))
            case "days":
                self.now += timedelta(days=int(more))
            case "intent":
                self.records["attempts"].append(Attempt(**seen, result=None))
            case _:
                self.landed += 1
                if self.records["attempts"] and self.records["attempts"][-1].result is None:
                    self.records["attempts"].pop()
                self.records["attempts"].append(Attempt(**seen, result=word, landed=self.landed))  # type: ignore[arg-type]

    def look(self) -> None:
        due = what_is_due(self.history, self.said, self.now, APPROVAL)
        for state in due.expired:
            self.records["expiries"].append(Expiry(state.change.id, state.round, self.now, state.reason))
        self.records["proposals"] += [Proposal(change, round_, self.now) for change, round_ in due.proposed]
        again = what_is_due(self.history, self.said, self.now, APPROVAL)
        assert (*again.expired, *again.proposed) == (), "a second look finds nothing to record"

    @property
    def history(self) -> History:
        return History(**self.records)

    def states(self) -> Mapping[str, Any]:
        return change_states(self.history, self.said, self.now, APPROVAL)

    def tell(self, steps: str) -> tuple[str, int]:
        for step in steps.split(", "):
            self.step(step)
        state = self.states()[self.change.id]
        return state.state, state.round


PROPOSED = "said, look"
APPROVED = f"{PROPOSED}, approve"
APPLIED = f"{APPROVED}, intent, applied, unsaid, look"
UNDONE = f"{APPLIED}, undo, approve undo, applied undo"


@pytest.mark.parametrize(
    ("steps", "state", "round_"),
    [
        (PROPOSED, "proposed", 1),
        (f"{PROPOSED}, look, look", "proposed", 1),
        (f"{PROPOSED}, unsaid", "expired", 1),
        (f"{PROPOSED}, unsaid, look, said, look", "proposed", 2),
        (f"{PROPOSED}, moved other", "expired", 1),
        (f"{PROPOSED}, moved other, look", "proposed", 2),
        (APPROVED, "approved", 1),
        (f"{APPROVED}, days 6", "approved", 1),
        (f"{APPROVED}, days 7", "expired", 1),
        (f"{APPROVED}, days 7, look", "proposed", 2),
        (f"{APPROVED}, unsaid", "expired", 1),
        (f"{APPROVED}, unsaid, look, said", "expired", 1),
        (f"{APPROVED}, unsaid, look, said, look", "proposed", 2),
        (f"{APPROVED}, moved other", "expired", 1),
        (f"{APPROVED}, moved other, look", "proposed", 2),
        (f"{APPROVED}, moved other, look, approve", "approved", 2),
        (f"{APPROVED}, reject", "rejected", 1),
        (f"{PROPOSED}, reject", "rejected", 1),
        (f"{PROPOSED}, reject, unsaid, look, said, look", "rejected", 1),
        (f"{PROPOSED}, reject, moved other, look", "rejected", 2),
        (f"{PROPOSED}, reject, approve", "approved", 1),
        (f"{APPROVED}, intent", "approved", 1),
        (f"{APPROVED}, intent, days 8, look", "approved", 1),
        (f"{APPROVED}, intent, unsaid, look", "approved", 1),
        (f"{APPROVED}, intent, applied", "applied", 1),
        (APPLIED, "applied", 1),
        (f"{APPROVED}, intent, applied, look", "applied", 1),
        (f"{APPLIED}, said", "applied", 1),
        (f"{APPLIED}, said, look", "proposed", 2),
        (f"{APPLIED}, said, look, reject", "rejected", 2),
        (f"{APPLIED}, said, look, approve, intent, applied", "applied", 2),
        (f"{APPROVED}, intent, failed, look", "failed", 1),
        (f"{APPROVED}, intent, failed, said, look", "proposed", 2),
        (f"{APPROVED}, conflicted, look", "conflicted", 1),
        (f"{APPROVED}, conflicted, moved third, look", "proposed", 2),
        (f"{APPLIED}, undo", "applied", 1),
        (UNDONE, "undone", 1),
        (f"{UNDONE}, said, look", "undone", 2),
        (f"{UNDONE}, said, look, approve", "approved", 2),
        (f"{UNDONE}, said, look, approve, intent, applied", "applied", 2),
        (f"{UNDONE}, said, look, approve, intent, applied, undo", "applied", 2),
    ],
)
def test_the_state_of_a_change_follows_from_what_is_recorded_and_said(steps: str, state: str, round_: int) -> None:
    assert Story().tell(steps) == (state, round_)


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (f"{APPLIED}, undo", "proposed"),
        (f"{APPLIED}, undo, approve undo", "approved"),
        (f"{APPLIED}, undo, approve undo, days 8", "expired"),
        (f"{APPLIED}, undo, reject undo", "rejected"),
        (f"{APPLIED}, undo, said, look", "expired"),
        (f"{APPLIED}, undo, said, look, reject", "expired"),
        (UNDONE, "applied"),
        (f"{UNDONE}, said, look, approve, intent, applied, undo", "proposed"),
    ],
)
def test_a_change_that_takes_one_back_holds_as_long_as_that_one_is_applied(steps: str, state: str) -> None:
    story = Story()
    story.tell(steps)
    assert story.states()[story.undo.id].state == state


@pytest.mark.parametrize(
    ("steps", "has_ended"),
    [
        (f"{PROPOSED}, days 30", False),
        (f"{PROPOSED}, reject, days 6", False),
        (f"{PROPOSED}, reject, days 8", True),
        (f"{PROPOSED}, reject, days 8, approve", False),
        (f"{PROPOSED}, unsaid, look, days 6", False),
        (f"{PROPOSED}, unsaid, look, days 8", True),
        (f"{PROPOSED}, unsaid, look, days 8, said, look", False),
        (f"{APPROVED}, intent, days 30", False),
        (f"{APPROVED}, intent, failed, days 8", True),
        (f"{APPLIED}, days 6", False),
        (f"{APPLIED}, days 8", True),
        (f"{APPLIED}, days 8, said, look", False),
        (f"{UNDONE}, days 8", True),
    ],
)
def test_what_ended_long_ago_keeps_its_state_whatever_the_data_say(steps: str, has_ended: bool) -> None:
    story = Story()
    state = story.tell(steps)
    assert (story.change.id in ended_ids(story.history, story.now, APPROVAL)) == has_ended
    if has_ended:
        story.step("unsaid")
        assert story.tell("look") == state


def test_an_approval_of_another_old_value_counts_for_nothing() -> None:
    """A line of the journal was lost, and the change was proposed for the first time once more, with another value."""
    story = Story()
    story.tell(APPROVED)
    story.records["proposals"].clear()
    assert story.tell("moved other, look") == ("proposed", 1)


@pytest.mark.parametrize(
    ("steps", "is_open", "may_be_sent"),
    [
        (APPROVED, False, True),
        (f"{APPROVED}, intent", True, True),
        (f"{APPROVED}, intent, days 8", True, False),
        (f"{APPROVED}, intent, unsaid", True, False),
    ],
)
def test_an_open_change_is_sent_again_while_its_approval_holds(steps: str, is_open: bool, may_be_sent: bool) -> None:
    story = Story()
    story.tell(steps)
    state = story.states()[story.change.id]
    assert (state.is_open, state.may_be_sent) == (is_open, may_be_sent)
