"""Changes at intervals.icu: what is read before and after, what is sent, what is refused, and what is never sent twice."""

import gzip
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.changes.records import Change, is_same
from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.json_values import parse_json
from strava_pipeline.core.providers import spec_of
from strava_pipeline.emulator.service import Fault, Json
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.intervals_icu.emulator import app
from strava_pipeline.ingest.intervals_icu.writes import IntervalsWriter, connect_writer
from strava_pipeline.ingest.writer import Reading, Request, UnsupportedChangeError, Writer
from strava_pipeline_tests.ingest.intervals_icu.subject import IntervalsIcuSubject
from strava_pipeline_tests.providers.subjects import GPX, fit_of
from strava_pipeline_tests.providers.worlds import World, world_of

STUB = "18728161934"
OWN = "/api/v1/athlete/i317960"
RIDE = GPX.format("2025-03-01").encode()
TITLE = "Col de la Secret\u0301e"  # a name that no log may hold


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world_of("intervals_icu", tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def service(world: World) -> app.IntervalsIcu:
    """With a ride `i1/a` on the bike b77, a ride `i2` without gear on the day of RIDE, another bike, and a stub."""
    assert isinstance(world.subject, IntervalsIcuSubject)
    service = world.subject.service
    bike = {"id": "b77", "name": None}
    for key, gear, month in (("i1/a", bike, 1), ("i2", None, 3)):
        at = datetime(2025, month, 1, 6, tzinfo=UTC)
        service.activities[key] = app.row_of(key, service.athlete, at, name="old", type="Ride", gear=gear)
    service.gear.append({"id": "b78", "type": "Bike", "name": "Red bike"})
    service.add_stub(STUB, "2025-01-02T06:00:00")
    return service


@pytest.fixture
def writer(world: World, service: app.IntervalsIcu) -> IntervalsWriter:
    clock = machine_clock(now=service.clock.now)
    return connect_writer(world.settings, clock, lambda why, seconds: None)


def change(**fields: Any) -> Change:
    given: dict[str, Any] = {"kind": "update_name", "source_id": "i1/a", "old": "old", "new": TITLE, **fields}
    return Change(provider="intervals_icu", month="2025-01", **given)


def upload(path: Path, content: bytes = RIDE, **details: Any) -> Change:
    path.write_bytes(content)
    known: dict[str, Any] = {"path": str(path), "sha256": hashlib.sha256(content).hexdigest(), "name": "ride.gpx"}
    return change(
        kind="upload_activity",
        source_id=None,
        effort="77",
        old=None,
        new=known["sha256"],
        start=datetime(2025, 3, 1, 6, tzinfo=UTC),
        details={**known, "title": TITLE, "external_id": "strava_pipeline_abc", **details},
    )


def applied(writer: Writer, one: Change) -> tuple[Reading, Reading]:
    """The readings before and after a change, as the engine makes them."""
    before = writer.read(one)
    writer.write([one], [before])
    return before, writer.read(one)


def writes(service: app.IntervalsIcu) -> list[Json]:
    """The writes, as the requests that they were."""
    return [{name: value for name, value in each.items() if name != "at"} for each in service.journal.writes]


GEAR = {"kind": "update_gear", "old": "Blue bike", "old_id": "b77"}
CHANGES: list[tuple[dict[str, Any], Json, Any, Any]] = [
    ({}, {"name": TITLE}, "old", TITLE),
    ({"new": None}, {"name": ""}, "old", None),
    ({"source_id": "i2"}, {"name": TITLE}, "old", TITLE),
    ({**GEAR, "new": "Red bike", "new_id": "b78"}, {"gear": {"id": "b78"}}, "b77", "b78"),
    ({**GEAR, "new": None}, {"gear": {"id": None}}, "b77", None),
    (
        {"kind": "update_gear", "source_id": "i2", "old": None, "new": "Red bike", "new_id": "b78"},
        {"gear": {"id": "b78"}},
        None,
        "b78",
    ),
]


@pytest.mark.parametrize(("fields", "sent", "old", "new"), CHANGES)
def test_a_change_is_one_call_between_two_readings(
    writer: IntervalsWriter, service: app.IntervalsIcu, fields: dict[str, Any], sent: Json, old: Any, new: Any
) -> None:
    one = change(**fields)
    before, after = applied(writer, one)
    assert (before.value, one.value_before) == (old, old)
    assert is_same(one.kind, after.value, one.value_after)
    assert is_same(one.kind, after.value, new)
    path = f"/api/v1/activity/{one.source_id}"
    assert writes(service) == [{"method": "PUT", "path": path, "body": sent, "status": 200}]
    assert writer.calls == 3
    quoted = f"/api/v1/activity/{(one.source_id or '').replace('/', '%2F')}"
    assert list(writer.requests(one, before)) == [Request("PUT", quoted, sent)]
    for reading in (before, after):
        page, (answer,) = reading.page, reading.answers
        assert page is not None
        assert (answer.method, answer.address, answer.status) == ("GET", quoted, 200)
        assert answer.body in page.body
        assert spec_of("intervals_icu").read_page(parse_json(page.body)) == page.read
        assert [row["source_id"] for row in page.read.activities] == [reading.source_id] == [one.source_id]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"source_id": STUB}, "cannot be changed through intervals.icu"),
        ({**GEAR, "new": "Green bike"}, "providers gear --link"),
        ({"kind": "update_metadata", "new": 60}, "no change of the kind update_metadata"),
        ({"kind": "add_activity", "new": {"notes": "x"}}, "no change of the kind add_activity"),
        ({"kind": "create_gear", "new": None, "old": "Red bike"}, "delete it on"),
        ({"kind": "upload_activity", "new": None, "details": {"external_id": "x"}}, "delete the activity"),
    ],
)
def test_what_the_service_does_not_take_is_not_sent(
    writer: IntervalsWriter, service: app.IntervalsIcu, fields: dict[str, Any], why: str
) -> None:
    one = change(**fields)
    with pytest.raises(UnsupportedChangeError, match=why) as refused:
        writer.requests(one, Reading(None)) if fields.get("source_id") != STUB else writer.read(one)
    with pytest.raises(UnsupportedChangeError):
        writer.write([one], [Reading(None)])
    assert TITLE not in str(refused.value)
    assert [each for each in writes(service) if each["status"] == 200] == []
    assert "old" in {row.get("name") for row in service.activities.values()}


