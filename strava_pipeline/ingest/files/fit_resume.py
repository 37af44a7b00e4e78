"""Where the messages of a FIT file make sense again after damaged bytes. No values are decoded here but times, and those as a proof.

A FIT message has no mark at its beginning; its length follows from a definition that stood before. Some lost bytes therefore shift
everything behind them, while the rest of the ride is there. So each place behind the fault is tried: it is right where a long run
of messages is defined and their times go on from those before.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fitdecode.records import FitDefinitionMessage

RUN = 20  # messages that must follow one another; by chance two or three do
FARTHEST = 65_536  # bytes that are looked through; a record has some tens
LONGEST_PAUSE = 86_400  # s, between the messages before and behind the fault
TIMESTAMP = 253  # the number of this field in every message
DEFINITION, DEVELOPER, COMPRESSED, LOCAL = 0x40, 0x20, 0x80, 0x0F  # bits of a message's first byte


@dataclass(frozen=True, slots=True)
class _Layout:
    """`size` with the first byte; `time_at`: where the time stands, None where there is none; `order`: of bytes."""

    size: int
    time_at: int | None
    order: str


def resume_at(
    data: bytes, start: int, definitions: Mapping[int, FitDefinitionMessage], after: float | None
) -> int | None:
    """The first place in `data` from `start` on where messages make sense. `after`: a time before the fault, where one is known."""
    layouts = {number: _layout(definition) for number, definition in definitions.items()}
    for place in range(start, min(start + FARTHEST, len(data))):
        if _makes_sense(data, place, layouts, after):
            return place
    return None


def _makes_sense(data: bytes, place: int, layouts: Mapping[int, _Layout], after: float | None) -> bool:
    known = dict(layouts)
    times = 0
    for _ in range(RUN):
        if place >= len(data):
            break
        first = data[place]
        if first & COMPRESSED:  # its time hangs on one that may have been lost
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
            if after is not None and not after <= at <= after + LONGEST_PAUSE:
                return False
            after, times = at, times + 1
        place += layout.size
    return times > 1


def _define(data: bytes, place: int, known: dict[int, _Layout]) -> int | None:
    """Learns a definition and returns where it ends; None where it is none."""
    fields_end = place + 6 + 3 * (data[place + 5] if place + 5 < len(data) else 0)
    end = fields_end
    if data[place] & DEVELOPER:
        end += 1 + 3 * (data[fields_end] if fields_end < len(data) else 0)
    if end > len(data) or data[place + 1] or data[place + 2] > 1 or not data[place + 5]:
        return None
    sizes = [(data[at], data[at + 1]) for at in range(place + 6, fields_end, 3)]
    more = sum(data[at + 1] for at in range(fields_end + 1, end, 3))
    known[data[place] & LOCAL] = _measured(sizes, more, ">" if data[place + 2] else "<")
    return end


def _layout(definition: FitDefinitionMessage) -> _Layout:
    sizes = [(field.def_num, field.size) for field in definition.field_defs]
    return _measured(sizes, sum(field.size for field in definition.dev_field_defs), definition.endian)


def _measured(sizes: list[tuple[int, int]], more: int, order: str) -> _Layout:
    """`sizes`: number and bytes of each field; `more`: bytes of the developers' fields, which stand last."""
    places: dict[int, Any] = {}
    end = 1
    for number, size in sizes:
        if number == TIMESTAMP and size == struct.calcsize("I"):
            places[number] = end
        end += size
    return _Layout(end + more, places.get(TIMESTAMP), order)
