"""The address that is listened on: told as a URL, told when it can't be, and answered from without waiting."""

import socket
from contextlib import closing

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.serve.addresses import bound, url_of


@pytest.mark.parametrize(("address", "host"), [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]")])
def test_an_address_is_told_as_a_url(address: str, host: str) -> None:
    if "::" in address and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with closing(bound(address)) as listening:
        assert url_of(listening) == f"http://{host}:{listening.getsockname()[1]}"


@pytest.mark.parametrize("address", ["192.0.2.1:8722", "there-is-none.invalid:8722"])
def test_an_address_that_is_none_of_this_machine_is_told(address: str) -> None:
    with pytest.raises(PipelineError, match=r"can't be listened on \(.+\)\. .* STRAVA_SERVE_ADDRESS") as told:
        bound(address)
    assert str(told.value).count(address) == 1


def test_an_answer_in_two_parts_does_not_wait_for_the_first_to_be_confirmed() -> None:
    """A head and a body are two writes. The system holds the second back for 40 ms, unless it is told not to."""
    with closing(bound("127.0.0.1:0")) as listening, socket.create_connection(listening.getsockname()[:2]):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
