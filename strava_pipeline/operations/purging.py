"""The purge of one activity: what goes, source by source, and its removal. What is made of bronze is made again by a rebuild.

The ids and hashes are recorded first; each later step finds what an interrupted one left.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strava_pipeline.core.errors import PipelineError, UnknownIdError
from strava_pipeline.core.files.archive_csv import without_rows
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import FILE, IMPORTED, STRAVA_ARCHIVE
from strava_pipeline.core.text import counted, printable
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.expired import Expired, expired_ids, purged_files, purges
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.imports.activities import ImportedActivities, activities_of_import, has_activities
from strava_pipeline.lake.imports.files import reading_of, stored_bytes
from strava_pipeline.lake.imports.manifests import Import, all_imports, is_emptied
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import all_provider_files
from strava_pipeline.lake.purge import delete_made, going_on_by
from strava_pipeline.lake.purged_activities import answer_folders, begin_purge, originals_of, remove_activities
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.importing import import_read


@dataclass(frozen=True, slots=True)
class ActivityPurge:
    """What the purge of an activity takes.

    Args:
        rows: of sources: `source`, `id`, `source_id` (its id there), the local `day` of its start, and `held`: in how many
            pages of lists or imports it is, and which answers about it there are.
        files: hashes of their bytes.
        whole: what can't be taken apart and goes with it: its `name`, the `import` it came in (None for a table's kept files),
            and how many `others` it tells of.
        is_done: whether nothing of it is left.
    """

    activity_id: int
    rows: list[dict[str, Any]]
    ids: frozenset[int]
    files: frozenset[str]
    whole: list[dict[str, Any]]
    is_done: bool


def plan_purge_of(lake: Lake, activity_id: int) -> ActivityPurge:
    """What a purge of the activity would take. Reads only.

    Raises UnknownIdError, and PipelineError for a row of an archive that has no id.
    """
    earlier = [each for each in purges(lake) if activity_id in (each.purged, *each.ids)]
    found: list[tuple[Any, ...]] = []
    if lake.snapshot.exists():
        with current_snapshot(lake) as connection:
            found = connection.execute(sql("effort_rows"), {"id": activity_id}).fetchall()
    if not (found or earlier):
        raise UnknownIdError(f"No activity has the id {activity_id}. The address of its page ends with it.")
    ids = frozenset(key for key, *_ in found).union(*(each.ids for each in earlier))
    own, whole = _files(lake, ids, {digest for *_, digest in found if digest})
    originals = (each for source in lake.listed_sources for each in listings(lake, source))
    own = own.union(*(originals_of(each, ids) for each in originals))
    files = own.union(*(each.files for each in earlier))
    tables = [spec_of(source) for _, source, *_ in found if source not in IMPORTED]
    whole += [{"name": each.title, "import": None, "others": 0} for each in tables if "whole" in each.capabilities]
    names = ("id", "source", "source_id", "day")
    rows = [dict(zip(names, row, strict=False)) | {"held": _held(lake, row[1], row[0])} for row in found]
    return ActivityPurge(activity_id, rows, ids, files, whole, not (rows or lake.purging.exists()))


def purge_activity(lake: Lake, found: ActivityPurge, years: YearRange, at: datetime) -> None:
    """Remove the activity from bronze and decisions, and all that is made of them; and what an interrupted purge left of another.

    Nobody else may use the lake.
    """
    one, ids, files = found.activity_id, sorted(found.ids), tuple(sorted(found.files))
    begin_purge(lake)  # before the ids are recorded
    if not any(found.ids <= {*each.ids} and found.files <= {*each.files} for each in purges(lake)):
        imports = tuple(each.name for each in all_imports(lake) if is_emptied(each, files))
        by = f"strava-pipeline purge {one}"
        record_decisions(lake, Expired(at=at, by=by, ids=ids, purged=one, files=files, imports=imports))
    with going_on_by(lake, f"purge {one}"):
        remove_activities(lake, expired_ids(lake, FILE), purged_files(lake), years)
        lake.purge_begun.unlink()
        delete_made(lake)


def finish_purge(lake: Lake) -> None:
    """Note that all of a purge is done."""
    shutil.rmtree(lake.purging)


def _files(lake: Lake, ids: Set[int], of_rows: set[str]) -> tuple[frozenset[str], list[dict[str, Any]]]:
    """The files to delete, by the hashes of their bytes: recordings, pictures, and lists with rows of the activity; and those
    that also tell of others and go whole. Raises PipelineError for a row of an archive that has no id.
    """
    own, tells = {*of_rows}, defaultdict[str, set[int]](set)
    for given in all_provider_files(lake):
        tells[given.record.sha256].add(given.activity_id)
    for one, part in _imported(lake):
        keys = {each["id"] for _, activities in part.listing.pages() for each in activities}
        for key, recorded in part.tracks().items():
            for digest, _ in recorded:
                tells[digest].add(key)
        if part.source == STRAVA_ARCHIVE and min(keys & ids, default=0) < 0:
            raise PipelineError(
                f"Nothing was deleted: its row in {printable(one.manifest.came_as)} ({one.name}) has no id that can be read. "
                "`strava-pipeline import undo` takes all of an import back."
            )
        for file in one.manifest.files:
            if file.role == "service_list" and part.source == FILE:  # whose rows name no recording
                tells[file.sha256] |= keys
            elif file.role == "objects" and keys & ids:
                alone = Import(one.name, one.manifest.model_copy(update={"files": [file]}))
                objects = import_read(lake, alone, lambda source, key: frozenset()).activities(lambda digest: None, {})
                tells[file.sha256] |= {each.activity_id for each in objects}
    own |= {digest for digest, keys in tells.items() if keys & ids}
    imports = all_imports(lake)
    named, left = set[str](), set[str]()
    for one in (one for one in imports if one.manifest.has_list):
        names = import_read(lake, one, lambda source, key: frozenset()).files_of(ids)
        for file in one.manifest.files:
            changes = file.role == "list" and without_rows(body := stored_bytes(lake, file.sha256), ids) != body
            (named if changes or file.name in names else left).add(file.sha256)
    whole = [
        {"name": printable(file.name), "import": one.name, "others": others}
        for one in imports
        for file in one.manifest.files
        if file.sha256 in own and (others := _others(lake, file.sha256, tells[file.sha256], ids))
    ]
    return frozenset(own | (named - left)), whole


def _others(lake: Lake, digest: str, tells: Set[int], ids: Set[int]) -> int:
    """How many activities but `ids` a file tells of; of those that have no track, its recordings alone."""
    reading = reading_of(lake, digest)
    return len(tells - ids) or max(0, len(reading.recordings if reading else ()) - len(tells))


def _held(lake: Lake, source: str, activity_id: int) -> str:
    imported = [part.listing for _, part in _imported(lake) if part.source == source]
    found = (page for listing in imported or listings(lake, source) for _, page in listing.pages())
    pages = sum(any(each["id"] == activity_id for each in page) for page in found)
    folders = [] if imported else answer_folders(lake, activity_id)
    kinds = {"activity_details": "detail", "activity_streams": "streams", "files": "file", "activity_gear": "gear"}
    answers = {kinds[name] for folder in folders for name in {*folder.relative_to(lake.bronze).parts} & kinds.keys()}
    return ", ".join([counted(pages, "import" if imported else "listing page"), *sorted(answers)])


def _imported(lake: Lake) -> Iterator[tuple[Import, ImportedActivities]]:
    for one in all_imports(lake):
        if has_activities(lake, one.name):
            yield from ((one, part) for part in activities_of_import(lake, one.name))
