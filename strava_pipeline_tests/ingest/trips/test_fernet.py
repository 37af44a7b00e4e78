"""A token opens with the first key that signed it, exactly as cryptography's own Fernet would open it."""

import base64
import hmac

import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.ingest.trips.fernet import Opened, opened
from strava_pipeline.ingest.trips.keys import KeyRing
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


def test_every_changed_or_missing_byte_is_told_as_the_library_tells_it() -> None:
    damaged = [TOKEN[:place] + b"A" + TOKEN[place + 1 :] for place in range(len(TOKEN))]
    damaged += [TOKEN[:place] for place in range(len(TOKEN))] + [TOKEN[place:] for place in range(len(TOKEN))]
    for token in damaged:
        try:
            expected = Opened(Fernet(NEW).decrypt(token), 0)
        except InvalidToken:
            expected = None
        assert opened(token, RING.keys) == expected


@pytest.mark.parametrize(
    "token",
    [b"\n" + TOKEN + b"\n", TOKEN.replace(b"-", b"+").replace(b"_", b"/"), TOKEN + b"===="],
    ids=["line ends", "the other alphabet", "more padding"],
)
def test_what_the_library_overlooks_is_overlooked(token: bytes) -> None:
    assert opened(token, RING.keys) == Opened(Fernet(NEW).decrypt(token), 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x80", b"\x80" + b"x" * 24, b"\x81" + b"x" * 40, b"\x80" + b"x" * 39, b"\x80" + b"x" * 40],
    ids=["nothing", "a version", "no block", "another version", "half a block", "no padding"],
)
def test_what_was_signed_but_is_no_token_does_not_open(body: bytes) -> None:
    assert opened(signed(body), RING.keys) is None


def test_another_version_than_the_one_there_is_does_not_open() -> None:
    body = base64.urlsafe_b64decode(TOKEN)[:-32]
    assert opened(signed(body), RING.keys) == Opened(b"content", 0)
    assert opened(signed(b"\x81" + body[1:]), RING.keys) is None


def test_a_key_that_is_on_the_ring_twice_counts_at_its_first_place() -> None:
    found = opened(sealed(b"x", OLD).encode(), KeyRing.from_text(f"{NEW},{OLD},{OLD}").keys)
    assert found == Opened(b"x", 1)
