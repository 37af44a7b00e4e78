"""A wire against servers on this machine: how connections are kept, where requests go, and what an error tells."""

import gzip
import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import PipelineError, TransientError
from strava_pipeline.core.geodesy import area_of
from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.alerts import post_alert
from strava_pipeline.ingest.clock import system_clock
from strava_pipeline.ingest.failed_calls import failed_calls
from strava_pipeline.ingest.http import BrokenOffError, NotSentError, UntrustedError, Wire, make_wire, small_wire
from strava_pipeline.ingest.places import PATIENCE, Geocoder, ask_route
from strava_pipeline.ingest.service_client import ServiceClient
from strava_pipeline_tests.ingest.fakes import Time
from strava_pipeline_tests.ingest.tls import https_server, make_certificate

SPLIT = "secret\r\nX-Odd: 1"
BODY = b"[" + b" " * 200_000 + b"]"
Respond = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open; `answer` writes a whole answer of a known length."""

    protocol_version = "HTTP/1.1"

    def answer(self, body: bytes = b"[]", status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Seen:
    """What a server got: connections, request lines and their headers."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.hung_up = threading.Event()
        self.lines: list[str] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def server(respond: Respond) -> Iterator[Seen]:
    seen = Seen()

    class Own(Handler):
        def setup(self) -> None:
            seen.connections += 1
            super().setup()

        def serve(self) -> None:
            seen.lines.append(self.requestline)
            seen.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            respond(self)

        do_GET = do_HEAD = do_POST = do_CONNECT = serve  # noqa: N815

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def shutdown_request(self, request: object) -> None:
            super().shutdown_request(request)  # type: ignore[arg-type]
            seen.hung_up.set()

    with Server(("127.0.0.1", 0), Own) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        seen.url = f"http://127.0.0.1:{running.server_port}"
        try:
            yield seen
        finally:
            running.shutdown()


