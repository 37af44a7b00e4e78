"""How approved changes are written, with the toy: how many, what is sent once only, what a person rejects meanwhile, files."""

from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.emulator.service import Fault
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.lake.changes import attempts_of
from strava_pipeline.lake.providers import last_outcomes
from strava_pipeline.operations.changes import apply_step, writers
from strava_pipeline.operations.changes.applying import MOST, SETTLED, Applied, apply_at
from strava_pipeline.operations.changes.writers import connect_writer
from strava_pipeline.testing.edits import Edited
from strava_pipeline.testing.worlds import at_strava
from strava_pipeline_tests.providers.toy_service import NOW
from strava_pipeline_tests.providers.worlds import WITH_THE_TOY, World, list_at_strava

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def same_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "machine_clock", lambda speed: machine_clock(speed, now=world.subject.clock.now))


@pytest.mark.dear
@WITH_THE_TOY
def test_a_run_writes_twenty_at_a_service_unless_asked_for_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST == 20
    monkeypatch.setattr(apply_step, "MOST", most := 2)
    one = Edited(world, monkeypatch, most + 3)
    one.decide()
    report = one.apply()
    assert (report.metadata["changes_applied"], report.metadata["changes_left"], len(one.writes())) == (most, 3, most)
    report = one.apply(everything=True)
    assert (report.metadata["changes_applied"], report.metadata["changes_left"]) == (3, 0)


@pytest.mark.dear
@WITH_THE_TOY
def test_what_a_person_rejects_while_a_run_works_is_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Edited(world, monkeypatch, 2)
    one.decide()
    (second,) = [key for key, state in one.states().items() if state.change.new == "Up hill 2"]
    one.after_write(one.keys[0], lambda: one.decide("rejected", [second]))
    one.apply()
    assert one.by_state() == {"applied": ["Up hill 1"], "rejected": ["Up hill 2"]}
    assert len(one.writes()) == 1


UPLOAD = Change(
    kind="upload_activity",
    provider="toy",
    month="2026-02",
    effort="1",
    new="a" * 64,
    details={"sha256": "a" * 64, "external_id": "strava_pipeline_1"},
)


def upload(world: World, *, is_open: bool = False) -> Applied:
    """What a run does with the approved upload."""
    state = ChangeState(UPLOAD, 1, "approved", NOW, NOW, NOW, is_open=is_open, may_be_sent=True)
    run, settings = world.run(), world.settings
    return apply_at(run, "toy", lambda: connect_writer("toy", settings, run.progress.waiting), [state], most=None)


def sent(world: World) -> int:
    """How often the toy was sent a file, whatever it made of it."""
    return sum(method == "POST" for _, method, _, _ in world.subject.journal.log)


@WITH_THE_TOY
@pytest.mark.parametrize(
    ("fault", "found_later", "then"),
    [
        (None, False, "applied"),
        ({"kind": "reset", "processed": True}, False, "applied"),
        ({"kind": "reset"}, False, "failed"),
        ({"kind": "reset"}, True, "applied"),
        ({"kind": "status", "status": 500}, False, "failed"),
    ],
    ids=["done", "done, the answer lost", "lost", "found later", "500"],
)
def test_a_file_is_sent_once_and_looked_for_afterwards(
    world: World, fault: dict[str, Any] | None, found_later: bool, then: str
) -> None:
    if fault is not None:
        world.subject.faults.order(Fault.from_order({"path": "/uploads", "method": "POST", **fault}, ""))
    first = upload(world)
    record = attempts_of(world.run().lake, UPLOAD.id)
    assert sent(world) == 1
    if not first.results:
        assert record.open == 1, "nobody knows yet"
        upload(world, is_open=True)
        assert attempts_of(world.run().lake, UPLOAD.id).open == 1, "it may take a while to be seen"
        if found_later:
            world.subject.toy.uploads["strava_pipeline_1"] = "a" * 64  # type: ignore[attr-defined]
        world.subject.clock.advance(SETTLED.total_seconds() + 1)
        upload(world, is_open=True)
        record = attempts_of(world.run().lake, UPLOAD.id)
    assert sent(world) == 1, "never again"
    assert record.outcomes[1].result == then
    assert "path" not in record.intents[1].model_dump_json()


@pytest.mark.dear
@WITH_THE_TOY
def test_a_service_that_fails_keeps_no_other_from_being_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strava has no login here, and the toy first answers with something that its writer does not expect."""
    one = Edited(world, monkeypatch, 1)
    config = world.settings.providers_config
    config.write_text(f'{config.read_text()}write = ["name"]\n')  # the last table is Strava's
    world.subject.add("2026-02-10", "Through the wood")
    strava = [at_strava(1, "2026-02-28", "Up hill 1"), at_strava(2, "2026-02-10", "Morning Ride")]
    world.subject.clock.advance(60)
    list_at_strava(world, *strava)
    world.pull()
    one.propose()
    one.decide()
    assert {state.change.provider for state in one.states().values()} == {"strava", "toy"}

    def kept() -> dict[str, bool]:
        return {name: last_outcomes(world.run().lake, name)["changes"].succeeded for name in ("strava", "toy")}

    world.subject.faults.order(Fault.from_order({"path": "/activities", "kind": "body", "body": [1], "times": 9}, ""))
    with pytest.raises(TypeError):
        one.apply()
    assert one.by_state() == {"approved": ["Through the wood", "Up hill 1"]}
    assert kept() == {"strava": False, "toy": False}, "both were tried"
    world.subject.faults.clear()
    report = one.apply()
    assert report.metadata["change_problems"][0].startswith("Strava: ")
    assert one.by_state() == {"applied": ["Up hill 1"], "approved": ["Through the wood"]}
    assert kept() == {"strava": False, "toy": True}
