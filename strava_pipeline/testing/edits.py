"""A data folder with a provider whose names differ from Strava's: proposing, deciding and applying as runs and people do."""

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import pytest

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.lake.bronze.listings import mark_listings_used
from strava_pipeline.lake.gold.publish import publish as replace_snapshot
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.changes.apply_step import apply_approved
from strava_pipeline.operations.changes.deciding import Wanted, decide
from strava_pipeline.operations.changes.proposing import states_now, update_proposals
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.sources import Sources
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.testing.subjects import ChangeableSubject
from strava_pipeline.testing.worlds import YEARS, World, at_strava, list_at_strava

DAYS = 28  # of February: beyond that several rides begin on one day


def publish_unchecked(run: RunContext) -> None:
    """The same as `publish_run`, without the rules of the tables, which cost more than the rest."""
    replace_snapshot(run.lake)
    if run.run_id is not None:
        mark_listings_used(run.lake, run.run_id)


class Edited:
    """A world whose provider has other names than Strava, written by a person. `more`: further lines of providers.toml."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch, rides: int, more: str = "") -> None:
        self.world, self.patch = world, patch
        self.subject = cast(ChangeableSubject, world.subject)
        world.settings.providers_config.write_text(
            f'[providers.{world.subject.name}]\nenabled = true\npriority = 9\nwrite = ["name"]\n'
            f"[providers.strava]\npriority = 1\n{more}"
        )
        self.keys = []  # the newest is proposed and written first
        self.at_strava: list[dict[str, Any]] = []
        for place in range(1, rides + 1):
            day, hour = f"2026-02-{DAYS - (place - 1) % DAYS:02}", 6 + 4 * ((place - 1) // DAYS)
            began = f"{day}T{hour + 1:02}:00:00+01:00" if rides > DAYS else ""
            self.keys.append(world.subject.add(day, f"at the start {place}", began=began))
            times = {"start_date": f"{day}T{hour:02}:00:00Z", "start_date_local": f"{day}T{hour + 1:02}:00:00Z"}
            self.at_strava.append({**at_strava(place, day, f"Up hill {place}"), **times})
        list_at_strava(world, *self.at_strava)
        world.pull()
        self.propose()

    def propose(self, *months: str, publish: Callable[[RunContext], object] = publish_unchecked) -> None:
        run = self.world.run()
        with reading(run.lake) as connection:
            update_proposals(run, self.world.settings, connection, months)
        publish(run)

    def states(self) -> dict[str, ChangeState]:
        run = self.world.run()
        return states_now(run.lake, self.world.settings, run.now())

    def by_state(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for state in self.states().values():
            found.setdefault(state.state, []).append(str(state.change.new))
        return {state: sorted(names) for state, names in found.items()}

    def decide(self, verdict: Any = "approved", ids: list[str] | None = None) -> None:
        wanted = ids or [key for key, state in self.states().items() if state.state == "proposed"]
        decide(self.world.settings, verdict, [Wanted(key) for key in wanted], by="a test")

    def apply(self, *, everything: bool = False) -> StepReport:
        """The same as a run of `apply_changes`, a minute later: a listing's beginning counts to the second."""
        self.world.subject.clock.advance(60)
        run, settings = self.world.run(), self.world.settings
        report = apply_approved(run, settings, Sources(settings, run), YEARS, everything=everything)
        self.world.merge(run)
        with reading(run.lake) as connection:
            update_proposals(run, self.world.settings, connection)
        publish_unchecked(run)
        return report

    def writes(self) -> list[str]:
        """The requests that changed something, in order."""
        done = [call for call in self.world.subject.journal.writes if call["status"] < 300]
        return [f"{call['method']} {call['path']}" for call in done]

    def writes_of(self, source_id: str) -> int:
        """The number of requests that changed this activity."""
        return sum(source_id in unquote(call) for call in self.writes())

    def edit_after_write(self, source_id: str, title: str) -> None:
        """Let somebody change the name of the activity just after its next write."""
        self.after_write(source_id, lambda: self.world.subject.edit(source_id, title))

    def after_write(self, source_id: str, do: Callable[[], object]) -> None:
        """Call `do` just after the next write of the activity, once."""
        due = [do]
        send = Wire.send

        def sent(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
            exchange = send(wire, method, url, **options)
            if method != "GET" and due and self.writes_of(source_id):
                due.pop()()
            return exchange

        self.patch.setattr(Wire, "send", sent)
