"""Files that a person writes: `.env`, those in the folder of secrets, and TOML. Their faults, and changes in them.

No value in any of them is passed on or repeated.
"""

import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from pydantic_settings import SettingsError

from strava_pipeline.core.durable import sync_file
from strava_pipeline.core.errors import MissingSettingsError, PipelineError

T = TypeVar("T")
_ADVICE = "make it UTF-8 text that this user may read"


def is_usable(folder: Path) -> bool:
    """Whether the folder exists and this user may list it."""
    return os.access(folder, os.R_OK | os.X_OK) and folder.is_dir()


def check_secrets(folder: Path, names: Iterable[str]) -> None:
    """Raise MissingSettingsError if any of the named files in `folder` can't be read as settings."""
    if faults := faulty_secrets(folder, names):
        raise MissingSettingsError("\n".join(f"{path} {fault}." for path, fault in faults.items()))


def faulty_secrets(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The path and the fault of each of the named files in `folder` that can't be read as a setting.

    A link may only lead to a file below `folder`, as in pydantic-settings.
    """
    if not is_usable(folder):
        return {}
    faults = {str(folder / name): _fault(folder, folder / name) for name in sorted(names)}
    return {path: fault for path, fault in faults.items() if fault}


def provide_variables(folder: Path, names: Iterable[str]) -> None:
    """Set each of these environment variables from the file in `folder` with its name; one without a file stays unchanged.

    For Dagster, which reads only the environment. Raises MissingSettingsError if a file can't be read.
    """
    wanted = list(names)
    check_secrets(folder, wanted)
    for name in wanted:
        if is_usable(folder) and (folder / name).is_file():
            os.environ[name] = (folder / name).read_text(encoding="utf-8").strip()


def _fault(folder: Path, path: Path) -> str | None:
    try:
        if not path.is_file():
            return "is no file; put one with the value in its place" if path.is_symlink() or path.exists() else None
        if folder.resolve() not in path.resolve().parents:
            return "leads out of the folder of secrets; put a file with the value in its place"
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"can't be read ({type(error).__name__}); {_ADVICE}"
    return None


def read_toml(path: Path, read: Callable[[dict[str, Any]], T], unusable: type[PipelineError]) -> T | None:
    """The result of `read` for a TOML file's content, or None without a file.

    Raises `unusable` if the file can't be read, sets a key twice or is nested too deeply. Exceptions of `read` pass, as
    do TOMLDecodeError and UnicodeDecodeError, whose texts may quote the file: the caller knows whether it contains
    secrets.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
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
        raise unusable(f"{path} can't be read ({type(error).__name__}).") from error


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
        elif assigned := re.match(r"""\s*([\w."' -]+?)\s*=""", line):
            what, verb = f"{assigned[1]}{of_table}", "is set"
        else:
            continue
        first = first_lines.setdefault((table, what), number)
        twice = f"{what} {verb} twice, in line {first} and again in line {number}." if first != number else None
    return twice


def unreadable(error: Exception, env_file: Path, secrets: Path) -> str:
    """The message if reading settings ended in `error`: OSError, UnicodeDecodeError or SettingsError."""
    cause = error.__cause__ or error  # pydantic-settings wraps what it meets in the folder of secrets, and nothing else
    path = secrets if isinstance(error, SettingsError) else getattr(error, "filename", None) or env_file
    return f"{path} can't be read ({type(cause).__name__}); {_ADVICE}"


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
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise PipelineError(f"{path} can't be read: {error.strerror}.") from error


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
