"""The athlete of an emulated Strava, as the emulators of other services need to know them."""

from pathlib import Path

from strava_pipeline.emulator.services import Athlete
from strava_pipeline.ingest.strava.emulator.state import State


def athlete_of(state: State, folder: Path) -> Athlete:
    """The athlete now; `folder` is where other services write what they keep in files."""
    return Athlete(
        [row.source.summary() for row in state.store.existing(state.epoch)],
        {str(key): str(item.get("name") or key) for key, item in state.gear.items()},
        folder,
        state.config.now,
        state.config.speed,
        state.config.seed,
    )
