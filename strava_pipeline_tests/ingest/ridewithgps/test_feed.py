"""Ride with GPS as a run meets it: what each day costs, what the feed reports, tracks, and gear of the web site's interface."""

import gzip
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import GoneError, NeedsLoginError, RefusedError, TransientError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.emulator.service import Fault
from strava_pipeline.ingest.providers_file import ProviderChoice
from strava_pipeline.ingest.ridewithgps import client as client_module
from strava_pipeline.ingest.ridewithgps.emulator.service import RideWithGps, gear_item, gear_of_detail
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.gold.quarantine import unreadable_rows
from strava_pipeline.lake.providers import feed_state, land_provider_file
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations import feeds
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.providers import bring_provider_files, list_provider_activities
from strava_pipeline.operations.pulling import PullReport
from strava_pipeline.operations.source import Source
from strava_pipeline.orchestrate.job_years import provider_years
from strava_pipeline_tests.ingest.ridewithgps.subject import RideWithGpsSubject
from strava_pipeline_tests.providers.subjects import GPX
from strava_pipeline_tests.providers.worlds import World, five, listed_to_the_end

pytestmark = pytest.mark.parametrize("world", ["ridewithgps"], indirect=True)
LATER = {"Retry-After": "7200"}
LIST, SYNC, WHO = "/api/v1/trips.json", "/api/v1/sync.json", "/api/v1/users/current.json"
LEGACY_LIST, LEGACY_USER = "/users/7001/trips.json", "/users/current.json"


def subject_of(world: World) -> RideWithGpsSubject:
    assert isinstance(world.subject, RideWithGpsSubject)
    return world.subject


def service_of(world: World) -> RideWithGps:
    return subject_of(world).service


def calls(world: World) -> list[str]:
    """The paths that were asked for since the last time, without queries."""
    found = [path.partition("?")[0] for _, _, path, _ in world.subject.journal.log]
    world.subject.journal.reset()
    return found


def listed_once(world: World) -> list[str]:
    """Five rides, listed a day ago; their ids."""
    keys = five(world.subject)
    world.subject.clock.advance(3600)
    listed_to_the_end(world, "incremental", per_page=50)
    world.subject.clock.advance(24 * 3600)
    calls(world)
    return keys


def follow(world: World) -> PullReport:
    return world.pull("incremental", per_page=50)


def test_a_feed_without_an_unreadable_row_does_not_say_that_it_is_gone(world: World) -> None:
    world.subject.spoil()
    listed_once(world)
    assert len(unreadable_rows(world.run().lake)) == 1
    follow(world)
    assert len(unreadable_rows(world.run().lake)) == 1


@pytest.mark.slow
def test_a_trip_that_claims_an_edit_of_the_future_is_followed_all_the_same(world: World) -> None:
    keys = five(world.subject)
    service_of(world).edit(int(keys[0]), name="odd")
    service_of(world).trips[int(keys[0])]["updated_at"] = "2031-01-01T00:00:00Z"
    world.pull("incremental", per_page=50)
    world.subject.clock.advance(3600)
    world.subject.edit(keys[0], "edited")
    follow(world)
    assert "edited" in world.names()


def test_the_first_listing_is_the_list_and_the_gear(world: World) -> None:
    five(world.subject)
    world.pull("incremental", per_page=50)
    assert sorted(calls(world)) == sorted([WHO, LEGACY_USER, LEGACY_LIST, LIST])
    assert world.gold("SELECT DISTINCT gear_id FROM activities") == [("254097",)]


@pytest.mark.slow
def test_what_changed_costs_a_call_each_and_the_cursor_moves_on(world: World) -> None:
    keys = listed_once(world)
    world.subject.edit(keys[0], "better name")
    world.subject.edit(keys[0], "best name")
    new = world.subject.add("2024-05-01", "an old ride, uploaded today")
    report = follow(world)
    assert calls(world) == [SYNC, f"/api/v1/trips/{keys[0]}.json", f"/api/v1/trips/{new}.json"]
    assert (report.manifest.window.mode, report.manifest.complete, report.rows_received) == ("feed", True, 2)
    assert {"best name", "an old ride, uploaded today"} <= set(world.names())
    assert world.gold("SELECT DISTINCT gear_id FROM activities") == [("254097",)]
    changed = world.gold("SELECT changed_fields FROM activity_history WHERE version = 2")
    assert changed == [(["name"],)], "a trip reads the same from the list and by itself"
    world.subject.clock.advance(60)
    follow(world)
    assert calls(world) == [SYNC]


