"""KML as OpenTracks, My Tracks and Google Earth record it: tracks of times and places (gx:Track). KMZ is a KML in a zip.

Each placemark with tracks is a recording, each track of it a segment. Values of sensors are arrays, matched with the points by
their order (developers.google.com/kml/documentation/kmlreference#gxtrack). A line without times is a route that somebody drew.
"""

import io
import lzma
import zipfile
import zlib
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest

import polars as pl
from lxml import etree

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.files.markup import Clock, Markup, coordinate, local, number, text
from strava_pipeline.ingest.files.points import (
    PLACES,
    Points,
    TooManyPointsError,
    clock_flags,
    limited,
    problem,
    span,
    track_of,
)

ARRAYS = {
    "speed": "speed",  # m/s
    "heartrate": "heartrate",
    "heart_rate": "heartrate",
    "cadence": "cadence",
    "power": "watts",
    "temperature": "temperature",
}
ROUTE = (
    "It is a route: its lines have no times, so it is no activity. If it was recorded, export it once more with times: as "
    "GPX, or from OpenTracks as KML with track details."
)
_ELEMENTS = ("when", "value", "SimpleArrayData", "Data", "Track", "Placemark", "LineString", "Point")
_SPORT, _WORD = "activityType", "type"  # of OpenTracks; My Tracks has the second alone, in the person's own language


def read_kml(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Read the readable parts of `content`. Never raises, whatever it contains."""
    document = Markup(content, "kml", "coord", _ELEMENTS)
    contents = _Contents(limits, received_at)
    try:
        for element in document:
            contents.add(element)
    except TooManyPointsError:
        document.flags.add(Flag.OVER_LIMIT)
    contents.end_recording(None)
    recordings = [replace(each, flags=each.flags | document.flags) for each in contents.recordings]
    why = problem(document.flags, limits, is_kept=bool(recordings))
    if not recordings:
        why = why or (ROUTE if contents.kind() == "route" else "It holds no points with times.")
    return DecodedFile(
        Format.KML,
        kind="activity" if recordings else contents.kind(),
        recordings=tuple(recordings),
        problem=why,
        unknown=dict(contents.unknown),
        limited=limited(document.flags, limits),
    )


def kml_of_kmz(content: bytes, limits: ImportLimits) -> bytes | None:
    """The KML in a zip, up to one byte more than is read; None if there is none, or it can't be unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            named = [name for name in archive.namelist() if name.lower().endswith(".kml")]
            if not named:
                return None
            with archive.open("doc.kml" if "doc.kml" in named else named[0]) as member:
                return member.read(limits.file_bytes + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ):
        return None


class _Contents(Clock):
    """The contents of the elements, in their order. A track's times, places and values are put together when it ends."""

    def __init__(self, limits: ImportLimits, received_at: datetime) -> None:
        self.recordings: list[Recording] = []
        self.unknown: Counter[str] = Counter()
        self._limits, self._received_at = limits, received_at
        self._seen: Counter[str] = Counter()
        self._points = Points(limits.points)
        self._sport: str | None = None
        self._segment = 0
        self._clear_track()

    def _clear_track(self) -> None:
        self._times: list[int | None] = []
        self._coords: list[list[float | None]] = []
        self._values: list[float | None] = []
        self._arrays: dict[str, list[float | None]] = {}

    def add(self, element: etree._Element) -> None:
        name, within = local(element.tag), local(outer.tag) if (outer := element.getparent()) is not None else ""
        self._seen[name] += 1
        if name == "when" and within == "Track":
            self._times.append(self.time(element.text))
        elif name == "coord" and within == "Track":
            self._coords.append(_place(element.text))
        elif name == "value" and within == "SimpleArrayData":
            self._values.append(number(element.text))
        elif name == "SimpleArrayData":
            self._end_array(element.get("name") or "")
        elif name == "Data" and (element.get("name") == _SPORT or (element.get("name") == _WORD and not self._sport)):
            self._sport = text(element, "value") or self._sport
        elif name == "Track":
            self._end_track()
        elif name == "Placemark":
            if len(self.recordings) == self._limits.recordings:
                raise TooManyPointsError
            self.end_recording(element)

    def kind(self) -> str:
        """The kind of a file without times."""
        if self._seen["LineString"] or self._seen["coord"]:
            return "route"
        return "waypoints" if self._seen["Point"] else "empty"

    def _end_array(self, name: str) -> None:
        if name in ARRAYS:
            self._arrays[ARRAYS[name]] = self._values
        elif name != "trackpoint_type":
            self.unknown[name[:80]] += 1
        self._values = []

    def _end_track(self) -> None:
        if any(at is not None for at in self._times):
            columns = [self._arrays.get(column, []) for column in PLACES]
            times, coords = self._times, self._coords
            self._clear_track()  # before the points get too many
            for at, coord, values in zip_longest(times, coords, zip_longest(*columns)):
                if at is None and coord is None:
                    continue  # an array is longer than the track
                row: list[float | None] = list(values or (None,) * len(PLACES))
                longitude, latitude, altitude = coord or (None, None, None)
                row[0], row[1], row[2], row[PLACES["altitude"]] = at, latitude, longitude, altitude
                row[PLACES["segment"]] = self._segment
                self._points.add(row)
            self._segment += 1
        else:
            self._clear_track()

    def end_recording(self, placemark: etree._Element | None) -> None:
        """Make a recording of the tracks so far. `placemark`: None if it never ended."""
        if self._times:
            self._end_track()
        if self._points:
            self.recordings.append(self._recording(placemark, self._points.frame()))
            self._points, self._sport, self.utc_offset_s = Points(self._limits.points), None, None

    def _recording(self, placemark: etree._Element | None, frame: pl.DataFrame) -> Recording:
        track = track_of(frame, self._sport)
        started_at, elapsed = span(track.points)
        length = track.length()
        return Recording(
            Format.KML,
            place=len(self.recordings),
            sport=self._sport,
            name=None if placemark is None else text(placemark, "name"),
            description=None if placemark is None else text(placemark, "description"),
            started_at=started_at,
            utc_offset_s=self.utc_offset_s,
            elapsed_s=elapsed,
            distance_m=length,
            summary={} if length is None else {"distance_by": "track"},
            track=track.points,
            left_out=track.left_out,
            flags=frozenset(track.flags | clock_flags(track.points, started_at, self._received_at)),
        )


def _place(written: str | None) -> list[float | None]:
    """Longitude, latitude and altitude of "11.5 48.1 520"; a point without a place has an empty text."""
    parts = [coordinate(part) for part in (written or "").split()[:3]]
    return [*parts, None, None, None][:3]
