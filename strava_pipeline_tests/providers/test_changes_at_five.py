"""Five services that disagree: what a person approved is written there, and nothing else; undoing brings each back."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.gear_links import gear_items
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.emulator.services import Service, served
from strava_pipeline.environment.setting_files import replace_file
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.gear_tables import with_links
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.athlete import athlete_of
from strava_pipeline.ingest.strava.emulator.changes import edit
from strava_pipeline.ingest.strava.oauth import SCOPES, WRITES
from strava_pipeline.lake.gold.gear import gear_pieces
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations import source as source_module
from strava_pipeline.operations.changes import writers
from strava_pipeline.operations.changes.apply_step import apply_approved
from strava_pipeline.operations.changes.comparing import compare_months
from strava_pipeline.operations.changes.deciding import Wanted, decide
from strava_pipeline.operations.changes.parties import comparing
from strava_pipeline.operations.changes.proposing import states_now, update_proposals
from strava_pipeline.operations.changes.undoing import propose_undo
from strava_pipeline.operations.fetching_steps import fetch_gear
from strava_pipeline.operations.merging import publish_run
from strava_pipeline.operations.options import CallOptions, ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import BudgetedSource, Source
from strava_pipeline.operations.sources import Sources
from strava_pipeline.testing.merging import merge_years
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.demo import demo_settings

pytestmark = pytest.mark.slow
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
YEARS = [2025, 2026]
MONTHS = ["2026-01", "2026-02", "2026-03"]
CHOICES = """
[changes]
propose_since = 2026-01-01

