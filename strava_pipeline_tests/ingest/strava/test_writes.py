"""Changes at Strava: what is sent, what it costs, what is never sent twice, and what becomes of an uploaded file."""

import gzip
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    ForbiddenError,
    GoneError,
    MissingScopeError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.ingest.strava.oauth import SCOPES, WRITES, StoredToken
from strava_pipeline.ingest.strava.writes import PAUSES, StravaWriter, connect_writer
from strava_pipeline.ingest.writer import Reading, Request, UnsupportedChangeError
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.providers.subjects import GPX, fit_of

TITLE = "Col de la Secr\u00e8te"  # a name that no log may hold
OTHER_GEAR = "g1072361"  # of the made-up athlete
DAY = "2026-03-01"
RIDE = GPX.format(DAY).encode()


@pytest.fixture
def strava(make_world: Callable[..., World]) -> World:
    """An emulator with 30 activities and a login that may write."""
    world = make_world()
    world.log_in((*SCOPES, WRITES))
    return world


def writer_at(world: World) -> StravaWriter:
    return connect_writer(world.settings, world.clock(), lambda why, seconds: None)


def ride_of(world: World) -> dict[str, Any]:
    """An activity with gear."""
    rows: list[dict[str, Any]] = world.foreign_call("/athlete/activities?per_page=200").json()
    return next(row for row in rows if row["gear_id"])


def change(activity: dict[str, Any] | None = None, **fields: Any) -> Change:
    ride = activity or {"id": 1, "name": "old"}
    given = {"kind": "update_name", "source_id": str(ride["id"]), "old": ride["name"], "new": TITLE, **fields}
    return Change(provider="strava", month="2026-03", **given)


def upload(path: Path, content: bytes = RIDE, **fields: Any) -> Change:
    path.write_bytes(content)
    details = {"path": str(path), "sha256": hashlib.sha256(content).hexdigest(), "name": "ride", "title": TITLE}
    named = {**details, "external_id": "strava_pipeline_abc", "sport_type": "GravelRide"}
    at = datetime.fromisoformat(f"{DAY}T06:00:00+00:00")
    given = {
        "kind": "upload_activity",
        "source_id": None,
        "effort": "7",
        "old": None,
        "new": details["sha256"],
        **fields,
    }
    return change(start=at, details=named, **given)


def writes(world: World) -> list[tuple[str, str, Any, int]]:
    return [(each["method"], each["path"], each["body"], each["status"]) for each in world.calls()["writes"]]


@pytest.mark.parametrize(
    ("kind", "new", "sent", "after"),
    [
        ("update_name", TITLE, {"name": TITLE}, TITLE),
        ("update_name", "x" * 5000, {"name": "x" * 5000}, "x" * 255),
        ("update_gear", OTHER_GEAR, {"gear_id": OTHER_GEAR}, OTHER_GEAR),
        ("update_gear", None, {"gear_id": "none"}, None),
    ],
)
def test_a_change_is_one_call_between_two_readings(
    make_world: Callable[..., World], kind: str, new: str | None, sent: dict[str, str], after: str | None
) -> None:
    strava = make_world(longest_name=255)
    strava.log_in((*SCOPES, WRITES))
    ride = ride_of(strava)
    by_id = {"old": "One", "old_id": ride["gear_id"], "new": new and "Other", "new_id": new}
    one = change(ride, kind=kind, **(by_id if kind == "update_gear" else {"new": new}))
    writer, calls = writer_at(strava), strava.calls()["total"]
    before = writer.read(one)
    assert before.value == one.value_before == (ride["gear_id"] if kind == "update_gear" else ride["name"])
    path = f"/api/v3/activities/{ride['id']}"
    assert list(writer.requests(one, before)) == [Request("PUT", path, sent)]
    (answer,) = writer.write([one], [before])
    back = writer.read(one)
    assert back.value == after
    assert writes(strava) == [("PUT", path, sent, 200)]
    assert (answer.method, answer.address, answer.status) == ("PUT", path, 200)
    assert (writer.calls, strava.calls()["total"] - calls) == (3, 3)
    for reading in (before, back):
        assert reading.detail is not None
        assert (reading.source_id, reading.page) == (str(ride["id"]), None)
        assert parse_json(reading.detail.body)["id"] == ride["id"]
        assert reading.answers[0].address == f"{path}?include_all_efforts=true"


def test_a_write_counts_in_the_limits_of_all_calls_and_not_in_those_of_reading_ones(strava: World) -> None:
    writer = writer_at(strava)
    one = change(ride_of(strava))
    writer.write([one], [Reading(None)])
    strava.order("expire-tokens")
    writer.write([one], [Reading(None)])  # a 401 and its renewal cost nothing
    found = {(each.ceiling.pair, each.ceiling.window): each.used for each in writer._client.budget.remaining().ceilings}
    assert found == {("overall", "15min"): 3, ("overall", "day"): 3, ("read", "15min"): 1, ("read", "day"): 1}
    assert [each[3] for each in writes(strava)] == [200, 200]


