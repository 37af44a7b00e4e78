"""Makes imports for tests: a manifest, and the activities that came of it, put on disk as a run would."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.core.rows import Json
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.imports.activities import SessionKeys, write_activities
from strava_pipeline.lake.imports.manifests import Import, ImportedFile, ImportManifest, land_import
from strava_pipeline.lake.imports.merge import merge_details, merge_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import NOW, YEARS


@dataclass(frozen=True)
class Made:
    """What ingest tells of one activity."""

    source: str
    activity_id: int
    summary: Json
    detail: Json | None = None
    recorded: SessionKeys = ()


def a_file(name: str = "activities.csv", sha256: str = "aa", role: str = "list") -> ImportedFile:
    return ImportedFile.model_validate({"name": name, "sha256": sha256, "size": 5, "role": role})


def landed(lake: Lake, *files: ImportedFile, at: datetime = NOW) -> Import:
    """An import of files of which only the names are there."""
    manifest = ImportManifest(came_as="export.zip", kind="zip", received_at=at, athlete_id=7, files=list(files))
    one = land_import(lake, manifest)
    assert one is not None
    return one


def imported(lake: Lake, *activities: Made, at: datetime = NOW, gear: Iterable[Json] = ()) -> Import:
    """An import with the activities that were made of it."""
    one = landed(lake, a_file(sha256=f"{at:%m%d%H%M%S%f}"), at=at)
    write_activities(lake, one, activities, list(gear), at, YEARS)
    return one


def merge_imported(lake: Lake) -> None:
    """What a run merges beside the activities."""
    merge_details(lake, ())
    with writing(lake) as connection:
        merge_files(connection, lake)
