"""The second copy of N details of 3 kB in a folder, beside a tar file of them. Stages are shaped as product.py's. No printing.

Calls are those that the store is asked for; on S3 each is a request.
"""

import logging
import os
import random
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.place import Place
from benchmarks.product import Work

if TYPE_CHECKING:
    from strava_pipeline.operations.run_context import RunContext
    from strava_pipeline.settings import Settings

STAGES = {
    "first": "first copy",
    "again": "nothing new",
    "one_more": "ten new details",
    "checked": "all of it checked",
    "restored": "restored",
}
_SIZE = 3000  # bytes of a packed detail


def prepare(folder: Path, count: int) -> None:
    """Write nothing: each round's folder is made by its floor, as many files as `count` says."""
    folder.mkdir(exist_ok=True)
    (folder / "count").write_text(str(count))


def floor(place: Place) -> Work:
    """Write the files into a tar file, and read it."""
    count, rng = int((place.folder / "count").read_text()), random.Random(1)
    for number in range(count):
        _write(place, number, rng)
    target = place.folder / "floor.tar"

    def work() -> int:
        with tarfile.open(target, "w") as archive:
            archive.add(place.lake.data_dir)
        with target.open("rb") as written:
            while written.read(1 << 20):
                pass
        return 0

    return work


def first(place: Place) -> Work:
    """Copy everything."""
    for path in (place.folder / "copy").rglob("*"):  # of the round before
        if path.is_file():
            path.unlink()
    return _mirrored(place)


def again(place: Place) -> Work:
    """Look whether there is anything to copy."""
    return _mirrored(place)


def one_more(place: Place) -> Work:
    """Copy ten new files."""
    rng = random.Random(2)
    for number in range(10):
        _write(place, 10_000_000 + number, rng)
    return _mirrored(place)


def checked(place: Place) -> Work:
    """Read all of the copy, and compare it."""
    from strava_pipeline.operations.copies.checking import check_copy

    run, settings = _run(place)

    def work() -> int:
        assert check_copy(settings, 1.0, random.Random(1), run.progress).agrees
        return 0

    return work


def restored(place: Place) -> Work:
    """Write all of it into an empty folder."""
    import shutil
    from zoneinfo import ZoneInfo

    from strava_pipeline.ingest.copy_store import open_store
    from strava_pipeline.operations.copies.opened import open_copy, seal_of
    from strava_pipeline.operations.copies.restoring import restore

    run, settings = _run(place)
    into = place.folder / "restored"
    shutil.rmtree(into, ignore_errors=True)
    store = open_store(settings)
    copy = open_copy(store, seal_of(settings.mirror_key_file))
    assert copy is not None

    def work() -> int:
        restore(copy, into, None, ZoneInfo("Europe/London"), run.progress)
        return sum(store.calls.values())

    return work


def _write(place: Place, number: int, rng: random.Random) -> None:
    folder = place.lake.details_of(2010 + number % 16) / str(number)
    folder.mkdir(parents=True)
    (folder / "20250101T000000000000Z.json.gz").write_bytes(rng.randbytes(_SIZE))


def _mirrored(place: Place) -> Work:
    from strava_pipeline.operations.copies.mirroring import mirror

    run, settings = _run(place)
    return lambda: sum(mirror(run, settings, adopt=True).calls.values())


def _run(place: Place) -> "tuple[RunContext, Settings]":
    from strava_pipeline.core.copies.sealing import KEY_BYTES, key_text
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.run_context import run_context

    key = place.folder / "key"
    if not key.exists():
        key.write_text(key_text(os.urandom(KEY_BYTES)))
    found = {"mirror_url": str(place.folder / "copy"), "mirror_key_file": key}
    settings = place.settings.model_copy(update=found)
    return run_context(settings, LogProgress(logging.getLogger(__name__))), settings
