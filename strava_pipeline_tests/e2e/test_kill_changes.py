"""kill -9 and a full disk while approved changes are written: nothing that nobody approved, and nothing twice without a reason."""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.lake.changes import attempts_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes import writers
from strava_pipeline.testing.edits import Edited
from strava_pipeline_tests.e2e.dagster_dev import ROOT
from strava_pipeline_tests.providers.worlds import World, world_of
from strava_pipeline_tests.small_disk import small_disk

PROGRAM = "strava_pipeline_tests.e2e.mortal_writer"
LIVES = 60
STEPS_OF_ONE = 26  # of a change that is written
MOMENTS: dict[str, tuple[str, int, tuple[float | None, ...]]] = {
    "before the intent": (r"intent\.json|mkdir .*/changes/", 4, (None,)),
    "after the intent": ("^PUT", 1, (None,)),
    "amid the call": ("^PUT", 1, (0.0, 0.0005, 0.001, 0.002, 0.004)),
    "before the read-back": ("^GET", 3, (None, 0.0005)),
    "while it lands": ("feed-toy", 20, (None,)),
    "before the outcome": (r"outcome\.json", 4, (None,)),
    "in the middle of fifty": ("", 4 * STEPS_OF_ONE, (None, 0.001)),
}
"""When a life ends: the steps that count, how many there may be before it, and the seconds that are left after it began."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with world_of("toy", tmp_path, monkeypatch) as found:
        monkeypatch.setattr(writers, "machine_clock", lambda speed: machine_clock(speed, now=found.subject.clock.now))
        yield found


def order(world: World, **more: Any) -> dict[str, Any]:
    return {"environ": world.settings.environ(), **more}


def written(world: World) -> Counter[str]:
    """How often each activity was changed at the toy."""
    return Counter(str(call["path"]).removeprefix("/activities/") for call in world.subject.journal.writes)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(1, marks=pytest.mark.slow),
        *(pytest.param(seed, marks=pytest.mark.soak(part="kills")) for seed in (2, 3, 4)),
    ],
)
def test_killed_at_any_moment_each_approved_change_is_written_once_or_says_why_not(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int
) -> None:
    one, chance = Edited(world, monkeypatch, 50), random.Random(seed)
    ids = list(one.states())
    assert len(ids) == 50
    chosen = set(chance.sample(ids, 42))
    one.decide(ids=sorted(chosen))
    one.decide("rejected", [key for key in ids if key not in chosen][:4])
    approved = {one.states()[key].change.source_id for key in chosen}
    died: Counter[str] = Counter()
    with subprocess.Popen(
        [sys.executable, "-m", PROGRAM], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for life in range(LIVES):
            if life == LIVES // 4:  # meanwhile a person edits one
                world.subject.edit(chance.choice(one.keys), "somebody's own")
            moment = [*MOMENTS][life % len(MOMENTS)]
            only, steps, delays = MOMENTS[moment]
            fate = {"only": only, "die_at": chance.randrange(steps), "after": chance.choice(delays)}
            journal = tmp_path / f"life-{life}.jsonl"
            program.stdin.write(json.dumps(order(world, journal=str(journal), folder=str(tmp_path), **fate)) + "\n")
            program.stdin.flush()
            died[moment] += json.loads(program.stdout.readline()) == -9
        program.stdin.close()
    assert died.total() >= LIVES * 0.9, "a life may come to its end before its step"
    assert min(died[moment] for moment in MOMENTS) >= LIVES // len(MOMENTS) - 2, died
    one.apply(everything=True)
    states = {key: state for key, state in one.states().items() if key in chosen}
    assert {state.state for state in states.values()} <= {"applied", "conflicted"}
    assert sum(state.state == "conflicted" for state in states.values()) <= 1, "only what a person edited"
    counts = written(world)
    assert counts.keys() <= approved, "nothing that nobody approved"
    for state in states.values():
        record = attempts_of(world.run().lake, state.change.id)
        source_id = str(state.change.source_id)
        assert counts[source_id] <= len(record.intents), "each write has its intent, on disk before it"
        if state.state == "applied":
            assert one.world.subject.title_of(source_id) == state.change.new
    assert sum(counts.values()) - len(counts) <= 1, "what was under way at a death is read first: it hardly comes twice"


@pytest.mark.slow
def test_with_a_full_disk_nothing_is_sent_that_has_no_intent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "world"
    folder.mkdir()
    with world_of("toy", folder, monkeypatch) as world:
        one = Edited(world, monkeypatch, 6)
        one.decide()
        ids = list(one.states())
        try:
            disk = small_disk(folder)
            mounted = disk.__enter__()
        except OSError as error:
            pytest.skip(f"this kernel forbids it: {error}")
        try:
            command = [sys.executable, "-m", PROGRAM, json.dumps(order(world))]
            for free in (0, 16384, 49152):
                mounted.leave(free)
                mounted.run(*command, environment={"PYTHONPATH": str(ROOT)})
                lake = Lake(mounted.seen / "data")
                intents = sum(len(attempts_of(lake, key).intents) for key in ids)
                assert sum(written(world).values()) <= intents
                mounted.empty()
            done = mounted.run(*command, environment={"PYTHONPATH": str(ROOT)})
            assert done.returncode == 0, done.stderr
            assert sorted(map(world.subject.title_of, one.keys)) == [f"Up hill {place}" for place in range(1, 7)]
            assert max(written(world).values()) <= 2
        finally:
            disk.__exit__(None, None, None)
