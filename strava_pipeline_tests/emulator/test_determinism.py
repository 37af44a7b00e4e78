"""One configuration, one truth, whenever it is asked for."""

import hashlib
import json

from strava_pipeline.ingest.strava.emulator.changes import add
from strava_pipeline.ingest.strava.emulator.state import build_state
from strava_pipeline_tests.emulator.conftest import config


def digest(seed: int) -> str:
    """A fingerprint of everything one configuration generates."""
    state = build_state(config(activities=120, years=(2019, 2026), seed=seed))
    rows = state.store.existing(state.epoch)
    truth = [state.athlete, state.gear, [row.source.detail() for row in rows], [row.source.streams() for row in rows]]
    return hashlib.sha256(json.dumps(truth).encode()).hexdigest()


def test_another_seed_is_another_athlete() -> None:
    assert digest(seed=7) == digest(seed=7) != digest(seed=8)


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
