"""A FIT file as a device writes it: what it is, its sensors, a record for each point, one lap and one session. No serial numbers.

Layout and numbers: the FIT protocol and its global profile, developer.garmin.com/fit.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from strava_pipeline.emulator.service import Json

_EPOCH = 631_065_600  # 1989-12-31T00:00:00Z, second 0 of FIT
_SEMICIRCLES = 2**31 / 180  # per degree
_ENUM, _UINT8, _STRING, _UINT16, _SINT32, _UINT32 = 0x00, 0x02, 0x07, 0x84, 0x85, 0x86
_FORMS = {  # struct's letter for a base type, and the type's invalid value
    _ENUM: ("B", 0xFF),
    _UINT8: ("B", 0xFF),
    _STRING: ("16s", b""),
    _UINT16: ("H", 0xFFFF),
    _SINT32: ("i", 0x7FFFFFFF),
    _UINT32: ("I", 0xFFFFFFFF),
}
_TRAINING = 10
_SPORTS = {"Run": 1, "Ride": 2, "VirtualRide": 2, "Swim": 5, "Walk": 11, "Hike": 17}
_SPORTS |= dict.fromkeys(("WeightTraining", "Workout", "Yoga"), _TRAINING)
_SUB_SPORTS = {"Swim": 17, "VirtualRide": 58, "GravelRide": 46, "MountainBikeRide": 8, "WeightTraining": 20, "Yoga": 43}
_ACTIVITY_FILE, _TIMER, _STARTED, _STOP_ALL = 4, 0, 0, 4
_POLYNOMIAL = 0xA001  # of FIT's checksum, reflected
ANTPLUS, BLUETOOTH, LOCAL = 1, 3, 5  # how a device hears a sensor; LOCAL: it is built in


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor that a device listens to: the numbers of its `source` (ANTPLUS …), kind, maker and model in the profile."""

    source: int
    kind: int
    manufacturer: int | None = None
    product: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A device by the numbers of maker and model in the profile; `name`: the model where the profile has none."""

    manufacturer: int
    product: int | None = None
    name: str = ""
    sensors: tuple[Sensor, ...] = ()


_DEVELOPMENT = Device(255, 1)


@dataclass(frozen=True, slots=True)
class _Message:
    """A kind of message: its number in this file and in the profile, and (field, base type) in order."""

    local: int
    number: int
    fields: tuple[tuple[int, int], ...]

    def definition(self) -> bytes:
        """The definition that must come before the first message of the kind."""
        head = struct.pack("<BBBHB", 0x40 | self.local, 0, 0, self.number, len(self.fields))
        return head + b"".join(bytes((field, struct.calcsize(_FORMS[base][0]), base)) for field, base in self.fields)

    def data(self, *values: float | str | None) -> bytes:
        """A message of the kind; None is the base type's invalid value."""
        form = "<B" + "".join(_FORMS[base][0] for _, base in self.fields)
        bases = [base for _, base in self.fields]
        encoded = [
            _FORMS[base][1] if value is None else value.encode() if isinstance(value, str) else round(value)
            for base, value in zip(bases, values, strict=True)
        ]
        return struct.pack(form, self.local, *encoded)


_FILE_ID = _Message(0, 0, ((0, _ENUM), (1, _UINT16), (2, _UINT16), (4, _UINT32), (8, _STRING)))
_EVENT = _Message(1, 21, ((253, _UINT32), (0, _ENUM), (1, _ENUM)))
_RECORD = _Message(2, 20, ((253, _UINT32), (0, _SINT32), (1, _SINT32), (2, _UINT16), (5, _UINT32), (3, _UINT8)))
_LAP = _Message(3, 19, ((253, _UINT32), (2, _UINT32), (7, _UINT32), (8, _UINT32), (9, _UINT32)))
_SESSION = _Message(
    4, 18, (*_LAP.fields, (5, _ENUM), (6, _ENUM), (22, _UINT16), (16, _UINT8), (25, _UINT16), (26, _UINT16))
)
_ACTIVITY = _Message(
    5, 34, ((253, _UINT32), (0, _UINT32), (1, _UINT16), (2, _ENUM), (3, _ENUM), (4, _ENUM), (5, _UINT32))
)

_DEVICE_INFO = _Message(6, 23, ((253, _UINT32), (0, _UINT8), (1, _UINT8), (25, _ENUM), (2, _UINT16), (4, _UINT16)))
_MEASURED = {"cadence": (4, _UINT8), "watts": (7, _UINT16)}  # fields of _RECORD, by Strava's streams


def fit_file(start: int, detail: Json, streams: Mapping[str, Sequence[Any]], device: Device = _DEVELOPMENT) -> bytes:
    """The file of a recording. `start` in epoch seconds, `detail` and `streams` in Strava's terms."""
    begun, elapsed, moving = start - _EPOCH, detail["elapsed_time"], detail["moving_time"]
    ended = begun + elapsed
    whole = (ended, begun, elapsed * 1000, moving * 1000, detail["distance"] * 100)
    sport = _SPORTS.get(detail.get("type", ""), 0)
    sub_sport = _SUB_SPORTS.get(detail.get("sport_type", ""), 0)
    gain, rate = detail.get("total_elevation_gain"), detail.get("average_heartrate")
    body = b"".join(
        [
            *(message.definition() for message in (_FILE_ID, _DEVICE_INFO, _EVENT, _LAP, _SESSION, _ACTIVITY)),
            _FILE_ID.data(_ACTIVITY_FILE, device.manufacturer, device.product, begun, device.name),
            *(
                _DEVICE_INFO.data(begun, index, each.kind, each.source, each.manufacturer, each.product)
                for index, each in enumerate(device.sensors, start=1)
            ),
            _EVENT.data(begun, _TIMER, _STARTED),
            *_record_messages(begun, streams),
            _EVENT.data(ended, _TIMER, _STOP_ALL),
            _LAP.data(*whole),
            _SESSION.data(*whole, sport, sub_sport, gain, rate, 0, 1),
            _ACTIVITY.data(ended, moving * 1000, 1, 0, 26, 1, ended + detail.get("utc_offset", 0)),
        ]
    )
    head = struct.pack("<BBHI4s", 14, 0x20, 2195, len(body), b".FIT")
    head += struct.pack("<H", _crc(head))
    return head + body + struct.pack("<H", _crc(head + body))


def _record_messages(begun: int, streams: Mapping[str, Sequence[Any]]) -> list[bytes]:
    """A record for each point, with the measured values that the streams have."""
    measured = [name for name in _MEASURED if name in streams]
    record = replace(_RECORD, fields=(*_RECORD.fields, *(_MEASURED[name] for name in measured)))
    found = [record.definition()]
    for index, second in enumerate(streams["time"]):
        lat, lon = streams["latlng"][index] if "latlng" in streams else (None, None)
        altitude = streams["altitude"][index] if "altitude" in streams else None
        found.append(
            record.data(
                begun + second,
                None if lat is None else lat * _SEMICIRCLES,
                None if lon is None else lon * _SEMICIRCLES,
                None if altitude is None else (altitude + 500) * 5,
                streams["distance"][index] * 100,
                streams["heartrate"][index] if "heartrate" in streams else None,
                *(streams[name][index] for name in measured),
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
