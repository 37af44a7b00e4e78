"""The archive that Strava would mail the athlete: activities.csv, the uploaded FIT, GPX and TCX files, pictures, small tables.

activities.csv has a display block in the athlete's language, then a raw block in SI units; its languages and columns are
those of core/files. The files come from a device's program, which knows nothing of titles and kudos.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, Self
from xml.sax.saxutils import escape

from strava_pipeline.core.files.export_columns import SPORTS_IN_METRES, ExportColumn, export_columns, sport_names
from strava_pipeline.emulator.generate.fit_writing import fit_file
from strava_pipeline.emulator.service import EmulatorConfigError, Json
from strava_pipeline.ingest.strava.emulator.activities import Row, epoch_of
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.state import State, build_state

_FAILED_SHARE = 0.004  # of all files: the row names #error#, as 3 of 780 real rows do
_EARLIEST, _LATEST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)  # dates of files in a zip
_PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"  # an empty JPEG
_COLUMN_COUNTS = {"en": 99, "nl": 99, "de": 92}  # as in real exports of 2024 and 2025
_MONTHS = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),  # noqa: SIM905
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec".split(),  # noqa: SIM905
}
# of a hundred files, estimated from real exports
_FORMATS = {"fit.gz": 70, "fit": 4, "gpx.gz": 8, "gpx": 8, "tcx.gz": 10}
_INDOOR_FORMATS = {"fit.gz": 80, "tcx.gz": 20}  # GPX needs positions
_BEFORE_TCX = b" " * 10  # real exports have them before <?xml
_TCX_SPORTS = {"Run": "Running", "Ride": "Biking", "VirtualRide": "Biking"}
_GPX_RATE = (
    "<extensions><gpxtpx:TrackPointExtension><gpxtpx:hr>{}</gpxtpx:hr></gpxtpx:TrackPointExtension></extensions>"
)
_TCX_POSITION = (
    "<Position><LatitudeDegrees>{:.7f}</LatitudeDegrees><LongitudeDegrees>{:.7f}</LongitudeDegrees></Position>"
)

_EMPTY_TABLES = {
    "blocks.csv": ["Blocked Athlete ID", "Created At"],
    "clubs.csv": ["Club Name", "Club Description", "Club Type", "Club Sport", "City", "Country", "State"],
    "comments.csv": ["Comment Date", "Comment"],
    "components.csv": ["Bike Name", "Component Type", "Component Brand", "Component Model"],
    "followers.csv": ["Follower Athlete ID", "Follow Status", "Created At"],
    "goals.csv": ["Goal Type", "Activity Type", "Goal", "Start Date", "End Date", "Segment ID", "Time Period"],
    "reactions.csv": ["Reaction Date", "Reaction Type", "Parent Type", "Parent ID"],
    "routes.csv": ["Route Name", "Route Filename"],
    "segments.csv": ["Segment Name", "Activity ID", "Starting Latitude", "Starting Longitude"],
}


Streams = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How activities.csv is written. `columns` is their number, which grew over the years; None: the language's newest.

    Raises EmulatorConfigError for a language or a number that no archive has.
    """

    language: str = "en"
    columns: int | None = None

    def __post_init__(self) -> None:
        if self.language not in _COLUMN_COUNTS:
            raise EmulatorConfigError(
                f"An archive is written in one of {', '.join(_COLUMN_COUNTS)}, not {self.language!r}."
            )
        most = len(export_columns()) - 1
        if self.columns is not None and not 86 <= self.columns <= most:
            raise EmulatorConfigError(f"An archive has 86 to {most} columns, not {self.columns}.")

    def header(self) -> list[ExportColumn]:
        """The columns in order; Media is always the last."""
        *others, media = [column for column in export_columns() if column.block != "odd"]
        return [*others[: (self.columns or _COLUMN_COUNTS[self.language]) - 1], media]

    def text(self, rows: Sequence[Sequence[str]]) -> bytes:
        """The bytes of activities.csv."""
        return _csv([[column.name(self.language) for column in self.header()], *rows])


