"""What `doctor` found: one frozen record per thing that was looked at. The looking itself is done by each room."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing stands. Only a problem makes `doctor` end with 1."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` is the case with the thing called `name`; `mend` says what to do about it, a step a line."""

    name: str
    state: State
    what: str
    mend: str | None = None

    def __post_init__(self) -> None:
        if (self.mend is not None) != (self.state in (State.WARNING, State.PROBLEM)):
            raise ValueError(f"{self.name}: what is wrong needs a way to mend it, and nothing else does")


def ok(name: str, what: str) -> Finding:
    return Finding(name, State.OK, what)


def skipped(name: str, why: str) -> Finding:
    return Finding(name, State.SKIPPED, why)


def warning(name: str, what: str, mend: str) -> Finding:
    return Finding(name, State.WARNING, what, mend)


def problem(name: str, what: str, mend: str) -> Finding:
    return Finding(name, State.PROBLEM, what, mend)
