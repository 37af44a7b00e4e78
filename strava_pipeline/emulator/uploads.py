"""A file that a client uploads to a service: extracting it from its form, and its immediately readable contents. No paths."""

import gzip
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from itertools import pairwise

import fitdecode

from strava_pipeline.core.geodesy import distance_m
from strava_pipeline.emulator.service import Json

_TIME = re.compile(rb"<time>([^<]+)</time>", re.IGNORECASE)  # of a point, in GPX and TCX
_GPX_POINT = re.compile(rb'<trkpt\s+lat="([^"]+)"\s+lon="([^"]+)"')
_TCX_METRES = re.compile(rb"<Trackpoint>.*?<DistanceMeters>([^<]+)</DistanceMeters>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with a file: its other fields, and the file's name and bytes."""

    fields: Mapping[str, str]
    name: str
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()

    def described(self) -> Json:
        """The form for a journal of writes."""
        file = {"name": self.name, "size": len(self.content), "sha256": self.digest}
        return {**self.fields, "file": file}


@dataclass(frozen=True, slots=True)
class Recording:
    """The contents of a file: the start (UTC), seconds from the first to the last point, and metres."""

    start: datetime
    seconds: int
    metres: float


def read_upload(content_type: str, body: bytes) -> Upload | None:
    """The form of a request with a field `file`, multipart/form-data by RFC 7578; None for anything else."""
    boundary = _header(content_type).get_param("boundary")
    if not isinstance(boundary, str):
        return None
    fields: dict[str, str] = {}
    file: tuple[str, bytes] | None = None
    for part in body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        lines = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
        shown = next((value for name, _, value in lines if name.lower() == "content-disposition"), "")
        name, file_name = (_header(shown).get_param(key) for key in ("name", "filename"))
        if name == "file" and file_name is not None:
            file = (str(file_name), content)
        else:
            fields[str(name)] = content.decode("utf-8", "replace")
    return None if file is None else Upload(fields, *file)


def recording_of(content: bytes) -> Recording | None:
    """The contents of a FIT, GPX or TCX file, packed by gzip or not; None without a start."""
    with suppress(OSError, ValueError, EOFError, fitdecode.FitError):
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        if content[8:12] == b".FIT":
            return _fit(content)
        times = sorted(datetime.fromisoformat(text.decode().strip()).astimezone(UTC) for text in _TIME.findall(content))
        if times:
            return Recording(times[0], round((times[-1] - times[0]).total_seconds()), round(_metres(content), 1))
    return None


def _header(value: str) -> Message:
    message = Message()
    message["content-type"] = value if "/" in value.partition(";")[0] else f"form/{value.strip()}"
    return message


def _metres(content: bytes) -> float:
    if metres := _TCX_METRES.findall(content):
        return float(metres[-1])
    points = [(float(lat), float(lon)) for lat, lon in _GPX_POINT.findall(content)]
    return sum(distance_m(*one, *other) for one, other in pairwise(points))


def _fit(content: bytes) -> Recording | None:
    for session in _sessions(content):
        start = session.get_value("start_time", fallback=None)
        if isinstance(start, datetime):
            seconds = session.get_value("total_elapsed_time", fallback=None) or 0
            metres = session.get_value("total_distance", fallback=None) or 0.0
            return Recording(start.astimezone(UTC), round(seconds), round(metres, 1))
    return None


def _sessions(content: bytes) -> Iterator[fitdecode.FitDataMessage]:
    with fitdecode.FitReader(io.BytesIO(content)) as reader:
        for frame in reader:
            if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "session":
                yield frame
