"""What follows from a refusal, a limit and a third value, which is the same code for all; the contract is edits_contract.py's."""

from typing import Any

import pytest

from strava_pipeline.lake.changes import attempts_of
from strava_pipeline.testing.edits_contract import edited_world
from strava_pipeline_tests.providers.worlds import WITH_THE_TOY, World

pytestmark = pytest.mark.dear


@pytest.fixture
def edited(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    return edited_world(world, monkeypatch)


@WITH_THE_TOY
def test_a_limit_leaves_the_rest_approved_and_a_later_run_goes_on(edited: Any) -> None:
    one = edited(3)
    one.decide()
    one.world.subject.fail_write(kind="status", status=429, headers={"Retry-After": "7200"}, after=1)
    report = one.apply()
    assert report.stopped is not None
    assert one.by_state() == {"applied": ["Up hill 1"], "approved": ["Up hill 2", "Up hill 3"]}
    asked = len(one.world.subject.journal.log)
    assert one.apply().stopped is not None
    assert len(one.world.subject.journal.log) == asked, "no call before the limit ends"
    one.world.subject.clock.advance(7201)
    assert one.apply().stopped is None
    assert one.by_state() == {"applied": ["Up hill 1", "Up hill 2", "Up hill 3"]}
    assert [one.writes_of(key) for key in one.keys] == [1, 1, 1]


@WITH_THE_TOY
def test_what_the_service_refuses_fails_and_says_why_and_stops_the_rest_of_its_kind(edited: Any) -> None:
    one = edited(3)
    one.decide()
    one.world.subject.fail_write(kind="status", status=422, times=9)
    report = one.apply()
    assert one.by_state() == {"approved": ["Up hill 2", "Up hill 3"], "failed": ["Up hill 1"]}, (
        "the first is written alone"
    )
    assert (report.metadata["changes_failed"], report.metadata["changes_left"]) == (1, 2)
    (failed,) = [state for state in one.states().values() if state.state == "failed"]
    assert "422" in failed.reason
    assert "Up hill" not in failed.reason


@WITH_THE_TOY
def test_a_third_value_after_a_write_is_kept_with_the_others(edited: Any) -> None:
    one = edited(2)
    one.decide()
    key = one.keys[0]
    one.edit_after_write(key, "somebody's own")
    one.apply()
    assert one.by_state() == {"conflicted": ["Up hill 1"], "approved": ["Up hill 2"]}, "the first is to be looked at"
    assert one.world.subject.title_of(key) == "somebody's own"
    (state,) = [state for state in one.states().values() if state.state == "conflicted"]
    record = attempts_of(one.world.run().lake, state.change.id)
    assert (record.intents[1].found, record.outcomes[1].found) == ("at the start 1", "somebody's own")
    assert record.intents[1].requests
