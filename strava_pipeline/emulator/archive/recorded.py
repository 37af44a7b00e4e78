"""An activity's recording as the file it was uploaded as: FIT, GPX or TCX, plain or gzipped.

A device's program wrote it, so it knows nothing of names and kudos. The bytes of FIT stand in fit.py.
"""

import gzip
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from strava_pipeline.emulator.archive.fit import fit_file
from strava_pipeline.emulator.wire import Json

FORMS = {"fit.gz": 70, "fit": 4, "gpx.gz": 8, "gpx": 8, "tcx.gz": 10}  # of a hundred files, judged from real exports
INDOOR_FORMS = {"fit.gz": 80, "tcx.gz": 20}  # without positions nobody writes GPX
_BEFORE_TCX = b" " * 10  # real exports have them before <?xml
_TCX_SPORTS = {"Run": "Running", "Ride": "Biking", "VirtualRide": "Biking"}
_GPX_RATE = (
    "<extensions><gpxtpx:TrackPointExtension><gpxtpx:hr>{}</gpxtpx:hr></gpxtpx:TrackPointExtension></extensions>"
)
_TCX_POSITION = (
    "<Position><LatitudeDegrees>{:.7f}</LatitudeDegrees><LongitudeDegrees>{:.7f}</LongitudeDegrees></Position>"
)

Streams = dict[str, list[Any]]


def recorded(form: str, start: int, detail: Json, streams: Streams) -> bytes:
    """The file of an activity that began at `start` (epoch seconds)."""
    kind, _, packed = form.partition(".")
    if kind == "fit":
        body = fit_file(start, detail, streams)
    elif kind == "gpx":
        body = _gpx(start, detail, streams)
    else:
        body = _BEFORE_TCX + _tcx(start, detail, streams)
    return gzip.compress(body, 6, mtime=0) if packed else body


def _gpx(start: int, detail: Json, streams: Streams) -> bytes:
    points = []
    for index, (lat, lon) in enumerate(streams["latlng"]):
        rate = _GPX_RATE.format(streams["heartrate"][index]) if "heartrate" in streams else ""
        points.append(
            f'   <trkpt lat="{lat:.7f}" lon="{lon:.7f}"><ele>{streams["altitude"][index]}</ele>'
            f"<time>{_at(start + streams['time'][index])}</time>{rate}</trkpt>\n"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<gpx creator="StravaGPX" version="1.1"'
        ' xmlns="http://www.topografix.com/GPX/1/1"'
        ' xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">\n'
        f" <metadata><time>{_at(start)}</time></metadata>\n <trk>\n  <name>{escape(str(detail.get('name', '')))}</name>\n"
        f"  <type>{_TCX_SPORTS.get(detail.get('type', ''), 'Other').lower()}</type>\n  <trkseg>\n{''.join(points)}"
        "  </trkseg>\n </trk>\n</gpx>\n"
    ).encode()


def _tcx(start: int, detail: Json, streams: Streams) -> bytes:
    points = []
    for index, second in enumerate(streams["time"]):
        parts = [f"<Time>{_at(start + second)}</Time>"]
        if "latlng" in streams:
            lat, lon = streams["latlng"][index]
            parts.append(_TCX_POSITION.format(lat, lon))
            parts.append(f"<AltitudeMeters>{streams['altitude'][index]}</AltitudeMeters>")
        parts.append(f"<DistanceMeters>{streams['distance'][index]}</DistanceMeters>")
        if "heartrate" in streams:
            parts.append(f"<HeartRateBpm><Value>{streams['heartrate'][index]}</Value></HeartRateBpm>")
        points.append(f"     <Trackpoint>{''.join(parts)}</Trackpoint>\n")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2">\n <Activities>\n'
        f'  <Activity Sport="{_TCX_SPORTS.get(detail.get("type", ""), "Other")}">\n   <Id>{_at(start)}</Id>\n'
        f'   <Lap StartTime="{_at(start)}">\n    <TotalTimeSeconds>{detail["elapsed_time"]}</TotalTimeSeconds>\n'
        f"    <DistanceMeters>{detail['distance']}</DistanceMeters>\n"
        f"    <Calories>{round(detail.get('calories') or 0)}</Calories>\n"
        "    <Intensity>Active</Intensity>\n    <TriggerMethod>Manual</TriggerMethod>\n    <Track>\n"
        f"{''.join(points)}    </Track>\n   </Lap>\n  </Activity>\n </Activities>\n</TrainingCenterDatabase>\n"
    ).encode()


def _at(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"
