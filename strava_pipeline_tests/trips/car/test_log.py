"""The log of pings, between inbox and bronze: nothing twice, nothing lost, wherever a process dies."""

from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car import log as car_pings
from strava_pipeline.trips.car.log import bronze_files, count_readings, has_unread_pings, move_to_bronze, waiting_lines
from strava_pipeline.trips.car.rules.config import read_config
from strava_pipeline.trips.car.rules.lines import AnswerLine
from strava_pipeline_tests.trips.car.logs import MORNING, Log, config, drive

LATER = MORNING + timedelta(hours=1)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(Lake(tmp_path / "data"))


def ids(lake: Lake, after: str | None = None) -> list[str]:
    return [line.id for _, lines in bronze_files(lake, after) for line, _ in lines]


def test_what_came_is_in_bronze_once_with_its_answers(log: Log) -> None:
    log.config(read_config(config()))
    log.steps(drive(km=2))
    assert has_unread_pings(log.lake)
    taken = move_to_bronze(log.lake, LATER)
    assert (taken.pings, taken.readings, taken.left) == ({2026: 6}, 6, 0)
    found = [pair for _, lines in bronze_files(log.lake) for pair in lines]
    assert [line.id for line, _ in found] == [f"{number:06}" for number in range(1, 8)]
    assert [answered.to if answered else None for _, answered in found] == [None, *(f"{n:06}" for n in range(2, 8))]
    assert not has_unread_pings(log.lake)
    assert move_to_bronze(log.lake, LATER).pings == {}
    assert list(log.lake.inbox_pings.iterdir()) == []


def test_what_waits_for_an_answer_waits_with_all_behind_it(log: Log) -> None:
    first, second, third = drive(km=1)[:3]
    lines = [*log.lines(first), *log.lines(second), *log.lines(third)]
    open_, answer = lines[2], lines[3]
    assert isinstance(answer, AnswerLine)
    log.put([*lines[:3], *lines[4:]], MORNING)
    soon = MORNING + timedelta(seconds=100)
    assert move_to_bronze(log.lake, soon).left == 3
    assert ids(log.lake) == ["000001"]
    assert list(waiting_lines(log.lake)) == [open_, *lines[4:]]
    log.put([answer], MORNING + timedelta(seconds=101))  # the segment was full: it stands in the next one
    assert move_to_bronze(log.lake, soon).left == 0
    assert answered(log.lake) == {"000001": True, "000002": True, "000003": True}


def test_what_nobody_answers_counts_after_two_minutes_and_an_answer_after_that_does_not(log: Log) -> None:
    line, answer = log.lines(drive()[0])
    log.put([line], MORNING)
    assert move_to_bronze(log.lake, MORNING + timedelta(seconds=121)).left == 1
    assert move_to_bronze(log.lake, MORNING + timedelta(seconds=122)).left == 0
    log.put([answer], MORNING + timedelta(seconds=130))
    assert move_to_bronze(log.lake, MORNING + timedelta(seconds=130)).readings == 1
    assert answered(log.lake) == {"000001": False}
    assert count_readings(log.lake, [2026])[2026].readings == 1


def answered(lake: Lake) -> dict[str, bool]:
    return {line.id: found is not None for _, lines in bronze_files(lake) for line, found in lines}


@pytest.mark.parametrize("dies_at", ["car_readings", "pings", "delete_read"])
def test_a_death_between_steps_loses_and_doubles_none(log: Log, dies_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log.steps(drive(km=3))
    write = car_pings.write_whole

    def dying(path: Path, content: bytes) -> None:
        if dies_at in str(path):
            raise KeyboardInterrupt
        write(path, content)

    def gone(*_: object) -> dict[str, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(car_pings, "write_whole", dying)
        if dies_at == "delete_read":
            patched.setattr(car_pings, "delete_read", gone)
        with pytest.raises(KeyboardInterrupt):
            move_to_bronze(log.lake, LATER)
    log.steps(drive(LATER, km=1))
    move_to_bronze(log.lake, LATER + timedelta(hours=1))
    assert ids(log.lake) == [f"{number:06}" for number in range(1, 13)]
    assert all(answered is not None for _, lines in bronze_files(log.lake) for _, answered in lines)
    assert waiting_lines(log.lake) == []


def test_bronze_is_read_in_the_order_of_its_coming_though_the_clock_was_set_back(log: Log) -> None:
    log.steps(drive(km=1))
    move_to_bronze(log.lake, LATER)
    first = list(bronze_files(log.lake))[-1][0]
    log.steps(drive(LATER, km=1))
    move_to_bronze(log.lake, LATER - timedelta(days=3))
    assert ids(log.lake) == [f"{number:06}" for number in range(1, 11)]
    assert ids(log.lake, after=first) == [f"{number:06}" for number in range(6, 11)]


def test_a_damaged_file_is_named(log: Log) -> None:
    log.steps(drive(km=1)[:1])
    move_to_bronze(log.lake, LATER)
    (path,) = log.lake.pings.glob("*/*.gz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PipelineError, match=path.name):
        ids(log.lake)


def test_what_is_no_line_is_told_and_kept(log: Log) -> None:
    log.steps(drive(km=1)[:1])
    (segment,) = log.lake.inbox_pings.iterdir()
    with segment.open("ab") as file:
        file.write(b"rubbish\n")
    assert move_to_bronze(log.lake, LATER).not_ours == 1
    assert ids(log.lake) == ["000001"]
    assert waiting_lines(log.lake) == []
