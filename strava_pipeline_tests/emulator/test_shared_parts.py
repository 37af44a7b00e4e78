"""The parts that every emulated service shares, under a service that is not Strava: gate, faults, journal, clock, windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import requests
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.base import EmulatedService, application
from strava_pipeline.emulator.server import ServerThread
from strava_pipeline.emulator.service import Clock, Headers, WindowCount, answer


@dataclass
class Routes(EmulatedService):
    """A service without tokens and limits."""

    title, api, activity, identifier = "Routes", "/v1", r"/routes/(\d+)", r"(?<=/)\d+"

    def refusal(self, request: Request) -> None:
        return None

    def left(self) -> Headers:
        return [(b"x-server", b"1")]

    async def route(self, request: Request) -> Response:
        return answer({"id": request.path_params["id"]})


@pytest.fixture
def url() -> Iterator[str]:
    service = Routes(Clock(datetime(2026, 6, 1, tzinfo=UTC), 0.0))
    app = application(service, [Route("/v1/routes/{id}", service.route)])
    with ServerThread(app, "127.0.0.1", 0, on_end=lambda: None) as server:
        yield server.url


def order(url: str, what: str, /, **fields: object) -> requests.Response:
    return requests.post(f"{url}/_emulator/{what}", json=fields, timeout=20)


def test_a_call_is_dated_by_the_emulators_clock_and_recorded(url: str) -> None:
    order(url, "clock", advance=60)
    found = requests.get(f"{url}/v1/routes/7", timeout=20)
    assert (found.json(), found.headers["x-server"]) == ({"id": "7"}, "1")
    assert found.headers["date"] == "Mon, 01 Jun 2026 00:01:00 GMT"
    journal = requests.get(f"{url}/_emulator/calls", timeout=20).json()
    assert (journal["total"], journal["by_endpoint"], journal["details"]) == (1, {"/routes/{id}": 1}, {"7": 1})
    assert journal["log"] == [["2026-06-01T00:01:00.000+00:00", "GET", "/v1/routes/7", 200]]


def test_faults_speak_in_the_services_own_words(url: str) -> None:
    order(url, "faults", path="/v1/routes/7", kind="status", status=503)
    order(url, "faults", path="/routes/7", kind="html")
    first, second, third = (requests.get(f"{url}/v1/routes/7", timeout=20) for _ in range(3))
    assert (first.status_code, first.json()) == (503, {"message": "Service Unavailable"})
    assert (second.status_code, "<title>Routes | 502</title>" in second.text) == (502, True)
    assert third.json() == {"id": "7"}


def test_an_order_that_can_not_be_carried_out_is_refused_with_the_reason(url: str) -> None:
    refused = order(url, "faults", path="routes", kind="status")
    assert refused.status_code == 400
    assert "path: " in refused.json()["message"]


def test_a_count_starts_at_zero_in_a_new_window_and_only_then() -> None:
    window = WindowCount(900)
    counts = []
    for epoch in (899.9, 900.0, 1799.9, 1800.0):
        window.move_to(epoch)
        window.calls += 1
        counts.append(window.calls)
    assert counts == [1, 1, 2, 1]
