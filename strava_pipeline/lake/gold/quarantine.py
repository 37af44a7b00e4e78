"""Which activities are quarantined, by their failures on disk and a person's decisions; and unreadable rows.

An activity is quarantined if its detail, or its file at a provider, failed three times in a row while others succeeded.
Each source is judged by itself, as the ids of its activities are its own. A quarantined activity is asked for again
after growing pauses, until a good answer comes. A dropped one is not asked for by any run, even after an edit at the
source, until a person says `retry`. The table `quarantine` repeats this for queries. Unreadable rows of listings are
found in the manifests. No fetching.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from strava_pipeline.core.errors import UnusableSnapshotError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import QUARANTINE
from strava_pipeline.lake.bronze.answers import AnswerFiles, failed_details
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import provider_listings
from strava_pipeline.lake.bronze.manifests import Manifest, PageEntry, UnreadableRow
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.gold.making import make_rows
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import file_answers, has_no_file
from strava_pipeline.lake.sql import sql


class QuarantineDecision(Decision):
    """An activity's detail or file must not be fetched any more (`dropped`), or may be again."""

    kind: ClassVar[str] = "quarantine"
    activity_id: int
    dropped: bool


@dataclass(frozen=True, slots=True)
class FailingActivity:
    """An activity whose detail or file failed since its newest good answer, and when a person dropped it, if so."""

    files: AnswerFiles
    dropped_at: datetime | None
    source: str = STRAVA

    @property
    def activity_id(self) -> int:
        return self.files.activity_id

    @property
    def retry_at(self) -> datetime | None:
        """When it may be fetched again, or None for never or at once."""
        return None if self.dropped_at else self.files.retry_at


def failing(files: Iterable[AnswerFiles], drops: Mapping[int, datetime], source: str = STRAVA) -> list[FailingActivity]:
    """The activities of `source` whose last answer failed, each with a person's decision. Pure."""
    return [
        FailingActivity(each, drop_in_force(drops.get(each.activity_id), each.good_at), source)
        for each in files
        if each.failures
    ]


def _failing_at_providers(lake: Lake, drops: Mapping[int, datetime]) -> Iterator[FailingActivity]:
    """The activities of providers whose last answer about the file is a failure."""
    for source in lake.listed_sources[1:]:
        answers = file_answers(lake, source).values()
        yield from failing((files for files in answers if not has_no_file(files)), drops, source)


def drop_in_force(dropped_at: datetime | None, good_at: datetime | None) -> datetime | None:
    """The time of a drop, or None if a good answer came after it: then nothing is wrong any more."""
    return None if dropped_at is None or (good_at is not None and dropped_at < good_at) else dropped_at


def drops(lake: Lake) -> dict[int, datetime]:
    """The dropped activities (by their last decision), and when they were."""
    return {activity_id: last.at for activity_id, last in last_decisions(lake).items() if last.dropped}


def last_decisions(lake: Lake) -> dict[int, QuarantineDecision]:
    """The last decision about each activity that a person dropped or had fetched again."""
    return {decision.activity_id: decision for decision in decisions(lake, QuarantineDecision).all}


@dataclass(frozen=True, slots=True)
class PublishedActivity:
    """A published activity that is not deleted."""

    year: int
    name: str | None
    start_date: datetime | None


def failing_now(lake: Lake, source: str | None = None) -> list[tuple[FailingActivity, PublishedActivity | None]]:
    """All activities whose last answer failed at their source, quarantined or not yet, by disk, without those deleted there.

    Each comes with None if no usable warehouse is published. `source`: only this one's; None for all.
    """
    dropped = drops(lake)
    failed = [*failing(failed_details(lake), dropped), *_failing_at_providers(lake, dropped)]
    found = [each for each in failed if source in (None, each.source)]
    known = _published(lake, [each.activity_id for each in found])
    if known is None:
        return [(each, None) for each in found]
    return [(each, known[each.activity_id]) for each in found if each.activity_id in known]


