"""Objects of Strava's API, or similar ones, in other tools' files: arrays, bare or as `activities` of an object, one
object per file, JSON lines, gzipped or not.

The tool doesn't matter: an object is recognised by its own fields. Turning objects into rows is done elsewhere.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive.entry import (
    GZIP,
    Entry,
    Fault,
    Problem,
    UnreadableEntryError,
    fault,
    too_large_fault,
)

_ENDINGS = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
_DETAILED = 3  # Strava's resource_state of a complete object


class ObjectKind(StrEnum):
    """The kind of an object."""

    SUMMARY = "summary_activity"
    DETAIL = "detailed_activity"
    RUNNING_PAGE = "running_page_activity"  # other names: run_id; moving_time as hours, minutes and seconds
    ATHLETE = "athlete"
    GEAR = "gear"
    STREAMS = "streams"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ApiObject:
    """One object as received, no value changed, and the name of its entry."""

    kind: ObjectKind
    body: Mapping[str, Any] = field(repr=False)
    source: str


def is_json(name: str) -> bool:
    """Whether an entry's name is that of a JSON file."""
    return name.lower().endswith(_ENDINGS)


def read_objects(entries: Iterable[Entry], limits: ImportLimits = ImportLimits()) -> Iterator[ApiObject | Fault]:
    """The objects of every entry that is JSON, in order, and a fault for each entry or line that can't be read."""
    for entry in entries:
        if not is_json(entry.name):
            continue
        try:
            yield from _objects(entry.name, _plain(entry, limits))
        except UnreadableEntryError as error:
            yield error.fault


def kind_of(body: Mapping[str, Any]) -> ObjectKind:
    """The kind of an object, by its fields."""
    names = body.keys()
    if "run_id" in names and "start_date" in names:
        return ObjectKind.RUNNING_PAGE
    if "id" in names and {"start_date", "start_date_local"} & names and {"type", "sport_type"} & names:
        detailed = body.get("resource_state") == _DETAILED or {"segment_efforts", "laps", "splits_metric"} & names
        return ObjectKind.DETAIL if detailed else ObjectKind.SUMMARY
    if {"brand_name", "model_name"} <= names and "distance" in names:
        return ObjectKind.GEAR
    if {"firstname", "lastname", "id"} <= names:
        return ObjectKind.ATHLETE
    if names and all(isinstance(value, dict) and "data" in value and "series_type" in value for value in body.values()):
        return ObjectKind.STREAMS
    return ObjectKind.OTHER


def _objects(name: str, text: bytes) -> Iterator[ApiObject | Fault]:
    try:
        value = parse_json(text)
    except (ValueError, RecursionError):
        yield from _lines(name, text)
        return
    yield from _items(name, _unwrapped(value))


def _unwrapped(value: Any) -> list[Any]:
    """The items of a JSON text: of an array, of the array `activities` in an object that isn't an activity, or the
    value itself.
    """
    if isinstance(value, dict) and kind_of(value) is ObjectKind.OTHER and isinstance(value.get("activities"), list):
        return list(value["activities"])
    return value if isinstance(value, list) else [value]


def _lines(name: str, text: bytes) -> Iterator[ApiObject | Fault]:
    """An object per line; a truncated last line is a fault, the lines before it are not."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    read = 0
    faults: list[Fault] = []
    for number, line in lines:
        try:
            value = parse_json(line)
        except (ValueError, RecursionError):
            faults.append(fault(name, Problem.DAMAGED, f"line {number} is no JSON"))
            continue
        if isinstance(value, dict):
            read += 1
            yield from _items(name, _unwrapped(value))
    if read:
        yield from faults
    else:
        yield fault(name, Problem.DAMAGED, "no JSON, or broken off")


def _items(name: str, items: Iterable[Any]) -> Iterator[ApiObject | Fault]:
    others = 0
    for item in items:
        if isinstance(item, dict):
            yield ApiObject(kind_of(item), item, name)
        else:
            others += 1
    if others:
        yield fault(name, Problem.DAMAGED, f"{others} of its values are not objects")


def _plain(entry: Entry, limits: ImportLimits) -> bytes:
    """An entry's bytes, unpacked if they are gzip."""
    body = entry.read()
    if not body.startswith(GZIP):
        return body
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = unpacker.decompress(body, limits.file_bytes + 1)
    except zlib.error as error:
        raise UnreadableEntryError(fault(entry.name, Problem.DAMAGED, "its gzip is damaged")) from error
    if len(text) > limits.file_bytes:
        raise UnreadableEntryError(too_large_fault(entry.name, len(text), limits))
    if not unpacker.eof:
        raise UnreadableEntryError(fault(entry.name, Problem.CUT_OFF, "its gzip breaks off in the middle"))
    return text
