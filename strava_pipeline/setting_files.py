"""Files that a person writes: `.env`, those in the folder of secrets, and TOML. Which can't be read, and why.

No value in any of them is handed on or repeated.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic_settings import SettingsError

from strava_pipeline.core.errors import MissingSettingsError, PipelineError

T = TypeVar("T")
_ADVICE = "make it UTF-8 text that this user may read"


def is_usable(folder: Path) -> bool:
    """Whether there is such a folder and this user may list it."""
    return os.access(folder, os.R_OK | os.X_OK) and folder.is_dir()


def check_secrets(folder: Path, names: Iterable[str]) -> None:
    """Raise MissingSettingsError where files in `folder`, of those named, can't be read as settings."""
    if faults := faulty_secrets(folder, names):
        raise MissingSettingsError("\n".join(f"{path} {fault}." for path, fault in faults.items()))


def faulty_secrets(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The path of each file in `folder`, of those named, that can't be read as a setting, with the fault.

    A link may lead to a file below `folder` only, as pydantic-settings has it.
    """
    if not is_usable(folder):
        return {}
    faults = {str(folder / name): _fault(folder, folder / name) for name in sorted(names)}
    return {path: fault for path, fault in faults.items() if fault}


def provide_variables(folder: Path, names: Iterable[str]) -> None:
    """Set each of these environment variables from the file in `folder` that has its name; one without a file stays as it is.

    For Dagster, which reads the environment only. Raises MissingSettingsError where a file can't be read.
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
    """What `read` makes of a TOML file's content; None where there is no file.

    Raises `unusable` where the file can't be read, sets a key twice or is nested too deeply. What `read` raises passes, and so
    do TOMLDecodeError and UnicodeDecodeError, whose texts may quote the file: the caller knows whether it holds secrets.
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
    """Which key or table a TOML file has twice, with both lines; None where `error` is about something else.

    The error has no kind, and its text names no key: the last key up to the line that it names is looked at.
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
    """What to say where reading settings ended in `error`: OSError, UnicodeDecodeError or SettingsError."""
    cause = error.__cause__ or error  # pydantic-settings wraps what it meets in the folder of secrets, and nothing else
    path = secrets if isinstance(error, SettingsError) else getattr(error, "filename", None) or env_file
    return f"{path} can't be read ({type(cause).__name__}); {_ADVICE}"
