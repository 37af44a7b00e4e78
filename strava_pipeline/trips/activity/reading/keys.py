"""The Fernet keys of the encrypted columns, newest first, from a file, a text or a program; and decrypting with them.

A program may be a password manager: its output is never shown. No key is in a repr or in an error; an error names the
program alone, because arguments and assignments may contain a token. settings.py reads the environment.
"""

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Timer
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.environment.private_files import NotPrivateError, read_private
from strava_pipeline.environment.process_owner import athlete_folder

if TYPE_CHECKING:
    from cryptography.fernet import Fernet  # imported where a key is used (docs/adr/0037)


NO_KEYS = (
    "No keys for the encrypted trips. Name a keys file with --keys-file or TRIPS_KEYS_FILE "
    '(JSON: {"keys": ["newest", "older"]}), or put the keys into TRIPS_FERNET_KEYS, comma-separated, '
    "or name a program that prints them in TRIPS_KEYS_COMMAND."
)
LARGEST = 65_536  # bytes of a file, or of a program's output; a thousand keys have 45,000
_FORM = re.compile(r"[\w+/-]{43}=", re.ASCII)  # 32 bytes; Fernet itself ignores characters that are not base64


@dataclass(frozen=True, slots=True)
class KeyRing:
    """At least one key; the index of a key in `keys` is the `keyIndex` of the bundles that it decrypts.

    `names`: a hash of each key, by which it is known again when the list has another order.
    """

    keys: "tuple[Fernet, ...]" = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    count: int = field(init=False)

    def __post_init__(self) -> None:
        if not self.keys:
            raise MissingSettingsError(NO_KEYS)
        object.__setattr__(self, "count", len(self.keys))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The keys of a file `{"keys": [...]}`. Raises MissingSettingsError, which shows no key."""
        try:
            content = read_private(path, largest=LARGEST + 1)
            text = content.decode("utf-8-sig")
        except NotPrivateError as error:
            raise MissingSettingsError(f"the keys file {error}") from None
        except OSError as error:
            raise MissingSettingsError(f"the keys file {path} can't be read ({error.strerror}). {NO_KEYS}") from None
        except UnicodeDecodeError:
            raise MissingSettingsError(f"the keys file {path} is no text. {NO_KEYS}") from None
        if len(content) > LARGEST:
            raise MissingSettingsError(f"the keys file {path} is larger than {LARGEST} bytes. {NO_KEYS}")
        return cls._of(_from_json(text, f"the keys file {path}"), f"the keys file {path}")

    @classmethod
    def from_text(cls, text: str, where: str = "TRIPS_FERNET_KEYS") -> Self:
        """The keys of a text, separated by commas or new lines, or as in a keys file; `where` names the text in errors."""
        if text.lstrip().startswith(("{", "[")):
            return cls._of(_from_json(text, where), where)
        return cls._of([part for part in re.split(r"[,\r\n]", text) if part.strip()], where)

    @classmethod
    def _of(cls, texts: list[Any], where: str) -> Self:
        keys = tuple(_keys(texts, where))
        return cls(keys, tuple(hashlib.sha256(text.strip().encode()).hexdigest()[:16] for text in texts))


def _from_json(text: str, where: str) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise MissingSettingsError(f"{where} is no JSON. {NO_KEYS}") from None
    keys = content.get("keys") if isinstance(content, dict) else content
    if not isinstance(keys, list):
        raise MissingSettingsError(f'{where} has no list "keys". {NO_KEYS}')
    if not keys:
        raise MissingSettingsError(f"{where} holds no key. {NO_KEYS}")
    return keys


def _keys(texts: list[Any], where: str) -> "Iterator[Fernet]":
    from cryptography.fernet import Fernet

    for place, text in enumerate(texts):
        if not isinstance(text, str) or not _FORM.fullmatch(text.strip()):
            raise MissingSettingsError(
                f"{where}: the key at index {place} is no Fernet key (32 bytes in URL-safe base64: 44 characters)."
            )
        yield Fernet(text.strip())


SETTING = "TRIPS_KEYS_COMMAND"
COMMAND_SECONDS = 30.0  # for its answer: password managers that ask a server need a few
# in this process: the answer of each command, or the reason for none
_answers: dict[str, str | MissingSettingsError] = {}
_lock = Lock()


def keys_text(command: str, seconds: float = COMMAND_SECONDS) -> str:
    """The program's output: keys, newest first, one a line or separated by commas, or JSON as in a keys file.

    `command` is split as a shell would (shlex); no shell runs. A command runs once in a process, even if it fails.
    Raises MissingSettingsError if it can't be started, fails, takes longer than `seconds`, or prints no text.
    """
    with _lock:
        if command not in _answers:
            try:
                _answers[command] = _answer(command, seconds)
            except MissingSettingsError as error:
                _answers[command] = error
        answer = _answers[command]
    if isinstance(answer, MissingSettingsError):
        raise MissingSettingsError(str(answer))
    return answer


def _answer(command: str, seconds: float) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:  # a quotation mark without its partner
        raise MissingSettingsError(f"{SETTING} is no command ({error}). Quote its words as in a shell.") from None
    if not words:
        raise MissingSettingsError(f"{SETTING} names no program.")
    who = f"{SETTING}: {_program(words[0])}"
    try:
        process = subprocess.Popen(  # a session of its own, so that it ends with all that it started
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=athlete_folder(),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        why = error.strerror if isinstance(error, OSError) else error
        raise MissingSettingsError(f"{who} can't be started ({why}). {_advice(words[0])}") from None
    assert process.stdout is not None
    late = Event()

    def stop() -> None:
        late.set()
        _kill(process)

    timer = Timer(seconds, stop)
    timer.start()
    try:
        printed = process.stdout.read(LARGEST + 1)
        code = process.wait() if len(printed) <= LARGEST else 0
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        process.stdout.close()
    if late.is_set():
        raise MissingSettingsError(
            f"{who} did not end within {seconds:g} s. It must not ask anything: unlock the password manager first."
        )
    if len(printed) > LARGEST:
        raise MissingSettingsError(f"{who} printed more than {LARGEST} bytes. It must print the keys and nothing else.")
    if code:
        ended = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        raise MissingSettingsError(
            f"{who} {ended}. What it printed is never shown: run it in a terminal to see what is wrong."
        )
    return _printed_text(printed, who)


def _program(word: str) -> str:
    """The safe part of a command's first word: nothing after "=" or a space, where a token may be."""
    return re.split(r"[=\s]", word, maxsplit=1)[0]


def _advice(word: str) -> str:
    """What to do if no program has the name `word`."""
    if word.startswith(f"{_program(word)}="):
        return (
            f"There is no shell: assignments before a program need one, as in {SETTING}=\"sh -c 'NAME=value program'\"."
        )
    return (
        "Name a program by its whole path, with its arguments, and don't quote the command as a whole; there is no shell, "
        "so no ~, no $NAME and no |."
    )


def _printed_text(printed: bytes, who: str) -> str:
    try:
        text = printed.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise MissingSettingsError(f"{who} printed no text. It must print the keys, newest first, one a line.")
    return text


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the program with all that it started."""
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
        os.killpg(process.pid, signal.SIGKILL)


class Decrypted(NamedTuple):
    """The content of a token, and the index of the key that decrypted it."""

    content: bytes
    key_index: int


def decrypt(token: bytes, keys: "Sequence[Fernet]") -> Decrypted | None:
    """Decrypt a token; None if it isn't a token, or no key fits."""
    from cryptography.fernet import InvalidToken

    for index, key in enumerate(keys):
        try:
            return Decrypted(key.decrypt(token), index)
        except InvalidToken:
            continue
    return None
