"""Commands' output and questions: lines for a person, JSON for a program, and private files for positions.

The only way to stdout and stderr besides the tables and bars of terminal.py. Shapes of JSON are described in
docs/formats.md. A private file is readable by its owner alone, and never written into a git repository. Importing this
module is cheap.
"""

import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.text import counted, json_line, plain, printable
from strava_pipeline.environment.file_locks import sync_file


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """A line (or several) on stdout, or on stderr, which wraps between words in a terminal."""
    shown = printable(advised(str(text)))
    if err and sys.stderr.isatty():
        shown = wrapped(shown, shutil.get_terminal_size().columns)
    typer.echo(shown, err=err, nl=nl)


def wrapped(text: str, width: int) -> str:
    """The text with its long lines broken between words, never within a word such as an address or `wi-fi`.

    An indented line stays as it is: it is to be copied.
    """
    return "\n".join(
        "\n".join(textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False))
        if len(line) > width and not line.startswith(" ")
        else line
        for line in text.split("\n")
    )


_whose: list[tuple[re.Pattern[str], str]] = []


def advise_for(athlete: str, commands: Iterable[str]) -> None:
    """From now on, the commands in advice are those for this athlete of several."""
    own = "|".join(name for name in commands if name != "athletes")
    _whose[:] = [
        (
            re.compile(rf"\bstrava-pipeline ({own})(?![\w-])(?![^\n`]* --athlete)"),
            rf"strava-pipeline \1 --athlete {athlete}",
        )
    ]


def advised(text: str) -> str:
    """A text for a person, with its commands in the form to type (`advise_for`)."""
    for pattern, typed in _whose:
        text = pattern.sub(typed, text)
    return text


def ask(question: str, **options: Any) -> Any:
    """A person's answer to a question (`typer.prompt`). Ctrl-C ends it."""
    let_interrupts_end_reading()
    return typer.prompt(wrapped(question, shutil.get_terminal_size().columns - len(": ")), **options)


def new_password() -> str:
    """A password, asked for twice. Raises MisuseError if it is too short or too long."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.setting_values import LONGEST_PASSWORD, SHORTEST_PASSWORD

    wanted: str = ask("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not SHORTEST_PASSWORD <= len(wanted) <= LONGEST_PASSWORD:
        raise MisuseError(
            f"The password was not set: it needs {SHORTEST_PASSWORD} characters or more, and at most {LONGEST_PASSWORD}."
        )
    return wanted


def confirm(question: str, **options: Any) -> bool:
    """Whether a person says yes (`typer.confirm`). Ctrl-C ends it."""
    let_interrupts_end_reading()
    return typer.confirm(question, **options)


def let_interrupts_end_reading() -> None:
    """Let Ctrl-C end reading from the terminal: once Polars is loaded, its handler makes the system read on until Enter."""
    signal.siginterrupt(signal.SIGINT, True)


def echo_json(value: Any) -> None:
    """One value as JSON in one line on stdout. Dataclasses are objects, instants are in UTC."""
    typer.echo(json_line(plain(value)))


def short_path(path: Path) -> Path:
    """The path as a person would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def left_out_line(counts: Mapping[str, int]) -> str:
    """A line about the files that an import leaves out, by their endings ("" for none)."""
    kinds = ", ".join(f"{kind or 'no ending'} {count}" for kind, count in counts.items())
    return f"{counted(sum(counts.values()), 'other file')}, of which nothing is read or kept ({kinds})"


def emit(parts: Iterable[bytes], out: Path | None) -> None:
    """Write the parts to standard output one by one, or to the private file `out`."""
    if out is not None:
        write_private(out, parts)
        return
    try:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough; Python itself would complain again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def write_private(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file with mode 0600, whole or not at all. Raises as `check_private` does."""
    place = check_private(path)
    aside = _aside(place)
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(parts)
            sync_file(file)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def check_private(path: Path) -> Path:
    """The path of the file, links followed. Raises MisuseError if it can't be written, or git might add it.

    git itself knows what it ignores; without git, everything below a `.git` might be committed.
    """
    place = path.expanduser().resolve()
    if not place.parent.is_dir():
        raise MisuseError(f"{place.parent} is no folder.")
    if place.is_dir():
        raise MisuseError(f"{place} is a folder.")
    tree = _work_tree(place)
    if tree is not None and not _is_ignored(place, tree):
        raise MisuseError(
            f"{place} lies in the git repository {tree} and is not ignored there: positions would be a commit away. Choose a "
            "place outside, or add it to .gitignore."
        )
    return place


def _aside(place: Path) -> Path:
    """The temporary path of the file until it is complete; in a work tree inside `.git`, because only the final name
    may be ignored.
    """
    from secrets import token_hex

    tree = _work_tree(place)
    within = tree / ".git" if tree is not None and (tree / ".git").is_dir() else place.parent
    return within / f".{place.name}.{token_hex(4)}.tmp"


def _work_tree(place: Path) -> Path | None:
    return next((folder for folder in place.parents if (folder / ".git").exists()), None)


def _is_ignored(path: Path, tree: Path) -> bool:
    import subprocess

    of_this_tree = ["-C", str(tree), "--git-dir", str(tree / ".git"), "--work-tree", str(tree)]  # whatever GIT_DIR says
    try:
        asked = subprocess.run(
            ["git", *of_this_tree, "check-ignore", "-q", str(path)], capture_output=True, check=False
        )
    except OSError:
        return False
    return asked.returncode == 0
