"""A data folder with a running provider: pulls, merges, and the resulting gold."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import Kind, ReadPage, spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations import source as source_module
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.listing_windows import listed_together
from strava_pipeline.operations.merging import (
    details_merged,
    update_quarantine,
)
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.providers import bring_provider_files, list_provider_activities
from strava_pipeline.operations.pulling import PullReport, pull_each
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.testing.merging import merge_years
from strava_pipeline.testing.subjects import Subject, kinds_of

YEARS = [2024, 2025, 2026]


@dataclass
class World:
    """A data folder with a running provider."""

    subject: Subject
    settings: Settings
    runs: int = 0
    keys: list[str] = field(default_factory=list)  # of activities, where a fixture added some

    @property
    def by_calls(self) -> bool:
        """Whether the subject is a service that is called, with pages, limits, statuses and accounts.

        A source that shows everything at once is a file: it has none of these, and can only be damaged.
        """
        return "whole" not in spec_of(self.subject.name).capabilities

    def check_faults_are_met(self, who: str) -> None:
        """Check that each fault that `who` ordered hit a call, or was cleared."""
        if not self.by_calls or not (unmet := self.subject.faults.unmet()):
            return
        self.subject.faults.clear()
        wanted = "".join(
            f"\n  {fault.method or 'any'} {fault.path}{' exactly' if fault.exact else ' and below'}, {fault.kind}"
            for fault in unmet
        )
        calls = "".join(f"\n  {method} {path}" for _, method, path, _ in self.subject.journal.log) or " none"
        pytest.fail(f"{who} ordered faults that hit no call:{wanted}\nThe calls were:{calls}", pytrace=False)

    def need_calls(self) -> None:
        """Skip a test about calls if there are none."""
        if not self.by_calls:
            pytest.skip("it is a file: there is no call, page, limit, status or account")

    def need_kind(self, kind: Kind) -> None:
        """Skip a test about data that the login does not give."""
        if kind not in kinds_of(self.subject):
            pytest.skip(f"this login gives no {kind}")

    def run(self) -> RunContext:
        self.runs += 1
        clock = machine_clock(now=self.subject.clock.now)
        return run_context(self.settings, LogProgress(logging.getLogger("run")), run_id=f"run-{self.runs}", clock=clock)

    def listed(self, mode: Any = "all", *years: int, per_page: int = 2) -> PullReport:
        """List, as a run over `years` does, and nothing else."""
        return self._list(self.run(), mode, years, per_page)

    def pull(
        self, mode: Any = "all", *years: int, per_page: int = 2, matched: bool = True, merged: Sequence[int] = YEARS
    ) -> PullReport:
        """List, as a run over `years` does, and merge the years `merged`."""
        run = self.run()
        report = self._list(run, mode, years, per_page)
        self.merge(run, merged, matched=matched)
        return report

    def _list(self, run: RunContext, mode: Any, years: Sequence[int], per_page: int) -> PullReport:
        source = Source(self.subject.name, self.settings, run)
        options = ListingOptions(mode=mode, per_page=per_page, days=None)
        return pull_each(listed_together(source, options, years), partial(pull_activities, run, source, options))

    def merge(self, run: RunContext, years: Sequence[int] = YEARS, *, matched: bool = True) -> None:
        """Do a run's steps with its listing."""
        merge_years(run, years, matched=matched)

    def fetch_files(self, auto_files: bool = True) -> StepReport:
        """Fetch files, and merge their contents as the steps of a run do."""
        run = self.run()
        source = Source(self.subject.name, self.settings, run)
        with reading(run.lake):  # opened once for all
            report = bring_provider_files(run, source, YEARS, auto_files, ImportLimits())
            self.merge_files(run)
        return report

    def merge_files(self, run: RunContext) -> None:
        """Do the steps that follow the files in a run."""
        with details_merged(run, YEARS) as (connection, _):
            update_quarantine(run, connection, YEARS)
        make_tracks(run, YEARS)

    def tracks(self) -> list[tuple[Any, ...]]:
        """For each track, the oldest first: the activity's own id, its source, its points."""
        return self.gold(
            "SELECT activity.source_id, track.source, count(*) FROM "
            f"read_parquet('{self.settings.data_dir}/tracks/*/*.parquet', union_by_name = true) AS track "
            "JOIN activities_all AS activity ON activity.id = track.activity_id "
            "GROUP BY ALL ORDER BY any_value(activity.start_date)"
        )

    def gold(self, query: str) -> list[tuple[Any, ...]]:
        with reading(self.run().lake) as connection:
            return connection.execute(query).fetchall()

    def change_account(self) -> None:
        """From now on the login is another account's, which has nothing."""
        self.settings = self.settings.model_copy(update=self.subject.change_account() or {})

    def names(self) -> list[str]:
        return [name for (name,) in self.gold("SELECT name FROM activities ORDER BY start_date")]

    def asked_for_files(self) -> list[str]:
        """The ids whose files were asked for, in order."""
        calls = [path for _, _, path, _ in self.subject.journal.log]
        return [found[1] for path in calls if (found := self.subject.file_call.fullmatch(path))]

    def asked(self) -> list[str]:
        """The calls for the listing, in order."""
        calls = [path for _, _, path, _ in self.subject.journal.log]
        return [path for path in calls if path.partition("?")[0] == self.subject.lists]


