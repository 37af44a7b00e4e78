"""What holds for every provider whose answers are hostile: they are refused or borne by name, and nothing that was there is lost.

The subjects of this module are shared by its tests: each begins with what the honest run at the end of another one left.
"""

import gzip
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from strava_pipeline.core.errors import LimitReachedError, PipelineError, RefusedError
from strava_pipeline.core.providers import spec_of
from strava_pipeline_tests.hostile import MEGABYTE
from strava_pipeline_tests.providers.subjects import SUBJECTS
from strava_pipeline_tests.providers.worlds import World, five_on_pages, world_of
from strava_pipeline_tests.raw_answers import raw_answer

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
        world.pull()
        yield world
        root = folder.parents[DEEP.count("/")]
        outside = [
            path for path in root.rglob("*") if path not in folder.parents and folder not in (path, *path.parents)
        ]
        assert not outside, "what was written left the folder"
        assert {path.name for path in folder.iterdir()} <= {"data", "logs", "secrets", "providers.toml"}


@dataclass(frozen=True)
class Case:
    """What an answer to a listing is like, and which error may come of it (none: the listing goes on)."""

    fault: dict[str, Any]
    errors: tuple[type[PipelineError], ...] = ()
    after: int = field(default=0)


def raw(head: str, body: str = "") -> dict[str, Any]:
    return {"kind": "raw", "body": raw_answer(head, body)}


def limited(pause: str) -> dict[str, Any]:
    return {"kind": "status", "status": 429, "body": {"message": BODY}, "headers": {"Retry-After": pause}}


BOMB = gzip.compress(MEGABYTE * 4, 9).decode("latin-1")
CASES = {
    "a date years ahead": Case({"kind": "date", "seconds": YEARS}),
    "a date years ago": Case({"kind": "date", "seconds": -YEARS}),
    "a date ahead of the calendar": Case({"kind": "date", "body": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "no date at all": Case({"kind": "date", "body": "the day before yesterday"}),
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
    title = spec_of(world.subject.name).title
    assert title in text, text
    assert isinstance(error, LimitReachedError) or all(part in text for part in call), text
    for secret in (world.subject.secret, BODY):
        assert secret not in text + repr(error) + log


def check_honest_runs(world: World) -> None:
    """Nothing is lost, and the next honest runs see what was edited, deleted and restored meanwhile."""
    assert world.gold("SELECT count(*) FROM deleted_activities") == [(0,)]
    assert len(world.names()) == len(world.keys)
    world.subject.faults.clear()
    world.subject.clock.advance(3600)
    world.subject.edit(world.keys[0], name := f"edited at {world.subject.clock.now():%d %H:%M}")
    world.subject.delete(world.keys[2])
    report = world.pull(per_page=50)
    assert (report.stopped, report.manifest.complete) == (None, True)
    assert world.names() == [name, *(f"ride {number}" for number in (2, 4, 5))]
    world.subject.clock.advance(3600)
    world.subject.restore(world.keys[2])
    world.pull()
    assert world.names() == [name, *(f"ride {number}" for number in (2, 3, 4, 5))]


def path_of(world: World) -> str:
    return world.subject.lists.removeprefix("/api/v1")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_hostile_listing_is_refused_or_borne_and_loses_nothing(
    shared: World, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world = shared
    world.subject.faults.clear()
    world.subject.fail(**case.fault, times=TIMES)
    error = ended(world.pull)
    if error is None:
        assert not case.errors or LimitReachedError in case.errors, "a pause that is borne"
    else:
        assert isinstance(error, case.errors), error
        check_text(world, error, caplog.text, path_of(world))
    if isinstance(error, LimitReachedError):
        until = error.resumes_at - world.subject.clock.now()
        assert until <= WEEK, "one answer must not keep all runs from asking for years"
    check_honest_runs(world)