@pytest.mark.slow
def test_a_deletion_is_a_tombstone_and_a_return_takes_it_back(world: World) -> None:
    keys = listed_once(world)
    world.subject.delete(keys[1])
    follow(world)
    assert calls(world) == [SYNC]
    assert world.gold("SELECT name FROM deleted_activities") == [("ride 2",)]
    assert len(world.names()) == 4
    world.subject.clock.advance(3600)
    world.subject.restore(keys[1])
    follow(world)
    assert len(world.names()) == 5


def test_many_deletions_wait_for_a_person(world: World) -> None:
    for day in range(10, 20):
        world.subject.add(f"2025-02-{day}", f"ride {day}")
    keys = listed_once(world)
    for key in (*keys, *list(service_of(world).trips)[:3]):
        if int(key) in service_of(world).trips:
            world.subject.delete(str(key))
    follow(world)
    assert calls(world) == [SYNC]
    assert len(world.names()) > 15 - 8, "so many may be a fault of the service"


def test_a_trip_that_is_gone_or_hidden_when_it_is_asked_for_stops_no_other(world: World) -> None:
    keys = listed_once(world)
    service = service_of(world)
    for key in keys[:3]:
        world.subject.edit(key, f"edited {key}")
    del service.trips[int(keys[0])]
    service.hidden.add(int(keys[1]))
    report = follow(world)
    assert report.manifest.complete
    assert world.gold("SELECT source_id FROM deleted_activities ORDER BY 1") == [(keys[0],), (keys[1],)]
    assert f"edited {keys[2]}" in world.names()


def test_what_concerns_other_people_or_routes_costs_nothing(world: World) -> None:
    keys = listed_once(world)
    service = service_of(world)
    service.record("updated", int(keys[0]), owner=9)
    service.record("deleted", int(keys[1]), owner=9)
    service.record("added", 5)
    service.record("created", 6, item_type="route")
    follow(world)
    assert calls(world) == [SYNC]
    assert len(world.names()) == 5


def test_a_run_that_dies_between_asks_again_and_for_nothing_that_came(world: World) -> None:
    keys = listed_once(world)
    before = feed_state(world.run().lake, "ridewithgps").cursors
    for key in keys[:3]:
        world.subject.edit(key, f"edited {key}")
    world.subject.delete(keys[4])
    world.subject.clock.advance(60)
    world.subject.fail(path=f"/api/v1/trips/{keys[2]}.json", kind="status", status=401)
    with pytest.raises(NeedsLoginError):
        follow(world)
    assert feed_state(world.run().lake, "ridewithgps").cursors == before, "not all of it has landed"
    calls(world)
    follow(world)
    assert calls(world) == [SYNC, f"/api/v1/trips/{keys[2]}.json"]
    assert {f"edited {key}" for key in keys[:3]} <= set(world.names())
    assert world.gold("SELECT source_id FROM deleted_activities") == [(keys[4],)]


@pytest.mark.slow
def test_a_limit_in_between_keeps_the_cursor(world: World) -> None:
    keys = listed_once(world)
    for key in keys[:2]:
        world.subject.edit(key, f"edited {key}")
    path = f"/api/v1/trips/{keys[1]}.json"
    world.subject.fail(path=path, kind="status", status=429, headers={"Retry-After": "7200"})
    report = follow(world)
    assert report.stopped is not None
    assert not report.manifest.complete
    assert f"edited {keys[0]}" in world.names()
    world.subject.clock.advance(7201)
    assert follow(world).manifest.complete
    assert f"edited {keys[1]}" in world.names()


@pytest.mark.slow
def test_a_lost_cursor_costs_one_listing_and_no_data(world: World) -> None:
    keys = listed_once(world)
    world.subject.edit(keys[0], "edited")
    world.subject.delete(keys[1])
    (world.run().lake.state / "providers" / "ridewithgps" / "feed" / "state.json").unlink()
    follow(world)
    assert sorted(calls(world)) == sorted([WHO, LEGACY_USER, LEGACY_LIST, LIST])
    assert "edited" in world.names()
    assert world.gold("SELECT source_id FROM deleted_activities") == [(keys[1],)]
    world.subject.clock.advance(3600)
    follow(world)
    assert calls(world) == [SYNC]


