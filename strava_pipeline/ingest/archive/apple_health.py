"""Extracts the workouts, and days and nights, from Apple Health's export.xml, which has gigabytes of records.

The document is read in pieces and never held: memory is that of the workouts, and of sums of records. The output is JSON, which
is kept instead of the document. The source of a workout (a watch's name includes its owner's) and inline positions are left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from strava_pipeline.core.files.apple_days import HealthRecords
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.limits import ImportLimits, megabytes
from strava_pipeline.ingest.archive.container import Container
from strava_pipeline.ingest.archive.entry import Entry, Oversized, UnreadableEntryError
from strava_pipeline.ingest.archive.exports.apple_health import KEY
from strava_pipeline.ingest.files.markup import pull_parser

ENDING, DAYS_ENDING = ".workouts.json", ".days.json"  # added to the document's name
_CHUNK = 1 << 18  # bytes that are a tree at once
_HEAD = 1 << 20  # bytes in which the document's type stands; exports of today have 10 kB there
_ROOT = re.compile(rb"<HealthData[\s>]")
_TYPE = re.compile(rb"<!DOCTYPE\s+HealthData\s*(\[.*?\]\s*)?>", re.DOTALL)
_LEFT_OUT = frozenset({"sourceName", "sourceVersion", "device"})


@dataclass(frozen=True, slots=True)
class HealthList:
    """What is kept of a document: `document`, its name, `entry`, the workouts, and `days`, of records that were wanted."""

    document: str
    entry: Entry
    days: Entry | None = None


def health_lists(
    container: Container, limits: ImportLimits = ImportLimits(), *, with_days: bool = False
) -> list[HealthList]:
    """What is kept of every Apple Health export in a container. A document may be larger than the limit of a file."""
    documents: list[Entry | Oversized] = [*container.entries, *container.oversized]
    found = []
    for each in documents:
        records = HealthRecords() if with_days else None
        if each.name.lower().endswith(".xml") and (body := _workouts_of(each, limits, records)) is not None:
            days = None if records is None or records.is_empty else _entry(each, DAYS_ENDING, json_bytes(records.kept))
            found.append(HealthList(each.name, _entry(each, ENDING, body), days))
    return found


def _entry(document: Entry | Oversized, ending: str, body: bytes) -> Entry:
    return Entry(f"{document.name}{ending}", len(body), body.__bytes__)


def _workouts_of(document: Entry | Oversized, limits: ImportLimits, records: HealthRecords | None) -> bytes | None:
    """The part of a document that is kept, or None if it isn't from Apple Health. `records`: those of days are added."""
    pieces = _chunks(document)
    found: list[Mapping[str, Any]] = []
    faults: list[str] = []
    size = 0
    try:
        head = b""
        for piece in pieces:
            head += piece
            if len(head) >= _HEAD or _ROOT.search(head):
                break
        if _ROOT.search(head) is None:
            return None
        if (
            typed := _TYPE.match(head, max(head.find(b"<!DOCTYPE"), 0))
        ) is not None:  # looked for once, as it stands once
            head = head[: typed.start()] + head[typed.end() :]
        for workout in _workouts(_joined(head, pieces), faults, records):
            size += len(json_bytes(workout))
            if size > limits.file_bytes:
                faults.append(f"its workouts have more than {megabytes(limits.file_bytes)}; those before are read")
                break
            found.append(workout)
    except UnreadableEntryError as error:
        if not found:
            return None  # among the faults of the container, or to be read where it is kept
        faults.append(f"{error.fault.detail}; the workouts before are read")
    return json_bytes({KEY: found, "faults": faults})


def _chunks(document: Entry | Oversized) -> Iterator[bytes]:
    pieces = document.pieces() if isinstance(document, Oversized) else iter([document.read()])
    for piece in pieces:
        for start in range(0, len(piece), _CHUNK):
            yield piece[start : start + _CHUNK]


def _joined(head: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for start in range(0, len(head), _CHUNK):
        yield head[start : start + _CHUNK]
    yield from pieces


def _workouts(pieces: Iterable[bytes], faults: list[str], records: HealthRecords | None) -> Iterator[Mapping[str, Any]]:
    parser = pull_parser(["HealthData", "Workout", *(["Record"] if records is not None else [])])
    root: etree._Element | None = None
    ended, count = False, 0
    try:
        for piece in pieces:
            parser.feed(piece)
            for event, element in parser.read_events():
                root = element if root is None and element.tag == "HealthData" else root
                ended = ended or (event == "end" and element.tag == "HealthData")
                if event == "end" and element.tag == "Workout":
                    count += 1
                    yield _workout(element)
                if records is not None and event == "end" and element.tag == "Record":
                    records.add(element.attrib, _zone(element))
            if root is not None:
                del root[:-1]
        parser.close()
    except etree.LxmlError:
        ended = False
    if not ended:
        read = "the workouts before are read" if count else "no workout stands before that"
        faults.append(f"it ends in the middle, or a part of it can't be read; {read}")


def _zone(record: etree._Element) -> str | None:
    """The zone that a record names: as HKTimeZone; apps have keys of their own."""
    entries = record.iterfind("MetadataEntry")
    return next((each.get("value") for each in entries if each.get("key", "").lower().endswith("timezone")), None)


def _workout(element: etree._Element) -> Mapping[str, Any]:
    statistics = element.findall("WorkoutStatistics")
    if len(inner := element.findall("WorkoutActivity")) == 1:
        own = {each.get("type") for each in statistics}
        statistics += [each for each in inner[0].findall("WorkoutStatistics") if each.get("type") not in own]
    return {
        "attributes": {name: value for name, value in element.attrib.items() if name not in _LEFT_OUT},
        "statistics": [dict(each.attrib) for each in statistics],
        "metadata": {
            key: each.get("value")
            for each in element.findall("MetadataEntry")
            if (key := each.get("key", "")).startswith("HK")
        },
        "routes": [path for each in element.findall("WorkoutRoute/FileReference") if (path := each.get("path"))],
    }