@dataclass(frozen=True, slots=True)
class Oddities:
    """Deliberate faults: how many files that rows name are `missing`, and how many files are `unlisted` in any row."""

    missing: int = 0
    unlisted: int = 0


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """The counts of the written archive: rows, the files that rows name, and rows without a file (manual activities,
    failed exports).
    """

    rows: int
    files: int
    without_file: int


@dataclass(frozen=True, slots=True)
class Exported:
    """The content of an archive: an athlete's activities, oldest first, and gear as they were at `now`."""

    seed: int
    now: datetime
    rows: Sequence[Row]
    athlete: Json
    gear: Mapping[str, Json]

    @classmethod
    def of(cls, state: State) -> Self:
        """Everything at the emulator's present time, including edits, deletions and additions."""
        rows = state.store.listed(state.epoch, private=True, after=float("-inf"), before=None)
        return cls(state.config.seed, state.clock.now(), rows, state.athlete, dict(state.gear))


def write_archive(
    config: EmulatorConfig, to: Path | BinaryIO, layout: Layout | None = None, oddities: Oddities | None = None
) -> ArchiveSummary:
    """Write the archive that an emulator of this configuration would mail at its start; the same bytes every time."""
    return write_export(Exported.of(build_state(replace(config, speed=0.0))), to, layout, oddities)


def write_export(
    content: Exported, to: Path | BinaryIO, layout: Layout | None = None, oddities: Oddities | None = None
) -> ArchiveSummary:
    """Write the zip of an archive: the list, the files of activities, pictures, and small tables."""
    layout, oddities = layout or Layout(), oddities or Oddities()
    rows: list[list[str]] = []
    pictures: list[str] = []
    files = 0
    with zipfile.ZipFile(to, "w") as archive:
        for row in content.rows:
            detail = row.source.detail()
            rng = Random(f"{content.seed}:{row.id}:export")
            name, body = _recorded_file(row, detail, rng)
            if body is not None:
                files += 1
                if files > oddities.missing:
                    _add(archive, content, name, body)
                if files <= oddities.unlisted:
                    _add(archive, content, f"activities/unlisted-{files}{name[name.index('.') :]}", body)
            own_pictures = [f"media/{rng.getrandbits(32)}.jpg" for _ in range(detail.get("total_photo_count") or 0)]
            pictures += own_pictures
            rows.append(list_row(detail, name, own_pictures, layout, content.gear))
        _add(archive, content, "activities.csv", layout.text(rows))
        for name in pictures:
            _add(archive, content, name, _PICTURE)
        for name, body in small_tables(content.athlete, list(content.gear.values()), pictures).items():
            _add(archive, content, name, body)
    return ArchiveSummary(rows=len(rows), files=files, without_file=len(rows) - files)


def _recorded_file(row: Row, detail: Json, rng: Random) -> tuple[str, bytes | None]:
    """The file name in an activity's row, and the file: None for a manual activity or a failed export."""
    streams = row.source.streams()
    if streams is None:
        return "", None
    if rng.random() < _FAILED_SHARE:
        return "#error#", None
    formats = _FORMATS if "latlng" in streams else _INDOOR_FORMATS
    file_format = rng.choices(list(formats), list(formats.values()))[0]
    return f"activities/{detail.get('upload_id') or row.id}.{file_format}", recording_file(
        file_format, row.start, detail, streams
    )


def _add(archive: zipfile.ZipFile, content: Exported, name: str, body: bytes) -> None:
    info = zipfile.ZipInfo(name, min(max(content.now, _EARLIEST), _LATEST).timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, body)


