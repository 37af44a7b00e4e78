"""Any bytes in, one FileRead out: unpacked, known by their content and read.

Where files lie, and what becomes of them, is decided elsewhere.

Nothing that a file holds raises; nothing that it says of places comes into a problem.
"""

import re
import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath

from strava_pipeline.core.files.recording import FileRead, Flag, Format
from strava_pipeline.ingest.files.fit import read_fit
from strava_pipeline.ingest.files.gpx import read_gpx
from strava_pipeline.ingest.files.problems import problem
from strava_pipeline.ingest.files.tcx import read_tcx

MOST_BYTES = 100_000_000  # unpacked; a day of points a second is a tenth of that in the wordiest format
GZIP = b"\x1f\x8b"
HEAD = 65_536  # bytes in which the first element of a document stands, after whatever comments
FIT_SIGNATURE = slice(8, 12)
READERS = {Format.FIT: read_fit, Format.GPX: read_gpx, Format.TCX: read_tcx}


def read_file(content: bytes, name: str, received_at: datetime) -> FileRead:
    """What is in a file. `name` only helps to say what an unknown one may be; `received_at` tells clocks that run ahead."""
    return read_unpacked(*unpack(content), name, received_at)


def read_unpacked(unpacked: bytes, flags: frozenset[Flag], name: str, received_at: datetime) -> FileRead:
    """What is in a file that `unpack` unpacked."""
    if len(unpacked) > MOST_BYTES:
        return _unknown(f"It is larger than {MOST_BYTES // 1_000_000} MB unpacked; it was not read.")
    if not unpacked.strip(b" \t\r\n\0"):
        return _unknown("It is empty." if not flags else "Nothing in it could be unpacked.")
    found = _format(unpacked)
    if found is None:
        return _unknown(_what(unpacked, name))
    read = READERS[found](unpacked, received_at)
    recordings = tuple(replace(recording, flags=recording.flags | flags) for recording in read.recordings)
    return replace(read, recordings=recordings, problem=read.problem or problem(flags))


def unpack(content: bytes) -> tuple[bytes, frozenset[Flag]]:
    """What a file holds, packed with gzip or not, as far as it can be unpacked; and what was odd about that."""
    return _unpacked(content) if content.startswith(GZIP) else (content, frozenset())


def _unpacked(content: bytes) -> tuple[bytes, frozenset[Flag]]:
    """What was packed with gzip, in several pieces if need be, up to one byte more than is read."""
    pieces: list[bytes] = []
    room, rest = MOST_BYTES + 1, content
    try:
        while rest.startswith(GZIP) and room > 0:
            unpacker = zlib.decompressobj(wbits=31)
            for start in range(0, len(rest), HEAD):
                piece = unpacker.decompress(rest[start : start + HEAD], room)
                pieces.append(piece)
                room -= len(piece)
                if room <= 0 or unpacker.eof:
                    break
            if not unpacker.eof:
                return b"".join(pieces), frozenset({Flag.TRUNCATED})
            rest = unpacker.unused_data + rest[start + HEAD :]
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


def _unknown(why: str) -> FileRead:
    return FileRead(None, kind="unknown", problem=why)


def _what(content: bytes, name: str) -> str:
    if content.startswith(b"PK\x03\x04"):
        return "It is a zip archive, not an activity file."
    ending = PurePath(name).suffix.lower()
    return "It is neither FIT, GPX nor TCX" + (
        f", whatever {ending} says." if ending in (".fit", ".gpx", ".tcx") else "."
    )
