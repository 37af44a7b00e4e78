"""Archives and files of a rig's athlete to import, and looks into what an import left. No assertions about it."""

import gzip
import zipfile
from pathlib import Path
from typing import Any

import duckdb

from strava_pipeline.core.tables import DETAIL_TABLES
from strava_pipeline.ingest.strava.emulator.archive import Oddities, write_archive
from strava_pipeline.lake.imports.merge import years_with_unmerged_imports
from strava_pipeline.operations.years import year_range
from strava_pipeline_tests.rig import Rig


def an_archive(rig: Rig, name: str = "export_1.zip", **oddities: int) -> Path:
    """What Strava would mail this rig's athlete."""
    path = rig.folder / name
    write_archive(rig.emulator.state.config, path, oddities=Oddities(**oddities))
    return path


def loose_files(rig: Rig) -> Path:
    """The recordings of this rig's athlete as a watch's folder has them: other names and bytes than in an archive, no list."""
    folder = rig.folder / "watch"
    folder.mkdir()
    with zipfile.ZipFile(an_archive(rig)) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("activities/"))
        for place, name in enumerate(names):
            body, ending = archive.read(name), name[name.index(".") :]
            if ending.endswith(".gz"):
                (folder / f"recording-{place}{ending.removesuffix('.gz')}").write_bytes(gzip.decompress(body))
            else:
                (folder / f"recording-{place}{ending}.gz").write_bytes(gzip.compress(body))
    assert names
    return folder


def a_gpx(seconds: int = 30, minute: int = 0, latitude: float = 48.0, sport: str = "running") -> bytes:
    """A recording of so many points, 11 m and a second apart (faster than people run), that begins at this minute after 10:00 UTC."""
    point = '<trkpt lat="{}" lon="11.5"><ele>500</ele><time>2025-06-01T10:{:02}:{:02}Z</time></trkpt>'
    track = "".join(point.format(latitude + place / 10_000, minute, place) for place in range(seconds))
    return f'<gpx version="1.1" creator="x"><trk><type>{sport}</type><trkseg>{track}</trkseg></trk></gpx>'.encode()


def import_by_dagster(rig: Rig, *paths: Path) -> dict[str, dict[str, Any]]:
    """Run the jobs that the command `import` runs; what each asset reported."""
    outcomes = [rig.run_unpartitioned("import_files", bronze_files={"paths": [str(path) for path in paths]})]
    if years := years_behind(rig):
        outcomes.append(rig.run("merge_files", list(range(min(years), max(years) + 1))))
    return {asset: metadata for outcome in outcomes for asset, metadata in outcome.metadata.items()}


def years_behind(rig: Rig) -> set[int]:
    """The years in which an import has something that is not merged."""
    return years_with_unmerged_imports(rig.lake, year_range(rig.settings.first_year))


def tracks(rig: Rig) -> list[tuple[Any, ...]]:
    """Activity, points, first and last distance of each track."""
    if not any(rig.lake.tracks.rglob("*.parquet")):
        return []
    return duckdb.sql(
        f"SELECT activity_id, count(*), min(distance), max(distance) FROM '{rig.lake.tracks}/*/*.parquet' GROUP BY 1 ORDER BY 1"
    ).fetchall()


def shown(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a reader sees of activities, without the times of their arrival."""
    hidden = {"activities": "ingestion_ts, edited_at", "activity_details": "fetched_at"}
    return {
        name: rig.gold(f"SELECT * {f'EXCLUDE ({hidden[name]})' if name in hidden else ''} FROM {name} ORDER BY ALL")
        for name in ("activities", *DETAIL_TABLES)
    }


def own_rows(rig: Rig) -> list[list[tuple[Any, ...]]]:
    """What is kept by the ids that sources gave."""
    stored = [f"{name}_by_source" for name in DETAIL_TABLES]
    return [rig.gold(f"FROM {name} ORDER BY ALL") for name in ("activities_all", "imported_activities", *stored)]