def test_a_full_limit_is_waited_for_and_a_full_day_stops_before_any_call(make_world: Callable[..., World]) -> None:
    strava = make_world(limits=Limits(4, 6, 4, 6))
    strava.log_in((*SCOPES, WRITES))
    writer = writer_at(strava)
    one = change(ride_of(strava))
    for _ in range(5):  # three in this quarter of an hour, two in the next
        writer.write([one], [Reading(None)])
    assert 0 < sum(strava.slept) < 900
    with pytest.raises(BudgetExhaustedError):
        writer.write([one], [Reading(None)])
    assert len(writes(strava)) == 5


def test_without_the_permission_nothing_is_sent(make_world: Callable[..., World]) -> None:
    world = make_world()
    token = world.log_in()
    with pytest.raises(UnsupportedChangeError, match="strava-pipeline auth --write"):
        writer_at(world)
    world.store.save(StoredToken({**token.raw, "scope": None}))  # of a bare code nobody knows what it allows
    with pytest.raises(MissingScopeError, match="strava-pipeline auth --write"):
        writer_at(world).write([change(ride_of(world))], [Reading(None)])
    assert writes(world) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "update_gear", "new": "Green bike"}, "providers gear --link"),
        ({"kind": "update_metadata", "new": 60}, "no change of the kind update_metadata"),
        ({"kind": "create_gear", "source_id": None}, "own pages"),
        ({"kind": "upload_activity", "new": None}, "no program delete"),
        ({"source_id": "i77"}, "no change of the kind update_name"),
    ],
)
def test_what_strava_does_not_take_is_not_sent(strava: World, fields: dict[str, Any], why: str) -> None:
    writer, one = writer_at(strava), change(**fields)
    for ask in (lambda: writer.requests(one, Reading(None)), lambda: writer.write([one], [Reading(None)])):
        with pytest.raises(UnsupportedChangeError, match=why):
            ask()
    assert writer.calls == 0


STATUS: list[tuple[dict[str, Any], type[PipelineError], bool]] = [  # the fault, its error, whether the write was done
    ({"kind": "status", "status": 400}, RefusedError, False),
    ({"kind": "status", "status": 403, "body": {}}, ForbiddenError, False),
    ({"kind": "status", "status": 404}, GoneError, False),
    ({"kind": "status", "status": 500}, TransientError, False),
    ({"kind": "html", "status": 200}, TransientError, False),
    ({"kind": "html", "status": 502}, TransientError, False),
    ({"kind": "reset"}, TransientError, False),
    ({"kind": "reset", "processed": True}, TransientError, True),
    ({"kind": "reset", "mid_body": True}, TransientError, True),
    ({"kind": "truncate"}, TransientError, True),
    ({"kind": "status", "status": 401, "times": 2}, NeedsLoginError, False),
]


