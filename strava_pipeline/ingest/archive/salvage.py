"""Finds the members of a zip by their own headers, where its directory is cut off or can't be read.

Only what is whole is found; where the archive breaks off in a member, that is told. Memory is flat: the archive is
looked through in pieces.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.archive.entry import (
    PIECE,
    Fault,
    Problem,
    UnreadableEntryError,
    fault,
    too_large,
)
from strava_pipeline.ingest.archive.meter import Meter

_LOCAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
_HEADER = struct.Struct(
    "<4s5H3L2H"
)  # signature, version, flags, method, time, date, crc, sizes, lengths of name and extra
ENCRYPTED = 0x1  # flag bits of a member
_SIZES_FOLLOW = 0x8
_ZIP64, _IN_EXTRA = 0x0001, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8


@dataclass(frozen=True, slots=True)
class Local:
    """A member by its own header: `at` is where its packed bytes begin. `crc` is None where none is told."""

    name: bytes
    flags: int
    method: int
    crc: int | None
    at: int
    packed: int
    size: int


def salvage(file: BinaryIO, meter: Meter) -> tuple[list[Local], list[Fault]]:
    """Every whole member, in the order of the file, and what broke off or couldn't be followed.

    SourceError where finding the ends of members unpacks more than `meter` lets pass.
    """
    length = file.seek(0, 2)
    found: list[Local] = []
    faults: list[Fault] = []
    position = _find(file, _LOCAL, 0)
    while position is not None:
        local = _header(file, position)
        after = position + len(_LOCAL)
        if local is not None:
            member = _measured(file, local, meter) if local.flags & _SIZES_FOLLOW else local
            if isinstance(member, Fault):
                faults.append(member)
                after = local.at
            elif member.at + member.packed > length:
                faults.append(_broken(member.name))
                after = local.at  # its size may be what is wrong
            else:
                found.append(member)
                after = member.at + member.packed
        position = _find(file, _LOCAL, after)
        if position is None and local is None:
            faults.append(fault("the archive's end", Problem.CUT_OFF, "the archive breaks off in the name of a file"))
    return found, faults


def salvaged_bytes(file: BinaryIO, local: Local, name: str, limits: ImportLimits) -> bytes:
    """The unpacked bytes of a member; raises UnreadableEntryError."""
    pieces: list[bytes] = []
    size = 0
    for piece in salvaged_pieces(file, local, name):
        pieces.append(piece)
        size += len(piece)
        if size > limits.file_bytes:
            raise UnreadableEntryError(too_large(name, size, limits))
    body = b"".join(pieces)
    if local.crc is not None and zlib.crc32(body) != local.crc:
        raise UnreadableEntryError(fault(name, Problem.DAMAGED, "its checksum is wrong"))
    return body


def salvaged_pieces(file: BinaryIO, local: Local, name: str) -> Iterator[bytes]:
    """The unpacked bytes of a member, a piece at a time; raises UnreadableEntryError, maybe after some of them."""
    if local.method not in (_STORED, _DEFLATED):
        raise UnreadableEntryError(_unsupported(name, local.method))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if local.method == _DEFLATED else None
    left = local.packed
    try:
        for packed in _pieces(file, local.at):
            rest, left = packed[:left], left - len(packed)
            if unpacker is not None:
                yield from _inflated(unpacker, rest)
            elif rest:
                yield rest
            if left <= 0:
                return
    except zlib.error as error:
        raise UnreadableEntryError(fault(name, Problem.DAMAGED, "damaged in the archive")) from error


def _header(file: BinaryIO, position: int) -> Local | None:
    file.seek(position)
    raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size:
        return None
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _HEADER.unpack(raw)
    name = file.read(name_length)
    extra = file.read(extra_length)
    if len(name) < name_length or not name:
        return None
    if packed == _IN_EXTRA or size == _IN_EXTRA:
        size, packed = _zip64(extra, size, packed)
    return Local(name, flags, method, crc, position + _HEADER.size + name_length + extra_length, packed, size)


def _zip64(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _ZIP64 and length >= 16 and len(extra) >= 20:
            size, packed = struct.unpack_from("<2Q", extra, 4)
            break
        extra = extra[4 + length :]
    return size, packed


def _measured(file: BinaryIO, local: Local, meter: Meter) -> Local | Fault:
    """A member whose sizes stand behind it, with sizes: its end is found by unpacking it."""
    if local.method == _STORED or local.flags & ENCRYPTED:  # neither tells its own end
        end = _find(file, _DESCRIPTOR, local.at)
        if end is None:
            return _broken(local.name)
        return replace(local, packed=end - local.at, size=end - local.at, crc=_crc_at(file, end))
    if local.method != _DEFLATED:
        return _unsupported(_shown(local.name), local.method)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = size = 0
    try:
        for piece in _pieces(file, local.at):
            for unpacked in _inflated(unpacker, piece):
                meter.add(len(unpacked))
                size += len(unpacked)
                if size > meter.limits.file_bytes:
                    return too_large(_shown(local.name), size, meter.limits)
            packed += len(piece) - len(unpacker.unused_data)
            if unpacker.eof:
                end = local.at + packed
                return replace(local, packed=packed, size=size, crc=_crc_at(file, end))
    except zlib.error:
        return fault(_shown(local.name), Problem.DAMAGED, "damaged in the archive")
    return _broken(local.name)


def _inflated(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """What some packed bytes come to, at most PIECE at once. All of them may be taken while some output is still due."""
    while not unpacker.eof:
        piece = unpacker.decompress(packed, PIECE)
        packed = unpacker.unconsumed_tail
        if piece:
            yield piece
        if not packed and len(piece) < PIECE:
            return


def _crc_at(file: BinaryIO, position: int) -> int | None:
    """The checksum that a data descriptor tells; its signature is optional, and without it nothing is certain."""
    file.seek(position)
    raw = file.read(8)
    return struct.unpack_from("<L", raw, 4)[0] if len(raw) == 8 and raw.startswith(_DESCRIPTOR) else None


def _find(file: BinaryIO, signature: bytes, start: int) -> int | None:
    overlap = len(signature) - 1
    position, kept = start, b""
    for piece in _pieces(file, start):
        window = kept + piece
        at = window.find(signature)
        if at >= 0:
            return position - len(kept) + at
        position += len(piece)
        kept = window[-overlap:]
    return None


def _pieces(file: BinaryIO, start: int) -> Iterator[bytes]:
    position = start
    while True:
        file.seek(position)
        piece = file.read(PIECE)
        if not piece:
            return
        position += len(piece)
        yield piece


def _broken(name: bytes) -> Fault:
    return fault(_shown(name), Problem.CUT_OFF, "the archive breaks off in the middle of it; get a whole copy")


def _unsupported(name: str, method: int) -> Fault:
    return fault(name, Problem.UNSUPPORTED, f"compression method {method} in a damaged archive")


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")
