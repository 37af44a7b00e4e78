"""The messages of one part of a FIT file, decoded by fitdecode and sorted by what they are about.

What they mean for an activity is `fit.py`'s. The decoder is asked for no conversions: times stay seconds of FIT's own clock,
positions stay semicircles. On bytes that no device wrote it fails in many ways; whatever it had told until then is kept.
"""

import io
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import fitdecode
from fitdecode.records import FitDataMessage
from fitdecode.types import DevField, FieldData

from strava_pipeline.core.files.recording import Flag
from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.files.fit_bytes import Part, Stretch, Trail
from strava_pipeline.ingest.files.points import COLLECTED, PLACES, Points, TooManyPointsError

MOST_FAULTS = 200  # that reading goes on behind

DECODER_FAULTS = (
    fitdecode.FitError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What fitdecode raises on damaged bytes: it checks framing, and leaves the rest to Python."""

COLUMNS = {
    "timestamp": "at",
    "position_lat": "latitude",
    "position_long": "longitude",
    "altitude": "altitude",
    "enhanced_altitude": "altitude",
    "distance": "distance",
    "speed": "speed",
    "enhanced_speed": "speed",
    "heart_rate": "heartrate",
    "cadence": "cadence",
    "power": "watts",
    "temperature": "temperature",
}
RECORD = {name: PLACES[column] for name, column in COLUMNS.items()}
EMPTY = (None,) * (len(COLLECTED) - 1) + (0,)
IN_OTHERS = ("fractional_cadence", "compressed_speed_distance")  # these come out in cadence, speed and distance
DATA, DEFINITION = fitdecode.FIT_FRAME_DATA, fitdecode.FIT_FRAME_DEFINITION
DEVELOPER = ("developer_data_id", "field_description")
WORDLESS = ("event", "file_creator", "sport", *DEVELOPER)  # say nothing that a column could hold
CADENCE = PLACES["cadence"]
NATIVE = fitdecode.utils.get_mesg_type("record").fields


@dataclass(slots=True)
class Messages:
    """What a part told, in its own order: fields by name, raw; `points` with FIT's units. `most`: messages to be read."""

    file_id: Mapping[str, Any] = field(default_factory=dict)
    activity: Mapping[str, Any] = field(default_factory=dict)
    sessions: list[Mapping[str, Any]] = field(default_factory=list)
    laps: list[Mapping[str, Any]] = field(default_factory=list)
    lengths: list[Mapping[str, Any]] = field(default_factory=list)
    heart_rates: list[Mapping[str, Any]] = field(default_factory=list)
    points: Points = field(default_factory=Points)
    unknown: Counter[str] = field(default_factory=Counter)
    flags: set[Flag] = field(default_factory=set)
    most: int = ImportLimits().messages
    count: int = 0
    leaps: int = 0


def messages(part: Part, limits: ImportLimits = ImportLimits()) -> Messages:
    """Never raises for what is in `part`: where reading ended too early, the flags say so."""
    told = Messages(points=Points(limits.points), flags=set(part.flags), most=limits.messages)
    stretch: Stretch | None = Stretch(part.content)
    for _ in range(MOST_FAULTS):
        if stretch is not None:
            stretch = _read(stretch, told)
    return told


def _read(stretch: Stretch, told: Messages) -> Stretch | None:
    """Sorts messages up to a fault, and returns what makes sense behind it, or None: there it ends."""
    reader = fitdecode.FitReader(
        io.BytesIO(stretch.content),
        processor=None,
        check_crc=fitdecode.CrcCheck.DISABLED,  # fit_parts has checked it, in a third of the time
        error_handling=fitdecode.ErrorHandling.IGNORE,
        keep_raw_chunks=True,
    )
    trail = Trail(stretch)
    try:
        for frame in reader:
            kind = frame.frame_type
            is_meaning = kind == DEFINITION or (kind == DATA and frame.name in DEVELOPER)
            trail.note(frame, len(told.points), is_meaning=is_meaning)
            if kind == DATA:
                _sort(frame, told)
                if told.points.leapt() and (rest := _behind_leap(trail, told)) is not None:
                    told.flags.add(Flag.DAMAGED)
                    return rest
    except TooManyPointsError:
        told.flags.add(Flag.OVER_LIMIT)
    except DECODER_FAULTS as fault:
        rest = trail.behind(told.points)
        ended = isinstance(fault, fitdecode.FitEOFError) and rest is None
        told.flags.add(Flag.TRUNCATED if ended else Flag.DAMAGED)
        return rest
    return None


def _behind_leap(trail: Trail, told: Messages) -> Stretch | None:
    """What makes sense behind lost bytes, where a leap of the clock comes from those; None where the clock was set.

    Only a part whose frame, checksum or messages were at fault before can have lost any.
    """
    told.leaps += 1
    if told.flags and told.leaps <= MOST_FAULTS and not trail.goes_on(told.points.last_time()):
        rest = trail.behind(told.points)
        if rest is not None:
            return rest
    told.points.accept_leap()
    return None


def _sort(message: FitDataMessage, told: Messages) -> None:
    told.count += 1
    if told.count > told.most:
        raise TooManyPointsError
    match message.name:
        case "record":
            told.points.add(_row(message, told.unknown))
        case "session":
            told.sessions.append(_fields(message))
        case "lap":
            told.laps.append(_fields(message))
        case "length":
            told.lengths.append(_fields(message))
        case "hr":
            told.heart_rates.append(_fields(message))
        case "file_id":
            told.file_id = told.file_id or _fields(message)
        case "activity":
            told.activity = _fields(message)
        case name if name not in WORDLESS:
            told.unknown[name] += 1


def _row(message: FitDataMessage, unknown: Counter[str]) -> list[float | None]:
    row: list[float | None] = list(EMPTY)
    fraction = 0.0
    standard: list[FieldData] = []
    for data in message.fields:
        value = data.value
        if value is None:
            continue
        made_by_developer = type(data.field) is DevField
        place = None if data.field is None or made_by_developer else RECORD.get(data.field.name)
        if place is not None and type(value) in (int, float):
            row[place] = value
        elif data.field is not None and data.field.name == "fractional_cadence" and type(value) is float:
            fraction = value
        elif made_by_developer and _is_standard(data):
            standard.append(data)
        elif data.field is None or data.field.name not in IN_OTHERS:
            unknown[f"developer.{data.name}"[:80] if made_by_developer else f"record.{data.name}"] += 1
    for data in standard:
        place = RECORD[NATIVE[data.field.native_field_num].name]
        row[place] = data.value if row[place] is None else row[place]
    at, cadence = row[0], row[CADENCE]
    row[0] = at if type(at) is int and 0 <= at < 2**32 else None
    row[CADENCE] = cadence if cadence is None else cadence + fraction
    return row


def _is_standard(data: FieldData) -> bool:
    """Whether a developer's field says that it is one of FIT's own, in FIT's own unit."""
    native = NATIVE.get(data.field.native_field_num)
    return (
        native is not None
        and native.name in RECORD
        and native.name != "timestamp"
        and type(data.value) in (int, float)
        and str(data.field.units).lower() == str(native.units).lower()
    )


def _fields(message: FitDataMessage) -> dict[str, Any]:
    return {data.field.name: data.value for data in message.fields if data.field is not None and data.value is not None}
