"""An inbox: bodies of one kind, each on disk before it is acknowledged. No HTTP, and no idea what they mean."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from strava_pipeline.lake.files import bytes_free
from strava_pipeline.lake.journal import ROOM, Writer, waiting
from strava_pipeline.lake.received import Received
from strava_pipeline.serve.commits import GroupCommit

AN_EVENT = 1_000  # bytes in the journal; Strava's have some 350


class Inbox:
    """Takes bodies for one event loop. `now`: this machine's time."""

    def __init__(self, folder: Path, now: Callable[[], datetime], room: int = ROOM) -> None:
        self._folder, self._now, self._room = folder, now, room
        self._writer = Writer(folder, most_waiting=room)
        self._commits = GroupCommit(lambda lines: self._writer.append(lines, now()))

    async def keep(self, body: bytes) -> None:
        """Returns when it is on disk. Raises UnicodeDecodeError, JournalFullError, or OSError (a full disk)."""
        await self.keep_line(Received.line(body, self._now()))

    async def keep_line(self, line: bytes) -> None:
        """A line of who has lines of their own. Returns when it is on disk. Raises JournalFullError, or OSError."""
        await self._commits.add(line)

    @property
    def bytes_waiting(self) -> int:
        return waiting(self._folder)

    @property
    def has_room(self) -> bool:
        """Whether one more event would be taken, and would find room on the disk."""
        return self.bytes_waiting + AN_EVENT <= self._room and bytes_free(self._folder) >= AN_EVENT

    async def close(self) -> None:
        await self._commits.close()
        self._writer.close()
