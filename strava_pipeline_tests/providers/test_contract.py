"""What holds for every provider: listing, resuming, limits, errors, edits, deletions, gear, and no secret in any log."""

import logging
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.refusals import Meaning
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.provider import Provider
from strava_pipeline.ingest.registry import login_files, missing_login
from strava_pipeline.lake.bronze.answers import items_of_kind
from strava_pipeline.lake.bronze.listings import is_by_start
from strava_pipeline.lake.gold.quarantine import unreadable_rows
from strava_pipeline.lake.providers import last_outcomes
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.lake.shards import write_shards
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.provider_access import plan_providers, provider_states
from strava_pipeline.operations.providers import gear_is_due, list_provider_activities, pull_kind
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.settings import Settings
from strava_pipeline_tests.merging import merge_listings
from strava_pipeline_tests.providers.subjects import has_trait
from strava_pipeline_tests.providers.worlds import World, five, five_on_pages, list_at_strava

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEARS = [2024, 2025, 2026]


def test_every_activity_comes_with_its_source_and_its_own_id(world: World) -> None:
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
        (name if spec_of(name).kinds and not has_trait(world.subject, "leaves_gear_out") else None, 2224.0, 600, None)
    ]
    assert world.gold("SELECT DISTINCT source FROM activity_sources") == [(name,)]


def test_every_column_has_stravas_units_and_an_absent_number_is_null(world: World) -> None:
    key = world.subject.add("2025-01-01", "a ride")
    world.subject.add("2025-01-02", "without a distance", has_distance=False)
    world.pull()
    columns = "name, sport_type, start_date, distance, moving_time, elapsed_time, average_heartrate, extra ->> 'mood'"
    at = datetime(2025, 1, 1, 6, tzinfo=UTC)
    (ride, other) = world.gold(f"SELECT {columns} FROM activities ORDER BY start_date")
    moving = 540 if world.by_calls else None  # a table of a person's own has one duration
    assert ride == ("a ride", "Ride", at, 2224.0, moving, 600, None, "good")
    assert other == ("without a distance", "Ride", at + timedelta(days=1), None, moving, 600, None, "good")
    if world.subject.zones:
        columns = "strftime(start_date_local, '%Y-%m-%d %H:%M:%S'), utc_offset, timezone"
        found = world.gold(f"SELECT {columns} FROM activities_all WHERE source_id = '{key}'")
        assert found == [("2025-01-01 07:00:00", 3600.0, "(GMT+01:00) Europe/Vienna")]


def test_a_ride_at_the_turn_of_the_year_belongs_to_the_year_of_the_athletes_clock(world: World) -> None:
    if not world.subject.zones:
        pytest.skip("this provider does not say what the athlete's clock showed")
    first = {"began": "2025-01-01T00:30:00+14:00", "zone": "Pacific/Kiritimati"}
    last = {"began": "2025-12-31T23:30:00-10:00", "zone": "Pacific/Honolulu"}
    world.subject.add("2025-01-01", "first", **first)
    world.subject.add("2025-12-31", "last", **last)
    world.pull("year", 2025)
    assert world.gold("SELECT name FROM activities WHERE year = 2025 ORDER BY start_date") == [("first",), ("last",)]


def test_the_client_has_what_its_record_names_and_names_its_host(world: World) -> None:
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


