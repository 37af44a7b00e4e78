"""The rows of `files`: every file that was imported, with what reading it came to. Manifests and readings only, no bytes."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import polars as pl

from strava_pipeline.core.rows import frame
from strava_pipeline.core.sources import FILE, STRAVA_ARCHIVE, STRAVA_JSON
from strava_pipeline.core.tables import FILES
from strava_pipeline.lake.imported import is_made
from strava_pipeline.lake.imports import ImportedFile, imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.readings import reading_of


def files_frame(lake: Lake) -> pl.DataFrame:
    """A row per file, of the import in which it came first, of those that were read."""
    values: dict[str, list[Any]] = {column.name: [] for column in FILES.columns}
    seen: set[str] = set()
    whole = [one for one in imports(lake) if is_made(lake, one.name)]
    names: dict[str, set[str]] = defaultdict(set)
    for one in whole:
        for file in one.manifest.files:
            names[file.sha256].add(_text(file.name))
    for one in whole:
        roots = [file.name.rpartition("/")[0] for file in one.manifest.files if file.role == "list"]
        for file in one.manifest.files:
            if file.sha256 in seen:
                continue
            seen.add(file.sha256)
            read = reading_of(lake, file.sha256) if file.role == "activity" else None
            row = {
                "sha256": file.sha256,
                "athlete_id": one.manifest.athlete_id,
                "source": _source(file, roots),
                "name": _text(file.name),
                "names": sorted(names[file.sha256]),
                "came_as": _text(one.manifest.came_as),
                "import_name": one.name,
                "received_at": one.manifest.received_at,
                "role": file.role,
                "size": file.size,
                "format": read.format if read else None,
                "kind": read.kind if read else None,
                "content": read.content if read else None,
                "recordings": len(read.recordings) if read else None,
                "flags": read.flags if read else None,
                "problem": read.problem if read else file.held_back,
            }
            for name, value in row.items():
                values[name].append(value)
    return frame(values, FILES)


def _source(file: ImportedFile, archive_roots: Sequence[str]) -> str:
    """Where a file came from: out of an archive, if it lies below the folder of an archive's list of activities."""
    if file.role == "objects":
        return STRAVA_JSON
    return STRAVA_ARCHIVE if any(not root or file.name.startswith(f"{root}/") for root in archive_roots) else FILE


def _text(name: str) -> str:
    """A name as UTF-8 has room for it."""
    return name.encode("utf-8", "replace").decode()
