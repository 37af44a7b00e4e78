"""Runs that die one after the other while the services go on changing: the first one that ends holds what they held when it began."""

import logging
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.emulator.services import served
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.http import Wire
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.athlete import athlete_of
from strava_pipeline.lake.bronze.comparisons import compared_years
from strava_pipeline.lake.bronze.listings import is_by_start, last_pull
from strava_pipeline.lake.bronze.resuming import FEW_CALLS
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.made.shards import write_shards
from strava_pipeline.operations import source as source_module
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.listing_windows import listed_together
from strava_pipeline.operations.merging import settle
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.pulling import PullReport, pull_each
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import BudgetedSource, Source
from strava_pipeline.testing.merging import merge_listings
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.demo import demo_settings
from strava_pipeline_tests.examples import examples
from strava_pipeline_tests.soak.five_services import Effort, Facts, Place, places_of

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SERVICES = ("garmin", "intervals_icu", "ridewithgps")
RECENT = timedelta(days=14)  # within the lookback of a daily run
CHAINS = examples(12)  # a second of CPU each


class Death(BaseException):
    """Ends a run at once, whatever it was about to do next."""


@dataclass
class Athlete:
    """An athlete at four services, and a data folder of theirs."""

    places: dict[str, Place]
    settings: Settings
    chance: random.Random
    now: datetime = NOW
    runs: int = 0
    steps: int = 0  # of the run that was lived last

    def changes(self, *, anywhere: bool) -> None:
        """Some minutes pass; at some services something is added, renamed or deleted, `anywhere`: also long ago."""
        self._pass(timedelta(minutes=self.chance.randint(1, 12)))
        for name, place in self.places.items():
            of_rows = [key for key, (_, start) in place.holds().items() if anywhere or self._is_recent(start)]
            what = self.chance.choice(["add", "rename", "delete", "nothing"])
            if what == "add" or not of_rows:
                place.add(Effort(self.now - timedelta(minutes=90), 3000, 24_000.0), f"New at {self.now:%H:%M:%S}")
            elif what == "rename":
                place.rename(self.chance.choice(of_rows), f"{name}, renamed at {self.now:%H:%M:%S}")
            elif what == "delete" and len(of_rows) > 3:
                place.delete(self.chance.choice(of_rows))
        self._pass(timedelta(seconds=5))

    def _pass(self, by: timedelta) -> None:
        self.now += by
        for place in self.places.values():
            place.clock.set(self.now)

    def _is_recent(self, start: str) -> bool:
        return self.now - datetime.fromisoformat(f"{start}+00:00") < RECENT

    def run(self) -> RunContext:
        self.runs += 1
        clock = machine_clock(now=self.places[STRAVA].clock.now)
        return run_context(self.settings, LogProgress(logging.getLogger("run")), run_id=f"run-{self.runs}", clock=clock)

    def live(self, mode: Any, per_page: int = 20) -> dict[str, PullReport]:
        """One run, from its first call to its end."""
        run = self.run()
        found = self.pull(run, mode, per_page)
        write_shards(run.lake, run.years.all, run.years)
        merge_listings(run, run.years.all)
        settle(run)
        return found

    def pull(self, run: RunContext, mode: Any, per_page: int = 20) -> dict[str, PullReport]:
        """What a run lists at each service."""
        options, found = ListingOptions(mode=mode, per_page=per_page, days=None), {}
        for name in self.places:
            source = (BudgetedSource if name == STRAVA else Source)(name, self.settings, run)
            together = listed_together(source, options, run.years.all)
            found[name] = pull_each(together, partial(pull_activities, run, source, options))
            assert found[name].is_complete
        return found

    def holds(self) -> dict[str, dict[str, Facts]]:
        """What each service holds, by its own ids."""
        return {name: place.holds() for name, place in self.places.items()}

    def gold(self) -> dict[str, dict[str, Facts]]:
        """What the data folder holds of each service."""
        query = (
            "SELECT source, coalesce(source_id, id::VARCHAR), name, strftime(start_date, '%Y-%m-%dT%H:%M:%S') "
            "FROM activities_all WHERE deleted_at IS NULL"
        )
        found: dict[str, dict[str, Facts]] = {name: {} for name in self.places}
        with reading(run_context(self.settings, LogProgress(logging.getLogger("run"))).lake) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for source, key, name, start in connection.execute(query).fetchall():
                found[source][key] = (name, start)
        return found


@contextmanager
def counted(die_at: int | None) -> Iterator[Callable[[], int]]:
    """Yields how many steps there were: calls, and files that became durable. At step `die_at` a run dies, before or after it."""
    steps = count()
    reached = 0

    def wrapped(inner: Callable[..., Any]) -> Callable[..., Any]:
        def outer(*args: Any, **more: Any) -> Any:
            nonlocal reached
            reached = next(steps)
            if die_at is not None and reached == die_at // 2:
                if die_at % 2:
                    inner(*args, **more)
                raise Death
            return inner(*args, **more)

        return outer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", wrapped(os.replace))
        patch.setattr(Wire, "send", wrapped(Wire.send))
        yield lambda: reached


