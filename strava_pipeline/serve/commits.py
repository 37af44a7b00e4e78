"""Many requests, one fsync: what came in while the disk was busy goes to it together. No HTTP.

A line is acknowledged when it is on disk, and not before. One thread writes, so the event loop never waits for a disk.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Append = Callable[[Sequence[bytes]], None]


class GroupCommit:
    """Hands lines to `append`, in batches, in the order in which they came. For one event loop."""

    def __init__(self, append: Append) -> None:
        self._append = append
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")

    async def add(self, line: bytes) -> None:
        """Returns when the line is on disk. Raises what `append` raised, to everyone of the batch."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((line, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(written)  # who goes away does not take the others' line along

    async def close(self) -> None:
        """Until all that was added is written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self._disk.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._waiting:
            self._waiting = []
            try:
                await loop.run_in_executor(self._disk, self._append, [line for line, _ in batch])
            except Exception as error:  # noqa: BLE001 - raised again where the lines came from
                for _, written in batch:
                    if not written.done():
                        written.set_exception(error)
            else:
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)
        self._writing = None
