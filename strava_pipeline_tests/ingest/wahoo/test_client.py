"""What only Wahoo's client does: it finds a range in a list without one, keeps limits, and hides the addresses of files."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import GoneError, LimitReachedError, RefusedError, TransientError
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.wahoo.client import WahooClient
from strava_pipeline.ingest.wahoo.emulator.service import SANDBOX, Wahoo
from strava_pipeline.lake.files import unpacked
from strava_pipeline.testing.subjects import NOW
from strava_pipeline_tests.ingest.wahoo.subject import WahooSubject
from strava_pipeline_tests.providers.worlds import World, five, world_of

DAYS = [NOW - timedelta(days=each) for each in range(1, 201)]  # of 200 rides, the newest first


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Wahoo's alone."""
    with world_of("wahoo", tmp_path, monkeypatch) as found:
        yield found


def service(world: World) -> Wahoo:
    assert isinstance(world.subject, WahooSubject)
    return world.subject.wahoo


def client(world: World) -> WahooClient:
    found = registry.connect("wahoo", world.settings, machine_clock(now=world.subject.clock.now))
    assert isinstance(found, WahooClient)
    return found


@pytest.fixture
def rides(world: World) -> list[str]:
    return [world.subject.add(f"{day:%Y-%m-%d}", "a ride", began=day.isoformat()) for day in DAYS]


def listed(world: World, after: datetime | None, before: datetime | None, per_page: int = 200) -> tuple[list[str], int]:
    """The ids of a range, as its pages bring them, and how many calls that took."""
    found, began = client(world), len(world.asked())
    bounds = [None if at is None else int(at.timestamp()) for at in (after, before)]
    pages = list(found.list_pages(*bounds, per_page))
    assert [page.number for page in pages] == [*range(1, len(pages) + 1)]
    calls = len(world.asked()) - began
    assert sum(page.calls for page in pages) <= calls
    return [one["source_id"] for page in pages for one in page.read.activities], calls


@pytest.mark.parametrize(
    ("newest", "oldest", "most_calls"),
    [(0, 199, 7), (0, 20, 1), (0, 29, 2), (60, 70, 4), (100, 199, 7), (190, 199, 4), (199, 199, 4)],
    ids=[
        "all",
        "the first page",
        "a page and no more",
        "in between",
        "the older half",
        "the last page",
        "the last one",
    ],
)
def test_a_range_costs_its_pages_and_a_few_calls_to_find_it(
    world: World, rides: list[str], newest: int, oldest: int, most_calls: int
) -> None:
    before = None if newest == 0 else DAYS[newest] + timedelta(seconds=1)
    found, calls = listed(world, DAYS[oldest] - timedelta(seconds=1), before)
    assert found == rides[newest : oldest + 1]
    assert calls <= most_calls


def test_the_first_page_of_a_range_holds_as_many_as_asked_for_or_all(world: World, rides: list[str]) -> None:
    """Whoever asks for what lies between two pages again takes one page for all of it."""
    for newest in (58, 59, 60, 61):
        bounds = [int((DAYS[place] + timedelta(seconds=each)).timestamp()) for place, each in ((62, -1), (newest, 1))]
        page = next(client(world).list_pages(*bounds, 200))
        assert [one["source_id"] for one in page.read.activities] == rides[newest:63]


def test_bounds_are_exclusive_and_a_range_without_a_ride_is_empty(world: World, rides: list[str]) -> None:
    assert listed(world, DAYS[4], DAYS[2])[0] == [rides[3]]
    assert listed(world, DAYS[4], DAYS[3])[0] == []
    assert listed(world, None, DAYS[199])[0] == []
    assert listed(world, DAYS[0], None)[0] == []


