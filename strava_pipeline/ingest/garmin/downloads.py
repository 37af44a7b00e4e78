"""Garmin's download of an activity's file: a zip with exactly one file. Anything else is rejected."""

import re
import zipfile
import zlib
from io import BytesIO

from strava_pipeline.core.limits import ImportLimits, megabytes
from strava_pipeline.ingest.file_kinds import kind_of

_HEAD = 4096  # a document says within these bytes what it is
_ENDINGS = (".fit", ".gpx", ".tcx")


class UnusableDownloadError(ValueError):
    """Why a download can't be used; the text contains nothing of its content."""


def only_file(body: bytes, source_id: str, limits: ImportLimits) -> tuple[str, bytes]:
    """The name and the bytes of the one file in a download. Raises UnusableDownloadError.

    A file without a zip around it is accepted as it is, under the name that Garmin would give it.
    """
    if not body.startswith(b"PK"):
        return f"{source_id}_ACTIVITY{_ending(body)}", body
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            members = archive.infolist()
            if len(members) != 1:
                raise UnusableDownloadError(f"it holds {len(members)} files instead of one")
            (member,) = members
            name = member.filename
            if not re.fullmatch(r"[^/\\\0:]{1,200}", name) or name in {".", ".."}:
                raise UnusableDownloadError("the file in it has a path")
            if not name.lower().endswith(_ENDINGS):
                raise UnusableDownloadError("the file in it is none of FIT, GPX and TCX")
            with archive.open(member) as file:
                content = file.read(limits.file_bytes + 1)  # the size in the zip's directory isn't trusted
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        raise UnusableDownloadError("it is a damaged or encrypted zip") from None
    if len(content) > limits.file_bytes:
        raise UnusableDownloadError(f"the file in it is larger than {megabytes(limits.file_bytes)}")
    return name, content


def is_page(body: bytes) -> bool:
    """Whether an answer is a web page, which comes instead of a file while a service is down."""
    head = body[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html")) or (head.startswith(b"<?xml") and b"<html" in head)


def _ending(body: bytes) -> str:
    if (kind := kind_of(body)) is None:
        raise UnusableDownloadError("it is neither a zip nor an activity file")
    return f".{kind}"
