"""One athlete at five sources: each effort comes out once, whatever each source says of it, and none is missing."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.emulator.services import Service, served
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.athlete import athlete_of
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations import source as source_module
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import BudgetedSource, Source
from strava_pipeline.testing.merging import merge_years
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.demo import demo_settings

EFFORTS = 2000
TWICE = 1  # yoga that begins twice in one second, without a place or a distance: two devices
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
YEARS = list(range(2014, 2027))


@pytest.mark.dear
def test_efforts_at_five_sources_come_out_as_many_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = EmulatorConfig(now=NOW, activities=EFFORTS, years=(2015, 2026), seed=2026, limits=None)
    with Emulator(config) as strava, served(athlete_of(strava.state, tmp_path), [*PROVIDERS]) as (services, found):
        run, settings = connected(strava, found, tmp_path, monkeypatch)
        bring(run, settings, [*services])
    group_of, activities = _groups(run)
    assert activities == EFFORTS - TWICE + sum(service.alone for service in services.values())
    _assert_together(services, group_of)


def connected(
    strava: Emulator, found: Mapping[str, str], folder: Path, patch: pytest.MonkeyPatch
) -> tuple[RunContext, Settings]:
    """A data folder in `folder` that is logged in to Strava and the other services. Pauses move Strava's clock."""
    patch.setattr(ServerClock, "sleep", lambda _, seconds: strava.state.clock.advance(max(seconds, 0.0)))
    clock = machine_clock(now=strava.state.clock.now)
    patch.setattr(source_module, "machine_clock", lambda speed: clock)
    settings = demo_settings(folder, strava.url, found)
    log_in_at_emulator(settings)
    return run_context(settings, LogProgress(logging.getLogger("run")), run_id="run", clock=clock), settings


def bring(run: RunContext, settings: Settings, names: list[str]) -> None:
    everything = ListingOptions(mode="all", per_page=200, days=None)
    pull_listing(run, BudgetedSource(STRAVA, settings, run), everything, [])
    for name in names:
        pull_activities(run, Source(name, settings, run), everything, [])
    merge_years(run, YEARS)


def _groups(run: RunContext) -> tuple[dict[tuple[str, str], int], int]:
    """The activity of each row, by its source and its id there; and how many activities there are."""
    with reading(run.lake) as connection:
        rows = connection.execute("SELECT source, source_id, activity_id FROM activity_sources").fetchall()
        (count,) = connection.execute("SELECT count(*) FROM activities").fetchall()[0]
    return {(source, source_id): activity for source, source_id, activity in rows}, count


def _assert_together(services: dict[str, Service], group_of: dict[tuple[str, str], int]) -> None:
    of_strava = {source_id: group for (source, source_id), group in group_of.items() if source == "strava"}
    assert len({*of_strava.values()}) == EFFORTS - TWICE, "no other two of Strava's are one"
    led = [source_id for source_id, group in of_strava.items() if group != int(source_id)]
    assert len(led) == TWICE, "each keeps Strava's id, whatever is enabled"
    apart = defaultdict(list)
    for name, service in services.items():
        for own, strava_id in service.pairs.items():
            if name != "spreadsheet" and group_of[name, own] != of_strava[str(strava_id)]:  # its rows have no number
                apart[name].append(own)
    assert not apart
    written = [group for (source, _), group in group_of.items() if source == "spreadsheet"]
    assert sum(group in {*of_strava.values()} for group in written) == len(services["spreadsheet"].pairs)
