"""The activities of imports, out of bronze. Glue between ingest and the lake.

How they come in is landing_imports.py's, reading their files reading_files.py's.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.files.archive_csv import ArchiveRow
from strava_pipeline.core.files.objects import Holders, Numbering
from strava_pipeline.ingest.archive.contents import EarlierRows, ImportReader, KeptFile
from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.imports.activities import EarlierIds, has_activities, write_activities
from strava_pipeline.lake.imports.files import reading_of, stored_bytes
from strava_pipeline.lake.imports.manifests import Import, imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.run_context import RunContext

LOCK = "import"  # who lands files, reads them, and makes activities of them


def unmade(lake: Lake) -> bool:
    """Whether an import has no activities on disk yet."""
    return any(not has_activities(lake, one.name) for one in imports(lake))


def make_activities(run: RunContext, tick: Callable[[int], object], *, anew: bool = False) -> int:
    """The activities of the imports that have none on disk (`anew`: of all); how many. Their files have been read."""
    lake, count = run.lake, 0
    came = list(imports(lake))
    wanted = [anew or not has_activities(lake, one.name) for one in came]
    earlier: dict[str, str] = {}
    rows_before, held_ids = EarlierRows(), EarlierIds(lake, came)
    for number, one in enumerate(came):
        if not any(wanted[number:]):
            break
        if wanted[number] or one.manifest.has_list:
            held_by = held_ids.before(number)
            read = import_read(lake, one, held_by)
            newest_start = min(
                read.newest_start or one.manifest.received_at, one.manifest.received_at
            )  # clocks may be wrong
            at = newest_start + timedelta(microseconds=number)  # of two that tell up to the same moment, the later one
            if wanted[number]:
                activities = read.activities(partial(reading_of, lake), earlier, rows_before.before(at))
                count += write_activities(lake, one, activities, read.gear(), at, run.years, tick)
            if one.manifest.has_list and any(wanted[number + 1 :]):
                rows_before.add(at, partial(_rows, lake, one, held_by))
        earlier |= {PurePosixPath(file.name).name: file.sha256 for file in one.manifest.files if file.is_readable}
    return count


def import_read(lake: Lake, one: Import, held_by: Holders) -> ImportReader:
    """An import with its lists read. PipelineError where the bytes of one of them are missing or damaged.

    `held_by`: who holds the ids of what Strava has not numbered by the imports before it.
    """
    manifest = one.manifest
    kept = [
        KeptFile(file.name, file.sha256, file.size, file.role)
        for file in manifest.files
        if file.held_back is None or reading_of(lake, file.sha256) is not None  # a person raised the limit since
    ]
    numbering = Numbering(manifest.own_athlete, held_by)
    return ImportReader(kept, manifest.kind, manifest.athletes, partial(_bytes, lake), numbering)


def _rows(lake: Lake, one: Import, held_by: Holders) -> Iterator[ArchiveRow]:
    return import_read(lake, one, held_by).rows()


def _bytes(lake: Lake, digest: str) -> bytes:
    """Of a list or of objects: without them activities would be missing, and nobody would know which."""
    try:
        return stored_bytes(lake, digest)
    except (FileNotFoundError, DamagedFileError) as error:
        raise PipelineError(
            f"{lake.files / digest[:2] / digest} is missing or damaged: it tells of activities. Import what it came in again "
            "(data/bronze/imports says what that was); nothing was changed."
        ) from error