def test_a_cursor_without_the_listing_that_it_goes_on_from_counts_for_nothing(world: World) -> None:
    listed_once(world)
    for listing in listings(world.run().lake, "ridewithgps"):
        shutil.rmtree(listing.folder)
    assert follow(world).rows_received == 5
    assert LIST in calls(world)


def test_a_cursor_that_the_service_no_longer_takes_is_a_lost_one(world: World) -> None:
    listed_once(world)
    state = feed_state(world.run().lake, "ridewithgps")
    world.subject.fail(path=SYNC, kind="status", status=400)
    assert follow(world).rows_received == 5
    assert LIST in calls(world)
    assert feed_state(world.run().lake, "ridewithgps").cursors != state.cursors, "or each day would list everything"
    world.subject.clock.advance(3600)
    follow(world)
    assert calls(world) == [SYNC]


@pytest.mark.dear
def test_a_trip_that_cannot_be_had_by_itself_comes_with_the_list(world: World) -> None:
    keys = listed_once(world)
    world.subject.edit(keys[0], "edited")
    world.subject.fail(path=f"/api/v1/trips/{keys[0]}.json", kind="status", status=500, times=3)
    assert follow(world).manifest.complete
    assert "edited" in world.names()
    calls(world)
    world.subject.clock.advance(3600)
    follow(world)
    assert calls(world) == [SYNC], "the feed goes on behind it"


@pytest.mark.slow
def test_very_many_changes_are_listed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_CHANGED", 4)
    keys = listed_once(world)
    for key in keys:
        world.subject.edit(key, f"edited {key}")
    world.subject.delete(keys[4])
    world.subject.add("2025-03-01", "new")
    follow(world)
    assert LIST in (asked := calls(world))
    assert not [path for path in asked if path.startswith("/api/v1/trips/")]
    assert world.names() == [*(f"edited {key}" for key in keys[:4]), "new"]
    world.subject.clock.advance(60)
    follow(world)
    assert calls(world) == [SYNC]


@pytest.mark.dear
def test_a_listing_for_the_feed_goes_on_after_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_CHANGED", 4)
    keys = [world.subject.add(f"2025-01-{day:02}", f"ride {day}") for day in range(1, 25)]
    world.pull("incremental", per_page=8)
    world.subject.clock.advance(24 * 3600)
    for key in keys:
        world.subject.edit(key, f"edited {key}")
    world.subject.fail(kind="status", status=429, headers={"Retry-After": "7200"}, after=1)
    assert world.pull("incremental", per_page=8).stopped is not None
    world.subject.clock.advance(7201)
    read = keys[-1]  # of the page that came, at the front of the list
    world.subject.edit(read, "edited again")
    world.subject.journal.reset()
    report = world.pull("incremental", per_page=8)
    assert (report.stopped, report.as_of) == (None, report.manifest.started_at)
    asked = [path for _, _, path, _ in world.subject.journal.log if path.startswith(LIST)]
    assert ["page=2&" in path or "page=3&" in path for path in asked] == [True, True], "page 1 was on disk"
    trips = [path for path in calls(world) if path.startswith("/api/v1/trips/")]
    assert trips == [f"/api/v1/trips/{read}.json"], "the feed is asked for what changed since that listing began"
    assert set(world.names()) == {"edited again", *(f"edited {key}" for key in keys[:-1])}
    world.subject.clock.advance(60)
    world.pull("incremental", per_page=8)
    assert calls(world) == [SYNC]


@pytest.mark.slow
def test_a_listing_of_the_last_hour_does_not_stand_in_for_later_changes(world: World) -> None:
    keys = listed_once(world)
    world.pull("year", 2025, per_page=50)
    world.subject.clock.advance(600)
    for key in keys:
        world.subject.edit(key, f"edited {key}")
    follow(world)
    assert world.names() == [f"edited {key}" for key in keys]


@pytest.mark.slow
def test_a_listing_of_several_pages_in_no_order_of_starts_finds_what_is_gone(world: World) -> None:
    keys = [world.subject.add(f"2025-01-{day:02}", f"ride {day}") for day in (9, 2, 7, 1, 5, 3)]
    world.pull("all", per_page=2)
    world.subject.clock.advance(3601)
    world.subject.delete(keys[2])
    world.pull("year", 2025, per_page=2)
    assert world.gold("SELECT name FROM deleted_activities") == [("ride 7",)]


def test_an_account_that_changed_behind_the_same_login_proves_nothing(world: World) -> None:
    listed_once(world)
    service = service_of(world)
    service.user_id = 9
    service.trips.clear()
    world.pull("year", 2025, per_page=50)
    assert len(world.names()) == 5


