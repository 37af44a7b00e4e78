"""Removing all bytes of purged activities from bronze and from a person's decisions; whatever is made of these is made again.

The ids and the hashes of its files were recorded before (bronze/expired.py): nothing of it comes in again, and an interrupted
removal is done again from the beginning, which finds what is left. Words about it come back by no restored decisions.
"""

import json
import re
import shutil
from collections.abc import Collection, Set
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.files.archive_csv import without_rows
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.deliveries import forget_deliveries
from strava_pipeline.lake.bronze.expired import Expired, purges
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.changes import changes_folder
from strava_pipeline.lake.decisions import FILES, bring_back_lines, decision_lines
from strava_pipeline.lake.files import DamagedFileError, unpacked_json, write_whole
from strava_pipeline.lake.imports.files import store_durably, stored_bytes
from strava_pipeline.lake.imports.manifests import Import, ImportedFile, all_imports, rewrite_without
from strava_pipeline.lake.notifications import forget_notifications
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import all_provider_files

_NAMED_BY = ("id", "other_id", "activity_id", "effort")  # the fields of decisions and changes that name an activity


def answer_folders(lake: Lake, activity_id: int) -> list[Path]:
    """The folders of the answers about an activity: its details, streams, files and gear."""
    return [*lake.bronze.glob(f"activity_*/year=*/{activity_id}"), *lake.providers.glob(f"*/*/{activity_id}")]


def remove_activities(lake: Lake, ids: Set[int], files: Collection[str], years: YearRange) -> None:
    """Remove activities by their ids, of all sources, and files by their hashes. Nobody else may use the lake."""
    for source in lake.listed_sources:
        for listing in listings(lake, source):
            for digest in originals_of(listing, ids):
                for path in (lake.providers / source / "originals").glob(f"{digest}*"):
                    path.unlink()
            listing.expire(ids, datetime.min.replace(tzinfo=UTC), years)
            for damaged in listing.folder.glob("*.damaged"):  # which can't be looked into
                damaged.unlink()
        if (webhooks := spec_of(source).webhooks) is not None:
            forget_deliveries(lake, source, webhooks, ids)
    for folder in [folder for key in ids for folder in answer_folders(lake, key)]:
        shutil.rmtree(folder)
    for one in all_imports(lake):
        _remove_from_import(lake, one, ids, files)
    named = {file.record.sha256 for file in all_provider_files(lake)}  # what another service told of it since
    named |= {file.sha256 for one in all_imports(lake) for file in one.manifest.files}
    for place in (lake.files, lake.readings / "files"):
        for path in (path for digest in {*files} - named for path in place.glob(f"{digest[:2]}/{digest}*")):
            path.unlink()
    names = {str(key) for key in ids}
    _remove_words(lake, names)
    forget_notifications(lake, names)


def begin_purge(lake: Lake) -> None:
    """Mark that what is recorded as purged may be in bronze: until all of it is removed nothing is copied."""
    lake.purging.mkdir(parents=True, exist_ok=True)
    lake.purge_begun.touch()


def bring_back_words(lake: Lake, place: Path) -> dict[str, int]:
    """Add the lines that the decisions lack and a folder of decisions has; returns how many, by file.

    Lines about what was purged, here or there, are left out, and removed here. A purge that came back has to be done again.
    """
    gone = f"{Expired.kind}.jsonl"
    if {*_purging(place / gone)} - {*_purging(lake.decisions / gone)}:
        begin_purge(lake)  # before they are known here
    added = bring_back_lines(lake, lake.decisions, place, [gone])
    names = {str(key) for each in purges(lake) for key in each.ids}
    others = (name for name in FILES if name != gone)
    added |= bring_back_lines(lake, lake.decisions, place, others, lambda line: not names.isdisjoint(_named(line)))
    _remove_words(lake, names)
    return added


def _purging(path: Path) -> list[bytes]:
    return [line for line in decision_lines(path) if re.search(rb'"purged": ?-?[0-9]', line)]


def originals_of(listing: Listing, ids: Set[int]) -> set[str]:
    """The hashes of the tables of one's own, of which a list was made, that have one of these activities."""
    found, spec = set[str](), spec_of(listing.manifest.source)
    for page in listing.folder.glob("page-*.json.gz") if "whole" in spec.capabilities else ():
        with suppress(DamagedFileError):
            found.update(spec.originals_with(unpacked_json(page), ids))
    return found


def _remove_from_import(lake: Lake, one: Import, ids: Collection[int], files: Collection[str]) -> None:
    def left(file: ImportedFile) -> ImportedFile | None:
        if file.sha256 not in files:
            return file
        if file.role != "list":
            return None
        body = without_rows(stored_bytes(lake, file.sha256), ids)
        return file.model_copy(update={"sha256": store_durably(lake, body), "size": len(body)})

    rewrite_without(lake, one, left)


def _remove_words(lake: Lake, names: set[str]) -> None:
    """Remove a person's decisions about the activity, and the changes that were proposed or made of it: the journal last."""
    journal = changes_folder(lake) / "proposed.jsonl"
    changes = {str(json.loads(line)["id"]) for line in _lines(journal) if names & _named(line)}
    for change in changes:
        shutil.rmtree(changes_folder(lake) / change, ignore_errors=True)
    kept = lake.kept_decisions.glob("*.jsonl")  # the same lines a second time
    decided = [path for path in (*kept, *lake.decisions.glob("*.jsonl")) if path.stem != Expired.kind]
    for path in (*decided, journal):
        lines = _lines(path)
        left = [line for line in lines if not (names | changes) & _named(line)]
        if len(left) < len(lines):
            write_whole(path, b"".join(left))


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.is_file() else []


def _named(line: bytes) -> set[str]:
    """The ids of activities and changes in a line; none in a torn one."""
    with suppress(ValueError):
        content = json.loads(line)
        return {
            str(each[name])
            for each in (content, content.get("change") or {}, content.get("shown") or {})
            for name in _NAMED_BY
            if name in each
        }
    return set()