@pytest.mark.parametrize("said", [{}, {"per_page": None, "total": None}, {"total": 1}, {"total": "many"}])
def test_a_page_that_says_less_or_holds_fewer_than_asked_for_loses_nothing(
    world: World, rides: list[str], said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service(world).said = said
    if not said:
        service(world).most_rows = 20
    assert listed(world, None, None)[0] == rides
    assert listed(world, DAYS[150], DAYS[120])[0] == rides[121:150]


@pytest.mark.parametrize("said", [{"sort": "created_at"}, {"order": "ascending"}])
def test_a_list_in_another_order_is_not_taken(world: World, said: dict[str, Any]) -> None:
    five(world.subject)
    service(world).said = said
    with pytest.raises(TransientError, match="not in the order of their starts"):
        world.pull()
    service(world).said = {}
    world.subject.fail(
        kind="body",
        times=3,
        body={"workouts": [{"starts": "2025-01-01T06:00:00Z"}, {"starts": "2025-01-02T06:00:00Z"}]},
    )
    with pytest.raises(TransientError, match="not in the order of their starts"):
        world.pull()


@pytest.mark.parametrize(
    ("limits", "calls", "until"),
    [
        (SANDBOX, 25, datetime(2026, 3, 1, 12, 5, tzinfo=UTC)),
        ((250, 30, 99), 30, datetime(2026, 3, 1, 13, tzinfo=UTC)),
        ((40, 99, 99), 40, datetime(2026, 3, 2, tzinfo=UTC)),
    ],
    ids=["five minutes", "hour", "day"],
)
def test_whichever_limit_is_used_up_ends_the_run_until_it_starts_again(
    world: World, limits: tuple[int, int, int], calls: int, until: datetime
) -> None:
    service(world).limits = limits
    found = client(world)
    for _ in range(calls):
        found.login()
    with pytest.raises(LimitReachedError) as caught:
        found.login()
    assert found.calls == calls
    assert caught.value.resumes_at.replace(microsecond=0) == until


def test_a_refusal_is_waited_out_for_as_long_as_the_header_of_the_limit_says(world: World) -> None:
    for headers, least, most in (({"X-RateLimit-Reset": "200"}, 200, 205), ({"X-RateLimit-Reset": "0"}, 300, 610)):
        before = world.subject.clock.now()
        world.subject.fail(path="/v1/user", kind="status", status=429, headers=headers)
        client(world).login()
        assert least <= (world.subject.clock.now() - before).total_seconds() <= most


@pytest.mark.dear
def test_a_file_comes_from_its_address_without_a_login_unseen(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = five(world.subject)
    world.pull()
    world.fetch_files()
    assert len(world.tracks()) == 5
    assert "secret-" not in caplog.text
    assert world.gold("SELECT count(*) FROM activities_all WHERE extra::VARCHAR LIKE '%secret-%'") == [(0,)]
    pages = [*(world.settings.data_dir / "bronze").rglob("page-*.json.gz")]
    assert pages
    assert not [path for path in pages if b"secret-" in unpacked(path)]
    assert world.gold("SELECT DISTINCT extra ->> 'has_file' FROM activities_all") == [("true",)]
    assert {name for (names,) in world.gold("SELECT names FROM files") for name in names} == {
        f"{key}.fit" for key in keys
    }


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 401}, RefusedError),
        ({"kind": "status", "status": 403}, RefusedError),
        ({"kind": "status", "status": 404}, GoneError),
        ({"kind": "status", "status": 302}, RefusedError),
        ({"kind": "status", "status": 503, "times": 3}, TransientError),
        ({"kind": "html", "status": 200}, TransientError),
        ({"kind": "body", "body": {"message": "soon"}}, TransientError),
        ({"kind": "reset", "times": 3}, TransientError),
    ],
)
def test_an_error_of_a_file_is_no_word_on_the_login_and_holds_no_address(
    world: World, fault: dict[str, Any], error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (key, *_) = five(world.subject)
    service(world).fail({"path": "/files", **fault})
    with pytest.raises(error, match="the file of a workout") as caught:
        client(world).get_file(key)
    assert "secret-" not in f"{caught.value!r} {caught.value} {caught.value.__context__!r} {caplog.text}"
    assert client(world).get_file(key).name == f"{key}.fit"


@pytest.mark.parametrize(
    "address", ["http://elsewhere.invalid/x.fit", "file:///etc/passwd", "ftp://elsewhere.invalid/x"]
)
def test_an_address_that_is_not_https_is_not_followed(world: World, address: str) -> None:
    (key, *_) = five(world.subject)
    workout = {"id": 1, "workout_summary": {"file": {"url": address}}}
    world.subject.fail(path=f"/v1/workouts/{key}", kind="body", body=workout)
    with pytest.raises(RefusedError, match="not https") as caught:
        client(world).get_file(key)
    assert "elsewhere" not in str(caught.value)


def test_what_a_plan_or_another_shape_has_instead_of_a_file(world: World) -> None:
    world.subject.add_foreign("2025-01-04")
    (key,) = service(world).workouts
    with pytest.raises(GoneError, match="no file"):
        client(world).get_file(key)
    for body in ({"id": 1}, {"workout_summary": {}}, []):
        world.subject.fail(path=f"/v1/workouts/{key}", kind="body", body=body, times=3)
        with pytest.raises(TransientError, match="holds no workout"):
            client(world).get_file(key)


@pytest.mark.slow
def test_a_ride_that_is_gone_from_between_two_pages_is_found_gone(world: World) -> None:
    keys = five(world.subject)
    world.pull(per_page=3)
    world.subject.clock.advance(3600)
    world.subject.delete(keys[1])
    world.pull("year", 2025, per_page=3)
    assert world.gold("SELECT name FROM deleted_activities") == [("ride 2",)]
    assert len(world.asked()) == 2 + 2 + 2, "what lies around the border is asked for again"


def test_a_ride_that_slips_to_another_page_meanwhile_is_not_lost(world: World) -> None:
    keys = five(world.subject)
    world.pull(per_page=3)
    world.subject.clock.advance(3600)
    pages = client(world).list_pages(None, None, 3)
    assert [one["name"] for one in next(pages).read.activities] == ["ride 5", "ride 4", "ride 3"]
    world.subject.delete(keys[4])
    assert [one["name"] for one in next(pages).read.activities] == ["ride 1"]
    began = [int(datetime(2025, 1, day, 6, tzinfo=UTC).timestamp()) for day in (1, 3)]
    again = next(client(world).list_pages(began[0] - 1, began[1] + 1, 3))
    assert [one["name"] for one in again.read.activities] == ["ride 3", "ride 2", "ride 1"]
