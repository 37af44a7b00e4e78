"""Ride with GPS's writer beside its emulator: what is sent for a change, what is refused, and what a reading then finds."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change, Kind, is_same
from strava_pipeline.core.errors import ForbiddenError, GoneError, PipelineError, RefusedError, TransientError
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.emulator.service import Fault
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.ridewithgps.client import GEAR_LIST
from strava_pipeline.ingest.ridewithgps.emulator.service import gear_item
from strava_pipeline.ingest.ridewithgps.record import SPEC
from strava_pipeline.ingest.ridewithgps.writes import RideWithGpsWriter, connect_writer
from strava_pipeline.ingest.writer import Request, UnsupportedChangeError
from strava_pipeline_tests.ingest.ridewithgps.subject import RideWithGpsSubject, service_at

Connect = Callable[[], RideWithGpsWriter]
BLUE, RED, OLD, TWIN = "254097", "254098", "254099", "254100"


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch) -> Iterator[RideWithGpsSubject]:
    with service_at(monkeypatch) as found:
        gear = found.service.gear
        gear += [gear_item(254_098, None, "Acme", "Red"), gear_item(254_099, "Old bike", "Acme", "One")]
        gear += [gear_item(key, "Twin", "Acme", "Two") for key in (254_100, 254_101)]
        for item in gear:
            item["archived"] = item["id"] == 254_099
        yield found


@pytest.fixture
def connect(subject: RideWithGpsSubject) -> Connect:
    """Makes writers, as runs one after the other do; each waits on the emulator's clock."""

    def connected() -> RideWithGpsWriter:
        clock = ServerClock(subject.clock.now, subject.clock.epoch, subject.clock.advance)
        return connect_writer(Settings(_env_file=None, **subject.settings), clock, lambda why, seconds: None)

    return connected


@pytest.fixture
def trip(subject: RideWithGpsSubject) -> str:
    return subject.add("2026-02-20", "To the lake")


def changed(trip: str | None, kind: Kind = "update_name", new: Any = "Round the lake", **more: Any) -> Change:
    """A change of a trip; of its gear from the blue bike."""
    old = {"old": "Blue bike"} if kind == "update_gear" else {"old": "To the lake"}
    return Change(kind=kind, provider="ridewithgps", month="2026-02", source_id=trip, new=new, **(old | more))


def sent(subject: RideWithGpsSubject) -> list[tuple[str, Any]]:
    """Method and body of the changes that reached the service."""
    return [(each["method"], each["body"]) for each in subject.journal.report()["writes"]]


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({}, {"name": "Round the lake"}),
        ({"new": "\u00d6\u011fle \U0001f6b4"}, {"name": "\u00d6\u011fle \U0001f6b4"}),
        ({"new": None}, {"name": ""}),
        ({"kind": "update_gear", "new": "Acme Red", "old_id": BLUE, "new_id": RED}, {"gear_id": 254_098}),
        ({"kind": "update_gear", "new": None, "old_id": BLUE}, {"gear_id": None}),
        ({"kind": "update_gear", "new": "Twin", "old_id": BLUE, "new_id": TWIN}, {"gear_id": 254_100}),
    ],
    ids=["name", "odd name", "no name", "gear", "no gear", "twin by id"],
)
def test_a_change_is_one_request_which_a_reading_confirms(
    subject: RideWithGpsSubject, connect: Connect, trip: str, change: dict[str, Any], body: dict[str, Any]
) -> None:
    wanted, writer = changed(trip, **change), connect()
    before = writer.read(wanted)
    assert is_same(wanted.kind, before.value, wanted.value_before)
    requests = [Request("PATCH", f"/trips/{trip}.json", {"trip": body})]
    assert (writer.requests(wanted, before), sent(subject)) == (requests, [])
    (answered,) = writer.write([wanted], [before])
    assert sent(subject) == [("PATCH", {"trip": body})]
    assert set(parse_json(answered.body)["trip"]) == {"id", "name", "gear", "gear_id", "updated_at"}
    after = writer.read(wanted)
    assert is_same(wanted.kind, after.value, wanted.value_after)
    assert writer.calls == 4 if any(each.address == GEAR_LIST for each in after.answers) else 3, "asked for once"
    assert after.page is not None
    assert after.page.read == SPEC.read_page(parse_json(after.page.body))
    (row,) = after.page.read.activities
    kept = {"name": row["name"], "gear_id": row["gear_id"] or ""}
    expected = {"name": "To the lake", "gear_id": BLUE} | {name: str(value or "") for name, value in body.items()}
    assert kept == expected


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "update_gear", "new": "Old bike", "old_id": BLUE, "new_id": OLD}, "retired"),
        ({"kind": "update_gear", "new": "Green"}, "no such gear"),
        ({"kind": "update_gear", "new": "Green", "new_id": "7"}, "no such gear"),
        ({"kind": "update_metadata", "new": 600}, "takes no change"),
        ({"kind": "upload_activity", "new": "a file"}, "takes no change"),
        ({"trip": None}, "takes no change"),
    ],
    ids=["archived", "not linked", "unknown", "duration", "upload", "no trip"],
)
def test_what_cannot_be_changed_is_refused_without_a_value_and_nothing_is_sent(
    subject: RideWithGpsSubject, connect: Connect, trip: str, change: dict[str, Any], why: str
) -> None:
    wanted, writer = changed(**({"trip": trip} | change)), connect()
    with pytest.raises(UnsupportedChangeError, match=why) as refused:
        writer.write([wanted], [writer.read(wanted)])
    assert sent(subject) == []
    assert not any(str(value) in str(refused.value) for value in (wanted.new, BLUE, trip))


