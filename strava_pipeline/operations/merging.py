"""Shards into gold: activities and their history, matches, details, and the published snapshot.

Each function merges from disk, whatever brought the data there. SQL and parsing are the lake's, rules table_rules.py's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.core.text import counted
from strava_pipeline.lake.bronze.listing import read_listing
from strava_pipeline.lake.bronze.listings import listing_folder, mark_listings_used
from strava_pipeline.lake.gold.deletions import AbsenceReport, Confirmation, Shrink, confirmation, mark_absent
from strava_pipeline.lake.gold.making import MergeReport
from strava_pipeline.lake.gold.matches import match_activities, tracks_due, waiting_activities
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.merge_details import merge_profile, sync_kudos
from strava_pipeline.lake.gold.publish import Published, publish, publish_and_compare, published_before
from strava_pipeline.lake.gold.publish_pause import may_wait, put_off
from strava_pipeline.lake.gold.quarantine import sync_quarantine
from strava_pipeline.lake.gold.warehouse import Connection, is_due, reading, writing
from strava_pipeline.lake.imports.merge import merge_details, merge_fresh_details
from strava_pipeline.lake.notifications import mark_notifications, notifications, notify
from strava_pipeline.operations.held_years import held_years
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import Finding, refuse_faults, table_findings
from strava_pipeline.operations.tracking import measure_what_was_said

_ASKS = (
    "Recordings are in no total until you say whether each is another activity than one that counts: "
    "`strava-pipeline matches list`."
)


@dataclass(frozen=True, slots=True)
class Matched(Numbers):
    """The changes by matching, and the years in which tracks are due."""

    activities_with_several_sources: int = 0
    pairs_proposed: int = 0
    matches_changed: int = 0
    tracks_due: list[int] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        if not self.matches_changed:
            return ""
        return sentence(
            f"Counted once, recorded several times: {counted(self.activities_with_several_sources, 'activity')}",
            (self.pairs_proposed, f"{counted(self.pairs_proposed, 'pair')} may be one: `strava-pipeline matches list`"),
        )


def merge_listed(
    connection: Connection, run: RunContext, years: Sequence[int], *, force: bool = False, allow_shrink: bool = False
) -> tuple[MergeReport, AbsenceReport]:
    """Make the tables of listings of the shards of `years`, and mark activities that complete listings lack as deleted.

    Within the caller's transaction.

    Args:
        force: look at every row again, though the shards are as they were.
        allow_shrink: a person confirms the deletions of this run's own listing, however much of a year that is.
    """

    def confirm(shrink: Shrink) -> Confirmation | None:
        if not allow_shrink or run.run_id is None:
            return None
        own = read_listing(listing_folder(run.lake, shrink.listing)).manifest.run_id == run.run_id
        return confirmation(shrink, run.now(), f"run {run.run_id}") if own else None

    report = merge_activities(connection, run.lake, years, force=force)
    absence = mark_absent(connection, run.lake, years, run.years, confirm=confirm)
    merge_profile(connection, run.lake)  # from the login's landing; costs no call
    return report, absence


def match(run: RunContext) -> Matched:
    """Match activities of several sources, over all years at once, since one activity may be in two years."""
    with writing(run.lake) as connection:
        before = waiting_activities(connection)
        found = match_activities(connection, run.lake)
        due = sorted(tracks_due(connection).intersection(run.years.all))
        waits = waiting_activities(connection)
    asked, new = [each.id for each in notifications(run.lake) if each.message == _ASKS], sorted(waits - before)
    if new or not waits:
        mark_notifications(run.lake, "cleared", asked)
    if new:
        notify(run.lake, "warning", _ASKS, run.now(), about=f"{_ASKS} {new[0]}", link="/pairs")
    return Matched(found.activities, found.proposed, found.changed, due)


@contextmanager
def details_merged(run: RunContext, years: Sequence[int]) -> Iterator[tuple[Connection, MergeReport]]:
    """The warehouse with the details of `years` and of imports merged.

    It is opened once if no details came; otherwise they are merged in batches, between which it is free.
    """
    lake = run.lake
    with reading(lake) as connection:
        if not years or not is_due(connection, partial(merge_fresh_details, connection, lake, years)):
            yield connection, MergeReport()
            return
    report = merge_details(lake, years)
    with reading(lake) as connection:
        yield connection, report


def update_kudos(run: RunContext, connection: Connection, years: Sequence[int]) -> int:
    """Raise `kudos_count` of details to that of the activities; returns how many rose."""
    with writing(run.lake):
        return sync_kudos(connection, run.lake, years)


def update_quarantine(run: RunContext, connection: Connection, years: Sequence[int]) -> int:
    """Update the table `quarantine` with the failing details of `years`; returns how many rows changed."""
    with writing(run.lake):
        return sync_quarantine(connection, run.lake, years)


def publish_run(run: RunContext, years: Sequence[int] = (), pause: timedelta = timedelta(0)) -> Published:
    """Publish the warehouse and mark the run's listings as completely used.

    `pause`: the minimum time since the last publish; before that, `years` are only recorded as waiting. Raises
    CheckFailedError if a table must not be published.
    """
    if may_wait(run.lake, pause, run.clock.local()):
        put_off(run.lake, years)
        found = published_before(run.lake)
    else:
        measure_what_was_said(run.lake, run.progress)  # no other step does where no track was to be made
        found = publish_and_compare(run.lake, refuse=partial(refuse_faults, lake=run.lake, run_id=run.run_id))
    if (
        found.unequal is not None or found.published_later
    ):  # else the warehouse is half rebuilt, and nothing was published
        settle(run)
    return found


def publish_meanwhile(run: RunContext, years: Sequence[int]) -> None:
    """Merge new details of `years` and publish, in the middle of a run that is about to wait for a limit.

    An obstacle is left to the run's own checks, and to its end.
    """
    try:
        with details_merged(run, years):
            pass
        publish(run.lake, refuse=partial(refuse_faults, lake=run.lake))
    except PipelineError as error:
        run.progress.say(f"Not published yet: {error}")


def settle(run: RunContext) -> None:
    """Mark the run's listings as completely used, unless a year is held back: then a retry need not list again."""
    if run.run_id is not None and not held_years(run):
        mark_listings_used(run.lake, run.run_id)


def publish_if_right(run: RunContext, table: str) -> list[Finding]:
    """The findings about the table; the warehouse is published unless a rule refuses it."""
    return publish_all_right(run, [table])[table]


def publish_all_right(run: RunContext, tables: Sequence[str]) -> dict[str, list[Finding]]:
    """The findings about each table; the warehouse is published unless a rule refuses one."""
    with reading(run.lake) as connection:
        found = table_findings(connection, run.lake, tables)
    if all(finding.holds or not finding.refuses for findings in found.values() for finding in findings):
        publish(run.lake, refuse=partial(refuse_faults, lake=run.lake))
    return found
