"""kill -9 at any durable step or call of a provider's pulls: nothing is lost, nothing doubled, and few pages asked for twice."""

import logging
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.lake.bronze.resuming import FEW_CALLS
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.made.shards import write_shards
from strava_pipeline.operations.merging import settle
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.testing.merging import merge_listings
from strava_pipeline_tests.e2e.mortals import Life, Mortals, Step, mortals
from strava_pipeline_tests.ingest.garmin import subject as garmin_subject
from strava_pipeline_tests.ingest.ridewithgps import subject as ridewithgps_subject
from strava_pipeline_tests.providers.toy_service import NOW

PART = "strava_pipeline_tests.e2e.provider_part"
ACTIVITIES, CHANGED = 250, 12  # more pages than are asked for again; a dozen trips that the feed names
KILLS = 10  # in each of four pulls
LONGEST = 0.003  # seconds: as long as a call to the emulator takes
# what a run asks whatever another one asked: what changed, and whose login
EACH_LIFE = {"/sync.json", "/users/current.json"}


@dataclass
class Account:
    """An account at an emulator, and a data folder for it. `change`: have some activities edited, added and deleted."""

    subject: Any
    settings: Settings
    change: Callable[[], None]

    def calls(self) -> list[str]:
        """What was asked for since the last time, without what each run asks."""
        while self.subject.journal.open:  # the call of a dead client is recorded when it is answered
            time.sleep(0.001)
        paths = [path for _, _, path, _ in self.subject.journal.log]
        self.subject.journal.reset()
        return [path for path in paths if not any(each in path for each in EACH_LIFE)]

    def gold(self) -> list[tuple[Any, ...]]:
        """The activities after a merge of what is on disk."""
        progress = LogProgress(logging.getLogger("run"))
        run = run_context(self.settings, progress, clock=machine_clock(now=lambda: NOW))
        write_shards(run.lake, run.years.all, run.years)
        settle(run)
        with reading(run.lake) as connection:
            merge_listings(run, run.years.all)
            query = "SELECT source_id, name, distance, gear_id, deleted_at IS NULL FROM activities_all ORDER BY 1"
            return connection.execute(query).fetchall()


@pytest.fixture(params=["garmin", "ridewithgps"])
def account(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with ExitStack() as running:
        if request.param == "garmin":
            subject: Any = running.enter_context(garmin_subject.running())
        else:
            subject = running.enter_context(ridewithgps_subject.service_at(monkeypatch, least_rows=20))
        ids = [subject.add(f"2025-{1 + day // 28:02}-{1 + day % 28:02}", f"ride {day}") for day in range(ACTIVITIES)]

        def change() -> None:
            subject.clock.advance(2)  # what was listed in the second of a deletion, as Date counts, is still there
            for source_id in ids[:-CHANGED:-1]:
                subject.edit(source_id, f"ride {source_id}, edited")
            subject.delete(ids[0])
            subject.add("2025-11-01", "a new one")

        config = tmp_path / "providers.toml"
        config.write_text(f"[providers.{subject.name}]\nenabled = true\n")
        folders = {f"{name}_dir": tmp_path / name for name in ("data", "logs", "secrets", "ledger")}
        own = {"pauses": 0, **subject.settings}
        settings = Settings.load(_env_file=None, **folders, providers_config=config, first_year=2024, **own)
        subject.log_in(settings)
        yield Account(subject, settings, change)


@pytest.mark.slow
def test_a_pull_that_is_killed_goes_on_where_it_was(account: Account, tmp_path: Path) -> None:
    chance = random.Random(17)
    with mortals(account.settings, tmp_path, PART) as living:
        die_and_go_on(account, living, chance, tmp_path / "nothing")
        listed = tmp_path / "listed"
        shutil.copytree(account.settings.data_dir, listed)
        account.change()
        die_and_go_on(account, living, chance, listed)


def die_and_go_on(account: Account, living: Mortals, chance: random.Random, start: Path) -> None:
    """Pull from the folder `start`, undisturbed; then from there again, killed each time, until KILLS have died."""
    whole = begin(account, living, start)
    assert whole.code == 0, whole.said
    calls, wanted = account.calls(), account.gold()
    assert len(calls) > 5
    reach, died = len(whole.journal) // 5, 0
    while died < KILLS:
        deaths = 0
        life = begin(account, living, start, moment(chance, whole, reach))
        while life.code == -9:
            deaths += 1
            life = pull(account, living, moment(chance, whole, reach) if died + deaths < KILLS else None)
        assert life.code == 0, life.said
        died += deaths
        asked = account.calls()
        assert len(asked) <= len(calls) + deaths * (FEW_CALLS + 1), asked
    assert account.gold() == wanted


def begin(account: Account, living: Mortals, start: Path, dying: Step | None = None) -> Life:
    shutil.rmtree(account.settings.data_dir, ignore_errors=True)
    if start.exists():
        shutil.copytree(start, account.settings.data_dir)
    return pull(account, living, dying)


def pull(account: Account, living: Mortals, dying: Step | None = None) -> Life:
    return living.run(account.subject.name, "incremental", dying=dying)


def moment(chance: random.Random, whole: Life, reach: int) -> Step:
    """Before one of the first steps of a pull, or a moment later."""
    number = chance.randrange(reach)
    return Step(number, whole.journal[number][0], chance.choice([None, chance.uniform(0, LONGEST)]))
