"""The bytes of a FIT file: its parts, and where messages become valid again after damaged bytes.

Several parts may be chained, and a broken one must not hide the next. A part is a header (12 or 14 bytes, the length of
the data at 4, ".FIT" at 8), the data, and a CRC-16 over both. A message has no mark at its beginning; its length
follows from a definition before it. Lost bytes therefore shift everything after them, so each place after the fault is
tried: it is right if a long run of messages is defined and their times continue those before. No values are decoded
here but times, as a proof.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fitdecode.records import FIT_FRAME_DEFINITION

from strava_pipeline.core.files.recording import Flag
from strava_pipeline.ingest.files.points import LEAP, Points

SIGNATURE = b".FIT"
SHORTEST_HEADER = 12
CHECKSUM = 2  # bytes
MOST_PARTS = 1000  # of one file; a watch chains some tens
RUN = 20  # messages that must follow each other; by chance two or three do
LATE = 8  # messages before the fault among which a definition may be wrong itself
FARTHEST = 65_536  # bytes that are searched; a record has some tens
TIMESTAMP = 253  # the number of this field in every message
DEFINITION, DEVELOPER, COMPRESSED, LOCAL = 0x40, 0x20, 0x80, 0x0F  # bits of a message's first byte


@dataclass(frozen=True, slots=True)
class Part:
    """`content` begins with the header; `flags` say what is wrong with its frame."""

    content: bytes
    flags: frozenset[Flag] = frozenset()


def split_parts(content: bytes) -> Iterator[Part]:
    """The parts in order. Bytes between two parts, belonging to neither, flag the first one as damaged."""
    start = _next_header(content, 0)
    for _ in range(MOST_PARTS):
        if start is None:
            return
        header, data = content[start], int.from_bytes(content[start + 4 : start + 8], "little")
        end = start + header + data + CHECKSUM
        following = _next_header(content, start + header)
        unfinished = data == 0 and start + header + CHECKSUM < len(content) and following != end
        if unfinished:  # the device died before it wrote the length, or never writes one
            end = len(content) if following is None else following
            is_whole = not checksum(content[start:end])
            length = end - start - header - CHECKSUM * is_whole
            yield Part(with_length(content[start:end], length), frozenset(() if is_whole else {Flag.TRUNCATED}))
        elif end > len(content):
            yield Part(content[start:following], frozenset({Flag.TRUNCATED}))
            end = len(content) if following is None else following
        else:
            yield Part(content[start:end], _checked(content, start, end))
        start = _next_header(content, end)


def _next_header(content: bytes, start: int) -> int | None:
    """The start of the next header with a valid length, at or after `start`, or None."""
    found = content.find(SIGNATURE, start + 8)
    while found != -1:
        if SHORTEST_HEADER <= content[found - 8] <= SHORTEST_HEADER + CHECKSUM:
            return found - 8
        found = content.find(SIGNATURE, found + 1)
    return None


def _checked(content: bytes, start: int, end: int) -> frozenset[Flag]:
    flags = set()
    if checksum(content[start:end]):  # over data followed by their checksum it is 0
        flags.add(Flag.BAD_CHECKSUM)
    if _next_header(content, end) != end and content[end:].strip(b"\0"):  # zeros are padding
        flags.add(Flag.DAMAGED)
    return frozenset(flags)


def with_length(part: bytes, length: int) -> bytes:
    """`part` with `length` as the length of its data."""
    return part[:4] + length.to_bytes(4, "little") + part[8:]


def checksum(content: bytes) -> int:
    """CRC-16/ARC, as in FIT."""
    value = 0
    for byte in content:
        value = (value >> 8) ^ TABLE[(value ^ byte) & 0xFF]
    return value


def _table_row(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


TABLE = tuple(_table_row(value) for value in range(256))


@dataclass(frozen=True, slots=True)
class _Layout:
    """`size`: including the first byte; `time_at`: the position of the time, or None; `order`: of bytes."""

    size: int
    time_at: int | None
    order: str


@dataclass(frozen=True, slots=True)
class _Step:
    """A message, where it began, its number, and how many points came before it."""

    frame: Any
    start: int
    number: int
    points: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Data read in one go: a part, or the rest of one after a fault. `trusted`: the messages repeated from before."""

    content: bytes
    trusted: int = 0


