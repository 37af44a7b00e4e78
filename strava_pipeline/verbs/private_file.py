"""Writing what holds positions where a person asked for it: for their eyes alone, and never into a git repository."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex

from strava_pipeline.core.errors import MisuseError


def emit(parts: Iterable[bytes], out: Path | None) -> None:
    """To standard output as it comes, or to the private file `out`."""
    if out is not None:
        write_private(out, parts)
        return
    try:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; Python itself would complain again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def write_private(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file with mode 0600, whole or not at all. Raises as `check_private` does."""
    place = check_private(path)
    aside = _aside(place)
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def check_private(path: Path) -> Path:
    """Where the file will be, links followed. Raises MisuseError where it can't be, or git might take it.

    git itself is asked what it ignores; without it, whatever lies below a `.git` might be committed.
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
    """Where it is written until it is whole. In a work tree in `.git`: what is ignored there may be this one name alone."""
    tree = _work_tree(place)
    within = tree / ".git" if tree is not None and (tree / ".git").is_dir() else place.parent
    return within / f".{place.name}.{token_hex(4)}.tmp"


def _work_tree(place: Path) -> Path | None:
    return next((folder for folder in place.parents if (folder / ".git").exists()), None)


def _is_ignored(path: Path, tree: Path) -> bool:
    of_this_tree = ["-C", str(tree), "--git-dir", str(tree / ".git"), "--work-tree", str(tree)]  # whatever GIT_DIR says
    try:
        asked = subprocess.run(
            ["git", *of_this_tree, "check-ignore", "-q", str(path)], capture_output=True, check=False
        )
    except OSError:
        return False
    return asked.returncode == 0
