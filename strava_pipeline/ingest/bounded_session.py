"""A session of requests that bounds answers in size and time and follows no redirect, so that no token reaches another host.

Sending, and the meaning of failures, is http.py's.
"""

import ssl
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.setting_values import http_url, is_loopback


def open_session(
    monotonic: Callable[[], float],
    *,
    head_within: float,
    whole_within: float,
    most_bytes: int,
    plain_http_hosts: str | None,
) -> Session:
    """A session that keeps connections, but no cookies or other browser state.

    `head_within`, `whole_within`: seconds for the head of an answer and for all of it; `most_bytes`: of its body,
    unpacked; `plain_http_hosts`: hosts besides this machine that may be asked by http://, separated by commas.
    """
    session = _Session()
    session.trust_env = False  # else a login of ~/.netrc would replace the token
    session.headers["User-Agent"] = "strava_pipeline"
    session.headers["Cache-Control"] = "no-cache"  # a proxy's copy of an earlier answer would look new
    timed = partial(_TimedResponse, monotonic, head_within, whole_within)
    adapter = _BoundedAdapter(timed, most_bytes, plain_http_hosts)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


class _Session(Session):
    """Neither follows nor parses a redirect, which is an ordinary answer here."""

    def get_redirect_target(self, resp: Response) -> str | None:
        return None


class _BoundedAdapter(HTTPAdapter):
    """Bounds answers, and sends nothing by plain http that others could read."""

    def __init__(self, timed: Callable[..., HTTPResponse], most_bytes: int, plain_http_hosts: str | None) -> None:
        super().__init__()
        self._timed, self._most_bytes, self._plain_http_hosts = timed, most_bytes, plain_http_hosts
        self._proxies: dict[str, dict[str, str]] = {}  # of the servers that may be asked

    def send(self, request: PreparedRequest, *options: Any, **named: Any) -> Response:
        """The answer, its body not read yet. Raises PipelineError for an address that others could eavesdrop on."""
        url = request.url or ""
        server = url.partition("://")[0] + "://" + urlsplit(url).netloc
        proxies = self._proxies.get(server)
        if proxies is None:
            proxies = self._proxies[server] = self._allowed(url)
        return super().send(request, *options, **{**named, "proxies": proxies})

    def _allowed(self, url: str) -> dict[str, str]:
        """The proxies on the way to a server; the library reads the whole environment for them."""
        try:
            http_url(url, self._plain_http_hosts)
        except ValueError as error:
            raise PipelineError(f"{error}.") from None
        return {} if is_loopback(url) else get_environ_proxies(url)

    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        """Without a configured bundle, trust this machine's certificates as well as the public ones."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if verify is True and host["scheme"] == "https":
            tls["ssl_context"] = self._machine_trust
        return host, tls

    @cached_property
    def _machine_trust(self) -> ssl.SSLContext:
        from truststore import SSLContext  # only https needs it

        return SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def get_connection_with_tls_context(self, *options: Any, **named: Any) -> Any:
        """The connections to a server, whose answers have to arrive in time."""
        pool: Any = super().get_connection_with_tls_context(*options, **named)
        if "ConnectionCls" not in vars(pool):  # a new pool, which has its class's
            pool.ConnectionCls = type(
                "TimedConnection", (pool.ConnectionCls,), {"response_class": staticmethod(self._timed)}
            )
        return pool

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """The answer of requests, with a body of bounded size."""
        response = super().build_response(req, resp)
        response.raw = _BoundedBody(resp, self._most_bytes)
        return response


class _BoundedBody:
    """A body for `Response.iter_content`: unpacked pieces as they arrive, including the last one before a break."""

    def __init__(self, raw: Any, most_bytes: int) -> None:
        self._raw, self._left, self.close = raw, most_bytes, raw.close

    def stream(self, amount: int, decode_content: bool) -> Iterator[bytes]:
        """Pieces of at most `amount` bytes; the last one is the piece that exceeds the limit."""
        while self._left >= 0 and (piece := self._raw.read1(amount, decode_content=decode_content)):
            self._left -= len(piece)
            yield piece


class _TimedResponse(HTTPResponse):
    """An answer with deadlines for its head and for its whole. Without them every byte would have its own timeout."""

    def __init__(
        self, monotonic: Callable[[], float], head_within: float, whole_within: float, *options: Any, **named: Any
    ) -> None:
        super().__init__(*options, **named)
        started = monotonic()
        self._whole_by = started + whole_within
        self._reader = _TimedReader(self.fp.detach(), monotonic, started + head_within)
        self.fp = BufferedReader(self._reader)

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self._reader.deadline = self._whole_by


class _TimedReader(RawIOBase):
    """The data of a socket; raises TimeoutError after `deadline`, by the clock `monotonic`."""

    def __init__(self, raw: RawIOBase, monotonic: Callable[[], float], deadline: float) -> None:
        self._raw, self._monotonic, self.deadline = raw, monotonic, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._monotonic() > self.deadline:
            raise TimeoutError
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
