"""What only intervals.icu has: its rows and stubs, which days are asked for, its limit of calls, its files and its gear."""

import gzip
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import ForbiddenError, GoneError, LimitReachedError, TransientError
from strava_pipeline.core.providers import ReadPage, UnreadableRowError, Withheld, spec_of
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.intervals_icu.client import IntervalsClient, account_file
from strava_pipeline.ingest.intervals_icu.emulator import app
from strava_pipeline.ingest.intervals_icu.record import read_gear, read_row
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.operations.source import Source
from strava_pipeline_tests.facts import facts_of
from strava_pipeline_tests.ingest.intervals_icu.subject import IntervalsIcuSubject
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.subjects import GPX, fit_of
from strava_pipeline_tests.providers.worlds import World, list_at_strava, world_of
from strava_pipeline_tests.verbs.conftest import Type

LIST = "/api/v1/athlete/i317960/activities"
ROW: dict[str, Any] = {
    "id": "i1",
    "icu_athlete_id": "i317960",
    "start_date": "2026-04-16T05:28:47Z",
    "start_date_local": "2026-04-16T07:28:47",
    "type": "Ride",
    "source": "GARMIN_CONNECT",
    "external_id": "22543294456",
}
AT = {"start_date": "2026-04-16T05:28:47Z", "start_date_local": "2026-04-16T07:28:47Z"}
LOCAL = {"start_date_local": "2026-04-16T07:28:47Z", "start_date": None, "utc_offset": None}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """This provider's alone."""
    with world_of("intervals_icu", tmp_path, monkeypatch) as found:
        yield found


def service(world: World) -> app.IntervalsIcu:
    assert isinstance(world.subject, IntervalsIcuSubject)
    return world.subject.service


def queries(world: World) -> list[str]:
    return [path.partition("?")[2] for path in world.asked()]


