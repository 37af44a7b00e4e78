"""GPX 1.0 and 1.1 and what devices put into their extensions. A file is one recording, however many tracks and segments it has.

A file without a single time is a route that somebody drew, not an activity. A device's own distance counts before the length
of the track.
"""

from collections import Counter
from datetime import datetime

import polars as pl
from lxml import etree

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.text import counted
from strava_pipeline.ingest.files.markup import Markup, coordinate, instant, local, number, offset_s, text
from strava_pipeline.ingest.files.points import (
    PLACES,
    Points,
    TooManyPointsError,
    clock_flags,
    limited,
    microseconds,
    problem,
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
BLANK = (
    "It holds {points}, none of them with a position or a time, as a GPX of a swim in a pool does. Export the activity as FIT "
    "(the original file) or as TCX: these hold it."
)
NO_VALUES = ("trkpt", "time", "extensions", "TrackPointExtension", "")


def read_gpx(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Read what can be read of `content`. Nothing that it holds raises."""
    document = Markup(content, "gpx", "trkpt", ("trkseg", "trk", "rtept", "wpt", "metadata"))
    contents = _Contents(limits.points)
    try:
        for element in document:
            contents.add(element)
    except TooManyPointsError:
        document.flags.add(Flag.OVER_LIMIT)
    frame = contents.points.frame()
    if frame["at"].null_count() == frame.height:
        is_blank = frame.height > 0 and frame["latitude"].null_count() == frame.height
        kind = "empty" if is_blank else contents.kind()
        why = problem(document.flags, limits, is_kept=False)
        if kind == "empty" and why is None:
            why = BLANK.format(points=counted(frame.height, "point")) if is_blank else "It holds no points."
        return DecodedFile(
            Format.GPX, kind=kind, problem=why, unknown=dict(contents.unknown), limited=limited(document.flags, limits)
        )
    recording = _recording(contents, frame, document.flags, received_at)
    return DecodedFile(
        Format.GPX,
        kind="activity",
        recordings=(recording,),
        problem=problem(document.flags, limits, is_kept=True),
        unknown=dict(contents.unknown),
        limited=limited(document.flags, limits),
    )


class _Contents:
    """What the elements hold, in their order. The first track with a name names the recording, else the file itself."""

    def __init__(self, most_points: int) -> None:
        self.points = Points(most_points)
        self.seen: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.tracks: dict[str, str] = {}
        self.document: dict[str, str] = {}
        self.utc_offset_s: float | None = None

    def add(self, element: etree._Element) -> None:
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
        """The kind of a file without times."""
        if self.seen["trkpt"] or self.seen["rtept"]:
            return "route"
        return "waypoints" if self.seen["wpt"] else "empty"

    def _row(self, point: etree._Element) -> list[float | None]:
        row: list[float | None] = [None] * len(PLACES)
        row[1], row[2] = coordinate(point.get("lat")), coordinate(point.get("lon"))
        row[PLACES["segment"]] = self.seen["trkseg"]
        for element in point.iterdescendants():
            name = local(element.tag)
            place = POINT.get(name)
            if place is not None:
                row[place] = number(element.text)
            elif name == "trkpt":  # a point that never ended contains the next one
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


def _recording(contents: _Contents, frame: pl.DataFrame, flags: set[Flag], received_at: datetime) -> Recording:
    track = track_of(frame, contents.tracks.get("type"))
    started_at, elapsed = span(track.points)
    distance = track.distance()
    by_track = track.length() if distance is None else None
    return Recording(
        Format.GPX,
        sport=contents.tracks.get("type"),
        name=contents.tracks.get("name", contents.document.get("name")),
        description=contents.tracks.get("desc", contents.document.get("desc")),
        creator=contents.document.get("creator") or None,
        started_at=started_at,
        utc_offset_s=contents.utc_offset_s,
        elapsed_s=elapsed,
        distance_m=distance if by_track is None else by_track,
        summary={} if by_track is None else {"distance_by": "track"},
        track=track.points,
        left_out=track.left_out,
        flags=frozenset(flags | track.flags | clock_flags(track.points, started_at, received_at)),
    )
