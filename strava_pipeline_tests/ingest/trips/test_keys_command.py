"""Keys from a program: what it prints becomes keys, once in a process; what goes wrong is told, what it printed never."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from select import select
from shlex import quote

import pytest

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.ingest.trips import keys
from strava_pipeline.ingest.trips.connect import trip_keys
from strava_pipeline.ingest.trips.keys import keys_text, opened
from strava_pipeline.settings import Settings
from strava_pipeline_tests.trips import LOST, NEW, OLD, sealed


@pytest.fixture(autouse=True)
def new_process() -> Iterator[None]:
    keys._asked.clear()
    yield
    keys._asked.clear()


def program(folder: Path, script: str) -> str:
    """A command that runs a script of the shell, with a secret among its arguments; it notes each run in `runs`."""
    path = folder / "a manager"
    path.write_text(f"#!/bin/sh\necho run >> {quote(str(folder / 'runs'))}\n{script}\n")
    path.chmod(0o700)
    return f"{quote(str(path))} --token 'hush hush'"


def settings(command: str, **others: object) -> Settings:
    return Settings.load(_env_file=None, trips_keys_command=command, **others)


def places(chosen: Settings) -> list[int | None]:
    """Where among the keys the newer and the older one are, by what they open."""
    found = [opened(sealed(b"x", key).encode(), trip_keys(chosen).keys) for key in (NEW, OLD)]
    return [one and one.key_index for one in found]


@pytest.mark.parametrize(
    "printed", [f"{NEW}\n{OLD}\n", f"{NEW},{OLD}", f"{NEW}\r\n{OLD}\r\n", json.dumps({"keys": [NEW, OLD]})]
)
def test_what_the_program_prints_are_the_keys_newest_first(tmp_path: Path, printed: str) -> None:
    assert places(settings(program(tmp_path, f"printf '%s' {quote(printed)}"))) == [0, 1]


def test_it_runs_once_in_a_process_however_often_keys_are_asked_for(tmp_path: Path) -> None:
    command = program(tmp_path, f"echo {NEW}")
    for _ in range(3):
        assert places(settings(command)) == [0, None]
    assert (tmp_path / "runs").read_text() == "run\n"


def test_one_that_fails_is_not_run_again_either(tmp_path: Path) -> None:
    command = program(tmp_path, "exit 3")
    for _ in range(2):
        with pytest.raises(MissingSettingsError, match="exit code 3"):
            trip_keys(settings(command))
    assert (tmp_path / "runs").read_text() == "run\n"


def test_no_shell_reads_the_command_and_its_words_are_those_of_a_shell(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = program(tmp_path, f'printf "%s|" "$@" > {quote(str(told))}; echo {NEW}')
    keys_text(f"{command} $HOME '; touch x' |")
    assert told.read_text() == "--token|hush hush|$HOME|; touch x|||"


def test_a_file_and_a_variable_with_keys_go_before_the_program(tmp_path: Path) -> None:
    command = program(tmp_path, f"echo {LOST}")
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [OLD]}))
    assert places(settings(command, trips_fernet_keys=NEW)) == [0, None]
    assert places(settings(command, trips_keys_file=tmp_path / "keys.json")) == [None, 0]
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


def test_it_reads_nothing_of_our_standard_input_and_sees_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANAGERS_SESSION", NEW)
    assert keys_text(program(tmp_path, 'cat; echo "$MANAGERS_SESSION"')) == NEW
    assert os.environ["MANAGERS_SESSION"] == NEW


def test_no_repr_shows_the_command() -> None:
    assert "hush" not in repr(settings("manager --token hush"))
