"""Bytes in, readings out: unpacked, recognised by their content, decoded, and given the athlete's clock.

Never raises, whatever a file contains, and no problem mentions a position. A place's zone comes from shapes in tzfpy
(no server is asked). Where files lie, and their further use, is decided elsewhere.
"""

import hashlib
import re
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePath

import polars as pl
import tzfpy

from strava_pipeline.core.files.recording import (
    Clock,
    ClockBy,
    DecodedFile,
    Flag,
    Format,
    Reading,
    Recording,
    reading_of,
)
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sports import VIRTUAL, sport_type
from strava_pipeline.core.start_times import offset_in
from strava_pipeline.ingest.files.fit import read_fit
from strava_pipeline.ingest.files.gpx import read_gpx
from strava_pipeline.ingest.files.kml import kml_of_kmz, read_kml
from strava_pipeline.ingest.files.points import problem
from strava_pipeline.ingest.files.tcx import read_tcx

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
MOST_MEMBERS = 10_000  # of one gzip file; programs write one, some a few
HEAD = 65_536  # bytes in which the first element of a document stands, after whatever comments
FIT_SIGNATURE = slice(8, 12)
READ = (".fit", ".gpx", ".tcx", ".kml", ".kmz")
KNOWN_UNREAD = {
    ".pwx": "PWX, of TrainingPeaks, is not read. Export the activity as FIT there (the original file), or as TCX.",
    ".sml": "SML, of Suunto, is not read. Export the activity as FIT from the Suunto app, or as GPX.",
    ".hrm": "HRM, of Polar, is not read. Export the session as TCX or GPX from Polar Flow.",
}
"""Known formats that are not read, and what to export instead."""
FAULT = "This program failed to read it ({kind}). Its bytes are kept; please report this."
_PAGE = re.compile(rb"<(!doctype html|html|head)[\s>]", re.IGNORECASE)
READERS = {Format.FIT: read_fit, Format.GPX: read_gpx, Format.TCX: read_tcx, Format.KML: read_kml}


def read_whole(
    body: bytes, name: str, received_at: datetime, limits: ImportLimits = ImportLimits()
) -> tuple[Reading, list[pl.DataFrame]]:
    """A file's reading, and the points of each of its recordings. Never raises, whatever the file contains."""
    unpacked, flags = unpack(body, limits)
    content = hashlib.sha256(unpacked).hexdigest()
    try:
        read = read_unpacked(unpacked, flags, name, received_at, limits)
        clocks = [clock_of(recording) for recording in read.recordings]
        return reading_of(read, content, clocks), [recording.track for recording in read.recordings]
    except Exception as error:  # noqa: BLE001 - a fault of ours in one file must not keep the others out
        return reading_of(_unknown(FAULT.format(kind=type(error).__name__)), content, []), []


def read_file(content: bytes, name: str, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """The contents of a file. `name` only helps to describe an unknown file; `received_at` shows which clocks run ahead."""
    return read_unpacked(*unpack(content, limits), name, received_at, limits)


def read_unpacked(
    unpacked: bytes, flags: frozenset[Flag], name: str, received_at: datetime, limits: ImportLimits = ImportLimits()
) -> DecodedFile:
    """The contents of a file that `unpack` unpacked."""
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
    return replace(
        read, recordings=recordings, problem=read.problem or problem(flags, limits, is_kept=bool(recordings))
    )


def unpack(content: bytes, limits: ImportLimits = ImportLimits()) -> tuple[bytes, frozenset[Flag]]:
    """The unpacked contents of a file, packed with gzip, as a KMZ or not, as far as possible, and the faults."""
    unpacked, flags = _unpacked(content, limits.file_bytes) if content.startswith(GZIP) else (content, frozenset())
    return (kml_of_kmz(unpacked, limits) or unpacked) if unpacked.startswith(ZIP) else unpacked, flags


def _unpacked(content: bytes, most: int) -> tuple[bytes, frozenset[Flag]]:
    """The unpacked contents of gzip, in one or several members, up to one byte more than is read."""
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
    if re.search(rb"<(\w+:)?gpx[\s/>]", head):
        return Format.GPX
    if re.search(rb"<(\w+:)?(TrainingCenterDatabase|Activities|Courses)[\s/>]", head):  # the first may be lost
        return Format.TCX
    if re.search(rb"<(\w+:)?kml[\s/>]", head):
        return Format.KML
    return None


def _unknown(why: str) -> DecodedFile:
    return DecodedFile(None, kind="unknown", problem=why)


def _what(content: bytes, name: str) -> str:
    if content.startswith(ZIP):
        return "It is a zip archive, not an activity file."
    ending = PurePath(name.lower().removesuffix(".gz")).suffix
    if ending in KNOWN_UNREAD:
        return KNOWN_UNREAD[ending]
    if _PAGE.search(content[:HEAD]):
        return "It is a web page, and no activity file. Where a site asks for a login, log in there and download the file again."
    return "It is neither FIT, GPX, TCX nor KML" + (f", whatever {ending} says." if ending in READ else ".")


@dataclass(frozen=True, slots=True)
class Zone:
    """`name`: IANA's; at sea Etc/GMT±n. `utc_offset_s`: local minus UTC when the recording began, None without a date."""

    name: str
    utc_offset_s: float | None


def clock_of(recording: Recording) -> Clock:
    """The athlete's clock at the start: that of the place, as at Strava, whatever the device says; otherwise the device's.

    A ride in a virtual world has no place. Without a place, an offset of 0 is ignored: devices write it if they know
    none.
    """
    is_virtual = (sport_type(recording.sport, recording.sub_sport) or "").startswith(VIRTUAL)
    zone = None if is_virtual else zone_of(recording)
    if zone is not None and zone.utc_offset_s is not None:
        return Clock(zone.name, zone.utc_offset_s, ClockBy.PLACE)
    offset = recording.utc_offset_s or None
    return Clock(None, offset, ClockBy.FILE if offset else None)


def zone_of(recording: Recording) -> Zone | None:
    """The zone in which a recording began, or None without a position."""
    placed = recording.track.select("latitude", "longitude").drop_nulls().head(1)
    if placed.is_empty():
        return None
    latitude, longitude = placed.row(0)
    return zone_at(latitude, longitude, recording.started_at)


def zone_at(latitude: float, longitude: float, at: datetime | None) -> Zone | None:
    """The zone of a position, or None if this machine doesn't have it."""
    name = tzfpy.get_tz(longitude, latitude)
    offset = offset_in(name, at or datetime(2000, 1, 1, tzinfo=UTC))
    return None if offset is None else Zone(name, offset if at is not None else None)
