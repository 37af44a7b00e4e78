"""The keys of encrypted trips from a program, as a password manager is one: what it prints is read and never shown.

What a key looks like is keys.py's. An error names the program alone: arguments and assignments may hold a token.
"""

import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from threading import Lock

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.ingest.trips.keys import LARGEST

SETTING = "TRIPS_KEYS_COMMAND"
SECONDS = 30.0  # for its answer: password managers that ask a server take a few
_asked: dict[
    str, str | MissingSettingsError
] = {}  # of this process: each command with its answer, or why there is none
_lock = Lock()


def keys_text(command: str, seconds: float = SECONDS) -> str:
    """What the program prints: keys, newest first, one a line or separated by commas, or JSON as in a keys file.

    `command` is split as a shell would (shlex); no shell runs. A command runs once in a process, whatever comes of it.
    Raises MissingSettingsError where it can't be started, fails, takes longer than `seconds`, or prints no text.
    """
    with _lock:
        if command not in _asked:
            try:
                _asked[command] = _answer(command, seconds)
            except MissingSettingsError as error:
                _asked[command] = error
        answer = _asked[command]
    if isinstance(answer, MissingSettingsError):
        raise MissingSettingsError(str(answer))
    return answer


def _answer(command: str, seconds: float) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:  # a quotation mark without its other half
        raise MissingSettingsError(f"{SETTING} is no command ({error}). Quote its words as in a shell.") from None
    if not words:
        raise MissingSettingsError(f"{SETTING} names no program.")
    who = f"{SETTING}: {_program(words[0])}"
    try:
        process = subprocess.Popen(  # a session of its own, so that it ends with all that it started
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        why = error.strerror if isinstance(error, OSError) else error
        raise MissingSettingsError(f"{who} can't be started ({why}). {_advice(words[0])}") from None
    try:
        printed, code = _until_end(process, time.monotonic() + seconds)
    except TimeoutError:
        raise MissingSettingsError(
            f"{who} did not end within {seconds:g} s. It must not ask anything: unlock the password manager first."
        ) from None
    finally:
        _end(process)
    if code is None:
        raise MissingSettingsError(
            f"{who} printed more than {LARGEST} bytes. It is to print the keys and nothing else."
        )
    if code != 0:
        ended = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        raise MissingSettingsError(
            f"{who} {ended}. What it printed is shown nowhere: run it in a terminal to see what is wrong."
        )
    return _text(printed, who)


def _program(word: str) -> str:
    """The part of a command's first word that is safe to show: nothing after "=" or a space, where a token may be."""
    return re.split(r"[=\s]", word, maxsplit=1)[0]


def _advice(word: str) -> str:
    """What to do where no program has the name `word`."""
    if word.startswith(f"{_program(word)}="):
        return (
            f"There is no shell: assignments before a program need one, as in {SETTING}=\"sh -c 'NAME=value program'\"."
        )
    return (
        "Name a program by its whole path, with its arguments, and don't quote the command as a whole; there is no shell, "
        "so no ~, no $NAME and no |."
    )


def _text(printed: bytes, who: str) -> str:
    try:
        text = printed.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise MissingSettingsError(f"{who} printed no text. It is to print the keys, newest first, one a line.")
    return text


def _until_end(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[bytes, int | None]:
    """All that the program prints, and its exit code; no code where it prints too much. Raises TimeoutError."""
    assert process.stdout is not None
    printed = b""
    with selectors.DefaultSelector() as output:
        output.register(process.stdout, selectors.EVENT_READ)
        while output.select(max(0.0, deadline - time.monotonic())):
            part = os.read(process.stdout.fileno(), LARGEST)
            printed += part
            if len(printed) > LARGEST:
                return b"", None
            if not part:
                break
        else:
            raise TimeoutError
    try:
        return printed, process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