def year_run(world: World, year: int) -> None:
    """What the job of one year does before it merges; its run ends well."""
    run = world.run()
    source = Source("ridewithgps", world.settings, run)
    list_provider_activities(run, source, ListingOptions(mode="year", per_page=50), [year], asset="listing")
    for listing in listings(run.lake, "ridewithgps"):
        listing.mark_used()


def test_a_backfill_of_five_years_reads_the_list_once(world: World) -> None:
    five(world.subject)
    for year in range(2021, 2026):
        year_run(world, year)
    assert sorted(calls(world)) == sorted([WHO, LEGACY_USER, LEGACY_LIST, LIST, *[SYNC] * 4])
    world.subject.clock.advance(3601)
    year_run(world, 2025)
    assert calls(world).count(LIST) == 1, "an hour later a person wants to know what is there now"


def test_the_daily_run_after_a_backfill_asks_for_nothing_that_it_brought(world: World) -> None:
    keys = listed_once(world)
    world.subject.edit(keys[0], "edited")
    world.subject.clock.advance(600)
    world.pull("year", 2025, per_page=50)
    calls(world)
    world.subject.clock.advance(600)
    follow(world)
    assert calls(world) == [SYNC]


def test_a_month_is_brought_up_to_date_by_the_feed(world: World) -> None:
    keys = listed_once(world)
    world.subject.edit(keys[0], "edited")
    run = world.run()
    source = Source("ridewithgps", world.settings, run)
    options = ListingOptions(mode="month", month="2025-01", per_page=50)
    report = list_provider_activities(run, source, options, [2025], asset="listing")
    assert calls(world) == [SYNC, f"/api/v1/trips/{keys[0]}.json"]
    assert report.holds


def test_the_daily_run_covers_every_year_that_a_change_may_be_of(world: World) -> None:
    listed_once(world)
    years = provider_years(world.settings, "ridewithgps", ProviderChoice(), world.subject.clock.now())
    assert years == [2024, 2025, 2026]


def test_gear_of_more_trips_than_a_page_comes_with_few_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LEGACY_ROWS", 2)
    five(world.subject)
    world.pull("all", per_page=50)
    assert calls(world).count(LEGACY_LIST) == 3
    assert world.gold("SELECT DISTINCT gear_id FROM activities") == [("254097",)]


def test_gear_that_came_before_a_listing_broke_off_is_not_asked_for_again(world: World) -> None:
    five(world.subject)
    world.subject.fail(kind="status", status=429, headers=LATER)
    assert world.pull().stopped is not None
    calls(world)
    world.pull()
    assert not {LEGACY_LIST, LEGACY_USER} & {*calls(world)}
    assert world.gold("SELECT DISTINCT gear_id FROM activities") == [("254097",)]


@pytest.mark.slow
def test_without_the_web_sites_interface_only_gear_is_missing(world: World, tmp_path: Path) -> None:
    keys = five(world.subject)
    for number, fault in enumerate(
        (
            {"kind": "status", "status": 404},
            {"kind": "status", "status": 401},
            {"kind": "status", "status": 403},
            {"kind": "html", "status": 200},
            {"kind": "body", "body": {"error": "not here any more"}},
        )
    ):
        world.subject.faults.clear()
        world.settings = world.settings.model_copy(update={"data_dir": tmp_path / f"data-{number}"})
        for path in ("/users", "/trips"):
            world.subject.fail(path=path, exact=False, times=9, **fault)
        run = world.run()
        source = Source("ridewithgps", world.settings, run)
        report = list_provider_activities(run, source, ListingOptions(mode="incremental"), [2025], asset="listing")
        assert report.holds, fault
        assert "first_problems" in report.metadata, fault
    world.merge(run)
    assert len(world.names()) == len(keys)
    world.subject.clock.advance(3600)
    world.subject.edit(keys[0], "edited")
    follow(world)
    assert "edited" in world.names()
    assert world.gold("SELECT gear_id FROM activities WHERE name = 'edited'") == [("254097",)], "a trip names its gear"


