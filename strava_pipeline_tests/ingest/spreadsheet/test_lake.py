"""What a table becomes in the warehouse over time: its owner edits it; nothing is lost, counted twice, or shown to others."""

import gzip
import json
import logging
from datetime import date
from typing import Any

import pytest

from strava_pipeline.core.errors import TransientError
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.emulator.generate.activities import Athlete
from strava_pipeline.ingest.providers_file import ProviderChoice
from strava_pipeline.ingest.spreadsheet.emulator.book import Book
from strava_pipeline.ingest.spreadsheet.emulator.owner import kept_by_owner
from strava_pipeline.ingest.strava.emulator.summaries import summary_of
from strava_pipeline.lake.changes import attempts_of
from strava_pipeline.lake.providers import last_outcomes, newest_reading
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations.changes.undoing import propose_undo
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.orchestrate.job_years import provider_years
from strava_pipeline.testing.edits import Edited
from strava_pipeline.testing.merging import merge_listings
from strava_pipeline.testing.worlds import at_strava
from strava_pipeline_tests.facts import facts_of
from strava_pipeline_tests.ingest.spreadsheet.subject import SpreadsheetSubject
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.worlds import YEARS, World, five, list_at_strava

pytestmark = [pytest.mark.parametrize("world", ["spreadsheet"], indirect=True), pytest.mark.slow]


def subject(world: World) -> SpreadsheetSubject:
    assert isinstance(world.subject, SpreadsheetSubject)
    return world.subject


def later(world: World) -> None:
    world.subject.clock.advance(3600)


def bronze(world: World) -> list[str]:
    folder = world.run().lake.providers / "spreadsheet"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.gz"))


@pytest.mark.dear
def test_an_id_filled_in_later_makes_no_new_activity_also_after_a_rebuild_without_the_file(world: World) -> None:
    table = subject(world)
    keys = five(table)
    list_at_strava(world, {"id": 123, "name": "at Strava", "start_date": "2025-06-01T06:00:00Z"})
    world.pull()
    later(world)
    table.keys[keys[2]] |= {"strava_id": "https://www.strava.com/activities/123", "distance": 1.5, "notes": "edited"}
    table.book.rows.reverse()
    table.book.save()
    world.pull()
    query = "SELECT id, name, distance, deleted_at FROM activities_all WHERE source = 'spreadsheet' ORDER BY start_date"
    found = world.gold(query)
    assert [row[0] for row in found] == [hashed_id("spreadsheet", key) for key in keys]
    assert found[2][1:] == ("edited", 2414.0, None)
    assert world.gold("SELECT verdict, joined FROM activity_matches") == [("certain", True)]
    before = (
        world.gold("SELECT * FROM activities_all ORDER BY id"),
        world.gold("SELECT * FROM activity_history ORDER BY ALL"),
    )
    table.book.path.unlink()
    run = world.run()
    rebuild(run.lake, run.years, run.progress)
    assert (
        world.gold("SELECT * FROM activities_all ORDER BY id"),
        world.gold("SELECT * FROM activity_history ORDER BY ALL"),
    ) == before


@pytest.mark.dear
def test_approved_changes_come_into_the_table_gold_follows_and_the_undo_takes_them_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openpyxl

    def cells(*titles: str) -> list[list[Any]]:
        rows = list(openpyxl.load_workbook(table.book.path).worksheets[0].iter_rows(min_row=2, values_only=True))
        return [[row[rows[0].index(title)] for title in titles] for row in rows[1:]]

    table = subject(world)
    edited = Edited(world, monkeypatch, 2)
    list_at_strava(world, *edited.at_strava, at_strava(3, "2026-02-20", "Nowhere else"))
    world.merge(world.run())
    later(world)
    table.keys[edited.keys[0]]["strava_id"] = 1  # by hand, since the change was proposed: the row keeps its key
    table.book.save()
    edited.propose()
    edited.decide()
    first = cells("notes", "strava_id")
    assert (first[0][0], first[1]) == ("at the start 2", ["at the start 1", 1])
    sign = table.book.path.with_name(f"~${table.book.path.name}")
    sign.touch()
    assert edited.apply().metadata["changes_applied"] == 1  # the id that is there
    said = {each.message for key in edited.states() for each in attempts_of(world.run().lake, key).outcomes.values()}
    assert any(message.startswith("rides.xlsx is open in Excel or LibreOffice") for message in said)
    assert cells("notes", "strava_id") == first
    sign.unlink()
    assert edited.apply().metadata["changes_applied"] == 4
    assert cells("notes", "strava_id") == [["Up hill 2", "2"], ["Up hill 1", 1], ["Nowhere else", "3"]]
    query = "SELECT name FROM activities_all WHERE source = 'spreadsheet' AND deleted_at IS NULL ORDER BY start_date"
    assert [name for (name,) in world.gold(query)] == ["Nowhere else", "Up hill 2", "Up hill 1"]
    later(world)
    for key, state in edited.states().items():
        if not state.reason:  # the id that was there already is the owner's
            edited.decide(ids=[propose_undo(world.settings, key).change.id])
    edited.apply()
    assert cells("notes", "strava_id")[: len(first)] == first
    assert len(cells("notes")) == len(first)


