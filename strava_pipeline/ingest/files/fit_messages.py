"""The messages of one part of a FIT file, decoded by fitdecode and sorted by subject.

Their meaning for an activity is `fit.py`'s. The decoder is asked for no conversions: times stay seconds of FIT's own
clock, positions stay semicircles. On bytes that no device wrote the decoder fails in many ways; messages decoded before
are kept.
"""

import io
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import fitdecode
from fitdecode.records import FitDataMessage, FitDefinitionMessage
from fitdecode.types import BASE_TYPE_BYTE, DevField, FieldData, FieldDefinition

from strava_pipeline.core.files.recording import Flag
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.files.fit_bytes import Part, Stretch, Trail
from strava_pipeline.ingest.files.points import COLLECTED, PLACES, Points, TooManyPointsError

MOST_FAULTS = 200  # after which reading goes on

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
"""fitdecode's errors on damaged bytes: it checks framing, and leaves the rest to Python."""

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
WITHIN_OTHERS = ("fractional_cadence", "compressed_speed_distance")  # part of cadence, speed and distance
DATA, DEFINITION = fitdecode.FIT_FRAME_DATA, fitdecode.FIT_FRAME_DEFINITION
DEVELOPER = ("developer_data_id", "field_description")
NO_COLUMNS = ("event", "file_creator", "sport", *DEVELOPER)  # messages with nothing for a column
CADENCE = PLACES["cadence"]
_SENSORLESS = (PLACES["distance"], PLACES["speed"])  # what a watch without a sensor writes as 0


@dataclass(slots=True)
class Messages:
    """The messages of a part, in its order: fields by name, raw; `points` in FIT's units. `limits`: how much is read."""

    file_id: Mapping[str, Any] = field(default_factory=dict)
    activity: Mapping[str, Any] = field(default_factory=dict)
    sessions: list[Mapping[str, Any]] = field(default_factory=list)
    laps: list[Mapping[str, Any]] = field(default_factory=list)
    lengths: list[Mapping[str, Any]] = field(default_factory=list)
    heart_rates: list[Mapping[str, Any]] = field(default_factory=list)
    devices: list[Mapping[str, Any]] = field(default_factory=list)
    points: Points = field(default_factory=Points)
    unknown: Counter[str] = field(default_factory=Counter)
    flags: set[Flag] = field(default_factory=set)
    limits: ImportLimits = field(default_factory=ImportLimits)
    count: int = 0
    leaps: int = 0


def read_messages(part: Part, limits: ImportLimits = ImportLimits()) -> Messages:
    """Read and sort the messages of `part`. Never raises: if reading ended too early, the flags say so."""
    messages = Messages(points=Points(limits.points), flags=set(part.flags), limits=limits)
    stretch: Stretch | None = Stretch(part.content)
    for _ in range(MOST_FAULTS):
        if stretch is not None:
            stretch = _read(stretch, messages)
    return messages


def _read(stretch: Stretch, messages: Messages) -> Stretch | None:
    """Sort the messages up to a fault; returns the valid stretch after the fault, or None."""
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
            is_definition = kind == DEFINITION or (kind == DATA and frame.name in DEVELOPER)
            trail.note(frame, len(messages.points), is_definition=is_definition)
            if kind == DEFINITION and frame.dev_field_defs:
                _make_readable(frame)
            if kind == DATA:
                _sort(frame, messages)
                if messages.points.has_leapt() and (rest := _behind_leap(trail, messages)) is not None:
                    messages.flags.add(Flag.DAMAGED)
                    return rest
    except TooManyPointsError:
        messages.flags.add(Flag.OVER_LIMIT)
    except DECODER_FAULTS as fault:
        rest = trail.behind(messages.points)
        ended = isinstance(fault, fitdecode.FitEOFError) and rest is None
        messages.flags.add(Flag.TRUNCATED if ended else Flag.DAMAGED)
        return rest
    return None


