"""By what a file in data/inbox/files is known to lie there as it lay: its place, its size, and when it was written and put.

The time of its last change (ctime) is among it: a copy or a file that is moved in has its own, whatever time it shows.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from strava_pipeline.ingest.archive.entry import decode_name


def inbox_marks(inbox: Path, path: Path) -> dict[str, str]:
    """A mark of `path`, or of each file below it: by its name there, as imports name it; a file's own name is "".

    Another mark means that it was written or put there since.
    """
    found = {}
    for each in _files(path):
        try:
            seen = each.lstat()
        except OSError:
            continue  # gone since it was listed
        said = f"{each.relative_to(inbox)} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}"
        name = "" if each == path else decode_name(os.fsencode(each.relative_to(path).as_posix()))
        found[name] = hashlib.blake2b(said.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return found


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)