class Trail:
    """The messages of a stretch up to a fault: the context for continuing after it."""

    def __init__(self, stretch: Stretch) -> None:
        self._stretch = stretch
        self._definitions: list[_Step] = []  # definitions, without which later messages say nothing
        self._last = _Step(None, 0, 0, 0)
        self._end = self._repeated = 0

    def note(self, frame: Any, points: int, *, is_definition: bool) -> None:
        self._last = _Step(frame, self._end, self._last.number + 1, points)
        self._end += len(frame.chunk.bytes)
        if is_definition:
            self._definitions.append(self._last)
        if self._last.number <= self._stretch.trusted + 1:  # the header is one
            self._repeated = self._end

    def goes_on(self, time: float | None) -> bool:
        """Whether messages follow at once whose times continue from `time`: then no bytes were lost, and the clock was set."""
        return _makes_sense(self._data(), self._end, _layouts(self._definitions), time)

    def behind(self, points: Points) -> Stretch | None:
        """The valid data after the fault, if any; points that were misread before it are removed."""
        first_late = max(self._last.number - LATE, self._stretch.trusted + 1)
        late = [step for step in self._definitions if step.number > first_late]
        sure = [step for step in self._definitions if step.number <= first_late]
        attempts = [(late[0], sure)] if late else []  # perhaps misread, and what follows was taken for part of it
        for suspect, definitions in [*attempts, (self._last, self._definitions)]:
            rest = self._from(suspect, definitions, points)
            if rest is not None:
                return rest
        return None

    def _from(self, suspect: _Step, definitions: list[_Step], points: Points) -> Stretch | None:
        content, data = self._stretch.content, self._data()
        start = max(suspect.start, self._repeated) + 1
        place = _resume_at(data, start, _layouts(definitions), points.recent_time())
        if place is None:
            return None
        if place < self._end:
            points.remove_from(suspect.points)
        points.remove_strays()
        repeated = b"".join(step.frame.chunk.bytes for step in definitions)
        header = with_length(content[: content[0]], len(repeated) + content[0] + _data_length(content) - place)
        return Stretch(header + repeated + content[place:], trusted=len(definitions))

    def _data(self) -> bytes:
        """Header and messages, without what follows them."""
        content = self._stretch.content
        return content[: content[0] + _data_length(content)]


def _data_length(content: bytes) -> int:
    return int.from_bytes(content[4:8], "little")


def _layouts(definitions: list[_Step]) -> dict[int, _Layout]:
    known: dict[int, _Layout] = {}
    for step in definitions:
        if step.frame.frame_type == FIT_FRAME_DEFINITION:
            _define(step.frame.chunk.bytes, 0, known)
    return known


def _resume_at(data: bytes, start: int, layouts: Mapping[int, _Layout], after: float | None) -> int | None:
    """The first place from `start` on where messages are valid. `after`: a time before the fault, or None."""
    return next(
        (
            place
            for place in range(start, min(start + FARTHEST, len(data)))
            if _makes_sense(data, place, layouts, after)
        ),
        None,
    )


def _makes_sense(data: bytes, place: int, layouts: Mapping[int, _Layout], after: float | None) -> bool:
    known = dict(layouts)
    times = 0
    for _ in range(RUN):
        if place >= len(data):
            break
        first = data[place]
        if first & COMPRESSED:  # its time depends on a message that may be lost
            return False
        if first & DEFINITION:
            end = _define(data, place, known)
            if end is None:
                return False
            place = end
            continue
        layout = known.get(first & LOCAL)
        if layout is None or first & DEVELOPER or place + layout.size > len(data):
            return False
        if layout.time_at is not None:
            (at,) = struct.unpack_from(f"{layout.order}I", data, place + layout.time_at)
            if after is not None and not after <= at <= after + LEAP:
                return False
            after, times = at, times + 1
        place += layout.size
    return times > 1


def _define(data: bytes, place: int, known: dict[int, _Layout]) -> int | None:
    """Add the definition at `place` to `known` and return its end, or None if there is none."""
    fields_end = place + 6 + 3 * (data[place + 5] if place + 5 < len(data) else 0)
    end = fields_end
    if data[place] & DEVELOPER:
        end += 1 + 3 * (data[fields_end] if fields_end < len(data) else 0)
    if end > len(data) or data[place + 1] or data[place + 2] > 1 or not data[place + 5]:
        return None
    time_at, size = None, 1
    for at in (*range(place + 6, fields_end, 3), *range(fields_end + 1, end, 3)):  # developers' fields come last
        if at < fields_end and data[at : at + 2] == bytes((TIMESTAMP, struct.calcsize("I"))):
            time_at = size
        size += data[at + 1]
    known[data[place] & LOCAL] = _Layout(size, time_at, ">" if data[place + 2] else "<")
    return end
