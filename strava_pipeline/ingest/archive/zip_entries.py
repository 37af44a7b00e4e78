"""A zip's members as entries: what its directory lists, or what its local headers tell where the directory is gone.

Which archive it is and what the members mean is decided elsewhere. Python's own zipfile does the unpacking; what is not
ours to trust (sizes, names, links) is judged here before anything is read.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from typing import BinaryIO

from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.archive.entry import (
    PIECE,
    Entry,
    Fault,
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
from strava_pipeline.ingest.archive.measured import measured
from strava_pipeline.ingest.archive.meter import Meter
from strava_pipeline.ingest.archive.salvage import ENCRYPTED, Local, salvage, salvaged_bytes, salvaged_pieces

_KNOWN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_UTF8 = 0x800  # flag bit of a member
_UNICODE_NAME = 0x7075  # of an extra field
_RATIO = 200  # TCX, the most repetitive of real files, packs to about a fortieth
_RATIO_FROM = 2**20  # bytes; smaller ones harm nobody


@dataclass(frozen=True, slots=True)
class ZipEntries:
    """What a zip holds. `salvaged`: its directory could not be read."""

    entries: list[Entry]
    faults: list[Fault]
    salvaged: bool
    oversized: list[Oversized]


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    packed: int
    at: int
    method: int
    encrypted: bool
    link: bool
    load: partial[bytes]
    pieces: partial[Iterator[bytes]]


def zip_entries(file: BinaryIO, meter: Meter) -> ZipEntries:
    """The members of the zip that `file` is, by name. The file must stay open as long as they are read.

    SourceError where its directory is gone and looking for its members unpacks more than `meter` lets pass.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
        found, faults = salvage(file, meter.again())
        members: Iterable[_Member] = [_of_local(file, each, meter.limits) for each in found]
        return _judged(members, meter, faults, salvaged=True)
    members = [_of_directory(archive, info) for info in archive.infolist() if not info.is_dir()]
    return _judged(members, meter, [], salvaged=False)


def _judged(members: Iterable[_Member], meter: Meter, faults: list[Fault], *, salvaged: bool) -> ZipEntries:
    entries: list[Entry] = []
    oversized: list[Oversized] = []
    names: set[str] = set()
    places: set[int] = set()
    for member in members:
        name = member.name
        if is_junk(name) or name.endswith("/"):
            continue
        refused = _refusal(member)
        if refused is None and member.at in places:
            refused = fault(name, Problem.BOMB, "it lies in the place of another file; not read")
        if refused is None and member.size > meter.limits.file_bytes:
            oversized.append(Oversized(name, member.size, meter.metered_pieces(member.pieces)))
            refused = too_large(name, member.size, meter.limits)
        if refused is not None:
            faults.append(refused)
            continue
        places.add(member.at)
        if is_unsafe(name):
            faults.append(fault(name, Problem.UNSAFE_NAME, "a name that leads elsewhere; read, and written nowhere"))
        if name in names:
            faults.append(fault(name, Problem.DUPLICATE, "a second file of this name; both are read"))
        names.add(name)
        entries.append(Entry(name, member.size, meter.metered(member.load)))
    return ZipEntries(
        entries=sorted(entries, key=lambda entry: entry.name),
        faults=sorted(faults, key=lambda each: each.name),
        salvaged=salvaged,
        oversized=sorted(oversized, key=lambda each: each.name),
    )


def _refusal(member: _Member) -> Fault | None:
    """Why a member is not to be read, if it isn't."""
    name = member.name
    if member.link:
        return fault(name, Problem.SYMLINK, "a link; links are not followed")
    if member.encrypted:
        return fault(name, Problem.ENCRYPTED, "encrypted; unpack it with its password and name the folder")
    if is_nested(name):
        return nested(name)
    if member.method not in _KNOWN:
        return fault(name, Problem.UNSUPPORTED, f"compression method {member.method}; unpack it and name the folder")
    if member.size > _RATIO_FROM and member.size > _RATIO * member.packed:
        return fault(name, Problem.BOMB, f"{member.packed:,} bytes that unpack to {member.size:,}; not read")
    return None


def _of_directory(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    told = info.orig_filename  # since Python 3.12 `filename` is the one beside it
    raw = told if info.flag_bits & _UTF8 else told.encode("cp437", "replace")
    name = _named(_in_unicode(info.extra, raw) or raw)
    return _Member(
        name=name,
        size=info.file_size,
        packed=info.compress_size,
        at=info.header_offset,
        method=info.compress_type,
        encrypted=bool(info.flag_bits & ENCRYPTED),
        link=stat.S_ISLNK(info.external_attr >> 16),
        load=partial(_load, archive, info, name),
        pieces=partial(_pieces, archive, info, name),
    )


def _of_local(file: BinaryIO, local: Local, limits: ImportLimits) -> _Member:
    name = _named(local.name)
    return _Member(
        name=name,
        size=local.size,
        packed=local.packed,
        at=local.at,
        method=local.method,
        encrypted=bool(local.flags & ENCRYPTED),
        link=False,  # only the directory tells; a link's bytes are the path it points to, which nobody takes for an activity
        load=partial(salvaged_bytes, file, local, name, limits),
        pieces=partial(salvaged_pieces, file, local, name),
    )


def _in_unicode(extra: bytes, raw: bytes | str) -> bytes | None:
    """The name that some archivers write beside the one in an old code page, if it is this name's."""
    while len(extra) >= 4 and isinstance(raw, bytes):
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _UNICODE_NAME and length > 5 and struct.unpack_from("<L", extra, 5)[0] == zlib.crc32(raw):
            return extra[9 : 4 + length]
        extra = extra[4 + length :]
    return None


def _named(raw: bytes | str) -> str:
    """A member's name as text, with forward slashes."""
    name = (raw if isinstance(raw, str) else decoded(raw)).partition("\0")[0]
    return name.replace("\\", "/").removeprefix("./")


def _load(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    return b"".join(_pieces(archive, info, name))


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """What a member holds, never more than the size that its directory tells, which was judged."""
    with _told(name):
        if info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            yield from measured(archive, info)
        else:
            with archive.open(_alone(info)) as member:
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
