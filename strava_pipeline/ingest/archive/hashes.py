"""The files of an archive by the hashes of what they hold, for whoever compares them. Nothing is kept, nothing decoded."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator

from strava_pipeline.core.files.agreement import ArchiveFile
from strava_pipeline.core.files.objects import row_id
from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format
from strava_pipeline.ingest.archive.container import Container
from strava_pipeline.ingest.archive.entry import PIECE, Entry, UnreadableEntryError
from strava_pipeline.ingest.files.sniff import GZIP


def archive_files(
    container: Container,
    export: BulkExport,
    limits: ImportLimits = ImportLimits(),
    tick: Callable[[int], object] = lambda files: None,
) -> Iterator[ArchiveFile]:
    """Every recording and every picture of an export that is there; `tick` is told of each."""
    pictures = {export.root + name for row in export.activities.rows for name in row.media}
    routes = f"{export.root}routes/"
    for entry in container.entries:
        if not entry.name.startswith(export.root) or entry.name.startswith(routes):
            continue
        is_recording = activity_format(entry.name) is not None
        if is_recording or entry.name in pictures:
            row = export.files.get(entry.name)
            yield _hashed(entry, row_id(row) if row is not None else None, is_recording=is_recording, limits=limits)
            tick(1)
    for each in container.oversized:
        if each.name.startswith(export.root) and not each.name.startswith(routes) and activity_format(each.name):
            digest = hashlib.sha256()
            try:
                for piece in each.pieces():
                    digest.update(piece)
            except UnreadableEntryError:
                yield ArchiveFile(each.name, None)
            else:
                yield ArchiveFile(each.name, digest.hexdigest())
            tick(1)


def _hashed(entry: Entry, activity_id: int | None, *, is_recording: bool, limits: ImportLimits) -> ArchiveFile:
    try:
        body = entry.read()
    except UnreadableEntryError:
        return ArchiveFile(entry.name, None, None, activity_id)
    return ArchiveFile(
        entry.name, hashlib.sha256(body).hexdigest(), _content(body, limits) if is_recording else None, activity_id
    )


def _content(body: bytes, limits: ImportLimits) -> str | None:
    """The hash of what a file holds unpacked; None where it is not packed as a whole, so that its bytes alone tell."""
    digest, size = hashlib.sha256(), 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) if body.startswith(GZIP) else io.BytesIO(body) as file:
            while piece := file.read(PIECE):
                size += len(piece)
                if size > limits.file_bytes:
                    return None
                digest.update(piece)
    except (OSError, EOFError, zlib.error):
        return None
    return digest.hexdigest()
