"""The bytes of a person's file, read as a copy: never while it is being written, and not beyond a size.

Programs that have it open are left alone: its last saved state is read. The bytes' meaning is not known here.
"""

import logging
import os
from pathlib import Path

from strava_pipeline.core.errors import SourceError, TransientError
from strava_pipeline.core.limits import MEGABYTE

MOST_BYTES = 50 * MEGABYTE  # packed or unpacked: a life of rides is less than 2 MB

log = logging.getLogger(__name__)


def read_file(path: Path) -> bytes:
    """The file's bytes. Raises SourceError if a person has to act, TransientError if waiting may help."""
    if is_open_elsewhere(path):
        log.info("%s is open in another program: its last saved state is read.", path.name)
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size > MOST_BYTES:
                raise too_large(path.name)
            body = file.read(MOST_BYTES + 1)
            after = os.fstat(file.fileno())
    except FileNotFoundError:
        raise missing(path) from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder. Name a file in SPREADSHEET_PATH.") from None
    except PermissionError:
        raise SourceError(
            f"{path} can't be opened: it is not permitted, or another program has locked it. Close it there, or allow reading."
        ) from None
    except OSError as error:
        raise TransientError(f"{path} can't be read ({error.strerror or type(error).__name__}).") from error
    if len(body) != after.st_size or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise TransientError(f"{path.name} was written while it was read.")
    return body


def is_open_elsewhere(path: Path) -> bool:
    """Whether Excel or LibreOffice left its sign next to the file that somebody has it open."""
    return any(path.with_name(name).exists() for name in (f"~${path.name}", f".~lock.{path.name}#"))


def missing(path: Path) -> SourceError:
    """The error for a missing file."""
    return SourceError(
        f"There is no file {path}. Put it back, or correct SPREADSHEET_PATH; until then its activities stay as they are."
    )


def too_large(name: str) -> SourceError:
    """The error for a file beyond MOST_BYTES."""
    return SourceError(
        f"{name} holds more than {MOST_BYTES // MEGABYTE} MB unpacked, which no table of activities does: it was not read. "
        "Delete pictures and empty sheets from it, or export the sheet as CSV."
    )


def not_whole(name: str) -> TransientError:
    """The error for a file that is not a valid workbook or table."""
    return TransientError(
        f"{name} is not a whole file: a program may still be synchronising it. What came from it is kept, and the next run "
        "reads it again. If it can't be opened elsewhere either, restore it from a backup."
    )