@contextmanager
def world_of(running: AbstractContextManager[Subject], folder: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
    """A provider, running, and an empty data folder in `folder`. Pauses move the emulator's clock."""
    with running as subject:

        def sleep(_: ServerClock, seconds: float) -> None:
            subject.clock.advance(max(seconds, 0.0))

        patch.setattr(ServerClock, "sleep", sleep)
        patch.setattr(source_module, "machine_clock", lambda speed: machine_clock(speed, now=subject.clock.now))
        config = folder / "providers.toml"
        config.write_text(f"[providers.{subject.name}]\nenabled = true\n")
        folders: dict[str, Any] = {
            "data_dir": folder / "data",
            "logs_dir": folder / "logs",
            "secrets_dir": folder / "secrets",
        }
        settings = Settings(
            _env_file=None, **folders, providers_config=config, first_year=2024, clock_speed=1, **subject.settings
        )
        subject.log_in(settings)
        yield World(subject, settings)


def five(subject: Subject) -> list[str]:
    return [subject.add(f"2025-01-0{day}", f"ride {day}") for day in range(1, 6)]


def five_on_pages(subject: Subject) -> list[str]:
    """Five rides, and their ids, on three pages of two; a year apart, the last one this year, where a year is one answer.

    Else they are four days apart: a service that lists by day goes on with days around the last one.
    """
    paged = spec_of(subject.name).paged
    days = [f"2025-01-{number * 4:02}" if paged else f"{2021 + number}-01-15" for number in range(1, 6)]
    return [subject.add(day, f"ride {number}") for number, day in enumerate(days, 1)]


def list_at_strava(world: World, *activities: dict[str, Any]) -> None:
    """Put a complete listing of Strava's into bronze."""
    run = world.run()
    listing = begin_listing(run.lake, Window(mode="all", after=None, before=None), athlete_id=7, at=run.now())
    listing.land(ReadPage(list(activities)), json_bytes(activities), {}, run.now(), run.years)
    listing.land(ReadPage([]), b"[]", {}, run.now(), run.years)


def a_ride_a_year(world: World) -> dict[int, str]:
    """A ride of each year, and its id."""
    return {year: world.subject.add(f"{year}-01-15", f"ride of {year}") for year in YEARS}


def step(world: World) -> StepReport:
    """Do the step of the asset of a year, before anything is merged."""
    run = world.run()
    source = Source(world.subject.name, world.settings, run)
    return list_provider_activities(
        run, source, ListingOptions(mode="year", per_page=50, days=None), [2025], asset="listing"
    )


def at_strava(key: int, day: str, name: str | None, hours: int = 1) -> dict[str, Any]:
    """The subject's ride of a day (06:00 UTC) at Strava, where clocks are that many hours ahead of UTC."""
    local = f"{day}T{6 + hours:02}:00:00Z"
    times = {"start_date": f"{day}T06:00:00Z", "start_date_local": local, "utc_offset": 3600.0 * hours}
    measures = {"elapsed_time": 600, "moving_time": 540, "distance": 2224.0, "sport_type": "Ride"}
    return {"id": key, "name": name, "timezone": "(GMT+01:00) Europe/Vienna", **times, **measures}