def client(world: World, **settings: Any) -> IntervalsClient:
    changed = world.settings.model_copy(update=settings)
    found = registry.connect("intervals_icu", changed, machine_clock(now=world.subject.clock.now))
    assert isinstance(found, IntervalsClient)
    return found


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({}, {**AT, "utc_offset": 7200.0, "sport_type": "Ride", "manual": False, "timezone": None}),
        ({"timezone": "Europe/Berlin"}, {**AT, "utc_offset": 7200.0, "timezone": "(GMT+01:00) Europe/Berlin"}),
        ({"timezone": "Mars/Phobos"}, {**AT, "utc_offset": 7200.0, "timezone": None}),
        ({"timezone": 5}, {**AT, "timezone": None}),
        ({"start_date": "2026-04-16T05:28:47"}, {**AT, "utc_offset": 7200.0}),
        ({"start_date": None}, {**LOCAL, "timezone": None}),
        ({"start_date": "soon"}, LOCAL),
        ({"start_date": "9999-12-31T23:59:59Z"}, LOCAL),
        ({"start_date": None, "timezone": "Europe/Berlin"}, {**AT, "utc_offset": 7200.0}),
        ({"start_date_local": None}, {"start_date": AT["start_date"], "start_date_local": None, "utc_offset": None}),
        ({"start_date_local": None, "timezone": "Europe/Berlin"}, {**AT, "utc_offset": 7200.0}),
        ({"start_date_local": "2026-04-14T07:28:47"}, {"start_date": AT["start_date"], "utc_offset": None}),
        ({"type": "TrackRide"}, {"sport_type": "Ride", "icu_type": "TrackRide", "type": None}),
        ({"type": "Cyclocross"}, {"sport_type": "GravelRide", "icu_type": "Cyclocross"}),
        ({"type": "OpenWaterSwim"}, {"sport_type": "Swim"}),
        ({"type": "Hockey"}, {"sport_type": "Workout", "icu_type": "Hockey"}),
        ({"type": "VirtualRun", "trainer": True}, {"sport_type": "VirtualRun", "trainer": True, "icu_type": None}),
        ({"type": "Quidditch"}, {"sport_type": "Quidditch", "icu_type": None}),
        ({"type": None}, {"sport_type": None}),
        ({"type": 7}, {"sport_type": None, "icu_type": 7}),
        ({"race": True}, {"workout_type": 11, "race": True}),
        ({"type": "TrailRun", "sub_type": "RACE"}, {"workout_type": 1, "sub_type": "RACE"}),
        ({"type": "Swim", "race": True}, {"workout_type": None}),
        ({"race": False, "sub_type": "NONE"}, {"workout_type": None}),
        ({"source": "MANUAL"}, {"manual": True}),
        ({"source": None}, {"manual": None}),
        ({"icu_joules": 1643000}, {"kilojoules": 1643.0, "icu_joules": None}),
        ({"icu_joules": "many"}, {"kilojoules": None, "icu_joules": "many"}),
        (
            {"icu_average_watts": 131, "icu_weighted_avg_watts": 139},
            {"average_watts": 131, "weighted_average_watts": 139},
        ),
        ({"icu_average_watts": True}, {"average_watts": None, "icu_average_watts": True}),
        ({"max_altitude": 812.5, "min_altitude": -3}, {"elev_high": 812.5, "elev_low": -3}),
        (
            {"distance": 0, "elapsed_time": None, "moving_time": 60},
            {"distance": 0, "elapsed_time": None, "moving_time": 60},
        ),
        ({"gear": {"id": "b77", "name": None, "distance": 9.5}}, {"gear_id": "b77", "gear": None}),
        ({"gear": {"id": 2**60 + 1}}, {"gear_id": str(2**60 + 1)}),
        ({"gear": {"id": None}}, {"gear_id": None}),
        ({"gear": "b77"}, {"gear_id": None}),
        ({"external_id": 22543294456}, {"external_id": "22543294456"}),
        (
            {
                "icu_weight": 77.7,
                "icu_resting_hr": 57,
                "lthr": 163,
                "athlete_max_hr": 190,
                "icu_hr_zones": [131],
                "feel": 3,
            },
            dict.fromkeys(("icu_weight", "icu_resting_hr", "lthr", "athlete_max_hr", "icu_hr_zones", "feel")),
        ),
        ({"stream_types": None, "skyline_chart_bytes": "CAc="}, {"stream_types": None, "skyline_chart_bytes": "CAc="}),
        ({"links": {"strava": "1"}, "athlete": {"id": 5}}, {"links": None, "athlete": None}),
        ({"icu_athlete_id": "i317960"}, {"icu_athlete_id": "i317960"}),
    ],
    ids=repr,
)
def test_a_row_has_stravas_names_and_units(fields: dict[str, Any], read: dict[str, Any]) -> None:
    row = there(read_row({**ROW, **fields}))
    assert not isinstance(row, Withheld)
    assert {name: row.summary.get(name) for name in read} == read
    assert None not in row.summary.values()


@pytest.mark.parametrize(
    ("fields", "links"),
    [
        ({}, {"garmin": "22543294456"}),
        ({"external_id": 22543294456}, {"garmin": "22543294456"}),
        ({"external_id": "garmin_ping_123456789.fit"}, {}),
        ({"source": "WAHOO"}, {}),
        ({"source": "UPLOAD", "strava_id": "9007199254740993"}, {"strava": "9007199254740993"}),
        ({"source": "UPLOAD", "strava_id": 123}, {"strava": "123"}),
        ({"source": "UPLOAD", "strava_id": "none"}, {}),
        ({"source": "UPLOAD", "strava_id": "²"}, {}),
        ({"strava_id": "123"}, {"garmin": "22543294456", "strava": "123"}),
    ],
    ids=repr,
)
def test_ids_of_other_services_are_links(fields: dict[str, Any], links: dict[str, str]) -> None:
    row = there(read_row({**ROW, **fields}))
    assert not isinstance(row, Withheld)
    assert row.links == links


