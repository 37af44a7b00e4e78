"""Asking a person in a terminal about proposed changes, group by group. Each change is decided, and recorded, by itself.

Exactly the shown values are approved: the seal of the change on the screen goes with the decision.
"""

from collections import Counter
from dataclasses import dataclass, field

import typer

from strava_pipeline.core.changes.states import ChangeState, Verdict
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.text import counted
from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.changes.deciding import Wanted, decide, seal_of, shown
from strava_pipeline.verbs.change_view import States, grouped, print_groups
from strava_pipeline.verbs.output import ask, confirm
from strava_pipeline.verbs.terminal import err, out, print_wrapped

_HELP = (
    "y approves what is shown, n rejects it, o asks about each change of the group, a approves it and everything after it, "
    "q leaves the rest for later. Nothing is written yet."
)
_VERDICTS: dict[str, Verdict] = {"y": "approved", "n": "rejected", "a": "approved"}


def ask_about(settings: Settings, states: States, by: str) -> int:
    """Ask about each group of these changes; returns how many are still undecided. An interrupt counts as `q`.

    `by`: the person's command.
    """
    asking = _Asking(settings, by)
    if states:
        out.print()
        print_wrapped(f"{counted(len(states), 'change')}. {_HELP}")
    try:
        asking.about([*grouped(states).values()])
    except typer.Abort:
        err.print()
    done = asking.decided
    left = len(states) - done.total()
    if states:
        out.print(f"\nApproved: {done['approved']}. Rejected: {done['rejected']}. Undecided: {left}.")
    if done["approved"]:
        out.print("`strava-pipeline changes apply` writes what you approved.")
    return left


@dataclass(slots=True)
class _Asking:
    settings: Settings
    by: str
    decided: Counter[str] = field(default_factory=Counter)

    def about(self, groups: list[dict[str, ChangeState]]) -> bool:
        """Ask about each group, until the person stops; then returns false."""
        is_rest_approved = False
        for group in groups:
            print_groups(group)
            answer = "y" if is_rest_approved else self._answer(len(group))
            is_rest_approved |= answer == "a"
            if answer == "q" or (answer == "o" and not self.about([{key: one} for key, one in group.items()])):
                return False
            if answer != "o":
                self._decide(_VERDICTS[answer], group)
        return True

    def _answer(self, count: int) -> str:
        letters = "ynoaq" if count > 1 else "ynaq"
        while True:
            question = f"Approve {'it' if count == 1 else f'all {count}'}? [{'/'.join(letters)}]"
            first = str(ask(question, default="?", show_default=False, err=True)).strip().lower()[:1]
            if first and first in letters:
                return first
            print_wrapped(_HELP)

    def _decide(self, verdict: Verdict, states: States) -> None:
        """Record the decision about the shown changes. A change that was altered meanwhile stays undecided, which is reported."""
        try:
            self.decided[verdict] += len(decide(self.settings, verdict, _as_shown(states), self.by))
        except PipelineError as error:
            print_wrapped(str(error), style="yellow")


def approve_or_reject_group(settings: Settings, verdict: Verdict, states: dict[str, ChangeState], by: str) -> int:
    """Show these changes and ask once about all of them; returns how many were decided."""
    print_groups(states)
    verb = {"approved": "Approve", "rejected": "Reject"}[verdict]
    out.print()
    if not confirm(f"{verb} {'it' if len(states) == 1 else f'all {len(states)}'}?", err=True):
        return 0
    return len(decide(settings, verdict, _as_shown(states), by))


def _as_shown(states: States) -> list[Wanted]:
    return [Wanted(key, seal_of(key, shown(state))) for key, state in states.items()]
