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
    check_private(path)
    path = path.expanduser().resolve()  # a link stays one: what is beside it may be in a repository
    aside = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def check_private(path: Path | None) -> None:
    """Raises MisuseError where the file can't be, or lies in a git work tree that doesn't ignore it.

    git itself is asked what it ignores; without it, whatever lies below a `.git` might be committed.
    """
    if path is None:
        return
    path = path.expanduser().absolute()
    if not path.parent.is_dir():
        raise MisuseError(f"{path.parent} is no folder.")
    if path.is_dir():
        raise MisuseError(f"{path} is a folder.")
    tree = next((folder for folder in path.resolve().parents if (folder / ".git").exists()), None)
    if tree is None or _is_ignored(path.resolve(), tree):
        return
    raise MisuseError(
        f"{path} lies in the git repository {tree} and is not ignored there: positions would be a commit away. Choose a place "
        "outside, or add it to .gitignore."
    )


def _is_ignored(path: Path, tree: Path) -> bool:
    of_this_tree = ["-C", str(tree), "--git-dir", str(tree / ".git"), "--work-tree", str(tree)]  # whatever GIT_DIR says
    try:
        asked = subprocess.run(
            ["git", *of_this_tree, "check-ignore", "-q", str(path)], capture_output=True, check=False
        )
    except OSError:
        return False
    return asked.returncode == 0
