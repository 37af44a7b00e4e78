"""The athlete's consent: the answer of a service's page, pasted by a person or caught by a web server on this machine.

The server answers one request, on the loopback address only. Nothing logs or shows the request, since it contains the
code; exchanging the code is strava/oauth.py's and service_oauth.py's.
"""

import hmac
import queue
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from strava_pipeline.core.errors import NeedsLoginError, PipelineError

PATH = "/exchange_token"
PATIENCE = 300.0  # seconds; enough to log in at Strava with a second factor
_PAGE = "<!doctype html><meta charset=utf-8><title>strava-pipeline</title><p>{text}</p>"


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """The service of the page, and the command that shows it."""

    title: str
    command: str


STRAVA_PAGE = ConsentPage("Strava", "strava-pipeline auth")


@dataclass(frozen=True, slots=True)
class Consent:
    """The athlete agreed: `code` can be exchanged for tokens, `scopes` are the granted ones (None: unknown)."""

    code: str = field(repr=False)
    scopes: tuple[str, ...] | None


def read_consent(text: str, state: str | None, page: ConsentPage = STRAVA_PAGE) -> Consent:
    """Read the whole address that the service redirected to, its query, or the bare code.

    An address must carry `state`, unless that is None. Raises NeedsLoginError if the state differs, the athlete
    refused, or there is no code.
    """
    text = text.strip().strip("'\"<>")
    if "=" not in text and "://" not in text and text:
        return Consent(_checked(text, page), None)
    address = text.partition("#")[0]
    query = parse_qs(address.partition("?")[2] or address)
    is_denied = query.get("error") == ["access_denied"]
    if state is not None and query.get("state") != [state] and not (is_denied and "state" not in query):
        raise NeedsLoginError(
            "This address is not the answer to the page shown above (its state differs), so it is not used. "
            f"Open that page again, or run {page.command} again."
        )
    if is_denied:
        raise NeedsLoginError(
            f"Access was denied on {page.title}'s page; nothing was changed. To allow it: {page.command}"
        )
    if "error" in query or not query.get("code"):
        raise NeedsLoginError(
            f"There is no code in this address. After you allow access, {page.title} sends you to one with code=… in it: "
            "paste all of it."
        )
    scopes = query.get("scope")
    granted = tuple(scopes[0].replace(",", " ").split()) if scopes else None
    return Consent(_checked(query["code"][0], page), granted)


def _checked(code: str, page: ConsentPage) -> str:
    if not (code.isascii() and code.isprintable() and " " not in code):
        raise NeedsLoginError(
            f"This is not one of {page.title}'s codes. Paste the whole address that {page.title} sent you to."
        )
    return code


class RedirectListener:
    """`with RedirectListener(port, state) as listener: … listener.wait()`; `redirect_uri` is for the consent page."""

    def __init__(self, port: int, state: str, page: ConsentPage = STRAVA_PAGE, path: str = PATH) -> None:
        self._addresses: queue.Queue[str] = queue.Queue()
        self._page = page
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(state, path, self._addresses))
        except OSError as error:
            raise PipelineError(
                f"Port {port} can't be listened on ({error.strerror}). Try another: --listen PORT"
            ) from None
        self._server.daemon_threads = True
        self.redirect_uri = f"http://localhost:{self._server.server_address[1]}{path}"

    def __enter__(self) -> "RedirectListener":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float = PATIENCE) -> str:
        """The address that the service redirected to; PipelineError if none comes in time."""
        try:
            return self._addresses.get(timeout=seconds)
        except queue.Empty:
            raise PipelineError(
                f"No answer from {self._page.title}'s page within {seconds / 60:.0f} minutes. Run {self._page.command} again; "
                "without --listen you can paste the address instead."
            ) from None


def _handler(state: str, path: str, addresses: queue.Queue[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds; browsers open connections that they never use

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != path:
                self._answer(404, "Nothing here.")
            elif not hmac.compare_digest(parse_qs(parts.query).get("state", [""])[0].encode(), state.encode()):
                self._answer(400, "This is not the answer to the login that is waiting.")
            else:
                self._answer(200, "Thank you. You can close this window and go back to the terminal.")
                addresses.put(self.path)

        def log_message(self, *_: object) -> None:
            """Log nothing: the request line holds the code."""

        def _answer(self, status: int, text: str) -> None:
            page = _PAGE.format(text=text).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

    return Handler
