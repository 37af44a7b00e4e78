"""A zip's members as entries: what its directory lists, or what its local headers say where the directory is gone.

Python's zipfile unpacks; sizes, names and links, which can't be trusted, are judged before anything is read. bzip2 and LZMA are
unpacked here in pieces, since zipfile unpacks at once whatever 4 KB of them hold (APPNOTE.TXT of PKWARE, 4.4.5 and 5.8).
"""

import bz2
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from typing import IO, BinaryIO

from strava_pipeline.ingest.archive.entry import (
    PIECE,
    Entry,
    Fault,
    Meter,
    Oversized,
    Problem,
    UnreadableEntryError,
    decoded,
    fault,
    is_junk,
    is_nested,
    is_unsafe,
    nested,
    too_large,
)
from strava_pipeline.ingest.archive.salvage import ENCRYPTED, UTF8, opened, salvage

_KNOWN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_UNICODE_NAME = 0x7075  # of an extra field
_RATIO = 200  # TCX, the most repetitive of real files, packs to about a fortieth
_RATIO_FROM = 2**20  # bytes; smaller ones harm nobody
Opener = Callable[[zipfile.ZipInfo, zipfile.ZipInfo], IO[bytes]]  # of a member, and how it is to be read
_DICTIONARY = 1 << 27  # bytes that LZMA may keep in memory; 7-Zip's greatest setting asks for half of it


@dataclass(frozen=True, slots=True)
class ZipEntries:
    """What a zip holds. `salvaged`: its directory could not be read."""

    entries: list[Entry]
    faults: list[Fault]
    salvaged: bool
    oversized: list[Oversized]


def zip_entries(file: BinaryIO, meter: Meter) -> ZipEntries:
    """The members of the zip that `file` is, by name. The file must stay open as long as they are read.

    SourceError where its directory is gone and looking for its members unpacks more than `meter` lets pass.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
        found, faults = salvage(file, meter.again())
        return _judged(found, partial(opened, file), meter, faults, salvaged=True)
    return _judged(archive.infolist(), lambda _, info: archive.open(info), meter, [], salvaged=False)


def _judged(
    members: Iterable[zipfile.ZipInfo], open_member: Opener, meter: Meter, faults: list[Fault], *, salvaged: bool
) -> ZipEntries:
    entries: list[Entry] = []
    oversized: list[Oversized] = []
    names: set[str] = set()
    places: set[int] = set()
    for member in members:
        name, size = _name(member), member.file_size
        if is_junk(name) or name.endswith("/"):
            continue
        pieces = partial(_pieces, partial(open_member, member), member, name)
        refused = _refusal(name, member)
        if refused is None and member.header_offset in places:
            refused = fault(name, Problem.BOMB, "it lies in the place of another file; not read")
        if refused is None and size > meter.limits.file_bytes:
            oversized.append(Oversized(name, size, meter.metered_pieces(pieces)))
            refused = too_large(name, size, meter.limits)
        if refused is not None:
            faults.append(refused)
            continue
        places.add(member.header_offset)
        if is_unsafe(name):
            faults.append(fault(name, Problem.UNSAFE_NAME, "a name that leads elsewhere; read, and written nowhere"))
        if name in names:
            faults.append(fault(name, Problem.DUPLICATE, "a second file of this name; both are read"))
        names.add(name)
        entries.append(Entry(name, size, meter.metered(partial(_joined, pieces))))
    return ZipEntries(
        entries=sorted(entries, key=lambda entry: entry.name),
        faults=sorted(faults, key=lambda each: each.name),
        salvaged=salvaged,
        oversized=sorted(oversized, key=lambda each: each.name),
    )


def _refusal(name: str, member: zipfile.ZipInfo) -> Fault | None:
    """Why a member is not to be read, if it isn't."""
    size, packed, method = member.file_size, member.compress_size, member.compress_type
    if stat.S_ISLNK(member.external_attr >> 16):  # only the directory says so; a link's bytes are the path it points to
        return fault(name, Problem.SYMLINK, "a link; links are not followed")
    if member.flag_bits & ENCRYPTED:
        return fault(name, Problem.ENCRYPTED, "encrypted; unpack it with its password and name the folder")
    if is_nested(name):
        return nested(name)
    if method not in _KNOWN:
        return fault(name, Problem.UNSUPPORTED, f"compression method {method}; unpack it and name the folder")
    if size > _RATIO_FROM and size > _RATIO * packed:
        return fault(name, Problem.BOMB, f"{packed:,} bytes that unpack to {size:,}; not read")
    return None


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name as text, with forward slashes."""
    stored = member.orig_filename  # since Python 3.12 `filename` is the name beside it
    if not member.flag_bits & UTF8:
        raw = stored.encode("cp437", "replace")
        stored = decoded(_in_unicode(member.extra, raw) or raw)
    return stored.partition("\0")[0].replace("\\", "/").removeprefix("./")


def _in_unicode(extra: bytes, raw: bytes) -> bytes | None:
    """The name that some archivers write beside the one in an old code page, if it is this name's."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _UNICODE_NAME and length > 5 and struct.unpack_from("<L", extra, 5)[0] == zlib.crc32(raw):
            return extra[9 : 4 + length]
        extra = extra[4 + length :]
    return None


