"""How many connections there are, how long one may be held without a request, and how much it may send for one.

What is said on one is the app's. uvicorn waits for ever for the first request of a connection and for the head of one that
drips, and it keeps a head however long it gets: whoever wants to could keep all others out.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 500  # connections at once; one more is hung up on. Systems allow a process 1,024 files, the journal's included
IDLE = 30  # seconds without a whole head of a request: then it is hung up, after twice as long at the latest
LONGEST = 1_000_000  # bytes of a request, head and all: a body of 64 KiB in chunks of one byte comes to half of it


class Connection(HttpToolsProtocol):
    """uvicorn's, of which there is a bounded number."""

    _watch: asyncio.TimerHandle | None = None
    _came = 0  # bytes since the last request began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.close()
        else:
            self._watch = self.loop.call_later(IDLE, self._look, None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        self._came = self._came + len(data) if self.cycle is before else 0
        if self._came > LONGEST:
            self.transport.close()

    def _look(self, before: Any) -> None:
        """`before`: the request that was the last one when it was looked at before."""
        at_rest = self.cycle is None or self.cycle.response_complete
        if at_rest and self.cycle is before:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(IDLE, self._look, self.cycle)
