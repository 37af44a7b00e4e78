"""Keys from files, from text and from programs, and the tokens that they open."""

import base64
import hmac
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from select import select
from shlex import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.environment.process_owner import ATHLETE_FOLDER
from strava_pipeline.environment.settings import Settings
from strava_pipeline.trips.activity.reading import keys
from strava_pipeline.trips.activity.reading.connect import trip_keys
from strava_pipeline.trips.activity.reading.keys import Decrypted, KeyRing, decrypt, keys_text
from strava_pipeline_tests.trips.activity.sources import LOST, NEW, OLD, RING, sealed

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
    found = [decrypt(sealed(b"x", key).encode(), ring.keys) for key in (NEW, OLD)]
    return [one and one.key_index for one in found]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_setting_holds_keys_newest_first(text: str) -> None:
    ring = KeyRing.from_text(text)
    assert places(ring) == ([0, None] if text == NEW else [0, 1])
    assert ring.count == (1 if text == NEW else 2)


def test_a_file_holds_keys_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("\ufeff" + json.dumps({"keys": [NEW, OLD]}), encoding="utf-8")
    path.chmod(0o600)
    assert places(KeyRing.from_file(path)) == [0, 1]
    assert places(KeyRing.from_text(f"{OLD},{NEW}")) == [1, 0]


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
def test_a_faulty_key_is_told_by_file_and_index_and_not_shown(tmp_path: Path, faulty: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [NEW, faulty, LOST]}))
    path.chmod(0o600)
    for make in (lambda: KeyRing.from_file(path), lambda: KeyRing.from_text(json.dumps([NEW, faulty]), str(path))):
        with pytest.raises(MissingSettingsError, match="index 1") as caught:
            make()
        assert str(path) in str(caught.value)
        assert not any(key in str(caught.value) for key in (NEW, LOST, faulty))
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"{", b"[]", b'{"keys": []}', b'{"keys": "x"}', b"7", b"\xff\xfe", b"[" * 9999]
)
def test_a_file_without_keys_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MissingSettingsError, match="TRIPS_KEYS_FILE") as caught:
        KeyRing.from_file(path)
    assert str(path) in str(caught.value)


def test_a_large_file_is_not_taken_for_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(b" " * 65_537)
    path.chmod(0o600)
    with pytest.raises(MissingSettingsError, match=f"the keys file {path} is larger than 65536 bytes"):
        KeyRing.from_file(path)


@pytest.mark.parametrize(
    ("path", "why"),
    [("absent.json", r"can't be read \(No such file"), (".", "is a folder"), ("/dev/zero", "is no file")],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, path: str, why: str) -> None:
    with pytest.raises(MissingSettingsError, match=why):
        KeyRing.from_file(tmp_path / path)


def test_a_repr_shows_how_many_keys_and_nothing_else() -> None:
    ring = KeyRing.from_text(f"{NEW},{OLD}")
    assert repr(ring) == str(ring) == "KeyRing(count=2)"
    assert not any(key in repr(ring.keys) for key in (NEW, OLD))


@pytest.fixture(autouse=True)
def new_process() -> Iterator[None]:
    keys._answers.clear()
    yield
    keys._answers.clear()


def program(folder: Path, script: str) -> str:
    """A command that runs a script of the shell, with a secret among its arguments; it notes each run in `runs`."""
    path = folder / "a manager"
    path.write_text(f"#!/bin/sh\necho run >> {quote(str(folder / 'runs'))}\n{script}\n")
    path.chmod(0o700)
    return f"{quote(str(path))} --token 'hush hush'"


def settings(command: str, **others: object) -> Settings:
    return Settings.load(_env_file=None, trips_keys_command=command, **others)


def places_of(chosen: Settings) -> list[int | None]:
    """Where among the keys the newer and the older one are, by what they open."""
    found = [decrypt(sealed(b"x", key).encode(), trip_keys(chosen).keys) for key in (NEW, OLD)]
    return [one and one.key_index for one in found]


@pytest.mark.parametrize(
    "printed", [f"{NEW}\n{OLD}\n", f"{NEW},{OLD}", f"{NEW}\r\n{OLD}\r\n", json.dumps({"keys": [NEW, OLD]})]
)
def test_what_the_program_prints_are_the_keys_newest_first(tmp_path: Path, printed: str) -> None:
    assert places_of(settings(program(tmp_path, f"printf '%s' {quote(printed)}"))) == [0, 1]


def test_it_runs_once_in_a_process_however_often_keys_are_asked_for(tmp_path: Path) -> None:
    command = program(tmp_path, f"echo {NEW}")
    for _ in range(3):
        assert places_of(settings(command)) == [0, None]
    assert (tmp_path / "runs").read_text() == "run\n"


def test_one_that_fails_is_not_run_again_either(tmp_path: Path) -> None:
    command = program(tmp_path, "exit 3")
    for _ in range(2):
        with pytest.raises(MissingSettingsError, match="exit code 3"):
            trip_keys(settings(command))
    assert (tmp_path / "runs").read_text() == "run\n"