def test_an_id_is_quoted_in_an_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if "files" not in spec_of(world.subject.name).capabilities:
        pytest.skip("this provider gives no files")
    client = Source(world.subject.name, world.settings, world.run()).client
    asked: list[tuple[str, Any]] = []
    send = Wire.send

    def listen(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        asked.append((url, options.get("params")))
        return send(wire, method, url, **options)

    monkeypatch.setattr(Wire, "send", listen)
    with pytest.raises(GoneError):
        client.get_file("no/such ride?")
    (url, params), *_ = asked  # some services have a second address for files
    assert "no%2Fsuch%20ride%3F" in url or "no/such ride?" in (params or {}).values()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whoever started the tests may have had interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("what", ["listing", "files"])
def test_an_interrupt_during_a_call_waits_until_the_answer_is_on_disk(
    world: World, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.need_calls()
    if what not in {"listing", *spec_of(world.subject.name).capabilities}:
        pytest.skip("this provider gives no files")
    five_on_pages(world.subject)
    if what == "files":
        world.pull()
    send = Wire.send

    asked = world.asked if what == "listing" else world.asked_for_files

    def interrupted(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        before = len(asked())
        exchange = send(wire, method, url, **options)
        if len(asked()) > before:
            signal.raise_signal(signal.SIGINT)
        return exchange

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "send", interrupted)
        with pytest.raises(KeyboardInterrupt):
            world.pull() if what == "listing" else world.fetch_files()
    assert len(asked()) == 1
    if what == "listing":
        assert world.pull().resumed
        assert len(world.names()) == 5
    else:
        world.fetch_files()
        assert len(asked()) == len(set(asked())) == 5


@pytest.mark.parametrize(("mode", "years"), [("all", []), ("year", [2025]), ("year", [2024, 2025])])
def test_a_listing_goes_on_where_it_broke_off(world: World, mode: str, years: list[int]) -> None:
    world.need_calls()
    paged = spec_of(world.subject.name).paged
    if mode == "year" and not paged:
        pytest.skip("a year is one answer")
    five_on_pages(world.subject)
    world.subject.fail(kind="status", status=500, after=1, times=3)
    with pytest.raises(TransientError):
        world.pull(mode, *years)
    asked = len(world.asked())
    report = world.pull(mode, *years)
    assert report.resumed
    assert world.names() == [f"ride {number}" for number in range(1, 6)]
    assert report.rows <= 5 - paged, (
        "of those that came, at most the one where the listing broke off is asked for again"
    )
    if paged:
        assert len(world.asked()) - asked <= 3, "two pages, and one more where only an empty page is the end"


def test_a_page_of_another_service_s_activities_ends_no_listing(world: World) -> None:
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


def test_a_year_is_listed_to_its_edges(world: World) -> None:
    for day in ("2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01"):
        world.subject.add(day, day)
    world.pull("year", 2025)
    assert {"2025-01-01", "2025-12-31"} <= set(world.names())
    assert not {"2024-12-31", "2026-01-01"} & {
        name for (name,) in world.gold("SELECT name FROM activities WHERE year = 2025")
    }


def a_ride_a_year(world: World) -> dict[int, str]:
    return {year: world.subject.add(f"{year}-01-15", f"ride of {year}") for year in YEARS}


def test_several_years_of_a_run_are_one_listing_and_only_they_are_merged(world: World) -> None:
    a_ride_a_year(world)
    report = world.pull("year", 2024, 2025, per_page=50, merged=[2024, 2025])
    assert (report.is_complete, len(report.manifests), report.stopped) == (True, 1, None)
    assert world.names() == ["ride of 2024", "ride of 2025"]


def test_years_in_a_gap_are_not_listed_where_the_service_lists_by_time_and_never_judged(world: World) -> None:
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


def test_of_several_years_one_that_shrinks_too_much_waits_and_the_others_do_not(world: World) -> None:
    world.need_calls()
    keys = {
        year: [world.subject.add(f"{year}-03-{day:02}", f"{year} {day}") for day in range(10, 18)] for year in YEARS
    }
    world.pull(per_page=50)
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
    assert world.gold("SELECT name FROM deleted_activities") == [("2024 10",)]


def test_what_is_new_is_listed_from_the_watermark(world: World) -> None:
    five(world.subject)
    world.subject.clock.advance(60)
    world.pull()
    world.subject.add("2026-02-27", "new")
    report = world.pull("incremental")
    assert (report.manifest.window.mode != "all") == world.by_calls
    assert world.names()[-1] == "new"


@pytest.mark.parametrize("headers", [{"Retry-After": "30"}, {}])
def test_a_short_limit_is_waited_for_and_the_run_shows_until_when(
    world: World, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    if has_trait(world.subject, "pauses_for_hours"):
        pytest.skip("it lets nothing through for hours, whatever the answer says")
    world.need_calls()
    caplog.set_level(logging.INFO)
    five(world.subject)
    before = world.subject.clock.now()
    world.subject.fail(kind="status", status=429, headers=headers)
    assert world.pull().stopped is None
    assert world.subject.clock.now() - before >= timedelta(seconds=30 if headers else 1)
    title = spec_of(world.subject.name).title
    shown = rf"{title} .* until 2026-03-01 12:\d\d:\d\d UTC\. Waiting \d+ (s|min)\."
    assert any(re.fullmatch(shown, message) for message in caplog.messages), caplog.messages
    assert len(world.names()) == 5


def test_a_long_limit_stops_the_run_which_goes_on_later(world: World) -> None:
    world.need_calls()
    five_on_pages(world.subject)
    world.subject.fail(kind="status", status=429, after=1, headers={"Retry-After": "7200"})
    stopped = world.pull().stopped
    assert isinstance(stopped, LimitReachedError)
    assert stopped.resumes_at - world.subject.clock.now() > timedelta(hours=1)
    assert len(world.names()) == 1 + spec_of(world.subject.name).paged, "what came is kept"
    assert world.pull().resumed
    assert len(world.names()) == 5


ERRORS: list[tuple[dict[str, Any], type[PipelineError]]] = [
    ({"kind": "status", "status": 404}, GoneError),
    ({"kind": "status", "status": 422}, RefusedError),
    ({"kind": "status", "status": 302}, RefusedError),
    ({"kind": "status", "status": 503, "times": 3}, TransientError),
    ({"kind": "html", "status": 200, "times": 3}, TransientError),
    ({"kind": "truncate", "times": 3}, TransientError),
    ({"kind": "reset", "times": 3}, TransientError),
    ({"kind": "empty", "times": 3}, TransientError),
    ({"kind": "body", "body": {"message": "We are back soon."}, "times": 3}, TransientError),
    ({"kind": "body", "body": "null", "times": 3}, TransientError),
]
OF_FILES = ("html", "truncate", "empty")  # what can befall a file, too


def test_an_error_is_of_the_kind_that_says_what_to_do(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    five(world.subject)
    for number, (fault, error) in enumerate(ERRORS):
        if not world.by_calls and fault["kind"] not in OF_FILES:
            continue
        world.settings = world.settings.model_copy(update={"data_dir": tmp_path / f"data-{number}"})
        world.subject.fail(**fault)
        with pytest.raises(error) as caught:
            world.listed()
        assert world.subject.secret not in caplog.text + str(caught.value) + repr(caught.value), fault
        world.subject.faults.clear()
        assert world.listed().rows == 5, f"the next run goes on after {fault}"
        caplog.clear()


MEANT: dict[Meaning, type[PipelineError]] = {
    "login": NeedsLoginError,
    "perhaps_login": ForbiddenError,
    "call": ForbiddenError,
    "pause": LimitReachedError,
}


def test_a_refusal_means_what_the_record_says(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world.need_calls()
    caplog.set_level(logging.DEBUG)
    five(world.subject)
    refusals = Source(world.subject.name, world.settings, world.run()).client.spec.refusals
    assert {401, 403} <= set(refusals.at_data)
    for status, meaning in refusals.at_data.items():
        world.settings = world.settings.model_copy(update={"data_dir": tmp_path / f"data-{status}"})
        world.subject.fail(kind="status", status=status, body={"message": "Refused."})
        error: BaseException | None = None
        try:
            error = world.listed().stopped
        except PipelineError as raised:
            error = raised
        assert type(error) is MEANT[meaning], status
        assert world.subject.secret not in caplog.text + str(error), status
        world.subject.faults.clear()
        assert world.listed().rows == 5


def test_a_second_403_in_a_row_at_the_call_that_names_the_account_says_to_log_in(world: World) -> None:
    if world.subject.account is None:
        pytest.skip("whose login it is takes no call here")
    for times in (1, 2):
        world.subject.fail(path=world.subject.account, kind="status", status=403, times=times)
        client = Source(world.subject.name, world.settings, world.run()).client
        if times == 1:
            assert client.login().account, "the second call is let through"
        else:
            with pytest.raises(NeedsLoginError, match="twice in a row"):
                client.login()


def test_an_edit_is_followed_and_the_earlier_name_kept(world: World) -> None:
    keys = five(world.subject)
    world.pull()
    world.subject.clock.advance(3600)
    world.subject.edit(keys[2], "better name")
    world.pull()
    assert world.names()[2] == "better name"
    versions = world.gold("SELECT version, previous ->> 'name' FROM activity_history WHERE changed_fields = ['name']")
    assert versions == [(2, "ride 3")]


def test_what_a_complete_listing_lacks_is_deleted_and_comes_back_when_seen(world: World) -> None:
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


def test_a_comparison_of_everything_finds_what_happened_long_ago(world: World) -> None:
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


def test_another_account_proves_nothing_of_what_the_first_one_had(world: World) -> None:
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


def test_an_item_that_is_no_activity_stops_nothing_and_proves_nothing(world: World) -> None:
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


def test_a_link_to_strava_makes_both_one_activity(world: World) -> None:
    if not world.subject.links:
        pytest.skip("this provider names no ids of others")
    list_at_strava(world, {"id": 123, "name": "at Strava", "start_date": "2025-06-01T06:00:00Z"})
    key = world.subject.add("2025-01-01", "linked", strava_id=123)
    world.subject.add("2025-01-02", "not linked")
    world.pull()
    members = "SELECT id, activity_id FROM activity_members ORDER BY place"
    assert world.gold(members) == [(123, 123), (hashed_id(world.subject.name, key), 123)]
    assert world.gold("SELECT verdict, joined FROM activity_matches") == [("certain", True)]


def test_gear_is_kept_under_the_provider_that_numbered_it(world: World) -> None:
    if has_trait(world.subject, "leaves_gear_out"):
        pytest.skip("its list names no gear")
    world.need_gear()
    five(world.subject)
    run = world.run()
    assert pull_kind(run, Source(world.subject.name, world.settings, run), "gear") == 1
    world.pull()
    joined = "activities JOIN gear ON gear.source = activities.gear_source AND gear.gear_id = activities.gear_id"
    assert world.gold(f"SELECT DISTINCT gear.source, gear.name FROM {joined}") == [(world.subject.name, "Blue bike")]


def step(world: World) -> StepReport:
    """What the asset of a year does, before anything is merged."""
    run = world.run()
    source = Source(world.subject.name, world.settings, run)
    return list_provider_activities(
        run, source, ListingOptions(mode="year", per_page=50, days=None), [2025], asset="listing"
    )


def test_without_a_login_a_sentence_says_so_and_nothing_is_sent(world: World, tmp_path: Path) -> None:
    name = world.subject.name
    assert missing_login(name, world.settings) is None
    without = Settings(_env_file=None, secrets_dir=tmp_path / "nothing here")
    assert (missing_login(name, without) or "").endswith(".")
    assert all(path.is_relative_to(without.secrets_dir) for path in login_files(name, without)), "purge deletes these"
    assert not world.subject.journal.log


def test_how_a_step_ended_is_kept_without_a_secret(world: World) -> None:
    world.need_calls()
    name = world.subject.name

    def ended() -> tuple[bool, str, bool]:
        outcome = last_outcomes(world.run().lake, name)["listing"]
        assert world.subject.secret not in outcome.message
        return outcome.succeeded, outcome.message, outcome.limited_until is not None

    five(world.subject)
    world.subject.fail(kind="status", status=503, times=3)
    with pytest.raises(TransientError) as failed:
        step(world)
    assert ended() == (False, str(failed.value), False)
    world.subject.fail(kind="status", status=429, headers={"Retry-After": "7200"})
    step(world)
    assert ended()[::2] == (False, True)
    asked = len(world.subject.journal.log)
    refused = step(world)
    assert isinstance(refused.stopped, LimitReachedError)
    assert (len(world.subject.journal.log), ended()[::2]) == (asked, (False, True)), "nothing is asked before it ends"
    world.subject.clock.advance(7201)
    step(world)
    assert ended() == (True, "", False)
    pull = provider_states(world.settings)[name].last_pull
    assert pull is not None
    assert (pull.mode, pull.complete, pull.activities) == ("year" if is_by_start(name) else "all", True, 5)


def test_the_calls_of_a_provider_can_be_planned_after_its_first_listing(world: World) -> None:
    five(world.subject)
    world.pull()
    settings = world.settings.model_copy(update={"per_page": 2})
    plan = plan_providers(world.run(), settings, [2024, 2025])[world.subject.name]
    calls = 3 if spec_of(world.subject.name).paged else 1
    calls = (calls if is_by_start(world.subject.name) else 3) if world.by_calls else 0
    assert (plan.listing_calls, plan.is_known) == (calls, True)


def test_a_day_without_news_takes_the_calls_of_the_plan(world: World) -> None:
    world.subject.add("2026-02-27", "a ride")
    world.subject.clock.advance(3600)
    for mode in ("all", "incremental"):
        world.pull(mode, per_page=200, matched=False)
    world.subject.clock.advance(24 * 3600)
    asked = len(world.subject.journal.log)
    world.listed("incremental", per_page=200)
    plan = plan_providers(world.run(), world.settings, [2025])[world.subject.name]
    assert len(world.subject.journal.log) - asked == plan.quiet_day_calls


def test_gear_is_fetched_weekly_and_a_day_later_where_an_activity_names_unknown_gear(world: World) -> None:
    world.need_gear()
    five(world.subject)
    reported = step(world)
    assert reported.metadata is not None
    assert (reported.metadata["gear_answers"], reported.stopped) == (1, None)
    assert reported.metadata["calls"] == len(world.subject.journal.log)

    def due(*named: str) -> bool:
        run = world.run()
        return gear_is_due(run, Source(world.subject.name, world.settings, run), named)

    known = next(gear_id for _, gear_id, _, _ in items_of_kind(world.run().lake, "gear"))
    assert not due(known, "unheard-of")
    world.subject.clock.advance(21 * 3600)
    assert (due(known), due(known, "unheard-of")) == (False, True)
    world.subject.clock.advance(7 * 24 * 3600)
    assert due(known)


def test_gear_that_cannot_be_fetched_is_reported_and_keeps_no_activity_out(world: World) -> None:
    world.need_gear()
    five(world.subject)
    world.subject.fail(path=world.subject.gear, kind="status", status=503, times=3)
    reported = step(world)
    assert reported.metadata is not None
    assert "503" in reported.metadata["gear_problem"]
    assert (reported.stopped, reported.complete.holds if reported.complete else None) == (None, True)
    world.subject.fail(path=world.subject.gear, kind="body", body={"message": "We are back soon."}, times=3)
    reported = step(world)
    assert reported.metadata is not None
    assert "gear_problem" in reported.metadata, "what is no list of gear is not kept as one"
    world.subject.fail(path=world.subject.gear, kind="status", status=429, headers={"Retry-After": "7200"})
    reported = step(world)
    assert isinstance(reported.stopped, LimitReachedError)
    world.merge(world.run())
    assert len(world.names()) == 5


def test_a_folder_of_a_provider_that_this_version_lacks_is_named(world: World) -> None:
    five(world.subject)
    (world.settings.data_dir / "bronze" / "providers" / "unheard_of" / "activities").mkdir(parents=True)
    with pytest.raises(PipelineError, match="no provider unheard_of"):
        world.pull()


def test_a_rebuild_makes_the_same_without_a_call(world: World) -> None:
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
