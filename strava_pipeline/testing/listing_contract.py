"""The contract of listings: columns, years, edits, deletions, accounts and gear."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.errors import (
    PipelineError,
    TransientError,
)
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.provider import Provider
from strava_pipeline.lake.bronze.comparisons import compared_years
from strava_pipeline.lake.bronze.listings import is_by_start
from strava_pipeline.lake.gold.quarantine import unreadable_rows
from strava_pipeline.lake.made.shards import write_shards
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.providers import list_provider_activities, pull_kind
from strava_pipeline.operations.source import Source
from strava_pipeline.testing.merging import merge_listings
from strava_pipeline.testing.subjects import has_trait, kinds_of
from strava_pipeline.testing.worlds import World, a_ride_a_year, five, list_at_strava


def _has_columns(world: World, keys: list[str]) -> None:
    """The columns of five rides and one without a distance: their ids, Strava's units, null for an absent number, and
    their gear.
    """
    subject, name = world.subject, world.subject.name
    found = world.gold(
        "SELECT id, source, source_id, account IS NOT NULL, year FROM activities_all ORDER BY start_date"
    )
    assert found == [(hashed_id(name, key), name, key, True, 2025) for key in keys]
    has_gear = "gear" in kinds_of(subject) and not has_trait(subject, "leaves_gear_out")
    is_written = world.gold("SELECT bool_or(extra ->> 'equipment' <> '') FROM activities_all") == [(True,)]
    assert world.gold("SELECT DISTINCT gear_source, elapsed_time, kudos_count FROM activities") == [
        (name if has_gear or is_written else None, 600, None)
    ]
    assert world.gold("SELECT DISTINCT source FROM activity_sources") == [(name,)]
    columns = "name, sport_type, start_date, distance, moving_time, elapsed_time, average_heartrate, extra ->> 'mood'"
    first, *others, last = world.gold(f"SELECT {columns} FROM activities ORDER BY start_date")
    moving = 540 if world.by_calls else None  # a table that a person keeps has one duration
    at = datetime(2025, 1, 1, 6, tzinfo=UTC)
    assert first == ("ride 1", "Ride", at, 2224.0, moving, 600, None, "good")
    assert {row[3] for row in others} == {2224.0}
    assert last == ("without a distance", "Ride", at + timedelta(days=5), None, moving, 600, None, "good")
    if subject.zones:
        columns = "strftime(start_date_local, '%Y-%m-%d %H:%M:%S'), utc_offset, timezone"
        shown = world.gold(f"SELECT {columns} FROM activities_all WHERE source_id = '{keys[0]}'")
        assert shown == [("2025-01-01 07:00:00", 3600.0, "(GMT+01:00) Europe/Vienna")]
    if has_gear:
        joined = "activities JOIN gear ON gear.source = activities.gear_source AND gear.gear_id = activities.gear_id"
        assert world.gold(f"SELECT DISTINCT gear.source, gear.name FROM {joined}") == [(name, "Blue bike")]


def _finds_what_happened_long_ago(world: World, keys: list[str]) -> None:
    """A comparison of everything finds a deletion, another name and a late upload of a year back, which no listing of
    new activities would show.
    """
    world.subject.clock.advance(86_400)
    world.subject.add("2025-01-07", "late")
    world.subject.edit(keys[2], "better name")
    world.subject.delete(keys[0])
    world.pull("all", per_page=50)
    assert world.names() == ["ride 2", "better name", "ride 4", "ride 5", "without a distance", "late", "new"]
    assert world.gold("SELECT source_id FROM deleted_activities") == [(keys[0],)]
    versions = "SELECT version, previous ->> 'name' FROM activity_history WHERE changed_fields = ['name']"
    assert world.gold(versions) == [(2, "ride 3")], "the earlier name is kept"
    assert 2025 in compared_years(world.run().lake, YearRange(2025, 2025), world.subject.name)


def _marks_what_a_year_lacks_until_it_is_seen(world: World, keys: list[str]) -> None:
    world.subject.clock.advance(3600)
    for key in keys[1:4:2]:
        world.subject.delete(key)
    world.pull("year", 2025, per_page=50)
    assert world.gold("SELECT name FROM deleted_activities ORDER BY 1") == [("ride 1",), ("ride 2",), ("ride 4",)]
    left = ["better name", "ride 5", "without a distance", "late", "new"]
    assert world.names() == left
    world.subject.clock.advance(3600)
    world.subject.restore(keys[1])
    world.pull("year", 2025, per_page=50)
    assert world.names() == ["ride 2", *left]


def _is_rebuilt_without_a_call(world: World) -> None:
    tables = ("activities_all", "gear", "activity_history")
    before = {table: world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}
    calls = len(world.subject.journal.log)
    run = world.run()
    rebuild(run.lake, run.years, run.progress)
    assert {table: world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in tables} == before
    assert len(world.subject.journal.log) == calls


def _is_held_where_it_shrinks_too_much(world: World, keys: dict[int, list[str]]) -> None:
    """A year that lacks nearly everything waits for a person, and the others do not."""
    world.subject.clock.advance(7200)
    for key in (*keys[2025][:7], keys[2024][0]):
        world.subject.delete(key)
    run = world.run()
    source, options = Source(world.subject.name, world.settings, run), ListingOptions(mode="year", per_page=50)
    list_provider_activities(run, source, options, [2024, 2025], asset="listing")
    write_shards(run.lake, [2024, 2025], run.years)
    absence = merge_listings(run, [2024, 2025])
    assert [(shrink.year, shrink.missing, shrink.present) for shrink in absence.held] == [(2025, 7, 8)]
    assert absence.deleted == 1
    assert world.gold("SELECT name FROM deleted_activities WHERE name NOT LIKE 'ride of %'") == [("2024 10",)]


class ListingContract:
    """The contract of listings and their effects."""

    def test_activities_come_in_stravas_terms_and_each_listing_is_followed(self, world: World) -> None:
        """The life of a library: the first listing, a new ride, a comparison of everything, deletions of a year, a return, a
        rebuild. A world of its own for each would cost the same each time.
        """
        keys = [*five(world.subject), world.subject.add("2025-01-06", "without a distance", has_distance=False)]
        if "gear" in kinds_of(world.subject):
            run = world.run()
            assert len(pull_kind(run, Source(world.subject.name, world.settings, run), "gear")) == 1
        world.subject.clock.advance(60)
        report = world.pull()
        assert (report.rows_received, report.stopped) == (6, None)
        assert report.manifest.complete
        _has_columns(world, keys)
        world.subject.add("2026-02-27", "new")
        report = world.pull("incremental")
        assert (report.manifest.window.mode != "all") == world.by_calls, "it is listed from the watermark"
        assert world.names()[-1] == "new"
        _finds_what_happened_long_ago(world, keys)
        _marks_what_a_year_lacks_until_it_is_seen(world, keys)
        _is_rebuilt_without_a_call(world)

    def test_the_client_has_what_its_record_names_and_names_its_host(self, world: World) -> None:
        spec = spec_of(world.subject.name)
        client = Source(world.subject.name, world.settings, world.run()).client

        def has(method: str) -> bool:
            return getattr(type(client), method, None) not in (None, getattr(Provider, method))

        assert spec.capabilities & {"windows", "feed", "whole"}
        assert (has("get_file"), has("list_kind")) == ("files" in spec.capabilities, bool(spec.kinds))
        assert client.spec.kinds.keys() == kinds_of(world.subject)
        if has_trait(world.subject, "only_reads"):
            assert (client.spec.name, client.spec.edits) == (spec.name, frozenset())
        else:
            assert replace(client.spec, kinds=spec.kinds) == spec
        assert client.host == ("127.0.0.1" if world.by_calls else None)
        assert not world.subject.journal.log

    def test_a_year_is_listed_to_its_edges_on_the_athletes_clock(self, world: World) -> None:
        subject, days = world.subject, ("2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01")
        for day in days:
            subject.add(day, day)
        if subject.zones:
            subject.add("2025-01-01", "first", began="2025-01-01T00:30:00+14:00", zone="Pacific/Kiritimati")
            subject.add("2025-12-31", "last", began="2025-12-31T23:30:00-10:00", zone="Pacific/Honolulu")
        if subject.links:
            list_at_strava(world, {"id": 123, "name": "at Strava", "start_date": "2025-06-01T06:00:00Z"})
            linked = subject.add("2025-03-01", "linked", strava_id=123)
        subject.add("2025-03-02", "not linked")
        world.pull("year", 2025)
        assert {"2025-01-01", "2025-12-31"} <= set(world.names())
        turns = [
            (name,) for name in (("first",) if subject.zones else ()) + days[1:3] + (("last",) if subject.zones else ())
        ]
        of_year = (
            "SELECT name FROM activities WHERE year = 2025 AND month(start_date_local) IN (1, 12) ORDER BY start_date"
        )
        assert world.gold(of_year) == turns
        if subject.links:  # what the service names is one activity with it
            members = "SELECT id, activity_id FROM activity_members ORDER BY place"
            assert world.gold(members) == [(123, 123), (hashed_id(subject.name, linked), 123)]
            assert world.gold("SELECT verdict, joined FROM activity_matches") == [("certain", True)]
        (world.settings.data_dir / "bronze" / "providers" / "unheard_of" / "activities").mkdir(parents=True)
        # of another version, or a package that is gone
        with pytest.raises(PipelineError, match="no provider unheard_of"):
            world.pull()

    def test_the_years_of_a_run_are_judged_by_themselves_and_no_year_in_a_gap(self, world: World) -> None:
        keys = a_ride_a_year(world)
        marches = {
            year: [world.subject.add(f"{year}-03-{day:02}", f"{year} {day}") for day in range(10, 18)]
            for year in (2024, 2025)
        }
        report = world.pull("year", 2024, 2025, per_page=50, merged=[2024, 2025], matched=False)
        assert (report.is_complete, len(report.manifests), report.stopped) == (True, 1, None)
        first, second = ([f"ride of {year}", *(f"{year} {day}" for day in range(10, 18))] for year in (2024, 2025))
        assert world.names() == [*first, *second]
        world.pull(per_page=50, matched=False)
        world.subject.clock.advance(7200)
        for key in keys.values():
            world.subject.delete(key)
        report = world.pull("year", 2024, 2026, per_page=50, merged=[2024, 2026], matched=False)
        by_time = is_by_start(world.subject.name)
        assert report.is_complete
        assert [manifest.window.mode for manifest in report.manifests] == (["year", "year"] if by_time else ["all"])
        assert world.names() == [*first[1:], *second]
        world.pull("year", 2025, per_page=50, merged=[2025], matched=False)
        assert world.names() == [*first[1:], *second[1:]]
        if world.by_calls:
            _is_held_where_it_shrinks_too_much(world, marches)

    def test_an_item_that_is_no_activity_and_another_account_prove_nothing(self, world: World) -> None:
        keys = five(world.subject)
        world.pull(per_page=50)
        world.subject.clock.advance(3600)
        world.subject.spoil()
        world.subject.delete(keys[4])
        report = world.pull("year", 2025, per_page=50)
        assert (report.manifest.unreadable, report.rows_received) == (1, 4)
        assert len(world.names()) == 5, "the item may be any activity of that time"
        world.subject.clock.advance(3600)
        list_at_strava(world, {"id": 123, "start_date": "2025-05-05T06:00:00Z"})
        (row,) = unreadable_rows(world.run().lake)
        assert row.source == world.subject.name, "what Strava lists proves nothing of it"
        if not world.by_calls:
            return
        world.change_account()
        report = world.pull("incremental", per_page=50)
        assert report.manifest.window.after is None, "another account has no watermark yet"
        world.pull("year", 2025, per_page=50)
        assert world.names() == [*(f"ride {day}" for day in range(1, 6)), None]
        assert world.gold("SELECT count(*) FROM deleted_activities") == [(0,)]
        assert len(unreadable_rows(world.run().lake)) == 1, "nor does another account"

    def test_a_page_of_another_service_s_activities_ends_no_listing(self, world: World) -> None:
        if not world.subject.lists_foreign:
            pytest.skip("it lists no activity of another service")
        keys, paged = five(world.subject), spec_of(world.subject.name).paged
        for _ in range(2):  # a page of their own: the second one, or another year
            world.subject.add_foreign("2025-01-04" if paged else "2024-01-04")
        world.subject.fail(kind="status", status=500, after=2 if paged else 3, times=3)
        with pytest.raises(TransientError):
            world.pull()
        report = world.pull()
        assert report.manifest.complete
        assert world.names() == [f"ride {day}" for day in range(1, 6)]
        world.subject.clock.advance(3600)
        world.subject.delete(keys[0])
        world.pull("year", 2025)
        assert world.gold("SELECT name FROM deleted_activities") == [("ride 1",)]
