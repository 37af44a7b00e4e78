"""A track as the file that other programs read: GPX 1.1, TCX 2, CSV. Pure.

Written as the schemas say: https://www.topografix.com/GPX/1/1/ with Garmin's TrackPointExtension 1 for heart rate, cadence and
temperature, and https://www8.garmin.com/xmlschemas/TrainingCenterDatabasev2.xsd with its ActivityExtension 2 for speed and power.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
from lxml import etree

from strava_pipeline.core.json_values import without_none
from strava_pipeline.core.sports import GROUP_OF

_GPX = "http://www.topografix.com/GPX/1/1"
_POINT = "http://www.garmin.com/xmlschemas/TrackPointExtension/v1"
_TCX = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"
_ACTIVITY = "http://www.garmin.com/xmlschemas/ActivityExtension/v2"
_CREATOR = "strava_pipeline"
_TCX_SPORTS = {"ride": "Biking", "e_ride": "Biking", "run": "Running"}  # TCX knows two, and Other
_IN_XML = str.maketrans({code: " " for code in range(32) if chr(code) not in "\t\n\r"} | {0xFFFE: " ", 0xFFFF: " "})


@dataclass(frozen=True, slots=True)
class Titled:
    """What a file states besides the points: the activity's title, and its sport as Strava names it."""

    name: str | None = None
    sport: str | None = None


def gpx(points: pl.DataFrame, activity: Titled) -> bytes:
    """A GPX file of the points (columns of `tracks`, in order), a segment for each part; without points that have no position."""
    root = etree.Element(f"{{{_GPX}}}gpx", nsmap={None: _GPX, "gpxtpx": _POINT}, version="1.1", creator=_CREATOR)
    track = etree.SubElement(root, f"{{{_GPX}}}trk")
    _add(track, _GPX, "name", activity.name)
    _add(track, _GPX, "type", activity.sport)
    shown = points.filter(pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null())
    for part in shown.partition_by("part", maintain_order=True):
        segment = etree.SubElement(track, f"{{{_GPX}}}trkseg")
        for row in part.iter_rows(named=True):
            _gpx_point(segment, row)
    return _document(root)


def _gpx_point(segment: Any, row: Mapping[str, Any]) -> None:
    place = {"lat": _number(row["latitude"]), "lon": _number(row["longitude"])}
    point = etree.SubElement(segment, f"{{{_GPX}}}trkpt", place)
    _add(point, _GPX, "ele", row["altitude"])
    _add(point, _GPX, "time", row["recorded_at"])
    measured = {"atemp": row["temperature"], "hr": _whole(row["heartrate"]), "cad": _whole(row["cadence"])}
    given = without_none(measured)
    if not given and row["watts"] is None:
        return
    extensions = etree.SubElement(point, f"{{{_GPX}}}extensions")
    _add(extensions, _GPX, "power", _whole(row["watts"]))  # no schema has it; Strava and Garmin read it there
    if given:
        own = etree.SubElement(extensions, f"{{{_POINT}}}TrackPointExtension")
        for name, value in given.items():
            _add(own, _POINT, name, value)


def tcx(points: pl.DataFrame, activity: Titled) -> bytes:
    """A TCX file of the points (columns of `tracks`, in order), a lap for each part; without points that have no time.

    Raises ValueError if no point has a time, which TCX requires.
    """
    timed = points.filter(pl.col("recorded_at").is_not_null())
    if timed.is_empty():
        raise ValueError("no point of the track has a time, and TCX is made of times; GPX and CSV need none")
    root = etree.Element(f"{{{_TCX}}}TrainingCenterDatabase", nsmap={None: _TCX, "ns3": _ACTIVITY})
    sport = _TCX_SPORTS.get(GROUP_OF.get(activity.sport or "", ""), "Other")
    one = etree.SubElement(etree.SubElement(root, f"{{{_TCX}}}Activities"), f"{{{_TCX}}}Activity", Sport=sport)
    _add(one, _TCX, "Id", timed["recorded_at"].min())
    for part in timed.partition_by("part", maintain_order=True):
        _tcx_lap(one, part)
    _add(one, _TCX, "Notes", activity.name)
    return _document(root)


def _tcx_lap(one: Any, part: pl.DataFrame) -> None:
    times, distances = part["recorded_at"], part["distance"].drop_nulls()
    seconds = (times.max() - times.min()).total_seconds()  # type: ignore[operator, union-attr]
    lap = etree.SubElement(one, f"{{{_TCX}}}Lap", StartTime=_text(times.min()))
    _add(lap, _TCX, "TotalTimeSeconds", float(seconds))
    _add(lap, _TCX, "DistanceMeters", float(distances[-1] - distances[0]) if len(distances) else 0.0)
    _add(lap, _TCX, "Calories", 0)  # asked for by the schema
    _add(lap, _TCX, "Intensity", "Active")
    _add(lap, _TCX, "TriggerMethod", "Manual")
    track = etree.SubElement(lap, f"{{{_TCX}}}Track")
    for row in part.iter_rows(named=True):
        _tcx_point(track, row)


def _tcx_point(track: Any, row: Mapping[str, Any]) -> None:
    point = etree.SubElement(track, f"{{{_TCX}}}Trackpoint")
    _add(point, _TCX, "Time", row["recorded_at"])
    if row["latitude"] is not None and row["longitude"] is not None:
        place = etree.SubElement(point, f"{{{_TCX}}}Position")
        _add(place, _TCX, "LatitudeDegrees", row["latitude"])
        _add(place, _TCX, "LongitudeDegrees", row["longitude"])
    _add(point, _TCX, "AltitudeMeters", row["altitude"])
    _add(point, _TCX, "DistanceMeters", row["distance"])
    if row["heartrate"] is not None:
        _add(etree.SubElement(point, f"{{{_TCX}}}HeartRateBpm"), _TCX, "Value", _whole(row["heartrate"]))
    _add(point, _TCX, "Cadence", _whole(row["cadence"]))
    if row["speed"] is not None or row["watts"] is not None:
        extensions = etree.SubElement(point, f"{{{_TCX}}}Extensions")
        own = etree.SubElement(extensions, f"{{{_ACTIVITY}}}TPX")
        _add(own, _ACTIVITY, "Speed", row["speed"])
        _add(own, _ACTIVITY, "Watts", _whole(row["watts"]))


def _add(parent: Any, namespace: str, name: str, value: Any) -> None:
    if value is not None:
        etree.SubElement(parent, f"{{{namespace}}}{name}").text = _text(value)


def _text(value: Any) -> str:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case float():
            return _number(value)
        case _:
            return str(value).translate(_IN_XML)


def _number(value: float) -> str:
    """The shortest text that reads back as the same number, never with an exponent, which XML's decimals lack."""
    return f"{value:.9f}".rstrip("0").rstrip(".") if value else "0"


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _document(root: Any) -> bytes:
    found: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return found


def csv(points: pl.DataFrame) -> bytes:
    """The points as CSV with the columns of `tracks`; instants in UTC as ISO 8601."""
    times = pl.col("recorded_at").dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    return points.with_columns(times).write_csv().encode()