def _make_readable(definition: FitDefinitionMessage) -> None:
    """Drop developers' fields of zero bytes, as of an empty text, and read fields whose size doesn't fit their type as bytes.

    The decoder fails at each message with the former, and loses its place at each with the latter.
    """
    definition.dev_field_defs[:] = [
        each if each.size % each.base_type.size == 0 else FieldDefinition(None, each.def_num, BASE_TYPE_BYTE, each.size)
        for each in definition.dev_field_defs
        if each.size
    ]


def _behind_leap(trail: Trail, messages: Messages) -> Stretch | None:
    """The valid data after lost bytes, if these made the clock leap; None if the clock was set.

    Only a part with a fault in its frame, checksum or messages can have lost bytes.
    """
    messages.leaps += 1
    if messages.flags and messages.leaps <= MOST_FAULTS and not trail.goes_on(messages.points.last_time()):
        rest = trail.behind(messages.points)
        if rest is not None:
            return rest
    messages.points.accept_leap()
    return None


def _sort(message: FitDataMessage, messages: Messages) -> None:
    messages.count += 1
    is_over = message.name == "session" and len(messages.sessions) >= messages.limits.recordings
    if is_over or messages.count > messages.limits.messages:
        raise TooManyPointsError
    match message.name:
        case "record":
            messages.points.add(_row(message, messages.unknown))
        case "session":
            messages.sessions.append(_fields(message))
        case "lap":
            messages.laps.append(_fields(message))
        case "length":
            messages.lengths.append(_fields(message))
        case "hr":
            messages.heart_rates.append(_fields(message))
        case "device_info":
            messages.devices.append(_fields(message))
        case "file_id":
            messages.file_id = messages.file_id or _fields(message)
        case "activity":
            messages.activity = _fields(message)
        case name if name not in NO_COLUMNS:
            messages.unknown[name] += 1


def _row(message: FitDataMessage, unknown: Counter[str]) -> list[float | None]:
    row: list[float | None] = list(EMPTY)
    fraction = 0.0
    standard: list[tuple[int, Any]] = []
    for data in message.fields:
        value = data.value
        if value is None:
            continue
        is_developers = type(data.field) is DevField
        place = None if data.field is None or is_developers else RECORD.get(data.field.name)
        if place is not None and type(value) in (int, float):
            row[place] = value
        elif data.field is not None and data.field.name == "fractional_cadence" and type(value) is float:
            fraction = value
        elif is_developers and (name := _standard_name(message, data)) in RECORD and name != "timestamp":
            standard.append((RECORD[name], value))
        elif data.field is None or data.field.name not in WITHIN_OTHERS:
            unknown[f"developer.{data.name}"[:80] if is_developers else f"record.{data.name}"] += 1
    for place, said in standard:
        row[place] = said if row[place] is None or (row[place] == 0 and place in _SENSORLESS) else row[place]
    at, cadence = row[0], row[CADENCE]
    row[0] = at if type(at) is int and 0 <= at < 2**32 else None
    row[CADENCE] = cadence if cadence is None else cadence + fraction
    return row


def _standard_name(message: FitDataMessage, data: FieldData) -> str:
    """The name of FIT's own field that a developer's one declares to be, in FIT's own unit; may be empty."""
    native = fitdecode.utils.get_mesg_type(message.name).fields.get(data.field.native_field_num)
    is_number = native is not None and type(data.value) in (int, float)
    return str(native.name) if is_number and str(data.field.units).lower() == str(native.units).lower() else ""


def _fields(message: FitDataMessage) -> dict[str, Any]:
    held = [data for data in message.fields if data.field is not None and data.value is not None]
    found = {data.field.name: data.value for data in held}
    for data in held:
        if type(data.field) is DevField and (name := _standard_name(message, data)):
            found[name] = found.get(name) or data.value  # what a watch without a sensor counts is 0
    return found
