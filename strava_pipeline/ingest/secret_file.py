"""JSON files that only their owner can read, in such a folder: written to a temporary file, flushed to disk, then
renamed. No locks.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from strava_pipeline.environment.file_locks import sync_file, sync_folder


def save_secret(path: Path, value: Mapping[str, Any]) -> None:
    """Replace the file durably: it is whole before and after, whatever happens in between. Raises OSError."""
    make_private_folder(path.parent)
    temporary = write_aside(path, value)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_private_folder(folder: Path) -> None:
    """Make the folder if it is missing, and close it to other users."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        with suppress(PermissionError):  # somebody else's folder; the file itself is 0600
            folder.chmod(0o700)


def write_aside(path: Path, value: Mapping[str, Any]) -> Path:
    """A file with the content, flushed to disk, in the folder of `path`; its name begins with a dot and the name of `path`."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dict(value), file, indent=2)
            sync_file(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
