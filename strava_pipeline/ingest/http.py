"""One HTTP exchange with a server: sent once, read whole, failures sorted by whether the call can have counted.

No retries, budget, tokens or meaning of a status here. The library is requests, used by a session that bounds answers
(bounded_session.py) and imported by the first Wire: commands that make no call don't pay its 40 ms.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from logging import ERROR, INFO, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from strava_pipeline.core.errors import PipelineError, RefusedError, TransientError
from strava_pipeline.core.limits import SMALL_ANSWER, AnswerLimit
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.failed_calls import Kind, counting, kind_of

if TYPE_CHECKING:
    from requests import Response

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # seconds; the read timeout holds for the head and for each piece of the body
WHOLE_TIMEOUT = 300  # seconds for all of an answer: one that trickles would never hit the read timeout
CHUNK = 1 << 16  # bytes
EVIDENCE = 1_000_000  # bytes that are kept of an answer that was not read to its end
# the debug lines of the one hold whole addresses, and so does the other's warning of a head that can't be read
QUIETED = {"urllib3.connectionpool": INFO, "urllib3.connection": ERROR}


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer as received: `body` is complete and decoded from gzip; `seconds`: how long the exchange took."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float


class NotSentError(TransientError):
    """The server never saw the request (refused, unknown host, no connection in time), so it did not count."""


class UntrustedError(PipelineError):
    """The server's certificate can't be verified; `code` is OpenSSL's verdict (X509_V_ERR_…), or None."""

    def __init__(self, message: str, *, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class BrokenOffError(TransientError):
    """The answer began, and broke off or never ended: `exchange` holds the part that arrived."""

    def __init__(self, message: str, exchange: Exchange) -> None:
        super().__init__(message, status=exchange.status, body=exchange.body)
        self.exchange = exchange


class TooLargeError(RefusedError):
    """The answer is larger than the limit, and would be again: `exchange` holds its beginning."""

    def __init__(self, message: str, exchange: Exchange) -> None:
        super().__init__(message, status=exchange.status, body=exchange.body)
        self.exchange = exchange


class Wire:
    """Sends requests over connections that are kept open.

    Args:
        monotonic: seconds on a steady counter.
        ca_bundle: the trusted certificates; None: the public ones and the machine's.
        limit: how large an answer may be, unpacked, measured while it arrives.
        patience: seconds for the connection, for the head, for each piece of the answer and for all of it.
        plain_http_hosts: hosts besides this machine that may be asked by http://, separated by commas.
        on_failure: is informed of each exchange without a good answer.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        ca_bundle: Path | None = None,
        *,
        limit: AnswerLimit = AnswerLimit(),
        patience: float | None = None,
        plain_http_hosts: str | None = None,
        on_failure: Callable[[Kind], object] = lambda kind: None,
    ) -> None:
        from strava_pipeline.ingest.bounded_session import open_session

        self._monotonic, self._limit, self._on_failure = monotonic, limit, on_failure
        self._timeout = (patience or CONNECT_TIMEOUT, patience or READ_TIMEOUT)
        self._trusted = str(ca_bundle) if ca_bundle else True
        self._session = open_session(
            monotonic,
            head_within=patience or READ_TIMEOUT,
            whole_within=patience or WHOLE_TIMEOUT,
            most_bytes=limit.most_bytes,
            plain_http_hosts=plain_http_hosts,
        )
        self._headers = dict(self._session.headers)
        for logger, level in QUIETED.items():
            getLogger(logger).setLevel(level)

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: bytes | None = None,
        content: tuple[bytes, str] | None = None,
        name: str | None = None,
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """The answer, whatever its status. Raises TransientError or TooLargeError (kinds above), else PipelineError.

        `content`: a body, and its Content-Type; `name`: how errors call the request, instead of by its path; `basic`: a user
        and a password; `headers`: a login in headers of the service's own.
        """
        from requests import (
            Request,  # prepared without the session: merging its settings into it takes a sixth of a call
        )

        started, parts = self._monotonic(), urlsplit(url)
        name = name or f"{method} {parts.path}"
        sent = {**self._headers, **(headers or {})}
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        body, kind = content or (json, "application/json")
        if body is not None:
            sent["Content-Type"] = kind
        try:
            request = Request(method, url, headers=sent, params=params, data=form or body, auth=basic).prepare()
            response = self._session.send(request, proxies={}, timeout=self._timeout, verify=self._trusted, stream=True)
        except (OSError, ValueError) as error:
            failure = _failure(error, name, parts.hostname or "?")
        else:
            return self._read(response, name, started)
        self._on_failure("no_answer")
        raise failure  # outside the handler, so that the library's error, which may hold the address or a header, isn't chained

    def _read(self, response: "Response", name: str, started: float) -> Exchange:
        parts: list[bytes] = []
        fault: str | None = None
        with closing(response.raw):
            try:
                for part in response.iter_content(CHUNK):
                    parts.append(part)  # one by one, so that what came before a break is kept
            except OSError as error:
                fault = f"broke off ({type(_cause(error)).__name__})"
        body, seconds = b"".join(parts), self._monotonic() - started
        is_too_large = len(body) > self._limit.most_bytes
        if is_too_large:
            fault = self._limit.exceeded
        exchange = Exchange(response.status_code, response.headers, body[:EVIDENCE] if fault else body, seconds)
        if (failed := "broken_off" if fault else kind_of(exchange.status)) is not None:
            self._on_failure(failed)
        if fault is None:
            return exchange
        kind = TooLargeError if is_too_large and exchange.status == 200 else BrokenOffError
        raise kind(f"{name}: the answer {fault}", exchange)


def form_with_file(fields: Mapping[str, str], name: str, content: bytes) -> tuple[bytes, str]:
    """A body of multipart/form-data with the file `name` as its field `file`, and its Content-Type, for `Wire.send`."""
    from requests import Request

    form = Request("POST", "http://localhost", data=fields, files={"file": (name, content)}).prepare()
    assert isinstance(form.body, bytes), "a form with a file is bytes"
    return form.body, form.headers["Content-Type"]


def make_wire(settings: Settings, clock: ServerClock, source: str | None = None) -> Wire:
    """A wire with the settings' certificates, limit of an answer and hosts of plain http.

    `source`: counts failed calls as this source's (failed_calls.py); None: they are not counted.
    """
    return Wire(
        clock.monotonic,
        settings.ca_bundle,
        limit=settings.answer_limit,
        plain_http_hosts=settings.plain_http_hosts,
        on_failure=counting(settings, source) if source else lambda kind: None,
    )


def small_wire(settings: Settings, patience: float) -> Wire:
    """A wire to a server that answers with a number or a line, within `patience` seconds."""
    return Wire(
        time.monotonic,
        settings.ca_bundle,
        limit=SMALL_ANSWER,
        patience=patience,
        plain_http_hosts=settings.plain_http_hosts,
    )


def _failure(error: OSError | ValueError, name: str, host: str) -> PipelineError:
    from requests.exceptions import SSLError

    # The original's text holds the whole address, so only its type is shown.
    cause = _cause(error)
    if isinstance(error, SSLError) and isinstance(cause.args[0], ssl.SSLCertVerificationError):
        return UntrustedError(
            f"{name}: the certificate of {host} is not trusted. Behind a corporate proxy, set "
            "REQUESTS_CA_BUNDLE in the environment or .env to the file of its certificates (PEM); "
            "strava-pipeline doctor --make-ca-bundle joins that file.",
            code=cause.args[0].verify_code,
        )
    if cause is error or isinstance(cause, ValueError):  # a bad address, header or bundle
        return PipelineError(f"{name}: this request can't be sent ({type(error).__name__}); check the settings.")
    message = f"{name}: no answer from {host} ({type(cause).__name__})"
    is_sent = cause is error.args[0] or isinstance(error, SSLError)
    return TransientError(message) if is_sent else NotSentError(message)


def _cause(error: OSError | ValueError) -> Any:
    """urllib3's error, whose name says what happened: requests wraps it, twice if there was no connection."""
    fault = error.args[0] if error.args else None
    return getattr(fault, "reason", fault) if isinstance(fault, Exception) else error
