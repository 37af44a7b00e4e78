"""The steps of a run that ask a provider, where something is odd: a limit at the login, gear of another shape, no page at all."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from strava_pipeline.core.errors import ForbiddenError, LimitReachedError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.ingest.provider import Lister, Page
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.providers import keep_refusal, last_outcomes
from strava_pipeline.operations.listing_windows import listing_lock
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.provider_access import resting_kind
from strava_pipeline.operations.providers import kind_problem, list_provider_activities, pull_kind
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline_tests.providers.worlds import World, five, list_at_strava, listed_to_the_end


def listed(world: World) -> StepReport:
    run = world.run()
    source = Source(world.subject.name, world.settings, run)
    options = ListingOptions(mode="all", per_page=50, days=None)
    return list_provider_activities(run, source, options, [2025], asset="listing")


def refuse_login(world: World) -> None:
    if world.subject.account is None:
        pytest.skip("its login takes no call")
    world.subject.fail(path=world.subject.account, kind="status", status=429, headers={"Retry-After": "7200"}, times=9)


def test_a_limit_met_by_the_login_is_kept_and_obeyed_by_the_next_run(world: World) -> None:
    five(world.subject)
    refuse_login(world)
    report = listed(world)
    assert isinstance(report.stopped, LimitReachedError)
    assert not report.holds
    assert last_outcomes(world.run().lake, world.subject.name)["listing"].limited_until == report.stopped.resumes_at
    asked = len(world.subject.journal.log)
    assert isinstance(listed(world).stopped, LimitReachedError)
    assert len(world.subject.journal.log) == asked, "no call before the limit ends"


def test_a_limit_met_by_the_login_ends_the_fetching_of_files_too(world: World) -> None:
    if "feed" in spec_of(world.subject.name).capabilities:
        pytest.skip("its account is known from the listing")
    five(world.subject)
    world.pull()
    refuse_login(world)
    report = world.fetch_files()
    assert isinstance(report.stopped, LimitReachedError)
    assert not report.holds
    assert last_outcomes(world.run().lake, world.subject.name)["files"].limited_until is not None


def test_gear_of_another_shape_is_reported_and_stops_no_merge(world: World) -> None:
    world.need_kind("gear")
    five(world.subject)
    for body in ({"error": "x"}, [1], "none", None, [{"other": 1}]):
        world.subject.fail(path=world.subject.gear, kind="body", status=200, body=body, times=3)
        report = listed(world)
        assert report.metadata["first_problems"], body
        world.subject.faults.clear()
        assert not list(world.run().lake.kind_of(world.subject.name, "gear").glob("*")), "it is not kept as an answer"
    list_at_strava(world, {"id": 123, "name": "at Strava", "start_date": "2025-01-09T06:00:00Z"})
    world.merge(world.run())
    assert "at Strava" in world.names()


def gear_asked(world: World) -> int:
    """How many of the calls so far asked for gear."""
    return sum(str(world.subject.gear) in str(each) for each in world.subject.journal.log)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_gear_that_is_refused_is_a_line_and_rests_for_a_week(world: World, status: int) -> None:
    world.need_kind("gear")
    five(world.subject)

    def problems() -> list[str]:
        for path in (world.subject.gear, "/gear-service/gear/v2/list"):  # Garmin has a second list
            world.subject.fail(path=path, exact=False, kind="status", status=status, times=99)
        report = listed(world)
        world.subject.faults.clear()
        assert (report.stopped, report.metadata["rows_received"]) == (None, 5), "activities go on"
        problems: list[str] = report.metadata.get("first_problems", [])
        return problems

    (line,) = problems()
    assert line.startswith(f"Gear of {spec_of(world.subject.name).title}: ")
    asked = gear_asked(world)
    if status == 500:
        assert problems() == [line], "an outage is asked again"
        return
    if world.subject.name == "ridewithgps":  # whose listing of everything asks for it, for the gear of trips
        assert problems() == [line]
    else:
        assert (problems(), gear_asked(world)) == ([], asked), "a wasted call is a bug"
    world.settings.providers_config.write_text("# another login, or other settings\n")
    assert problems() == [line]
    world.subject.clock.advance(7 * 86_400)
    assert problems() == [line]


def test_a_refusal_ends_where_its_kind_comes_and_counts_for_nothing_if_it_is_of_the_future(world: World) -> None:
    world.need_kind("gear")
    run, name = world.run(), world.subject.name
    source = Source(name, world.settings, run)
    kind_problem(run, source, "gear", ForbiddenError("no"))
    refused = resting_kind(world.settings, name, "gear", run.now())
    assert refused is not None
    keep_refusal(run.lake, name, "gear", refused.model_copy(update={"at": run.now() + timedelta(hours=1)}))
    assert resting_kind(world.settings, name, "gear", run.now()) is None
    keep_refusal(run.lake, name, "gear", refused)
    pull_kind(run, source, "gear")
    assert resting_kind(world.settings, name, "gear", run.now()) is None


class _WithoutEmptyPages:
    """A client whose listing just ends where the service has nothing."""

    def __init__(self, client: Lister) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        return (page for page in self._client.list_pages(after, before, per_page) if page.read.activities)


@pytest.mark.slow
def test_the_deletion_of_the_oldest_is_seen_though_the_last_page_is_full_and_of_all_though_there_is_no_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = five(world.subject)
    listed_to_the_end(world, "all")
    world.subject.clock.advance(3600)
    world.subject.delete(keys[0])
    asked = len(world.asked())
    world.pull("year", 2025, per_page=4)
    assert world.gold("SELECT name FROM deleted_activities") == [("ride 1",)]
    assert len(world.asked()) - asked <= 2, "a service may end a listing with an empty page"
    if not world.by_calls:
        return
    lister = Source.client_for
    monkeypatch.setattr(Source, "client_for", lambda *options: _WithoutEmptyPages(lister(*options)))
    world.subject.clock.advance(3600)
    for key in keys[1:]:
        world.subject.delete(key)
    report = world.pull("year", 2025)
    assert (report.rows_received, report.manifest.complete) == (0, True)
    assert (world.names(), world.gold("SELECT count(*) FROM deleted_activities")) == ([], [(5,)])


@pytest.mark.parametrize(
    ("mode", "first", "other", "is_one"),
    [
        ("incremental", [2025], [2024, 2025], True),
        ("all", [2025], [2024], True),
        ("year", [2025], [2024], False),
        ("year", [2024, 2025], [2024], False),
        ("year", [2024, 2025], [2024, 2025], True),
    ],
)
def test_two_runs_never_list_one_window_at_the_same_time(
    world: World, mode: Any, first: list[int], other: list[int], is_one: bool
) -> None:
    source = Source(world.subject.name, world.settings, world.run())
    window = Window(mode=mode, after=None, before=None)
    assert (listing_lock(source, window, first) == listing_lock(source, window, other)) is is_one
