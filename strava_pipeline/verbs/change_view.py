"""How proposed changes look in a terminal: in groups of one kind at one service, each with the old value and the new one.

What a person decides is change_prompt.py's and changes.py's.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from strava_pipeline.core.changes.proposals import DISK
from strava_pipeline.core.changes.records import Change, Value
from strava_pipeline.core.changes.states import ChangeState, State
from strava_pipeline.core.text import counted
from strava_pipeline.operations.changes.apply_step import place_of
from strava_pipeline.operations.changes.comparing import MOST_PROPOSED
from strava_pipeline.verbs.terminal import out, print_wrapped

_COLOURS = {"proposed": "cyan", "approved": "green", "failed": "red", "conflicted": "yellow"}
States = Mapping[str, ChangeState]


@dataclass(frozen=True, slots=True)
class Group:
    """Changes of one kind at one service that have the same status, by id; those of the newest activities come first."""

    state: State
    what: str
    states: dict[str, ChangeState]

    @property
    def title(self) -> str:
        """For a person: how many, of which kind, where."""
        return f"{counted(len(self.states), 'change')} {self.state}: {self.what}"


def grouped(states: States) -> list[Group]:
    """The changes in groups, in the order in which the first of each was proposed."""
    found: dict[tuple[State, str], dict[str, ChangeState]] = {}
    newest_first = sorted(states.items(), key=lambda item: _day(item[1].change), reverse=True)
    for state in states.values():
        found[state.state, _what(state.change)] = {}
    for key, state in newest_first:
        found[state.state, _what(state.change)][key] = state
    return [Group(*about, of_group) for about, of_group in found.items()]


def print_group(group: Group) -> None:
    """The group's title, and two lines for each of its changes."""
    out.print(f"\n{group.title}", style=_COLOURS.get(group.state, ""))
    for key, state in group.states.items():
        change = state.change
        print_wrapped(f"{key}  {_day(change)}  {_title(change)}".rstrip(), indent=2)
        if change.undoes:
            print_wrapped(f"takes {change.undoes} back:", indent=4)
        before = "" if _is_new(change) else f"{_shown(change, change.old)} → "
        print_wrapped(f"{before}{new_value(change)}", indent=4)
        if state.reason:
            print_wrapped(state.reason, indent=4, style="yellow")


def print_change(key: str, state: ChangeState) -> None:
    """A change: where, what is there, what it gets."""
    change = state.change
    undoes = f", takes {change.undoes} back" if change.undoes else ""
    title = _title(change)
    out.print(f"{key}  {state.state}", style=_COLOURS.get(state.state, ""))
    print_wrapped(f"{_what(change)}, {_day(change)}{undoes}" + (f": {title}" if title else ""), indent=2)
    print_wrapped(f"is:   {_shown(change, change.old)}", indent=2)
    print_wrapped(f"gets: {new_value(change)}", indent=2)
    if state.reason:
        print_wrapped(state.reason, indent=2, style="yellow")


def print_details(key: str, state: ChangeState) -> None:
    """A change, and where its activity and its value are from."""
    change = state.change
    print_change(key, state)
    if change.source is not None:
        print_wrapped(f"from: {place_of(change.source)}", indent=2)
    if change.source_id is not None:
        print_wrapped(f"activity there: {change.source_id}", indent=2)
    if change.activity_id is not None:
        print_wrapped(f"activity in the warehouse: {change.activity_id}", indent=2)


def print_left_out(count: int) -> None:
    """That more could be proposed than is; nothing where that is not so."""
    if count:
        print_wrapped(
            f"{counted(count, 'more change')} could be proposed. Runs propose more as soon as fewer than {MOST_PROPOSED} wait; "
            "`strava-pipeline sync-month YYYY-MM` proposes all of a month at once."
        )


def is_asking() -> bool:
    """Whether a person is there to answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def print_counts(states: States) -> None:
    """How many changes have each status."""
    counts = Counter(state.state for state in states.values())
    out.print("\nIn all: " + ", ".join(f"{count} {state}" for state, count in counts.items()) + ".")


def print_next(states: States, month: str | None = None) -> None:
    """What to type about changes that wait for a person, or are approved."""
    which = f" --month {month}" if month else ""
    counts = Counter(state.state for state in states.values())
    if counts["proposed"]:
        print_wrapped("`strava-pipeline changes approve ID …` approves, `… reject ID …` rejects.")
        if is_asking():
            print_wrapped(f"`strava-pipeline changes approve{which} --kind KIND` shows all of a kind and asks once.")
        else:
            print_wrapped(
                f"`strava-pipeline changes list{which} --out FILE` writes them down, `… approve --from FILE` approves that list."
            )
    if counts["approved"]:
        print_wrapped("`strava-pipeline changes apply` writes what is approved; `--dry-run` shows the requests.")


def value_text(value: object) -> str:
    """A value for a person; a text as it is, in quotes, so that blanks show."""
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def new_value(change: Change) -> str:
    """The value that a change gives, for a person."""
    if change.kind == "download_file" and isinstance(change.new, str):
        return f"the file of {place_of(change.new)}"
    if change.kind == "upload_activity" and "name" in change.details:
        return f"the file {value_text(change.details['name'])}"
    return _shown(change, change.new)


def _shown(change: Change, value: Value) -> str:
    if isinstance(value, Mapping):
        given = {name: each for name, each in value.items() if each is not None}
        return ", ".join(f"{name} {value_text(each)}" for name, each in given.items()) or "empty"
    if change.kind == "update_metadata" and isinstance(value, int):
        return f"{value // 3600}:{value // 60 % 60:02}:{value % 60:02}"
    return value_text(value)


def _is_new(change: Change) -> bool:
    """Whether nothing is there that the change would replace, so that there is nothing to show of it."""
    if isinstance(change.old, Mapping):
        return not any(each is not None for each in change.old.values())
    return change.old is None and not change.kind.startswith("update")


def _what(change: Change) -> str:
    return f"{change.kind} {'on' if change.provider == DISK else 'at'} {place_of(change.provider)}"


def _day(change: Change) -> str:
    return f"{change.start:%Y-%m-%d}" if change.start else change.month


def _title(change: Change) -> str:
    return " ".join((change.title or "").split())