def _published(lake: Lake, ids: Sequence[int]) -> dict[int, PublishedActivity] | None:
    if not lake.snapshot.exists():
        return None
    with suppress(UnusableSnapshotError), current_snapshot(lake) as connection:
        rows = connection.execute(sql("present_among"), {"ids": ids}).fetchall()
        return {row[0]: PublishedActivity(*row[1:]) for row in rows}
    return None


def sync_quarantine(connection: Connection, lake: Lake, years: Iterable[int]) -> int:
    """Bring the table up to date with the evidence, within the caller's transaction; returns how many rows changed.

    The folders of `years` are read, and all folders of activities in the table: only runs of a year bring evidence to
    it, so other years' evidence is in the table already. For providers all evidence is read.
    """
    held = [row[0] for row in connection.execute("SELECT activity_id FROM quarantine").fetchall()]
    dropped = drops(lake)
    failed = [*failing(failed_details(lake, years, ids=held), dropped), *_failing_at_providers(lake, dropped)]
    found = [each for each in failed if each.files.is_quarantined]
    values = {
        "ids": [each.activity_id for each in found],
        "failures": [each.files.failures for each in found],
        "first_failed_at": [each.files.first_failed_at for each in found],
        "last_failed_at": [each.files.failed_at for each in found],
        "status": [each.files.status for each in found],
        "retry_at": [each.retry_at for each in found],
        "dropped_at": [each.dropped_at for each in found],
        "sources": [each.source for each in found],
    }
    return make_rows(connection, QUARANTINE, sql("quarantine"), values, all_of_it=True).written


@dataclass(frozen=True, slots=True)
class UnreadableInPage:
    """An unreadable row that a source still lists. A complete listing of the same time that lacks it takes it away.

    Args:
        account: whose login at the source showed it; None: Strava's.
        page: the page that had the row last.
        row: its place there, from 1.
        first_seen_at, last_seen_at: since when it is listed, and when it was last.
    """

    source: str
    account: str | None
    page: Path
    row: int
    reason: str
    first_seen_at: datetime
    last_seen_at: datetime


def unreadable_rows(lake: Lake) -> list[UnreadableInPage]:
    """Every unreadable row, once for each source and account, unless a later complete listing of the same window lacks it."""
    found: dict[tuple[str, str | None], list[Listing]] = {}
    for listing in provider_listings(lake):
        found.setdefault((listing.manifest.source, listing.manifest.account), []).append(listing)
    return [row for (source, account), shown in found.items() for row in _unreadable(source, account, shown)]


def _unreadable(source: str, account: str | None, shown: Iterable[Listing]) -> list[UnreadableInPage]:
    current: dict[str, tuple[UnreadableInPage, UnreadableRow, PageEntry]] = {}
    for listing in shown:
        manifest = listing.manifest
        here = {row.digest for page in manifest.pages for row in page.unreadable}
        gone = [key for key, (_, row, page) in current.items() if key not in here and _covers(manifest, row, page)]
        for key in gone:
            del current[key]
        for page in manifest.pages:
            for row in page.unreadable:
                path = listing.folder / page.file
                seen = UnreadableInPage(source, account, path, row.row, row.reason, page.fetched_at, page.fetched_at)
                if row.digest in current:
                    seen = replace(seen, first_seen_at=current[row.digest][0].first_seen_at)
                current[row.digest] = seen, row, page
    return [seen for seen, _, _ in current.values()]


def _covers(manifest: Manifest, row: UnreadableRow, page: PageEntry) -> bool:
    """Whether a listing would have shown that row: by its start, or else wherever in its page it belongs."""
    if not manifest.complete or manifest.window.names_single_activities:
        return False
    after, before = manifest.window.after, manifest.window.before
    oldest, newest = row.start or page.oldest, row.start or page.newest
    if oldest is None or newest is None:
        return after is None and before is None
    return (after is None or after < oldest.timestamp()) and (before is None or newest.timestamp() < before)