def list_row(
    detail: Json, filename: str, pictures: Sequence[str], layout: Layout, gear: Mapping[str, Json]
) -> list[str]:
    """The row of an activity in activities.csv; fields that a dataset lacks are empty."""
    gear_id = detail.get("gear_id") or ""
    used_gear = gear.get(gear_id, {})
    start = epoch_of(detail["start_date"])
    sport = detail.get("sport_type") or detail.get("type") or "Workout"
    values: dict[str, Any] = {
        **{name: value for name, value in detail.items() if isinstance(value, bool | int | float)},
        "start_date": _date(start, layout.language),
        "name": detail.get("name"),
        "description": detail.get("description"),
        "sport_type": sport_names().get(sport, {}).get(layout.language, sport),
        "elapsed_time_shown": detail.get("elapsed_time"),
        "distance_shown": _distance(detail.get("distance"), sport, layout.language),
        "max_heartrate_shown": _rounded(detail.get("max_heartrate")),
        "suffer_score_shown": _rounded(detail.get("suffer_score")),
        "commute_shown": "true" if detail.get("commute") else "false",
        "gear_name": used_gear.get("nickname") or used_gear.get("name"),
        "filename": filename,
        "bike": _number(gear_id, "b"),
        "shoes": _number(gear_id, "g"),
        "from_upload": None if detail.get("manual") else True,
        "media": "|".join(pictures),
    }
    return [_cell(column, values.get(column.field)) for column in layout.header()]


def _cell(column: ExportColumn, value: Any) -> str:
    if value is None:
        return ""
    if column.block == "raw" and isinstance(value, bool | int | float):
        return str(float(value))
    return str(value)


def _date(epoch: int, language: str) -> str:
    at = datetime.fromtimestamp(epoch, UTC)
    if language == "de":
        return f"{at:%d.%m.%Y, %H:%M:%S}"
    month = _MONTHS[language][at.month - 1]
    if language == "nl":
        return f"{at.day} {month} {at:%Y, %H:%M:%S}"
    return f"{month} {at.day}, {at.year}, {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"


def _number(gear_id: str, kind: str) -> float | None:
    """The number in the id of a bike (b…) or of shoes (g…), as the column holds it."""
    return float(gear_id[1:]) if gear_id[:1] == kind and gear_id[1:].isdecimal() else None


def _distance(metres: float | None, sport: str, language: str) -> str:
    """The displayed distance: kilometres cut to two decimals, or whole metres, with the language's separators."""
    if not metres:
        return "" if metres is None else "0"
    text = f"{metres:,.0f}" if sport in SPORTS_IN_METRES else f"{int(metres / 10) / 100:,.2f}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def recording_file(file_format: str, start: int, detail: Json, streams: Streams) -> bytes:
    """The file that the device uploaded, for an activity that began at `start` (epoch seconds)."""
    kind, _, packed = file_format.partition(".")
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


def small_tables(athlete: Json, gear: Sequence[Json], pictures: Sequence[str]) -> dict[str, bytes]:
    """The small CSV files by name, in English whatever the list's language: profile, gear, pictures, and empty tables."""
    return {
        "profile.csv": _profile_csv(athlete),
        "bikes.csv": _gear_csv("Bike", [item for item in gear if str(item["id"]).startswith("b")]),
        "shoes.csv": _gear_csv("Shoe", [item for item in gear if not str(item["id"]).startswith("b")]),
        "media.csv": _csv([["Media Filename", "Media Caption"], *([name, ""] for name in pictures)]),
        **{name: _csv([header]) for name, header in _EMPTY_TABLES.items()},
    }


def _profile_csv(athlete: Json) -> bytes:
    header = ["Athlete ID", "Email Address", "First Name", "Last Name", "Sex", "Description", "Weight", "City", "State"]
    fields = ["firstname", "lastname", "sex", "bio", "weight", "city", "state"]
    return _csv([header, [athlete["id"], "athlete@example.invalid", *(athlete.get(name, "") for name in fields)]])


def _gear_csv(what: str, items: Sequence[Json]) -> bytes:
    header = [f"{what} {column}" for column in ("Name", "Brand", "Model", "Default Sport Types")]
    rows = [
        [item.get("nickname") or item.get("name", ""), item.get("brand_name", ""), item.get("model_name", ""), ""]
        for item in items
    ]
    return _csv([header, *rows])


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
