"""What holds for every provider whose names can be changed: approved, written, read back; refused, conflicting, limited, lost.

A subject joins in by `write_call`, a pattern of the requests that change a name, as "METHOD /path" of its journal's `writes`;
`title_of(source_id)`, the name that the service has; and `fail_write(**fault)`, which orders a fault of such requests alone.
"""

import logging
import re
from functools import partial
from typing import Any

import pytest

from strava_pipeline.core.providers import spec_of
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.lake.changes import attempts_of, changes_folder
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations.changes import writers
from strava_pipeline.operations.changes.proposing import propose_if_any
from strava_pipeline.operations.changes.undoing import NotUndoableError, propose_undo
from strava_pipeline_tests.providers.edits import Edited
from strava_pipeline_tests.providers.worlds import World


@pytest.fixture
def edited(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    if "name" not in spec_of(world.subject.name).edits:
        pytest.skip("nothing of this provider's names can be changed")
    if not hasattr(world.subject, "title_of"):
        pytest.skip("its subject does not take part yet")
    monkeypatch.setattr(writers, "machine_clock", lambda speed: machine_clock(speed, now=world.subject.clock.now))
    return lambda rides=1: Edited(world, monkeypatch, rides)


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


@pytest.mark.parametrize("edit", ["before", "after"])
def test_a_value_that_somebody_else_changed_is_kept_and_nothing_is_written_over_it(edited: Any, edit: str) -> None:
    one = edited(2)
    one.decide()
    key = one.keys[0]
    if edit == "before":
        one.world.subject.edit(key, "somebody's own")
    else:
        one.edit_after_write(key, "somebody's own")
    one.apply()
    assert one.by_state() == {"conflicted": ["Up hill 1"], "applied" if edit == "before" else "approved": ["Up hill 2"]}
    assert one.world.subject.title_of(key) == "somebody's own"
    assert one.writes_of(key) == (edit == "after")
    (state,) = [state for state in one.states().values() if state.state == "conflicted"]
    record = attempts_of(one.world.run().lake, state.change.id)
    assert record.outcomes[1].found == "somebody's own"
    if edit == "after":
        assert record.intents[1].found == "at the start 1"
        assert record.intents[1].requests
    one.world.pull()
    one.propose()
    proposed = [state for state in one.states().values() if state.state == "proposed"]
    assert [state.change.old for state in proposed] == ["somebody's own"], "newer data are proposed again"


def test_an_activity_that_is_gone_fails_alone(edited: Any) -> None:
    one = edited(2)
    one.decide()
    one.world.subject.delete(one.keys[0])
    one.apply()
    assert one.by_state() == {"failed": ["Up hill 1"], "applied": ["Up hill 2"]}


def test_a_limit_leaves_the_rest_approved_and_a_later_run_goes_on(edited: Any) -> None:
    one = edited(3)
    one.world.need_calls()
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


@pytest.mark.parametrize(
    ("fault", "state", "writes"),
    [
        ({"kind": "reset", "processed": True}, "applied", 1),
        ({"kind": "reset"}, "approved", 0),
        ({"kind": "status", "status": 500}, "approved", 0),
    ],
    ids=["done, the answer lost", "broken off", "500"],
)
def test_after_a_lost_answer_what_the_service_has_decides(
    edited: Any, fault: dict[str, Any], state: str, writes: int
) -> None:
    one = edited(1)
    one.world.need_calls()
    one.decide()
    one.world.subject.fail_write(**fault)
    one.apply()
    assert one.by_state() == {state: ["Up hill 1"]}
    assert one.writes_of(one.keys[0]) == writes
    one.apply()
    assert one.by_state() == {"applied": ["Up hill 1"]}
    assert one.writes_of(one.keys[0]) == 1, "never twice"


def test_what_was_rejected_stays_so_and_what_is_undone_has_its_old_name_again(edited: Any) -> None:
    one = edited(2)
    first, second = one.states()
    one.decide(ids=[first])
    one.decide("rejected", [second])
    one.apply()
    state = one.states()[first]
    undo = propose_undo(one.world.settings, first)
    assert (undo.state, undo.change.old, undo.change.new) == ("proposed", state.change.new, state.change.old)
    one.decide(ids=[undo.change.id])
    one.apply()
    assert one.world.subject.title_of(state.change.source_id) == state.change.old
    one.world.pull()
    one.propose()
    assert [one.states()[key].state for key in (first, second)] == ["undone", "rejected"]
    with pytest.raises(NotUndoableError):
        propose_undo(one.world.settings, second)


def test_no_secret_and_no_name_stands_in_a_log_and_no_secret_in_a_record(
    edited: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = edited(2)
    one.decide()
    one.world.subject.fail_write(kind="status", status=500)
    report = one.apply()
    assert one.world.subject.secret not in caplog.text
    assert "Up hill" not in caplog.text
    assert "Up hill" not in repr((report.metadata, report.complete))
    lake = one.world.run().lake
    records = [path.read_text() for path in changes_folder(lake).rglob("*") if path.is_file()]
    assert len(records) >= 3
    assert not any(one.world.subject.secret in text for text in records)


def test_a_rebuild_gives_the_same_table(edited: Any) -> None:
    one = edited(3)
    first, second, _ = one.states()
    one.decide(ids=[first])
    one.decide("rejected", [second])
    one.apply()
    query = "SELECT * EXCLUDE (status_at) FROM proposed_changes ORDER BY id"
    before, run = one.world.gold(query), one.world.run()
    assert len(before) == 3
    rebuild(run.lake, run.years, run.progress, propose=partial(propose_if_any, run, one.world.settings))
    assert one.world.gold(query) == before
