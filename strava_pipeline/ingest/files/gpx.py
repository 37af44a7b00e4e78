"""GPX 1.0 and 1.1 and what devices put into their extensions. A file is one recording, however many tracks and segments it has.

Without a single time it is a route that somebody drew, not an activity. Lengths follow from the positions, a device's own
distance comes first.
"""

from collections import Counter
from datetime import datetime

import polars as pl
from lxml import etree

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format, Recording
from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.files.markup import Markup, instant, local, number, offset_s, text
from strava_pipeline.ingest.files.points import (
    PLACES,
    Points,
    TooManyPointsError,
    clock_flags,
    length,
    limited,
    microseconds,
    problem,
    reach,
    span,
    track_of,
)

COLUMNS = {
    "ele": "altitude",
    "hr": "heartrate",
    "heartrate": "heartrate",
    "cad": "cadence",
    "cadence": "cadence",
    "power": "watts",
    "PowerInWatts": "watts",
    "watts": "watts",
    "atemp": "temperature",
    "temp": "temperature",
    "Temperature": "temperature",
    "speed": "speed",
    "distance": "distance",
    "Distance": "distance",
}
POINT = {name: PLACES[column] for name, column in COLUMNS.items()}
NO_VALUES = ("trkpt", "time", "extensions", "TrackPointExtension", "")


def read_gpx(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Whatever can be read of `content`; raises for none of it."""
    document = Markup(content, "gpx", "trkpt", ("trkseg", "trk", "rtept", "wpt", "metadata"))
    told = _Told(limits.points)
    try:
        for element in document:
            told.take(element)
    except TooManyPointsError:
        document.flags.add(Flag.OVER_LIMIT)
    frame = told.points.frame()
    if frame["at"].null_count() == frame.height:
        kind = told.kind()
        why = problem(document.flags, limits) or ("It holds no points." if kind == "empty" else None)
        return DecodedFile(
            Format.GPX, kind=kind, problem=why, unknown=dict(told.unknown), limited=limited(document.flags, limits)
        )
    recording = _recording(told, frame, document.flags, received_at)
    return DecodedFile(
        Format.GPX,
        kind="activity",
        recordings=(recording,),
        problem=problem(document.flags, limits),
        unknown=dict(told.unknown),
        limited=limited(document.flags, limits),
    )


class _Told:
    """What the elements said, in their order. The first track that has a name names the recording, then the file itself."""

    def __init__(self, most_points: int) -> None:
        self.points = Points(most_points)
        self.seen: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.tracks: dict[str, str] = {}
        self.document: dict[str, str] = {}
        self.utc_offset_s: float | None = None

    def take(self, element: etree._Element) -> None:
        name = local(element.tag)
        if name == "trkpt":
            self.points.add(self._row(element))
        elif name == "trk":
            self.tracks = _words(element, "name", "desc", "type") | self.tracks
        elif name == "metadata":
            self.document |= _words(element, "name", "desc")
        elif name == "gpx":
            self.document |= _words(element, "name", "desc") | {"creator": (element.get("creator") or "").strip()}
        self.seen[name] += 1

    def kind(self) -> str:
        """What a file without times is."""
        if self.seen["trkpt"] or self.seen["rtept"]:
            return "route"
        return "waypoints" if self.seen["wpt"] else "empty"

    def _row(self, point: etree._Element) -> list[float | None]:
        row: list[float | None] = [None] * len(PLACES)
        row[1], row[2] = number(point.get("lat")), number(point.get("lon"))
        row[PLACES["segment"]] = self.seen["trkseg"]
        for element in point.iterdescendants():
            name = local(element.tag)
            place = POINT.get(name)
            if place is not None:
                row[place] = number(element.text)
            elif name == "trkpt":  # one that never ended has the next one in it
                break
            elif name == "time" and row[0] is None:
                row[0] = self._time(element.text)
            elif name not in NO_VALUES and not len(element):
                self.unknown[name[:80]] += 1
        return row

    def _time(self, written: str | None) -> int | None:
        at = instant(written)
        if self.utc_offset_s is None:
            self.utc_offset_s = offset_s(at)
        return None if at is None else microseconds(at)


def _words(element: etree._Element, *names: str) -> dict[str, str]:
    return {name: word for name in names if (word := text(element, name)) is not None}


def _recording(told: _Told, frame: pl.DataFrame, flags: set[Flag], received_at: datetime) -> Recording:
    track = track_of(frame)
    started_at, elapsed = span(track)
    distance = reach(track)
    by_track = length(track, frame["segment"]) if distance is None else None
    return Recording(
        Format.GPX,
        sport=told.tracks.get("type"),
        name=told.tracks.get("name", told.document.get("name")),
        description=told.tracks.get("desc", told.document.get("desc")),
        creator=told.document.get("creator") or None,
        started_at=started_at,
        utc_offset_s=told.utc_offset_s,
        elapsed_s=elapsed,
        distance_m=distance if by_track is None else by_track,
        summary={} if by_track is None else {"distance_by": "track"},
        track=track,
        flags=frozenset(flags | clock_flags(track, started_at, received_at)),
    )
