"""Tiny FIT, GPX and TCX files as text and bytes, for tests. Times are seconds since 2024-05-01T08:00:00Z."""

import struct
from datetime import UTC, datetime, timedelta

from strava_pipeline.ingest.files.fit_bytes import checksum

BEGAN = datetime(2024, 5, 1, 8, tzinfo=UTC)
RECEIVED = datetime(2024, 6, 1, tzinfo=UTC)
FIT_BEGAN = int(BEGAN.timestamp()) - 631_065_600
SEMICIRCLE = 2**31 / 180

FILE_ID, SESSION, LAP, RECORD, ACTIVITY, LENGTH, HR = 0, 18, 19, 20, 34, 101, 132
DEVELOPER_ID, FIELD_DESCRIPTION = 207, 206
U8, U16, U32, S32, ENUM, STRING, BYTES = 0x02, 0x84, 0x86, 0x85, 0x00, 0x07, 0x0D
CODES = {U8: "B", U16: "H", U32: "I", S32: "i", ENUM: "B"}

Field = tuple[int, int, int | bytes]  # number, type, value


def message(local: int, number: int, *fields: Field, developer: tuple[Field, ...] = ()) -> bytes:
    """A definition and one message of it."""
    return definition(local, number, *fields, developer=developer) + data(local, *fields, *developer)


def definition(local: int, number: int, *fields: Field, developer: tuple[Field, ...] = ()) -> bytes:
    told = b"".join(bytes([which, _size(kind, value), kind]) for which, kind, value in fields)
    mine = b"".join(bytes([which, _size(kind, value), 0]) for which, kind, value in developer)
    more = bytes([len(developer)]) + mine if developer else b""
    first = 0x40 | local | (0x20 if developer else 0)
    return bytes([first, 0, 0]) + struct.pack("<HB", number, len(fields)) + told + more


def data(local: int, *fields: Field) -> bytes:
    return bytes([local]) + b"".join(
        value if isinstance(value, bytes) else struct.pack("<" + CODES[kind], value) for _, kind, value in fields
    )


def _size(kind: int, value: int | bytes) -> int:
    return len(value) if isinstance(value, bytes) else struct.calcsize(CODES[kind])


def fit(*messages: bytes, length: int | None = None) -> bytes:
    """`length`: what the header says instead of the truth."""
    body = b"".join(messages)
    whole = struct.pack("<BBHI4s", 12, 0x20, 2132, len(body) if length is None else length, b".FIT") + body
    return whole + struct.pack("<H", checksum(whole))


def file_id(kind: int = 4, *, created: int | None = None) -> bytes:
    """4: activity; a Garmin fēnix 5 with a serial number. `created`: seconds of FIT's clock."""
    when = () if created is None else ((4, U32, created),)
    return message(0, FILE_ID, (0, ENUM, kind), (1, U16, 1), (2, U16, 2697), (3, U32, 31_415_926), *when)


def record(
    at: int, *, latitude: float = 52.0, heartrate: int = 120, began: int = FIT_BEGAN, first: bool = False
) -> bytes:
    fields = (
        (253, U32, began + at),
        (0, S32, round(latitude * SEMICIRCLE)),
        (1, S32, round(13 * SEMICIRCLE)),
        (5, U32, at * 300),
        (3, U8, heartrate),
    )
    return message(1, RECORD, *fields) if first else data(1, *fields)


def records(count: int, *, start: int = 0, began: int = FIT_BEGAN) -> bytes:
    return b"".join(record(at, began=began, first=at == start) for at in range(start, start + count))


def session(at: int, seconds: int, *, sport: int = 1, began: int = FIT_BEGAN) -> bytes:
    """Sports: 1 running, 2 cycling, 3 transition, 5 swimming."""
    return message(
        2,
        SESSION,
        (253, U32, began + at + seconds),
        (2, U32, began + at),
        (7, U32, seconds * 1000),
        (8, U32, seconds * 900),
        (9, U32, seconds * 300),
        (5, ENUM, sport),
    )


def lap(at: int, seconds: int) -> bytes:
    return message(
        3, LAP, (253, U32, FIT_BEGAN + at + seconds), (2, U32, FIT_BEGAN + at), (7, U32, seconds * 1000), (24, ENUM, 0)
    )


def iso(at: float) -> str:
    return (BEGAN + timedelta(seconds=at)).isoformat().replace("+00:00", "Z")


def trkpt(at: float | None, latitude: float | str = 52.0, longitude: float | str = 13.0, more: str = "") -> str:
    time = "" if at is None else f"<time>{iso(at)}</time>"
    return f'<trkpt lat="{latitude}" lon="{longitude}"><ele>34.5</ele>{time}{more}</trkpt>'


def gpx(*segments: str, about: str = "<name>Along the canal</name><type>running</type>", head: str = "") -> str:
    tracks = "".join(f"<trkseg>{segment}</trkseg>" for segment in segments)
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<gpx version="1.1" creator="A Watch" xmlns="http://www.topografix.com/GPX/1/1"><trk>{about}{tracks}</trk></gpx>'


def trackpoint(at: float, distance: float | None = None, more: str = "", latitude: float = 52) -> str:
    told = "" if distance is None else f"<DistanceMeters>{distance}</DistanceMeters>"
    place = f"<Position><LatitudeDegrees>{latitude}</LatitudeDegrees><LongitudeDegrees>13</LongitudeDegrees></Position>"
    return f"<Trackpoint><Time>{iso(at)}</Time>{place}{told}{more}</Trackpoint>"


def tcx_lap(at: float, seconds: float, metres: float, *points: str) -> str:
    return (
        f'<Lap StartTime="{iso(at)}"><TotalTimeSeconds>{seconds}</TotalTimeSeconds><DistanceMeters>{metres}</DistanceMeters>'
        f"<Calories>11</Calories><AverageHeartRateBpm><Value>140</Value></AverageHeartRateBpm><Intensity>Active</Intensity>"
        f"<Track>{''.join(points)}</Track></Lap>"
    )


def activity(*laps: str, sport: str = "Running") -> str:
    return f'<Activity Sport="{sport}"><Id>{iso(-6)}</Id>{"".join(laps)}<Notes>Easy</Notes><Creator><Name>A Watch</Name><UnitId>31415926</UnitId></Creator></Activity>'


def tcx(*activities: str) -> str:
    return f'<?xml version="1.0"?><TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>{"".join(activities)}</Activities></TrainingCenterDatabase>'