STATUS: list[tuple[dict[str, Any], type[PipelineError] | None, int]] = [
    ({"kind": "status", "status": 429}, None, 3),  # calls at the service: it is sent again once it may be
    ({"kind": "status", "status": 401}, NeedsLoginError, 1),
    ({"kind": "status", "status": 403}, ForbiddenError, 1),
    ({"kind": "status", "status": 404}, GoneError, 1),
    ({"kind": "status", "status": 422}, RefusedError, 1),
    ({"kind": "status", "status": 500}, TransientError, 1),
    ({"kind": "html", "status": 200}, TransientError, 1),
    ({"kind": "reset"}, TransientError, 1),
    ({"kind": "reset", "processed": True}, TransientError, 1),
    ({"kind": "truncate"}, TransientError, 1),
]


@pytest.mark.parametrize("length", [255, 5000])
def test_a_name_that_is_too_long_is_refused_and_read_back_as_before(
    writer: IntervalsWriter, service: app.IntervalsIcu, length: int
) -> None:
    service.longest_name = 255
    one = change(new="x" * length)
    before = writer.read(one)
    if length > 255:
        with pytest.raises(RefusedError):
            writer.write([one], [before])
    else:
        writer.write([one], [before])
    assert writer.read(one).value == (one.new if length == 255 else "old")


def test_an_activity_that_is_gone_and_an_answer_about_another_one_are_no_reading(
    writer: IntervalsWriter, service: app.IntervalsIcu
) -> None:
    with pytest.raises(GoneError):
        writer.read(change(source_id="i404"))
    service.faults.order(
        Fault.from_order({"path": "/activity/*", "kind": "body", "body": {"id": "i2"}, "times": 3}, app.API)
    )
    with pytest.raises(TransientError, match="not the activity"):
        writer.read(change())


@pytest.mark.parametrize(
    ("details", "kind"),
    [({"sport_type": "GravelRide"}, "Bike"), ({"sport_type": "TrailRun"}, "Shoes"), ({}, "Equipment")],
)
@pytest.mark.parametrize("ending", [".json", ""])
def test_gear_is_made_once(
    writer: IntervalsWriter, service: app.IntervalsIcu, details: dict[str, str], kind: str, ending: str
) -> None:
    service.gear_ending = ending
    one = change(kind="create_gear", source_id=None, old=None, new="Green Bike", details=details)
    before, after = applied(writer, one)
    sent = {"name": "Green Bike", "type": kind}
    assert (before.value, before.source_id, before.page) == (None, None, None)
    assert (after.value, after.source_id) == ("Green Bike", service.gear[-1]["id"])
    assert writes(service) == [{"method": "POST", "path": f"{OWN}/gear", "body": sent, "status": 200}]
    assert list(writer.requests(one, before)) == [Request("POST", f"{OWN}/gear", sent)]
    assert writer.read(change(kind="create_gear", old=None, new="green bike")).value == "Green Bike"


