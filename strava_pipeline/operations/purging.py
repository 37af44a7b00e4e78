"""The purge of one activity: what goes, source by source, and its removal. What is made of bronze is made again by a rebuild.

The ids and hashes are recorded first; each later step finds what an interrupted one left.
"""

import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from strava_pipeline.core.errors import NothingPublishedError, PipelineError, UnknownIdError
from strava_pipeline.core.files.archive_csv import without_rows
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import FILE, IMPORTED, RUNNING_PAGE, STRAVA_ARCHIVE, STRAVA_JSON
from strava_pipeline.core.text import counted, printable
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.expired import Expired, purges
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.publish import insights_snapshot
from strava_pipeline.lake.imports.activities import activities_of_import, activity_keys, has_activities
from strava_pipeline.lake.imports.files import reading_of, stored_bytes
from strava_pipeline.lake.imports.manifests import all_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import all_provider_files
from strava_pipeline.lake.purge import delete_made, going_on_by
from strava_pipeline.lake.purged_activity import answer_folders, remove_activity
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.importing import import_read

_KINDS = {"activity_details": "detail", "activity_streams": "streams", "files": "file", "activity_gear": "gear"}


@dataclass(frozen=True, slots=True)
class PurgedRow:
    """What a source has of an activity.

    Args:
        source_id: its id there.
        day: the local one of its start.
        held: in how many pages of lists or imports it is, and which answers about it there are.
    """

    source: str
    id: int
    source_id: str | None
    day: date | None
    held: str


@dataclass(frozen=True, slots=True)
class ActivityPurge:
    """What the purge of an activity takes: rows of sources, and files by the hashes of their bytes.

    `is_unfinished`: a purge of it was interrupted.
    """

    activity_id: int
    rows: list[PurgedRow]
    ids: frozenset[int]
    files: frozenset[str]
    is_unfinished: bool


def plan_purge_of(lake: Lake, activity_id: int) -> ActivityPurge:
    """What a purge of the activity would take. Reads only.

    Raises UnknownIdError, and PipelineError for an activity that can't be taken out of what it came in.
    """
    earlier = [each for each in purges(lake) if activity_id in (each.purged, *each.ids)]
    try:
        with insights_snapshot(lake) as connection:
            found = connection.execute(sql("effort_rows"), {"id": activity_id}).fetchall()
    except NothingPublishedError:
        found = []
    if not (found or earlier):
        raise UnknownIdError(f"No activity has the id {activity_id}. The address of its page ends with it.")
    ids = frozenset(key for key, *_ in found).union(*(each.ids for each in earlier))
    _refuse_whole(lake, {source for _, source, *_ in found}, ids)
    files = _files(lake, ids, {digest for *_, digest in found if digest})
    rows = [PurgedRow(source, key, own, day, _held(lake, source, key)) for key, source, own, day, _ in found]
    return ActivityPurge(
        activity_id, rows, ids, files.union(*(each.files for each in earlier)), bool(earlier) and lake.purging.exists()
    )


def purge_activity(lake: Lake, found: ActivityPurge, years: YearRange, at: datetime, by: str) -> None:
    """Remove the activity from bronze and decisions, and all that is made of them. Nobody else may use the lake."""
    if not any(found.ids <= {*each.ids} and found.files <= {*each.files} for each in purges(lake)):
        new = Expired(at=at, by=by, ids=sorted(found.ids), purged=found.activity_id, files=tuple(sorted(found.files)))
        record_decisions(lake, new)
    with going_on_by(lake, f"purge {found.activity_id}"):
        lake.purging.mkdir(exist_ok=True)
        remove_activity(lake, found.ids, found.files, years)
        delete_made(lake)


def finish_purge(lake: Lake) -> None:
    """Note that all of a purge is done."""
    shutil.rmtree(lake.purging)


def _refuse_whole(lake: Lake, sources: set[str], ids: Collection[int]) -> None:
    """Raise PipelineError where the activity is in something that can't be taken apart."""
    for source in sources - IMPORTED:
        if "whole" in spec_of(source).capabilities:
            raise PipelineError(
                f"Nothing was deleted: it is a row of {spec_of(source).title}, of which copies here are kept whole. "
                "Delete the row there and run its job, and split it off: strava-pipeline matches split."
            )
    for one in all_imports(lake):
        if has_activities(lake, one.name):
            lists = any(file.role == "service_list" for file in one.manifest.files)
            whole = {STRAVA_JSON, RUNNING_PAGE, *([FILE] if lists else [])}
            for key, source in activity_keys(lake, one.name):
                if key in ids and (source in whole or (source == STRAVA_ARCHIVE and key < 0)):
                    raise PipelineError(
                        f"Nothing was deleted: it came in {printable(one.manifest.came_as)}, out of which no single activity "
                        f"can be taken. All of it goes by `strava-pipeline import undo {one.name}`."
                    )


def _files(lake: Lake, ids: Collection[int], of_rows: set[str]) -> frozenset[str]:
    """The files to delete, by the hashes of their bytes: recordings, pictures, and lists with rows of the activity.

    Raises PipelineError where one also recorded another activity.
    """
    own, others, places = {*of_rows}, set[str](), Counter[str]()
    for key, digest in _recorded(lake):
        (own if key in ids else others).add(digest)
        places[digest] += 1
    read = {digest: reading for digest in own if (reading := reading_of(lake, digest)) is not None}
    if own & others or any(len(reading.recordings) > max(1, places[digest]) for digest, reading in read.items()):
        raise PipelineError("Nothing was deleted: a file of it also recorded another activity, and is kept whole.")
    named, left, lists = set[str](), set[str](), set[str]()
    for one in (one for one in all_imports(lake) if one.manifest.has_list):
        names = import_read(lake, one, lambda source, key: frozenset()).files_of(ids)
        for file in one.manifest.files:
            (named if file.name in names else left).add(file.sha256)
            if file.role == "list" and (body := stored_bytes(lake, file.sha256)) != without_rows(body, ids):
                lists.add(file.sha256)
    return frozenset(own | (named - left) | lists)


def _recorded(lake: Lake) -> Iterator[tuple[int, str]]:
    """Each activity with a file in which it was recorded, once for each session."""
    for file in all_provider_files(lake):
        yield file.activity_id, file.record.sha256
    for one in (one for one in all_imports(lake) if has_activities(lake, one.name)):
        for part in activities_of_import(lake, one.name):
            yield from ((key, digest) for key, recorded in part.tracks().items() for digest, _ in recorded)


def _held(lake: Lake, source: str, activity_id: int) -> str:
    imported = source in IMPORTED
    found = _imported(lake, source) if imported else listings(lake, source)
    pages = sum(
        any(each["id"] == activity_id for each in activities) for listing in found for _, activities in listing.pages()
    )
    folders = [] if imported else answer_folders(lake, activity_id)
    answers = sorted(
        {_KINDS[name] for folder in folders for name in _KINDS.keys() & {*folder.relative_to(lake.bronze).parts}}
    )
    return ", ".join([counted(pages, "import" if imported else "listing page"), *answers])


def _imported(lake: Lake, source: str) -> Iterator[Listing]:
    for one in (one for one in all_imports(lake) if has_activities(lake, one.name)):
        yield from (part.listing for part in activities_of_import(lake, one.name) if part.source == source)
