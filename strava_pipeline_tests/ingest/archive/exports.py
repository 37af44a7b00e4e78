"""Exports of other services, made for tests: lists and recordings as the services write them, with invented content."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.core.files.objects import Numbering
from strava_pipeline.core.files.recording import Reading
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive.container import Kind, open_container
from strava_pipeline.ingest.archive.contents import contents
from strava_pipeline.ingest.archive.import_reader import ImportedActivity, ImportReader, KeptFile
from strava_pipeline.ingest.files.reading import read_whole

CAME = datetime(2026, 11, 20, tzinfo=UTC)
RUNKEEPER = (
    "Activity Id,Date,Type,Route Name,Distance (km),Duration,Average Pace,Average Speed (km/h),Calories Burned,Climb (m),"
    "Average Heart Rate (bpm),Friend's Tagged,Notes,GPX File\n"
)


def gpx(began: datetime, seconds: int = 30, sport: str = "") -> bytes:
    """A recording with a point per second."""
    points = "".join(
        f'<trkpt lat="{48 + place / 10_000}" lon="11.5"><time>{began + timedelta(seconds=place):%Y-%m-%dT%H:%M:%SZ}</time></trkpt>'
        for place in range(seconds)
    )
    return f"<gpx version='1.1'><trk><name>by the app</name><type>{sport}</type><trkseg>{points}</trkseg></trk></gpx>".encode()


def activities_of(
    path: Path, earlier: Mapping[str, bytes] | None = None, limits: ImportLimits = ImportLimits()
) -> list[ImportedActivity]:
    """What an import of `path` brings, from kept bytes alone. `earlier`: recordings of earlier imports, by name."""
    bodies: dict[str, bytes] = {}
    readings: dict[str, Reading] = {}
    files: list[KeptFile] = []
    with open_container(path, limits) as container:
        kind: Kind = container.kind
        for role, entry in contents(container, limits).entries:
            body = entry.read()
            files.append(KeptFile(entry.name, f"{entry.name} {hash(body)}", len(body), role))
            bodies[files[-1].sha256] = body
            if role == "activity":
                readings[files[-1].sha256] = read_whole(body, entry.name, CAME, limits)[0]
    readings |= {name: read_whole(body, name, CAME, limits)[0] for name, body in (earlier or {}).items()}
    reader = ImportReader(files, kind, {}, bodies.__getitem__, Numbering())
    return list(reader.activities(readings.get, {name: name for name in earlier or {}}))


def fields_of(one: ImportedActivity) -> dict[str, object]:
    """All that an activity says, its summary and its detail."""
    return {**one.summary, **(one.detail or {})}


UPLOADS = "DI_CONNECT/DI-Connect-Uploaded-Files/UploadedFiles_0-_Part1.zip"
SUMMARIES = "DI_CONNECT/DI-Connect-Fitness/jane@example.org_0_summarizedActivities.json"


def garmin_item(key: int, began: datetime, **fields: object) -> dict[str, object]:
    """An activity of Garmin's list, half an hour and 5 km, an hour east of Greenwich."""
    stamp = began.timestamp() * 1000
    return {
        "activityId": key, "name": f"Lap {key}", "activityType": "trail_running", "beginTimestamp": int(stamp),
        "startTimeGmt": stamp, "startTimeLocal": stamp + 3_600_000.0, "duration": 1_800_000.0, "elapsedDuration": 1_860_000.0,
        "distance": 500_000.0, "elevationGain": 12_300.0, "avgSpeed": 0.2777, "avgHr": 140.0, "calories": 2000.0,
        "userProfileId": 77, "splits": [{"a": 1}],
    } | fields  # fmt: skip
