"""Keys come from a file or a setting, in their order; a faulty one is named by its place and never shown."""

import json
import pickle
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.ingest.trips.keys import KeyRing, opened
from strava_pipeline_tests.trips import LOST, NEW, OLD, RING, sealed

FORMS = {
    "one": NEW,
    "comma-separated": f"{NEW},{OLD}",
    "with spaces": f" {NEW} , {OLD} ,\n",
    "an object": json.dumps({"WARNING": "test keys", "keys": [NEW, OLD]}),
    "an array": json.dumps([NEW, OLD]),
}
FAULTY = {
    "too short": NEW[:-4],
    "two keys in one": NEW + OLD,
    "no padding": NEW[:-1],
    "not base64": "*" * 44,
    "not ASCII": "ü" * 44,
    "a placeholder": "change-me",
}


def places(ring: KeyRing) -> list[int | None]:
    """Where on the ring the newer and the older key are, by what they open."""
    found = [opened(sealed(b"x", key).encode(), ring.keys) for key in (NEW, OLD)]
    return [one and one.key_index for one in found]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_setting_holds_keys_newest_first(text: str) -> None:
    ring = KeyRing.from_text(text)
    assert places(ring) == ([0, None] if text == NEW else [0, 1])
    assert ring.count == (1 if text == NEW else 2)


def test_a_file_holds_keys_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("\ufeff" + json.dumps({"keys": [NEW, OLD]}), encoding="utf-8")
    assert places(KeyRing.from_file(path)) == [0, 1]
    assert places(KeyRing.from_text(f"{OLD},{NEW}")) == [1, 0]


def test_a_ring_opens_the_same_in_another_process() -> None:
    assert places(pickle.loads(pickle.dumps(RING))) == [0, 1]


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
def test_a_faulty_key_is_told_by_file_and_index_and_not_shown(tmp_path: Path, faulty: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [NEW, faulty, LOST]}))
    for make in (lambda: KeyRing.from_file(path), lambda: KeyRing.from_text(json.dumps([NEW, faulty]), str(path))):
        with pytest.raises(MissingSettingsError, match="index 1") as caught:
            make()
        assert str(path) in str(caught.value)
        assert not any(key in str(caught.value) for key in (NEW, LOST, faulty))
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "held", [{"keys": [NEW, 7]}, {"keys": [NEW, None]}, {"keys": [NEW, ""]}, {"keys": [NEW, [OLD]]}]
)
def test_what_is_no_text_is_no_key(held: object) -> None:
    with pytest.raises(MissingSettingsError, match="index 1"):
        KeyRing.from_text(json.dumps(held))


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"{", b"[]", b'{"keys": []}', b'{"keys": "x"}', b"7", b"\xff\xfe", b"[" * 9999]
)
def test_a_file_without_keys_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(MissingSettingsError, match="TRIPS_KEYS_FILE") as caught:
        KeyRing.from_file(path)
    assert str(path) in str(caught.value)


def test_a_file_without_end_is_not_taken_for_keys() -> None:
    with pytest.raises(MissingSettingsError, match="the keys file /dev/zero is larger than 65536 bytes"):
        KeyRing.from_file(Path("/dev/zero"))


@pytest.mark.parametrize("path", ["absent.json", "."])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, path: str) -> None:
    with pytest.raises(MissingSettingsError, match=r"can't be read \((No such file|Is a directory)"):
        KeyRing.from_file(tmp_path / path)


@pytest.mark.parametrize("text", ["", " ", ",", ", ,", "[]"])
def test_a_setting_without_keys_says_what_to_do(text: str) -> None:
    with pytest.raises(MissingSettingsError, match="--keys-file or TRIPS_KEYS_FILE"):
        KeyRing.from_text(text)


def test_a_repr_shows_how_many_keys_and_nothing_else() -> None:
    ring = KeyRing.from_text(f"{NEW},{OLD}")
    assert repr(ring) == str(ring) == "KeyRing(count=2)"
    assert not any(key in repr(ring.keys) for key in (NEW, OLD))