def test_sorting_is_no_edit(world: World) -> None:
    five(world.subject)
    world.pull()
    later(world)
    subject(world).book.rows.reverse()
    subject(world).book.save()
    world.pull()
    assert world.gold("SELECT max(version) FROM activity_history") == [(1,)]


@pytest.mark.dear
def test_an_unchanged_table_is_no_listing_and_each_content_is_kept_once(world: World) -> None:
    table = subject(world)
    key = table.add("2025-01-01", "a ride")
    first = table.book.path.read_bytes()
    world.pull()
    before = bronze(world)
    later(world)
    for mode in ("incremental", "all", "job"):
        report = world.pull(mode, 2025)
        assert (report.rows_received, report.calls, report.manifest.complete) == (0, 0, True)
    assert bronze(world) == before
    table.edit(key, "another name")
    world.pull()
    later(world)
    table.book.path.write_bytes(first)
    world.pull()
    originals = [path for path in bronze(world) if path.startswith("originals/")]
    assert len(originals) == 2
    folder = world.run().lake.providers / "spreadsheet"
    assert first in [gzip.decompress((folder / path).read_bytes()) for path in originals]
    assert world.names() == ["a ride"]


def test_a_day_without_a_time_has_no_start_and_can_be_deleted(world: World) -> None:
    book = subject(world).book
    book.rows = [{"start_time": f"2025-07-{day:02}", "distance": day, "notes": f"day {day}"} for day in (1, 2, 3)]
    book.save()
    world.pull()
    shown = (
        "SELECT start_date, strftime(start_date_local, '%Y-%m-%d %H:%M'), year FROM activities ORDER BY name LIMIT 1"
    )
    assert world.gold(shown) == [(None, "2025-07-01 00:00", 2025)]
    later(world)
    del book.rows[1]
    book.save()
    world.pull()
    assert world.gold("SELECT name FROM deleted_activities") == [("day 2",)]


def test_most_of_a_table_that_is_gone_waits_for_a_confirmation_and_comes_back_as_it_was(world: World) -> None:
    table = subject(world)
    for day in range(1, 21):
        table.book.rows.append({"start_time": f"2025-01-{day:02} 07:00", "distance": day, "notes": f"ride {day}"})
    table.book.save()
    world.pull()
    later(world)
    rows, table.book.rows = table.book.rows, table.book.rows[:10]
    table.book.save()
    world.pull()
    assert len(world.names()) == 20
    later(world)
    table.book.rows = [{**row, "distance": (row["distance"] or 0) + 0.5} for row in rows]
    table.book.save()
    world.pull()
    assert len(world.names()) == 20
    assert world.gold("SELECT count(*) FROM activities_all") == [(20,)]


def test_a_person_confirms_what_an_unchanged_table_lacks(world: World) -> None:
    book = subject(world).book
    book.rows = [
        {"start_time": f"2025-01-{day:02} 07:00", "distance": day, "notes": f"ride {day}"} for day in range(1, 21)
    ]
    book.save()
    world.pull()
    later(world)
    del book.rows[10:]
    book.save()
    world.pull()
    later(world)
    run = world.run()
    pull_listing(
        run, Source("spreadsheet", world.settings, run), ListingOptions(mode="all", per_page=None, days=None), []
    )
    merge_listings(run, YEARS, allow_shrink=True)
    assert len(world.names()) == 10


@pytest.mark.dear
def test_the_wrong_file_for_a_day_changes_no_activity(world: World) -> None:
    keys = five(world.subject)
    world.pull()
    later(world)
    table = subject(world)
    right = table.book
    table.edit(keys[0], "edited")
    right.rows[-1]["strava_id"] = 5
    right.save()
    world.pull()
    own = "SELECT id, name, distance, deleted_at FROM activities_all WHERE name <> 'elsewhere' ORDER BY id"
    before = world.gold(own)
    later(world)
    Book(right.path, rows=[{"start_time": "2025-03-03 07:00", "distance": 3, "notes": "elsewhere"}]).save()
    world.pull()
    later(world)
    right.save()
    world.pull()
    assert world.gold(own) == before
    assert world.gold("SELECT name FROM deleted_activities") == [("elsewhere",)]


@pytest.mark.dear
def test_names_of_other_people_are_in_no_table_and_in_no_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    five(world.subject)
    world.pull()
    tables = [name for (name,) in world.gold("SELECT table_name FROM duckdb_tables()")]
    held: list[tuple[Any, ...]] = [row for name in tables for row in world.gold(f'SELECT * FROM "{name}"')]
    assert held
    assert world.subject.secret not in repr(held) + caplog.text