@pytest.mark.parametrize(
    ("path", "status"), [(LEGACY_USER, 404), (LEGACY_LIST, 500)], ids=["the list of gear", "the gear of trips"]
)
def test_gear_that_a_listing_could_not_have_is_as_it_was(world: World, path: str, status: int) -> None:
    keys = listed_once(world)
    world.subject.edit(keys[0], "edited")
    world.subject.fail(kind="status", status=status, path=path, times=9)
    source = Source("ridewithgps", world.settings, world.run())
    options = ListingOptions(mode="all", per_page=50)
    report = list_provider_activities(source._run, source, options, [2024, 2025, 2026], asset="listing")
    assert str(status) in str(report.metadata["first_problems"]), "status says it"
    world.merge(source._run)
    assert sorted(world.gold("SELECT gear_id, gear_source, count(*) FROM activities GROUP BY ALL")) == [
        ("254097", "ridewithgps", 5)
    ]
    assert world.gold("SELECT count(*) FROM activity_history WHERE list_contains(changed_fields, 'gear_id')") == [(0,)]
    assert "edited" in world.names()
    world.subject.faults.clear()
    service_of(world).edit(int(keys[1]), gear=None)
    world.pull("all", per_page=50)
    expected = [("254097", 4), (None, 1)]
    assert world.gold("SELECT gear_id, count(*) FROM activities GROUP BY ALL ORDER BY ALL") == expected, "it was said"
    context = world.run()
    rebuild(context.lake, context.years, context.progress)
    assert world.gold("SELECT gear_id, count(*) FROM activities GROUP BY ALL ORDER BY ALL") == expected


def test_without_gear_the_gear_of_trips_is_not_asked_for(world: World) -> None:
    five(world.subject)
    service_of(world).gear.clear()
    world.listed("incremental", per_page=50)
    assert sorted(calls(world)) == sorted([WHO, LEGACY_USER, LIST])


def test_nothing_of_the_account_but_its_gear_reaches_the_disk(world: World) -> None:
    five(world.subject)
    year_run(world, 2025)
    service = service_of(world)
    folder = world.settings.data_dir
    kept = b"".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    )
    for secret in (service.token, service.key, "rider@example.invalid", "1980-02-03", "71.5", "A Rider"):
        assert secret.encode() not in kept
    assert b"Blue bike" in kept


@pytest.mark.dear
def test_the_login_goes_in_headers_alone_and_addresses_in_answers_are_not_followed(world: World) -> None:
    five(world.subject)
    world.pull(per_page=2)
    world.fetch_files()
    addresses = [path for _, _, path, _ in world.subject.journal.log]
    assert len([path for path in addresses if path.startswith(LIST)]) == 3
    service = service_of(world)
    assert not [path for path in addresses if service.token in path or service.key in path]


def test_a_service_that_is_away_is_waited_for_five_times(world: World) -> None:
    five(world.subject)
    before = world.subject.clock.now()
    world.subject.faults.order(Fault.from_order({"path": LIST, "kind": "status", "status": 503, "times": 5}, ""))
    assert world.listed(per_page=50).rows_received == 5
    assert world.subject.clock.now() - before >= timedelta(seconds=30 * (1 + 2 + 4 + 8 + 16))
    world.subject.clock.advance(3601)
    calls(world)
    world.subject.fail(kind="status", status=503, times=99, headers={"Retry-After": "3"})
    with pytest.raises(TransientError):
        world.listed(per_page=50)
    assert calls(world).count(LIST) == 6


def daily_run(world: World) -> None:
    """What the daily job asks for: what changed, gear, and files."""
    run = world.run()
    source = Source("ridewithgps", world.settings, run)
    list_provider_activities(run, source, ListingOptions(mode="incremental", per_page=50), [2025], asset="listing")
    world.merge(run)
    bring_provider_files(run, source, [2025], True, ImportLimits())
    world.merge_files(run)


@pytest.mark.dear
def test_a_daily_run_asks_the_documented_interface_alone_and_each_trip_once(world: World) -> None:
    year_run(world, 2025)
    world.subject.clock.advance(8 * 24 * 3600)
    calls(world)
    service = service_of(world)
    old, new = (world.subject.add(f"2025-01-0{day}", f"ride {day}") for day in (1, 2))
    service.trips[int(new)]["gear"] = gear_of_detail(gear_item(9, "Rocket", "Acme", "Tour"))
    service.trips[int(new)]["device"] = "Wahoo ELEMNT"
    daily_run(world)
    assert calls(world) == [SYNC, *(f"/api/v1/trips/{key}.json" for key in (old, new))]
    found = world.gold("SELECT gear_id, device_name FROM activities ORDER BY start_date")
    assert found == [("254097", None), ("9", "Wahoo ELEMNT")]
    assert world.gold("SELECT gear_id, name FROM gear ORDER BY gear_id") == [
        ("254097", "Blue bike"),
        ("9", "Acme Tour"),
    ]
    assert world.tracks() == [(old, "ridewithgps", 3), (new, "ridewithgps", 3)]


