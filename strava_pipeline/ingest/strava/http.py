"""One HTTP exchange with Strava: sent once, read whole, failures sorted by whether the call can have counted.

No retries, budget, tokens or meaning of a status here. Redirects are never followed: no token goes astray.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from strava_pipeline.core.errors import PipelineError, TransientError

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # seconds; the read timeout holds for each piece of the body
WHOLE_TIMEOUT = 300  # seconds for all of an answer: one that trickles would never hit the read timeout
CHUNK = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer as it came: `body` is whole and decoded from gzip; `seconds` is how long it took."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float


class NotSentError(TransientError):
    """The server never saw the request (refused, unknown host, no connection in time): it didn't count."""


class UntrustedError(PipelineError):
    """The server's certificate can't be verified; `code` is OpenSSL's verdict (X509_V_ERR_…), None where there is none."""

    def __init__(self, message: str, *, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class BrokenOffError(TransientError):
    """The answer began and broke off after `seconds`: `headers` came before, `body` is the part that did."""

    def __init__(self, message: str, *, status: int, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
        super().__init__(message, status=status, body=body)
        self.headers = headers
        self.seconds = seconds


class Wire:
    """Sends requests in one session; `ca_bundle` None means the system's certificates."""

    def __init__(
        self, session: requests.Session, monotonic: Callable[[], float], ca_bundle: Path | None = None
    ) -> None:
        self._session, self._monotonic = session, monotonic
        self._verify: str | bool = str(ca_bundle) if ca_bundle is not None else True

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        bearer: str | None = None,
    ) -> Exchange:
        """The answer, whatever its status. Raises TransientError (kinds above), else PipelineError."""
        started, name = self._monotonic(), f"{method} {urlsplit(url).path}"
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                data=form,
                auth=_authorization(bearer),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
            )
        except requests.RequestException as error:
            raise _failure(error, name, urlsplit(url).hostname or "?") from None
        with response:
            body = self._read(response, name, started)
        return Exchange(response.status_code, response.headers, body, self._monotonic() - started)

    def _read(self, response: requests.Response, name: str, started: float) -> bytes:
        parts: list[bytes] = []
        try:
            while part := response.raw.read1(CHUNK, decode_content=True):  # gives what came before a break, too
                parts.append(part)
                if self._monotonic() - started > WHOLE_TIMEOUT:
                    raise TimeoutError
        except (HTTPError, OSError, HTTPException) as error:
            response.close()
            raise BrokenOffError(
                f"{name}: the answer broke off ({type(error).__name__})",
                status=response.status_code,
                body=b"".join(parts),
                headers=response.headers,
                seconds=self._monotonic() - started,
            ) from None
        return b"".join(parts)


def _authorization(bearer: str | None) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Sets the header ourselves: with no `auth`, requests would put a ~/.netrc entry in its place."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if bearer is not None:
            request.headers["Authorization"] = f"Bearer {bearer}"
        return request

    return authorize


def _failure(error: requests.RequestException, name: str, host: str) -> PipelineError:
    # The original's text holds the whole address, so only its type is told.
    if isinstance(error, requests.exceptions.SSLError):
        return UntrustedError(
            f"{name}: the certificate of {host} is not trusted. Behind a corporate proxy, set "
            "REQUESTS_CA_BUNDLE in the environment or .env to the file of its certificates (PEM); "
            "strava-pipeline doctor --make-ca-bundle joins that file.",
            code=getattr(_cause(error), "verify_code", None),
        )
    if isinstance(error, ValueError):  # an address or header that can't be sent at all
        return PipelineError(f"{name}: not a request that can be sent ({type(error).__name__}); check the settings.")
    message = f"{name}: no answer from {host} ({type(error).__name__})"
    return NotSentError(message) if _not_sent(error) else TransientError(message)


def _not_sent(error: requests.RequestException) -> bool:
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    return isinstance(_reason(error), (NewConnectionError, ConnectTimeoutError))


def _reason(error: requests.RequestException) -> object:
    """What urllib3 says of it."""
    cause = error.args[0] if error.args else None
    return getattr(cause, "reason", cause)


def _cause(error: requests.RequestException) -> object:
    """What the ssl module said of it."""
    arguments = getattr(_reason(error), "args", ())
    return arguments[0] if arguments else None