def test_a_start_that_cannot_be_read_keeps_deletions_from_being_believed_until_it_is_corrected(world: World) -> None:
    keys = five(world.subject)
    world.pull()
    later(world)
    world.subject.spoil()
    world.subject.delete(keys[0])
    world.pull()
    assert len(world.names()) == 5
    later(world)
    table = subject(world)
    table.book.rows[-1]["start_time"] = "2025-05-05 08:00"
    table.book.save()
    world.pull()
    assert world.gold("SELECT name FROM deleted_activities") == [("ride 1",)]
    assert len(world.names()) == 5


def test_doctor_says_what_is_assumed_and_which_file_is_missing(world: World) -> None:
    def said() -> list[str]:
        return [fact.text for fact in facts_of(world.settings, "spreadsheet", "login")]

    assert said() == [
        "there; sheet: the first one; times are those of Europe/Vienna; where a header names no unit: distance in "
        "miles, max_speed in mph, max_elevation in feet, total_elevation_gain in feet, temperature in °F"
    ]
    subject(world).book.path.unlink()
    (missing,) = said()
    assert "There is no file" in missing


def test_a_run_covers_all_years_since_an_edit_of_any_year_shows_at_once(world: World) -> None:
    world.subject.add("2026-02-20", "after the watermark's days no other year is touched")
    world.pull()
    now = world.subject.clock.now()
    years = provider_years(world.settings, "spreadsheet", ProviderChoice(enabled=True), now)
    assert years[0] == world.settings.first_year


def test_a_damaged_file_is_the_outcome_of_its_step_and_the_next_run_goes_on(world: World) -> None:
    def step() -> StepReport:
        run = world.run()
        source = Source("spreadsheet", world.settings, run)
        options = ListingOptions(mode="year", per_page=None, days=None)
        return list_provider_activities(run, source, options, [2025], asset="listing")

    five(world.subject)
    assert step().holds
    world.subject.fail(kind="truncate")
    with pytest.raises(TransientError):
        step()
    outcome = last_outcomes(world.run().lake, "spreadsheet")["listing"]
    assert (outcome.succeeded, "not a whole file" in outcome.message) == (False, True)
    world.subject.faults.clear()
    assert step().holds
    assert last_outcomes(world.run().lake, "spreadsheet")["listing"].succeeded
    world.merge(world.run())
    assert len(world.names()) == 5


def test_the_table_of_an_athlete_is_found_again_at_strava(world: World) -> None:
    athlete = Athlete(3, 60, (2025, 2025), world.subject.clock.now())
    activities = [summary_of(3, 7, activity) for activity in athlete.activities]
    gear = {gear_id: f"Bike {gear_id}" for gear_id in athlete.gear_distances()}
    kept = kept_by_owner(activities, gear, "Europe/Berlin", seed=3)
    assert kept == kept_by_owner(activities[::-1], gear, "Europe/Berlin", seed=3)
    book = subject(world).book
    book.rows = kept.rows
    book.save()
    list_at_strava(world, *activities)
    world.pull()
    numbers = {hashed_id("spreadsheet", key): number - 3 for number, key in numbered(world)}
    joined = world.gold(
        "SELECT row.id, list(there.id) FROM activity_members AS row JOIN activity_members AS there USING (activity_id) "
        "WHERE row.id < 0 AND there.id > 0 GROUP BY 1"  # what two devices recorded at Strava is one, with both rows
    )
    found = {
        numbers[row]: kept.pairs.get(numbers[row]) for row, there in joined if kept.pairs.get(numbers[row]) in there
    }
    assert (found, len(found)) == (kept.pairs, len(joined))
    assert 40 < len(found) < len(kept.rows)
    days = [place for place in found if type(kept.rows[place]["start_time"]) is date]
    of_strava = {activity["id"]: activity for activity in activities}
    assert days
    shown = world.gold(
        "SELECT id, strftime(start_date_local, '%Y-%m-%dT%H:%M:%SZ'), distance FROM activities WHERE id > 0"
    )
    led = {one for (one,) in world.gold("SELECT id FROM activity_members WHERE place > 0")}
    expected = [(key, one["start_date_local"], one["distance"]) for key, one in of_strava.items() if key not in led]
    assert sorted(shown) == sorted(expected), "the table's rounded numbers and bare days change nothing of Strava's"


def numbered(world: World) -> list[tuple[int, str]]:
    """Number and key of each row of the newest reading."""
    found = there(newest_reading(world.run().lake, "spreadsheet", "spreadsheet"))
    return [(number, key) for number, key, *_ in json.loads(found[1])["books"][0]["rows"]]