@pytest.fixture
def athlete(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Athlete]:
    """All that the services have, pulled and merged."""
    config = EmulatorConfig(now=NOW, activities=50, years=(2025, 2026), seed=request.param, limits=None)
    with Emulator(config) as strava, served(athlete_of(strava.state, tmp_path), SERVICES) as (services, found):
        clock = machine_clock(now=strava.state.clock.now)
        monkeypatch.setattr(ServerClock, "sleep", lambda *_: None)
        monkeypatch.setattr(source_module, "machine_clock", lambda *_: clock)
        settings = demo_settings(tmp_path, strava.url, found).model_copy(update={"first_year": 2025})
        log_in_at_emulator(settings)
        places = places_of(strava.state, services, tmp_path / "none.xlsx")
        del places["spreadsheet"]
        athlete = Athlete(places, settings, random.Random(request.param))
        athlete.changes(anywhere=False)
        with counted(None) as steps:
            athlete.live("all")
            athlete.steps = steps()
        yield athlete


@pytest.mark.dear
@pytest.mark.parametrize(
    "athlete",
    [
        8,
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 9)),
        *(pytest.param(seed, marks=pytest.mark.soak(part="kills")) for seed in (5, 6, 7)),
    ],
    indirect=True,
)
def test_the_first_run_of_a_chain_of_deaths_that_ends_holds_what_the_services_held_when_it_began(
    athlete: Athlete,
) -> None:
    chance = athlete.chance
    for number in range(CHAINS):
        modes = chance.choice([["incremental"], ["year"], ["incremental", "year", "all"]])
        lived: list[str] = []
        for life in range(1 + chance.randint(1, 4)):
            mode = chance.choice(modes)
            athlete.changes(anywhere="incremental" not in modes)
            with counted(chance.randrange(2 * athlete.steps) if life else 2 * chance.randrange(athlete.steps)) as steps:
                try:
                    athlete.live(mode)
                except Death:
                    lived.append(f"{mode}, died at step {steps()}")
                    continue
            break
        else:
            athlete.changes(anywhere="incremental" not in modes)
            athlete.live(mode := chance.choice(modes))
        assert differences(athlete) == {}, f"chain {number}: {lived}, then {mode}"


@pytest.mark.dear
@pytest.mark.parametrize("athlete", [2], indirect=True)
@pytest.mark.parametrize("mode", ["year", "all"])
def test_what_changed_of_late_is_seen_though_many_pages_of_a_dead_run_are_used_which_is_said_and_compares_nothing(
    athlete: Athlete, mode: str
) -> None:
    first = athlete.pull(athlete.run(), mode, per_page=2)
    calls = {name: report.calls for name, report in first.items()}
    began = {name: report.manifest.started_at for name, report in first.items()}
    long = {name for name, report in first.items() if report.manifest.whole_pages > FEW_CALLS}
    assert long >= {STRAVA, "garmin"}
    shared = {"ridewithgps"} if mode == "year" else set()  # by the years of an hour
    athlete.changes(anywhere=False)
    found = athlete.live(mode, per_page=2)
    assert differences(athlete) == {}
    lake = athlete.run().lake
    for name in first:
        pull, compared = last_pull(lake, name), compared_years(lake, YearRange(2025, 2026), name)
        assert pull is not None
        assert found[name].as_of == pull.as_of == (began[name] if name in long | shared else None)
        assert found[name].calls < calls[name] or name not in long
        is_compared = name not in long or not is_by_start(name)
        assert (found[name].manifest.started_at in compared.values()) is is_compared


@pytest.mark.dear
@pytest.mark.parametrize("athlete", [4], indirect=True)
def test_a_run_from_the_watermark_covers_what_a_dead_one_listed_though_that_moved_the_watermark(
    athlete: Athlete,
) -> None:
    for place in athlete.places.values():
        place.add(Effort(athlete.now, 3000, 24_000.0), "New")
    dead = athlete.pull(athlete.run(), "incremental")
    again, after = athlete.live("incremental"), athlete.live("incremental")
    for name in filter(is_by_start, athlete.places):
        windows = [found[name].manifest.window.after for found in (dead, again, after)]
        assert windows[0] == windows[1], name
        assert windows[1] != windows[2], name


@pytest.mark.dear
@pytest.mark.parametrize("athlete", [3], indirect=True)
def test_a_listing_that_a_limit_ended_goes_on_and_what_changed_of_late_in_its_first_pages_is_seen(
    athlete: Athlete,
) -> None:
    run = athlete.run()
    options = ListingOptions(mode="year", per_page=20, days=None, max_calls=2)
    source = BudgetedSource(STRAVA, athlete.settings, run)
    stopped = pull_activities(run, source, options, run.years.all)
    assert stopped.stopped is not None
    athlete.changes(anywhere=False)
    found = athlete.live("year")[STRAVA]
    assert (found.listing_resumed, found.as_of) == (True, stopped.manifest.started_at)
    assert differences(athlete) == {}


def differences(athlete: Athlete) -> dict[tuple[str, str], tuple[Facts | None, Facts | None]]:
    """By service and activity, what the folder and the service hold where that is not the same."""
    gold, held = athlete.gold(), athlete.holds()
    return {
        (name, key): (gold[name].get(key), held[name].get(key))
        for name in held
        for key in {*gold[name], *held[name]}
        if gold[name].get(key) != held[name].get(key)
    }
