"""How many connections there are, how long one may be held without a request, and how much it may send for one.

What is said on one is the app's. uvicorn waits for ever for the first request of a connection and for the head of one that
drips, and it keeps a head however long it gets: whoever wants to could keep all others out. So where all places are taken, one
more gets the place of the connection that has had no request for the longest.
"""

import asyncio
from itertools import count
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 500  # connections at once. Systems allow a process 1,024 files, the journal's included
IDLE = 30  # seconds without a whole head of a request: then it is hung up, after twice as long at the latest
LONGEST = 1_000_000  # bytes of a request, head and all: a body of 64 KiB in chunks of one byte comes to half of it

_numbers = count()


class Connection(HttpToolsProtocol):
    """uvicorn's, of which there is a bounded number."""

    _watch: asyncio.TimerHandle | None = None
    _came = 0  # bytes since the last request began
    _last_request = 0  # its number among all connections and requests that ever began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._last_request = next(_numbers)
        if len(self.connections) > MOST and not self._has_place():
            transport.close()
        else:
            self._watch = self.loop.call_later(IDLE, self._look, None)

    def _has_place(self) -> bool:
        """Whether there is a place for this connection, made by hanging up on the one without a request for the longest."""
        others = [other for other in self.connections if other is not self and isinstance(other, Connection)]
        present = [other for other in others if not other.transport.is_closing()]
        if len(present) < MOST:
            return True
        at_rest = min(filter(Connection._is_at_rest, present), key=lambda other: other._last_request, default=None)
        if at_rest is not None:
            at_rest.transport.close()
        return at_rest is not None

    def _is_at_rest(self) -> bool:
        """Whether no request is being worked on; the head of one may have begun."""
        return self.cycle is None or self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is before:
            self._came += len(data)
        else:
            self._came, self._last_request = 0, next(_numbers)
        if self._came > LONGEST:
            self.transport.close()

    def _look(self, before: Any) -> None:
        """`before`: the request that was the last one when it was looked at before."""
        if self._is_at_rest() and self.cycle is before:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(IDLE, self._look, self.cycle)
