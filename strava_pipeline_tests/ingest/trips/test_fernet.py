"""A token opens with the first key that signed it; whatever else stands in its place opens with none and raises nothing."""

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.ingest.trips.keys import KeyRing, Opened, opened
from strava_pipeline_tests.trips import LOST, NEW, OLD, RING, sealed

TOKEN = sealed(b"content").encode()


def signed(body: bytes) -> bytes:
    """A token-like thing with a signature that holds."""
    secret = base64.urlsafe_b64decode(NEW)[:16]
    return base64.urlsafe_b64encode(body + hmac.digest(secret, body, "sha256"))


@given(content=st.binary(max_size=200), by=st.sampled_from([NEW, OLD, LOST]))
def test_a_token_gives_its_content_and_the_index_of_its_key(content: bytes, by: str) -> None:
    index = {NEW: 0, OLD: 1, LOST: None}[by]
    found = opened(sealed(content, by).encode(), RING.keys)
    assert found == (None if index is None else Opened(content, index))


def test_a_token_that_lacks_a_byte_does_not_open() -> None:
    for place in range(len(TOKEN)):
        assert opened(TOKEN[:place], RING.keys) is None
        assert opened(TOKEN[place + 1 :], RING.keys) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"\x80", b"\x80" + b"x" * 24, b"\x81" + b"x" * 40, b"\x80" + b"x" * 39, b"\x80" + b"x" * 40],
    ids=["nothing", "a version", "no block", "another version", "half a block", "no padding"],
)
def test_what_was_signed_but_is_no_token_does_not_open(body: bytes) -> None:
    assert opened(signed(body), RING.keys) is None


def test_a_key_that_is_on_the_ring_twice_counts_at_its_first_place() -> None:
    found = opened(sealed(b"x", OLD).encode(), KeyRing.from_text(f"{NEW},{OLD},{OLD}").keys)
    assert found == Opened(b"x", 1)
