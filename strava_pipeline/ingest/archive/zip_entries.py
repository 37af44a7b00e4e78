"""A zip's members as entries, as its directory lists them.

Python's zipfile unpacks; sizes, names and links, which can't be trusted, are judged before anything is read. bzip2 and
LZMA are unpacked here in pieces, since zipfile unpacks each 4 KB at once, whatever they expand to (APPNOTE.TXT of
PKWARE, 4.4.5 and 5.8).
"""

import bz2
import lzma
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from lzma import LZMAError
from typing import IO, BinaryIO, cast

from strava_pipeline.ingest.archive.entry import (
    PIECE,
    Entry,
    Fault,
    Meter,
    Oversized,
    Problem,
    UnreadableEntryError,
    decode_name,
    fault,
    is_junk,
    is_nested,
    is_unsafe,
    nested_fault,
    too_large_fault,
)
from strava_pipeline.ingest.archive.uploads import holds_uploads, without_address

_KNOWN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
ENCRYPTED, UTF8 = 0x1, 0x800  # flag bits of a member
_UNICODE_NAME = 0x7075  # of an extra field
_RATIO = 200  # TCX, the most repetitive of real files, packs to about a fortieth
_RATIO_FROM = 2**20  # bytes; smaller files do no harm
_DICTIONARY = 1 << 27  # bytes that LZMA may keep in memory; 7-Zip's greatest setting asks for half of it


@dataclass(frozen=True, slots=True)
class ZipEntries:
    """The contents of a zip, or of a folder with zips in it."""

    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    oversized: list[Oversized] = field(default_factory=list)
    unpacked: list[IO[bytes]] = field(default_factory=list)  # nested archives; must stay open, too

    def add(self, other: "ZipEntries") -> None:
        """Add the contents of a nested archive."""
        self.entries.extend(other.entries)
        self.faults.extend(other.faults)
        self.oversized.extend(other.oversized)
        self.unpacked.extend(other.unpacked)

    def sort(self) -> "ZipEntries":
        """The same, by name."""
        for found in (self.entries, self.faults, self.oversized):
            found.sort(key=lambda each: each.name)
        return self


def zip_entries(file: BinaryIO, meter: Meter, within: str = "") -> ZipEntries:
    """The members of the zip `file`, by name. The file must stay open while they are read.

    `within`: the name of this file if it is a nested archive, with a slash. Archives in it are not opened. Raises
    UnreadableEntryError if the directory, which stands at a zip's end, can't be read.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        again = "unpack it and name the folder" if isinstance(error, UnicodeDecodeError) else "download it again"
        told = f"cut off or damaged: its list of files can't be read; {again}"
        raise UnreadableEntryError(fault(within.removesuffix("/"), Problem.CUT_OFF, told)) from error
    found = ZipEntries()
    faults, names, places = found.faults, set[str](), set[int]()
    for member in archive.infolist():
        name, size = _name(member), member.file_size
        name = f"{within}{without_address(name)}" if within else name
        if is_junk(name) or name.endswith("/"):
            continue
        pieces = partial(_pieces, archive.open, member, name)
        refused = _refusal(name, member, may_hold=not within)
        if refused is None and member.header_offset in places:
            refused = fault(name, Problem.BOMB, "it lies where another file lies; not read")
        if refused is None and size > meter.limits.file_bytes and not is_nested(name):
            found.oversized.append(Oversized(name, size, meter.metered_pieces(pieces)))
            refused = too_large_fault(name, size, meter.limits)
        if refused is None and holds_uploads(name):  # in an archive within the archive it was refused
            places.add(member.header_offset)
            found.add(archive_within(name, meter.metered_pieces(pieces), meter))
            continue
        if refused is not None:
            faults.append(refused)
            continue
        places.add(member.header_offset)
        if is_unsafe(name):
            faults.append(
                fault(name, Problem.UNSAFE_NAME, "a name that leads out of the folder; read, and written nowhere")
            )
        if name in names:
            faults.append(fault(name, Problem.DUPLICATE, "a second file of this name; both are read"))
        names.add(name)
        found.entries.append(Entry(name, size, meter.metered(partial(_joined, pieces))))
    return found.sort()


def archive_within(name: str, open_pieces: Callable[[], Iterator[bytes]], meter: Meter) -> ZipEntries:
    """The members of an archive within another one or a folder; it lies in a file without a name while they are read."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 – closed with the container
    try:
        for piece in open_pieces():
            file.write(piece)
        found = zip_entries(cast("BinaryIO", file), meter, f"{name}/")
    except UnreadableEntryError as error:
        file.close()
        return ZipEntries(faults=[error.fault])
    except BaseException:
        file.close()
        raise
    found.unpacked.append(file)
    if not found.entries and not found.faults:
        found.faults.append(fault(name, Problem.DAMAGED, "nothing in it can be read; request the export again"))
    return found


