"""TCX: Training Center files, as Garmin, Strava and many others write them. An activity is a recording; a course isn't.

Laps are kept unchanged. The distance is the last point's if the laps' sum is about the same: devices round, stop and
resume laps, and the points are the recorded values. If laps and points contradict each other, the positions decide. A
lap's time is the device's timer, so the sum of the laps' times is the moving time.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import isclose, log
from typing import Any

import polars as pl
from lxml import etree

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.files.markup import Clock, Markup, coordinate, instant, local, number, offset_s, text
from strava_pipeline.ingest.files.points import (
    PLACES,
    Points,
    TooManyPointsError,
    Track,
    clock_flags,
    limited,
    problem,
    span,
    track_of,
)

COLUMNS = {
    "LatitudeDegrees": "latitude",
    "LongitudeDegrees": "longitude",
    "AltitudeMeters": "altitude",
    "DistanceMeters": "distance",
    "HeartRateBpm": "heartrate",
    "Cadence": "cadence",
    "RunCadence": "cadence",
    "Speed": "speed",
    "Watts": "watts",
    "Temperature": "temperature",
}
POINT = {name: PLACES[column] for name, column in COLUMNS.items()}
DEGREES = ("LatitudeDegrees", "LongitudeDegrees")
NO_VALUES = ("Trackpoint", "Time", "Value", "Position", "Extensions", "TPX", "")
TOTALS = {"TotalTimeSeconds": "moving_s", "DistanceMeters": "distance_m", "Calories": "calories"}
LAP = TOTALS | {
    "MaximumSpeed": "max_speed",
    "AverageHeartRateBpm": "avg_heartrate",
    "MaximumHeartRateBpm": "max_heartrate",
    "Cadence": "avg_cadence",
    "AvgRunCadence": "avg_cadence",
    "MaxRunCadence": "max_cadence",
    "MaxBikeCadence": "max_cadence",
    "AvgSpeed": "avg_speed",
    "AvgWatts": "avg_watts",
    "MaxWatts": "max_watts",
    "Steps": "steps",
}
AGREE = 0.05  # of a distance by which laps and points may differ: rounding, and the way to a lap's first point
MOVED = 50.0  # m between positions of a lap; at rest they stray by less
METRES = 111_195.0  # of a degree
WORDS = {"Intensity": "intensity", "TriggerMethod": "trigger"}


def read_tcx(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Read the readable parts of `content`. Never raises, whatever it contains."""
    document = Markup(
        content, "TrainingCenterDatabase", "Trackpoint", ("Track", "Lap", "Activity", "Course", "Workout")
    )
    unknown: Counter[str] = Counter()
    recordings: list[Recording] = []
    contents, seen = _Contents(unknown, limits.points), Counter[str]()
    last: etree._Element | None = None
    try:
        for last in document:
            name = local(last.tag)
            seen[name] += 1
            if name == "Activity":
                if len(recordings) == limits.recordings:
                    raise TooManyPointsError
                recordings.append(contents.recording(last, len(recordings), received_at))
            if name in ("Activity", "Course"):
                contents = _Contents(unknown, limits.points)
            contents.add(last)
    except TooManyPointsError:
        document.flags.add(Flag.OVER_LIMIT)
    if contents and not _in_course(last):  # the activity never ended
        recordings.append(contents.recording(None, len(recordings), received_at))
    kind = next((kind for kind in ("Course", "Workout") if seen[kind]), "empty").lower()
    return DecodedFile(
        Format.TCX,
        kind="activity" if recordings else kind,
        recordings=tuple(replace(recording, flags=recording.flags | document.flags) for recording in recordings),
        problem=problem(document.flags, limits, is_kept=bool(recordings))
        or ("It holds no activity." if kind == "empty" and not recordings else None),
        unknown=dict(unknown),
        limited=limited(document.flags, limits),
        left_out={"course": seen["Course"]} if seen["Course"] else {},
    )


def _in_course(element: etree._Element | None) -> bool:
    return element is not None and any(
        local(outer.tag) in ("Course", "Courses") for outer in (element, *element.iterancestors())
    )


