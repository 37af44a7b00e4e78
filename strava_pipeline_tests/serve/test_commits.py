"""Group commit: an fsync serves many, nobody is told before it, and a fault is told to all whose lines it met."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from strava_pipeline.serve.inbox import GroupCommit


class Disk:
    """Takes lines when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.free = threading.Event()
        self.fault: Exception | None = None

    def append(self, lines: Sequence[bytes]) -> None:
        assert self.free.wait(10)
        if self.fault is not None:
            raise self.fault
        self.batches.append(list(lines))


def test_what_comes_while_the_disk_is_busy_goes_to_it_together_and_in_order() -> None:
    async def scene() -> list[list[bytes]]:
        disk = Disk()
        commits = GroupCommit(disk.append)
        first = asyncio.create_task(commits.add(b"0"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the first is on its way
        others = [asyncio.create_task(commits.add(str(number).encode())) for number in range(1, 100)]
        await asyncio.sleep(0)
        assert not first.done()
        disk.free.set()
        await asyncio.gather(first, *others)
        await commits.close()
        return disk.batches

    batches = asyncio.run(scene())
    assert [line for batch in batches for line in batch] == [str(number).encode() for number in range(100)]
    assert len(batches) <= 3


def test_a_fault_is_told_to_all_of_its_batch_and_the_next_is_tried() -> None:
    async def scene() -> None:
        disk = Disk()
        disk.fault = OSError(28, "No space left on device")
        disk.free.set()
        commits = GroupCommit(disk.append)
        told = await asyncio.gather(*(commits.add(b"x") for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in told] == [OSError] * 5
        disk.fault = None
        await commits.add(b"y")
        await commits.close()
        assert disk.batches == [[b"y"]]

    asyncio.run(scene())


def test_one_who_goes_away_takes_nobody_elses_line_along() -> None:
    async def scene() -> None:
        disk = Disk()
        commits = GroupCommit(disk.append)
        tasks = [asyncio.create_task(commits.add(name)) for name in (b"a", b"b")]
        await asyncio.sleep(0)
        tasks[0].cancel()
        disk.free.set()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        await tasks[1]
        await commits.close()
        assert [line for batch in disk.batches for line in batch] == [b"a", b"b"]

    asyncio.run(scene())
