"""What a provider's listings have to give: columns, years, edits, deletions, accounts and gear."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.core.errors import (
    PipelineError,
    TransientError,
)
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.provider import Provider
from strava_pipeline.lake.bronze.listings import is_by_start
from strava_pipeline.lake.gold.quarantine import unreadable_rows
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.lake.shards import write_shards
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.provider_access import provider_states
from strava_pipeline.operations.providers import list_provider_activities, pull_kind
from strava_pipeline.operations.source import Source
from strava_pipeline.testing.merging import merge_listings
from strava_pipeline.testing.subjects import has_trait
from strava_pipeline.testing.worlds import YEARS, World, a_ride_a_year, five, list_at_strava


class ListingContract:
    """Of what is listed, and what becomes of it."""

    def test_every_activity_comes_with_its_source_and_its_own_id(self, world: World) -> None:
        keys = five(world.subject)
        report = world.pull()
        assert (report.rows, report.stopped) == (5, None)
        assert report.manifest.complete
        name = world.subject.name
        found = world.gold(
            "SELECT id, source, source_id, account IS NOT NULL, year FROM activities_all ORDER BY start_date"
        )
        assert found == [(hashed_id(name, key), name, key, True, 2025) for key in keys]
        assert world.gold("SELECT DISTINCT gear_source, distance, elapsed_time, kudos_count FROM activities") == [
            (
                name if spec_of(name).kinds and not has_trait(world.subject, "leaves_gear_out") else None,
                2224.0,
                600,
                None,
            )
        ]
        assert world.gold("SELECT DISTINCT source FROM activity_sources") == [(name,)]

    def test_every_column_has_stravas_units_and_an_absent_number_is_null(self, world: World) -> None:
        key = world.subject.add("2025-01-01", "a ride")
        world.subject.add("2025-01-02", "without a distance", has_distance=False)
        world.pull()
        columns = (
            "name, sport_type, start_date, distance, moving_time, elapsed_time, average_heartrate, extra ->> 'mood'"
        )
        at = datetime(2025, 1, 1, 6, tzinfo=UTC)
        (ride, other) = world.gold(f"SELECT {columns} FROM activities ORDER BY start_date")
        moving = 540 if world.by_calls else None  # a table of a person's own has one duration
        assert ride == ("a ride", "Ride", at, 2224.0, moving, 600, None, "good")
        assert other == ("without a distance", "Ride", at + timedelta(days=1), None, moving, 600, None, "good")
        if world.subject.zones:
            columns = "strftime(start_date_local, '%Y-%m-%d %H:%M:%S'), utc_offset, timezone"
            found = world.gold(f"SELECT {columns} FROM activities_all WHERE source_id = '{key}'")
            assert found == [("2025-01-01 07:00:00", 3600.0, "(GMT+01:00) Europe/Vienna")]

    def test_a_ride_at_the_turn_of_the_year_belongs_to_the_year_of_the_athletes_clock(self, world: World) -> None:
        if not world.subject.zones:
            pytest.skip("this provider does not say what the athlete's clock showed")
        add = world.subject.add
        add("2025-01-01", "first", began="2025-01-01T00:30:00+14:00", zone="Pacific/Kiritimati")
        add("2025-12-31", "last", began="2025-12-31T23:30:00-10:00", zone="Pacific/Honolulu")
        world.pull("year", 2025)
        assert world.gold("SELECT name FROM activities WHERE year = 2025 ORDER BY start_date") == [
            ("first",),
            ("last",),
        ]

    def test_the_client_has_what_its_record_names_and_names_its_host(self, world: World) -> None:
        spec = spec_of(world.subject.name)
        client = Source(world.subject.name, world.settings, world.run()).client

        def has(method: str) -> bool:
            return getattr(type(client), method, None) not in (None, getattr(Provider, method))

        assert spec.capabilities & {"windows", "feed", "whole"}
        assert (has("get_file"), has("list_kind")) == ("files" in spec.capabilities, bool(spec.kinds))
        if has_trait(world.subject, "only_reads"):
            assert (client.spec.name, client.spec.edits, client.spec.kinds) == (spec.name, frozenset(), {})
        else:
            assert client.spec == spec
        assert client.host == ("127.0.0.1" if world.by_calls else None)
        assert not world.subject.journal.log

    def test_a_year_is_listed_to_its_edges(self, world: World) -> None:
        for day in ("2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01"):
            world.subject.add(day, day)
        world.pull("year", 2025)
        assert {"2025-01-01", "2025-12-31"} <= set(world.names())
        assert not {"2024-12-31", "2026-01-01"} & {
            name for (name,) in world.gold("SELECT name FROM activities WHERE year = 2025")
        }

    def test_several_years_of_a_run_are_one_listing_and_only_they_are_merged(self, world: World) -> None:
        a_ride_a_year(world)
        report = world.pull("year", 2024, 2025, per_page=50, merged=[2024, 2025])
        assert (report.is_complete, len(report.manifests), report.stopped) == (True, 1, None)
        assert world.names() == ["ride of 2024", "ride of 2025"]

    def test_years_in_a_gap_are_not_listed_where_the_service_lists_by_time_and_never_judged(self, world: World) -> None:
        keys = a_ride_a_year(world)
        world.pull(per_page=50)
        world.subject.clock.advance(7200)
        for key in keys.values():
            world.subject.delete(key)
        report = world.pull("year", 2024, 2026, per_page=50, merged=[2024, 2026])
        by_time = is_by_start(world.subject.name)
        assert report.is_complete
        assert [manifest.window.mode for manifest in report.manifests] == (["year", "year"] if by_time else ["all"])
        assert world.names() == ["ride of 2025"]
        world.pull("year", 2025, per_page=50, merged=[2025])
        assert world.names() == []

    def test_of_several_years_one_that_shrinks_too_much_waits_and_the_others_do_not(self, world: World) -> None:
        world.need_calls()
        keys = {
            year: [world.subject.add(f"{year}-03-{day:02}", f"{year} {day}") for day in range(10, 18)] for year in YEARS
        }
        world.pull(per_page=50)
        world.subject.clock.advance(7200)
        for key in (*keys[2025][:7], keys[2024][0]):
            world.subject.delete(key)
        run = world.run()
        source, options = (
            Source(world.subject.name, world.settings, run),
            ListingOptions(mode="year", per_page=50),
        )
        list_provider_activities(run, source, options, [2024, 2025], asset="listing")
        write_shards(run.lake, [2024, 2025], run.years)
        absence = merge_listings(run, [2024, 2025])
        assert [(shrink.year, shrink.missing, shrink.present) for shrink in absence.held] == [(2025, 7, 8)]
        assert absence.deleted == 1
        assert world.gold("SELECT name FROM deleted_activities") == [("2024 10",)]

    def test_what_is_new_is_listed_from_the_watermark(self, world: World) -> None:
        five(world.subject)
        world.subject.clock.advance(60)
        world.pull()
        world.subject.add("2026-02-27", "new")
        report = world.pull("incremental")
        assert (report.manifest.window.mode != "all") == world.by_calls
        assert world.names()[-1] == "new"

    def test_an_edit_is_followed_and_the_earlier_name_kept(self, world: World) -> None:
        keys = five(world.subject)
        world.pull()
        world.subject.clock.advance(3600)
        world.subject.edit(keys[2], "better name")
        world.pull()
        assert world.names()[2] == "better name"
        versions = world.gold(
            "SELECT version, previous ->> 'name' FROM activity_history WHERE changed_fields = ['name']"
        )
        assert versions == [(2, "ride 3")]

    def test_what_a_complete_listing_lacks_is_deleted_and_comes_back_when_seen(self, world: World) -> None:
        keys = five(world.subject)
        world.pull(per_page=50)
        world.subject.clock.advance(3600)
        for key in keys[:2]:
            world.subject.delete(key)
        world.pull("year", 2025, per_page=50)
        assert world.gold("SELECT name FROM deleted_activities ORDER BY 1") == [("ride 1",), ("ride 2",)]
        assert world.names() == ["ride 3", "ride 4", "ride 5"]
        world.subject.clock.advance(3600)
        world.subject.restore(keys[1])
        world.pull("year", 2025, per_page=50)
        assert "ride 2" in world.names()

    def test_a_comparison_of_everything_finds_what_happened_long_ago(self, world: World) -> None:
        """A deletion, another name and a late upload of a year back, which no listing of what is new would show."""
        keys = [world.subject.add(f"2025-01-0{day}", f"ride {day}") for day in range(1, 5)]
        world.subject.add("2025-12-01", "ride 9")
        world.pull(per_page=50)
        world.subject.clock.advance(86_400)
        world.subject.add("2025-01-05", "late")
        world.subject.edit(keys[1], "other name")
        world.subject.delete(keys[0])
        world.pull("all", per_page=50)
        assert world.names() == ["other name", "ride 3", "ride 4", "late", "ride 9"]
        assert world.gold("SELECT source_id FROM deleted_activities") == [(keys[0],)]
        state = provider_states(world.settings)[world.subject.name]
        assert 2025 in state.compared_at

    def test_another_account_proves_nothing_of_what_the_first_one_had(self, world: World) -> None:
        world.need_calls()
        five(world.subject)
        world.pull(per_page=50)
        world.subject.clock.advance(3600)
        world.change_account()
        report = world.pull("incremental", per_page=50)
        assert report.manifest.window.after is None, "another account has no watermark yet"
        world.pull("year", 2025, per_page=50)
        assert len(world.names()) == 5
        assert world.gold("SELECT count(*) FROM deleted_activities") == [(0,)]

    def test_an_item_that_is_no_activity_stops_nothing_and_proves_nothing(self, world: World) -> None:
        keys = five(world.subject)
        world.pull(per_page=50)
        world.subject.clock.advance(3600)
        world.subject.spoil()
        world.subject.delete(keys[4])
        report = world.pull("year", 2025, per_page=50)
        assert (report.manifest.unreadable, report.rows) == (1, 4)
        assert len(world.names()) == 5, "the item may be any activity of that time"
        world.subject.clock.advance(3600)
        list_at_strava(world, {"id": 123, "start_date": "2025-05-05T06:00:00Z"})
        (row,) = unreadable_rows(world.run().lake)
        assert row.source == world.subject.name, "what Strava lists proves nothing of it"
        if not world.by_calls:
            return
        world.change_account()
        world.pull(per_page=50)
        assert len(unreadable_rows(world.run().lake)) == 1, "nor does another account"

    def test_a_link_to_strava_makes_both_one_activity(self, world: World) -> None:
        if not world.subject.links:
            pytest.skip("this provider names no ids of others")
        list_at_strava(world, {"id": 123, "name": "at Strava", "start_date": "2025-06-01T06:00:00Z"})
        key = world.subject.add("2025-01-01", "linked", strava_id=123)
        world.subject.add("2025-01-02", "not linked")
        world.pull()
        members = "SELECT id, activity_id FROM activity_members ORDER BY place"
        assert world.gold(members) == [(123, 123), (hashed_id(world.subject.name, key), 123)]
        assert world.gold("SELECT verdict, joined FROM activity_matches") == [("certain", True)]

    def test_gear_is_kept_under_the_provider_that_numbered_it(self, world: World) -> None:
        if has_trait(world.subject, "leaves_gear_out"):
            pytest.skip("its list names no gear")
        world.need_gear()
        five(world.subject)
        run = world.run()
        assert pull_kind(run, Source(world.subject.name, world.settings, run), "gear") == 1
        world.pull()
        joined = "activities JOIN gear ON gear.source = activities.gear_source AND gear.gear_id = activities.gear_id"
        assert world.gold(f"SELECT DISTINCT gear.source, gear.name FROM {joined}") == [
            (world.subject.name, "Blue bike")
        ]

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

    def test_a_folder_of_a_provider_that_this_version_lacks_is_named(self, world: World) -> None:
        five(world.subject)
        (world.settings.data_dir / "bronze" / "providers" / "unheard_of" / "activities").mkdir(parents=True)
        with pytest.raises(PipelineError, match="no provider unheard_of"):
            world.pull()

    def test_a_rebuild_makes_the_same_without_a_call(self, world: World) -> None:
        keys = five(world.subject)
        run = world.run()
        pull_kind(run, Source(world.subject.name, world.settings, run), "gear")
        world.pull()
        world.subject.clock.advance(3600)
        world.subject.edit(keys[0], "edited")
        world.subject.delete(keys[3])
        world.pull(per_page=50)
        tables = ("activities_all", "gear", "activity_history")
        before = {table: world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}
        calls = len(world.subject.journal.log)
        run = world.run()
        rebuild(run.lake, run.years, run.progress)
        assert {table: world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in tables} == before
        assert len(world.subject.journal.log) == calls
