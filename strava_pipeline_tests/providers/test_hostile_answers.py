"""What holds for every provider whose answers are hostile: they are refused or borne by name, and nothing that was there is lost.

The subjects of this module are shared by its tests: each begins with what the honest run at the end of another one left.
"""

import gzip
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from itertools import cycle
from typing import Any

import pytest

from strava_pipeline.core.errors import LimitReachedError, PipelineError, RefusedError, TransientError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.ingest.garmin.key_tokens import TOKEN_PATH as KEY_TOKEN_PATH
from strava_pipeline.ingest.garmin.tokens import TOKEN_PATH
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline_tests.hostile import MEGABYTE, hostile
from strava_pipeline_tests.providers.subjects import SUBJECTS, has_trait
from strava_pipeline_tests.providers.worlds import World, five_on_pages, world_of
from strava_pipeline_tests.raw_answers import raw_answer

pytestmark = pytest.mark.slow

TIMES = 9  # as often as any client asks for one thing
BODY = "do-not-repeat-me"  # in what hostile servers say
YEARS = 10 * 366 * 86_400  # s
WEEK = timedelta(days=7)
DEEP = "a/b/c/d/e/f/g/h/i/j"  # where the data folder lies, so that a path that leaves it is seen
OUT = "../" * 9


@pytest.fixture(scope="module", params=[name for name in SUBJECTS if name != "spreadsheet"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(request.param) / DEEP
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, world_of(request.param, folder, patch) as world:
        world.settings = world.settings.model_copy(update={"answer_limit_mb": 1})
        world.keys = five_on_pages(world.subject)
        for key in world.keys if "files" in spec_of(world.subject.name).capabilities else ():
            world.subject.lose_file(key)
        world.pull()
        yield world
        check_honest_run(world)  # whatever came last
        root = folder.parents[DEEP.count("/")]
        outside = [
            path for path in root.rglob("*") if path not in folder.parents and folder not in (path, *path.parents)
        ]
        assert not outside, "what was written left the folder"
        assert {path.name for path in folder.iterdir()} <= {"data", "logs", "secrets", "providers.toml"}


@dataclass(frozen=True)
class Case:
    """What an answer to a listing is like, and which error may come of it (none: the listing goes on).

    `then_honest`: a run follows that sees what changed meanwhile.
    """

    fault: dict[str, Any]
    errors: tuple[type[PipelineError], ...] = ()
    then_honest: bool = False


def raw(head: str, body: str = "") -> dict[str, Any]:
    return {"kind": "raw", "body": raw_answer(head, body)}


def limited(pause: str) -> dict[str, Any]:
    return {"kind": "status", "status": 429, "body": {"message": BODY}, "headers": {"Retry-After": pause}}


BOMB = gzip.compress(MEGABYTE * 4, 9).decode("latin-1")
CASES = {
    "a date years ago": Case({"kind": "date", "seconds": -YEARS}),
    "no date at all": Case({"kind": "date", "body": "the day before yesterday"}, then_honest=True),
    "a date years ahead": Case({"kind": "date", "seconds": YEARS}),
    "a date ahead of the calendar": Case({"kind": "date", "body": "Fri, 31 Dec 9999 23:59:59 GMT"}, then_honest=True),
    "an endless body": Case(raw("200 OK\r\nContent-Length: 999999999999", BODY * 100_000), (RefusedError,)),
    "a compressed bomb": Case(raw("200 OK\r\nContent-Encoding: gzip", BOMB), (RefusedError,)),
    "a pause of a century in seconds": Case(limited("3153600000"), (LimitReachedError,)),
    "a pause of months in seconds": Case(limited("9999999"), (LimitReachedError,)),
    "a pause of a century": Case(limited("Fri, 01 Mar 2126 12:00:00 GMT"), (LimitReachedError,)),
    "a pause to the end of the calendar": Case(limited("Fri, 31 Dec 9999 23:59:59 -1200"), (LimitReachedError,)),
    "a pause below zero": Case(limited("-5"), (LimitReachedError,)),
    "a pause that is none": Case(limited("\t1e999 soon;\xff"), (LimitReachedError,)),
}


def ended(attempt: Callable[[], Any]) -> PipelineError | None:
    """The error that an attempt ended with."""
    try:
        report = attempt()
    except PipelineError as error:
        return error
    stopped: PipelineError | None = report.stopped
    return stopped


def check_text(world: World, error: PipelineError, log: str, *call: str) -> None:
    """An error names the call and the service, and nothing that a log must not hold."""
    text = str(error)
    assert spec_of(world.subject.name).title.split()[0] in text, text
    assert isinstance(error, LimitReachedError) or all(part in text for part in call), text
    for secret in (world.subject.secret, BODY):
        assert secret not in text + repr(error) + log


def held(world: World) -> tuple[list[str], list[str]]:
    """What gold has, and which of its five rides it says are gone."""
    gone = world.gold("SELECT source_id FROM deleted_activities")
    return world.names(), [key for (key,) in gone if key in world.keys]


def check_honest_run(world: World) -> None:
    """The next run sees what was edited meanwhile, and deleted or restored, in turn."""
    world.subject.faults.clear()
    world.subject.clock.advance(3600)
    world.subject.edit(world.keys[0], name := f"edited at {world.subject.clock.now():%d %H:%M}")
    is_there = "ride 3" in world.names()
    (world.subject.delete if is_there else world.subject.restore)(world.keys[2])
    report = world.pull(per_page=50)
    assert (report.stopped, report.manifest.complete) == (None, True)
    assert held(world) == (
        [name, *(f"ride {number}" for number in range(2, 6) if not (is_there and number == 3))],
        [world.keys[2]] if is_there else [],
    )


def path_of(world: World) -> str:
    return world.subject.lists.removeprefix("/api/v1")


@pytest.mark.dear
def test_a_hostile_listing_is_refused_or_borne_and_loses_nothing(
    shared: World, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    caplog.set_level(logging.DEBUG)
    for name, case in CASES.items():
        with subtests.test(name):
            caplog.clear()
            check_hostile_listing(shared, case, caplog)


def check_hostile_listing(world: World, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    world.subject.faults.clear()
    before = held(world)
    world.subject.fail(**case.fault, times=TIMES)
    error = ended(world.pull)
    assert held(world) == before
    if error is None:
        assert not case.errors or LimitReachedError in case.errors, "a pause that is borne"
        if case.then_honest:
            check_honest_run(world)
        return
    assert isinstance(error, case.errors), error  # nothing of the answer was kept: who comes next goes on honestly
    check_text(world, error, caplog.text, path_of(world))
    if isinstance(error, LimitReachedError):
        until = error.resumes_at - world.subject.clock.now()
        assert until <= WEEK, "one answer must not keep all runs from asking for years"


def emptied(body: bytes) -> bytes:
    """A page without its rows, which says of itself what it said before."""
    content = json.loads(body)
    if isinstance(content, list):
        return b"[]"
    return json.dumps({name: [] if name in ("items", "trips") else value for name, value in content.items()}).encode()


@contextmanager
def changed(world: World, change: Callable[[int, bytes], bytes]) -> Iterator[None]:
    """Answers to the listing arrive changed; `change` is given their number, from 1 on. The look at one row is honest."""
    send, listed = Wire.send, 0

    def hostile_send(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        nonlocal listed
        exchange = send(wire, method, url, **options)
        if not url.endswith(world.subject.lists) or options["params"].get("limit") == "1":
            return exchange
        listed += 1
        assert listed < 60, "it asks without end"
        return replace(exchange, body=change(listed, exchange.body))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "send", hostile_send)
        yield


@pytest.mark.parametrize("is_last_word", [False, True], ids=["once", "whenever it is asked"])
def test_an_empty_page_in_the_middle_of_a_listing_proves_nothing(
    shared: World, is_last_word: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world = shared
    world.subject.faults.clear()

    def empty(number: int, body: bytes) -> bytes:
        return emptied(body) if number == 2 or (is_last_word and number > 2) else body

    before = held(world)
    with changed(world, empty):
        error = ended(world.pull)
    assert held(world) == before
    if error is not None:
        assert isinstance(error, TransientError)
        check_text(world, error, caplog.text, path_of(world))
    world.subject.clock.advance(3600)
    assert world.pull(per_page=50).manifest.complete, "the run goes on where the hostile one broke off"
    assert held(world) == before


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[Any]]]:
    """Another host, and what it received."""
    received: list[Any] = []

    def receive(handler: BaseHTTPRequestHandler) -> None:
        received.append((handler.path, dict(handler.headers)))
        handler.send_response(200)
        handler.end_headers()

    with hostile(receive) as url:
        yield url.replace("127.0.0.1", "localhost"), received


def token_call(world: World) -> str:
    """The call that tells whose login it is, or gives a token, which is then needed."""
    paths = {"toy": "/me", "ridewithgps": world.subject.account or ""}
    if world.subject.name != "garmin":
        return paths.get(world.subject.name) or pytest.skip("its login takes no call")
    world.subject.fail(kind="status", status=401)
    return KEY_TOKEN_PATH if has_trait(world.subject, "only_reads") else TOKEN_PATH


@pytest.mark.parametrize(("call", "status"), [("listing", 307), ("token", 302)])
def test_no_login_goes_to_another_host(shared: World, call: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world = shared
    world.subject.faults.clear()
    before, path = held(world), world.subject.lists if call == "listing" else token_call(world)
    with elsewhere() as (url, received):
        world.subject.fail(path=path, times=TIMES, **raw(f"{status} Found\r\nLocation: {url}{path}", BODY))
        error = ended(world.pull)
    assert received == []
    assert error is not None
    check_text(world, error, caplog.text, str(status), path_of(world) if call == "listing" else "log")
    assert held(world) == before
    if call == "listing":  # later runs follow what changed after a refusal
        check_honest_run(world)


NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e308", "9" * 400, "-" + "9" * 25)


NAME = "../../../escaped\u202e\u2066 name\u200f"  # what turns the direction of what follows
CONTROLS = "\x1b[31m\x07\x00\x85\r\n"


@pytest.mark.dear
def test_a_name_is_text_always_and_hostile_files_come_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.settings = world.settings.model_copy(update={"answer_limit_mb": 1})
    keys = five_on_pages(world.subject)
    world.subject.edit(keys[1], NAME + (CONTROLS if world.by_calls else ""))  # no workbook holds these
    world.pull()
    assert "escaped" in world.names()[1]
    assert len(world.names()) == 5
    if "files" in spec_of(world.subject.name).capabilities:
        check_hostile_files(world, keys, caplog)
    world.subject.clock.advance(3600)
    world.subject.edit(keys[1], "ride 2")
    world.pull()
    assert world.names()[1] == "ride 2"
    assert not list(world.settings.data_dir.parent.rglob("*escaped*"))


def check_hostile_files(world: World, keys: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """They stop no other."""
    with elsewhere() as (url, received):
        redirect = raw(f"302 Found\r\nLocation: {url}/file", BODY)
        faults = [limited("9999999"), CASES["a date years ahead"].fault, redirect]
        faults += [CASES["a compressed bomb"].fault, CASES["an endless body"].fault]
        for key, fault in zip(keys, faults, strict=True):
            world.subject.fail_file(key, **{"times": TIMES, **fault})
        world.subject.fail_file("none", headers=faults[0]["headers"], kind="empty")  # those of every fault
        report = world.fetch_files()
    assert received == []
    assert isinstance(report.stopped, LimitReachedError)
    assert report.stopped.resumes_at - world.subject.clock.now() <= WEEK
    assert (report.metadata["received"], report.metadata["failed"]) == (1, 3)
    assert not any(secret in caplog.text for secret in (world.subject.secret, BODY))
    world.subject.faults.clear()
    world.subject.clock.advance(60 * 86_400)
    world.fetch_files()
    assert [key for key, *_ in world.tracks()] == keys


@pytest.mark.dear
def test_a_number_that_no_measure_has_and_an_id_that_is_a_path_do_no_harm(shared: World) -> None:
    world, numbers = shared, cycle(NUMBERS)
    world.subject.faults.clear()
    if held(world)[1]:  # a subject numbers a new ride by how many it has
        check_honest_run(world)
    before, key = world.names(), world.subject.add("2025-03-03", "an escape")
    stands = re.compile(rb'(?<=[:\s])"?' + re.escape(key.encode()) + rb'"?(?=[,}\s])')
    measured = re.compile(rb"\b(2224|600|540)(\.0)?\b")

    def hostile_body(_: int, body: bytes) -> bytes:
        odd = measured.sub(lambda _: next(numbers).encode(), body)
        return stands.sub(json.dumps(f"{OUT}escaped").encode(), odd)

    with changed(world, hostile_body):
        assert ended(world.pull) is None
        world.fetch_files()
    assert not list(world.settings.data_dir.parent.rglob("*escaped*"))
    assert set(before) <= set(world.names()), "no row is kept out"
    odd = "count(*) FILTER (isnan(distance) OR isinf(distance) OR isnan(moving_time) OR isinf(moving_time))"
    assert world.gold(f"SELECT {odd} FROM activities_all") == [(0,)]
    world.subject.clock.advance(3600)
    assert world.pull(per_page=50).manifest.complete
    assert {"an escape", *before} <= set(world.names())
    assert world.gold("SELECT DISTINCT distance, elapsed_time FROM activities") == [(2224.0, 600)]
    world.subject.delete(key)
    check_honest_run(world)