@pytest.mark.parametrize(
    ("given", "read"),
    [("i1", "i1"), (17, "17"), (2**63 + 1, str(2**63 + 1)), ("i12345:1234567890", "i12345:1234567890"), ("0", "0")],
)
def test_an_id_is_a_text_of_any_length(given: Any, read: str) -> None:
    assert there(read_row({**ROW, "id": given})).source_id == read


@pytest.mark.parametrize(
    ("stub", "read"),
    [
        ({"id": "18728161934", "source": "STRAVA", "start_date_local": "2026-05-31T12:40:44"}, ("18728161934", 12)),
        ({"id": 18728161934, "source": "STRAVA"}, ("18728161934", None)),
        ({"id": "187", "_note": "STRAVA activities are not available via the API"}, ("187", None)),
        ({"id": "187", "source": "STRAVA", "type": None, "start_date_local": "?"}, ("187", None)),
        ({"source": "STRAVA", "start_date_local": "2026-05-31T12:40:44"}, None),
        ({"id": None, "source": "STRAVA"}, None),
    ],
    ids=repr,
)
def test_what_came_from_strava_is_no_activity(stub: dict[str, Any], read: tuple[str, int | None] | None) -> None:
    row = read_row(stub)
    assert row is None if read is None else isinstance(row, Withheld)
    if isinstance(row, Withheld):
        assert (row.source_id, row.local and row.local.hour) == read


@pytest.mark.parametrize(
    ("fields", "has_start"),
    [
        ({"id": None}, True),
        ({"id": ""}, True),
        ({"id": 1.5}, True),
        ({"id": True}, True),
        ({"id": ["i1"]}, True),
        ({"start_date": None, "start_date_local": None}, False),
        ({"start_date": "soon", "start_date_local": 5}, False),
    ],
    ids=repr,
)
def test_a_row_that_is_no_activity_says_why_without_its_values(fields: dict[str, Any], has_start: bool) -> None:
    with pytest.raises(UnreadableRowError) as error:
        read_row({**ROW, "name": "secret", **fields})
    assert "secret" not in str(error.value)
    assert (error.value.start is not None) == has_start


def test_a_page_keeps_every_row_that_can_be_read() -> None:
    stub = {"id": "187", "source": "STRAVA"}
    read = spec_of("intervals_icu").read_page([ROW, "junk", stub, {**ROW, "id": None}, {"source": "STRAVA"}])
    assert isinstance(read, ReadPage)
    assert [row["source_id"] for row in read.activities] == ["i1"]
    assert ([row.row for row in read.unreadable], read.foreign, read.withheld) == ([2, 4], 2, [Withheld("187")])


@pytest.mark.parametrize("content", [{}, None, "", 5, {"status": 403, "error": "Access denied"}], ids=repr)
def test_what_is_no_list_is_no_page_and_no_gear(content: Any) -> None:
    with pytest.raises(UnreadableRowError):
        spec_of("intervals_icu").read_page(content)
    with pytest.raises(UnreadableRowError):
        read_gear(content)


