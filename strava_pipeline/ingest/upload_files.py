"""The file that a change uploads: read from the lake, and verified to be the one that was shown. Writers send it."""

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strava_pipeline.core.changes.records import Change
from strava_pipeline.ingest.file_kinds import GZIP, kind_of
from strava_pipeline.ingest.writer import UnsupportedChangeError


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file that a change uploads.

    Args:
        name: its name for the service, with the ending of its kind.
        kind: fit, gpx or tcx, with .gz if it is packed.
    """

    name: str = field(repr=False)
    kind: str
    content: bytes = field(repr=False)

    def described(self) -> Mapping[str, object]:
        """The file's description in a `Request`."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"file": {"name": self.name, "size": len(self.content), "sha256": digest}}


def file_to_upload(change: Change) -> UploadFile:
    """The file at `details["path"]`, unpacked if only the lake had packed it.

    Raises UnsupportedChangeError if its hash differs from `details["sha256"]`, the file that was shown, or if services
    don't accept its kind.
    """
    content = _content(Path(change.details["path"]), str(change.details["sha256"]))
    kind = _kind_of(content)
    if kind is None:
        raise UnsupportedChangeError("The file can't be uploaded: it is neither FIT, GPX nor TCX.")
    name = str(change.details.get("name") or "activity")
    return UploadFile(name if name.lower().endswith(f".{kind}") else f"{name}.{kind}", kind, content)


def _content(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != digest:
        raise UnsupportedChangeError(
            "The file can't be uploaded: it is missing from data/bronze/files, or is damaged there. Restore it from a copy."
        )
    return content


def _kind_of(content: bytes) -> str | None:
    packed = ".gz" if content.startswith(GZIP) else ""
    try:
        found = kind_of(gzip.decompress(content) if packed else content)
    except (OSError, EOFError, zlib.error):
        return None
    return None if found is None else f"{found}{packed}"
