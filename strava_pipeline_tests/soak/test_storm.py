"""A storm: thirty days at five services, with a kill -9 each day in a pull, a merge, the writing of changes, or a rebuild.

After each comparison gold has what every service has; what was approved is written once; and a quiet day costs what the records say.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.emulator.services import served
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.athlete import athlete_of
from strava_pipeline.ingest.strava.oauth import SCOPES, WRITES
from strava_pipeline.lake.bronze.answers import last_of_kind
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.deciding import Wanted, decide
from strava_pipeline.operations.changes.proposing import states_now
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.demo import demo_settings
from strava_pipeline_tests.e2e.mortals import Life, Mortals, Step, mortals
from strava_pipeline_tests.soak.five_services import AtStrava, AtTable, Effort, Place, all_answered, places_of, written

PART = "strava_pipeline_tests.soak.stormy_part"
BEGIN = datetime(2026, 1, 31, 6, tzinfo=UTC)
DAYS = 30  # two firsts of a month among them
MOMENT = timedelta(seconds=5)  # a feed tells once more of what changed in the second in which it was asked
LONGEST = 0.003  # seconds that a step may have lasted when the life ends in it
CHOICES = "[changes]\npropose_since = 2026-01-01\n" + "".join(
    f'\n[providers.{name}]\n{"" if name == "strava" else "enabled = true"}\nwrite = ["name", "gear"]\n'
    for name in ("strava", *PROVIDERS)
)
MOMENTS: dict[str, tuple[str, tuple[int, ...], tuple[float | None, ...]]] = {
    "before the intent": (r"intent\.json", (0, 1, 2), (None,)),
    "before the call": (r"^(PUT|PATCH) ", (0, 1), (None,)),
    "in the call": (r"^(PUT|PATCH) ", (0, 1), (0.0005, 0.001, 0.003)),
    "before the read-back": (r"^(PUT|PATCH|GET) ", (2, 5), (None,)),
    "before the outcome": (r"outcome\.json", (0, 1, 2), (None,)),
}
"""When the writing of changes ends: the steps that count, the number of the one of them, and the seconds into it."""
UNREAD = "between a call and its read-back"


@dataclass
class Storm:
    """The athlete's services, a mortal pipeline, and what has come of both so far."""

    places: dict[str, Place]
    settings: Settings
    living: Mortals
    chance: random.Random
    now: datetime = BEGIN
    died: Counter[str] = field(default_factory=Counter)
    gone: dict[str, set[str]] = field(default_factory=dict)
    lives: int = 0
    _steps: dict[str, int] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.data_dir)

    # What happens at the services

    def pass_time(self, by: timedelta) -> None:
        self.now += by
        for place in self.places.values():
            if place.clock is not None:
                place.clock.set(self.now)

    def live(self) -> None:
        """Something is recorded, uploaded late, renamed, applauded, deleted; another day, another service."""
        chance = self.chance
        if chance.random() < 0.8:
            self._record(timedelta(hours=chance.randint(4, 20)))
        if chance.random() < 0.25:
            self._record(timedelta(days=chance.randint(30, 300)))
        for name, place in self.places.items():
            if chance.random() < 0.3:
                place.rename(chance.choice(place.ids()), f"Renamed {self.now:%d.%m.} {name}")
            if chance.random() < 0.2:
                place.other_gear(chance.choice(place.ids()), chance)
            if chance.random() < 0.08:
                key = chance.choice(place.ids())
                place.delete(key)
                self.gone.setdefault(name, set()).add(key)
        strava = self.places["strava"]
        assert isinstance(strava, AtStrava)
        strava.applaud(chance.choice(strava.ids()), chance.randint(1, 500))
        self.pass_time(MOMENT)

    def _record(self, ago: timedelta) -> None:
        seconds = self.chance.randint(1_800, 9_000)
        effort = Effort((self.now - ago).replace(microsecond=0), seconds, round(seconds * self.chance.uniform(5, 9), 1))
        for name, place in self.places.items():
            if self.chance.random() < 0.8:
                place.add(effort, self.chance.choice(["Morning Ride", f"Ride {self.now:%d.%m.}", f"By {name}"]))

    # The work, and its deaths

    def work(self, what: str, run: str, mode: str = "incremental", dying: Step | None = None) -> Life:
        """A part of the run's work in a process of its own."""
        life = self.living.run(what, run, self.now.isoformat(), mode, dying=dying)
        all_answered(self.places)
        if dying is None or life.code != -9:
            assert life.code == 0, life.said
            self._steps[what] = len(life.journal)
        else:
            self.died[what] += 1
        return life

    def new_run(self) -> str:
        self.lives += 1
        return f"run-{self.lives}"

    def any_step(self, what: str) -> Step:
        """A moment of a part: before one of the steps that it had the last time, or a little later."""
        number = self.chance.randrange(self._steps[what] * 3 // 4)  # a life may have fewer than the one before
        return Step(number, what, self.chance.choice([None, self.chance.uniform(0, LONGEST)]))

    def between_pages(self) -> Step:
        """A moment before a page that is not the first of all, of Strava mostly."""
        return Step(self.chance.randint(1, 6), "a page", None, only="^GET ")

    def pull_and_merge(self, mode: str, dies_in: str = "") -> None:
        """A run; one that dies is begun again."""
        run = self.new_run()
        step = self.any_step("pull") if mode == "incremental" else self.between_pages()
        if dies_in == "pull" and self.work("pull", run, mode, step).code == -9:
            return self.pull_and_merge(mode)
        if dies_in != "pull":
            self.work("pull", run, mode)
        if dies_in == "merge" and self.work("merge", run, mode, self.any_step("merge")).code == -9:
            return self.pull_and_merge(mode)
        if dies_in != "merge":
            self.work("merge", run, mode)
        return None

    def rebuild(self, dies: bool) -> None:
        if not dies or self.work("rebuild", self.new_run(), dying=self.any_step("rebuild")).code == -9:
            self.work("rebuild", self.new_run())

    # What a person decides, and what is written of it

    def states(self) -> dict[str, ChangeState]:
        return states_now(self.lake, self.settings, self.now)

    def apply(self, moment: str) -> None:
        """Approve some changes and write them, for the day's run to merge; `moment`: at which the writing is killed; empty: it is not."""
        open_ = [state for _, state in sorted(self.states().items()) if state.state == "proposed"]
        of_table = [state.change.id for state in open_ if state.change.provider == "spreadsheet"]
        by_calls = [state.change.id for state in open_ if state.change.provider != "spreadsheet"]
        chosen = [
            key
            for some, most in ((by_calls, 5), (of_table, 2))
            for key in self.chance.sample(some, min(len(some), most))
        ]
        decide(self.settings, "approved", [Wanted(key) for key in chosen], by="a test")
        since = {name: len(place.journal.writes) for name, place in self.places.items() if place.journal is not None}
        rows = len(self.places["spreadsheet"].ids())
        run = self.new_run()
        if moment:
            only, numbers, delays = MOMENTS[moment]
            step = Step(self.chance.choice(numbers), moment, self.chance.choice(delays), only)
            life = self.work("apply", run, dying=step)
            if life.code == -9:
                lived = life.journal if step.after is not None else life.journal[:-1]  # it died before the last one
                asked = [label for label, _ in lived if label.startswith(("GET ", "PUT ", "PATCH "))]
                self.died[UNREAD] += bool(asked) and not asked[-1].startswith("GET ")
                run = self.new_run()
        self.work("apply", run)
        self._assert_written_once(chosen, since, rows)
        self.pass_time(MOMENT)

    def _assert_written_once(self, chosen: list[str], since: dict[str, int], rows: int) -> None:
        states = self.states()
        assert {states[key].state for key in chosen} <= {"applied"}, [states[key] for key in chosen]
        changes = [states[key].change for key in chosen]
        for name, number in since.items():
            calls = written(self.places[name], number)
            of_gear = 0
            for change in (each for each in changes if each.provider == name):
                assert change.kind in ("update_name", "update_gear"), change.kind
                told = str(change.value_after)
                mine = [call for call in calls if str(change.source_id) in call and told in call]
                assert len(mine) == 1, (change, calls)
                of_gear += change.kind == "update_gear" and name == "garmin" and change.old_id is not None
            assert len(calls) == sum(each.provider == name for each in changes) + of_gear, (name, changes, calls)
        added = sum(change.kind == "add_activity" for change in changes)
        assert len(self.places["spreadsheet"].ids()) == rows + added

    # Days

    def stormy_day(self, target: str, moments: list[str]) -> None:
        """A day's work, with a death in `target`. What was proposed on the day before is decided before anything happens."""
        if target == "apply":
            self.apply(moments.pop())
        self.live()
        local = self.now.date()
        mode = "all" if local.day == 1 else "year" if local.isoweekday() == 7 else "incremental"
        self.pull_and_merge(mode, dies_in=target if mode == "incremental" else "pull")
        if mode != "incremental":
            self.assert_no_difference()
            self.pull_and_merge("incremental")  # the daily run, which alone asks for the gear of what is new

    def quiet_day(self, target: str, moments: list[str]) -> None:
        """A day on which nothing happened and no pull dies: it takes the calls that each record states."""
        before = {name: place.journal.total for name, place in self.places.items() if place.journal is not None}
        self.pull_and_merge("incremental")
        calls = {name: self.places[name].journal.total - number for name, number in before.items()}
        stated = {name: spec_of(name).quiet_day_calls for name in calls}
        for name in calls.keys() - {STRAVA}:
            if last_of_kind(self.lake, name, "gear") >= self.now:  # once a week, and not of a quiet day
                del calls[name], stated[name]
        asked = {name: list(self.places[name].journal.log)[-number:] for name, number in calls.items()}
        assert calls == stated, f"on {self.now:%d.%m.}: {asked}"
        if target == "apply":
            self.apply(moments.pop())
        else:
            self.rebuild(dies=True)

    # What is true

    def assert_no_difference(self) -> None:
        """Each service's activities, with their names and starts, are gold's; what is gone there is deleted here."""
        connection = duckdb.connect(str(self.lake.snapshot), read_only=True)
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT source, coalesce(source_id, id::VARCHAR), name, strftime(start_date, '%Y-%m-%dT%H:%M:%S'), "
            "strftime(start_date_local, '%Y-%m-%d'), deleted_at IS NOT NULL FROM activities_all"
        ).fetchall()
        connection.close()
        for name, place in self.places.items():
            rows = [row for row in found if row[0] == name]
            present = [row for row in rows if not row[5]]
            if isinstance(place, AtTable):
                assert Counter((row[2], row[4]) for row in present) == Counter(place.holds().values()), name
                continue
            gold, held = {row[1]: (row[2], row[3]) for row in present}, place.holds()
            both = {key: (gold.get(key), held.get(key)) for key in {**gold, **held}}
            differences = {key: (here, there) for key, (here, there) in both.items() if here != there}
            assert not differences, f"{name} on {self.now:%d.%m.}, in gold and there: {differences}"
            assert {row[1] for row in rows if row[5]} <= self.gone.get(name, set()), name