def test_a_trip_without_points_has_no_track(world: World) -> None:
    key = world.subject.add("2025-01-01", "typed in")
    service_of(world).trips[int(key)]["track_points"] = []
    client = Source("ridewithgps", world.settings, world.run()).client
    with pytest.raises(GoneError, match="no track of this trip"):
        client.get_file(key)
    assert calls(world) == [f"/api/v1/trips/{key}.json"]


@pytest.mark.parametrize(("status", "error"), [(404, TransientError), (200, TransientError), (401, NeedsLoginError)])
def test_a_page_for_people_in_place_of_a_trip_is_no_track(world: World, status: int, error: type[Exception]) -> None:
    key = world.subject.add("2025-01-01", "ride")
    world.subject.fail(path=f"/api/v1/trips/{key}.json", kind="html", status=status, times=9)
    client = Source("ridewithgps", world.settings, world.run()).client
    with pytest.raises(error):
        client.get_file(key)


@pytest.mark.dear
def test_a_file_that_came_from_the_web_site_is_still_the_track(world: World) -> None:
    given = dict(zip(five(world.subject), ("gpx", "tcx"), strict=False))
    world.pull("all", per_page=50)
    run = world.run()
    for key, suffix in given.items():
        body = {"gpx": GPX.format("2025-01-01").encode(), "tcx": TCX}[suffix]
        land_provider_file(
            run.lake,
            "ridewithgps",
            hashed_id("ridewithgps", key),
            key,
            "7001",
            f"{key}_derived.{suffix}",
            body,
            run.now(),
        )
    calls(world)
    world.fetch_files()
    assert not {f"/api/v1/trips/{key}.json" for key in given} & {*calls(world)}
    files = f"SELECT source_id, format, names FROM files WHERE source_id IN {(*given,)} ORDER BY 1"
    assert world.gold(files) == [(key, suffix, [f"{key}_derived.{suffix}"]) for key, suffix in given.items()]
    points = {"gpx": 3, "tcx": 1}
    assert world.tracks()[:2] == [(key, "ridewithgps", points[suffix]) for key, suffix in given.items()]


TCX = b"""<?xml version="1.0"?><TrainingCenterDatabase><Activities><Activity Sport="Biking"><Lap><Track><Trackpoint>
<Time>2025-01-01T06:00:00Z</Time><Position><LatitudeDegrees>48</LatitudeDegrees><LongitudeDegrees>16</LongitudeDegrees></Position>
</Trackpoint></Track></Lap></Activity></Activities></TrainingCenterDatabase>"""


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": "Failed"}, TransientError),
        ({"user": {"id": None}}, TransientError),
        ({"user": []}, TransientError),
        ("null", TransientError),
    ],
    ids=repr,
)
def test_an_account_without_an_id_is_no_account(world: World, body: Any, error: type[Exception]) -> None:
    world.subject.fail(path=WHO, kind="body", body=body, times=3)
    client = Source("ridewithgps", world.settings, world.run()).client
    with pytest.raises(error):
        client.login()


def test_an_empty_first_page_of_a_list_that_counts_trips_proves_nothing(world: World) -> None:
    listed_once(world)
    world.merge(world.run())
    empty = {"trips": [], "meta": {"pagination": {"record_count": 5, "page_count": 1, "next_page_url": None}}}
    world.subject.fail(kind="body", body=json.loads(json.dumps(empty)), times=3)
    with pytest.raises(TransientError):
        world.pull("all", per_page=50)
    assert len(world.names()) == 5


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_of_one_trip_that_is_not_the_services_own_is_no_deletion(world: World, status: int) -> None:
    keys = listed_once(world)
    world.subject.edit(keys[0], "edited")
    world.subject.fail(path=f"/api/v1/trips/{keys[0]}.json", kind="html", status=status, times=3)
    assert follow(world).manifest.complete
    assert "edited" in world.names(), "everything was listed instead"


def test_a_feed_that_is_forbidden_ends_the_run(world: World) -> None:
    listed_once(world)
    world.subject.fail(path=SYNC, kind="status", status=403)
    with pytest.raises(RefusedError):
        follow(world)
    assert calls(world) == [SYNC]
