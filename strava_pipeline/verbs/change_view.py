"""Proposed changes in a terminal: those of one kind at one service together, each with the old value and the new one.

Decisions are change_prompt.py's and changes.py's.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping

from strava_pipeline.core.changes.proposals import DISK
from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.text import counted
from strava_pipeline.operations.changes.apply_step import place_of
from strava_pipeline.operations.changes.comparing import MOST_PROPOSED
from strava_pipeline.operations.changes.deciding import shown
from strava_pipeline.verbs.terminal import out
from strava_pipeline.verbs.views import print_rows, show

States = Mapping[str, ChangeState]


def grouped(states: States) -> dict[str, dict[str, ChangeState]]:
    """The changes of each status, kind and service, by a title for a person; those of the newest activities come first."""
    found: dict[str, dict[str, ChangeState]] = {}
    for key, state in sorted(states.items(), key=lambda item: _day(item[1]), reverse=True):
        where = f"{'on' if state.change.provider == DISK else 'at'} {place_of(state.change.provider)}"
        found.setdefault(f"{state.state}: {state.change.kind} {where}", {})[key] = state
    return found


def print_groups(states: States) -> None:
    """All of the changes, in groups."""
    for title, group in grouped(states).items():
        out.print(f"\n{counted(len(group), 'change')} {title}", style="bold")
        rows = [
            {
                "": key,
                "activity": f"{_day(state)} {' '.join((state.change.title or '').split())}",
                "old": value_text(state.change.old),
                "new": value_text(state.change.new),
                "takes back": state.change.undoes,
                "reason": state.reason,
            }
            for key, state in group.items()
        ]
        print_rows(rows)


def print_change(key: str, state: ChangeState) -> None:
    """Everything known about a change: its place, its present value, its new value."""
    values = {"old": value_text(state.change.old), "new": value_text(state.change.new)}
    show({"id": key, **shown(state), **values}, hidden=("field", "month", "round"))


def is_asking() -> bool:
    """Whether a person is there to answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def next_lines(states: States, left_out: int, month: str | None = None) -> Iterator[str]:
    """The commands for changes that wait for a person or are approved, and a note about further possible proposals."""
    which = f" --month {month}" if month else ""
    counts = Counter(state.state for state in states.values())
    if counts["proposed"]:
        yield "`strava-pipeline changes approve ID …` approves, `… reject ID …` rejects."
        yield f"`strava-pipeline changes approve{which} --kind KIND` shows all of a kind and asks once."
        yield f"`strava-pipeline changes list{which} --out FILE` writes them down, `… approve --from FILE` approves that list."
    if counts["approved"]:
        yield "`strava-pipeline changes apply` writes what is approved; `--dry-run` shows the requests."
    if left_out:
        yield (
            f"{counted(left_out, 'more change')} could be proposed. Runs propose more as soon as fewer than {MOST_PROPOSED} "
            "wait; `strava-pipeline sync-month YYYY-MM` proposes all of a month at once."
        )


def value_text(value: object) -> str:
    """A value for a person; a text in quotes, so that blanks show."""
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _day(state: ChangeState) -> str:
    return f"{state.change.start:%Y-%m-%d}" if state.change.start else state.change.month
