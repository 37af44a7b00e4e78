"""What webhook events led to, as listings of a day each: details that tell of a summary, and what was said to be deleted.

Shards, tombstones and rebuild read them like any other listing. A detail is kept once, in its own place; the day's
manifest refers to it. Who writes here holds LOCK.
"""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from strava_pipeline.core.activities import SOMETIMES_LISTED, summary_of_detail
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.answer_files import answered_at
from strava_pipeline.lake.listing import Listing, begin, read_listing
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.manifests import Gone, Window, entry_of
from strava_pipeline.lake.merge import merged_pages, years_lacking
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.tombstones import judged_gone, of_events
from strava_pipeline.lake.warehouse import Connection

LOCK = "events"
_WINDOW = Window(mode="event", after=None, before=None)


@dataclass(frozen=True, slots=True)
class Listed:
    """What listings show of an activity and what not: see core/activities.py."""

    without: tuple[str, ...] = SOMETIMES_LISTED
    also: tuple[str, ...] = ()


def note_sighting(
    lake: Lake, detail: Path, at: datetime, activity: Json, *, listed: Listed, years: YearRange, athlete_id: int | None
) -> bool:
    """Let a detail on disk tell of its summary; False where it does already."""
    listing = _of_day(lake, at, athlete_id)
    file = os.path.relpath(detail, listing.folder)
    if any(page.file == file for page in listing.manifest.pages):
        return False
    summary = [summary_of_detail(activity, without=listed.without, also=listed.also)]
    number = answered_at(detail)[1]
    entry = entry_of(file, summary, detail.stat().st_size, {"id": activity["id"]}, at, years, landed=number)
    listing.refer(entry.model_copy(update={"without": [*listed.without], "also": [*listed.also]}))
    return True


def note_gone(lake: Lake, gone: Mapping[int, datetime], athlete_id: int | None) -> None:
    """Let events tell what was deleted, each at its time (UTC). What was told before is not told twice."""
    by_day: dict[str, list[Gone]] = {}
    for activity_id, at in gone.items():
        by_day.setdefault(_day(at), []).append(Gone(activity_id=activity_id, at=at))
    for told in by_day.values():
        listing = _of_day(lake, min(one.at for one in told), athlete_id)
        known = {(one.activity_id, one.at) for one in listing.manifest.gone}
        if new := [one for one in told if (one.activity_id, one.at) not in known]:
            listing.note_gone(new)


def years_unmerged(connection: Connection, lake: Lake, within: YearRange) -> set[int]:
    """The partitions of which gold has not taken in everything that these listings hold, deletions included."""
    merged = merged_pages(connection)
    found, gone = set(), set()
    judged = judged_gone(connection)
    for listing in of_events(listings(lake)):
        found |= years_lacking(merged, listing, within)
        gone |= {one.activity_id for one in listing.manifest.gone} - judged.get(listing.name, set())
    known = connection.execute(sql("years_of_events"), {"source": STRAVA, "ids": list(gone)}).fetchall()
    return found | {within.clamp(year) for _, year in known}


def digest_of_events(lake: Lake) -> str:
    """What differs as soon as anything is told: the newest day, and how much of it there is."""
    days = sorted(lake.listings.glob(f"*-{_WINDOW.mode}/manifest.json")) if lake.listings.is_dir() else []
    looks = [(path.parent.name, path.stat().st_mtime_ns) for path in days]
    return hashlib.blake2b(repr(looks).encode(), digest_size=8).hexdigest()


def _of_day(lake: Lake, at: datetime, athlete_id: int | None) -> Listing:
    """The day's listing; a new one where there is none, or none that can be read."""
    for folder in sorted(lake.listings.glob(f"{_day(at)}T*-{_WINDOW.mode}")):
        with suppress(FileNotFoundError, ValidationError):
            return read_listing(folder, lake)
    return begin(lake, _WINDOW, athlete_id=athlete_id, at=at)


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d}"
