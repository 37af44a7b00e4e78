"""Files that a person writes, as TOML or as `.env`: read with a fault in words, and changed whole or not at all."""

import errno
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.file_locks import sync_file

LARGEST = 1_000_000  # bytes of a file that a person writes
_MOST_POINTS = 500  # of a line: TOML's reader takes the square of the parts of a key
T = TypeVar("T")


def read_toml(path: Path, read: Callable[[dict[str, Any]], T], unusable: type[PipelineError]) -> T | None:
    """The result of `read` for a TOML file's content, or None without a file.

    Raises `unusable` if the file can't be read, sets a key twice or is nested too deeply. Exceptions of `read` pass, as
    do TOMLDecodeError and UnicodeDecodeError, whose texts may quote the file: the caller knows whether it contains
    secrets.
    """
    text = ""
    try:
        text = plain_text(path).removeprefix("\ufeff").replace("\r\n", "\n")
        if any(line.count(".") > _MOST_POINTS for line in text.split("\n")):
            raise unusable(f"{path} has a line with more than {_MOST_POINTS} points. Divide it.")
        return read(tomllib.loads(text))
    except FileNotFoundError:
        return None
    except tomllib.TOMLDecodeError as error:
        if twice := _set_twice(text, error):
            raise unusable(f"{path}: {twice} Leave one of them.") from None
        raise
    except RecursionError as error:
        raise unusable(f"{path} is nested too deeply.") from error
    except OSError as error:
        raise unusable(f"{path} can't be read: {error.strerror}.") from error


def _set_twice(text: str, error: tomllib.TOMLDecodeError) -> str | None:
    """The key or table that a TOML file has twice, with both lines, or None if `error` is about something else.

    The error has no kind, and its text names no key: the last key up to its line is examined.
    """
    named = re.search(r"line (\d+)", str(error))
    table, of_table, twice, first_lines = "", "", None, dict[tuple[str, str], int]()
    for number, line in enumerate(text.splitlines()[: int(named[1]) if named else None], start=1):
        if header := re.match(r"\s*(\[+[^\[\]]+\]+)\s*(#.*)?$", line):
            is_one_of_several = header[1].startswith("[[")
            table, of_table = f"{header[1]} {number if is_one_of_several else ''}", f" of {header[1]}"
            what, verb = header[1], "is there"
        elif assigned := re.match(r"""([\w."'\s-]+)=""", line):
            what, verb = f"{assigned[1].strip()}{of_table}", "is set"
        else:
            continue
        first = first_lines.setdefault((table, what), number)
        twice = f"{what} {verb} twice, in line {first} and again in line {number}." if first != number else None
    return twice


@contextmanager
def variables_set(path: Path, values: Mapping[str, str]) -> Iterator[None]:
    """Set variables in an env file, for its owner alone; if the body fails, the file is restored."""
    before = file_text(path)
    after = with_variables(path, before, values)
    existed = path.exists()
    replace_file(path, before, after, is_private=True)
    try:
        yield
    except BaseException:
        if existed:
            replace_file(path, after, before)
        else:
            path.unlink()
        raise


def with_variables(path: Path, text: str, values: Mapping[str, str]) -> str:
    """The text of the env file `path` with these variables set. Other lines, comments and the order stay.

    Raises PipelineError if the file would be misread, such as one with an open quotation mark.
    """
    parts = [_line(one, values) for one in parse_stream(StringIO(text, newline=""))]
    missing = [name for name in values if name not in dotenv_values(stream=StringIO(text))]
    if missing and parts and not parts[-1].endswith(("\n", "\r")):
        parts.append("\n")
    after = "".join([*parts, *(f"{name}={_quoted(values[name])}\n" for name in missing)])
    if dotenv_values(stream=StringIO(after)) != {**dotenv_values(stream=StringIO(text)), **values}:
        names = " and ".join(values)
        raise PipelineError(f"{names} can't be set in {path} as it is written. Nothing was changed; set them yourself.")
    return after


def _line(one: Binding, values: Mapping[str, str]) -> str:
    """A part of an env file unchanged, or with the new value before its comment."""
    text = one.original.string
    if one.key is None or one.key not in values:
        return text
    name, _, rest = text.partition("=")
    comment = None if "#" in (one.value or "") else re.search(r"[^\S\r\n]+#[^\r\n]*", rest)
    end = re.search(r"[\r\n]*$", text)
    return f"{name.rstrip()}={_quoted(values[one.key])}{comment[0] if comment else ''}{end[0] if end else ''}"


def _quoted(value: str) -> str:
    """A value in an env file's form: in quotation marks if a program might read it otherwise."""
    if re.fullmatch(r"[\w./:@%+,=~-]+", value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def file_text(path: Path) -> str:
    """The text of a file with its line ends; empty without a file. Raises PipelineError if it can't be read."""
    try:
        return plain_text(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise PipelineError(f"{path} can't be read: {error.strerror}.") from error


def plain_text(path: Path) -> str:
    """The text of a file with its line ends. Raises OSError for what is no plain file, or larger than any that a person writes,
    and UnicodeDecodeError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # of a pipe, waits for nobody
    with open(descriptor, "rb") as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, and no file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"it has more than {LARGEST} bytes")
    return content.decode()


def replace_file(path: Path, before: str, after: str, *, is_private: bool = False) -> None:
    """Write `after` in place of `before`, atomically; a link stays one. A missing file has an empty text.

    Its permissions stay; with `is_private`, and if it is new, only its owner may read it. Raises PipelineError if the
    file was changed meanwhile or can't be written.
    """
    place = path.resolve()
    if file_text(place) != before:
        raise PipelineError(f"{path} was changed meanwhile, so nothing was written. Run the command again.")
    aside: Path | None = None
    try:
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(None, "Permission denied")
        descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
        aside = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(after)
            sync_file(file)
        if place.exists() and not is_private:
            aside.chmod(place.stat().st_mode & 0o777)
        aside.replace(place)
    except OSError as error:
        raise PipelineError(f"{path} can't be written: {error.strerror}. It is as it was before.") from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)
