"""Retention: data from the API of a source whose terms limit storage leaves the lake, and other sources' data stays.

The ids are recorded before anything is removed, and each step looks for leftovers of an interrupted one: bronze first,
then shards, gold and tracks. So a run that dies in between has lost nothing else, and the next one continues.
"""

import json
import shutil
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.deliveries import forget_deliveries
from strava_pipeline.lake.bronze.expired import LIMITED, Expired, expired_ids, expired_since
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import RESUME_WITHIN, listings
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.files import sweep_unfinished
from strava_pipeline.lake.gold.contributions import forget_contributions
from strava_pipeline.lake.gold.expired import held_years_of, landed_before, remove_expired
from strava_pipeline.lake.gold.notes import DUE, MADE, note, noted, unmark
from strava_pipeline.lake.gold.publish import published_at
from strava_pipeline.lake.gold.warehouse import Connection, reading, spill_folder, writing
from strava_pipeline.lake.gold.written_anew import note_deletion_for_good
from strava_pipeline.lake.locks import is_live
from strava_pipeline.lake.made.shards import drop_expired_rows
from strava_pipeline.lake.made.tracks import remove_stream_tracks
from strava_pipeline.lake.paths import Lake

_DROPPED = f"{MADE}expired"  # the state of the list of what expired when shards were looked through
_REMOVED = f"{DUE}expired"  # the partitions whose rows were removed, and readers still have them


def due_ids(lake: Lake, until: datetime, now: datetime) -> set[int]:
    """The activities that first came before `until` (UTC) and have not expired yet."""
    with reading(lake) as connection:
        found = landed_before(connection, until)
    for listing in _finished_listings(lake, now):
        if listing.manifest.started_at < until:  # gold may lack what its run died with
            for page, activities in listing.pages():
                if page.fetched_at < until:
                    found.update(one["id"] for one in activities)
    return found - expired_ids(lake)


def note_expired(lake: Lake, ids: Set[int], at: datetime, by: str) -> None:
    """Record that activities expire at `at` (UTC): from now on none of them comes in again."""
    record_decisions(lake, Expired(at=at, by=by, ids=sorted(ids)))


def remove_from_bronze(lake: Lake, until: datetime | None, years: YearRange, now: datetime) -> None:
    """Remove expired activities from the listings, and everything from pages before `until`; delete their details and streams.

    Hold the lock for following events, whose listings are never finished.
    """
    ids, since = expired_ids(lake), until or datetime.min.replace(tzinfo=UTC)
    for listing in _finished_listings(lake, now):
        if any(page.rows for page in listing.manifest.pages):
            listing.expire(ids, since, years)
        for damaged in listing.folder.glob("*.damaged"):  # which can't be looked into
            damaged.unlink()
    for folder in _answers(lake):
        if int(folder.name) in ids:
            shutil.rmtree(folder)
    if (webhooks := spec_of(LIMITED).webhooks) is not None:
        forget_deliveries(lake, LIMITED, webhooks, ids)


def remove_from_gold(lake: Lake, years: YearRange) -> list[int]:
    """Remove expired activities from shards, gold and tracks; returns the partitions to publish, then call `note_published`."""
    ids, state = expired_ids(lake), next(iter(expired_since(lake)))
    with reading(lake) as connection:
        touched = {*_unpublished(connection)}
        is_held = bool(held_years_of(connection, ids))
        is_dropped = noted(connection, _DROPPED) == state
    if is_dropped and not (is_held or touched):  # then no track is left either
        return []
    if is_held or not is_dropped:  # shards may hold rows of a run that died before gold had them
        drop_expired_rows(lake, LIMITED, ids)
        with writing(lake) as connection:
            note_deletion_for_good(lake)
            _delete_leftovers(lake)
            note(connection, _DROPPED, state)
            if is_held:
                touched.update(remove_expired(connection, lake, ids, years))
                note(connection, _REMOVED, json.dumps(sorted(touched)))
    return sorted(touched.union(remove_stream_tracks(lake, ids)))


def _delete_leftovers(lake: Lake) -> None:
    """Delete leftovers of dead processes and set-aside files that bronze makes again: no other step checks these."""
    sweep_unfinished(lake.data_dir)
    for folder in (lake.staging, lake.copy_scratch):
        shutil.rmtree(folder, ignore_errors=True)
    forget_contributions(lake)
    if lake.stats.is_dir():
        shutil.rmtree(lake.stats)
    set_aside = [lake.working.with_suffix(suffix) for suffix in (".old", ".damaged")]
    for left in (*set_aside, *lake.shards.rglob("*.damaged")):
        left.unlink(missing_ok=True)
    published = published_at(lake)
    for spilled in spill_folder(lake.snapshot).glob("*"):  # left by readers: those at work began after the last publish
        if published is not None and spilled.stat().st_mtime < published.timestamp():
            spilled.unlink(missing_ok=True)


def note_published(lake: Lake) -> None:
    """Record that readers have the remaining data."""
    with writing(lake) as connection:
        unmark(connection, _REMOVED)


def _unpublished(connection: Connection) -> list[int]:
    years: list[int] = json.loads(noted(connection, _REMOVED, "[]"))
    return years


def _finished_listings(lake: Lake, now: datetime) -> Iterator[Listing]:
    """The listings of the limited source that no run is writing to, or may still resume."""
    for listing in listings(lake, LIMITED):
        manifest = listing.manifest
        is_at_work = manifest.run_id is not None and is_live(lake, manifest.run_id)
        may_go_on = not manifest.settled and now - manifest.started_at < RESUME_WITHIN
        if manifest.window.names_single_activities or not (is_at_work or may_go_on):
            yield listing


def _answers(lake: Lake) -> Iterator[Path]:
    """The folder of each activity in each place that stores answers about it."""
    for of_kind in (lake.details, lake.streams):
        for folder in of_kind.glob("year=*/*"):
            if folder.name.isdigit():
                yield folder
