"""A small FIT file of a recording: records, one lap, one session. Enough for every reader of FIT, and no more.

Layout and numbers: the FIT protocol and its global profile, developer.garmin.com/fit.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.emulator.wire import Json

_EPOCH = 631_065_600  # 1989-12-31T00:00:00Z, where FIT's time begins
_SEMICIRCLES = 2**31 / 180  # per degree
_ENUM, _UINT8, _UINT16, _SINT32, _UINT32 = 0x00, 0x02, 0x84, 0x85, 0x86
_FORMS = {  # how struct packs a base type, and the value that says nothing
    _ENUM: ("B", 0xFF),
    _UINT8: ("B", 0xFF),
    _UINT16: ("H", 0xFFFF),
    _SINT32: ("i", 0x7FFFFFFF),
    _UINT32: ("I", 0xFFFFFFFF),
}
_TRAINING = 10
_SPORTS = {"Run": 1, "Ride": 2, "VirtualRide": 2, "Swim": 5, "Walk": 11, "Hike": 17}
_SPORTS |= dict.fromkeys(("WeightTraining", "Workout", "Yoga"), _TRAINING)
_SUB_SPORTS = {"Swim": 17, "VirtualRide": 58, "GravelRide": 46, "MountainBikeRide": 8, "WeightTraining": 20, "Yoga": 43}
_ACTIVITY_FILE, _DEVELOPMENT, _TIMER, _START, _STOP_ALL = 4, 255, 0, 0, 4
_POLYNOMIAL = 0xA001  # of FIT's checksum, reflected


@dataclass(frozen=True, slots=True)
class _Message:
    """A kind of message: its number here and in the profile, and (field, base type) in order."""

    local: int
    number: int
    fields: tuple[tuple[int, int], ...]

    def definition(self) -> bytes:
        """What readers must see before the first of the kind."""
        head = struct.pack("<BBBHB", 0x40 | self.local, 0, 0, self.number, len(self.fields))
        return head + b"".join(bytes((field, struct.calcsize(_FORMS[base][0]), base)) for field, base in self.fields)

    def data(self, *values: float | None) -> bytes:
        """One of the kind; None is the base type's invalid value."""
        form = "<B" + "".join(_FORMS[base][0] for _, base in self.fields)
        bases = [base for _, base in self.fields]
        told = [_FORMS[base][1] if value is None else round(value) for base, value in zip(bases, values, strict=True)]
        return struct.pack(form, self.local, *told)


_FILE_ID = _Message(0, 0, ((0, _ENUM), (1, _UINT16), (2, _UINT16), (4, _UINT32)))
_EVENT = _Message(1, 21, ((253, _UINT32), (0, _ENUM), (1, _ENUM)))
_RECORD = _Message(2, 20, ((253, _UINT32), (0, _SINT32), (1, _SINT32), (2, _UINT16), (5, _UINT32), (3, _UINT8)))
_LAP = _Message(3, 19, ((253, _UINT32), (2, _UINT32), (7, _UINT32), (8, _UINT32), (9, _UINT32)))
_SESSION = _Message(
    4, 18, (*_LAP.fields, (5, _ENUM), (6, _ENUM), (22, _UINT16), (16, _UINT8), (25, _UINT16), (26, _UINT16))
)
_ACTIVITY = _Message(
    5, 34, ((253, _UINT32), (0, _UINT32), (1, _UINT16), (2, _ENUM), (3, _ENUM), (4, _ENUM), (5, _UINT32))
)


def fit_file(start: int, detail: Json, streams: Mapping[str, Sequence[Any]]) -> bytes:
    """The file of an activity that began at `start` (epoch seconds)."""
    begun, elapsed, moving = start - _EPOCH, detail["elapsed_time"], detail["moving_time"]
    ended = begun + elapsed
    whole = (ended, begun, elapsed * 1000, moving * 1000, detail["distance"] * 100)
    sport = _SPORTS.get(detail.get("type", ""), 0)
    sub_sport = _SUB_SPORTS.get(detail.get("sport_type", ""), 0)
    gain, rate = detail.get("total_elevation_gain"), detail.get("average_heartrate")
    body = b"".join(
        [
            *(each.definition() for each in (_FILE_ID, _EVENT, _RECORD, _LAP, _SESSION, _ACTIVITY)),
            _FILE_ID.data(_ACTIVITY_FILE, _DEVELOPMENT, 1, begun),
            _EVENT.data(begun, _TIMER, _START),
            *_records(begun, streams),
            _EVENT.data(ended, _TIMER, _STOP_ALL),
            _LAP.data(*whole),
            _SESSION.data(*whole, sport, sub_sport, gain, rate, 0, 1),
            _ACTIVITY.data(ended, moving * 1000, 1, 0, 26, 1, ended + detail.get("utc_offset", 0)),
        ]
    )
    head = struct.pack("<BBHI4s", 14, 0x20, 2195, len(body), b".FIT")
    head += struct.pack("<H", _crc(head))
    return head + body + struct.pack("<H", _crc(head + body))


def _records(begun: int, streams: Mapping[str, Sequence[Any]]) -> list[bytes]:
    found = []
    for index, second in enumerate(streams["time"]):
        lat, lon = streams["latlng"][index] if "latlng" in streams else (None, None)
        altitude = streams["altitude"][index] if "altitude" in streams else None
        found.append(
            _RECORD.data(
                begun + second,
                None if lat is None else lat * _SEMICIRCLES,
                None if lon is None else lon * _SEMICIRCLES,
                None if altitude is None else (altitude + 500) * 5,
                streams["distance"][index] * 100,
                streams["heartrate"][index] if "heartrate" in streams else None,
            )
        )
    return found


def _crc(body: bytes) -> int:
    crc = 0
    for byte in body:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]
