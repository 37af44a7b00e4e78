"""Connections on which the head of an answer, status and fields, comes within the timeout as a whole.

http.client gives each byte of a head that long, so that a server which sends one now and then is waited for all day. What comes
behind the head is measured by whoever reads it.
"""

import http.client
import io
import socket
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _TimedReader(io.RawIOBase):
    """What a socket brings; TimeoutError once `deadline` (`time.monotonic`) is over, if there is one."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.deadline: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TimeoutError("the head of the answer does not come to its end")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PromptResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *options: Any, **named: Any) -> None:
        super().__init__(sock, *options, **named)
        self._seconds = sock.gettimeout()
        self._reader = _TimedReader(self.fp.detach())
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        if self._seconds is not None:
            self._reader.deadline = time.monotonic() + self._seconds
        super().begin()
        self._reader.deadline = None


class _Connection(HTTPConnection):
    response_class = _PromptResponse


class _TlsConnection(HTTPSConnection):
    response_class = _PromptResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS: dict[str, type] = {"http": _Pool, "https": _TlsPool}
"""For `PoolManager.pool_classes_by_scheme`."""
