"""Counts of what cars answered: each file is read once, and they are right whatever was lost or brought back."""

from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.log import count_readings, move_to_bronze
from strava_pipeline_tests.trips.car.logs import MORNING, Log, drive

DAY = timedelta(days=1)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Two drives, of 6 answers and of 7, the last of them an error; a file each."""
    log = Log(Lake(tmp_path / "data"))
    log.steps(drive(km=2))
    move_to_bronze(log.lake, MORNING + DAY / 2)
    later = drive(MORNING + DAY, km=3)
    later[-1]["api"] = {"zoe": {"error": "timeout"}}
    log.steps(later)
    move_to_bronze(log.lake, MORNING + 2 * DAY)
    return log


def counted(log: Log) -> tuple[int, int]:
    found = count_readings(log.lake, [2026, 2027])
    assert found[2027].files == 0
    return found[2026].readings, sum(found[2026].errors.values())


def files(log: Log) -> list[Path]:
    return sorted((log.lake.car_readings / "2026").iterdir())


def test_a_file_is_read_once(log: Log) -> None:
    assert counted(log) == (13, 1)
    files(log)[0].write_bytes(b"nobody reads it again")
    assert counted(log) == (13, 1)
    log.steps(drive(MORNING + 3 * DAY, km=1))
    move_to_bronze(log.lake, MORNING + 4 * DAY)
    assert counted(log) == (18, 1)
    (log.lake.state / "car_readings.json").unlink()
    with pytest.raises(PipelineError, match="is damaged"):
        counted(log)


@pytest.mark.parametrize("kept", [b"", b"[]", b'{"2026": {"files": "two"}}'])
def test_lost_counts_are_made_anew(log: Log, kept: bytes) -> None:
    assert counted(log) == (13, 1)
    (log.lake.state / "car_readings.json").write_bytes(kept)
    assert counted(log) == (13, 1)


def test_what_was_lost_or_brought_back_counts(log: Log) -> None:
    assert counted(log) == (13, 1)
    first = files(log)[0]
    content = first.read_bytes()
    first.unlink()
    assert counted(log) == (12, 1)
    first.write_bytes(content)
    assert counted(log) == (13, 1)


def test_answers_without_what_they_answer_come_again_and_count_then(log: Log) -> None:
    last = files(log)[-1]
    (log.lake.pings / "2026" / last.name).unlink()  # as a death between the two leaves it
    assert counted(log) == (12, 0)