@pytest.mark.parametrize(
    ("fault", "error", "calls", "becomes"),
    [
        ({"kind": "status", "status": 422}, RefusedError, 1, "old"),
        ({"kind": "body", "body": {"error": "Loze is taken"}}, RefusedError, 1, "old"),
        ({"kind": "status", "status": 401}, RefusedError, 1, "old"),
        ({"kind": "status", "status": 404}, RefusedError, 1, "old"),
        ({"kind": "status", "status": 403}, ForbiddenError, 1, "old"),
        ({"kind": "status", "status": 500}, TransientError, 1, "old"),
        ({"kind": "status", "status": 503}, TransientError, 1, "old"),
        ({"kind": "html", "status": 200}, TransientError, 1, "old"),
        ({"kind": "reset"}, TransientError, 1, "old"),
        ({"kind": "reset", "processed": True}, TransientError, 1, "new"),
        ({"kind": "truncate"}, TransientError, 1, "new"),
        ({"kind": "empty", "status": 204}, None, 1, "old"),
        ({"kind": "status", "status": 429, "times": 2}, None, 3, "new"),
    ],
    ids=lambda value: "-".join(str(each) for each in value.values()) if isinstance(value, dict) else "",
)
def test_a_change_is_sent_once_whatever_comes_back_unless_a_pause_was_asked_for(
    subject: RideWithGpsSubject,
    connect: Connect,
    trip: str,
    fault: dict[str, Any],
    error: type[PipelineError] | None,
    calls: int,
    becomes: str,
) -> None:
    wanted, writer = changed(trip), connect()
    before = writer.read(wanted)
    subject.faults.order(Fault.from_order({"path": f"/trips/{trip}.json", "exact": True, **fault}, ""))
    with nullcontext() if error is None else pytest.raises(error) as failed:
        writer.write([wanted], [before])
    assert failed is None or "Loze" not in str(failed.value)
    assert writer.calls == 1 + calls
    assert connect().read(wanted).value == {"old": "To the lake", "new": "Round the lake"}[becomes]


@pytest.mark.parametrize("status", [200, 422])
def test_a_refusal_is_kept_as_it_is_said(subject: RideWithGpsSubject, connect: Connect, trip: str, status: int) -> None:
    subject.service.refusal_status = status
    wanted, writer = changed(trip, "update_gear", "Acme Red", old_id=BLUE, new_id=RED), connect()
    before = writer.read(wanted)
    subject.service.gear = [item for item in subject.service.gear if str(item["id"]) != RED]
    with pytest.raises(RefusedError) as refused:
        writer.write([wanted], [before])
    assert (refused.value.status, parse_json(refused.value.body)) == (status, {"error": "gear is invalid"})
    assert [each["status"] for each in subject.journal.writes] == [status]


def test_a_trip_gone_is_gone_and_names_need_no_gear(subject: RideWithGpsSubject, connect: Connect, trip: str) -> None:
    subject.faults.order(Fault.from_order({"path": GEAR_LIST, "kind": "status", "status": 404, "times": 2}, ""))
    assert connect().read(changed(trip)).value == "To the lake"
    gear = changed(trip, "update_gear", "Acme Red", old_id=BLUE, new_id=RED)
    with pytest.raises(GoneError):
        connect().read(gear)
    del subject.service.trips[int(trip)]["gear"]
    with pytest.raises(UnsupportedChangeError, match="which gear"):
        connect().read(gear)
    subject.delete(trip)
    with pytest.raises(GoneError):
        connect().read(changed(trip))