def _joined(open_pieces: Callable[[], Iterator[bytes]]) -> bytes:
    return b"".join(open_pieces())


def _pieces(open_as: Callable[[zipfile.ZipInfo], IO[bytes]], info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """What a member holds, never more than its size as its header tells it, which was judged."""
    with _told(name):
        if info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            yield from measured(open_as, info)
        else:
            with open_as(_alone(info)) as member:
                while piece := member.read(PIECE):
                    yield piece


def _alone(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """A member as if it were the only one.

    Since Python 3.11.8 zipfile refuses a whole member if another one claims to begin in its bytes. Here the other one
    is what can't be read, and how much an archive may unpack to was judged before.
    """
    alone = zipfile.ZipInfo(info.orig_filename)
    for told in ("header_offset", "flag_bits", "compress_type", "compress_size", "file_size", "CRC"):
        setattr(alone, told, getattr(info, told))
    return alone


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What zipfile raises for a member, as ours."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError, ValueError) as error:
        damaged = fault(name, Problem.DAMAGED, f"damaged in the archive ({type(error).__name__})")
        raise UnreadableEntryError(damaged) from error
    except NotImplementedError as error:
        raise UnreadableEntryError(fault(name, Problem.UNSUPPORTED, "packed in a way that can't be read")) from error
    except RuntimeError as error:  # what zipfile raises for a member whose own header says it is encrypted
        raise UnreadableEntryError(fault(name, Problem.ENCRYPTED, "encrypted")) from error


def measured(open_as: Callable[[zipfile.ZipInfo], IO[bytes]], info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The pieces of a member, which `open_as` opens.

    BadZipFile where it holds more than its size, or other bytes than its checksum is of.
    """
    left, checksum = info.file_size, 0
    with open_as(_as_stored(info)) as packed:
        unpacker = bz2.BZ2Decompressor() if info.compress_type == zipfile.ZIP_BZIP2 else _lzma(packed)
        while left and not unpacker.eof:
            raw = packed.read(PIECE) if unpacker.needs_input else b""
            if not raw and unpacker.needs_input:
                raise EOFError(f"{left} bytes are missing")
            piece = unpacker.decompress(raw, min(PIECE, left + 1))
            if len(piece) > left:
                raise zipfile.BadZipFile("it holds more than its size")
            left -= len(piece)
            checksum = zlib.crc32(piece, checksum)
            if piece:
                yield piece
    if left or checksum != info.CRC:
        raise zipfile.BadZipFile("it holds other bytes than it tells of")


def _as_stored(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The member as one whose bytes are taken as they lie there, and as if it were the only one."""
    stored = zipfile.ZipInfo(info.orig_filename)
    stored.header_offset, stored.flag_bits = info.header_offset, info.flag_bits
    stored.compress_type = zipfile.ZIP_STORED
    stored.compress_size = stored.file_size = info.compress_size
    return stored


def _lzma(packed: IO[bytes]) -> lzma.LZMADecompressor:
    _, length = struct.unpack("<2H", packed.read(4))
    first, dictionary = struct.unpack("<BL", packed.read(length)[:5])
    if dictionary > _DICTIONARY:
        raise NotImplementedError("its dictionary takes too much memory")
    rest, literal = divmod(first, 9)
    position, low = divmod(rest, 5)
    model = {"id": lzma.FILTER_LZMA1, "lc": literal, "lp": low, "pb": position, "dict_size": max(dictionary, 4096)}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[model])
