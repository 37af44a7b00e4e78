"""An inbox: bodies of one kind, each on disk before it is acknowledged; many requests, one fsync. No HTTP.

One thread writes, so the event loop never waits for a disk.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from strava_pipeline.lake.files import bytes_free
from strava_pipeline.lake.journal import ROOM, Received, Writer, waiting_bytes

Append = Callable[[Sequence[bytes]], None]


class GroupCommit:
    """Passes lines to `append`, in batches, in their order. For one event loop."""

    def __init__(self, append: Append) -> None:
        self._append = append
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")

    async def add(self, line: bytes) -> None:
        """Returns when the line is on disk. Raises the error of `append`, for each line of the batch."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((line, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(written)  # a client that goes away doesn't cancel the write of the others' lines

    async def close(self) -> None:
        """Wait until all added lines are written."""
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


AN_EVENT = 1_000  # bytes in the journal; Strava's have some 350


class Inbox:
    """Accepts bodies for one event loop. `now`: this machine's time."""

    def __init__(self, folder: Path, now: Callable[[], datetime], room: int = ROOM) -> None:
        self._folder, self._now, self._room = folder, now, room
        self._writer = Writer(folder, most_waiting=room)
        self._commits = GroupCommit(lambda lines: self._writer.append(lines, now()))

    async def keep(self, body: bytes) -> None:
        """Returns when it is on disk. Raises UnicodeDecodeError, JournalFullError, or OSError (a full disk)."""
        await self.keep_line(Received.line(body, self._now()))

    async def keep_line(self, line: bytes) -> None:
        """Store a line of a caller with its own line format. Returns when it is on disk. Raises JournalFullError, or OSError."""
        await self._commits.add(line)

    @property
    def bytes_waiting(self) -> int:
        return waiting_bytes(self._folder)

    @property
    def has_room(self) -> bool:
        """Whether one more event would be accepted, and has room on the disk."""
        return self.bytes_waiting + AN_EVENT <= self._room and bytes_free(self._folder) >= AN_EVENT

    async def close(self) -> None:
        await self._commits.close()
        self._writer.close()