@pytest.mark.parametrize(
    ("item", "read"),
    [
        (
            {"id": "b1", "name": "Domane", "distance": 5.5, "retired": None},
            {"name": "Domane", "distance": 5.5, "retired": False},
        ),
        (
            {"id": "b1", "retired": "2024-05-01", "notes": "sold", "athlete_id": "i1", "type": "Bike"},
            {"retired": True, "retired_on": "2024-05-01", "description": "sold", "type": "Bike"},
        ),
        ({"id": "b1", "retired": False}, {"retired": False}),
    ],
)
def test_gear_has_the_names_of_its_table(item: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_gear([item]) == [("b1", read)]


@pytest.mark.slow
def test_an_activity_without_an_instant_has_its_local_start_alone(world: World) -> None:
    key = world.subject.add("2025-01-01", "by hand")
    service(world).activities[key] |= {"start_date": None, "timezone": None, "source": "MANUAL"}
    world.subject.add("2025-01-02", "recorded")
    for _ in range(2):
        world.pull("year", 2025)
    found = world.gold("SELECT name, start_date, start_date_local::VARCHAR, year, manual FROM activities ORDER BY name")
    assert found[0] == ("by hand", None, "2025-01-01 07:00:00", 2025, True)
    assert world.fetch_files().metadata
    assert len(world.asked_for_files()) == 1, "what was entered by hand has no file"


@pytest.mark.slow
@pytest.mark.parametrize("newest_is_listed", [True, False])
def test_everything_is_listed_by_calendar_year_and_gaps_are_skipped(world: World, newest_is_listed: bool) -> None:
    service(world).newest_is_listed = newest_is_listed
    days = ["2026-02-28", "2026-01-01", "2025-12-31", "2016-07-01", "2015-01-01", "1999-05-05", "2150-01-01"]
    for day in days:
        world.subject.add(day, day, began=f"{day}T00:{0 if day == '2026-01-01' else 30:02}:00+01:00")
    report = world.pull(per_page=200)
    assert {*world.names()} == {*days}
    assert report.manifest.complete
    assert report.rows_received == len(days) + 1, "what began at midnight of a New Year comes twice"
    assert queries(world) == [
        "oldest=2026-01-01&newest=2199-12-31",
        "oldest=2025-01-01&newest=2026-01-01T00%3A00%3A00",
        "oldest=2024-01-01&newest=2025-01-01T00%3A00%3A00",
        "oldest=1970-01-01&newest=2025-01-01T00%3A00%3A00&limit=1",
        "oldest=2016-01-01&newest=2024-01-01T00%3A00%3A00",
        "oldest=2015-01-01&newest=2016-01-01T00%3A00%3A00",
        "oldest=2014-01-01&newest=2015-01-01T00%3A00%3A00",
        "oldest=1970-01-01&newest=2015-01-01T00%3A00%3A00&limit=1",
        "oldest=1999-01-01&newest=2014-01-01T00%3A00%3A00",
        "oldest=1998-01-01&newest=1999-01-01T00%3A00%3A00",
        "oldest=1970-01-01&newest=1999-01-01T00%3A00%3A00&limit=1",
    ]


def test_the_oldest_partition_holds_what_is_older(world: World) -> None:
    world.subject.add("2024-06-01", "a ride")
    world.listed("year", 2024)
    assert queries(world) == [
        "oldest=2024-01-01&newest=2025-01-04",
        "oldest=2023-01-01&newest=2024-01-01T00%3A00%3A00",
        "oldest=1970-01-01&newest=2024-01-01T00%3A00%3A00&limit=1",
    ]


def test_an_account_without_an_activity_costs_two_calls(world: World) -> None:
    assert world.listed().manifest.complete
    assert len(world.subject.journal.log) == 2


@pytest.mark.slow
def test_a_withheld_activity_is_counted_and_never_a_row(world: World) -> None:
    world.subject.add("2025-01-01", "a ride")
    for day in (2, 3):
        service(world).add_stub(f"1872816193{day}", f"2025-01-0{day}T08:00:00")
    run = world.run()
    source = Source("intervals_icu", world.settings, run)
    options = ListingOptions(mode="year", per_page=200, days=None)
    report = list_provider_activities(run, source, options, [2025], asset="listing")
    assert report.metadata["activities_withheld"] == 2
    assert "Connect the watch" in report.metadata["withheld_advice"]
    assert report.holds
    world.merge(run)
    assert world.names() == ["a ride"]
    assert withheld(world) == 2
    del service(world).activities["18728161932"]
    world.subject.clock.advance(3600)
    world.pull("year", 2025)
    assert withheld(world) == 1


def withheld(world: World) -> int:
    (fact,) = facts_of(world.settings, "intervals_icu", "withheld")
    assert "Strava" in fact.text
    return int(fact.values["activities"])


def test_what_is_withheld_in_a_year_that_is_not_listed_stays_counted(world: World) -> None:
    for year in (2024, 2025, 2026):
        service(world).add_stub(f"9{year}", f"{year}-01-15T08:00:00")
    world.listed("year", 2024, 2025, 2026)
    assert withheld(world) == 3
    for year in (2024, 2025, 2026):
        del service(world).activities[f"9{year}"]
    world.subject.clock.advance(3600)
    world.listed("year", 2024, 2026)
    assert withheld(world) == 1


@pytest.mark.slow
def test_a_listing_that_shrinks_to_stubs_deletes_nothing_that_strava_has(world: World) -> None:
    list_at_strava(world, {"id": 123, "name": "at Strava", "start_date": "2025-01-01T06:00:00Z"})
    key = world.subject.add("2025-01-01", "here", strava_id=123)
    world.pull("year", 2025)
    world.subject.clock.advance(3600)
    world.subject.delete(key)
    service(world).add_stub("123", "2025-01-01T07:00:00")
    world.pull("year", 2025)
    assert world.names() == ["at Strava"]


def test_whose_key_it_is_is_asked_once(world: World) -> None:
    world.subject.add("2025-01-01", "a ride")
    own = {"intervals_athlete_id": "0"}
    assert client(world, **own).login().account == "i317960"
    assert [path for _, _, path, _ in world.subject.journal.log] == [
        "/api/v1/athlete/0/activities?oldest=1970-01-01&newest=2199-12-31&limit=1"
    ]
    assert client(world, **own).login().account == "i317960"
    assert len(world.subject.journal.log) == 1
    path = account_file(world.settings)
    assert world.subject.secret not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("[]")
    assert client(world, **own).login().account == "i317960"
    assert len(world.subject.journal.log) == 2, "a damaged file says nothing"


def test_an_account_whose_rows_name_nobody_is_called_by_its_setting(world: World) -> None:
    key = world.subject.add("2025-01-01", "a ride")
    del service(world).activities[key]["icu_athlete_id"]
    assert client(world, intervals_athlete_id="0").login().account == "0"


def test_a_check_of_a_login_asks_but_once(world: World, type_in: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.settings.environ().items():
        monkeypatch.setenv(name, value)
    said = type_in("providers", "login", "intervalsicu", "--check")
    assert "accepts the login of account i317960" in said.out
    assert len(world.subject.journal.log) == 1
    monkeypatch.setenv("INTERVALS_API_KEY", "another")
    said = type_in("providers", "login", "intervals_icu", "--check")
    assert said.code != 0
    assert "Check INTERVALS_API_KEY" in said.err


def test_another_athletes_id_is_a_refused_login(world: World) -> None:
    world.settings = world.settings.model_copy(update={"intervals_athlete_id": "i5"})
    with pytest.raises(ForbiddenError, match="INTERVALS_ATHLETE_ID"):
        world.listed()


def test_a_429_without_a_pause_is_repeated_five_times(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world.subject.add("2025-01-01", "a ride")
    before = world.subject.clock.now()
    world.subject.fail(kind="status", status=429, times=5)
    assert world.listed("year", 2025).rows_received == 1
    waited = (world.subject.clock.now() - before).total_seconds()
    assert 31 <= waited < 70, "1, 2, 4, 8, 16 s and more"
    world.subject.fail(kind="status", status=429, times=6)
    asked = len(world.asked())
    assert isinstance(world.listed("year", 2025).stopped, LimitReachedError)
    assert len(world.asked()) - asked == 6


def test_what_the_answers_say_of_the_limit_is_kept_for_the_status_until_it_starts_again(world: World) -> None:
    service(world).limit = 100
    run, now = world.run(), world.subject.clock.now()
    assert not facts_of(world.settings, "intervals_icu", "limit: calls", now)
    options = ListingOptions(mode="all", per_page=None, days=None)
    list_provider_activities(run, Source("intervals_icu", world.settings, run), options, [2025], asset="x")
    calls = service(world).window.calls
    (kept,) = facts_of(world.settings, "intervals_icu", "limit: calls", now)
    assert (kept.values["limit"].value, kept.values["left"].value, calls > 0) == (100, 100 - calls, True)
    assert not facts_of(world.settings, "intervals_icu", "limit: calls", now + timedelta(minutes=16))


@pytest.fixture
def fetched(world: World) -> tuple[World, str]:
    key = world.subject.add("2025-01-01", "a ride")
    world.pull()
    return world, key


def file_names(world: World) -> list[tuple[Any, ...]]:
    return world.gold("SELECT name, format FROM files")


@pytest.mark.slow
def test_a_packed_file_is_read_by_its_bytes(fetched: tuple[World, str]) -> None:
    world, key = fetched
    service(world).files[key] = gzip.compress(fit_of("2025-01-01"))
    world.fetch_files()
    assert file_names(world) == [(f"{key}.gz", "fit")]
    assert len(world.tracks()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("original", [None, b""])
def test_without_an_original_the_derived_file_is_marked(fetched: tuple[World, str], original: bytes | None) -> None:
    world, key = fetched
    service(world).files.pop(key)
    if original is not None:
        service(world).files[key] = original
    service(world).derived[key] = fit_of("2025-01-01")
    world.fetch_files()
    ((name, kind),) = file_names(world)
    assert (name.endswith(".derived.fit"), kind) == (True, "fit")
    assert len(world.tracks()) == 1


def test_a_file_that_is_withheld_is_final(fetched: tuple[World, str]) -> None:
    world, key = fetched
    service(world).activities[key]["source"] = "STRAVA"
    report = world.fetch_files()
    assert report.metadata["gone"] == 1
    asked = len(world.subject.journal.log)
    world.subject.clock.advance(100 * 86_400)
    world.fetch_files()
    assert len(world.subject.journal.log) == asked


def test_another_422_is_tried_again_later(fetched: tuple[World, str]) -> None:
    world, key = fetched
    world.subject.fail_file(key, kind="status", status=422, body=json.dumps({"status": 422, "error": "Expected left"}))
    report = world.fetch_files()
    assert (report.metadata["failed"], report.metadata["gone"]) == (1, 0)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html>\n<html><body>Log in</body></html>", b'{"status": 200}'])
def test_a_page_in_place_of_a_file_is_no_file(world: World, body: bytes) -> None:
    key = world.subject.add("2025-01-01", "a ride")
    service(world).files[key] = body
    with pytest.raises(TransientError, match="no file"):
        client(world).get_file(key)


def test_the_name_of_a_file_says_its_kind(world: World) -> None:
    key = world.subject.add("2025-01-01", "a ride")
    for content, ending in [
        (GPX.format("2025-01-01").encode(), ".gpx"),
        (b'<?xml version="1.0"?><TrainingCenterDatabase/>', ".tcx"),
        (fit_of("2025-01-01"), ".fit"),
        (b"\x0c\x20\x7b\x08\0\0\0\0.FIT", ".fit"),  # blanks and a brace, as text
        (b"\x1f\x8b", ".gz"),
    ]:
        service(world).files[key] = content
        assert client(world).get_file(key).name == f"{key}{ending}"
    with pytest.raises(GoneError):
        client(world).get_file("i404")


@pytest.mark.parametrize("ending", [".json", ""])
def test_gear_has_two_addresses(world: World, ending: str) -> None:
    service(world).gear_ending = ending
    world.subject.add("2025-01-01", "a ride")
    run = world.run()
    options = ListingOptions(mode="year", per_page=200, days=None)
    source = Source("intervals_icu", world.settings, run)
    list_provider_activities(run, source, options, [2025], asset="listing")
    world.merge(run)
    joined = "activities JOIN gear ON gear.source = activities.gear_source AND gear.gear_id = activities.gear_id"
    assert world.gold(f"SELECT gear.name FROM {joined}") == [("Blue bike",)]


def test_body_data_stay_in_bronze(world: World) -> None:
    key = world.subject.add("2025-01-01", "a ride")
    service(world).activities[key] |= {"icu_weight": 77.769, "icu_resting_hr": 57, "lthr": 163}
    world.pull()
    ((extra,),) = world.gold("SELECT extra::VARCHAR FROM activities")
    assert json.loads(extra).keys() == {"mood", "source", "icu_athlete_id"}
