"""The second copy of N details of 3 kB in a folder, beside plain restic on the same files. Stages are shaped as product.py's.

The floor is restic's own first copy; each further stage has its own beside it. restic's processes are counted. No printing.
"""

import logging
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from benchmarks.place import Place
from benchmarks.product import Work
from strava_pipeline.lake.paths import Lake

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.run_context import RunContext

STAGES = {
    "first": "first copy",
    "plain_again": "nothing new: plain restic",
    "again": "nothing new",
    "plain_one_more": "ten new details: plain restic",
    "one_more": "ten new details",
    "plain_restored": "restored: plain restic",
    "restored": "restored",
}
_SIZE = 3000  # bytes of a packed detail


def prepare(folder: Path, count: int) -> None:
    """Write nothing but how many files each round has."""
    folder.mkdir(exist_ok=True)
    (folder / "count").write_text(str(count))
    (folder / "password").write_text("password")
    (folder / "password").chmod(0o600)


def floor(place: Place) -> Work:
    """Write the files, and copy them by plain restic."""
    for left in ("plain", "ours", "back"):
        shutil.rmtree(place.folder / left, ignore_errors=True)
    _write(place.lake, range(int((place.folder / "count").read_text())))
    return _plain(place, "init", "backup bronze")


def plain_again(place: Place) -> Work:
    """Have restic look whether there is anything to copy."""
    return _plain(place, "backup bronze")


def plain_one_more(place: Place) -> Work:
    """Copy ten new files by plain restic."""
    _write(place.lake, range(10_000_000, 10_000_010))
    return _plain(place, "backup bronze")


def plain_restored(place: Place) -> Work:
    """Have restic write all of it into a folder."""
    return _plain(place, f"restore latest --target {place.folder / 'back' / 'plain'}")


def first(place: Place) -> Work:
    """Copy everything."""
    return _copied(place)


def again(place: Place) -> Work:
    """Look whether there is anything to copy."""
    return _copied(place)


def one_more(place: Place) -> Work:
    """Copy the ten new files that the stage before wrote."""
    return _copied(place)


def restored(place: Place) -> Work:
    """Write all of it into an empty folder."""
    from zoneinfo import ZoneInfo

    from strava_pipeline.ingest.restic import restic_of
    from strava_pipeline.operations.copy_proof import restore

    run, settings = _run(place)

    def work() -> int:
        restore(restic_of(settings), place.folder / "back" / "ours", run.now(), ZoneInfo("Europe/London"), run.progress)
        return 0

    return work


def _write(lake: Lake, numbers: range) -> None:
    rng = random.Random(numbers.start)
    for number in numbers:
        folder = lake.details_of(2010 + number % 16) / str(number)
        folder.mkdir(parents=True)
        (folder / "20250101T000000000000Z.json.gz").write_bytes(rng.randbytes(_SIZE))


def _plain(place: Place, *commands: str) -> Work:
    own = {"RESTIC_REPOSITORY": str(place.folder / "plain"), "RESTIC_PASSWORD_FILE": str(place.folder / "password")}

    def work() -> int:
        for command in commands:
            subprocess.run(
                ["restic", "--quiet", *command.split()], cwd=place.lake.data_dir, env=os.environ | own, check=True
            )
        return 0

    return work


def _copied(place: Place) -> Work:
    from strava_pipeline.operations.copying import make_copy

    run, settings = _run(place)

    def work() -> int:
        make_copy(run, settings)
        return 0

    return work


def _run(place: Place) -> "tuple[RunContext, Settings]":
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.run_context import run_context

    found = {
        "restic_repository": SecretStr(str(place.folder / "ours")),
        "restic_password_file": place.folder / "password",
    }
    settings = place.settings.model_copy(update=found)
    return run_context(settings, LogProgress(logging.getLogger(__name__))), settings
