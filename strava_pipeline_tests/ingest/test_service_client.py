"""Limits of a service, as its client keeps them: by what the headers of its answers say, and by its 429s."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.providers import ProviderSpec, ReadPage
from strava_pipeline.core.refusals import Refusals
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Exchange, NotSentError, Wire
from strava_pipeline.ingest.service_client import ServiceClient

ACME = ProviderSpec(name="acme", title="Acme", link=None, precedence=9, priority=9, read_page=lambda _: ReadPage([]))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Answers:
    """A wire on which the answers are ready."""

    def __init__(self, answers: Sequence[tuple[int, dict[str, str]]]) -> None:
        self.left = [*answers]

    def send(self, *_: Any, **__: Any) -> Exchange:
        status, headers = self.left.pop(0)
        return Exchange(status, headers, b"{}", 0.1)


class Paused:
    """A clock that stands still and remembers how long it was asked to sleep."""

    speed = 1.0

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)

    def learn(self, headers: Mapping[str, str], elapsed: float) -> None:
        pass


def client(
    answers: Sequence[tuple[int, dict[str, str]]], spec: ProviderSpec = ACME, **options: Any
) -> tuple[ServiceClient, Paused]:
    clock = Paused()
    wire, own = cast(Wire, Answers(answers)), cast(ServerClock, clock)
    return ServiceClient(spec, "http://x", wire, own, lambda: 0.0, login="Ask Acme.", **options), clock


def left(remaining: int, reset: int | None = None) -> dict[str, str]:
    headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": str(remaining)}
    return headers if reset is None else {**headers, "X-RateLimit-Reset": str(reset)}


def test_with_a_tenth_of_the_limit_left_the_next_call_waits_for_the_reset() -> None:
    service, clock = client([(200, left(10, 600)), (200, left(9, 45)), (200, {})])
    service.get("/a")
    service.get("/b")
    assert clock.slept == [], "a tenth is enough"
    service.get("/c")
    assert sum(clock.slept) == 45


@pytest.mark.parametrize(("headers", "after"), [(left(3, 90), timedelta(seconds=90)), (left(3), timedelta(minutes=15))])
def test_a_reset_that_is_far_or_unknown_ends_the_work(headers: dict[str, str], after: timedelta) -> None:
    service, clock = client([(200, headers), (200, {})])
    service.get("/a")
    with pytest.raises(LimitReachedError) as limit:
        service.get("/b")
    assert (limit.value.resumes_at, clock.slept, service.calls) == (NOW + after, [], 1)
    service.get("/b")


def test_the_pauses_of_429s_that_name_none_are_the_services_own() -> None:
    service, clock = client([(429, {})] * 4 + [(200, {})], unsaid=timedelta(seconds=1), most_refusals=5)
    service.get("/a")
    assert clock.slept == [1, 2, 4, 8]
    service, clock = client([(429, {})] * 5, unsaid=timedelta(seconds=1), most_refusals=5)
    with pytest.raises(LimitReachedError) as limit:
        service.get("/a")
    assert (sum(clock.slept), limit.value.resumes_at) == (15, NOW + timedelta(seconds=15 + 60))


def test_a_403_is_a_refused_login_where_the_service_says_so() -> None:
    with pytest.raises(ForbiddenError):
        client([(403, {})])[0].get("/a")
    with pytest.raises(NeedsLoginError, match=r"Ask Acme\."):
        client([(403, {})], replace(ACME, refusals=Refusals(at_login={}, at_data={403: "login"})))[0].get("/a")


@pytest.mark.parametrize(
    ("answers", "calls", "error"),
    [
        ([(204, {})], 1, None),
        ([(201, {})], 1, None),
        ([(429, {}), (200, {})], 2, None),
        ([(500, {}), (200, {})], 1, TransientError),
        ([(422, {}), (200, {})], 1, RefusedError),
        ([(401, {}), (200, {})], 1, NeedsLoginError),
        ([(404, {}), (200, {})], 1, GoneError),
    ],
)
def test_a_write_is_sent_again_only_where_it_was_not_done(
    answers: list[tuple[int, dict[str, str]]], calls: int, error: type[Exception] | None
) -> None:
    service, _ = client(answers)
    with nullcontext() if error is None else pytest.raises(error):
        assert service.write("PUT", "/a", json={"name": "Loze"}).status == answers[-1][0]
    assert service.calls == calls


def test_a_write_that_no_connection_took_is_sent_again() -> None:
    service, clock = client([])
    sent = iter([NotSentError("no connection"), NotSentError("no connection"), Exchange(200, {}, b"", 0.1)])

    def send(*_: Any, **__: Any) -> Exchange:
        if isinstance(step := next(sent), Exception):
            raise step
        return step

    service._wire.send = send  # type: ignore[method-assign]
    assert (service.write("POST", "/a").json, service.calls, clock.slept) == (None, 3, [1.0, 2.0])


class Renewed:
    """A login whose token is called old, and another one new."""

    def __init__(self) -> None:
        self.rejected: list[str] = []

    def get(self) -> str:
        return "new" if self.rejected else "old"

    def renew(self, rejected: str) -> str:
        self.rejected.append(rejected)
        return "new"


class Listening(Answers):
    """The same, which remembers the tokens that came."""

    def __init__(self, *statuses: int) -> None:
        super().__init__([(status, {}) for status in statuses])
        self.came: list[str] = []

    def send(self, *_: Any, **sent: Any) -> Exchange:
        self.came.append(sent["bearer"])
        return super().send()


def with_tokens(wire: Listening, tokens: Renewed) -> ServiceClient:
    clock = cast(ServerClock, Paused())
    return ServiceClient(ACME, "", cast(Wire, wire), clock, lambda: 0.0, login="Log in.", tokens=cast(Any, tokens))


def test_after_a_401_another_token_is_got_once_and_the_call_made_again() -> None:
    wire, tokens = Listening(401, 200, 200), Renewed()
    client = with_tokens(wire, tokens)
    client.get("/rides")
    client.get("/rides")
    assert (wire.came, tokens.rejected) == (["old", "new", "new"], ["old"])


def test_a_401_to_a_token_that_is_new_ends_the_login() -> None:
    wire, tokens = Listening(401, 401), Renewed()
    with pytest.raises(NeedsLoginError, match="Log in"):
        with_tokens(wire, tokens).get("/rides")
    assert wire.came == ["old", "new"]
