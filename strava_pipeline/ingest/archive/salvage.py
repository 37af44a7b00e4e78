"""Finds the members of a zip by their own headers, where its directory is cut off or can't be read.

Whole members are found; a member in which the archive breaks off is a fault. Python's zipfile unpacks them like any others.
Memory is flat: the archive is searched in pieces.
"""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

from strava_pipeline.ingest.archive.entry import PIECE, Fault, Meter, Problem, fault, too_large_fault

_LOCAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
_HEADER = struct.Struct("<4s5H3L2H")  # signature, version, flags, method, time, date, crc, sizes, lengths
ENCRYPTED = 0x1  # flag bits of a member
UTF8 = 0x800
_SIZES_FOLLOW = 0x8
_ZIP64, _IN_EXTRA = 0x0001, 0xFFFFFFFF
STEP = 2**16  # bytes that are searched at once; the largest exports have some ten thousand members


class Salvaged(zipfile.ZipInfo):
    """A member by its own header. Its packed bytes begin at `data_at`; `CRC` is None where no checksum follows them."""

    data_at: int

    @property
    def data_end(self) -> int:
        return self.data_at + self.compress_size


def salvage(file: BinaryIO, meter: Meter) -> tuple[list[Salvaged], list[Fault]]:
    """Every whole member, in the order of the file, and faults for those that broke off or couldn't be followed.

    Raises SourceError where finding the ends of members unpacks more than `meter` allows.
    """
    length = file.seek(0, 2)
    found: list[Salvaged] = []
    faults: list[Fault] = []
    position = _find(file, _LOCAL, 0)
    while position is not None:
        after = position + len(_LOCAL)
        if member := _header(file, position):
            problem = _measure(file, member, meter) if member.flag_bits & _SIZES_FOLLOW else None
            if problem is None and member.data_end > length:
                problem = _broken(member)
            if problem is None:
                found.append(member)
                after = member.data_end
            else:
                faults.append(problem)
                after = member.data_at  # its size may be what is wrong
        position = _find(file, _LOCAL, after)
        if position is None and member is None:
            faults.append(fault("the archive's end", Problem.CUT_OFF, "the archive breaks off in the name of a file"))
    return found, faults


def opened(file: BinaryIO, member: Salvaged, info: zipfile.ZipInfo) -> IO[bytes]:
    """The bytes of `member`, read as `info` says."""
    window: Any = _Window(file, member.data_at)  # zipfile asks for `read` alone
    return cast("IO[bytes]", zipfile.ZipExtFile(window, "r", info))


@dataclass(slots=True)
class _Window:
    """A file, read from a position of its own, while others read it too."""

    file: BinaryIO
    position: int

    def read(self, size: int) -> bytes:
        self.file.seek(self.position)
        piece = self.file.read(size)
        self.position += len(piece)
        return piece


def _header(file: BinaryIO, position: int) -> Salvaged | None:
    file.seek(position)
    raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size:
        return None
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _HEADER.unpack(raw)
    name = file.read(name_length)
    if len(name) < name_length or not name:
        return None
    member = Salvaged(name.decode("cp437"))  # gives the bytes back, whatever they are
    member.extra = file.read(extra_length)
    if packed == _IN_EXTRA or size == _IN_EXTRA:
        size, packed = _zip64(member.extra, size, packed)
    member.flag_bits, member.compress_type, member.CRC = flags & ~UTF8, method, crc
    member.header_offset, member.data_at = position, position + _HEADER.size + name_length + extra_length
    member.compress_size, member.file_size = packed, size
    return member


def _zip64(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _ZIP64 and length >= 16 and len(extra) >= 20:
            size, packed = struct.unpack_from("<2Q", extra, 4)
            break
        extra = extra[4 + length :]
    return size, packed


def _measure(file: BinaryIO, member: Salvaged, meter: Meter) -> Fault | None:
    """Set the sizes and the checksum of a member whose data precede them: its end is found by unpacking it."""
    if member.compress_type == zipfile.ZIP_STORED or member.flag_bits & ENCRYPTED:  # neither shows its own end
        end = _find(file, _DESCRIPTOR, member.data_at)
        if end is None:
            return _broken(member)
        member.file_size = end - member.data_at
    elif member.compress_type == zipfile.ZIP_DEFLATED:
        packed, unpacker = _Window(file, member.data_at), zlib.decompressobj(-zlib.MAX_WBITS)
        member.file_size = 0
        while not unpacker.eof:
            raw = unpacker.unconsumed_tail or packed.read(STEP)
            try:
                piece = unpacker.decompress(raw, PIECE)
            except zlib.error:
                return fault(_shown(member), Problem.DAMAGED, "damaged in the archive")
            if not raw and not piece:
                return _broken(member)
            meter.add(len(piece))
            member.file_size += len(piece)
            if member.file_size > meter.limits.file_bytes:
                return too_large_fault(_shown(member), member.file_size, meter.limits)
        end = packed.position - len(unpacker.unused_data)
    else:
        problem = f"compression method {member.compress_type} in a damaged archive"
        return fault(_shown(member), Problem.UNSUPPORTED, problem)
    member.compress_size = end - member.data_at
    descriptor = _Window(file, end).read(8)  # its signature is optional, and without it nothing is certain
    signed = len(descriptor) == 8 and descriptor.startswith(_DESCRIPTOR)
    member.CRC = struct.unpack_from("<L", descriptor, 4)[0] if signed else None  # type: ignore[assignment]  # as zipfile wants it
    return None


def _find(file: BinaryIO, signature: bytes, start: int) -> int | None:
    window, seen = _Window(file, start), b""
    while piece := window.read(STEP):
        seen = seen[1 - len(signature) :] + piece
        at = seen.find(signature)
        if at >= 0:
            return window.position - len(seen) + at
    return None


def _broken(member: Salvaged) -> Fault:
    return fault(_shown(member), Problem.CUT_OFF, "the archive breaks off in the middle of it; get a whole copy")


def _shown(member: Salvaged) -> str:
    return member.orig_filename.encode("cp437").decode("utf-8", "replace")