[providers.strava]
write = ["name", "gear"]
"""
Values = dict[tuple[str, str, str], Any]
"""What the services hold, by service, activity and field."""


CHANGEABLE = [name for name in PROVIDERS if spec_of(name).edits]


class Services:
    """The athlete's services and data folder."""

    def __init__(self, strava: Emulator, services: Mapping[str, Service], settings: Settings) -> None:
        self.strava, self.services, self.settings = strava, services, settings
        self.clock = machine_clock(now=strava.state.clock.now)

    def run(self) -> RunContext:
        return run_context(self.settings, LogProgress(logging.getLogger("run")), run_id="run", clock=self.clock)

    def pull(self) -> None:
        run, options = self.run(), ListingOptions(mode="incremental", per_page=200, days=60)
        strava = BudgetedSource(STRAVA, self.settings, run)
        pull_listing(run, strava, options, [])
        for name in self.services:
            list_provider_activities(run, Source(name, self.settings, run), options, YEARS, asset="listing")
        self.merge(run)
        fetch_gear(run, strava, CallOptions(), new_gear_only=True)
        garmin = Source("garmin", self.settings, run)  # a first listing asks for no activity's gear
        list_provider_activities(run, garmin, options, YEARS, asset="listing")
        self.merge(run)

    def merge(self, run: RunContext, months: Collection[str] = ()) -> None:
        with reading(run.lake) as connection:
            merge_years(run, YEARS)
            update_proposals(run, self.settings, connection, months)
        publish_run(run)

    def states(self) -> dict[str, ChangeState]:
        run = self.run()
        return states_now(run.lake, self.settings, run.now())

    def decide(self, verdict: Any, ids: list[str]) -> None:
        if ids:
            decide(self.settings, verdict, [Wanted(key) for key in ids], by="a test")

    def apply(self) -> dict[str, Any]:
        run = self.run()
        sources = Sources(self.settings, run)
        report = apply_approved(run, self.settings, sources, YEARS, everything=True)
        self.merge(run)
        return dict(report.metadata or {})

    def link_gear(self) -> None:
        path, sources = self.settings.providers_config, [STRAVA, *self.services]
        with reading(self.run().lake) as connection:
            items = gear_items(gear_pieces(connection, sources), {}, sources)
        before, after = with_links(path, {item.name: item.proposed for item in items if item.proposed})
        replace_file(path, before, after)

    def disagree(self) -> None:
        """Every third activity has Strava's own name there, and another piece of gear at the services that a program can ask."""
        for row in self.strava.state.store.existing(self.strava.state.epoch)[::3]:
            edit(self.strava.state, {"id": row.id, "set": {"name": "Morning Ride"}})
        for name, service in self.services.items():
            if service.app is None:
                continue
            state = service.app.state.emulator
            if name == "garmin":
                pieces = [piece["uuid"] for piece in state.gear]
                for key in [key for key, linked in state.linked.items() if linked][::3]:
                    state.linked[key] = [next(piece for piece in pieces if piece != state.linked[key][0])]
                continue
            rows = [
                row for row in (state.trips if name == "ridewithgps" else state.activities).values() if row.get("gear")
            ]
            for row in rows[::3]:
                row["gear"] = {**row["gear"], "id": next(g["id"] for g in state.gear if g["id"] != row["gear"]["id"])}

    def table(self) -> list[tuple[Any, ...]]:
        """The cells of the owner's table, without blank rows at its end."""
        from openpyxl import load_workbook

        book = load_workbook(self.settings.spreadsheet_path)
        rows = [tuple(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        while not any(rows[-1]):
            rows.pop()
        return rows

    def values(self) -> Values:
        found: Values = {}
        for row in self.strava.state.store.existing(self.strava.state.epoch):
            summary = row.source.summary()
            found[STRAVA, str(summary["id"]), "name"] = summary["name"]
            found[STRAVA, str(summary["id"]), "gear"] = summary.get("gear_id")
        for name, service in self.services.items():
            if service.app is not None:
                found |= dict(_values(name, service.app.state.emulator))
        return found

    def writes(self) -> Counter[str]:
        found = Counter({STRAVA: sum(call["status"] < 300 for call in self.strava.state.journal.writes)})
        for name, service in self.services.items():
            if service.app is not None:
                found[name] = sum(call["status"] < 300 for call in service.app.state.emulator.journal.writes)
        return found


def _values(name: str, state: Any) -> Iterator[tuple[tuple[str, str, str], Any]]:
    """What a service holds that can be changed."""
    if name == "garmin":
        for key, entry in state.activities.items():
            yield (name, str(key), "name"), entry["activityName"]
            yield (name, str(key), "gear"), (state.linked.get(key) or [None])[0]
    elif name == "ridewithgps":
        for key, trip in state.trips.items():
            yield (name, str(key), "name"), trip["name"]
            yield (name, str(key), "gear"), str((trip.get("gear") or {}).get("id") or "") or None
    else:
        for key, row in state.activities.items():
            yield (name, str(key), "name"), row.get("name")
            yield (name, str(key), "gear"), (row.get("gear") or {}).get("id")


@pytest.fixture
def five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    config = EmulatorConfig(now=NOW, activities=30, years=(2026, 2026), seed=2026, limits=None)
    with Emulator(config) as strava, served(athlete_of(strava.state, tmp_path), CHANGEABLE) as (services, found):
        monkeypatch.setattr(ServerClock, "sleep", lambda _, seconds: strava.state.clock.advance(max(seconds, 0.0)))
        clock = machine_clock(now=strava.state.clock.now)
        for module in (source_module, writers):
            monkeypatch.setattr(module, "machine_clock", lambda speed: clock)
        settings = demo_settings(tmp_path, strava.url, found)
        settings.providers_config.write_text(
            CHOICES
            + "".join(
                f'\n[providers.{name}]\nenabled = true\nwrite = ["name", "gear"{", " * (name == "spreadsheet")}'
                f"{chr(34) + 'duration' + chr(34) if name == 'spreadsheet' else ''}]\n"
                for name in services
            )
        )
        log_in_at_emulator(settings, (*SCOPES, WRITES))
        yield Services(strava, services, settings)


@pytest.mark.dear
def test_what_was_approved_is_written_and_nothing_else_and_undoing_brings_it_back(five: Services) -> None:
    five.disagree()
    five.pull()
    five.link_gear()
    five.merge(five.run(), MONTHS)
    found = five.states()
    assert {state.state for state in found.values()} <= {"proposed", "expired"}, "gear was linked after the first run"
    proposed = {key: state for key, state in found.items() if state.state == "proposed"}
    kinds = Counter((state.change.provider, state.change.kind) for state in proposed.values())
    assert {provider for provider, _ in kinds} == {STRAVA, *five.services}, kinds
    assert {kind for _, kind in kinds} >= {"update_name", "update_gear", "add_activity", "link_activity"}, kinds
    before, table = five.values(), five.table()
    assert five.apply()["changes_applied"] == 0
    assert (five.values(), five.table()) == (before, table)
    yes, no, open_ = ([key for place, key in enumerate(proposed) if place % 4 in part] for part in ((0, 1), (2,), (3,)))
    five.decide("approved", yes)
    five.decide("rejected", no)
    report = five.apply()
    assert (report["changes_applied"], report["changes_left"]) == (len(yes), 0), report
    after, states = five.values(), five.states()
    wanted = {
        (change.provider, change.source_id, change.field): change.value_after
        for change in (proposed[key].change for key in yes)
        if change.kind in ("update_name", "update_gear") and change.provider != "spreadsheet"
    }
    assert {place: value for place, value in after.items() if value != before[place]} == wanted
    assert {states[key].state for key in no} == {"rejected"}
    assert {states[key].state for key in yes} == {"applied"}
    assert {states[key].state for key in open_} <= {"proposed", "expired"}
    # one request for each; Garmin's gear takes an unlinking and a linking
    calls = five.writes()
    for name in (STRAVA, *five.services):
        changes = [proposed[key].change for key in yes if proposed[key].change.provider == name]
        twice = sum(change.kind == "update_gear" and change.old_id is not None for change in changes)
        assert calls[name] <= len(changes) + (twice if name == "garmin" else 0), name
    _assert_compared(five, proposed, yes)
    five.pull()  # whatever each service now lists, nothing of this is proposed again
    again = five.states()
    assert {again[key].state for key in yes} == {"applied"}
    assert {again[key].state for key in no} == {"rejected"}
    inverses = [propose_undo(five.settings, key).change.id for key in yes]
    assert five.values() == after, "taking back waits for a yes, too"
    five.decide("approved", inverses)
    assert five.apply()["changes_applied"] == len(yes)
    assert (five.values(), five.table()) == (before, table)
    assert {five.states()[key].state for key in yes} == {"undone"}


def _assert_compared(five: Services, proposed: Mapping[str, ChangeState], written: list[str]) -> None:
    """The comparison agrees where names were written."""
    run = five.run()
    with reading(run.lake) as connection:
        rows = compare_months(connection, comparing(five.settings, run.now()), MONTHS).rows
    cells = {(name, cell.source_id): cell for row in rows for name, cell in row.cells.items() if cell.present}
    for change in (proposed[key].change for key in written):
        if change.kind == "update_name":
            assert cells[change.provider, change.source_id].name_status in ("ok", "authority")