@pytest.mark.parametrize(
    "content", [RIDE, fit_of("2025-03-01"), gzip.compress(RIDE, mtime=0)], ids=["gpx", "fit", "gz"]
)
def test_a_file_is_uploaded_and_found_by_its_external_id(
    writer: IntervalsWriter, service: app.IntervalsIcu, tmp_path: Path, content: bytes
) -> None:
    one = upload(tmp_path / "file", content)
    (request,) = writer.requests(one, Reading(None))
    assert request.address == f"{OWN}/activities?name=Col+de+la+Secret%CC%81e&external_id=strava_pipeline_abc"
    before, after = applied(writer, one)
    (key,) = [key for key, row in service.activities.items() if row.get("external_id") == "strava_pipeline_abc"]
    assert (before.value, after.value, after.source_id) == (None, one.new, key)
    assert service.files[key] == content
    assert service.activities[key]["name"] == TITLE
    assert (writes(service)[0]["path"], writes(service)[0]["status"]) == (f"{OWN}/activities", 201)
    assert isinstance(request.body, dict)
    assert writes(service)[0]["body"]["file"] == request.body["file"]
    assert request.body["file"]["sha256"] == one.new
    assert after.page is not None
    assert [row["source_id"] for row in after.page.read.activities] == [key]


def test_what_the_lake_packed_goes_unpacked(writer: IntervalsWriter, service: app.IntervalsIcu, tmp_path: Path) -> None:
    one = upload(tmp_path / "file.gz")
    (tmp_path / "file.gz").write_bytes(gzip.compress(RIDE))
    _, after = applied(writer, one)
    assert service.files[after.source_id or ""] == RIDE


def test_a_file_that_was_there_already_is_the_activity_that_has_it(
    writer: IntervalsWriter, service: app.IntervalsIcu, tmp_path: Path
) -> None:
    service.activities["i2"]["external_id"] = "garmin.fit"
    service.files["i2"] = RIDE
    before, after = applied(writer, upload(tmp_path / "file"))
    assert (before.value, after.source_id, writes(service)[0]["status"]) == (None, "i2", 200)
    assert len(service.activities) == 3
    assert service.activities["i2"]["name"] == "old"


def test_an_upload_whose_answer_was_lost_is_found_again(
    world: World, writer: IntervalsWriter, service: app.IntervalsIcu, tmp_path: Path
) -> None:
    one = upload(tmp_path / "file")
    fault = {"path": "/athlete/i317960/activities", "kind": "reset", "processed": True, "after": 1}
    service.faults.order(Fault.from_order(fault, app.API))
    before = writer.read(one)
    with pytest.raises(TransientError):
        writer.write([one], [before])
    later = connect_writer(world.settings, machine_clock(now=service.clock.now), lambda why, seconds: None)
    assert later.read(one).value == one.new
    assert len(writes(service)) == 1


@pytest.mark.parametrize(
    ("content", "on_disk", "why"),
    [
        (RIDE, b"other", "missing from data/bronze/files, or is damaged"),
        (RIDE, None, "missing from data/bronze/files, or is damaged"),
        (b"<html>", b"<html>", "neither FIT, GPX nor TCX"),
        (b"\x1f\x8bbroken", b"\x1f\x8bbroken", "neither FIT, GPX nor TCX"),
    ],
)
def test_only_the_file_that_was_shown_is_uploaded(
    writer: IntervalsWriter, service: app.IntervalsIcu, tmp_path: Path, content: bytes, on_disk: bytes | None, why: str
) -> None:
    one = upload(tmp_path / "file", content)
    if on_disk is None:
        (tmp_path / "file").unlink()
    else:
        (tmp_path / "file").write_bytes(on_disk)
    with pytest.raises(UnsupportedChangeError, match=why):
        writer.write([one], [Reading(None)])
    assert (writes(service), writer.calls) == ([], 0)
