"""What the intake showed is compared with the replay, but for what another version of the intake left."""

import json
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.keeping import Replay
from strava_pipeline.trips.car.log import move_to_bronze
from strava_pipeline.trips.car.operations import _live_finding, _LiveStates
from strava_pipeline.trips.car.rules.config import DEFAULT_LIMITS
from strava_pipeline_tests.old_folders.test_old_folders import each_folder
from strava_pipeline_tests.trips.car.logs import MORNING, drive
from strava_pipeline_tests.trips.car.test_live import PEOPLE, Bench, run


def compared(lake: Lake) -> tuple[set[str], set[str]]:
    """Users whose live state agrees with a replay of everything in bronze, and users whose state differs."""
    found = _LiveStates(lake)
    Replay().run(lake, DEFAULT_LIMITS, found.compare_line)
    finding = _live_finding(found)
    assert (finding.holds, finding.refuses) == (not found.differing, False)
    assert finding.counts == {"users_agreeing": len(found.agreeing), "users_differing": len(found.differing)}
    return found.agreeing, found.differing


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A data folder with half a drive in bronze, and what an intake noted behind it."""
    bench, end = Bench(tmp_path, []), MORNING + timedelta(days=1)
    lake, bench.now = bench.log.lake, end
    bench.log.config(PEOPLE.configs[0])
    bench.log.steps(drive()[:5])
    move_to_bronze(lake, end)

    async def follow(bench: Bench) -> None:
        await bench.until(lambda: bench.live.status("anna")["last_event_at"] is not None)
        await bench.settled()

    run(bench, follow)
    move_to_bronze(lake, end + timedelta(hours=1))
    return lake


def note(lake: Lake, change: Callable[[dict[str, Any]], object]) -> None:
    noted = json.loads(lake.live_cars.read_bytes())
    change(noted["anna"])
    lake.live_cars.write_text(json.dumps(noted))


def test_what_the_intake_notes_agrees_with_the_replay(lake: Lake) -> None:
    assert compared(lake) == ({"anna"}, set())


def test_another_state_differs(lake: Lake) -> None:
    note(lake, lambda live: live.update(state="0123456789abcdef"))
    assert compared(lake) == (set(), {"anna"})


@pytest.mark.parametrize("version", [1, None, "2"])
def test_what_another_version_noted_is_compared_with_nothing(lake: Lake, version: object) -> None:
    note(lake, lambda live: live.update(state="0123456789abcdef", version=version))
    assert compared(lake) == (set(), set())


def test_what_a_version_without_a_number_noted_is_compared_with_nothing(lake: Lake) -> None:
    note(lake, lambda live: live.update(state="0123456789abcdef"))
    note(lake, lambda live: live.pop("version"))
    assert compared(lake) == (set(), set())


def test_a_note_that_is_no_object_is_compared_with_nothing(lake: Lake) -> None:
    lake.live_cars.write_text('{"anna": "0123456789abcdef"}')
    assert compared(lake) == (set(), set())


@pytest.mark.slow
@each_folder
def test_what_an_old_folder_holds_warns_of_nothing(tmp_path: Path, packed: Path) -> None:
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    lake = Lake(tmp_path / "data")
    assert "anna" in json.loads(lake.live_cars.read_bytes())
    assert compared(lake)[1] == set(), "which names nobody where an older version noted it"
