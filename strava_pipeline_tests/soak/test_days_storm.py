"""A storm of days and nights: thirty days at Garmin and intervals.icu, with a kill -9 each day, end with no difference."""

import random
from collections import Counter
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.e2e.mortals import Mortals, choose, mortals
from strava_pipeline_tests.ingest.garmin import subject as garmin_subject
from strava_pipeline_tests.ingest.intervals_icu.subject import running

PART = "strava_pipeline_tests.soak.days_part"
DAYS, DAY = 30, timedelta(days=1)


class Storm:
    """Both services, what each says of each day, and a mortal pipeline."""

    def __init__(self, services: list[Any], living: Mortals, lake: Lake) -> None:
        self.services, self.living, self.lake = services, living, lake
        self.chance, self.held, self.met = random.Random(1), dict[str, dict[date, dict[str, float]]](), Counter[str]()

    @property
    def today(self) -> date:
        today: date = self.services[0].clock.now().date()
        return today

    def say(self, service: Any, day: date, **values: float) -> None:
        """A service says this of a day from now on."""
        service.put_day(day, **values)
        self.held.setdefault(service.name, {})[day] = values

    def revise(self) -> None:
        """Today's numbers, a night that was read late, one that is gone, another weight a month ago."""
        for service in self.services:
            chance = self.chance
            self.say(service, self.today, steps=chance.randint(0, 20_000))
            late = self.today - DAY * chance.randint(1, 5)
            self.say(service, late, asleep_seconds=chance.randint(10_000, 30_000), hrv_rmssd=chance.randint(20, 90))
            self.say(service, self.today - DAY * 6)
            self.say(service, self.today - DAY * chance.randint(20, 400), weight_kg=chance.randint(60, 80))

    def pass_time(self, by: timedelta) -> None:
        for service in self.services:
            service.clock.advance(by.total_seconds())

    def work(self, dies: bool) -> bool:
        """A day's work; returns whether it died."""
        now = self.services[0].clock.now().isoformat()
        if dies:
            (step,) = choose(self.whole, self.chance, 1, self.met, dagster=False)
            if self.living.run(now, dying=step).code == -9:
                self.work(dies=False)
                return True
        self.whole = self.living.run(now)
        assert self.whole.code == 0, self.whole.said
        return False

    def differences(self, since: date) -> list[Any]:
        with snapshot(self.lake) as connection:
            rows = connection.execute(
                "SELECT source, day, measure, value FROM day_values WHERE day >= $since", {"since": since}
            ).fetchall()
        there = {
            (name, day, measure, float(value))
            for name, days in self.held.items()
            for day, values in days.items()
            for measure, value in values.items()
            if day >= since
        }
        return sorted({*rows} ^ there)


@pytest.mark.soak(part="damage")
def test_thirty_days_of_kills_leave_what_both_services_say(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text(
        "".join(f"[providers.{name}]\nenabled = true\nwellness = true\n" for name in ("garmin", "intervals_icu"))
    )
    with ExitStack() as held:
        services = [
            held.enter_context(garmin_subject.running(garmin_subject.KeySubject)),
            held.enter_context(running()),
        ]
        places = {"data_dir": tmp_path / "data", "secrets_dir": tmp_path / "secrets", "logs_dir": tmp_path / "logs"}
        of_services = {**services[0].settings, **services[1].settings, "providers_config": tmp_path / "providers.toml"}
        settings = Settings.load(_env_file=None, first_year=2025, **places, **of_services)
        services[0].log_in(settings)
        storm = Storm(services, held.enter_context(mortals(settings, tmp_path, PART)), Lake(settings.data_dir))
        storm.revise()
        storm.work(dies=False)
        died = 0
        for _ in range(DAYS):
            storm.pass_time(DAY)
            storm.revise()
            died += storm.work(dies=True)
            assert storm.differences(storm.today - DAY * 7) == []
        storm.pass_time(DAY * 31)
        storm.work(dies=True)
        assert storm.differences(date(2025, 1, 1)) == []
        assert died > DAYS / 2