@pytest.fixture
def storm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storm]:
    """All that the services have, pulled and merged on the day before."""
    seed: int = request.param
    config = EmulatorConfig(now=BEGIN, activities=36, years=(2025, 2026), seed=seed, limits=None)
    with Emulator(config) as strava, served(athlete_of(strava.state, tmp_path), [*PROVIDERS]) as (services, found):
        settings = demo_settings(tmp_path, strava.url, found).model_copy(
            update={"first_year": 2025, "refresh_calls": 0}
        )
        settings.providers_config.write_text(CHOICES)
        log_in_at_emulator(settings, (*SCOPES, WRITES))
        places = places_of(strava.state, services, settings.spreadsheet_path)
        with mortals(settings, tmp_path, PART) as living:
            storm = Storm(places, settings, living, random.Random(seed))
            storm.pull_and_merge("all")
            storm.work("gear", storm.new_run())
            storm.rebuild(dies=False)
            yield storm


@pytest.mark.closed
@pytest.mark.soak(part="days")
@pytest.mark.parametrize("storm", [1], indirect=True)
def test_thirty_days_of_kills_leave_no_difference_and_no_change_written_twice(storm: Storm) -> None:
    quiet, stormy = (
        ["rebuild", "apply", "rebuild", "apply", "rebuild"],
        ["pull", "merge", "apply", "merge", "apply"] * 5,
    )
    storm.chance.shuffle(stormy)
    moments = [*MOMENTS] * 3
    for day in range(DAYS):
        storm.pass_time(timedelta(days=1))
        deaths = storm.died.total()
        if day % 6 == 5:
            storm.quiet_day(quiet.pop(), moments)
        else:
            storm.stormy_day(stormy.pop(), moments)
        if storm.died.total() == deaths:
            storm.rebuild(dies=True)
    storm.assert_no_difference()
    assert all(storm.died[what] >= 3 for what in ("pull", "merge", "apply", "rebuild")), storm.died
    assert storm.died[UNREAD] >= 2, storm.died
