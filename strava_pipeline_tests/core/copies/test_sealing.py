"""What is sealed opens at its place alone, and a name tells nothing without the key."""

import pytest

from strava_pipeline.core.copies.sealing import NONCE_BYTES, Seal, UnreadableObjectError, key_of, key_text
from strava_pipeline.core.errors import MissingSettingsError

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NONCE = b"n" * NONCE_BYTES


@pytest.mark.parametrize("key", [KEY, None])
def test_what_is_sealed_opens_unchanged(key: bytes | None) -> None:
    seal = Seal(key)
    for content in (b"", b"a", b"x" * 100_000):
        sealed = seal.seal("own/blocks/1", content, NONCE)
        assert seal.open("own/blocks/1", sealed) == content
        assert len(sealed) == len(content) + seal.overhead


@pytest.mark.parametrize("key", [KEY, None])
def test_nothing_else_opens(key: bytes | None) -> None:
    seal = Seal(key)
    sealed = seal.seal("own/blocks/1", b"content", NONCE)
    for place, wrong in (
        ("own/blocks/2", sealed),  # moved
        ("own/blocks/1", sealed[:-1]),  # cut off
        ("own/blocks/1", sealed + b"\0"),
        ("own/blocks/1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("own/blocks/1", bytes([sealed[0] ^ 1]) + sealed[1:]),
        ("own/blocks/1", b""),
        ("own/blocks/1", b"garbage"),
    ):
        with pytest.raises(UnreadableObjectError):
            seal.open(place, wrong)


def test_another_key_opens_nothing_and_names_everything_otherwise() -> None:
    seal, other = Seal(KEY), Seal(OTHER)
    with pytest.raises(UnreadableObjectError):
        other.open("a", seal.seal("a", b"content", NONCE))
    assert seal.name(b"content") == Seal(KEY).name(b"content")
    assert len({each.name(b"content") for each in (seal, other, Seal(None))}) == 3
    assert seal.check != other.check


def test_content_is_not_in_what_is_sealed() -> None:
    assert b"content" not in Seal(KEY).seal("a", b"content", NONCE)
    assert b"content" in Seal(None).seal("a", b"content", NONCE)


def test_a_key_file_holds_the_key_and_nothing_else_is_one() -> None:
    assert key_of(key_text(KEY) + "\n", "key") == KEY
    for text in ("", "strava-pipeline-copy-key-1:", key_text(KEY)[:-2], key_text(KEY) + "AAAA", KEY.hex()):
        with pytest.raises(MissingSettingsError) as found:
            key_of(text, "the/file")
        assert "the/file" in str(found.value)
        assert not text or text not in str(found.value)
