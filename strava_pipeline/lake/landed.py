"""The number that whatever lands in bronze gets: by it versions are ordered, not by a server's clock.

It is the microseconds since 1970 of this machine's clock, or one more than the highest number so far where the clock does
not go forward: it always rises, whatever clocks do, and the numbers of two folders that somebody merged by hand still
mean something beside each other.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.file_locks import wait_for_lock
from strava_pipeline.lake.files import from_stamp, nearest, packed, stamp, write_whole
from strava_pipeline.lake.paths import Lake

_COUNT = "landed"  # the file in data/state that holds the highest number
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_IN_NAME = re.compile(r"\d{8}T\d{12}Z\.(\d{1,18})\.")
_IN_MANIFEST = re.compile(rb'"landed": ?(\d{1,18})\b')


def require_writable(lake: Lake, folder: Path) -> None:
    """Check, before a call is made, that its answer can be written into `folder`, which need not exist yet.

    Nothing is left behind. Raises OSError, which names the folder or file that can't be written.
    """
    for path in (folder, lake.state / _COUNT):
        place = nearest(path)
        if not os.access(place, os.W_OK | os.X_OK if place.is_dir() else os.W_OK):
            _write_nothing(place)


def _write_nothing(place: Path) -> None:
    """Open `place` for writing, which fails with the system's own reason: not permitted, or a read-only disk."""
    try:
        with tempfile.TemporaryFile(dir=place) if place.is_dir() else place.open("r+b"):
            pass
    except OSError as error:
        error.filename = str(place)
        raise


def next_number(lake: Lake, at: datetime) -> int:
    """A number higher than any before; `at`: the time (aware) to go by where the lake has no clock of this machine."""
    local = lake.local_time() or at
    lake.state.mkdir(parents=True, exist_ok=True)
    file = os.open(lake.state / _COUNT, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        wait_for_lock(file)
        said = os.pread(file, 32, 0).strip()
        highest = int(said) if said.isdigit() else max(_in_bronze(lake), default=0)
        number = max(highest + 1, (local - _EPOCH) // _MICROSECOND)
        os.pwrite(file, b"%020d\n" % number, 0)
    finally:
        os.close(file)
    return number


def time_of(number: int) -> datetime:
    """The time (UTC) of the clock that gave the number, where that went forward."""
    return _EPOCH + number * _MICROSECOND


def land_file(lake: Lake, folder: Path, end: str, body: bytes, at: datetime) -> Path:
    """Put an answer on disk, whole and packed, under the next number; its name ends in `end`."""
    number = next_number(lake, at)
    path = folder / f"{landed_as(at, number)}{end}"
    write_whole(path, packed(body, at, number))
    return path


def landed_as(at: datetime, number: int) -> str:
    """The beginning of an answer's file name: when it came by the server's clock (UTC), and its number."""
    return f"{stamp(at)}.{number}"


def read_name(beginning: str) -> tuple[datetime, int | None]:
    """What `landed_as` put into a name; None: it came before numbers were given. ValueError where it is no such name."""
    moment, _, number = beginning.partition(".")
    return from_stamp(moment), int(number) if number else None


def in_order(name: tuple[datetime, int | None]) -> tuple[int, datetime]:
    """Sorts what `read_name` gives by landing: what has no number came before all that has, by time."""
    at, number = name
    return (number or 0, at)


def _in_bronze(lake: Lake) -> Iterator[int]:
    """Every number that was given."""
    for folder, _, names in os.walk(lake.bronze):
        for name in names:
            if found := _IN_NAME.match(name):
                yield int(found[1])
            elif name == "manifest.json":
                yield from map(int, _IN_MANIFEST.findall(Path(folder, name).read_bytes()))