def _refusal(name: str, member: zipfile.ZipInfo, *, may_hold: bool) -> Fault | None:
    """Why a member is not read, or None if it is."""
    size, packed, method = member.file_size, member.compress_size, member.compress_type
    # only the directory says so; the bytes of a link are the path to its target
    if stat.S_ISLNK(member.external_attr >> 16):
        return fault(name, Problem.SYMLINK, "a link; links are not followed")
    if member.flag_bits & ENCRYPTED:
        return fault(name, Problem.ENCRYPTED, "encrypted; unpack it with its password and name the folder")
    if is_nested(name) and not (may_hold and holds_uploads(name)):
        return nested_fault(name)
    if method not in _KNOWN:
        return fault(name, Problem.UNSUPPORTED, f"compression method {method}; unpack it and name the folder")
    if size > _RATIO_FROM and size > _RATIO * packed:
        return fault(name, Problem.BOMB, f"{packed:,} bytes that unpack to {size:,}; not read")
    return None


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name as text, with forward slashes."""
    stored = member.orig_filename  # since Python 3.12 `filename` is that additional name
    if not member.flag_bits & UTF8:
        raw = stored.encode("cp437", "replace")
        stored = decode_name(_in_unicode(member.extra, raw) or raw)
    return stored.partition("\0")[0].replace("\\", "/").removeprefix("./")


def _in_unicode(extra: bytes, raw: bytes) -> bytes | None:
    """The Unicode name that some archivers add to one in an old code page, if it belongs to this name."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _UNICODE_NAME and length > 5 and struct.unpack_from("<L", extra, 5)[0] == zlib.crc32(raw):
            return extra[9 : 4 + length]
        extra = extra[4 + length :]
    return None


def _joined(open_pieces: Callable[[], Iterator[bytes]]) -> bytes:
    return b"".join(open_pieces())


def _pieces(open_as: Callable[[zipfile.ZipInfo], IO[bytes]], info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """The contents of a member, never more than the size in its header, which was judged."""
    with _zip_errors_as_faults(name):
        if info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            yield from _unpacked_in_pieces(open_as, info)
        else:
            with open_as(_as_only_member(info)) as member:
                while piece := member.read(PIECE):
                    yield piece


def _as_only_member(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """A member as if it were the only one.

    Since Python 3.11.8 zipfile refuses a complete member if another one claims to begin within its bytes. Here only the
    other member is unreadable, and how much an archive may unpack to was judged before.
    """
    only = zipfile.ZipInfo(info.orig_filename)
    for attribute in ("header_offset", "flag_bits", "compress_type", "compress_size", "file_size", "CRC"):
        setattr(only, attribute, getattr(info, attribute))
    return only


@contextmanager
def _zip_errors_as_faults(name: str) -> Iterator[None]:
    """Turn zipfile's errors for the member `name` in the body into UnreadableEntryError."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError, ValueError) as error:
        damaged = fault(name, Problem.DAMAGED, f"damaged in the archive ({type(error).__name__})")
        raise UnreadableEntryError(damaged) from error
    except NotImplementedError as error:
        raise UnreadableEntryError(fault(name, Problem.UNSUPPORTED, "packed in a way that can't be read")) from error
    except RuntimeError as error:  # what zipfile raises for a member whose own header says it is encrypted
        raise UnreadableEntryError(fault(name, Problem.ENCRYPTED, "encrypted")) from error


def _unpacked_in_pieces(open_as: Callable[[zipfile.ZipInfo], IO[bytes]], info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The pieces of a member by bzip2 or LZMA, which `open_as` opens.

    Raises BadZipFile if it contains more than its size, or its checksum is wrong.
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
        raise zipfile.BadZipFile("its checksum is wrong")


def _as_stored(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The member as a stored one, whose bytes are read as they are, and as if it were the only one."""
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
