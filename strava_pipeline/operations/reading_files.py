"""Reading the files of imports and providers that were not read yet, on all cores.

Each process reads a file and stores its reading. No Dagster here: a process that reads files starts fast. How a file is
read is ingest's, where it lies the lake's.
"""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.text import counted
from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.imports.files import has_reading, keep_old_reading, put_reading, reading_of, stored_bytes
from strava_pipeline.lake.imports.manifests import ImportedFile, imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import all_provider_files
from strava_pipeline.operations.progress import Progress, progressing

log = logging.getLogger(__name__)
FEW = 20  # files that are not worth a second process: it takes a second to start
EXAMPLES = 50  # problems in the metadata; the table `files` and data/bronze/imports have all
AHEAD = 4  # files per process that wait for their turn: they are names, not bytes


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file to be read: its hash, its name, when it came (UTC), its size in bytes, and the provider that gave it, if one did."""

    sha256: str
    name: str
    received_at: datetime
    size: int
    provider: str | None = None


def unread_files(
    lake: Lake, *, is_read: Callable[[Lake, str], bool] = has_reading, raised_to: ImportLimits | None = None
) -> list[UnreadFile]:
    """The unread files of activities, the largest first, so that no core waits for the last one.

    `is_read`: whether the file with this hash has a reading; a rebuild asks whether that reading is complete.
    `raised_to`: also files of which a lower limit kept something back. Their activities are to be made again.
    """
    found: dict[str, UnreadFile] = {}
    for given in all_provider_files(lake):
        record = given.record
        each = UnreadFile(record.sha256, record.name, given.received_at, record.size, given.source)
        found.setdefault(record.sha256, each)
    for one in imports(lake):
        for file in one.manifest.files:
            is_wanted = file.is_readable or (raised_to is not None and _fits(file, raised_to))
            if is_wanted and file.sha256 not in found:
                found[file.sha256] = UnreadFile(file.sha256, file.name, one.manifest.received_at, file.size)
    wanted = [
        each
        for each in found.values()
        if not is_read(lake, each.sha256) or (raised_to is not None and not _is_all_read(lake, each, raised_to))
    ]
    return sorted(wanted, key=lambda each: (-each.size, each.sha256))


def _fits(file: ImportedFile, limits: ImportLimits) -> bool:
    """Whether a file that was held back as too large now fits."""
    return file.role == "activity" and file.size <= limits.file_bytes


def _is_all_read(lake: Lake, each: UnreadFile, limits: ImportLimits) -> bool:
    reading = reading_of(lake, each.sha256)
    return reading is not None and reading.is_all_within(limits)


def read_files(
    lake: Lake,
    files: list[UnreadFile],
    tick: Callable[[int], object],
    *,
    limits: ImportLimits = ImportLimits(),
    processes: int | None = None,
) -> int:
    """Read the files; returns how many have a remark. Each result is on disk at once, so that a later run continues after it."""
    count = min(processes or os.cpu_count() or 1, len(files) // FEW + 1)
    problems = 0
    for failed in _read_alone(lake, files, limits) if count == 1 else _read_together(lake, files, limits, count):
        problems += failed
        tick(1)
    return problems


@dataclass(frozen=True, slots=True)
class FilesRead(Numbers):
    """The results of reading; `first_problems` with the files' names, if they have a reading, and plans that were left out."""

    files_read: int = 0
    files_with_problems: int = 0
    first_problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        of_them = f", {self.files_with_problems} of them with problems" if self.files_with_problems else ""
        return f"Read {counted(self.files_read, 'file')}{of_them}" if self.files_read else ""


def read_unread_files(lake: Lake, progress: Progress, limits: ImportLimits) -> FilesRead:
    """Read the unread files. The caller holds their lock."""
    files = unread_files(lake)
    if not files:
        return FilesRead()
    with progressing(progress, "Reading files", len(files)) as advance:
        remarked = read_files(lake, files, advance, limits=limits)
    remarks = [*_remarks(lake, files)] if remarked else []
    plans = sum(not is_problem for _, is_problem in remarks)
    return FilesRead(len(files), remarked - plans, [text for text, _ in remarks[:EXAMPLES]])


def _remarks(lake: Lake, files: list[UnreadFile]) -> Iterator[tuple[str, bool]]:
    """What to report of the files, and whether it is a problem, as in the table `files`: a plan that is left out is none."""
    for each in files:
        reading = reading_of(lake, each.sha256)
        if reading is not None and reading.remark is not None:
            yield f"{PurePosixPath(each.name).name}: {reading.remark}", reading.problem is not None


def _read_alone(lake: Lake, files: list[UnreadFile], limits: ImportLimits) -> Iterator[bool]:
    return (read_one(lake, each, limits) for each in files)


def _read_together(lake: Lake, files: list[UnreadFile], limits: ImportLimits, processes: int) -> Iterator[bool]:
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
    waiting: set[Future[bool]] = set()
    try:
        for each in files:
            if len(waiting) >= processes * AHEAD:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
            waiting.add(pool.submit(read_one, lake, each, limits))
        yield from (one.result() for one in waiting)
    except BrokenProcessPool:
        raise PipelineError(
            "A process that read files was ended from outside (out of memory?). What was read is kept; the same command goes on."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def read_one(lake: Lake, each: UnreadFile, limits: ImportLimits = ImportLimits()) -> bool:
    """Read a file and store the result; returns whether there is something to report.

    A file whose bytes are gone or damaged gets no reading, so that it is read when they are back; or keeps another
    version's.
    """
    try:
        body = stored_bytes(lake, each.sha256)
    except (FileNotFoundError, DamagedFileError) as error:
        again = "Import what it came in again, then run `strava-pipeline rebuild`."
        if each.provider is not None:
            again = f"The next run of the job {each.provider} fetches it again, unless its activity has a track."
        log.warning("%s: %s. %s", each.name, error, again)
        keep_old_reading(lake, each.sha256)
        return True
    from strava_pipeline.ingest.files.reading import read_whole  # the decoders: most runs read no file (docs/adr/0037)

    reading, tracks = read_whole(body, each.name, each.received_at, limits)
    put_reading(lake, each.sha256, reading, tracks)
    return reading.remark is not None
