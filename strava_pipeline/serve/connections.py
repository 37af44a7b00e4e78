"""How many connections there are, and how much one may send for a request. What is said on one is the app's.

uvicorn waits for ever for the first request of a connection, keeps a head however long it gets, and answers 503 to all where
silent connections reach its own limit. So here, where all places are taken, one more gets the place of the oldest that asks
nothing: nobody has to be timed.
"""

import asyncio
from itertools import count

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 500  # connections at once. Systems allow a process 1,024 files, the journal's included
LONGEST = 1_000_000  # bytes of a request, head and all: a body of 64 KiB in chunks of one byte comes to half of it

_numbers = count()


class Connection(HttpToolsProtocol):
    """uvicorn's, of which there is a bounded number."""

    number = 0  # in the order in which they came
    _received = 0  # bytes since the last request began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.number = next(_numbers)
        others = (other for other in self.connections if isinstance(other, Connection))
        present = [other for other in others if not other.transport.is_closing()]
        if len(present) > MOST:  # this one is at rest, too, and goes where all others are at work
            min(filter(Connection.is_at_rest, present), key=lambda other: other.number).transport.close()

    def is_at_rest(self) -> bool:
        """Whether no request is being worked on; the head of one may have begun."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        self._received = self._received + len(data) if self.cycle is before else 0
        if self._received > LONGEST:
            self.transport.close()
