"""Writing what holds positions where a person asked for it: for their eyes alone, and never into a git repository."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex

from strava_pipeline.core.errors import MisuseError


def write_private(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file with mode 0600, whole or not at all. Raises MisuseError inside a git work tree that doesn't ignore it."""
    path = path.expanduser().absolute()
    if not path.parent.is_dir():
        raise MisuseError(f"{path.parent} is no folder.")
    if path.is_dir():
        raise MisuseError(f"{path} is a folder.")
    _refuse_a_repository(path)
    aside = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _refuse_a_repository(path: Path) -> None:
    """git itself is asked what it ignores; without it, whatever lies below a `.git` might be committed."""
    tree = next((folder for folder in path.resolve().parents if (folder / ".git").exists()), None)
    if tree is None or _is_ignored(path.resolve(), tree):
        return
    raise MisuseError(
        f"{path} lies in the git repository {tree} and is not ignored there: positions would be a commit away. Choose a place "
        "outside, or add it to .gitignore."
    )


def _is_ignored(path: Path, tree: Path) -> bool:
    try:
        asked = subprocess.run(
            ["git", "-C", str(tree), "check-ignore", "-q", str(path)], capture_output=True, check=False
        )
    except OSError:
        return False
    return asked.returncode == 0