@pytest.mark.parametrize(("fault", "error", "is_done"), STATUS, ids=repr)
def test_a_write_is_sent_once_whatever_comes_back(
    strava: World, fault: dict[str, Any], error: type[PipelineError], is_done: bool, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_at(strava)
    one = change(ride := ride_of(strava))
    strava.fault(f"/activities/{ride['id']}", **fault)
    with caplog.at_level(logging.DEBUG), pytest.raises(error) as raised:
        writer.write([one], [Reading(None)])
    assert writer.calls == fault.get("times", 1)
    assert [each[3] for each in writes(strava)] == [200] * is_done
    assert writer.read(one).value == (TITLE if is_done else ride["name"])
    for secret in (TITLE, *strava.secrets()):
        assert secret not in caplog.text
        assert secret not in str(raised.value)


def test_a_write_that_a_limit_refused_is_sent_again(strava: World) -> None:
    writer, one = writer_at(strava), change(ride := ride_of(strava))
    strava.fault(f"/activities/{ride['id']}", "status", status=429, times=2)
    writer.write([one], [Reading(None)])
    assert [each[3] for each in writes(strava)] == [200]
    assert writer.calls == 3


@pytest.mark.parametrize(
    ("content", "kind"),
    [(RIDE, "gpx"), (fit_of(DAY), "fit"), (gzip.compress(RIDE, mtime=0), "gpx.gz")],
    ids=["gpx", "fit", "gz"],
)
@pytest.mark.parametrize("seconds", [0.0, 3.0, 40.0])
def test_an_uploaded_file_becomes_an_activity(
    make_world: Callable[..., World], tmp_path: Path, content: bytes, kind: str, seconds: float
) -> None:
    strava = make_world(upload_seconds=seconds)
    strava.log_in((*SCOPES, WRITES))
    writer, one = writer_at(strava), upload(tmp_path / "file", content)
    before = writer.read(one)
    assert before.value is None
    (request,) = writer.requests(one, before)
    answers = writer.write([one], [before])
    after = writer.read(one)
    assert (after.value, after.detail is not None) == (one.new, True)
    activity = parse_json(after.detail.body if after.detail else b"")
    assert (str(activity["id"]), activity["name"], activity["sport_type"]) == (after.source_id, TITLE, "GravelRide")
    assert activity["start_date"] == f"{DAY}T06:00:00Z"
    sent = {"data_type": kind, "external_id": "strava_pipeline_abc", "name": TITLE, "sport_type": "GravelRide"}
    file = {"name": f"ride.{kind}", "size": len(content), "sha256": one.new}
    assert (request.method, request.address, request.body) == ("POST", "/api/v3/uploads", {**sent, "file": file})
    assert writes(strava) == [("POST", "/api/v3/uploads", {**sent, "file": file}, 201)]
    assert strava.slept == [pause for place, pause in enumerate(PAUSES) if sum(PAUSES[:place]) < seconds]
    assert [each.status for each in answers] == [201] + [200] * len(strava.slept)
    later = writer_at(strava).read(one)  # another process: by the external id, in a listing
    assert (later.value, later.source_id, later.detail) == (one.new, after.source_id, None)
    assert later.page is not None
    assert parse_json(later.page.body) == later.page.read.activities
    assert int(after.source_id or 0) in [row["id"] for row in later.page.read.activities]


@pytest.mark.parametrize("external_id", ["strava_pipeline_abc.gpx", "strava_pipeline_abcd", None])
def test_strava_may_add_an_ending_to_the_external_id(strava: World, tmp_path: Path, external_id: str | None) -> None:
    strava.order("add", activity={"start_date": f"{DAY}T06:00:00Z", "external_id": external_id})
    found = writer_at(strava).read(upload(tmp_path / "file"))
    assert (found.value is not None) == (external_id == "strava_pipeline_abc.gpx")


@pytest.mark.parametrize(
    "error", [None, "ride.gpx duplicate of activity {}", "ride.gpx duplicate of <a href='/activities/{}'>2 rides</a>"]
)
def test_a_duplicate_is_the_activity_that_was_there(strava: World, tmp_path: Path, error: str | None) -> None:
    """None: as the emulator words it."""
    known = strava.order("add", activity={"start_date": f"{DAY}T06:00:00Z", "name": "mine"})["id"]
    if error is not None:
        said = {"id": 5, "error": error.format(known), "status": "There was an error.", "activity_id": None}
        strava.fault("/uploads/*", "body", body=said)
    writer, one = writer_at(strava), upload(tmp_path / "file")
    writer.write([one], [Reading(None)])
    after = writer.read(one)
    assert (after.value, after.source_id) == (one.new, str(known))
    assert parse_json(after.detail.body if after.detail else b"")["name"] == "mine"


def test_a_file_that_strava_can_not_use_is_refused_and_said_so_once(strava: World, tmp_path: Path) -> None:
    writer, one = writer_at(strava), upload(tmp_path / "file", b"<gpx></gpx>")
    with pytest.raises(RefusedError, match="could not make an activity") as refused:
        writer.write([one], [Reading(None)])
    assert (TITLE in str(refused.value), len(writes(strava)), writer.calls) == (False, 1, 3)
    assert writer.read(one).value is None


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/uploads", "kind": "reset", "processed": True},
        {"path": "/uploads", "kind": "truncate"},
        {"path": "/uploads/*", "kind": "status", "status": 500, "times": -1},
        {"path": "/uploads/*", "kind": "status", "status": 404},
        {"path": "/uploads/*", "kind": "body", "body": "[]", "times": -1},
        {"path": "/uploads/*", "kind": "status", "status": 401, "times": -1},
        {"path": "/uploads/*", "kind": "status", "status": 429, "times": -1},
    ],
    ids=repr,
)
def test_a_file_that_strava_has_is_never_sent_again(strava: World, tmp_path: Path, fault: dict[str, Any]) -> None:
    strava.order("faults", **fault)
    writer, one = writer_at(strava), upload(tmp_path / "file")
    if fault["path"] == "/uploads":
        with pytest.raises(TransientError):
            writer.write([one], [Reading(None)])
    else:
        assert [each.method for each in writer.write([one], [Reading(None)])][:1] == ["POST"]
    strava.sleep(3600)
    assert writer_at(strava).read(one).value == one.new
    assert len(writes(strava)) == 1


def test_a_deleted_upload_is_not_there(strava: World, tmp_path: Path) -> None:
    writer, one = writer_at(strava), upload(tmp_path / "file")
    writer.write([one], [Reading(None)])
    strava.order("delete", id=int(writer.read(one).source_id or 0))
    assert writer.read(one).value is None
