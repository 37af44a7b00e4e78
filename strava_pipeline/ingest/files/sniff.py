"""Any bytes in, one DecodedFile out: unpacked, known by their content and read.

Where files lie, and what becomes of them, is decided elsewhere.

Nothing that a file holds raises; nothing that it says of places comes into a problem.
"""

import re
import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format
from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.files.fit import read_fit
from strava_pipeline.ingest.files.gpx import read_gpx
from strava_pipeline.ingest.files.problems import problem
from strava_pipeline.ingest.files.tcx import read_tcx

GZIP = b"\x1f\x8b"
MOST_MEMBERS = 10_000  # of one gzip file; programs write one, some a few
HEAD = 65_536  # bytes in which the first element of a document stands, after whatever comments
FIT_SIGNATURE = slice(8, 12)
READERS = {Format.FIT: read_fit, Format.GPX: read_gpx, Format.TCX: read_tcx}


def read_file(content: bytes, name: str, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """What is in a file. `name` only helps to say what an unknown one may be; `received_at` tells clocks that run ahead."""
    return read_unpacked(*unpack(content, limits), name, received_at, limits)


def read_unpacked(
    unpacked: bytes, flags: frozenset[Flag], name: str, received_at: datetime, limits: ImportLimits = ImportLimits()
) -> DecodedFile:
    """What is in a file that `unpack` unpacked."""
    if len(unpacked) > limits.file_bytes:
        refused = {"file_bytes": limits.file_bytes}
        return DecodedFile(None, kind="unknown", problem=limits.file_exceeded, limited=refused)
    if not unpacked.strip(b" \t\r\n\0"):
        return _unknown("It is empty." if not flags else "Nothing in it could be unpacked.")
    found = _format(unpacked)
    if found is None:
        return _unknown(_what(unpacked, name))
    read = READERS[found](unpacked, received_at, limits)
    recordings = tuple(replace(recording, flags=recording.flags | flags) for recording in read.recordings)
    return replace(read, recordings=recordings, problem=read.problem or problem(flags, limits))


def unpack(content: bytes, limits: ImportLimits = ImportLimits()) -> tuple[bytes, frozenset[Flag]]:
    """What a file holds, packed with gzip or not, as far as it can be unpacked; and what was odd about that."""
    return _unpacked(content, limits.file_bytes) if content.startswith(GZIP) else (content, frozenset())


def _unpacked(content: bytes, most: int) -> tuple[bytes, frozenset[Flag]]:
    """What was packed with gzip, in several members if need be, up to one byte more than is read."""
    pieces: list[bytes] = []
    room, begin, members = most + 1, 0, 0
    try:
        while content.startswith(GZIP, begin) and room > 0:
            if members == MOST_MEMBERS:
                return b"".join(pieces), frozenset({Flag.DAMAGED})
            unpacker, position = zlib.decompressobj(wbits=31), begin
            while not unpacker.eof and position < len(content) and room > 0:
                piece = unpacker.decompress(content[position : position + HEAD], room)
                pieces.append(piece)
                position += HEAD
                room -= len(piece)
            if not unpacker.eof:
                return b"".join(pieces), frozenset({Flag.TRUNCATED})
            begin = min(position, len(content)) - len(unpacker.unused_data)
            members += 1
    except zlib.error:
        return b"".join(pieces), frozenset({Flag.DAMAGED})
    return b"".join(pieces), frozenset()


def _format(content: bytes) -> Format | None:
    if content[FIT_SIGNATURE] == b".FIT":
        return Format.FIT
    head = content[:HEAD].replace(b"\0", b"")  # two bytes per character become one
    if re.search(rb"<(\w+:)?gpx[\s>]", head):
        return Format.GPX
    if re.search(rb"<(\w+:)?(TrainingCenterDatabase|Activities|Courses)[\s>]", head):  # the first may be lost
        return Format.TCX
    return None


def _unknown(why: str) -> DecodedFile:
    return DecodedFile(None, kind="unknown", problem=why)


def _what(content: bytes, name: str) -> str:
    if content.startswith(b"PK\x03\x04"):
        return "It is a zip archive, not an activity file."
    ending = PurePath(name).suffix.lower()
    return "It is neither FIT, GPX nor TCX" + (
        f", whatever {ending} says." if ending in (".fit", ".gpx", ".tcx") else "."
    )
