"""The command `status`, and the display of facts on a terminal, for `doctor` too. The facts are operations/facts.py's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strava_pipeline.core.facts import Fact, State
from strava_pipeline.verbs.options import Json
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strava_pipeline.environment.settings import Settings

MARKS = {State.OK: "✓", State.WARNING: "!", State.PROBLEM: "✗", State.SKIPPED: "·"}
COLOURS = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "red", State.SKIPPED: "dim"}


def status(as_json: Json = False) -> None:
    """Login, limits, last pull, counts, what waits for you."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.operations.facts import facts, looked_at

    settings = Settings.load()
    found = facts(settings, primed_clock(settings).now()) + looked_at("dashboard", lambda: _dashboard(settings))
    print_facts(found, as_json=as_json)


def _dashboard(settings: "Settings") -> "Iterator[Fact]":
    from strava_pipeline.core.facts import ok
    from strava_pipeline.verbs.dashboard import running_dashboard

    if (address := running_dashboard(settings)) is not None:
        yield ok("dashboard", address, values={"address": address})


def print_facts(found: Sequence[Fact], *, as_json: bool) -> None:
    """A line for each fact that says something, and what to do below it; as JSON with the number that need a person."""
    from rich.text import Text

    from strava_pipeline.verbs.terminal import out

    if as_json:
        counts = {state: sum(fact.state is state for fact in found) for state in (State.PROBLEM, State.WARNING)}
        shown = {"problems": counts[State.PROBLEM], "warnings": counts[State.WARNING]}
        echo_json({**shown, "facts": [fact.as_json() for fact in found]})
        return
    found = [fact for fact in found if fact.text]
    names = [f"{fact.of} {fact.name}".strip() for fact in found]
    width = max(map(len, names), default=0) + 2
    for name, fact in zip(names, found, strict=True):
        out.print(Text(MARKS[fact.state], COLOURS[fact.state]), f"{name:<{width}}", end="")
        out.print(Text(fact.text))
        for line in (fact.advice or "").splitlines():
            out.print(Text(f"      {line}"))
