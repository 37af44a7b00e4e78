"""Where the parts of a FIT file lie: several may be chained, and a broken one must not hide the next.

No messages are decoded here. A part is a header (12 or 14 bytes, the length of the data at 4, ".FIT" at 8), the data, and a
CRC-16 over both.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from strava_pipeline.core.files.recording import Flag

SIGNATURE = b".FIT"
SHORTEST_HEADER = 12
CHECKSUM = 2  # bytes
MOST_PARTS = 1000  # of one file; a watch chains some tens


@dataclass(frozen=True, slots=True)
class Part:
    """`content` begins with the header; `flags` say what is odd about its frame."""

    content: bytes
    flags: frozenset[Flag] = frozenset()


def parts(content: bytes) -> Iterator[Part]:
    """The parts in order. What lies between two headers and belongs to neither flags the part before it as damaged."""
    start = _next_header(content, 0)
    for _ in range(MOST_PARTS):
        if start is None:
            return
        header, data = content[start], int.from_bytes(content[start + 4 : start + 8], "little")
        end = start + header + data + CHECKSUM
        following = _next_header(content, start + header)
        unfinished = data == 0 and start + header + CHECKSUM < len(content) and following != end
        if unfinished:  # the device died before it wrote the length
            end = len(content) if following is None else following
            yield Part(with_length(content[start:end], end - start - header), frozenset({Flag.TRUNCATED}))
        elif end > len(content):
            yield Part(content[start:following], frozenset({Flag.TRUNCATED}))
            end = len(content) if following is None else following
        else:
            yield Part(content[start:end], _checked(content, start, end))
        start = _next_header(content, end)


def _next_header(content: bytes, start: int) -> int | None:
    """Where the next header begins at or after `start`; its length must be one that there is."""
    found = content.find(SIGNATURE, start + 8)
    while found != -1:
        if SHORTEST_HEADER <= content[found - 8] <= SHORTEST_HEADER + CHECKSUM:
            return found - 8
        found = content.find(SIGNATURE, found + 1)
    return None


def _checked(content: bytes, start: int, end: int) -> frozenset[Flag]:
    flags = set()
    if checksum(content[start:end]):  # over data and its own checksum it is 0
        flags.add(Flag.BAD_CHECKSUM)
    if _next_header(content, end) != end and content[end:].strip(b"\0"):  # zeros are padding
        flags.add(Flag.DAMAGED)
    return frozenset(flags)


def with_length(part: bytes, length: int) -> bytes:
    """`part` saying that its data has `length` bytes."""
    return part[:4] + length.to_bytes(4, "little") + part[8:]


def checksum(content: bytes) -> int:
    """CRC-16/ARC, as FIT has it."""
    value = 0
    for byte in content:
        value = (value >> 8) ^ TABLE[(value ^ byte) & 0xFF]
    return value


def _table_row(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


TABLE = tuple(_table_row(value) for value in range(256))
