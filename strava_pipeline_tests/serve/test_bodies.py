"""Bodies that are too long, don't come, drip or break off: an answer with the reason, soon, and the intake goes on."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from strava_pipeline.serve import bodies, server
from strava_pipeline_tests.serve.client import PATH, Intake, answer, ended, event, intake, posted

HEAD = f"POST {PATH} HTTP/1.1\r\nHost: intake\r\n".encode()
TOO_LONG = "the body is longer than 65536 bytes"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def assert_still_taken(served: Intake) -> None:
    assert served.post(event()).status == 200
    assert served.kept() == [event()]


def assert_refused(served: Intake, sent: bytes, status: int, why: str) -> None:
    with served.connected() as wire:
        wire.sendall(HEAD + sent)
        said = answer(wire)
        assert (said.status, said.why) == (status, why)
        assert ended(wire), "what may still come is not listened to"


def test_one_that_says_it_is_too_long_is_not_waited_for(served: Intake) -> None:
    assert_refused(served, b"Content-Length: 65537\r\n\r\n", 413, TOO_LONG)
    assert served.told()["bytes"] == 0
    assert_still_taken(served)


def test_one_in_chunks_is_broken_off_when_it_gets_too_long(served: Intake) -> None:
    chunks = chunk(b" " * 40_000) + chunk(b" " * 25_537)
    assert_refused(served, b"Transfer-Encoding: chunked\r\n\r\n" + chunks, 413, TOO_LONG)
    assert_still_taken(served)


def test_one_in_chunks_is_taken(served: Intake) -> None:
    body = event()
    pieces = chunk(body[:7]) + chunk(body[7:8]) + chunk(body[8:]) + chunk(b"")
    said = served.sent(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + pieces)
    assert said.status == 200
    assert served.kept() == [body]


@pytest.mark.parametrize("sent", [b"", event()[:20]], ids=["nothing", "a part"])
def test_one_that_does_not_come_is_waited_for_so_long(
    served: Intake, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 1)
    assert_refused(served, b"Content-Length: 300\r\n\r\n" + sent, 408, "the body did not come within 1 s")
    assert served.told()["bytes"] == len(sent)
    assert_still_taken(served)


def test_one_that_drips_is_waited_for_no_longer(served: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes soon after the one before, the whole never."""
    monkeypatch.setattr(bodies, "PATIENCE", 1)
    with served.connected() as wire:
        wire.sendall(HEAD + b"Content-Length: 60000\r\n\r\n")
        wire.settimeout(0.02)
        dripped = 0
        while True:
            try:
                wire.sendall(b" ")
                dripped += 1
                if wire.recv(1, socket.MSG_PEEK):
                    break
            except TimeoutError:
                assert dripped < 1000
        wire.settimeout(20)
        assert answer(wire).status == 408
        assert ended(wire)
    assert_still_taken(served)


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(served: Intake) -> None:
    with served.connected() as wire:
        wire.sendall(HEAD + b"Content-Length: 300\r\n\r\n" + event()[:50])
    said = served.told()
    assert (said["status"], said["bytes"], said["why"]) == (400, 50, "the body broke off")
    assert_still_taken(served)


def test_a_client_that_does_not_wait_for_the_answer_has_its_event_kept(served: Intake) -> None:
    with served.connected() as wire:
        wire.sendall(posted(event()))
        wire.shutdown(socket.SHUT_RDWR)
    assert served.told()["bytes"] == len(event())
    assert served.kept() == [event()]


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /webhooks/strava/\xc3\xbc\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Content-Length: abc\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    ],
    ids=["no HTTP", "TLS", "a path of bytes", "a length of letters", "a length below 0", "two lengths", "no chunk"],
)
def test_what_is_no_request_is_refused(served: Intake, raw: bytes) -> None:
    with served.connected() as wire:
        wire.sendall(raw)
        assert answer(wire).status in (400, 404)
        assert ended(wire)
    assert_still_taken(served)


@pytest.mark.parametrize("before", [b"", posted(event())], ids=["the first", "the second"])
@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.1\r\n"], ids=["a path", "headers"])
def test_a_head_without_end_is_broken_off(served: Intake, before: bytes, head: bytes) -> None:
    with served.connected() as wire:
        if before:
            wire.sendall(before)
            assert answer(wire).status == 200
        with suppress(ConnectionError):
            wire.sendall(head)
            for _ in range(40):
                wire.sendall((b"X: " if b"\r" in head else b"x") + b"a" * 50_000 + (b"\r\n" if b"\r" in head else b""))
        assert ended(wire)


def test_a_connection_may_send_more_than_that_in_many_requests(served: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LONGEST", 1000)
    with served.connected() as wire:
        for _ in range(20):
            wire.sendall(posted(event()))
            assert answer(wire).status == 200


def test_one_in_the_smallest_chunks_is_taken(served: Intake) -> None:
    body = event(t="x" * 60_000)
    with served.connected() as wire:
        wire.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        wire.sendall(b"".join(chunk(body[place : place + 1]) for place in range(len(body))) + chunk(b""))
        assert answer(wire).status == 200
    assert served.kept() == [body]


def is_taken(served: Intake) -> bool:
    with served.connected() as wire:
        try:
            wire.sendall(posted(event()))
            return wire.recv(15) == b"HTTP/1.1 200 OK"
        except ConnectionError:
            return False


@pytest.mark.parametrize("sent", [b"", b"POST /web", posted(event())], ids=["nothing", "a part", "a whole request"])
def test_connections_without_a_request_hold_up_no_new_one(
    served: Intake, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """All places are held by connections that ask nothing; the oldest gives up its own."""
    monkeypatch.setattr(server, "MOST", 5)
    wires = [served.connected() for _ in range(5)]
    try:
        for wire in wires:
            wire.sendall(sent)
            if b"{" in sent:
                assert answer(wire).status == 200
        for idle in wires[:3]:
            another = served.connected()
            wires.append(another)  # and stays, so that the next one finds all places taken again
            another.sendall(posted(event()))
            assert answer(another).status == 200
            assert ended(idle)
    finally:
        for wire in wires:
            wire.close()


def test_of_many_connections_that_come_at_once_the_oldest_give_up_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST", 5)
    listening = server.bound("127.0.0.1:0")
    monkeypatch.setattr(server, "bound", lambda address: listening)
    wires = [socket.create_connection(listening.getsockname(), timeout=20) for _ in range(12)]
    try:
        with intake(tmp_path / "data"):  # begins to take connections, and finds all of them waiting
            assert all(ended(wire) for wire in wires[:7])
            for wire in wires[7:]:
                wire.sendall(posted(event()))
                assert answer(wire).status == 200
    finally:
        for wire in wires:
            wire.close()


def test_a_request_that_is_worked_on_gives_up_no_place_and_a_free_place_is_given_on(
    served: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST", 3)
    wires = [served.connected() for _ in range(3)]
    try:
        for wire in wires:
            wire.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(event()))
            assert wire.recv(100).startswith(b"HTTP/1.1 100")  # it is being worked on
        with served.connected() as fourth:
            assert ended(fourth)
        wires.pop().close()
        assert any(is_taken(served) for _ in range(1000)), "it is free when the server has seen that one hung up"
        for wire in wires:
            wire.sendall(event())
            assert answer(wire).status == 200
    finally:
        for wire in wires:
            wire.close()
