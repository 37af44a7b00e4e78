"""What holds for every provider whose names can be changed: approved, written, read back; refused, conflicting, limited, lost.

A subject joins in by `write_call`, a pattern of the requests that change a name, as "METHOD /path" of its journal's `writes`;
`title_of(source_id)`, the name that the service has; and `fail_write(**fault)`, which orders a fault of such requests alone.
"""

import re
from typing import Any

import pytest

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.providers import spec_of
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.changes.apply_step import apply_approved
from strava_pipeline.operations.changes.deciding import Wanted, decide
from strava_pipeline.operations.changes.proposing import states_now, update_proposals
from strava_pipeline.operations.merging import publish_run
from strava_pipeline.operations.provider_source import ProviderSources
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline_tests.providers.test_comparing import at_strava
from strava_pipeline_tests.providers.worlds import YEARS, World, list_at_strava

DAYS = [f"2026-02-{day:02}" for day in range(11, 17)]


class Edited:
    """A world whose provider has other names than Strava, where a person wrote them."""

    def __init__(self, world: World, rides: int) -> None:
        self.world = world
        world.settings.providers_config.write_text(
            f'[providers.{world.subject.name}]\nenabled = true\npriority = 9\nwrite = ["name"]\n'
            "[providers.strava]\npriority = 1\n"
        )
        self.keys = [world.subject.add(day, f"at the start {day}") for day in DAYS[:rides]]
        list_at_strava(world, *(at_strava(place, day, f"Up hill {place}") for place, day in enumerate(DAYS[:rides], 1)))
        world.pull()
        self.propose()

    def propose(self) -> None:
        run = self.world.run()
        with reading(run.lake) as connection:
            update_proposals(run, self.world.settings, connection)
        publish_run(run)

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

    def apply(self) -> StepReport:
        """What a run of `apply_changes` does."""
        run = self.world.run()
        report = apply_approved(run, self.world.settings, ProviderSources(self.world.settings, run), YEARS)
        self.world.merge(run)
        with reading(run.lake) as connection:
            update_proposals(run, self.world.settings, connection)
        publish_run(run)
        return report

    def writes(self) -> list[str]:
        return [f"{call['method']} {call['path']}" for call in self.world.subject.journal.writes]


@pytest.fixture
def edited(world: World) -> Any:
    if "name" not in spec_of(world.subject.name).edits:
        pytest.skip("nothing of this provider's names can be changed")
    if not hasattr(world.subject, "title_of"):
        pytest.skip("its subject does not take part yet")
    return lambda rides=1: Edited(world, rides)


def test_what_was_approved_is_written_once_read_back_and_in_gold(edited: Any) -> None:
    one = edited(3)
    assert one.by_state() == {"proposed": ["Up hill 1", "Up hill 2", "Up hill 3"]}
    assert (one.apply().metadata["changes_applied"], one.writes()) == (0, []), "nothing was approved"
    first, second, _ = one.states()
    one.decide(ids=[first, second])
    report = one.apply()
    assert (report.metadata["changes_applied"], report.metadata["changes_left"]) == (2, 0)
    assert len(one.writes()) == 2
    assert all(re.fullmatch(one.world.subject.write_call, call) for call in one.writes())
    states = one.states()
    assert [states[key].state for key in states].count("applied") == 2
    for key in (first, second):
        change = states[key].change
        assert one.world.subject.title_of(change.source_id) == change.new
        assert one.world.gold(f"SELECT name FROM activity_sources WHERE source_id = '{change.source_id}'") == [
            (change.new,)
        ]
    assert (one.apply().metadata["changes_applied"], len(one.writes())) == (0, 2)