@pytest.fixture
def wire() -> Wire:
    return Wire(time.monotonic, patience=5)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def chunked(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n")


def no_content(handler: Handler) -> None:
    handler.send_response(204)
    handler.end_headers()


ANSWERS: dict[str, tuple[str, Respond, bytes]] = {
    "a whole body": ("GET", lambda handler: handler.answer(BODY), BODY),
    "a packed body": ("GET", lambda handler: handler.answer(gzip.compress(BODY), Content_Encoding="gzip"), BODY),
    "a body in chunks": ("GET", chunked, BODY),
    "an empty body": ("GET", lambda handler: handler.answer(b""), b""),
    "an error": ("GET", lambda handler: handler.answer(b"{}", 404), b"{}"),
    "no content": ("GET", no_content, b""),
    "a redirect": ("GET", lambda handler: handler.answer(b"", 302, Location="https://elsewhere.invalid"), b""),
    "a head alone": ("HEAD", lambda handler: handler.answer(b""), b""),
    "a form": ("POST", lambda handler: handler.answer(), b"[]"),
}


@pytest.mark.parametrize(("method", "respond", "body"), ANSWERS.values(), ids=ANSWERS.keys())
def test_one_connection_serves_many_calls(wire: Wire, method: str, respond: Respond, body: bytes) -> None:
    with server(respond) as seen:
        answers = [wire.send(method, seen.url, form={"a": "b"} if method == "POST" else None) for _ in range(3)]
    assert [answer.body for answer in answers] == [body] * 3
    assert (seen.connections, len(seen.lines)) == (1, 3)


def test_a_redirect_is_an_answer_that_nobody_follows(wire: Wire) -> None:
    with (
        server(Handler.answer) as elsewhere,
        server(lambda handler: handler.answer(b"", 302, Location=elsewhere.url)) as seen,
    ):
        answer = wire.send("GET", seen.url, bearer="a-token")
    assert (answer.status, answer.headers["Location"], elsewhere.lines) == (302, elsewhere.url, [])
    with server(lambda handler: handler.answer(b"", 302, Location="http://[no address")) as seen:
        assert wire.send("GET", seen.url).status == 302


def test_a_kept_connection_that_the_server_closed_costs_no_second_call(wire: Wire) -> None:
    def hang_up(handler: Handler) -> None:
        handler.answer()
        handler.close_connection = True  # and does not say so

    with server(hang_up) as seen:
        for _ in range(3):
            assert wire.send("GET", seen.url).body == b"[]"
            assert seen.hung_up.wait(5)
            seen.hung_up.clear()
    assert (seen.connections, len(seen.lines)) == (3, 3)


def test_an_answer_that_broke_off_leaves_nothing_for_the_next(wire: Wire) -> None:
    def half(handler: Handler) -> None:
        if len(seen.lines) > 1:
            handler.answer(b"whole")
            return
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    with server(half) as seen:
        with pytest.raises(BrokenOffError, match="broke off") as caught:
            wire.send("GET", seen.url)
        assert (caught.value.status, caught.value.body) == (200, b"half")
        assert wire.send("GET", seen.url).body == b"whole"


def test_cookies_are_not_kept(wire: Wire) -> None:
    with server(lambda handler: handler.answer(Set_Cookie="session=1")) as seen:
        wire.send("GET", seen.url)
        wire.send("GET", seen.url)
    assert [headers.get("cookie") for headers in seen.headers] == [None, None]


def test_a_server_that_stays_silent_may_have_counted_the_call() -> None:
    release = threading.Event()

    def wait(_: Handler) -> None:
        release.wait(5)

    with server(wait) as seen:
        with pytest.raises(TransientError, match=r"no answer from 127\.0\.0\.1 \(ReadTimeoutError\)") as caught:
            Wire(time.monotonic, patience=0.1).send("GET", seen.url)
        release.set()
    assert not isinstance(caught.value, NotSentError)


@pytest.mark.parametrize("login", [{"bearer": SPLIT}, {"headers": {"X-Api-Key": SPLIT}}, {"headers": {SPLIT: "x"}}])
def test_a_request_that_can_not_be_sent_shows_nothing_of_its_secret(wire: Wire, login: dict[str, Any]) -> None:
    with pytest.raises(PipelineError, match="this request can't be sent") as caught:
        wire.send("GET", "http://127.0.0.1:9/", **login)
    assert not isinstance(caught.value, TransientError)
    assert shown(caught.value).count("secret") == 0


def test_no_error_and_no_log_holds_an_address(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with server(lambda handler: handler.answer()) as seen:
        wire.send("GET", f"{seen.url}/7.125", params={"lat": "7.125"})
    with pytest.raises(NotSentError) as caught:
        wire.send("GET", "http://127.0.0.1:9/7.125", params={"lat": "7.125"}, name="an address")
    assert "7.125" not in shown(caught.value) + caplog.text


def shown(error: BaseException | None) -> str:
    """What any report of an error could hold, hidden contexts included."""
    return f"{error} {error!r} {shown(error.__cause__ or error.__context__)}" if error else ""


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ({"headers": {"X-Api-Key": "secret"}}, {"x-api-key": "secret"}),
        ({"bearer": "secret"}, {"authorization": "Bearer secret"}),
        ({"basic": ("me", "secret")}, {"authorization": "Basic bWU6c2VjcmV0"}),
    ],
)
@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 422, 429, 500])
def test_a_login_goes_with_each_call_and_is_shown_nowhere(
    login: dict[str, Any], sent: dict[str, str], status: int, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown_of_pauses: list[str] = []
    with server(lambda handler: handler.answer(status=status, Retry_After="0")) as seen:
        client = ServiceClient(
            spec_of("garmin"),
            seen.url,
            wire,
            Time().clock(),
            lambda: 0.0,
            login="Ask for a new key.",
            on_wait=lambda why, _: shown_of_pauses.append(why),
            **login,
        )
        try:
            text = repr(client.get("/rides", {"page": 1}))
        except PipelineError as error:
            text = shown(error) + repr(error)
    assert seen.headers
    assert all(sent.items() <= headers.items() for headers in seen.headers)
    assert "secret" not in text + caplog.text + repr(client) + "".join(shown_of_pauses)


def test_certificates_that_are_gone_are_no_failure_that_passes(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="this request can't be sent") as caught:
        Wire(time.monotonic, tmp_path / "gone.pem").send("GET", "https://127.0.0.1:9/")
    assert not isinstance(caught.value, TransientError)


def test_an_address_that_others_could_read_along_says_what_to_set(wire: Wire) -> None:
    with pytest.raises(
        PipelineError, match=r"http:// to map\.lan would let everybody .* name it in PLAIN_HTTP_HOSTS\.$"
    ):
        wire.send("GET", "http://map.lan/", bearer="token")


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_that_refuses_the_way_to_the_server_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(lambda handler: handler.answer(status=407)) as seen:
        monkeypatch.setenv("https_proxy", seen.url.replace("//", "//me:p%40ss@"))
        with pytest.raises(NotSentError, match=r"no answer from nowhere\.invalid \(ProxyError\)"):
            Wire(time.monotonic, patience=5).send("GET", "https://nowhere.invalid/", bearer="token")
    assert [line.split()[:2] for line in seen.lines] == [["CONNECT", "nowhere.invalid:443"]]
    assert seen.headers[0]["proxy-authorization"] == "Basic bWU6cEBzcw=="
    assert "authorization" not in seen.headers[0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("is_trusted", [True, False])
def test_what_goes_through_a_proxy_is_seen_by_the_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    certificate, key = make_certificate(tmp_path, "server", host="10.0.0.7")
    with https_server(certificate, key) as behind:

        def lead_on(handler: Handler) -> None:
            with socket.create_connection(("127.0.0.1", int(behind.rpartition(":")[2]))) as onward:
                handler.send_response(200)
                handler.end_headers()
                way = (handler.connection, onward), (onward, handler.connection)
                for each in [threading.Thread(target=pour, args=ends, daemon=True) for ends in way]:
                    each.start()
                done.wait(5)
                for end in (handler.connection, onward):
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)  # closing alone ends nothing that another thread reads from

        done = threading.Event()
        with server(lead_on) as seen:
            monkeypatch.setenv("https_proxy", seen.url)
            wire = Wire(time.monotonic, certificate if is_trusted else None, patience=5)
            if is_trusted:
                assert [wire.send("HEAD", "https://10.0.0.7/", bearer="token").status for _ in range(2)] == [200, 200]
            else:
                with pytest.raises(UntrustedError):
                    wire.send("HEAD", "https://10.0.0.7/", bearer="token")
            done.set()
        assert {line.split()[1] for line in seen.lines} == {"10.0.0.7:443"}
        assert [name for headers in seen.headers for name in headers if name == "authorization"] == []


def pour(one: socket.socket, other: socket.socket) -> None:
    """All that comes from one end goes to the other, its end included."""
    with suppress(OSError):
        while piece := one.recv(65536):
            other.sendall(piece)
        other.shutdown(socket.SHUT_WR)


ROUTE = b'{"code": "Ok", "routes": [{"distance": 5.0}]}'


def ask_strava(settings: Settings) -> object:
    return make_wire(settings, system_clock(settings)).send("GET", "http://map.lan/")


def ask_for_a_route(settings: Settings) -> object:
    return ask_route(small_wire(settings, PATIENCE), "http://map.lan", "bike", [(-7.125, 0.25), (179.0, 1e-5)])


def ask_for_an_address(settings: Settings) -> object:
    return Geocoder("http://map.lan", small_wire(settings, PATIENCE)).find(area_of(0.25, -7.125))


def tell_of_a_failure(settings: Settings) -> object:
    return post_alert("http://map.lan/", {}, settings)


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("ask", [ask_strava, ask_for_a_route, ask_for_an_address, tell_of_a_failure])
def test_plain_http_leaves_the_machine_only_to_hosts_that_are_named(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Settings], object]
) -> None:
    with server(lambda handler: handler.answer(ROUTE)) as seen:
        monkeypatch.setenv("http_proxy", seen.url)
        named = Settings(_env_file=None, plain_http_hosts="map.lan")
        ask(named)
        assert len(seen.lines) == 1
        assert " http://map.lan/" in seen.lines[0]
        with suppress(PipelineError):
            ask(named.model_copy(update={"plain_http_hosts": None}))
        assert len(seen.lines) == 1


def test_failed_calls_are_counted_by_source_and_kind(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data")
    wires = {name: make_wire(settings, system_clock(settings), name) for name in ("strava", "wahoo")}
    codes = iter([200, 302, 401, 403, 404, 418, 429, 500, 503])
    with server(lambda handler: handler.answer(status=next(codes))) as seen:
        wires["strava"].send("GET", seen.url)
        wires["strava"].send("GET", seen.url)
        assert not settings.data_dir.exists()  # nothing is pulled yet, so there is no folder to count in
        (settings.data_dir / "state").mkdir(parents=True)
        for _ in range(7):
            wires["strava"].send("GET", seen.url)
    with pytest.raises(NotSentError):
        wires["wahoo"].send("GET", seen.url)
    none = {"no_answer": 0, "broken_off": 0, "login": 0, "gone": 0, "limit": 0, "refused": 0, "server": 0}
    counted = {
        "strava": none | {"login": 2, "gone": 1, "refused": 1, "limit": 1, "server": 2},
        "wahoo": none | {"no_answer": 1},
    }
    assert failed_calls(settings) == counted
    (settings.data_dir / "state" / "failed_calls" / "wahoo.json").write_text("[torn")
    assert failed_calls(settings) == counted | {"wahoo": none}
