"""What the commands `copy`, `purge ID` and `copy restore --decisions` do with a made-up folder, for a child of mortal.py."""

from datetime import datetime
from pathlib import Path

from strava_pipeline.operations.copy_proof import restore_decisions
from strava_pipeline_tests.operations.copies.conftest import World
from strava_pipeline_tests.operations.copies.put_back import expire, purge


def live(what: str, folder: str, repository: str, now: str, key: str) -> None:
    """Do one of them at a time. `key`: the activity to be purged, or that expires."""
    world = World(Path(folder), repository, datetime.fromisoformat(now))
    match what:
        case "copy":
            world.copy()
        case "purge":
            purge(world, int(key))
        case "expire":
            expire(world, int(key))
        case "restore":
            restore_decisions(world.lake, world.settings, world.now, None)
