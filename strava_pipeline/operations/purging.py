"""The purge of one activity: what goes, source by source, and its removal. What is made of bronze is made again by a rebuild.

The ids and hashes are recorded first; each later step finds what an interrupted one left.
"""

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strava_pipeline.core.errors import NothingPublishedError, PipelineError, UnknownIdError
from strava_pipeline.core.files.archive_csv import without_rows
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import FILE, IMPORTED, RUNNING_PAGE, STRAVA_ARCHIVE, STRAVA_JSON
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
from strava_pipeline.lake.purged_activities import answer_folders, remove_activities
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.importing import import_read


@dataclass(frozen=True, slots=True)
class ActivityPurge:
    """What the purge of an activity takes.

    Args:
        rows: of sources: `source`, `id`, `source_id` (its id there), the local `day` of its start, and `held`: in how many
            pages of lists or imports it is, and which answers about it there are.
        files: hashes of their bytes.
        is_done: whether nothing of it is left.
    """

    activity_id: int
    rows: list[dict[str, Any]]
    ids: frozenset[int]
    files: frozenset[str]
    is_done: bool


def plan_purge_of(lake: Lake, activity_id: int) -> ActivityPurge:
    """What a purge of the activity would take. Reads only.

    Raises UnknownIdError, and PipelineError for an activity that can't be taken out of what it came in.
    """
    earlier = [each for each in purges(lake) if activity_id in (each.purged, *each.ids)]
    found: list[tuple[Any, ...]] = []
    with suppress(NothingPublishedError), current_snapshot(lake) as connection:
        found = connection.execute(sql("effort_rows"), {"id": activity_id}).fetchall()
    if not (found or earlier):
        raise UnknownIdError(f"No activity has the id {activity_id}. The address of its page ends with it.")
    ids = frozenset(key for key, *_ in found).union(*(each.ids for each in earlier))
    _refuse_whole(lake, {source for _, source, *_ in found}, ids)
    files = _files(lake, ids, {digest for *_, digest in found if digest}).union(*(each.files for each in earlier))
    names = ("id", "source", "source_id", "day")
    rows = [dict(zip(names, row, strict=False)) | {"held": _held(lake, row[1], row[0])} for row in found]
    return ActivityPurge(activity_id, rows, ids, files, not (rows or lake.purging.exists()))


def purge_activity(lake: Lake, found: ActivityPurge, years: YearRange, at: datetime) -> None:
    """Remove the activity from bronze and decisions, and all that is made of them; and what an interrupted purge left of another.

    Nobody else may use the lake.
    """
    one, ids, files = found.activity_id, sorted(found.ids), tuple(sorted(found.files))
    if not any(found.ids <= {*each.ids} and found.files <= {*each.files} for each in purges(lake)):
        imports = tuple(each.name for each in all_imports(lake) if is_emptied(each, files))
        by = f"strava-pipeline purge {one}"
        record_decisions(lake, Expired(at=at, by=by, ids=ids, purged=one, files=files, imports=imports))
    with going_on_by(lake, f"purge {one}"):
        lake.purging.mkdir(exist_ok=True)
        remove_activities(lake, expired_ids(lake, FILE), purged_files(lake), years)
        delete_made(lake)


def finish_purge(lake: Lake) -> None:
    """Note that all of a purge is done."""
    shutil.rmtree(lake.purging)


def _refuse_whole(lake: Lake, sources: set[str], ids: Collection[int]) -> None:
    """Raise PipelineError where the activity is in something that can't be taken apart."""
    whole = [spec_of(each).title for each in sources - IMPORTED if "whole" in spec_of(each).capabilities]
    for one, part in _imported(lake):
        lists = any(file.role == "service_list" for file in one.manifest.files)
        keys = {each["id"] for _, activities in part.listing.pages() for each in activities}.intersection(ids)
        unnumbered = part.source == STRAVA_ARCHIVE and min(keys, default=0) < 0  # its row has no id that can be read
        if keys and (part.source in (STRAVA_JSON, RUNNING_PAGE) or (part.source == FILE and lists) or unnumbered):
            whole.append(f"{printable(one.manifest.came_as)} ({one.name})")
    if whole:
        raise PipelineError(
            f"Nothing was deleted: it is in {', '.join(whole)}, out of which no single activity can be taken. `strava-pipeline "
            "import undo` takes all of an import back; `matches split` takes a row of a table off the activity first."
        )


def _files(lake: Lake, ids: Collection[int], of_rows: set[str]) -> frozenset[str]:
    """The files to delete, by the hashes of their bytes: recordings, pictures, and lists with rows of the activity.

    Raises PipelineError where one also recorded another activity.
    """
    own, others = {*of_rows}, set[str]()
    for given in all_provider_files(lake):
        (own if given.activity_id in ids else others).add(given.record.sha256)
    for _, part in _imported(lake):
        for key, recorded in part.tracks().items():
            (own if key in ids else others).update(digest for digest, _ in recorded)
    readings = (reading_of(lake, digest) for digest in own)
    if own & others or any(len(reading.recordings) > 1 for reading in readings if reading is not None):
        raise PipelineError("Nothing was deleted: a file of it also recorded another activity, and is kept whole.")
    named, left = set[str](), set[str]()
    for one in (one for one in all_imports(lake) if one.manifest.has_list):
        names = import_read(lake, one, lambda source, key: frozenset()).files_of(ids)
        for file in one.manifest.files:
            changes = file.role == "list" and without_rows(body := stored_bytes(lake, file.sha256), ids) != body
            (named if changes or file.name in names else left).add(file.sha256)
    return frozenset(own | (named - left))


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
