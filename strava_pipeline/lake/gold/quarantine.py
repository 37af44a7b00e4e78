"""Which activities are in quarantine, by the evidence of their failures on disk and a person's decisions; and unreadable rows.

An activity is quarantined when its detail failed three times in a row while others succeeded. It is asked for again after
growing pauses, until a good answer comes. A dropped one is not asked for by any run, however it is edited at the source, until
a person says `retry`. The table `quarantine` repeats this for queries. Rows of listings that are no activities are found in
the manifests. No fetching.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.lake.bronze.answers import AnswerFiles, failed_details
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Manifest, PageEntry, UnreadableRow
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.warehouse import Connection, is_outdated, mark_changed
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql


class QuarantineDecision(Decision):
    """An activity's detail is not to be fetched any more (`dropped`), or is again."""

    kind: ClassVar[str] = "quarantine"
    activity_id: int
    dropped: bool


@dataclass(frozen=True, slots=True)
class FailingActivity:
    """An activity whose detail failed since its newest good answer, and when a person dropped it, if so."""

    files: AnswerFiles
    dropped_at: datetime | None

    @property
    def activity_id(self) -> int:
        return self.files.activity_id

    @property
    def retry_at(self) -> datetime | None:
        """When it may be fetched again; None: never, or at once."""
        return None if self.dropped_at else self.files.retry_at


def failing(files: Iterable[AnswerFiles], drops: Mapping[int, datetime]) -> list[FailingActivity]:
    """The activities whose last answer failed, each with a person's decision. Pure."""
    return [
        FailingActivity(each, drop_in_force(drops.get(each.activity_id), each.good_at))
        for each in files
        if each.failures
    ]


def drop_in_force(dropped_at: datetime | None, good_at: datetime | None) -> datetime | None:
    """The time of a drop, unless a good answer came after it: then nothing is wrong any more."""
    return None if dropped_at is None or (good_at is not None and dropped_at < good_at) else dropped_at


def drops(lake: Lake) -> dict[int, datetime]:
    """The dropped activities (by their last decision), and when they were."""
    last = {each.activity_id: each for each in decisions(lake, QuarantineDecision).all}
    return {activity_id: each.at for activity_id, each in last.items() if each.dropped}


@dataclass(frozen=True, slots=True)
class PublishedActivity:
    """A published activity that is not deleted."""

    year: int
    name: str | None
    start_date: datetime | None


def failing_now(lake: Lake) -> list[tuple[FailingActivity, PublishedActivity | None]]:
    """All activities whose last answer failed, quarantined or not yet, by disk, without those deleted at the source.

    Each comes with None where no usable warehouse is published.
    """
    found = failing(failed_details(lake), drops(lake))
    known = _published(lake, [each.activity_id for each in found])
    if known is None:
        return [(each, None) for each in found]
    return [(each, known[each.activity_id]) for each in found if each.activity_id in known]


def _published(lake: Lake, ids: Sequence[int]) -> dict[int, PublishedActivity] | None:
    if not lake.snapshot.exists():
        return None
    with snapshot(lake) as connection:
        if is_outdated(connection):
            return None
        rows = connection.execute(sql("present_among"), {"ids": ids}).fetchall()
    return {row[0]: PublishedActivity(*row[1:]) for row in rows}


def sync_quarantine(connection: Connection, lake: Lake, years: Iterable[int]) -> int:
    """Bring the table up to date with the evidence, within the caller's transaction; returns how many rows changed.

    The folders of `years` are read, and all folders of activities in the table: only runs of a year bring evidence to it, so
    other years' is in the table already.
    """
    held = [row[0] for row in connection.execute("SELECT activity_id FROM quarantine").fetchall()]
    found = [each for each in failing(failed_details(lake, years, ids=held), drops(lake)) if each.files.is_quarantined]
    values = {
        "ids": [each.activity_id for each in found],
        "failures": [each.files.failures for each in found],
        "first_failed_at": [each.files.first_failed_at for each in found],
        "last_failed_at": [each.files.failed_at for each in found],
        "status": [each.files.status for each in found],
        "retry_at": [each.retry_at for each in found],
        "dropped_at": [each.dropped_at for each in found],
        "source": STRAVA,
    }
    actions = connection.execute(sql("sync_quarantine"), values).fetchall()
    if actions:
        mark_changed(connection)
    return len(actions)


@dataclass(frozen=True, slots=True)
class UnreadableInPage:
    """An unreadable row that Strava still lists: its row (from 1) in the page that had it last, the reason, and since when."""

    page: Path
    row: int
    reason: str
    first_seen_at: datetime
    last_seen_at: datetime


def unreadable_rows(lake: Lake) -> list[UnreadableInPage]:
    """Every unreadable row, once, unless a later complete listing of the same window lacks it."""
    current: dict[str, tuple[UnreadableInPage, UnreadableRow, PageEntry]] = {}
    for listing in listings(lake):
        manifest = listing.manifest
        here = {row.digest for page in manifest.pages for row in page.unreadable}
        gone = [key for key, (_, row, page) in current.items() if key not in here and _covers(manifest, row, page)]
        for key in gone:
            del current[key]
        for page in manifest.pages:
            for row in page.unreadable:
                seen = UnreadableInPage(
                    listing.folder / page.file, row.row, row.reason, page.fetched_at, page.fetched_at
                )
                if row.digest in current:
                    seen = replace(seen, first_seen_at=current[row.digest][0].first_seen_at)
                current[row.digest] = seen, row, page
    return [seen for seen, _, _ in current.values()]


def _covers(manifest: Manifest, row: UnreadableRow, page: PageEntry) -> bool:
    """Whether a listing would have shown that row: by its start, else wherever in its page it belongs."""
    if not manifest.complete or manifest.window.mode == "event":
        return False
    after, before = manifest.window.after, manifest.window.before
    oldest, newest = row.start or page.oldest, row.start or page.newest
    if oldest is None or newest is None:
        return after is None and before is None
    return (after is None or after < oldest.timestamp()) and (before is None or newest.timestamp() < before)