def test_it_works_in_the_folder_of_an_athlete_of_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = program(tmp_path, f"[ -e ours ] && echo {NEW}")
    (tmp_path / "athlete").mkdir()
    (tmp_path / "athlete" / "ours").touch()
    monkeypatch.setenv(ATHLETE_FOLDER, str(tmp_path / "athlete"))
    assert keys_text(command) == NEW


def test_no_shell_reads_the_command_and_its_words_are_those_of_a_shell(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = program(tmp_path, f'printf "%s|" "$@" > {quote(str(told))}; echo {NEW}')
    keys_text(f"{command} $HOME '; touch x' |")
    assert told.read_text() == "--token|hush hush|$HOME|; touch x|||"


def test_a_file_and_a_variable_with_keys_go_before_the_program(tmp_path: Path) -> None:
    command = program(tmp_path, f"echo {LOST}")
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [OLD]}))
    (tmp_path / "keys.json").chmod(0o600)
    assert places_of(settings(command, trips_fernet_keys=NEW)) == [0, None]
    assert places_of(settings(command, trips_keys_file=tmp_path / "keys.json")) == [None, 0]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (f"echo {NEW}; echo locked >&2; exit 1", "ended with exit code 1"),
        ("kill -9 $$", "was ended by signal 9"),
        ("exit 0", "printed no text"),
        ("printf '\\377\\376'", "printed no text"),
        ("echo secret-but-no-key", "what TRIPS_KEYS_COMMAND prints: the key at index 0 is no Fernet key"),
        ("echo '{\"secret-but-no-key\": 1}'", 'has no list "keys"'),
        (f"while :; do echo {NEW}; done", "printed more than 65536 bytes"),
    ],
)
def test_a_failure_is_told_and_nothing_of_what_was_printed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], script: str, why: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(MissingSettingsError) as failed:
        trip_keys(settings(program(tmp_path, script)))
    assert why in str(failed.value)
    assert failed.value.exit_code == 2
    said = "".join((str(failed.value), caplog.text, *capfd.readouterr()))
    assert not any(secret in said for secret in (NEW, "locked", "secret-but-no-key", "hush"))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/no/such/program --token hush", "/no/such/program can't be started (No such file or directory)"),
        ("/etc --token hush", "can't be started (Permission denied)"),
        ("'half", "is no command"),
        ("''", "can't be started"),
        ("TOKEN=hush /usr/bin/env echo x", "TRIPS_KEYS_COMMAND: TOKEN can't be started"),
        ("TOKEN='a hush' /usr/bin/env echo x", "There is no shell: assignments before a program need one"),
        ("'/no/such/program --token hush'", "/no/such/program can't be started (No such file or directory)"),
        (
            "'/no/such/program\t--token=hush'",
            "/no/such/program can't be started (No such file or directory). Name a program",
        ),
    ],
)
def test_what_is_no_program_is_told(command: str, why: str) -> None:
    with pytest.raises(MissingSettingsError) as failed:
        keys_text(command)
    assert why in str(failed.value)
    assert "hush" not in str(failed.value)


def test_one_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(MissingSettingsError, match=r"did not end within 0\.3 s"):
        keys_text(program(tmp_path, f"exec 3> {quote(str(tmp_path / 'held'))}; sleep 60 & echo {NEW}; sleep 60"), 0.3)
    assert select([held], [], [], 20)[0], "a process still holds it"
    assert os.read(held, 1) == b""
    os.close(held)


def test_it_reads_no_standard_input_and_sees_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANAGERS_SESSION", NEW)
    assert keys_text(program(tmp_path, 'cat; echo "$MANAGERS_SESSION"')) == NEW
    assert os.environ["MANAGERS_SESSION"] == NEW


TOKEN = sealed(b"content").encode()


def signed(body: bytes) -> bytes:
    """A token-like thing with a signature that holds."""
    secret = base64.urlsafe_b64decode(NEW)[:16]
    return base64.urlsafe_b64encode(body + hmac.digest(secret, body, "sha256"))


@given(content=st.binary(max_size=200), by=st.sampled_from([NEW, OLD, LOST]))
def test_a_token_gives_its_content_and_the_index_of_its_key(content: bytes, by: str) -> None:
    index = {NEW: 0, OLD: 1, LOST: None}[by]
    found = decrypt(sealed(content, by).encode(), RING.keys)
    assert found == (None if index is None else Decrypted(content, index))


def test_a_token_that_lacks_a_byte_does_not_open() -> None:
    for place in range(len(TOKEN)):
        assert decrypt(TOKEN[:place], RING.keys) is None
        assert decrypt(TOKEN[place + 1 :], RING.keys) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"\x80", b"\x80" + b"x" * 24, b"\x81" + b"x" * 40, b"\x80" + b"x" * 39, b"\x80" + b"x" * 40],
    ids=["nothing", "a version", "no block", "another version", "half a block", "no padding"],
)
def test_what_was_signed_but_is_no_token_does_not_open(body: bytes) -> None:
    assert decrypt(signed(body), RING.keys) is None


def test_a_key_that_is_on_the_ring_twice_counts_at_its_first_place() -> None:
    found = decrypt(sealed(b"x", OLD).encode(), KeyRing.from_text(f"{NEW},{OLD},{OLD}").keys)
    assert found == Decrypted(b"x", 1)