class _Contents(Clock):
    """The contents of one activity's elements, in their order."""

    def __init__(self, unknown: Counter[str], most_points: int) -> None:
        self.points = Points(most_points)
        self.laps: list[Mapping[str, Any]] = []
        self._ends: list[int] = []  # of each lap: how many points there are up to its end
        self._segment = 0
        self._unknown = unknown

    def __bool__(self) -> bool:
        return bool(self.points or self.laps)

    def add(self, element: etree._Element) -> None:
        match local(element.tag):
            case "Trackpoint":
                self.points.add(self._row(element))
            case "Track":
                self._segment += 1
            case "Lap":
                self.laps.append(_lap(element))
                self._ends.append(len(self.points))

    def recording(self, activity: etree._Element | None, place: int, received_at: datetime) -> Recording:
        """`activity`: its element, or None if it never ended."""
        track = track_of(self.points.frame(), None if activity is None else activity.get("Sport"))
        began = instant(text(activity, "Id")) if activity is not None else None
        starts = [lap["started_at"] for lap in self.laps if lap["started_at"] is not None]
        first, elapsed = span(track.points)
        started_at = first or min(starts, default=began)
        track, distance, summary = self._distance(track, track.left_out.get("point", 0))
        offset = offset_s(began) if self.utc_offset_s is None else self.utc_offset_s
        return Recording(
            Format.TCX,
            place=place,
            sport=None if activity is None else activity.get("Sport"),
            description=None if activity is None else text(activity, "Notes"),
            creator=None if activity is None else text(activity, "Creator", "Name"),
            started_at=started_at,
            utc_offset_s=offset,
            elapsed_s=elapsed,
            moving_s=self._total("moving_s"),
            distance_m=track.measured(distance),
            calories=self._total("calories"),
            summary=summary,
            laps=tuple({**lap, "started_at": track.by_set_clock(lap["started_at"])} for lap in self.laps),
            track=track.points,
            left_out=track.left_out,
            flags=frozenset(track.flags | clock_flags(track.points, started_at, received_at)),
        )

    def _distance(self, track: Track, dropped: int) -> tuple[Track, float | None, dict[str, str]]:
        """The track, without its points' distances if they are wrong; the distance; and its source, if there was a choice."""
        points, way = track.distance(), track.length()
        laps, apart = self._laps_distance(track.points, dropped)
        found = {by: metres for by, metres in (("points", points), ("laps", laps)) if metres is not None}
        if points is not None and laps is not None:
            if isclose(points, laps, rel_tol=AGREE):
                return track, points, {}
            if apart and isclose(points, laps - apart, rel_tol=AGREE):
                return track, laps, {"distance_by": "laps"}
        by = min(
            found, key=lambda each: abs(log(max(found[each], 1.0) / way)) if way else each == "points", default="track"
        )
        if way is not None and way > 2 * found.get(by, 0.0):
            by, found["track"] = "track", way
        is_kept = points is None or by == "points"
        is_choice = by in found and found.keys() != {"points"}
        return track if is_kept else track.without_distance(), found.get(by), {"distance_by": by} if is_choice else {}

    def _laps_distance(self, points: pl.DataFrame, dropped: int) -> tuple[float | None, float]:
        """The sum of the laps, or None if a lap moved and has no distance; and how much of it comes from laps without points."""
        ends = [max(end - dropped, 0) for end in self._ends]  # the first points may be of another day
        laps = [
            (lap.get("distance_m"), first, end) for lap, first, end in zip(self.laps, [0, *ends], ends, strict=False)
        ]
        if any(not metres and _has_moved(points[first:end]) for metres, first, end in laps):
            return None, 0.0
        return self._total("distance_m"), sum(metres or 0.0 for metres, first, end in laps if first == end)

    def _total(self, name: str) -> float | None:
        values = [lap[name] for lap in self.laps if name in lap]
        return sum(values) if values else None

    def _row(self, point: etree._Element) -> list[float | None]:
        row: list[float | None] = [None] * len(PLACES)
        row[0] = self.time(text(point, "Time"))
        row[PLACES["segment"]] = self._segment
        for element in point.iterdescendants():
            name = local(element.tag)
            place = POINT.get(name)
            if place is not None:
                row[place] = coordinate(element.text) if name in DEGREES else _value(element)
            elif name == "Trackpoint":  # a point that never ended contains the next one
                break
            elif name not in NO_VALUES and not len(element):
                self._unknown[name[:80]] += 1
        return row


def _has_moved(points: pl.DataFrame) -> bool:
    spans = points.select(pl.max(name) - pl.min(name) for name in ("distance", "latitude", "longitude")).row(0)
    metres, *degrees = (span or 0.0 for span in spans)
    return bool(max(metres, max(degrees) * METRES) > MOVED)


def _lap(element: etree._Element) -> dict[str, Any]:
    began = instant(element.get("StartTime"))
    lap: dict[str, Any] = {"started_at": began.astimezone(UTC) if began is not None else None}
    for field in (inner for part in element if local(part.tag) != "Track" for inner in part.iter()):
        name = local(field.tag)
        if name in WORDS and field.text:
            lap[WORDS[name]] = field.text.strip()
        elif name in LAP and (value := _value(field)) is not None:
            lap[LAP[name]] = value
    return lap


def _value(element: etree._Element) -> float | None:
    """The number of an element; heart rates have it in a nested `Value`."""
    return number(element.text if not len(element) else text(element, "Value"))
