"""The contract of a provider whose names can be changed: approved, written, read back; conflicting, gone, lost; undone.

The effects of a refusal, a limit and a third value are the same code for all, and tested in strava_pipeline; each
writer's own tests show how its service reports them. A subject takes part as a `ChangeableSubject`. For a file, a write
is a name that its owner did not give.
"""

import logging
import re
from collections.abc import Callable
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
from strava_pipeline.operations.merging import publish_run
from strava_pipeline.testing.edits import Edited
from strava_pipeline.testing.subjects import has_trait
from strava_pipeline.testing.worlds import World

NAMES = [f"Up hill {place}" for place in range(1, 8)]
LOST = ({"kind": "reset", "processed": True}, {"kind": "reset"}, {"kind": "status", "status": 500})


def edited_world(world: World, patch: pytest.MonkeyPatch) -> Callable[[int], Edited]:
    """A world with that many rides, whose names differ from Strava's; skipped if no name can be changed."""
    if "name" not in spec_of(world.subject.name).edits or has_trait(world.subject, "only_reads"):
        pytest.skip("nothing of this provider's names can be changed")
    patch.setattr(writers, "machine_clock", lambda speed: machine_clock(speed, now=world.subject.clock.now))
    return lambda rides: Edited(world, patch, rides, "[changes]\nadd_activities = false\n")


def _assert_private(one: Edited, report: Any, log: str) -> None:
    """No secret in a log or a record, and no name in a log or in Dagster's views."""
    records = [path.read_text() for path in changes_folder(one.world.run().lake).rglob("*") if path.is_file()]
    assert len(records) >= 7
    assert not any(one.world.subject.secret in text for text in (log, *records) if one.world.subject.secret)
    assert not any("Up hill" in text for text in (log, repr((report.metadata, report.findings))))


def _assert_rebuilt(one: Edited) -> None:
    """A rebuild has the same changes."""
    query = "SELECT * EXCLUDE (status_at) FROM proposed_changes ORDER BY id"
    table, run = one.world.gold(query), one.world.run()
    assert len(table) == 8
    rebuild(run.lake, run.years, run.progress, propose=partial(propose_if_any, run, one.world.settings))
    assert one.world.gold(query) == table


def _take_back(one: Edited, plain: str, rejected: str) -> None:
    """The first change is undone like any other, by the next run; the rejected one can't be."""
    undo = propose_undo(one.world.settings, plain)
    assert (undo.state, undo.change.old, undo.change.new) == ("proposed", "Up hill 1", "at the start 1")
    with pytest.raises(NotUndoableError):
        propose_undo(one.world.settings, rejected)
    one.decide(ids=[undo.change.id])


def _assert_newer_data(one: Edited, plain: str, moved: str, rejected: str) -> None:
    """A change whose value moved is proposed again; and no rule of the tables has been broken."""
    one.world.pull()
    one.propose(publish=publish_run)
    states = one.states()
    assert (states[plain].state, states[rejected].state) == ("undone", "rejected")
    assert (states[moved].state, states[moved].change.old) == ("proposed", "somebody's own")


class EditsContract:
    """The contract of changes at the service."""

    @pytest.fixture
    def edited(self, world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Edited]:
        """`edited(rides)`: a world with that many rides, whose names differ from Strava's."""
        return edited_world(world, monkeypatch)

    def test_each_change_ends_as_the_service_then_says(
        self, edited: Callable[[int], Edited], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Of seven changes the first is written; then follow one whose value moved, one whose activity is gone, three
        whose answers are lost, the first of them after the work was done; and one that was rejected.
        """
        caplog.set_level(logging.DEBUG)
        one = edited(7)
        subject, (plain, moved, gone, *lost, rejected) = one.subject, one.keys
        assert (one.by_state(), one.writes()) == ({"proposed": NAMES}, [])
        ids = {state.change.source_id: key for key, state in one.states().items()}
        one.decide(ids=[ids[key] for key in one.keys[:6]])
        one.decide("rejected", [ids[rejected]])
        subject.edit(moved, "somebody's own")
        subject.delete(gone)
        by_calls = one.world.by_calls  # a file takes all its changes or none: its answers are not lost
        if by_calls:
            for fault in LOST:
                subject.fail_write(after=1, **fault)
        report = one.apply()
        left = NAMES[4:6] if by_calls else []
        found = {
            "applied": [*NAMES[:1], *NAMES[3:6]],
            "conflicted" if by_calls else "proposed": NAMES[1:2],  # a file is read again at once, which is newer data
            "failed": NAMES[2:3],
            "rejected": NAMES[6:],
        }
        found["applied"] = [name for name in found["applied"] if name not in left]
        assert one.by_state() == found | ({"approved": left} if left else {})
        assert report.metadata["changes_left"] == len(left)
        assert all(re.fullmatch(subject.write_call, call) for call in one.writes())
        assert [one.writes_of(key) for key in one.keys] == [1, 0, 0, 1, *([0, 0] if by_calls else [1, 1]), 0]
        assert subject.title_of(moved) == "somebody's own"
        for place, key in ((1, plain), (4, lost[0])):
            assert subject.title_of(key) == f"Up hill {place}"
            assert one.world.gold(f"SELECT name FROM activity_sources WHERE source_id = '{key}'") == [
                (f"Up hill {place}",)
            ]
        assert attempts_of(one.world.run().lake, ids[moved]).outcomes[1].found == "somebody's own"
        _assert_private(one, report, caplog.text)

        _take_back(one, ids[plain], ids[rejected])
        one.apply()  # continues with the rest
        assert one.by_state() == found | {"applied": [*NAMES[3:6], "at the start 1"], "undone": NAMES[:1]}
        assert [one.writes_of(key) for key in one.keys] == [2 if by_calls else 0, 0, 0, 1, 1, 1, 0], "each once"
        assert subject.title_of(plain) == "at the start 1"
        one.world.check_faults_are_met("fail_write of the subject")
        _assert_rebuilt(one)
        _assert_newer_data(one, ids[plain], ids[moved], ids[rejected])
