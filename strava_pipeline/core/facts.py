"""Facts about how things stand, which `status`, `doctor`, the pages, `/api/status` and the metrics all show.

A room that knows something has a function which yields its facts; operations/facts.py lists these functions. A fact is
written in one place: its sentence, its state, what to do, and its numbers. A number with a `Measure` also becomes a
metric of Prometheus:

    TIDES = Measure("tides", "gauge", "Tides seen so far")
    yield Fact("tides", State.OK, "3 tides so far", values={"seen": TIDES(3)})
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

PREFIX = "strava_pipeline_"


class State(StrEnum):
    """The state of the thing examined. Only a problem makes a command exit with 1."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric for Prometheus, declared as a constant of the module that yields it. docs/monitoring.md is compared with it.

    Labels have few values: names of services, tables, jobs, kinds; never of activities, places or people.

    Args:
        name: without the prefix and, of a counter, `_total`.
        about: its description, without a full stop.
    """

    name: str
    kind: Literal["gauge", "counter"]
    about: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """Its name in Prometheus."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"

    def __call__(self, value: float | datetime | None, *labels: str) -> "Sample":
        return Sample(self, value, labels)


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a measure, with a value for each of its labels. A moment is given in epoch seconds; None is not exported."""

    of: Measure
    value: float | datetime | None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that holds now.

    Args:
        name: its subject, as a key.
        text: a sentence or phrase for a person; empty: nothing happened, and the values are for programs alone.
        advice: what to do, a step per line; each warning and each problem has it.
        of: the source, by its name.
        values: the text's values by name, for programs. A `Sample`, or a list of them, is also measured.
        page: the page of the dashboard where a person looks or decides.
    """

    name: str
    state: State
    text: str
    advice: str | None = None
    of: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    page: str | None = None

    def __post_init__(self) -> None:
        if self.needs_a_person and self.advice is None:
            raise ValueError(f"{self.name}: a warning or a problem needs advice")

    @property
    def needs_a_person(self) -> bool:
        return self.state in (State.WARNING, State.PROBLEM)

    @property
    def samples(self) -> Iterator[Sample]:
        """The samples among the values."""
        for value in self.values.values():
            every = value if isinstance(value, list) else [value]
            yield from (each for each in every if isinstance(each, Sample))

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the API. A list of samples is an object of values by label."""
        values = {name: _plain(value) for name, value in self.values.items()}
        return {
            "name": self.name,
            "of": self.of,
            "state": self.state,
            "text": self.text,
            "advice": self.advice,
            "values": values,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(each, Sample) for each in value):
        return {" ".join(sample.labels): sample.value for sample in value}
    return value.value if isinstance(value, Sample) else value


def ok(name: str, text: str, **more: Any) -> Fact:
    return Fact(name, State.OK, text, **more)


def skipped(name: str, why: str, **more: Any) -> Fact:
    return Fact(name, State.SKIPPED, why, **more)


def warning(name: str, text: str, advice: str, **more: Any) -> Fact:
    return Fact(name, State.WARNING, text, advice, **more)


def problem(name: str, text: str, advice: str, **more: Any) -> Fact:
    return Fact(name, State.PROBLEM, text, advice, **more)
