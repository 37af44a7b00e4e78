"""What is due after a daily run's listing: nothing on a quiet day; else the run goes on, whatever it is."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from strava_pipeline.core.copies import KINDS
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.bronze.answers import land_detail
from strava_pipeline.lake.bronze.listings import listings, mark_listings_used
from strava_pipeline.lake.copied import KnownCopy, find, note_copy, note_files
from strava_pipeline.lake.files import unpacked
from strava_pipeline.lake.gold.coverage import years_behind
from strava_pipeline.lake.gold.quality import shards_with_bronze
from strava_pipeline.lake.made.shards import holdings
from strava_pipeline.operations.fetching_steps import list_activities
from strava_pipeline.operations.options import DetailsOptions, ListingOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.quiet import end_if_quiet, what_is_due
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline_tests.lake.bronze import land_failed_detail
from strava_pipeline_tests.operations.test_compacting import BEHIND, OF_NO_YEAR, OF_YEARS, Change, begin, execute, ids
from strava_pipeline_tests.rig import YEARS, Make, Rig

pytestmark = [pytest.mark.closed, pytest.mark.slow]  # its tests change the warehouse from outside
_FLOW = DetailsOptions(scope="flow")


def listed(settings: Settings) -> tuple[RunContext, BudgetedSource, StepReport]:
    """A daily run that has listed."""
    run = run_context(settings, LogProgress(logging.getLogger()), run_id=str(uuid4()))
    strava = BudgetedSource(STRAVA, settings, run)
    return run, strava, list_activities(run, strava, ListingOptions(mode="incremental"), YEARS, is_last=False)


def due(rig: Rig) -> str:
    """What is due after another listing; where nothing is, that is noted of it, as the run would."""
    run, _, report = listed(rig.settings)
    found = what_is_due(run, rig.settings, report, _FLOW, YEARS)
    if not found:
        mark_listings_used(rig.lake, str(run.run_id), brought_nothing=True)
    return found


def newest(rig: Rig) -> int:
    return ids(rig, 2026)[-1]


def edit(**values: Any) -> Change:
    return lambda rig: rig.control("edit", id=newest(rig), set=values)


def now(rig: Rig) -> datetime:
    return run_context(rig.settings, LogProgress(logging.getLogger())).now()


def land_newer(rig: Rig) -> None:
    """As if a run died between the answer and its merge."""
    body = unpacked(next(rig.lake.details_of(2026).glob(f"{newest(rig)}/*.json.gz")))
    land_detail(rig.lake, 2026, newest(rig), body, now(rig))


def fail_often(rig: Rig) -> None:
    for day in range(1, 9):
        land_failed_detail(rig.lake, 2026, newest(rig), b"", 500, now(rig) + timedelta(days=day))


def advance(days: int) -> Change:
    return lambda rig: rig.control("clock", advance=days * 86_400)


OF_COMPACT = OF_YEARS | OF_NO_YEAR | BEHIND
CHANGES: dict[str, tuple[Change, str]] = {
    "details to be looked at again": (advance(1), "details"),
    "a new activity": (lambda rig: rig.control("add", activity={"start_date": "2026-03-10T08:00:00Z"}), "activities"),
    "an edited name": (edit(name="Edited"), "activities"),
    "more kudos": (edit(kudos_count=9001), "activities"),
    "a detail that no run merged": (land_newer, "details"),
    "a deleted activity": (lambda rig: rig.control("delete", id=newest(rig)), "activities"),
    "another version's views": (execute("UPDATE lake_meta SET value = 'x' WHERE key = 'made:views'"), "gold"),
    **{
        what: (OF_COMPACT[what][0], "gold")
        for what in (
            "goals of the athlete",
            "a view of the user's",
            "an import of which there are no shards",
            "a deletion by an event",
        )
    },
    "a detail that fails": (fail_often, "details"),
}


@pytest.mark.dear
def test_whatever_is_due_the_run_goes_on(make_rig: Make) -> None:
    rig = make_rig(settings={"refresh_calls": 2})
    begin(rig)
    assert due(rig) == ""
    for what, (change, word) in CHANGES.items():
        change(rig)
        assert due(rig) == word, what
        rig.do("flow", rig.years)
        assert due(rig) == "", what
    execute("UPDATE activities_all SET ingestion_ts = ingestion_ts + INTERVAL 1000 DAY WHERE id > 0")(rig)
    assert due(rig) == "activities", "what was listed by a clock that was ahead hides what is new"


@pytest.mark.dear
def test_a_quiet_run_says_what_is_as_it_was_and_leaves_its_listing_to_the_next_merge(make_rig: Make) -> None:
    rig = make_rig(settings={"refresh_calls": 0})
    begin(rig)
    before = rig.lake.working.read_bytes()
    advance(1)(rig)
    rig.lake.goals.write_text("[2024.run]\ndistance_km = 1000\n")
    run, strava, report = listed(rig.settings)
    ask = partial(what_is_due, listed=report, details=_FLOW, years=YEARS)
    elsewhere = rig.settings.model_copy(update={"export_url": SecretStr("postgresql://host/name")})
    assert ask(run, elsewhere) == "export", "what a database lacks is known there alone"
    assert ask(replace(run, has_rebuilt=True), rig.settings) == "all of it"
    assert ask(replace(run, years=YearRange(2022, 2027)), rig.settings) == "shards", "a new year"
    reports = {each.asset: each for each in end_if_quiet(run, strava, report, _FLOW, YEARS)}
    assert [*reports] == ["bronze_activities", "bronze_activity_details", "insights", "published_warehouse"]
    assert all(each.ends for each in reports.values())
    made = reports["insights"].metadata
    assert made is not None
    assert made["years_written"] == 2, "of the year with goals, and of the running one, which has come a day further"
    assert rig.lake.working.read_bytes() == before
    newest = next(iter(listings(rig.lake, newest_first=True)))
    assert newest.manifest.settled
    assert newest.manifest.brought_nothing
    assert years_behind(rig.lake, run.years) == set()
    assert shards_with_bronze(rig.lake, YEARS, run.years).missing == 0
    rig.lake.goals.write_text("[nonsense")
    run, strava, report = listed(rig.settings)
    (goes_on,) = end_if_quiet(run, strava, report, _FLOW, YEARS)
    assert goes_on.metadata["due"] == "insights", "a check has to say so"
    rig.do("flow", YEARS)
    assert newest.name in holdings(rig.lake, 2026)


@pytest.mark.dear
def test_the_copy_may_lack_what_quiet_listings_brought_for_a_day_and_nothing_else(rig: Rig) -> None:
    begin(rig)
    run, _, report = listed(rig.settings)
    copied = rig.settings.model_copy(
        update={"restic_repository": SecretStr("/copies/mine"), "restic_password_file": rig.folder / "password"}
    )
    ask = partial(what_is_due, run, copied, report, _FLOW, YEARS)
    assert ask() == "copy", "there is none yet"
    for kind in KINDS:
        files = find(rig.lake, kind).files
        note_files(rig.lake, kind, {name: of for name, of in files.items() if "-incremental/" not in name})
    mine = KnownCopy("/copies/mine", report_at := run.now() - timedelta(minutes=1))
    copies = {
        "the last one failed": replace(mine, problem="the disk is full"),
        "it is old": replace(mine, at=report_at - timedelta(days=2)),
    }
    for what, copy in copies.items():
        note_copy(rig.lake, copy)
        assert ask() == "copy", what
    note_copy(rig.lake, mine)
    assert ask() == ""
    rig.lake.widgets.mkdir()
    (rig.lake.widgets / "mine.json").write_text("{}")
    assert ask() == "copy", "a widget is not in it"
