"""TCX: Training Center files, as Garmin, Strava and many others write them. An activity is a recording; a course is none.

Laps are kept as they are, but the distance is the last point's: devices round, stop and resume laps, and the points are what was
recorded. A lap's time is the device's timer, so the sum of the laps' times is the moving time.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from strava_pipeline.core.files.recording import DecodedFile, Flag, Format, Recording
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.files.markup import Markup, instant, local, number, offset_s, text
from strava_pipeline.ingest.files.points import (
    PLACES,
    Points,
    TooManyPointsError,
    Track,
    clock_flags,
    limited,
    microseconds,
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
WORDS = {"Intensity": "intensity", "TriggerMethod": "trigger"}


def read_tcx(content: bytes, received_at: datetime, limits: ImportLimits = ImportLimits()) -> DecodedFile:
    """Read what can be read of `content`. Nothing that it holds raises."""
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
    )


def _in_course(element: etree._Element | None) -> bool:
    return element is not None and any(
        local(outer.tag) in ("Course", "Courses") for outer in (element, *element.iterancestors())
    )


class _Contents:
    """What the elements of one activity hold, in their order."""

    def __init__(self, unknown: Counter[str], most_points: int) -> None:
        self.points = Points(most_points)
        self.laps: list[Mapping[str, Any]] = []
        self.utc_offset_s: float | None = None
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

    def recording(self, activity: etree._Element | None, place: int, received_at: datetime) -> Recording:
        """`activity`: its element, None where it never ended."""
        frame = self.points.frame()
        track = track_of(frame, None if activity is None else activity.get("Sport"))
        began = instant(text(activity, "Id")) if activity is not None else None
        starts = [lap["started_at"] for lap in self.laps if lap["started_at"] is not None]
        first, elapsed = span(track.points)
        started_at = first or min(starts, default=began)
        distance, summary = self._distance(track)
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
            distance_m=distance,
            calories=self._total("calories"),
            summary=summary,
            laps=tuple(self.laps),
            track=track.points,
            left_out=track.left_out,
            flags=frozenset(track.flags | clock_flags(track.points, started_at, received_at)),
        )

    def _distance(self, track: Track) -> tuple[float | None, dict[str, str]]:
        for distance, by in (
            (track.distance(), None),
            (self._total("distance_m"), "laps"),
            (track.length(), "track"),
        ):
            if distance is not None:
                return distance, {} if by is None else {"distance_by": by}
        return None, {}

    def _total(self, name: str) -> float | None:
        values = [lap[name] for lap in self.laps if name in lap]
        return sum(values) if values else None

    def _row(self, point: etree._Element) -> list[float | None]:
        at = instant(text(point, "Time"))
        if self.utc_offset_s is None:
            self.utc_offset_s = offset_s(at)
        row: list[float | None] = [None] * len(PLACES)
        row[0] = None if at is None else microseconds(at)
        row[PLACES["segment"]] = self._segment
        for element in point.iterdescendants():
            name = local(element.tag)
            place = POINT.get(name)
            if place is not None:
                row[place] = _value(element)
            elif name == "Trackpoint":  # a point that never ended contains the next one
                break
            elif name not in NO_VALUES and not len(element):
                self._unknown[name[:80]] += 1
        return row


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
    """The number of an element; heart rates have it in a `Value` of their own."""
    return number(element.text if not len(element) else text(element, "Value"))
