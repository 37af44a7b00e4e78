"""One configuration, one truth: on any host, in any time zone, at any date, in any process."""

import hashlib
import json
import os

import pytest

from strava_pipeline.ingest.strava.emulator.changes import add
from strava_pipeline.ingest.strava.emulator.state import build_state
from strava_pipeline_tests.emulator.conftest import config
from strava_pipeline_tests.processes import python

# Runs in a process of its own, whose clocks were moved before anything of the emulator was loaded.
ELSEWHERE = """
import datetime, sys, time
shift = float(sys.argv[1])
class Moved(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(real() + shift, tz)
    @classmethod
    def utcnow(cls):
        raise AssertionError("nobody may ask for a naive now")
class MovedDate(datetime.date):
    @classmethod
    def today(cls):
        return cls.fromtimestamp(real() + shift)
real = time.time
time.time = lambda: real() + shift
plain, plain_date = datetime.datetime, datetime.date
from strava_pipeline_tests.emulator.test_determinism import digest
for name, module in list(sys.modules.items()):
    if name.startswith("strava_pipeline."):
        if getattr(module, "datetime", None) is plain: module.datetime = Moved
        if getattr(module, "date", None) is plain_date: module.date = MovedDate
print(digest(int(sys.argv[2])))
"""


def digest(seed: int) -> str:
    """A fingerprint of everything one configuration generates."""
    state = build_state(config(activities=120, years=(2019, 2026), seed=seed))
    rows = state.store.existing(state.epoch)
    truth = [state.athlete, state.gear, [row.source.detail() for row in rows], [row.source.streams() for row in rows]]
    return hashlib.sha256(json.dumps(truth).encode()).hexdigest()


@pytest.fixture(scope="module")
def here() -> str:
    return digest(seed=7)


@pytest.mark.dear
@pytest.mark.parametrize(
    ("zone", "shift", "hash_seed"),
    [("Pacific/Kiritimati", 0, "1"), ("America/St_Johns", 400 * 86_400, "2"), ("UTC", -5000 * 86_400, "3")],
)
def test_the_same_athlete_comes_out_elsewhere(here: str, zone: str, shift: int, hash_seed: str) -> None:
    environment = os.environ | {"TZ": zone, "PYTHONHASHSEED": hash_seed}
    done = python("-c", ELSEWHERE, str(shift), "7", env=environment, check=True)
    assert done.stdout.strip() == here


@pytest.mark.slow
def test_another_seed_is_another_athlete(here: str) -> None:
    assert digest(seed=8) != here


def test_a_detail_is_the_same_every_time() -> None:
    state = build_state(config())
    for row in state.store.existing(state.epoch):
        assert row.source.detail() == row.source.detail()


def test_the_first_addition_is_the_same_at_any_time_and_the_second_differs() -> None:
    def added(later: float) -> list[tuple[float, ...]]:
        state = build_state(config())
        state.clock.advance(later)
        ids = [add(state, {"generate": {"start_date": "2024-05-04T10:00:00Z", "sport_type": "Run"}}) for _ in range(2)]
        assert ids[0] < ids[1]
        drawn = [row.source.summary() for row in state.store.existing(state.epoch) if row.id in ids]
        return [tuple(each[name] for name in ("distance", "moving_time", "elapsed_time")) for each in drawn]

    first, second = added(0)
    assert first != second
    assert added(13) == [first, second]
