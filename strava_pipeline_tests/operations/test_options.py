"""operations.options: which options yield to the daily run; and the pace of a run's calls, which says when it ends."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from strava_pipeline.operations.options import (
    CallOptions,
    DetailsOptions,
    EventsOptions,
    ListingOptions,
    StreamsOptions,
)
from strava_pipeline.operations.source import ENOUGH, Pace


def test_what_fetches_whole_years_yields_to_the_daily_run() -> None:
    modes = {
        mode: ListingOptions(mode=mode).whole_years for mode in ("job", "year", "month", "incremental", "lite", "all")
    }
    scopes = {
        scope: DetailsOptions(scope=scope).whole_years
        for scope in ("job", "all", "changed", "window", "flow", "rested")
    }
    assert {name for name, is_whole in modes.items() if is_whole} == {"year", "all"}
    assert {name for name, is_whole in scopes.items() if is_whole} == {"all"}
    assert [each().whole_years for each in (CallOptions, StreamsOptions, EventsOptions)] == [False, True, True]
    assert (ListingOptions().mode, DetailsOptions().scope) == ("job", "job")


def test_a_calls_pace_is_by_the_servers_clock_without_waits() -> None:
    now = SimpleNamespace(seconds=100.0)
    client: Any = SimpleNamespace(
        clock=SimpleNamespace(monotonic=lambda: now.seconds, speed=2.0), waited=timedelta(seconds=7), calls=3
    )
    pace, usual = Pace(client, timedelta(seconds=99)), timedelta(seconds=99)

    def passed(seconds: float, waited: float, calls: int) -> None:
        now.seconds += seconds
        client.waited += timedelta(seconds=waited)
        client.calls += calls

    passed(10.0, 0, ENOUGH)
    assert pace.per_call() == usual, "nothing was timed yet"
    with pace.calling():
        passed(ENOUGH - 1, 0, ENOUGH - 1)
        assert pace.per_call() == usual
    passed(50.0, 0, 7)
    with pace.calling():
        passed(4.0, 1.0, 1)
    assert pace.per_call() == timedelta(seconds=(2 * (ENOUGH + 3) - 1) / ENOUGH)
