"""Exports of other services, made for tests: lists and recordings as the services write them, with invented content."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strava_pipeline.core.files.objects import Numbering
from strava_pipeline.core.files.recording import Reading
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.ingest.archive.container import Kind, open_container
from strava_pipeline.ingest.archive.contents import ImportedActivity, ImportReader, KeptFile, contents
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
