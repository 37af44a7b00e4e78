"""One HTTP exchange with Strava: sent once, read whole, failures sorted by whether the call can have counted.

No retries, budget, tokens or meaning of a status here. Redirects are never followed: no token goes astray.
"""

import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout, make_headers
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError, SSLError

from strava_pipeline.core.errors import PipelineError, RefusedError, TransientError
from strava_pipeline.core.size_limits import AnswerLimit
from strava_pipeline.ingest.strava.hosts import is_loopback
from strava_pipeline.ingest.strava.prompt_heads import POOLS

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 60  # seconds; the read timeout holds for the head and for each piece of the body
WHOLE_TIMEOUT = 300  # seconds for all of an answer: one that trickles would never hit the read timeout
CHUNK = 1 << 16  # bytes
EVIDENCE = 1_000_000  # bytes that are kept of an answer that was not read to its end
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


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
    """The answer began, and broke off or had no end after `seconds`: `headers` came before, `body` is the first of it."""

    def __init__(self, message: str, *, status: int, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
        super().__init__(message, status=status, body=body)
        self.headers = headers
        self.seconds = seconds


class TooLargeError(RefusedError):
    """The answer is larger than the limit, and would be again: `headers` came before, `body` is the first of it."""

    def __init__(self, message: str, *, status: int, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
        super().__init__(message, status=status, body=body)
        self.headers = headers
        self.seconds = seconds


class Wire:
    """Sends requests over connections that are kept open; `ca_bundle` None means the public certificates.

    `limit`: how large an answer may be, unpacked, measured as it comes.
    `patience`: seconds for the connection, for the head, for each piece of the answer and for the whole of it, all the same.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        ca_bundle: Path | None = None,
        *,
        limit: AnswerLimit = AnswerLimit(),
        patience: float | None = None,
    ) -> None:
        self._monotonic, self._limit = monotonic, limit
        self._timeout = Timeout(connect=patience or CONNECT_TIMEOUT, read=patience or READ_TIMEOUT)
        self._whole = patience or WHOLE_TIMEOUT
        self._ca_bundle = ca_bundle or Path(certifi.where())
        self._pools: dict[str, PoolManager] = {}

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: bytes | None = None,
        name: str | None = None,
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
    ) -> Exchange:
        """The answer, whatever its status. Raises TransientError or TooLargeError (kinds above), else PipelineError.

        `name` is how errors call the request, instead of by its path; `basic` is a user and a password.
        """
        started, parts = self._monotonic(), urlsplit(url)
        name = name or f"{method} {parts.path}"
        kind = FORM if form else JSON if json else None
        try:
            response = self._pool(url, parts).urlopen(
                method,
                f"{url}?{urlencode(params)}" if params else url,
                body=urlencode(form) if form else json,
                headers=_headers(bearer, basic, kind),
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, ValueError) as error:
            raise _failure(error, name, parts.hostname or "?") from None
        body = self._read(response, name, started)
        return Exchange(response.status, response.headers, body, self._monotonic() - started)

    def _pool(self, url: str, parts: SplitResult) -> PoolManager:
        """The connections to the address's server; whether these go over a proxy is looked up once for each."""
        pool = self._pools.get(parts.netloc)
        if pool is None:
            bundle = self._ca_bundle
            files, folder = (None, str(bundle)) if bundle.is_dir() else (str(bundle), None)
            proxy = None if is_loopback(url) else _proxy(parts)
            if proxy is None:
                pool = PoolManager(ca_certs=files, ca_cert_dir=folder)
            else:
                login = _proxy_login(proxy)
                pool = ProxyManager(proxy, proxy_headers=login, ca_certs=files, ca_cert_dir=folder)
            pool.pool_classes_by_scheme = POOLS
            self._pools[parts.netloc] = pool
        return pool

    def _read(self, response: BaseHTTPResponse, name: str, started: float) -> bytes:
        parts: list[bytes] = []
        size, fault, is_too_large = 0, None, False
        try:
            while part := response.read1(CHUNK, decode_content=True):  # gives what came before a break, too
                parts.append(part)
                size += len(part)
                if size > self._limit.most_bytes:
                    fault, is_too_large = self._limit.exceeded, True
                    break
                if self._monotonic() - started > self._whole:
                    raise TimeoutError
        except (HTTPError, OSError, HTTPException) as error:
            fault = f"broke off ({type(error).__name__})"
        if fault is None:
            return b"".join(parts)
        response.close()
        raise (TooLargeError if is_too_large and response.status == 200 else BrokenOffError)(
            f"{name}: the answer {fault}",
            status=response.status,
            body=b"".join(parts)[:EVIDENCE],
            headers=response.headers,
            seconds=self._monotonic() - started,
        )


def _headers(bearer: str | None, basic: tuple[str, str] | None, kind: str | None) -> dict[str, str]:
    headers = {"User-Agent": "strava_pipeline", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
    headers["Cache-Control"] = "no-cache"  # a proxy's copy of an earlier answer would look like news
    if kind is not None:
        headers["Content-Type"] = kind
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    if basic is not None:
        headers["Authorization"] = f"Basic {b64encode(':'.join(basic).encode()).decode()}"
    return headers


def _proxy(parts: SplitResult) -> str | None:
    """The environment's proxy (or macOS's) for an address, by the standard library's reading of it."""
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _proxy_login(proxy: str) -> Mapping[str, str]:
    login = urlsplit(proxy).netloc.rpartition("@")[0]
    return make_headers(proxy_basic_auth=unquote(login)) if login else {}


def _failure(error: HTTPError | ValueError, name: str, host: str) -> PipelineError:
    # The original's text holds the whole address, so only its type is told.
    if isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError):
        return UntrustedError(
            f"{name}: the certificate of {host} is not trusted. Behind a corporate proxy, set "
            "REQUESTS_CA_BUNDLE in the environment or .env to the file of its certificates (PEM); "
            "strava-pipeline doctor --make-ca-bundle joins that file.",
            code=error.args[0].verify_code,
        )
    if isinstance(error, ValueError):  # an address or header that can't be sent at all
        return PipelineError(f"{name}: not a request that can be sent ({type(error).__name__}); check the settings.")
    message = f"{name}: no answer from {host} ({type(error).__name__})"
    never_sent = isinstance(error, (NewConnectionError, ConnectTimeoutError, ProxyError))
    return NotSentError(message) if never_sent else TransientError(message)
