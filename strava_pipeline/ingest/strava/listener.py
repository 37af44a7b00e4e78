"""Catches Strava's redirect on this machine: a web server for one answer, on the loopback address only.

What the answer means is `consent.py`. Requests are never logged: they hold the code.
"""

import hmac
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from strava_pipeline.core.errors import PipelineError

PATH = "/exchange_token"
PATIENCE = 300.0  # seconds; enough to log in at Strava with a second factor
_PAGE = "<!doctype html><meta charset=utf-8><title>strava-pipeline</title><p>{text}</p>"


class RedirectListener:
    """`with RedirectListener(port, state) as listener: … listener.wait()`; `redirect_uri` is for the consent page."""

    def __init__(self, port: int, state: str) -> None:
        self._caught: queue.Queue[str] = queue.Queue()
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(state, self._caught))
        except OSError as error:
            raise PipelineError(
                f"Port {port} can't be listened on ({error.strerror}). Try another: --listen PORT"
            ) from None
        self._server.daemon_threads = True
        self.redirect_uri = f"http://localhost:{self._server.server_address[1]}{PATH}"

    def __enter__(self) -> "RedirectListener":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float = PATIENCE) -> str:
        """The address that Strava redirected to; PipelineError if none comes in time."""
        try:
            return self._caught.get(timeout=seconds)
        except queue.Empty:
            raise PipelineError(
                f"No answer from Strava's page within {seconds / 60:.0f} minutes. Run strava-pipeline auth again; "
                "without --listen you can paste the address instead."
            ) from None


def _handler(state: str, caught: queue.Queue[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds; browsers open connections that they never use

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != PATH:
                self._say(404, "Nothing here.")
            elif not hmac.compare_digest(parse_qs(parts.query).get("state", [""])[0].encode(), state.encode()):
                self._say(400, "This is not the answer to the login that is waiting.")
            else:
                self._say(200, "Thank you. You can close this window and go back to the terminal.")
                caught.put(self.path)

        def log_message(self, *_: object) -> None:
            """Say nothing: the request line holds the code."""

        def _say(self, status: int, text: str) -> None:
            page = _PAGE.format(text=text).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

    return Handler
