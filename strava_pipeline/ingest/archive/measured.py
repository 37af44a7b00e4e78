"""Members of a zip by bzip2 or LZMA, unpacked in pieces: Python's zipfile unpacks at once whatever 4 KB of them hold.

The format: APPNOTE.TXT of PKWARE, 4.4.5 (methods 12 and 14) and 5.8 (LZMA's own header).
"""

import bz2
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from strava_pipeline.ingest.archive.entry import PIECE

_DICTIONARY = 1 << 27  # bytes that LZMA may keep in memory; 7-Zip's greatest setting asks for half of it


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
